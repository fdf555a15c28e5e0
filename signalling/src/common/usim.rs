//! The USIM: MILENAGE, and which sequence numbers are fresh (TS 33.102 §6.3.3 and Annex C, TS 35.206).

use oxirush_security::milenage::{Auts, K, Milenage, Opc, Sqn, UsimResponse};
use oxirush_security::{Autn, Rand};

use crate::settings::Subscriber;

/// The subscription, and what the USIM remembers between challenges.
pub(crate) struct Usim {
    pub(crate) subscriber: Subscriber,
    accepted: Accepted,
}

/// The highest SQN that was accepted for each index IND that came, 32 at most (TS 33.102 Annex C.2.2: the array of SEQ values).
#[derive(Default)]
struct Accepted(Vec<u64>);

/// Why the USIM refuses a challenge.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The MAC of AUTN is wrong.
    Mac,
    /// The SQN is not fresh; the AUTS tells the home network the highest one that was.
    Synch(Box<Auts>),
}

impl Usim {
    pub(crate) fn new(subscriber: Subscriber) -> Self {
        Self { subscriber, accepted: Accepted::default() }
    }

    /// Checks the MAC and the SQN of a challenge, and computes the response (TS 33.102 §6.3.3).
    pub(crate) fn authenticate(&mut self, rand: &[u8; 16], autn: &[u8; 16]) -> Result<UsimResponse, Refusal> {
        let Subscriber { k, opc, .. } = &self.subscriber;
        let milenage = Milenage::new(&K::new(&k.0), &Opc::new(&opc.0));
        let (rand, autn) = (Rand::new(rand), Autn::new(autn));
        let response = milenage.check_autn(&rand, &autn).map_err(|_| Refusal::Mac)?;
        if self.accepted.accept(response.sqn().get()) {
            return Ok(response);
        }
        let sqn_ms = Sqn::try_from(self.accepted.highest()).map_err(|_| Refusal::Mac)?;
        Err(Refusal::Synch(Box::new(milenage.auts(&rand, &sqn_ms))))
    }

    /// What it remembers, for another agent.
    pub(crate) fn sequence_numbers(&self) -> &[u64] {
        &self.accepted.0
    }

    /// The USIM that remembered this.
    pub(crate) fn remembering(subscriber: Subscriber, mut accepted: Vec<u64>) -> Self {
        accepted.truncate(1 << IND_BITS);
        Self { subscriber, accepted: Accepted(accepted) }
    }

    pub(crate) fn heap_octets(&self) -> usize {
        self.accepted.heap_octets()
    }
}

impl Accepted {
    /// TS 33.102 Annex C.2.1, C.2.2: SEQ is above that of its IND, and not too far above the highest of all.
    fn accept(&mut self, sqn: u64) -> bool {
        let (seq, ind) = (sqn >> IND_BITS, sqn & IND_MASK);
        // A USIM that was never used takes its first SEQ without a limit: it stands for one that is in step.
        if !self.0.is_empty() && seq.saturating_sub(self.highest() >> IND_BITS) > DELTA {
            return false;
        }
        match self.0.iter_mut().find(|known| **known & IND_MASK == ind) {
            Some(known) if seq > *known >> IND_BITS => *known = sqn,
            None if seq > 0 => {
                self.0.reserve_exact(1);
                self.0.push(sqn);
            }
            _ => return false,
        }
        true
    }

    /// SQN_MS: the highest SQN that was accepted.
    fn highest(&self) -> u64 {
        self.0.iter().copied().max().unwrap_or(0)
    }

    fn heap_octets(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

/// The length of IND (TS 33.102 Annex C.3.2 uses five bits).
const IND_BITS: u32 = 5;
const IND_MASK: u64 = (1 << IND_BITS) - 1;
/// The largest jump of SEQ that is accepted (TS 33.102 Annex C.3.2: Δ = 2^28).
const DELTA: u64 = 1 << 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqn_is_accepted_once_and_in_its_own_window() {
        let mut usim = Accepted::default();
        assert!(usim.accept(10 << IND_BITS));
        assert!(!usim.accept(10 << IND_BITS), "the same SQN again");
        assert!(usim.accept(9 << IND_BITS | 1), "an older SEQ under another IND");
        assert!(!usim.accept(9 << IND_BITS | 1));
        assert!(usim.accept(11 << IND_BITS | 1));
        assert_eq!(usim.highest(), 11 << IND_BITS | 1);
    }

    #[test]
    fn sqn_that_jumps_too_far_is_refused() {
        let mut usim = Accepted::default();
        assert!(usim.accept(1 << IND_BITS));
        assert!(!usim.accept((DELTA + 2) << IND_BITS));
        assert!(usim.accept((DELTA + 1) << IND_BITS));
    }

    #[test]
    fn sqn_windows_stay_within_32_entries() {
        let mut usim = Accepted::default();
        for sqn in 32..4096 {
            assert!(usim.accept(sqn));
        }
        assert_eq!(usim.heap_octets(), 32 * 8);
    }
}
