//! A 5G NAS security context and the security header of a NAS message (TS 24.501 §4.4, TS 33.501 §6.4).

use oxirush_nas::Encode;
use oxirush_nas::nas_5gs::{Nas5gsMessage, NasError};
use oxirush_security::nas_5gs::{
    KAmf, KNasEnc, KNasInt, NasConnection, derive_knas_enc, derive_knas_int, nas_cipher, nas_mac,
};
use oxirush_security::{CipheringAlgorithm, Direction, IntegrityAlgorithm, NasCount, constant_time_eq};
use serde::{Deserialize, Serialize};

/// The security header types of TS 24.501 Table 9.3.1 that protect a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Header {
    Integrity = 1,
    IntegrityAndCiphering = 2,
    IntegrityWithNewContext = 3,
    IntegrityAndCipheringWithNewContext = 4,
}

impl Header {
    pub(crate) fn of(octet: u8) -> Option<Self> {
        Some(match octet & 0x0f {
            1 => Self::Integrity,
            2 => Self::IntegrityAndCiphering,
            3 => Self::IntegrityWithNewContext,
            4 => Self::IntegrityAndCipheringWithNewContext,
            _ => return None,
        })
    }

    fn ciphers(self) -> bool {
        matches!(self, Self::IntegrityAndCiphering | Self::IntegrityAndCipheringWithNewContext)
    }
}

/// A native 5G NAS security context on 3GPP access: the keys, the algorithms and the NAS COUNTs of both directions.
#[derive(Clone)]
pub(crate) struct NasContext {
    k_amf: KAmf,
    k_int: KNasInt,
    k_enc: KNasEnc,
    /// The next COUNT that is sent; `None` when all are used (TS 24.501 §4.4.3.5).
    uplink: Option<NasCount>,
    /// COUNTs before it that nobody has sent, since it moved from agent to agent without a word.
    skipped: u32,
    /// The lowest COUNT that is still accepted.
    downlink: Option<NasCount>,
    integrity: IntegrityAlgorithm,
    ciphering: CipheringAlgorithm,
    ng_ksi: u8,
}

impl NasContext {
    /// A context whose keys were never used: the COUNTs start at zero (TS 33.501 §6.4.5).
    pub(crate) fn fresh(
        k_amf: &KAmf,
        ng_ksi: u8,
        integrity: IntegrityAlgorithm,
        ciphering: CipheringAlgorithm,
    ) -> Self {
        Self {
            k_amf: k_amf.clone(),
            k_int: derive_knas_int(k_amf, integrity),
            k_enc: derive_knas_enc(k_amf, ciphering),
            uplink: Some(NasCount::ZERO),
            skipped: 0,
            downlink: Some(NasCount::ZERO),
            integrity,
            ciphering,
            ng_ksi,
        }
    }

    /// The same KAMF under other algorithms: the COUNTs go on (TS 33.501 §6.4.5).
    pub(crate) fn with_algorithms(
        &self,
        integrity: IntegrityAlgorithm,
        ciphering: CipheringAlgorithm,
    ) -> Self {
        let fresh = Self::fresh(&self.k_amf, self.ng_ksi, integrity, ciphering);
        Self { uplink: self.uplink, skipped: self.skipped, downlink: self.downlink, ..fresh }
    }

    /// What another agent needs of it. The uplink COUNT is ahead of ours, so that none is used twice though we should send
    /// a few messages more; the receiver takes what it skips for lost (§4.4.3.1). A UE that goes on and on without a word
    /// stays behind where the receiver would lose count: then a message that was sent after all has its COUNT used twice,
    /// is ignored, and is sent again with the next.
    pub(crate) fn export(&self) -> NasContextState {
        let ahead = COUNTS_AHEAD.min(MOST_SKIPPED.saturating_sub(self.skipped));
        NasContextState {
            k_amf: *self.k_amf.as_octets(),
            uplink: self.uplink.map_or(u32::MAX, |count| count.get() + ahead),
            skipped: self.skipped.saturating_add(ahead),
            downlink: self.downlink.map_or(u32::MAX, NasCount::get),
            integrity: self.integrity.into(),
            ciphering: self.ciphering.into(),
            ng_ksi: self.ng_ksi,
        }
    }

    /// The context that was exported; `None` when it is not one.
    pub(crate) fn import(state: &NasContextState) -> Option<Self> {
        let integrity = IntegrityAlgorithm::try_from(state.integrity).ok()?;
        let ciphering = CipheringAlgorithm::try_from(state.ciphering).ok()?;
        let fresh = Self::fresh(&KAmf::new(&state.k_amf), state.ng_ksi, integrity, ciphering);
        let (uplink, downlink) = (NasCount::new(state.uplink).ok(), NasCount::new(state.downlink).ok());
        Some(Self { uplink, skipped: state.skipped, downlink, ..fresh })
    }

    /// The key set identifier that names this context.
    pub(crate) fn ng_ksi(&self) -> u8 {
        self.ng_ksi
    }

    /// Protects an uplink message; `None` when no COUNT is left or the message has no encoding.
    pub(crate) fn protect(&mut self, message: &Nas5gsMessage, header: Header) -> Option<Vec<u8>> {
        let count = self.uplink?;
        let mut octets = Vec::with_capacity(96);
        octets.extend([0x7e, header as u8, 0, 0, 0, 0, count.sequence_number()]);
        message.encode_into(&mut octets).ok()?;
        let (head, rest) = octets.split_at_mut_checked(HEADER_OCTETS - 1)?;
        if header.ciphers() {
            self.cipher(count, Direction::Uplink, rest.get_mut(1..)?);
        }
        let mac = self.mac(count, Direction::Uplink, rest);
        head.get_mut(2..6)?.copy_from_slice(&mac);
        (self.uplink, self.skipped) = (self.after(count), 0);
        Some(octets)
    }

    /// Ciphers the value of a NAS message container, with the COUNT that the next message will have
    /// (TS 24.501 §4.4.6, TS 33.501 §6.4.6).
    pub(crate) fn cipher_container(&self, plain: &mut [u8]) -> Option<()> {
        self.cipher(self.uplink?, Direction::Uplink, plain);
        Some(())
    }

    /// Checks and deciphers a downlink message that has a security header, and gives the plain octets. A wrong MAC and a
    /// COUNT that was already used are `None`, and change nothing.
    pub(crate) fn unprotect(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let header = Header::of(*octets.get(1)?)?;
        let received_mac = octets.get(2..6)?;
        let covered = octets.get(6..)?;
        let (sequence_number, payload) = covered.split_first()?;
        let lowest = self.downlink?;
        let count = if self.integrity == IntegrityAlgorithm::Null {
            lowest.wrapping_estimate(*sequence_number)
        } else {
            lowest.estimate(*sequence_number).ok()?
        };
        if !constant_time_eq(&self.mac(count, Direction::Downlink, covered), received_mac) {
            return None;
        }
        let mut plain = payload.to_vec();
        if header.ciphers() {
            self.cipher(count, Direction::Downlink, &mut plain);
        }
        self.downlink = self.after(count);
        Some(plain)
    }

    /// Whether a message that [`Self::unprotect`] refused is authentic, with a COUNT below what is still accepted: one that was
    /// sent again as it was (§4.4.3.2). Those of the last 256 COUNTs are told from what nobody sent.
    pub(crate) fn is_replay(&self, octets: &[u8]) -> bool {
        let replayed = || {
            let (mac, covered) = (octets.get(2..6)?, octets.get(6..)?);
            let lowest = self.downlink.unwrap_or(NasCount::MAX).get();
            let sequence_number = u32::from(*covered.first()?);
            let below = lowest.checked_sub(1)?;
            let behind = (below & 0xff).wrapping_sub(sequence_number) & 0xff;
            let count = NasCount::new(below.checked_sub(behind)?).ok()?;
            Some(constant_time_eq(&self.mac(count, Direction::Downlink, covered), mac))
        };
        self.integrity != IntegrityAlgorithm::Null && replayed().unwrap_or(false)
    }

    fn cipher(&self, count: NasCount, direction: Direction, octets: &mut [u8]) {
        nas_cipher(&self.k_enc, count, NasConnection::ThreeGpp, direction, octets, self.ciphering);
    }

    fn mac(&self, count: NasCount, direction: Direction, octets: &[u8]) -> [u8; 4] {
        nas_mac(&self.k_int, count, NasConnection::ThreeGpp, direction, octets, self.integrity).to_be_bytes()
    }

    /// TS 24.501 §4.4.3.5: COUNTs wrap around with the null integrity algorithm alone.
    fn after(&self, count: NasCount) -> Option<NasCount> {
        match self.integrity {
            IntegrityAlgorithm::Null => Some(count.wrapping_next()),
            _ => count.next().ok(),
        }
    }
}

/// A [`NasContext`] on its way to another agent. A COUNT beyond 24 bits stands for none left.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NasContextState {
    k_amf: [u8; 32],
    uplink: u32,
    skipped: u32,
    downlink: u32,
    integrity: u8,
    ciphering: u8,
    ng_ksi: u8,
}

/// A received NAS PDU, as far as it can be read without a key.
pub(crate) enum Received<'a> {
    /// Without a security header.
    Plain(&'a [u8]),
    /// Under a security header.
    Protected(Header),
    /// Not a NAS message that a UE takes: it is ignored (TS 24.501 §7.2, §7.3).
    Unreadable,
}

impl<'a> Received<'a> {
    pub(crate) fn of(octets: &'a [u8]) -> Self {
        match octets {
            [0x7e, header, _, ..] if header & 0x0f == 0 => Self::Plain(octets),
            [0x7e, header, ..] if octets.len() > HEADER_OCTETS => {
                Header::of(*header).map_or(Self::Unreadable, Self::Protected)
            }
            _ => Self::Unreadable,
        }
    }
}

/// The octets under the security header, which are readable where they are not ciphered.
pub(crate) fn payload(octets: &[u8]) -> &[u8] {
    octets.get(HEADER_OCTETS..).unwrap_or_default()
}

/// The 5GMM cause of the 5GMM STATUS that answers a message which does not decode (TS 24.501 §7.4, §7.5); `None` where it
/// is ignored.
pub(crate) fn status_cause(error: &NasError) -> Option<u8> {
    match error {
        NasError::UnknownMessageType(_) => Some(97),
        NasError::InvalidMandatoryIe { .. } | NasError::UnknownIeCutShort { .. } => Some(96),
        _ => None,
    }
}

/// How far the uplink COUNT moves ahead in an export: a UE says nothing beyond that while it is being handed over.
const COUNTS_AHEAD: u32 = 8;
/// COUNTs that may be skipped without a word: fewer than 256, or the receiver would lose count (§4.4.3.1); and half of that, for the
/// word may be lost on the way, and as many be skipped after it.
const MOST_SKIPPED: u32 = 120;
/// EPD, security header type, MAC and sequence number (TS 24.501 §9.1.1).
const HEADER_OCTETS: usize = 7;

#[cfg(test)]
mod tests {
    use oxirush_nas::nas_5gs::{NasFGmmCause, NasFGmmStatus};

    use super::*;

    fn pair() -> (NasContext, oxirush_nas::nas_5gs::NasSecurityContext) {
        use oxirush_nas::nas_5gs::{
            CipheringAlgorithm as Nea, IntegrityAlgorithm as Nia, NasSecurityContext,
        };
        let k_amf = KAmf::new(&[0x11; 32]);
        let ours = NasContext::fresh(&k_amf, 0, IntegrityAlgorithm::NIA2, CipheringAlgorithm::NEA2);
        (ours, NasSecurityContext::from_fresh_kamf(&k_amf, Nia::NIA2, Nea::NEA2).unwrap())
    }

    fn status() -> Nas5gsMessage {
        Nas5gsMessage::new_5gmm(NasFGmmStatus::new(NasFGmmCause::new(22)))
    }

    #[test]
    fn uplink_is_what_another_context_verifies() {
        let (mut ours, mut theirs) = pair();
        for _ in 0..300 {
            let octets = ours.protect(&status(), Header::IntegrityAndCiphering).unwrap();
            let verified = theirs.unprotect(&octets, oxirush_nas::Direction::Uplink).unwrap();
            assert_eq!(verified.message, status());
        }
    }

    #[test]
    fn context_that_moves_a_thousand_times_without_a_word_is_still_understood() {
        let (mut ours, mut theirs) = pair();
        for moves in [1, 1000, 29, 30, 31, 500] {
            for _ in 0..moves {
                ours = NasContext::import(&ours.export()).unwrap();
            }
            let octets = ours.protect(&status(), Header::IntegrityAndCiphering).unwrap();
            let verified = theirs.unprotect(&octets, oxirush_nas::Direction::Uplink);
            assert_eq!(verified.unwrap().message, status(), "after {moves} moves");
        }
    }

    #[test]
    fn downlink_that_was_accepted_is_not_accepted_again() {
        use oxirush_nas::nas_5gs::Nas5gsSecurityHeaderType as Type;
        let (mut ours, mut theirs) = pair();
        let ciphered = Type::IntegrityProtectedAndCiphered;
        let first = theirs.protect(&status(), ciphered, oxirush_nas::Direction::Downlink).unwrap();
        let second = theirs.protect(&status(), ciphered, oxirush_nas::Direction::Downlink).unwrap();
        assert_eq!(ours.unprotect(&first).unwrap(), status().encode().unwrap());
        assert_eq!(ours.unprotect(&first), None);
        let mut changed = second.clone();
        changed[8] ^= 1;
        assert_eq!(ours.unprotect(&changed), None);
        assert!(ours.is_replay(&first) && !ours.is_replay(&changed) && !ours.is_replay(&second));
        assert!(ours.unprotect(&second).is_some());
    }

    #[test]
    fn a_replay_is_known_over_a_sequence_number_that_has_wrapped() {
        use oxirush_nas::nas_5gs::Nas5gsSecurityHeaderType as Type;
        let (mut ours, mut theirs) = pair();
        let ciphered = Type::IntegrityProtectedAndCiphered;
        let sent: Vec<_> = (0..300)
            .map(|_| theirs.protect(&status(), ciphered, oxirush_nas::Direction::Downlink).unwrap())
            .collect();
        for message in &sent {
            assert!(!ours.is_replay(message));
            assert!(ours.unprotect(message).is_some());
        }
        assert!(sent[300 - 256..].iter().all(|message| ours.is_replay(message)));
    }
}
