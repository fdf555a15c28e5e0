//! NAS security of a UE, and the judgement of what arrives under it (TS 24.501 §4.4).

use oxirush_nas::nas_5gs::{
    CipheringAlgorithm, Direction, IntegrityAlgorithm, KAmf, Nas5gmmMessage, Nas5gsMessage,
    NasSecurityContext, NasUeSecurityCapability,
};
use oxirush_nas::{NasError, nas_5gs::NasCount};

/// A 5G NAS security context, with the KAMF that KgNB is derived from.
pub(super) struct Security {
    pub(super) context: NasSecurityContext,
    pub(super) kamf: KAmf,
    pub(super) ngksi: u8,
}

/// What a NAS PDU under a security header turned out to be.
pub(super) enum Judged {
    /// Its MAC is right and its NAS COUNT is fresh. The count is what KgNB may be derived with.
    Verified { message: Nas5gmmMessage, count: NasCount },
    /// A wrong MAC, or a NAS COUNT that was received before: the two cannot be told apart.
    NotIntact,
    /// It is of the UE, and malformed. What TS 24.501 §7 has the AMF answer, if anything.
    Malformed { answer: Option<Nas5gsMessage> },
}

impl Security {
    /// The context that a security mode procedure would take into use, with the best algorithms that both have
    /// (TS 33.501 §6.7.1). `None` when there are none.
    pub(super) fn select(
        kamf: KAmf,
        ngksi: u8,
        capability: &NasUeSecurityCapability,
        ciphering: &[u8],
        integrity: &[u8],
    ) -> Option<Self> {
        let nea = ciphering.iter().copied().find(|algorithm| capability.supports_ea(*algorithm))?;
        let nia = integrity.iter().copied().find(|algorithm| capability.supports_ia(*algorithm))?;
        let context = NasSecurityContext::from_fresh_kamf(&kamf, nia_of(nia)?, nea_of(nea)?).ok()?;
        Some(Self { context, kamf, ngksi })
    }

    /// Checks the MAC and the NAS COUNT of `pdu`, then deciphers and decodes it.
    pub(super) fn judge(&mut self, pdu: &[u8]) -> Judged {
        match self.context.unprotect(pdu, Direction::Uplink) {
            Ok(verified) => match verified.message {
                Nas5gsMessage::Gmm(_, message) => Judged::Verified { message, count: verified.count },
                _ => Judged::Malformed { answer: None },
            },
            Err(error @ NasError::AuthenticMessageRefused { .. }) => {
                Judged::Malformed { answer: Nas5gsMessage::answer_to_refused(pdu, &error, Direction::Uplink) }
            }
            Err(_) => Judged::NotIntact,
        }
    }
}

fn nea_of(code: u8) -> Option<CipheringAlgorithm> {
    Some(match code {
        0 => CipheringAlgorithm::NEA0,
        1 => CipheringAlgorithm::NEA1,
        2 => CipheringAlgorithm::NEA2,
        3 => CipheringAlgorithm::NEA3,
        _ => return None,
    })
}

fn nia_of(code: u8) -> Option<IntegrityAlgorithm> {
    Some(match code {
        0 => IntegrityAlgorithm::NIA0,
        1 => IntegrityAlgorithm::NIA1,
        2 => IntegrityAlgorithm::NIA2,
        3 => IntegrityAlgorithm::NIA3,
        _ => return None,
    })
}
