//! Initial UE Message, gNB side (TS 38.413 §8.6.1).

use std::time::Instant;

use oxirush_ngap::aper::Bits;
use oxirush_ngap::helpers::{nr_cgi, tai};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap};

use super::ue_context_release;
use crate::common::identity_of_ue::STmsi;
use crate::establishment_cause::EstablishmentCause;
use crate::ngap::connections::{Connection, Phase};
use crate::ngap::{Gnb, GnbSettings, Out, PPID};
use crate::node::action::{NodeAction, RefusalReason};
use crate::node::cause::HandoverFailure;

/// What a UE that connects brings.
pub(crate) struct Initial<'a> {
    pub(crate) nas: &'a [u8],
    pub(crate) cause: EstablishmentCause,
    pub(crate) s_tmsi: Option<STmsi>,
}

/// A UE connects (§8.6.1.2).
pub(crate) fn connect(gnb: &mut Gnb, ue: u32, cell: u32, initial: &Initial<'_>, now: Instant, out: &mut Out) {
    let refusal = if !gnb.is_ready() {
        Some(RefusalReason::NgInterfaceDown)
    } else if cell >= gnb.settings.cells {
        Some(RefusalReason::NoSuchCell)
    } else {
        None
    };
    if let Some(reason) = refusal {
        return out.push(NodeAction::Refused { ue, reason });
    }
    leave_old_connection(gnb, ue, out);
    let Some(ran) = gnb.connections.free_ran() else {
        return out.push(NodeAction::Refused { ue, reason: RefusalReason::NoIdentity });
    };
    let Initial { nas, cause, s_tmsi } = *initial;
    let Ok(octets) = message(&gnb.settings, ran, cell, nas, cause, s_tmsi) else {
        return out.push(NodeAction::Refused { ue, reason: RefusalReason::NotEncodable });
    };
    gnb.connections.insert(ran, Connection::new(Some(ue), cell, Phase::Here, now));
    out.push(NodeAction::Send { stream: gnb.stream_of(ran), ppid: PPID, octets, ue: Some(ue) });
}

/// A UE that connects anew leaves its old connection, which the AMF is asked to release.
pub(crate) fn leave_old_connection(gnb: &mut Gnb, ue: u32, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue(ue) else { return };
    let (amf, was_lost) = (connection.amf, connection.lost);
    let cause = CauseRadioNetwork::radio_connection_with_ue_lost;
    let request = amf.map(|amf| ue_context_release::message(amf, ran, &connection.sessions, cause));
    match gnb.detach(ran, out) {
        Some((_, Phase::Leaving(preparation))) if !preparation.expects_cancel_acknowledge() => {
            out.push(NodeAction::HandoverPreparationFailed { ue, cause: HandoverFailure::ConnectedAnew });
        }
        Some((_, Phase::Switching)) => {
            out.push(NodeAction::PathSwitchFailed { ue, cause: HandoverFailure::ConnectedAnew });
        }
        _ => {}
    }
    match request {
        Some(request) if !was_lost => gnb.send_ue(ran, request, out),
        Some(_) => {}
        // The AMF has not answered: there is no connection yet that it could release.
        None => {
            gnb.connections.remove(ran);
        }
    }
}

/// INITIAL UE MESSAGE (TS 38.413 §9.2.5.1).
fn message(
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
