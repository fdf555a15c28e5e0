//! Initial Context Setup, gNB side (TS 38.413 §8.3.1).

use std::net::IpAddr;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap_ie, extract_ngap_ies};

use super::nas_transport;
use super::pdu_session_resource_setup::{Answer, Item, SetUp, slice, take_up, unsuccessful, wanted};
use crate::ngap::codec::{capabilities, encode};
use crate::ngap::{Gnb, Out};
use crate::node::cause::Refusal;
use crate::node::tunnel::SecurityCapabilities;

/// INITIAL CONTEXT SETUP REQUEST (§8.3.1.2).
pub(crate) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = ids(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let request = request(pdu, gnb.address())?;
    if let Some(connection) = gnb.connections.get_mut(ran) {
        connection.security = Some(request.security);
    }
    let SetUp { up, failed, nas } = take_up(gnb, ran, request.items, out);
    gnb.send_ue(ran, response(amf, ran, up, &failed), out);
    for nas in request.nas.into_iter().chain(nas) {
        nas_transport::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

/// What the gNB takes from an INITIAL CONTEXT SETUP REQUEST (TS 38.413 §9.2.2.1).
struct Request {
    nas: Option<Vec<u8>>,
    security: SecurityCapabilities,
    items: Vec<Item>,
}

/// The ids of a request alone: they tell whom a failure is about.
fn ids(pdu: &NGAPPDU<'_>) -> Result<(u64, u32), Error> {
    extract_ngap_ies!(pdu, InitialContextSetupRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}

fn request(pdu: &NGAPPDU<'_>, ours: Option<IpAddr>) -> Result<Request, Error> {
    extract_ngap_ies!(pdu, InitialContextSetupRequest,
        req _guami: GUAMI = GUAMI(guami) => guami,
        opt list: PDUSessionResourceSetupListCxtReq = PDUSessionResourceSetupListCxtReq(list) => list,
        req _slices: AllowedNSSAI = AllowedNSSAI(slices) => slices,
        req security: SecurityCapabilities = UESecurityCapabilities(given) => capabilities::read(&given),
        req _key: SecurityKey = SecurityKey(key) => key,
        lax nas: NASPDU = NAS_PDU(nas) => nas,
    );
    let items = list
        .into_iter()
        .flat_map(|list| list.0)
        .map(|item| Item {
            id: item.pdu_session_id.0,
            nas: item.nas_pdu.map(|nas| nas.0.to_vec()),
            slice: slice(&item.s_nssai),
            wanted: wanted(&item.pdu_session_resource_setup_request_transfer, ours),
        })
        .collect();
    Ok(Request { nas: nas.map(|nas| nas.0.to_vec()), security, items })
}

/// INITIAL CONTEXT SETUP RESPONSE (TS 38.413 §9.2.2.2).
fn response(amf: u64, ran: u32, up: Vec<Answer>, failed: &[(u8, Refusal)]) -> Result<Vec<u8>, Error> {
    use InitialContextSetupResponse as Message;
    let mut ies = vec![
        build_ngap_ie!(InitialContextSetupResponse, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(InitialContextSetupResponse, RAN_UE_NGAP_ID(ran))?,
    ];
    if !up.is_empty() {
        let items = up
            .into_iter()
            .map(|(id, transfer)| PDUSessionResourceSetupItemCxtRes::new(PDUSessionID(id), transfer, None));
        let list = PDUSessionResourceSetupListCxtRes(items.collect());
        ies.push(build_ngap_ie!(InitialContextSetupResponse, PDUSessionResourceSetupListCxtRes(list))?);
    }
    if !failed.is_empty() {
        let items: Result<_, Error> = failed
            .iter()
            .map(|&(id, refusal)| {
                let transfer = unsuccessful(refusal)?;
                Ok(PDUSessionResourceFailedToSetupItemCxtRes::new(PDUSessionID(id), transfer, None))
            })
            .collect();
        let list = PDUSessionResourceFailedToSetupListCxtRes(items?);
        ies.push(build_ngap_ie!(
            InitialContextSetupResponse,
            PDUSessionResourceFailedToSetupListCxtRes(list)
        )?);
    }
    encode(&Message::new(ProtocolIEContainer(ies)))
}
