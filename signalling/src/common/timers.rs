//! The timers of the UE (TS 24.501 §10.2, Table 10.2.1) and of the gNB, with their specified values.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A timer of the UE. The driver keeps one of each per UE at most: setting a timer that runs restarts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Timer {
    /// Back-off of a congested network (TS 24.501 §5.3.9).
    T3346,
    /// Back to registration after five failed attempts.
    T3502,
    /// Waits for the answer to a REGISTRATION REQUEST.
    T3510,
    /// Back to registration after a failed attempt.
    T3511,
    /// Periodic registration update.
    T3512,
    /// Keeps RAND and RES* for a repeated AUTHENTICATION REQUEST.
    T3516,
    /// Waits for the answer to a SERVICE REQUEST.
    T3517,
    /// Keeps a fresh SUCI for the next request.
    T3519,
    /// Waits for the network after an AUTHENTICATION FAILURE.
    T3520,
    /// Waits for the answer to a DEREGISTRATION REQUEST.
    T3521,
    /// Holds back service requests after five failures.
    T3525,
    /// Waits for the network to release the N1 signalling connection.
    T3540,
    /// Back-off of a congested data network or session management function (TS 24.501 §6.2.7).
    T3396,
    /// Waits for the answer to a PDU SESSION ESTABLISHMENT REQUEST (TS 24.501 Table 10.3.1).
    T3580,
    /// Waits for the answer to a PDU SESSION MODIFICATION REQUEST.
    T3581,
    /// Waits for the answer to a PDU SESSION RELEASE REQUEST.
    T3582,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 16] = [
        Self::T3346,
        Self::T3502,
        Self::T3510,
        Self::T3511,
        Self::T3512,
        Self::T3516,
        Self::T3517,
        Self::T3519,
        Self::T3520,
        Self::T3521,
        Self::T3525,
        Self::T3540,
        Self::T3396,
        Self::T3580,
        Self::T3581,
        Self::T3582,
    ];

    /// The name that the specification uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::T3346 => "T3346",
            Self::T3502 => "T3502",
            Self::T3510 => "T3510",
            Self::T3511 => "T3511",
            Self::T3512 => "T3512",
            Self::T3516 => "T3516",
            Self::T3517 => "T3517",
            Self::T3519 => "T3519",
            Self::T3520 => "T3520",
            Self::T3521 => "T3521",
            Self::T3525 => "T3525",
            Self::T3540 => "T3540",
            Self::T3396 => "T3396",
            Self::T3580 => "T3580",
            Self::T3581 => "T3581",
            Self::T3582 => "T3582",
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which timers run: a set of [`Timer`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningTimers(u64);

const _: () = assert!(Timer::ALL.len() <= 64);

impl RunningTimers {
    pub(crate) fn insert(&mut self, timer: Timer) {
        self.0 |= 1 << timer as u8;
    }

    pub(crate) fn contains(self, timer: Timer) -> bool {
        self.0 & 1 << timer as u8 != 0
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, timer: Timer) -> bool {
        let was = self.contains(timer);
        self.0 &= !(1 << timer as u8);
        was
    }

    pub(crate) fn all(self) -> impl Iterator<Item = Timer> {
        Timer::ALL.into_iter().filter(move |timer| self.contains(*timer))
    }
}

/// A timer of the gNB. Those of a connection carry its RAN UE NGAP ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeTimer {
    /// Waits for the answer to an NG SETUP REQUEST.
    NgSetup,
    /// The Time to Wait of an NG SETUP FAILURE (TS 38.413 §8.7.1.4).
    TimeToWait,
    /// Waits for the NG RESET ACKNOWLEDGE.
    NgReset,
    /// TNGRELOCprep: waits for the answer to a HANDOVER REQUIRED (TS 38.413 §8.4.1).
    HandoverPreparation(u32),
    /// TNGRELOCoverall: waits for the release of a UE that was handed over (TS 38.413 §8.4.1).
    HandoverOverall(u32),
    /// Waits for a UE that was admitted in a handover.
    HandoverArrival(u32),
    /// Waits for the answer to a PATH SWITCH REQUEST.
    PathSwitch(u32),
}

impl NodeTimer {
    /// A short stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NgSetup => "ng-setup",
            Self::TimeToWait => "time-to-wait",
            Self::NgReset => "ng-reset",
            Self::HandoverPreparation(_) => "TNGRELOCprep",
            Self::HandoverOverall(_) => "TNGRELOCoverall",
            Self::HandoverArrival(_) => "handover-arrival",
            Self::PathSwitch(_) => "path-switch",
        }
    }
}

/// TS 24.501 Table 10.2.1.
pub(crate) const T3502_DEFAULT: Duration = Duration::from_secs(12 * 60);
pub(crate) const T3510: Duration = Duration::from_secs(15);
pub(crate) const T3511: Duration = Duration::from_secs(10);
pub(crate) const T3512_DEFAULT: Duration = Duration::from_secs(54 * 60);
pub(crate) const T3516: Duration = Duration::from_secs(30);
pub(crate) const T3517: Duration = Duration::from_secs(15);
pub(crate) const T3519: Duration = Duration::from_secs(60);
pub(crate) const T3520: Duration = Duration::from_secs(15);
pub(crate) const T3521: Duration = Duration::from_secs(15);
pub(crate) const T3525_DEFAULT: Duration = Duration::from_secs(60);
pub(crate) const T3540: Duration = Duration::from_secs(10);

/// TS 24.501 Table 10.3.1.
pub(crate) const T3580: Duration = Duration::from_secs(16);
pub(crate) const T3581: Duration = Duration::from_secs(16);
pub(crate) const T3582: Duration = Duration::from_secs(16);

/// The range from which a UE draws T3346 when the value it was given is not integrity protected (TS 24.008 §4.1.1.7).
pub(crate) const T3346_RANGE_S: std::ops::RangeInclusive<u64> = 15 * 60..=30 * 60;

/// TS 38.413 leaves the waiting times of NG SETUP and NG RESET to the gNB.
pub(crate) const NG_SETUP_WAIT: Duration = Duration::from_secs(10);
pub(crate) const NG_RESET_WAIT: Duration = Duration::from_secs(10);
/// How soon the gNB repeats an NG SETUP that was refused without a Time to Wait, or not answered.
pub const NG_SETUP_AGAIN: Duration = Duration::from_secs(10);
/// TS 38.413 leaves the values of TNGRELOCprep and TNGRELOCoverall to the operator.
pub(crate) const TNGRELOC_PREP: Duration = Duration::from_secs(5);
pub(crate) const TNGRELOC_OVERALL: Duration = Duration::from_secs(10);
/// How long the target waits for the UE, and how long a PATH SWITCH REQUEST for its answer.
pub(crate) const HANDOVER_ARRIVAL: Duration = Duration::from_secs(10);
pub(crate) const PATH_SWITCH_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_timers_travel_as_a_number_of_few_octets() {
        let mut running = RunningTimers::default();
        running.insert(Timer::T3512);
        running.insert(Timer::T3582);
        // The octets of an agent that had sixteen bits for them.
        let octets = postcard::to_stdvec(&running).unwrap();
        assert_eq!(octets, postcard::to_stdvec(&(1u16 << 4 | 1 << 15)).unwrap());
        let back: RunningTimers = postcard::from_bytes(&octets).unwrap();
        assert_eq!(back.all().collect::<Vec<_>>(), [Timer::T3512, Timer::T3582]);
    }
}
