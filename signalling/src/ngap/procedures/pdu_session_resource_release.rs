//! PDU Session Resource Release, gNB side (TS 38.413 §8.2.2).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

/// PDU SESSION RESOURCE RELEASE COMMAND (TS 38.413 §9.2.1.3).
pub(crate) struct Command {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) nas: Option<Vec<u8>>,
    pub(crate) sessions: Vec<u8>,
}

pub(crate) fn command(pdu: &NGAPPDU<'_>) -> Result<Command, Error> {
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
pub(crate) fn response(amf: u64, ran: u32, sessions: &[u8]) -> Result<Vec<u8>, Error> {
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
