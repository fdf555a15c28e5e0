//! NAS security of a UE, and the judgement of what arrives under it (TS 24.501 §4.4).

use oxirush_nas::nas_5gs::{
    CipheringAlgorithm, Direction, IntegrityAlgorithm, KAmf, Nas5gmmMessage, Nas5gsMessage,
    NasSecurityContext, NasUeSecurityCapability,
};
use oxirush_nas::{NasError, nas_5gs::NasCount};
use oxirush_ngap::aper::{BitString, Bits};
use oxirush_ngap::ngap::{
    EUTRAencryptionAlgorithms, EUTRAintegrityProtectionAlgorithms, NRencryptionAlgorithms,
    NRintegrityProtectionAlgorithms, UESecurityCapabilities,
};
use oxirush_security::nas_5gs::{KGnb, NasConnection, derive_knas_int, derive_nh, nas_mac};

/// A 5G NAS security context, with the KAMF that KgNB is derived from.
pub(super) struct Security {
    pub(super) context: NasSecurityContext,
    pub(super) kamf: KAmf,
    pub(super) ngksi: u8,
    /// The last KgNB or NH, and its place in the chain (TS 33.501 §6.9.2.1.1).
    chain: ([u8; 32], u8),
}

/// What a NAS PDU under a security header turned out to be.
pub(super) enum Judged {
    /// Its MAC is right and its NAS COUNT is fresh. The count is what KgNB may be derived with.
    Verified { message: Nas5gmmMessage, count: NasCount },
    /// A wrong MAC.
    NotIntact,
    /// It is of the UE, with a NAS COUNT that was received before, or is below one that was.
    Replayed,
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
        Some(Self { context, kamf, ngksi, chain: ([0; 32], 0) })
    }

    /// A new KgNB: the chain begins with it.
    pub(super) fn chain_from(&mut self, kgnb: &KGnb) {
        self.chain = (*kgnb.as_octets(), 0);
    }

    /// The next {NCC, NH} of the chain, for the next hop (TS 33.501 §6.9.2.3.2, §6.9.2.3.3).
    pub(super) fn next_hop(&mut self) -> (u8, [u8; 32]) {
        let nh = derive_nh(&self.kamf, &KGnb::new(&self.chain.0));
        self.chain = (*nh.as_octets(), (self.chain.1 + 1) % 8);
        (self.chain.1, self.chain.0)
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
            Err(_) if self.is_replay(pdu) => Judged::Replayed,
            Err(_) => Judged::NotIntact,
        }
    }

    /// Whether the MAC is right under the last COUNT of this sequence number, which is no longer accepted (§4.4.3.2).
    fn is_replay(&self, pdu: &[u8]) -> bool {
        let integrity = match self.context.integrity_algorithm() {
            IntegrityAlgorithm::NIA1 => 1,
            IntegrityAlgorithm::NIA2 => 2,
            IntegrityAlgorithm::NIA3 => 3,
            _ => return false,
        };
        let replayed = || {
            let integrity = oxirush_security::IntegrityAlgorithm::try_from(integrity).ok()?;
            let (mac, covered) = (pdu.get(2..6)?, pdu.get(6..)?);
            let next = self.context.nas_count(Direction::Uplink, NasConnection::ThreeGpp)?;
            let last = next.get().checked_sub(1)?;
            let behind = (last & 0xff).wrapping_sub(u32::from(*covered.first()?)) & 0xff;
            let count = NasCount::new(last.checked_sub(behind)?).ok()?;
            let key = derive_knas_int(&self.kamf, integrity);
            let (access, uplink) = (NasConnection::ThreeGpp, oxirush_security::Direction::Uplink);
            Some(nas_mac(&key, count, access, uplink, covered, integrity).to_be_bytes() == *mac)
        };
        replayed().unwrap_or(false)
    }
}

/// What the gNB is told of the algorithms of a UE (TS 38.413 §9.3.1.86): NEA1 to NEA3 in the first bits, and NIA alike; those of NAS
/// start with NEA0. Of LTE none but EEA0 and EIA0.
pub(super) fn capabilities_in_ngap(capability: &NasUeSecurityCapability) -> UESecurityCapabilities<'static> {
    let algorithms = |octet: u8| BitString::from(Bits::from(u16::from_be_bytes([octet << 1, 0])));
    UESecurityCapabilities::new(
        NRencryptionAlgorithms(algorithms(capability.ea_byte())),
        NRintegrityProtectionAlgorithms(algorithms(capability.ia_byte())),
        EUTRAencryptionAlgorithms(algorithms(0)),
        EUTRAintegrityProtectionAlgorithms(algorithms(0)),
        None,
    )
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
