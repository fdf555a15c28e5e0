//! What campaign and radio network of a shard say to each other.
//!
//! ```text
//! campaign ── Start(procedure, ue) ─────────────► radio network     a UE that can, chosen by its Standing
//!          ◄─ Finished(procedure, ue, outcome) ──                   exactly once, at once or later
//!          ◄─ Began, Changed, Discarded, … ──────
//! ```
//! The campaign knows [`Procedure`]s and UEs by their numbers; the first numbers are the shard's own subscribers. It knows no radio
//! technology, no message and no socket. Whatever implements [`RadioNetwork`] can be put under it: the UEs and nodes of an agent, a
//! toy of a test, the played network of a rehearsal.

mod visitors;

use std::time::{Duration, Instant};

use identity::{CellId, Imsi, Performer, Procedure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::away::{AwayEnd, AwayPlace, DueAway, HandoverPhases};
use wire::to_coordinator::IntervalReport;

pub use crate::time::ScheduleClock;
pub use crate::transfer::{Encryption, Home, Item, ShardUe, Task};
pub use visitors::Visitors;

/// A UE is to begin a procedure. [`RadioEvent::Finished`] ends it, exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Who.
    pub ue: u32,
    /// What.
    pub procedure: Procedure,
    /// Why.
    pub cause: StartCause,
}

/// Why a UE begins a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartCause {
    /// The schedule made it due.
    Due {
        /// The load, by its place in the scenario.
        load: usize,
        /// The attempt's number within the shard's part of its load.
        index: u64,
        /// When.
        due: Instant,
    },
    /// It is due for a subscriber of this shard, where a visiting UE is.
    DueAtHome {
        /// The subscriber's home.
        home: u32,
    },
    /// What a lost agent had done is done again: in no account.
    Recovery,
}

/// What a radio network tells its campaign, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RadioEvent {
    /// What was started, or begun by the UE itself, has ended.
    Finished {
        /// Whose.
        ue: u32,
        /// What.
        procedure: Procedure,
        /// How.
        end: End,
    },
    /// The same of a handover.
    HandoverFinished {
        /// Whose.
        ue: u32,
        /// What.
        procedure: Procedure,
        /// How.
        end: End,
        /// Between which cells, and how long each part of it took.
        handover: Handover,
    },
    /// The UE began this by itself.
    Began {
        /// Who.
        ue: u32,
        /// What.
        procedure: Procedure,
    },
    /// A message about the UE goes out, to leave at an instant if nothing is late here.
    Spoke {
        /// About whom.
        ue: u32,
        /// Names the message in [`Self::Departed`].
        ticket: u64,
        /// When it should leave.
        planned: Instant,
    },
    /// A message has left, or never will.
    Departed {
        /// Which.
        ticket: u64,
        /// When.
        at: Option<Instant>,
    },
    /// The UE could not use a message of the network.
    Discarded {
        /// Who.
        ue: u32,
        /// What was wrong with it.
        kind: &'static str,
    },
    /// What the UE attempts is given up: the UE is gone.
    Dropped {
        /// Who.
        ue: u32,
        /// Whose attempts; `None`: those of the UE and of its node.
        performer: Option<Performer>,
        /// Why, in the account.
        reason: &'static str,
    },
    /// The UE is in another state.
    Changed {
        /// Who.
        ue: u32,
        /// In which.
        standing: Standing,
    },
    /// The network cannot be prepared: why, for people.
    Unprepared(String),
}

/// The state of a UE, as far as it decides what the UE can begin. Before anything is told, each subscriber of the shard is
/// [`Standing::SWITCHED_OFF`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It is in this shard, and has signal.
    pub is_here: bool,
    /// It is registered.
    pub registered: bool,
    /// It has a signalling connection.
    pub connected: bool,
    /// It has a session.
    pub session: bool,
    /// It is in the middle of nothing.
    pub idle: bool,
    /// A handover of it is not over.
    pub leaving: bool,
}

impl Standing {
    /// In the shard, and never registered.
    pub const SWITCHED_OFF: Self = Self {
        is_here: true,
        registered: false,
        connected: false,
        session: false,
        idle: true,
        leaving: false,
    };

    /// It is in the middle of something, or of something that is done to it.
    pub fn is_busy(&self) -> bool {
        self.leaving || !self.idle
    }
}

/// How an attempt ends. The texts are causes that reports count by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// As wanted.
    Succeeded,
    /// The network refused it or broke it off.
    Failed(String),
    /// This timer ended it.
    TimedOut(String),
    /// It never left, or the UE gave it up: this is no failure of the network's.
    Abandoned(String),
}

/// A handover that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The cell that the UE was to leave.
    pub source: CellId,
    /// The cell that it was to come to.
    pub target: CellId,
    /// The other shard that it was for, where only that shard and the core decided how it ends.
    pub into: Option<u32>,
    /// Of one that succeeded.
    pub phases: HandoverPhases,
}

/// How far a shard is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The load runs.
    #[default]
    Load,
    /// Nothing more is due here; UEs may still come from other shards.
    Drained,
    /// The shard is to be exported: what is in flight may end, and UEs come that still have the time.
    Settling {
        /// Then it is exported, whatever is in flight.
        until: Instant,
    },
    /// The account is closed: connections end and are not begun.
    Closing,
    /// The UEs are as they will travel, or as they were when the shard was given up.
    AtRest,
    /// The lease is over: everything ends at once.
    GivenUp,
}

/// What is still under way in a radio network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// No UE is leaving, and none is expected.
    pub no_handovers: bool,
    /// When a handover between shards last did something here.
    pub last_handover: Option<Instant>,
    /// No session is open, or counted still.
    pub no_sessions: bool,
    /// Every message has left.
    pub all_left: bool,
    /// When anything was last sent to the core.
    pub last_sent: Option<Instant>,
    /// When anything was last received from it.
    pub last_received: Option<Instant>,
}

/// Another shard of the run was lost with its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its number.
    pub shard: u32,
    /// How many losses of the run there are with this one.
    pub number: u64,
    /// Another agent may have taken it over already.
    pub late: bool,
}

/// A shard begins in the middle of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// UEs of its last holder have come.
    pub adopted: bool,
    /// Its last holder was lost with what it knew until then, µs since the run's start.
    pub lost_before_us: Option<u64>,
}

/// What a campaign has to say to others: its driver carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// An attempt is due for a subscriber who is in another shard.
    Ask {
        /// Which one.
        to: u32,
        /// What is due.
        due: DueAway,
    },
    /// For the home of a visiting UE.
    Answer(AwayEnd),
    /// The shard cannot be run here: why, for people.
    CannotPrepare(String),
}

/// A shard's UEs and all that is between them and the core. Sans-IO: `out` is for the driver.
pub trait RadioNetwork {
    /// What travels of a UE from one holder of the shard to the next.
    type Context: Serialize + DeserializeOwned;
    /// What its driver has to do.
    type Action: From<Letter>;

    /// A UE begins a procedure.
    fn start(&mut self, start: Start, now: Instant, out: &mut Vec<Self::Action>);

    /// What it has to tell next.
    fn next_event(&mut self) -> Option<RadioEvent>;

    /// What the UE is set aside for is not the load's: nothing else begins with it.
    fn set_aside(&mut self, ue: u32, is_aside: bool);

    /// The shard enters a stage.
    fn enter(&mut self, stage: Stage, now: Instant, out: &mut Vec<Self::Action>);

    /// What the UE attempted has succeeded, so long after it was due: what there is of it may be worth keeping.
    fn succeeded(&mut self, _ue: u32, _procedure: Procedure, _latency: Duration) {}

    /// What the UE attempts is given up in the account, and why. It may end as ever.
    fn given_up(&mut self, ue: u32, reason: &str);

    // Time.

    /// The schedules begin; what the wall clock of the run says then, UNIX time in µs.
    fn begin(&mut self, clock: ScheduleClock, wall_us: u64);

    /// The clock of the schedules is another one.
    fn keep_time(&mut self, clock: ScheduleClock);

    /// The clock stands still, and the UEs' traffic rests.
    fn pause(&mut self, clock: ScheduleClock);

    /// The clock goes on at this instant, having stood still for so long.
    fn resume(&mut self, clock: ScheduleClock, at: Instant, paused: Duration);

    /// What conditions begin and end by now: before anything that is due by now.
    fn change_conditions(&mut self, now: Instant, out: &mut Vec<Self::Action>);

    /// What happens by time alone.
    fn advance(&mut self, now: Instant, out: &mut Vec<Self::Action>);

    /// When the two above have something to do next.
    fn next_deadline(&self) -> Option<Instant>;

    // Questions.

    /// What is still under way.
    fn activity(&self) -> Activity;

    /// Where the UE is, and the session that it has, or would ask for by this procedure.
    fn place(&self, ue: u32, procedure: Procedure) -> Option<AwayPlace>;

    /// Who the UE is, and the cell where it is.
    fn subscriber(&self, ue: u32) -> (Option<Imsi>, Option<CellId>);

    /// The timer that would end what the UE is in the middle of.
    fn awaits(&self, ue: u32) -> Option<&'static str>;

    /// Fills in what it has to report, which it then forgets.
    fn report(&mut self, report: &mut IntervalReport);

    /// Whether one report takes all that it has.
    fn fits_one_report(&self) -> bool;

    // Subscribers elsewhere, and visiting UEs.

    /// Who is away, and who visits.
    fn visitors(&mut self) -> &mut Visitors;

    /// A subscriber who was away is here again, switched off: it was lost on its way.
    fn revive(&mut self, ue: u32);

    /// Another shard was lost: its subscribers are given up, as far as they are here or on their way.
    fn lose(&mut self, loss: Loss, now: Instant, out: &mut Vec<Self::Action>);

    // From one holder to the next.

    /// The key of the run.
    fn encryption(&mut self) -> &mut Encryption;

    /// Everything that travels, of a shard at rest.
    fn export(&mut self, now: Instant) -> Vec<Item<Self::Context>>;

    /// Takes in what has travelled, before the start. `false` where there is no room for it.
    fn adopt(&mut self, item: Item<Self::Context>) -> bool;

    /// The shard begins in the middle of the run.
    fn go_on(&mut self, resumption: Resumption, now: Instant, out: &mut Vec<Self::Action>);
}
