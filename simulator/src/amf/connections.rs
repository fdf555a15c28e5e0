//! The UE-associated logical NG-connections: how they are opened, named, and moved to another gNB (TS 38.413 §8.6, §10.6).

use identity::Tac;
use oxirush_ngap::ngap::*;

use super::connection::{Connection, ConnectionId};
use super::procedures::Procedure;
use super::{Amf, errors, leaving};
use crate::sessions::EventContext;
use crate::statistics::Refusal;

/// The connection that an answer of a gNB is about. An answer that lacks one of the identifiers is taken by the other
/// (TS 38.413 §10.3.5: their criticality is *ignore* there).
pub(super) fn answered(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    amf_ue_id: Option<u64>,
    ran_ue_id: Option<u32>,
) -> Option<ConnectionId> {
    match (amf_ue_id, ran_ue_id) {
        (Some(amf_ue_id), Some(ran_ue_id)) => named(amf, context, association, amf_ue_id, ran_ue_id),
        _ => known(amf, association, amf_ue_id, ran_ue_id),
    }
}

/// The connection of a gNB that has these identifiers, as far as they are given.
pub(super) fn known(
    amf: &Amf,
    association: u32,
    amf_ue_id: Option<u64>,
    ran_ue_id: Option<u32>,
) -> Option<ConnectionId> {
    let by_ran = || amf.gnbs.get(&association)?.connections.get(&ran_ue_id?).copied();
    let id = amf_ue_id.map(ConnectionId).or_else(by_ran)?;
    let connection = amf.connections.get(&id).filter(|connection| connection.association == association)?;
    let agrees = ran_ue_id.is_none_or(|ran| !connection.ran_ue_id_known || connection.ran_ue_id == ran);
    agrees.then_some(id)
}

/// The connection that a message of a UE names. One that this gNB does not have, or has under another RAN UE NGAP
/// ID, is answered as TS 38.413 §10.6 says.
pub(super) fn named(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    amf_ue_id: u64,
    ran_ue_id: u32,
) -> Option<ConnectionId> {
    let id = ConnectionId(amf_ue_id);
    if let Some(connection) = amf.connections.get_mut(&id)
        && connection.association == association
        && !connection.ran_ue_id_known
    {
        (connection.ran_ue_id, connection.ran_ue_id_known) = (ran_ue_id, true);
    }
    let known = amf.connections.get(&id).filter(|connection| connection.association == association);
    let cause = match known {
        Some(connection) if connection.ran_ue_id == ran_ue_id => return Some(id),
        Some(_) => {
            amf.refuse(Refusal::InconsistentUeId);
            leaving::forget(amf, context, id);
            CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID
        }
        None => {
            amf.refuse(Refusal::UnknownUeId);
            CauseRadioNetwork::unknown_local_UE_NGAP_ID
        }
    };
    let ids = (amf_ue_id, ran_ue_id);
    errors::indicate(amf, context.now(), association, ids, Cause::radioNetwork(cause));
    None
}

/// A new connection of a gNB.
pub(super) fn open(
    amf: &mut Amf,
    association: u32,
    ran_ue_id: u32,
    plmn: usize,
    tac: Tac,
) -> Option<ConnectionId> {
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
        procedure: Procedure::None,
        candidate: None,
        repeat: None,
        timer: None,
        last_due: None,
    };
    amf.connections.insert(id, connection);
    Some(id)
}

/// A connection that a gNB is asked to make: the UE is to be handed over to it.
pub(super) fn expect(amf: &mut Amf, association: u32, plmn: usize, tac: Tac) -> Option<ConnectionId> {
    if amf.connections.len() >= amf.settings.limits.connections {
        return None;
    }
    let id = open(amf, association, 0, plmn, tac)?;
    let gnb = amf.gnbs.get_mut(&association)?;
    gnb.arriving.push(id);
    amf.connections.get_mut(&id)?.ran_ue_id_known = false;
    Some(id)
}

/// A gNB has the UE of a connection from now on, under this RAN UE NGAP ID.
pub(super) fn adopt(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    ran_ue_id: u32,
    id: ConnectionId,
) {
    let before = amf.gnbs.get(&association).and_then(|gnb| gnb.connections.get(&ran_ue_id)).copied();
    if let Some(before) = before.filter(|before| *before != id) {
        leaving::forget(amf, context, before);
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
pub(super) fn tai<'a>(location: &'a UserLocationInformation<'_>) -> Option<&'a TAI> {
    match location {
        UserLocationInformation::userLocationInformationNR(location) => Some(&location.tai),
        UserLocationInformation::userLocationInformationEUTRA(location) => Some(&location.tai),
        _ => None,
    }
}

/// The place of the PLMN in the settings, and the tracking area. `None` for a PLMN that is not served.
pub(super) fn area(amf: &Amf, tai: &TAI) -> Option<(usize, Tac)> {
    let plmn = amf.serving.iter().position(|plmn| plmn.octets == tai.plmn_identity.0)?;
    let [a, b, c] = tai.tac.0;
    Some((plmn, Tac::new(u32::from_be_bytes([0, a, b, c]))?))
}

/// Where the UE is now.
pub(super) fn locate(amf: &mut Amf, id: ConnectionId, location: Option<&UserLocationInformation<'_>>) {
    let Some((plmn, tac)) = location.and_then(tai).and_then(|tai| area(amf, tai)) else { return };
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    (connection.plmn, connection.tac) = (plmn, tac);
}
