//! Every message from an agent to the coordinator.

use billing::UsageRecord;
use identity::{CellId, Membership};
use serde::{Deserialize, Serialize};

use crate::attempts::{AttemptRow, RowsLeftOut};
use crate::away::{AwayEnd, DueAway};
use crate::to_agent::UeBatch;

/// One message to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToCoordinator {
    /// First message: who is asking to join.
    Hello(Hello),
    /// Answers `Ping`.
    Pong {
        /// As received.
        sent_us: u64,
        /// The agent's own clock when it answered, µs.
        agent_us: u64,
    },
    /// The shard's associations are up (NG setup done) and its subscribers are ready.
    Ready {
        /// Shard number.
        shard: u32,
        /// The lease that is meant.
        epoch: u64,
    },
    /// The shard cannot be run here.
    CannotPrepare {
        /// Shard number.
        shard: u32,
        /// The lease that is meant.
        epoch: u64,
        /// What was wrong, with address, transport and what to try.
        error: String,
        /// The agent itself lacks something, such as memory or an address: another one may be able to.
        own: bool,
    },
    /// One interval of one shard.
    Report(Box<IntervalReport>),
    /// How the agent itself is doing, once per interval; never retransmitted.
    Health(Box<AgentHealth>),
    /// Messages of one traced UE.
    Trace(Box<Trace>),
    /// The shard has started all it had to start and every attempt has ended.
    Finished {
        /// Shard number.
        shard: u32,
        /// The lease that is meant.
        epoch: u64,
        /// The number of its last report.
        last_sequence: u64,
    },
    /// The agent leaves, having drained.
    Leaving {
        /// Why.
        reason: String,
    },
    /// The agent lives: its leases are to be extended. Answered by `Renew`. Sent often enough that several may be lost
    /// before a lease ends.
    Alive {
        /// The agent's own clock, µs.
        agent_us: u64,
    },
    /// The shard is given up: as `Release` asked, or because its lease had lapsed. Its associations are closed, and
    /// nothing of it is started any more.
    Released {
        /// Shard number.
        shard: u32,
        /// The lease that ended.
        epoch: u64,
        /// How many reports there are under this lease: the last one's number and one more.
        reports: u64,
        /// Parts of UEs that went before in `Ues`.
        batches: u32,
        /// True when it was not asked for: the lease was not renewed in time.
        lapsed: bool,
    },
    /// UEs of a shard that is handed over.
    Ues(Box<UeBatch>),
    /// The agent wants to leave: its shards are to be handed over to others. It goes on until `Release` comes.
    Draining {
        /// Why: `spot interruption at 2026-11-25T10:00:00Z`, `SIGTERM`, …
        reason: String,
        /// When its host goes, µs from now; `None` when there is no hurry.
        within_us: Option<u64>,
    },
    /// From a supervisor: the process that it had started with this mark has ended. Everything that ran in it is lost now.
    ChildExited {
        /// The mark of the process ([`Hello::mark`]).
        mark: [u8; 16],
        /// How it ended, for people: `exit code 101`, `killed by signal 9`.
        status: String,
    },
    /// Answers `AuditVisitors`, once for each shard that runs.
    Visitors {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
        /// The call that is answered.
        call: u64,
        /// Home shard and number there of each guest that it has, or had lately, in order; at most
        /// [`crate::visitor_audit::MOST_GUESTS`].
        guests: Vec<(u32, u32)>,
    },
    /// The core makes a shard wait that is being prepared, such as by NG SETUP FAILURE with a Time to Wait.
    Waits {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
        /// Who waits for what, for people.
        why: String,
    },
    /// An attempt is due for a subscriber who is in a shard of another agent: to be passed on.
    DueAway {
        /// That shard.
        to: u32,
        /// What is due.
        due: DueAway,
    },
    /// What became of one, for its home: to be passed on.
    AwayEnded(AwayEnd),
}

/// Who is asking to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Wished name; the coordinator makes it unique.
    pub name: String,
    /// The program version of the agent.
    pub program: String,
    /// Worker threads; shards are dealt in proportion to them. A supervisor has none.
    pub workers: u32,
    /// The agent's own clock, µs.
    pub agent_us: u64,
    /// What is asking.
    pub part: Part,
    /// The mark that a supervisor gave to this process when it started it; a supervisor: its own.
    pub mark: Option<[u8; 16]>,
    /// Where it belongs: runs may ask for agents of a pool, or with a label.
    pub belongs: Membership,
}

/// What asks to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// An agent that comes for the first time.
    Agent,
    /// An agent whose connection, or whose coordinator, was lost.
    Returning(Box<Return>),
    /// A supervisor: watches over an agent's process, and runs no shard.
    Supervisor,
}

/// Who the agent was, and what it still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Which run.
    pub run: String,
    /// The name that `Welcome` gave it.
    pub agent: String,
    /// The token of that `Welcome`.
    pub token: [u8; 16],
    /// Its shards.
    pub held: Vec<Held>,
    /// The number of the last `ShardLost` that it has heard: what came later, or was lost with the connection, is told again.
    pub losses: u64,
    /// How long the run's clock stood still in all the pauses of which it has heard the end, µs.
    pub paused_us: u64,
}

/// A shard that a returning agent holds, or whose last reports it still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Shard number.
    pub shard: u32,
    /// Its lease.
    pub epoch: u64,
    /// The oldest report that is not acknowledged, or the number of the next one.
    pub unacknowledged: u64,
    /// The lease has lapsed meanwhile: the shard is given up.
    pub lapsed: bool,
}

/// Usage records of one report. The longest record takes [`LONGEST_USAGE`] octets, so that many of them leave 6 MiB of a
/// frame ([`crate::frame::LIMIT`]) for everything else. An agent that has more keeps them for its next report.
pub const MOST_USAGE: usize = 50_000;

/// Octets of the longest usage record: a DNN of 99 letters, and every number at its largest.
pub const LONGEST_USAGE: usize = 197;

/// Pairs of cells of one report, each of at most 52 octets. What is beyond them goes into the next report.
pub const MOST_HANDOVERS: usize = 20_000;

/// Standstills of one report. Of more, the shortest are left out.
pub const MOST_STANDSTILLS: usize = 64;

/// Events of one report. What is beyond them goes into the next report.
pub const MOST_EVENTS: usize = 256;

/// Octets of each text of a [`RanEvent`].
pub const LONGEST_EVENT: usize = 1_000;

/// Something that happened between a RAN node and its core, such as a lost association.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanEvent {
    /// µs since the run's start; what happened before it is at 0.
    pub at_us: u64,
    /// What happened: `association-lost`, `overload-start`, …
    pub kind: String,
    /// The RAN node's name.
    pub node: String,
    /// In a sentence; at most [`LONGEST_EVENT`] octets.
    pub details: String,
}

/// What happened in one shard from one instant to the next, merged exactly once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalReport {
    /// Which run.
    pub run: String,
    /// Shard number.
    pub shard: u32,
    /// The lease that it was made under.
    pub epoch: u64,
    /// Counts from 0 under each lease, without gaps.
    pub sequence: u64,
    /// Start of the interval, µs since the run's start.
    pub from_us: u64,
    /// End of the interval, µs since the run's start.
    pub to_us: u64,
    /// How far the shard's schedules have come (one entry for each load): attempts below are started.
    pub progress: Vec<u64>,
    /// One entry for each procedure that had something happen.
    pub procedures: Vec<ProcedureInterval>,
    /// Attempts in flight at the end of the interval.
    pub in_flight: u64,
    /// UEs registered at the end of the interval.
    pub registered: u64,
    /// Messages that were not expected or not understood, by kind.
    pub unexpected: Vec<(String, u64)>,
    /// NGAP messages sent.
    pub messages_sent: u64,
    /// NGAP messages received.
    pub messages_received: u64,
    /// UE messages that the radio profile lost.
    pub radio_lost: u64,
    /// PDU sessions at the end of the interval.
    pub sessions: u64,
    /// What was used in the parts of sessions that ended in the interval; at most [`MOST_USAGE`] of them.
    pub usage: Vec<UsageRecord>,
    /// Handovers that ended in the interval, between which cells; at most [`MOST_HANDOVERS`] pairs.
    pub handovers: Vec<HandoverCount>,
    /// What the user plane carried in the interval.
    pub user_plane: UserPlaneInterval,
    /// Attempts that came due while the shard was on its way from one agent to another, and were started when it had
    /// arrived; their latency counts from there.
    pub shifted: u64,
    /// What a takeover made the agent do: in no plan, in no statistics of a procedure.
    pub recovery: Recovery,
    /// What happened between its RAN nodes and their core; at most [`MOST_EVENTS`] events.
    pub events: Vec<RanEvent>,
    /// Events that no report has, because there were too many at once.
    pub events_left_out: u64,
    /// What each AMF was to the shard; at most [`MOST_AMFS`].
    pub amfs: Vec<AmfInterval>,
    /// What is counted apart as well, because conditions of the scenario are about it; at most [`MOST_PARTS`] parts.
    pub parts: Vec<PartInterval>,
    /// Times in which the agent's process did not run at all, since the last report; at most [`MOST_STANDSTILLS`].
    pub standstills: Vec<Standstill>,
    /// Reports of this lease that were dropped since the last one that was not: there was no room for them. What they
    /// counted is missing in the account.
    pub dropped: u64,
    /// Handovers into cells of other shards that came to nothing in the interval; at most [`MOST_FAILED_INTO`] kinds.
    pub failed_into: Vec<FailedInto>,
    /// Rows of attempts that have ended, where the lease asks for them; at most [`crate::attempts::MOST_ROWS`].
    pub rows: Vec<AttemptRow>,
    /// Rows that no report has, because there was no room for them.
    pub rows_left_out: RowsLeftOut,
}

/// Kinds of handovers that failed, in one report.
pub const MOST_FAILED_INTO: usize = 1_024;

/// Handovers into cells of another shard that came to nothing. They are among the failures of their procedure, but where that shard
/// was lost or on its way just then: who makes the report cannot know that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedInto {
    /// The shard that the target cell is of.
    pub shard: u32,
    /// `handover-n2`.
    pub procedure: String,
    /// The cause, or the timer.
    pub cause: String,
    /// A timer ended them.
    pub timed_out: bool,
    /// The parts that count them too, as bits.
    pub parts: u64,
    /// How many.
    pub count: u64,
}

/// AMFs of one report.
pub const MOST_AMFS: usize = 16;

/// What one AMF was to a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmfInterval {
    /// Its URL.
    pub target: String,
    /// Its name, as it says; empty while no NG interface with it is set up.
    pub name: String,
    /// Initial UE messages that went to it.
    pub connections: u64,
    /// NGAP messages sent to it.
    pub sent: u64,
    /// NGAP messages received from it.
    pub received: u64,
}

/// Parts of the attempts that are counted apart.
pub const MOST_PARTS: u32 = 32;

/// One procedure in one part of the attempts, in one interval of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInterval {
    /// The number of the part among those of the scenario.
    pub part: u32,
    /// What is counted in it; it is counted in the procedure as a whole too.
    pub procedure: ProcedureInterval,
}

/// The agent's process was stopped, or its machine suspended. What waited for it then was not the target's fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// When it went on, µs since the run's start; 0 before it.
    pub until_us: u64,
    /// How long it had not run, µs.
    pub for_us: u64,
    /// Attempts of the shard that were under way then: their ends are counted as `abandoned`, whatever they were.
    pub under_way: u64,
    /// Attempts of the shard that came due meanwhile, and left late.
    pub came_due: u64,
}

/// Registrations and PDU sessions that put a lost shard's UEs back into the state that they had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Registrations that began.
    pub registrations: u64,
    /// PDU sessions that began.
    pub sessions: u64,
    /// Of both, those that succeeded.
    pub succeeded: u64,
    /// Of both, those that did not.
    pub failed: u64,
}

/// Handovers from one cell to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverCount {
    /// `handover-n2` or `handover-xn`.
    pub procedure: String,
    /// Where from.
    pub source: CellId,
    /// Where to.
    pub target: CellId,
    /// Handovers that succeeded.
    pub succeeded: u64,
    /// Handovers that did not.
    pub failed: u64,
}

/// What the user plane of a shard carried: T-PDUs, and their octets without GTP-U headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPlaneInterval {
    /// T-PDUs sent.
    pub uplink_packets: u64,
    /// Octets sent.
    pub uplink_octets: u64,
    /// T-PDUs received.
    pub downlink_packets: u64,
    /// Octets received.
    pub downlink_octets: u64,
    /// T-PDUs missing by their sequence numbers.
    pub downlink_lost: u64,
    /// T-PDUs that came after a later one.
    pub downlink_reordered: u64,
    /// T-PDUs that could not be sent.
    pub uplink_dropped: u64,
    /// GTP-U messages that were not understood, of no session, or from a stranger; by kind among the unexpected messages.
    pub strays: u64,
    /// End markers received (TS 29.281 §7.3.2).
    pub end_markers: u64,
    /// Echo requests that were answered, and own ones that were.
    pub echoes: u64,
    /// T-PDUs whose sequence number had come before.
    pub downlink_duplicated: u64,
    /// How often a sender began its sequence numbers anew within a tunnel.
    pub sequence_restarts: u64,
    /// How often a sequence number was further away than can have been lost.
    pub sequence_jumps: u64,
    /// Messages for a tunnel from an address that is not its other end; among the strays.
    pub foreign_source: u64,
    /// Router advertisements that gave a UE its IPv6 prefix (TS 23.501 §5.8.2.2.3).
    pub router_advertisements: u64,
}

/// One procedure in one interval of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureInterval {
    /// `registration`, `service-request`, …
    pub procedure: String,
    /// Attempts that became due: by the schedule, or because the UE began them itself.
    pub due: u64,
    /// Those of them that the UE began itself (a retry, a periodic update, the answer to a page): in no plan.
    pub self_started: u64,
    /// Attempts that began (a UE was available).
    pub started: u64,
    /// Due attempts that no UE was available for, by reason.
    pub never_started: Vec<(String, u64)>,
    /// Attempts that ended as wanted.
    pub succeeded: u64,
    /// Attempts that the network refused or broke off, by cause.
    pub failed: Vec<(String, u64)>,
    /// Attempts that a timer ended, by timer.
    pub timed_out: Vec<(String, u64)>,
    /// Attempts that we gave up, by reason.
    pub abandoned: Vec<(String, u64)>,
    /// Latency of the succeeded attempts from the due time, µs: HdrHistogram V2. Empty when there is none.
    #[serde(with = "serde_bytes")]
    pub latency_v2: Vec<u8>,
    /// The same from the first octet sent.
    #[serde(with = "serde_bytes")]
    pub service_v2: Vec<u8>,
    /// The phases of the succeeded attempts, such as `preparation`, `execution`, `completion` of a handover: µs,
    /// HdrHistogram V2.
    pub phases: Vec<(String, Vec<u8>)>,
    /// How late the attempts left that the schedule made due in the interval, µs: HdrHistogram V2. An attempt that no UE was
    /// available for has its sample too: it is `due`, and not `self_started`.
    #[serde(with = "serde_bytes")]
    pub lateness_v2: Vec<u8>,
    /// Of the succeeded attempts, those that nobody answers (a UE that is switched off): they have no latency.
    pub unanswered: u64,
}

/// How an agent is doing. Nothing that a verdict rests on is in it: what is lost with a connection is not told again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHealth {
    /// End of the interval, µs since the run's start.
    pub at_us: u64,
    /// Resident memory of the process, octets.
    pub resident_octets: u64,
    /// UEs held.
    pub ues: u64,
    /// Octets of the state of those UEs, heap included.
    pub ue_octets: u64,
    /// CPU seconds used by the workers since the last report, in µs.
    pub cpu_us: u64,
    /// Reports kept because they are not acknowledged yet.
    pub unacknowledged: u64,
    /// Reports dropped because the buffer and the spool on disk were full: the account cannot be proven then.
    pub reports_dropped: u64,
    /// Trace packets dropped at a limit.
    pub trace_dropped: u64,
    /// Octets of reports sent so far.
    pub report_octets: u64,
    /// Octets of reports that wait on the agent's disk.
    pub spooled_octets: u64,
    /// What its host gave it since the run's start.
    pub machine: MachineReport,
}

/// What the host of an agent gave to it from the run's start on. Informative: it explains lateness, and no verdict rests on
/// it. Sums, so that the last one that arrives says it all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineReport {
    /// Which host: the same for all agents of one; 0 where it is not known.
    pub host: u64,
    /// Which process: the same for all agents in one.
    pub process: u64,
    /// What the workers' threads got of the scheduler, the least of them: `real-time`, `slice` or `none`; empty before the
    /// start.
    pub priority: String,
    /// How often real-time threads were set back to fair shares, because they took too much.
    pub set_back: u64,
    /// Processors that the agent may use.
    pub processors: u32,
    /// Who had them, all along.
    pub run: ProcessorTime,
    /// Who had them in those intervals, of about a second, in which attempts left too late.
    pub late: ProcessorTime,
    /// The wall clock of the host when this was said: UNIX time in µs.
    pub wall_us: u64,
}

/// Time of all processors together that an agent may use, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessorTime {
    /// The agent's process had it.
    pub own_us: u64,
    /// Other processes had it.
    pub others_us: u64,
    /// The host took it away from a virtual machine.
    pub stolen_us: u64,
    /// Nobody had it.
    pub idle_us: u64,
    /// How long the process stood still because its control group's quota was used up; not a part of the others.
    pub held_back_us: u64,
}

/// Messages of one UE, or of a gNB's own (NG setup), in order of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Shard number.
    pub shard: u32,
    /// IMSI; empty for messages of no UE.
    pub imsi: String,
    /// `all`, `sampled`, [`ONLY_SLOW`], or the outcome that made it worth keeping.
    pub why: String,
    /// True when the outcome was not a success.
    pub failed: bool,
    /// The packets.
    pub packets: Vec<TracePacket>,
    /// The last attempt that succeeded here is among the slowest of its procedure in this shard.
    pub slow: Option<SlowAttempt>,
}

impl Trace {
    /// It is here for its slow attempt alone: the UE neither failed nor is of those whose every message is kept.
    pub fn is_only_slow(&self) -> bool {
        !self.failed && self.why == ONLY_SLOW
    }
}

/// Why a trace is kept of which nothing but the slowness is worth it.
pub const ONLY_SLOW: &str = "slow";

/// An attempt that succeeded, and took longer than most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowAttempt {
    /// The procedure's name.
    pub procedure: String,
    /// From the due time, µs.
    pub latency_us: u64,
}

/// One SCTP user message; or a NAS message that the radio lost, which never became one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracePacket {
    /// µs since the run's start; negative before it (NG setup).
    pub at_us: i64,
    /// True from the RAN to the core.
    pub uplink: bool,
    /// RAN end, `address:port` of SCTP.
    pub ran: String,
    /// Core end, `address:port` of SCTP.
    pub core: String,
    /// SCTP stream.
    pub stream: u16,
    /// Payload protocol identifier: 60 is NGAP.
    pub ppid: u32,
    /// The message.
    #[serde(with = "serde_bytes")]
    pub octets: Vec<u8>,
    /// What the message is, for people: `HandoverRequired`, `UplinkNASTransport · PDU session establishment request`.
    pub name: String,
    /// Shown as the packet's comment, such as which attempt begins here and when it was due.
    pub comment: String,
    /// When it was given to the kernel, or read from it, by the wall clock of the agent's host: UNIX time in µs; 0 where that
    /// is not known.
    pub wall_us: u64,
    /// The radio lost it between the UE and the gNB: it has no octets, and is in no capture.
    pub lost: bool,
}
