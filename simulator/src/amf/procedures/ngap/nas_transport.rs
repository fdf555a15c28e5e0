//! NAS Transport (TS 38.413 §8.6).

use oxirush_ngap::{Error, extract_ngap_ies, ngap::*};

use crate::amf::procedures::Step;
use crate::amf::{Amf, connections, errors, leaving};
use crate::sessions::EventContext;
use crate::statistics::Refusal;

/// INITIAL UE MESSAGE: a new connection, with the first NAS message of a UE.
pub(in crate::amf) fn initial<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, InitialUEMessage,
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        req nas: NASPDU = NAS_PDU(nas) => nas,
        req location: UserLocationInformation = UserLocationInformation(location) => location,
    );
    let Some((plmn, tac)) = connections::tai(&location).and_then(|tai| connections::area(amf, tai)) else {
        amf.refuse(Refusal::UnknownPlmn);
        let cause = Cause::misc(CauseMisc::unknown_PLMN_or_SNPN);
        errors::refuse(amf, context.now(), association, pdu, cause);
        return Ok(Step::Stay);
    };
    // A RAN UE NGAP ID that is used again: the gNB has forgotten the UE before.
    let before = amf.gnbs.get(&association).and_then(|gnb| gnb.connections.get(&ran_ue_id)).copied();
    if let Some(before) = before {
        leaving::forget(amf, context, before);
    }
    if amf.connections.len() >= amf.settings.limits.connections {
        amf.refuse(Refusal::TooManyConnections);
        let cause = Cause::misc(CauseMisc::control_processing_overload);
        errors::refuse(amf, context.now(), association, pdu, cause);
        return Ok(Step::Stay);
    }
    let Some(id) = connections::open(amf, association, ran_ue_id, plmn, tac) else { return Ok(Step::Stay) };
    if let Some(gnb) = amf.gnbs.get_mut(&association) {
        gnb.connections.insert(ran_ue_id, id);
    }
    Ok(Step::Nas { connection: id, pdu: nas, initial: true })
}

/// UPLINK NAS TRANSPORT.
pub(in crate::amf) fn uplink<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, UplinkNASTransport,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        req nas: NASPDU = NAS_PDU(nas) => nas,
        lax location: UserLocationInformation = UserLocationInformation(location) => location,
    );
    let Some(id) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    // It crossed the UE CONTEXT RELEASE COMMAND.
    if amf.connections.get(&id).is_some_and(|connection| connection.is_being_released()) {
        amf.refuse(Refusal::OutOfState);
        return Ok(Step::Stay);
    }
    connections::locate(amf, id, location.as_ref());
    Ok(Step::Nas { connection: id, pdu: nas, initial: false })
}

/// NAS NON DELIVERY INDICATION: the timers of NAS repeat what matters.
pub(in crate::amf) fn not_delivered<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, NASNonDeliveryIndication,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    connections::named(amf, context, association, amf_ue_id, ran_ue_id);
    Ok(Step::Stay)
}
