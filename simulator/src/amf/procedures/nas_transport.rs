//! NAS Transport (TS 38.413 §8.6).

use identity::Tac;
use oxirush_ngap::{Error, extract_ngap_ies, ngap::*};

use super::{error_indication, ue_context_release};
use crate::amf::connection::{Connection, ConnectionId, State};
use crate::amf::{Amf, nas, ngap};
use crate::sessions::EventContext;
use crate::statistics::Refusal;

/// INITIAL UE MESSAGE: a new connection, with the first NAS message of a UE.
pub(in crate::amf) fn initial(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, InitialUEMessage,
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        req nas: NASPDU = NAS_PDU(nas) => nas,
        req location: UserLocationInformation = UserLocationInformation(location) => location,
    );
    let Some((plmn, tac)) = tai(&location).and_then(|tai| area(amf, tai)) else {
        amf.refuse(Refusal::UnknownPlmn);
        let cause = Cause::misc(CauseMisc::unknown_PLMN_or_SNPN);
        error_indication::out_of_state(amf, context, association, pdu, cause);
        return Ok(());
    };
    // A RAN UE NGAP ID that is used again: the gNB has forgotten the UE before.
    let before = amf.gnbs.get(&association).and_then(|gnb| gnb.connections.get(&ran_ue_id)).copied();
    if let Some(before) = before {
        ue_context_release::locally(amf, context, before);
    }
    if amf.connections.len() >= amf.settings.limits.connections {
        amf.refuse(Refusal::TooManyConnections);
        let cause = Cause::misc(CauseMisc::control_processing_overload);
        error_indication::out_of_state(amf, context, association, pdu, cause);
        return Ok(());
    }
    let Some(id) = connect(amf, association, ran_ue_id, plmn, tac) else { return Ok(()) };
    if let Some(gnb) = amf.gnbs.get_mut(&association) {
        gnb.connections.insert(ran_ue_id, id);
    }
    nas::received(amf, context, id, nas.0.as_slice(), true);
    // Whatever came of it, a connection on which nothing runs and nobody is known is not kept.
    let idle = amf.connections.get(&id).is_some_and(|one| one.state == State::Quiet && !one.secured);
    if idle {
        ue_context_release::command(amf, context, id, Cause::nas(CauseNas::normal_release));
    }
    Ok(())
}

fn connect(amf: &mut Amf, association: u32, ran_ue_id: u32, plmn: usize, tac: Tac) -> Option<ConnectionId> {
    let gnb = amf.gnbs.get_mut(&association)?;
    // 40 bits; a connection that lives while a million million others come and go is not expected.
    amf.last_connection = (amf.last_connection + 1) % (1 << 40);
    let id = ConnectionId(amf.last_connection);
    let connection = Connection {
        association,
        stream: gnb.stream_of(id),
        ran_ue_id,
        ran_ue_id_known: true,
        tac,
        plmn,
        ue: None,
        secured: false,
        context_set_up: false,
        resources_asked: false,
        leg: None,
        state: State::Quiet,
        attempt: None,
        repeat: None,
        timer: None,
        last_due: None,
    };
    amf.connections.insert(id, connection);
    Some(id)
}

/// A connection that a gNB is asked to make: the UE is to be handed over to it.
pub(in crate::amf) fn expect(amf: &mut Amf, association: u32, plmn: usize, tac: Tac) -> Option<ConnectionId> {
    if amf.connections.len() >= amf.settings.limits.connections {
        return None;
    }
    let id = connect(amf, association, 0, plmn, tac)?;
    let gnb = amf.gnbs.get_mut(&association)?;
    gnb.arriving.push(id);
    amf.connections.get_mut(&id)?.ran_ue_id_known = false;
    Some(id)
}

/// A gNB has the UE of a connection from now on, under this RAN UE NGAP ID.
pub(in crate::amf) fn adopt(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    ran_ue_id: u32,
    id: ConnectionId,
) {
    let before = amf.gnbs.get(&association).and_then(|gnb| gnb.connections.get(&ran_ue_id)).copied();
    if let Some(before) = before.filter(|before| *before != id) {
        ue_context_release::locally(amf, context, before);
    }
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    if let Some(gnb) = amf.gnbs.get_mut(&connection.association)
        && gnb.connections.get(&connection.ran_ue_id) == Some(&id)
    {
        gnb.connections.remove(&connection.ran_ue_id);
    }
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    gnb.connections.insert(ran_ue_id, id);
    connection.association = association;
    connection.stream = gnb.stream_of(id);
    (connection.ran_ue_id, connection.ran_ue_id_known) = (ran_ue_id, true);
}

/// The tracking area of a UE at a gNB or an ng-eNB (TS 38.413 §9.3.1.16).
pub(in crate::amf) fn tai<'a>(location: &'a UserLocationInformation<'_>) -> Option<&'a TAI> {
    match location {
        UserLocationInformation::userLocationInformationNR(location) => Some(&location.tai),
        UserLocationInformation::userLocationInformationEUTRA(location) => Some(&location.tai),
        _ => None,
    }
}

/// The place of the PLMN in the settings, and the tracking area. `None` for a PLMN that is not served.
pub(in crate::amf) fn area(amf: &Amf, tai: &TAI) -> Option<(usize, Tac)> {
    let plmn = amf.serving.iter().position(|plmn| plmn.octets == tai.plmn_identity.0)?;
    let [a, b, c] = tai.tac.0;
    Some((plmn, Tac::new(u32::from_be_bytes([0, a, b, c]))?))
}

/// Where the UE is now.
pub(in crate::amf) fn locate(
    amf: &mut Amf,
    id: ConnectionId,
    location: Option<&UserLocationInformation<'_>>,
) {
    let Some((plmn, tac)) = location.and_then(tai).and_then(|tai| area(amf, tai)) else { return };
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    (connection.plmn, connection.tac) = (plmn, tac);
}

/// UPLINK NAS TRANSPORT.
pub(in crate::amf) fn uplink(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, UplinkNASTransport,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        req nas: NASPDU = NAS_PDU(nas) => nas,
        lax location: UserLocationInformation = UserLocationInformation(location) => location,
    );
    let Some(id) = ngap::connection_of(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(());
    };
    // It crossed the UE CONTEXT RELEASE COMMAND.
    if amf.connections.get(&id).is_some_and(|one| one.state == State::ExpectReleaseComplete) {
        amf.refuse(Refusal::OutOfState);
        return Ok(());
    }
    locate(amf, id, location.as_ref());
    nas::received(amf, context, id, nas.0.as_slice(), false);
    Ok(())
}

/// NAS NON DELIVERY INDICATION: the timers of NAS repeat what matters.
pub(in crate::amf) fn not_delivered(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, NASNonDeliveryIndication,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    ngap::connection_of(amf, context, association, amf_ue_id, ran_ue_id);
    Ok(())
}
