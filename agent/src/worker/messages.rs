//! What a worker is told of its shards, and what it says of them.

use std::time::{Duration, Instant};

use wire::away::{AwayEnd, DueAway};
use wire::to_agent::{Lease, UeBatch};
use wire::to_coordinator::{IntervalReport, Trace};

/// What a worker is told about one lease. It ignores what is about a lease that it does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Shard number.
    pub shard: u32,
    /// The lease that is meant.
    pub epoch: u64,
    /// What to do.
    pub order: Order,
}

/// What a worker has to do with a leased shard.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Prepare it: [`Notice::Ready`] or [`Notice::CannotPrepare`] answers.
    Take {
        /// The lease.
        lease: Box<Lease>,
        /// Its end: from then on no message of it leaves, and [`Notice::Released`] says that it has lapsed.
        until: Instant,
    },
    /// The lease ends later, unless it has ended.
    Renew {
        /// Its end.
        until: Instant,
    },
    /// Begin its schedules at this instant, which may be in the past. Comes once, after [`Notice::Ready`].
    Start {
        /// The run's time zero.
        at: Instant,
        /// What the wall clock of the run says then, UNIX time in µs.
        wall_us: u64,
        /// The run's clock stands still since then.
        paused: Option<Instant>,
    },
    /// UEs of its last holder. Comes before its start.
    Adopt(Box<UeBatch>),
    /// Hand it over: settle, [`Notice::Report`], [`Notice::Ues`], [`Notice::Released`].
    Release {
        /// How long what is in flight may take.
        settle: Duration,
    },
    /// Stop it at once. Nothing is reported of it any more, and nothing answers.
    Revoke,
    /// The run's clock stands still from this instant on.
    Pause {
        /// When.
        at: Instant,
    },
    /// The run's clock goes on.
    Resume {
        /// When.
        at: Instant,
        /// How long it stood still.
        paused: Duration,
    },
    /// Another shard was lost with its agent.
    ShardLost {
        /// Its number.
        lost: u32,
        /// How many losses of the run there are with this one.
        number: u64,
        /// Another agent may have taken it over already.
        late: bool,
    },
    /// Name its visiting UEs: [`Notice::Visitors`] answers, where it runs.
    VisitorAudit {
        /// Which one.
        call: u64,
    },
    /// What a visitor audit has found.
    FoundAway {
        /// Which one.
        call: u64,
        /// The only subscribers of the shard that are visiting UEs anywhere.
        found: Vec<u32>,
    },
    /// An attempt is due for a visiting UE of the shard: [`Notice::Answer`] tells its home what became of it.
    DueAway(DueAway),
    /// What became of an attempt that another shard was asked for.
    AwayEnded(AwayEnd),
    /// Start nothing more, let what is in flight end, finish.
    Drain {
        /// For `abandoned(reason)`.
        reason: String,
        /// How long what is in flight may take.
        grace: Duration,
    },
}

/// What a worker says. What it says about one lease arrives in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The associations are up.
    Ready {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
    },
    /// An attempt is due for a subscriber who is in another shard.
    Ask {
        /// Which shard.
        to: u32,
        /// What is due.
        due: DueAway,
    },
    /// What became of one, for its home.
    Answer(AwayEnd),
    /// The core makes the shard wait before it is ready.
    Waits {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
        /// Who waits for what.
        why: String,
    },
    /// The shard cannot be run here, and is given up.
    CannotPrepare {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
        /// Why.
        error: String,
        /// Something is missing here: another agent may be able to.
        own: bool,
    },
    /// One interval of one shard. The holder numbers it.
    Report(Box<IntervalReport>),
    /// Messages of one traced UE.
    Trace(Box<Trace>),
    /// UEs of a shard that is released.
    Ues(Box<UeBatch>),
    /// The shard has ended, and its last report went before. It stays until it is revoked or its lease ends.
    Finished {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
    },
    /// The shard is given up, its associations are closed, and its last report and its UEs went before.
    Released {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
        /// True when its lease has lapsed.
        lapsed: bool,
    },
    /// Answers [`Order::VisitorAudit`].
    Visitors {
        /// Shard number.
        shard: u32,
        /// Its lease.
        epoch: u64,
        /// Which call.
        call: u64,
        /// Home shard and number there of each visiting UE that it has, or had lately.
        visitors: Vec<(u32, u32)>,
    },
}
