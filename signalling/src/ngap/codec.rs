//! What the NGAP procedures share of the codec.

use identity::{Plmn, Tac};
use oxirush_ngap::ngap::{NGAP_PDU, NRCGI, PLMNIdentity, TAI};
use oxirush_ngap::{Error, Message, Ngap, helpers};

use crate::ngap::GnbSettings;
use crate::node::event::TargetGnb;

/// A message in its PDU.
pub(crate) fn encode<'m, M: Message<'m, Protocol = Ngap>>(message: &M) -> Result<Vec<u8>, Error> {
    NGAP_PDU::of_message(message, M::CRITICALITY)?.encode()
}

/// PLMN Identity (TS 38.413 §9.3.3.5).
pub(crate) fn plmn(plmn: Plmn) -> PLMNIdentity {
    PLMNIdentity(plmn.ngap_octets())
}

/// TAI (TS 38.413 §9.3.3.11).
pub(crate) fn tai(network: Plmn, tac: Tac) -> TAI {
    helpers::tai(plmn(network), tac.octets())
}

/// NR CGI (TS 38.413 §9.3.1.7) of a cell of ours.
pub(crate) fn own_cell(settings: &GnbSettings, cell: u32) -> Result<NRCGI, Error> {
    cgi(settings.plmn, settings.gnb_id, settings.gnb_id_bits(), cell)
}

/// NR CGI of the cell that a handover goes to.
pub(crate) fn target_cell(target: &TargetGnb) -> Result<NRCGI, Error> {
    cgi(target.plmn, target.gnb_id, target.gnb_id_bits, target.cell)
}

fn cgi(network: Plmn, gnb_id: u32, gnb_id_bits: u32, cell: u32) -> Result<NRCGI, Error> {
    let cell = u16::try_from(cell).unwrap_or(u16::MAX);
    helpers::nr_cgi(plmn(network), gnb_id, gnb_id_bits, cell)
}

/// Which of our cells an NR CGI names; `None` for one of another gNB, and for one that we do not have.
pub(crate) fn cell_of(settings: &GnbSettings, cgi: &NRCGI) -> Option<u32> {
    let cell_bits = 36 - settings.gnb_id_bits();
    let identity = cgi.nr_cell_identity.0.value();
    let ours =
        cgi.plmn_identity == plmn(settings.plmn) && identity >> cell_bits == u64::from(settings.gnb_id);
    let cell = u32::try_from(identity & ((1 << cell_bits) - 1)).ok()?;
    (ours && cell < settings.cells).then_some(cell)
}

/// The algorithms of the UE (TS 38.413 §9.3.1.86), and back.
pub(crate) mod capabilities {
    use oxirush_ngap::BitString;
    use oxirush_ngap::aper::Bits;
    use oxirush_ngap::ngap::*;

    use crate::node::tunnel::SecurityCapabilities;

    pub(crate) fn read(capabilities: &UESecurityCapabilities<'_>) -> SecurityCapabilities {
        [
            bits(&capabilities.nr_encryption_algorithms.0),
            bits(&capabilities.nr_integrity_protection_algorithms.0),
            bits(&capabilities.eutra_encryption_algorithms.0),
            bits(&capabilities.eutra_integrity_protection_algorithms.0),
        ]
    }

    pub(crate) fn write(capabilities: SecurityCapabilities) -> UESecurityCapabilities<'static> {
        let [nea, nia, eea, eia] = capabilities.map(|bits| BitString::from(Bits::from(bits)));
        UESecurityCapabilities::new(
            NRencryptionAlgorithms(nea),
            NRintegrityProtectionAlgorithms(nia),
            EUTRAencryptionAlgorithms(eea),
            EUTRAintegrityProtectionAlgorithms(eia),
            None,
        )
    }

    /// The first 16: a later release may send more.
    fn bits(bits: &BitString<'_>) -> u16 {
        bits.as_octets().first_chunk::<2>().map_or(0, |octets| u16::from_be_bytes(*octets))
    }
}
