//! Attempts that are due for a subscriber who is in another shard: its home asks that shard to make them.
//!
//! ```text
//! home: DueAway ──► holder ──► (coordinator ──► holder) ──► the shard where the subscriber is
//! home: AwayEnd ◄── …                                        it has begun, and how it ended; or it did not begin
//! ```
//! The attempt stays in the account of its home, which ends it once: by the answer, or, where none comes, at its own end. So a
//! message that is lost costs an attempt that is `abandoned`, and nothing is counted twice.

use serde::{Deserialize, Serialize};

/// An attempt that is due for a subscriber who is elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueAway {
    /// The shard that asks: the subscriber's home.
    pub home: u32,
    /// The lease of the home.
    pub epoch: u64,
    /// Names the attempt under that lease.
    pub number: u64,
    /// The subscriber's number at home.
    pub ue: u32,
    /// What is to be attempted, by its place among the scenario's procedures.
    pub procedure: u8,
}

impl DueAway {
    /// The answer where nobody begins it.
    pub fn not_begun(&self, cause: &str) -> AwayEnd {
        AwayEnd {
            home: self.home,
            epoch: self.epoch,
            number: self.number,
            ue: self.ue,
            registered: true,
            cause: cause.to_owned(),
            ..AwayEnd::default()
        }
    }
}

/// Why an attempt does not begin, where the shard that is asked is nobody's at that moment.
pub const NOBODY_HAS_IT: &str = "away-in-a-shard-that-nobody-has";

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwayEnd {
    /// The home that is told.
    pub home: u32,
    /// The lease of the home.
    pub epoch: u64,
    /// The attempt.
    pub number: u64,
    /// The subscriber's number at home.
    pub ue: u32,
    /// The shard where that subscriber is, where the one that answers knows.
    pub at: Option<u32>,
    /// It is registered.
    pub registered: bool,
    /// How the attempt ended.
    pub outcome: AwayOutcome,
    /// The cause, timer or reason of that.
    pub cause: String,
    /// When it began, µs since the run's start.
    pub began_us: u64,
    /// When it ended.
    pub ended_us: u64,
    /// Where it was made; nothing where it did not begin.
    pub place: Option<AwayPlace>,
    /// What the phases of a handover took that succeeded.
    pub phases: HandoverPhases,
}

/// Where an attempt was made, and with which session: conditions of the scenario may be about either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwayPlace {
    /// The gNB's place among all of the scenario.
    pub gnb: u32,
    /// The session that the UE had or asked for, by its place among those of the scenario.
    pub session: Option<u32>,
}

/// The phases of a handover, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverPhases {
    /// Until the command.
    pub preparation_us: Option<u64>,
    /// From there until the UE had arrived.
    pub execution_us: Option<u64>,
    /// From there until the source was released.
    pub completion_us: Option<u64>,
}

/// How an attempt ended that another shard was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AwayOutcome {
    /// It did not begin.
    #[default]
    NotBegun,
    /// As wanted.
    Succeeded,
    /// The network refused it or broke it off.
    Failed,
    /// A timer ended it.
    TimedOut,
    /// It was given up.
    Abandoned,
}
