//! PDU Session Resource Release, gNB side (TS 38.413 §8.2.2).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use super::nas_transport;
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::tunnel::{Resource, Teids};

/// PDU SESSION RESOURCE RELEASE COMMAND (§8.2.2.2).
pub(crate) fn commanded(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let command = command(pdu)?;
    let (amf, ran) = (command.amf, command.ran);
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    for id in &command.sessions {
        release_one(gnb, ran, *id, out);
    }
    gnb.send_ue(ran, response(amf, ran, &command.sessions), out);
    if let Some(nas) = command.nas {
        nas_transport::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

pub(crate) fn release_one(gnb: &mut Gnb, ran: u32, id: u8, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    let at = connection.sessions.iter().position(|known| known.session.value() == id);
    match at.map(|at| connection.sessions.remove(at)) {
        Some(resource) => give_back(&mut gnb.teids, connection.ue, &resource, out),
        None => out.push(NodeAction::Unexpected("release-of-unknown-session")),
    }
}

/// The end of a resource that has a TEID.
pub(in crate::ngap) fn give_back(teids: &mut Teids, ue: Option<u32>, resource: &Resource, out: &mut Out) {
    if resource.local_teid == 0 {
        return;
    }
    teids.release(resource.local_teid);
    if let Some(ue) = ue {
        out.push(NodeAction::SessionResourceReleased { ue, session: resource.session });
    }
}

/// PDU SESSION RESOURCE RELEASE COMMAND (TS 38.413 §9.2.1.3).
struct Command {
    amf: u64,
    ran: u32,
    nas: Option<Vec<u8>>,
    sessions: Vec<u8>,
}

fn command(pdu: &NGAPPDU<'_>) -> Result<Command, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceReleaseCommand,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        lax nas: NASPDU = NAS_PDU(nas) => nas,
        req list: PDUSessionResourceToReleaseListRelCmd = PDUSessionResourceToReleaseListRelCmd(list) => list,
    );
    let sessions = list.0.iter().map(|item| item.pdu_session_id.0).collect();
    Ok(Command { amf, ran, nas: nas.map(|nas| nas.0.to_vec()), sessions })
}

/// PDU SESSION RESOURCE RELEASE RESPONSE (TS 38.413 §9.2.1.4). It names every session of the command, also one that was not
/// there: nothing is left of it.
fn response(amf: u64, ran: u32, sessions: &[u8]) -> Result<Vec<u8>, Error> {
    let transfer = encode_open_type(&PDUSessionResourceReleaseResponseTransfer::new(None))?;
    let items = sessions
        .iter()
        .map(|&id| PDUSessionResourceReleasedItemRelRes::new(PDUSessionID(id), transfer.clone(), None));
    build_ngap!(
        SuccessfulOutcome,
        PDUSessionResourceRelease,
        PDUSessionResourceReleaseResponse,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        PDUSessionResourceReleasedListRelRes(PDUSessionResourceReleasedListRelRes(items.collect())),
    )?
    .encode()
}
