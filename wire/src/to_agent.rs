//! Every message from the coordinator to an agent.

use serde::{Deserialize, Serialize};

use crate::attempts::RowsWanted;
use crate::away::{AwayEnd, DueAway};
use crate::trace_context::TraceId;

/// One message to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// The agent is accepted. Answers `Hello`.
    Welcome(Welcome),
    /// Answer at once with `Pong`: measures the offset between the two clocks.
    Ping {
        /// The coordinator's clock, µs; returned as it is.
        sent_us: u64,
    },
    /// Prepare this shard (associations, subscribers) and answer `Ready` or `CannotPrepare`.
    Lease(Box<Lease>),
    /// Begin every shard leased for this run at this instant of the agent's own clock.
    Start {
        /// Which run.
        run: String,
        /// The agent's own clock, µs: the coordinator has applied the offset that it measured. For an agent whose clock began
        /// after the start it is negative, in two's complement.
        at_us: u64,
        /// The same instant by the coordinator's wall clock, UNIX time in µs.
        wall_us: u64,
        /// Where the run's clock stands still now: since this instant, as `at_us`.
        paused_at_us: Option<u64>,
    },
    /// Leases are extended. Answers `Alive`.
    Renew {
        /// The agent's own clock when it asked, µs, as it said in `Alive`: the leases are valid from then, however long
        /// this answer was on its way.
        asked_us: u64,
        /// How long, µs ([`crate::lease::holder_limit`]).
        valid_us: u64,
        /// Shard and epoch of each; one that is not named is not extended.
        leases: Vec<(u32, u64)>,
    },
    /// This interval report is merged and durable: forget it.
    Ack {
        /// Shard number.
        shard: u32,
        /// The lease that it was sent under.
        epoch: u64,
        /// The report's number.
        sequence: u64,
    },
    /// Start nothing more; let what is in flight end until the deadline, abandon the rest, report, `Finished`.
    Drain {
        /// For the log and for `abandoned(reason)`.
        reason: String,
        /// How long what is in flight may still take, µs.
        grace_us: u64,
    },
    /// The run is over and everything is acknowledged. The agent may take another run or leave.
    RunOver {
        /// Which run.
        run: String,
    },
    /// Hand this shard over: start nothing more, let what is in flight end until the limit, say what is left as
    /// `abandoned(shard-moved)`, close its associations, then its last report, its UEs (`Ues`) and `Released`.
    Release {
        /// Shard number.
        shard: u32,
        /// The lease that is meant.
        epoch: u64,
        /// How long what is in flight may take, µs.
        settle_us: u64,
    },
    /// The lease has ended and the shard is another's, or nobody's: stop it at once, and forget its reports: they are not
    /// counted any more.
    Revoke {
        /// Shard number.
        shard: u32,
        /// The lease that is meant; older ones of the shard are meant too.
        epoch: u64,
    },
    /// UEs of a shard that is leased to this agent, handed over by its last holder. All parts come between `Lease` and the
    /// first start.
    Ues(Box<UeBatch>),
    /// The run's clock stands still from this instant of the agent's own clock on: nothing is due, UEs stay as they are.
    Pause {
        /// Which run.
        run: String,
        /// The agent's own clock, µs, as in `Start`.
        at_us: u64,
    },
    /// The run's clock goes on at this instant of the agent's own clock.
    Resume {
        /// Which run.
        run: String,
        /// The agent's own clock, µs.
        at_us: u64,
        /// How long the clock stood still, µs: everything that is planned happens so much later.
        paused_us: u64,
    },
    /// A shard was lost with its agent: its subscribers are registered anew at home, and its guests from there are forgotten.
    ShardLost {
        /// Shard number.
        shard: u32,
        /// How many losses of the run there are with this one.
        number: u64,
        /// Another agent may have taken it up already.
        late: bool,
    },
    /// Each shard that runs is to name its guests, and those that it had lately, in `Visitors` ([`crate::visitor_audit`]).
    AuditVisitors {
        /// Which one; only grows.
        call: u64,
    },
    /// What a roll-call has found: the only subscribers of a shard that are guests anywhere. Others that had left it before are
    /// nowhere, and at home again.
    FoundAway {
        /// The shard whose subscribers they are.
        shard: u32,
        /// Which call; void where the shard has not answered it.
        call: u64,
        /// Their numbers there, in order; at most [`crate::visitor_audit::MOST_FOUND`].
        found: Vec<u32>,
    },
    /// An attempt is due for a guest of a shard that the agent runs.
    DueAway {
        /// That shard.
        to: u32,
        /// What is due.
        due: DueAway,
    },
    /// What became of one that a shard of the agent has asked for.
    AwayEnded(AwayEnd),
}

/// UEs on their way from one holder of a shard to the next, sealed with the key of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UeBatch {
    /// Shard number.
    pub shard: u32,
    /// From the last holder: the lease that it gives back. To the next: the new one.
    pub epoch: u64,
    /// Number of this part, from 0.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// The UEs; at most [`LARGEST_BATCH`] octets. Only agents of the run can open it.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// Octets of the sealed UEs of one [`UeBatch`].
pub const LARGEST_BATCH: usize = 1 << 20;

/// The agent is part of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The name under which the agent appears in the report.
    pub agent: String,
    /// The program version of the coordinator.
    pub program: String,
    /// Proves, when the agent comes back after its connection or the coordinator was lost, that it is the same.
    pub token: [u8; 16],
    /// The agent was known: its leases go on, but for those that `Revoke` names. It hands in every report that is not
    /// acknowledged, in order.
    pub returned: bool,
}

/// The right to run one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which run.
    pub run: String,
    /// The whole scenario as YAML, with every `--set` applied.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// Shard number.
    pub shard: u32,
    /// How many shards the run has.
    pub shards: u32,
    /// Fencing token; only grows.
    pub epoch: u64,
    /// The agent's own clock at its last `Alive` (or `Hello`), µs: the lease is valid from then.
    pub asked_us: u64,
    /// How long, µs ([`crate::lease::holder_limit`]).
    pub valid_us: u64,
    /// What to signal to: a target URL, never `sim:`.
    pub target: String,
    /// Attempts below this index of the shard's schedules are done already (one entry for each load).
    pub resume_at: Vec<u64>,
    /// Which UEs to trace.
    pub trace: TracePolicy,
    /// The key of the run, drawn by the coordinator: with it agents seal what a UE takes along to another agent.
    pub key: [u8; 32],
    /// How the shard is taken up in the middle of the run; `None` at its beginning.
    pub takeover: Option<Takeover>,
    /// Which attempts have a row in the reports.
    pub rows: RowsWanted,
    /// The trace of the run: what logs and spans of it have in common (W3C Trace Context, trace-id).
    pub trace_id: TraceId,
}

/// A shard is taken up where its last holder left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// µs since the run's start: attempts of `resume_at` and later are due after this. What comes due before the shard is
    /// ready is started when it is, and counted as `shifted`.
    pub from_us: u64,
    /// UEs that its lost holder had registered: so many are registered anew, as recovery. 0 where UEs are handed over.
    pub registered: u64,
    /// PDU sessions that its lost holder had: so many are established anew, as recovery.
    pub sessions: u64,
    /// Parts of handed-over UEs that come in `Ues`.
    pub batches: u32,
    /// Shards of the run that were lost before this lease, the last one at the end; at most [`MOST_LOST`]. Guests from them may
    /// still be on their way here.
    pub lost: Vec<u32>,
    /// The number of the last one of `lost`: how many losses of the run there are.
    pub losses: u64,
}

/// Lost shards of one [`Takeover`].
pub const MOST_LOST: usize = 4096;

/// Which UEs' messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TracePolicy {
    /// Failed ones only.
    Failed,
    /// Failed ones, and this many sampled UEs of the shard.
    Sampled(u32),
    /// Every UE.
    All,
}
