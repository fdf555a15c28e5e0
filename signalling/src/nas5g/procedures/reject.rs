//! What a 5GMM cause of the network does to the UE (TS 24.501 §5.5.1.2.5, §5.5.1.3.5, §5.5.2.3.2, §5.6.1.5).

use std::time::Duration;

use rand::Rng;

use crate::common::retry::{Counter, Forbids};
use crate::common::timers::{self, Timer};
use crate::nas5g::ue::Ue;

/// What the UE does about a reject, beyond ending the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Effect {
    /// Delete the 5G-GUTI, the TAI list and the security context.
    delete_identity: bool,
    /// A registered UE is de-registered.
    deregisters: bool,
    /// What is forbidden from now on.
    forbids: Forbids,
    /// What becomes of the registration attempt counter.
    counter: Counter,
}

/// The effect of `cause`. Where the message was not integrity protected, a cause that would bar the UE for long does not:
/// it could be anyone's (TS 24.501 §5.3.20.2).
fn effect(cause: u8, integrity_protected: bool) -> Effect {
    let (delete_identity, deregisters, forbids, counter) = match cause {
        3 | 6 | 7 => (true, true, Forbids::Usim, Counter::Reset),
        9 => (true, true, Forbids::Nothing, Counter::Reset),
        10 => (false, true, Forbids::Nothing, Counter::Reset),
        11 | 27 | 73 => (true, true, Forbids::Plmn, Counter::Reset),
        12 => (true, true, Forbids::TrackingArea, Counter::Reset),
        13 | 15 => (false, false, Forbids::TrackingArea, Counter::Reset),
        22 => (false, false, Forbids::Nothing, Counter::Reset),
        28 => (false, false, Forbids::Nothing, Counter::Reset),
        31 | 72 | 74..=82 => (false, true, Forbids::Plmn, Counter::Reset),
        62 => (false, true, Forbids::Nothing, Counter::Reset),
        95 | 96 | 97 | 99 | 111 => (false, false, Forbids::Nothing, Counter::Exhausted),
        _ => (false, false, Forbids::Nothing, Counter::OneMore),
    };
    let forbids = if integrity_protected { forbids } else { Forbids::Nothing };
    Effect { delete_identity, deregisters, forbids, counter }
}

/// Whether a REGISTRATION REJECT or SERVICE REJECT with this cause is processed without integrity protection
/// (TS 24.501 §4.4.4.2).
pub(crate) fn processed_unprotected(cause: u8) -> bool {
    !matches!(cause, 76 | 78 | 81 | 82)
}

/// 5GMM cause #98: message type not compatible with the protocol state.
pub(crate) const NOT_COMPATIBLE_WITH_STATE: u8 = 98;
/// 5GMM cause #22: congestion.
const CONGESTION: u8 = 22;

impl Ue<'_> {
    /// What a 5GMM cause does to the UE, and what it does to the attempt counter.
    pub(crate) fn apply_cause(&mut self, cause: u8, back_off_s: Option<u64>, integrity: bool) -> Counter {
        let effect = effect(cause, integrity);
        if effect.delete_identity {
            self.mm.area.forget();
            self.mm.context = None;
            self.mm.secured = false;
        }
        if effect.deregisters {
            self.leave_registered();
        }
        self.mm.retry.forbid(effect.forbids, self.tai);
        if cause != CONGESTION {
            return effect.counter;
        }
        // #22 without a value, or with one that is zero, is an abnormal case (§5.5.1.2.5).
        let Some(seconds) = back_off_s.filter(|&seconds| seconds > 0) else { return Counter::OneMore };
        if self.does_as_specified() {
            // An unprotected value could be anyone's: the UE draws its own (TS 24.008 §4.1.1.7).
            let seconds = if integrity { seconds } else { self.rng.random_range(timers::T3346_RANGE_S) };
            self.set(Timer::T3346, Duration::from_secs(seconds));
        }
        effect.counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_ue_invalidates_the_usim_only_when_protected() {
        assert_eq!(effect(3, true).forbids, Forbids::Usim);
        assert_eq!(effect(3, false).forbids, Forbids::Nothing);
        assert!(effect(3, false).delete_identity);
    }

    #[test]
    fn causes_count_as_the_clauses_say() {
        for cause in 0..=255 {
            let counter = effect(cause, true).counter;
            match cause {
                95 | 96 | 97 | 99 | 111 => assert_eq!(counter, Counter::Exhausted, "{cause}"),
                3 | 6 | 7 | 9..=13 | 15 | 22 | 27 | 28 | 31 | 62 | 72..=82 => {
                    assert_eq!(counter, Counter::Reset, "{cause}");
                }
                _ => assert_eq!(counter, Counter::OneMore, "{cause}"),
            }
        }
    }
}
