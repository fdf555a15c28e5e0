//! Initial UE Message, gNB side (TS 38.413 §8.6.1).

use oxirush_ngap::aper::Bits;
use oxirush_ngap::helpers::{nr_cgi, tai};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap};

use crate::common::identity_of_ue::STmsi;
use crate::establishment_cause::EstablishmentCause;
use crate::ngap::GnbSettings;

/// INITIAL UE MESSAGE (TS 38.413 §9.2.5.1).
pub(crate) fn message(
    settings: &GnbSettings,
    ran: u32,
    cell: u32,
    nas: &[u8],
    cause: EstablishmentCause,
    s_tmsi: Option<STmsi>,
) -> Result<Vec<u8>, Error> {
    let cause = match cause {
        EstablishmentCause::MoSignalling => RRCEstablishmentCause::mo_Signalling,
        EstablishmentCause::MoData => RRCEstablishmentCause::mo_Data,
        EstablishmentCause::MtAccess => RRCEstablishmentCause::mt_Access,
    };
    let location = location(settings, cell)?;
    let pdu = match s_tmsi {
        Some(s_tmsi) => build_ngap!(
            InitiatingMessage,
            InitialUEMessage,
            InitialUEMessage,
            RAN_UE_NGAP_ID(ran),
            NAS_PDU(nas),
            UserLocationInformation(location),
            RRCEstablishmentCause(cause),
            FiveG_S_TMSI(FiveGSTMSI::new(
                AMFSetID(Bits::new(s_tmsi.amf_set_id().into(), 10)?),
                AMFPointer(Bits::new(s_tmsi.amf_pointer().into(), 6)?),
                FiveGTMSI(s_tmsi.tmsi().to_be_bytes()),
                None,
            )),
            UEContextRequest(UEContextRequest::requested),
        ),
        None => build_ngap!(
            InitiatingMessage,
            InitialUEMessage,
            InitialUEMessage,
            RAN_UE_NGAP_ID(ran),
            NAS_PDU(nas),
            UserLocationInformation(location),
            RRCEstablishmentCause(cause),
            UEContextRequest(UEContextRequest::requested),
        ),
    };
    pdu?.encode()
}

/// User Location Information (TS 38.413 §9.3.1.16).
pub(crate) fn location(settings: &GnbSettings, cell: u32) -> Result<UserLocationInformation<'static>, Error> {
    let plmn = PLMNIdentity(settings.plmn.ngap_octets());
    let cell = u16::try_from(cell).unwrap_or(u16::MAX);
    let cgi = nr_cgi(plmn, settings.gnb_id, settings.gnb_id_bits(), cell)?;
    let tai = tai(plmn, settings.tac.octets());
    Ok(UserLocationInformation::userLocationInformationNR(UserLocationInformationNR::new(
        cgi, tai, None, None,
    )))
}
