//! UE Context Release and UE Context Release Request, gNB side (TS 38.413 §8.3.3, §8.3.2).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap_ie, extract_ngap_ies};

use super::handover_cancel;
use super::initial_ue_message::location;
use crate::ngap::codec::encode;
use crate::ngap::connections::Phase;
use crate::ngap::{Gnb, GnbSettings, Out};
use crate::node::action::NodeAction;
use crate::node::cause::{NgapCause, Released};
use crate::node::event::ReleaseCause;
use crate::node::tunnel::Resource;

/// Asks the AMF to release a UE (§8.3.2).
pub(crate) fn request(gnb: &mut Gnb, ue: u32, cause: ReleaseCause, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue_mut(ue) else {
        return out.push(NodeAction::Unexpected("release-without-connection"));
    };
    if connection.phase.has_left() {
        return out.push(NodeAction::Unexpected("release-in-handover"));
    }
    let Some(amf) = connection.amf else { return gnb.drop_connection(ran, Released::Normal, out) };
    if cause == ReleaseCause::RadioConnectionLost && std::mem::replace(&mut connection.lost, true) {
        return;
    }
    // A UE that is to be released is not to be handed over.
    if connection.phase.is_preparing() {
        handover_cancel::cancel(gnb, ue, out);
    }
    ask(gnb, ran, amf, cause.cause(), out);
}

/// UE CONTEXT RELEASE REQUEST with the sessions of the connection.
pub(crate) fn ask(gnb: &mut Gnb, ran: u32, amf: u64, cause: CauseRadioNetwork, out: &mut Out) {
    let sessions = gnb.connections.get(ran).map_or(&[][..], |connection| &connection.sessions);
    gnb.send_ue(ran, message(amf, ran, sessions, cause), out);
}

/// TS 38.413 §8.3.3.
pub(crate) fn commanded(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let command = command(pdu)?;
    let found = gnb.connections.find(command.amf, command.ran);
    let Some((ran, connection)) = found.and_then(|ran| Some((ran, gnb.connections.get(ran)?))) else {
        let cause = CauseRadioNetwork::unknown_local_UE_NGAP_ID;
        gnb.unknown(command.amf, command.ran, cause, out);
        return Ok(());
    };
    let handed_over = command.cause.is(CauseRadioNetwork::successful_handover)
        && (connection.phase.has_left() || connection.phase == Phase::GivenUp);
    let amf = command.amf.unwrap_or_default();
    let complete = complete(&gnb.settings, amf, ran, connection.cell, &connection.sessions);
    gnb.send_ue(ran, complete, out);
    gnb.drop_connection(ran, if handed_over { Released::HandedOver } else { Released::Normal }, out);
    Ok(())
}

/// UE CONTEXT RELEASE COMMAND (TS 38.413 §9.2.2.5). It names the UE by both ids, or by the AMF's alone.
struct Command {
    amf: Option<u64>,
    ran: Option<u32>,
    cause: NgapCause,
}

fn command(pdu: &NGAPPDU<'_>) -> Result<Command, Error> {
    extract_ngap_ies!(pdu, UEContextReleaseCommand,
        req ids: UENGAPIDs = UE_NGAP_IDs(ids) => ids,
        lax cause: Cause = Cause(cause) => cause,
    );
    let (amf, ran) = match ids {
        UENGAPIDs::uE_NGAP_ID_pair(pair) => (Some(pair.amf_ue_ngap_id.0), Some(pair.ran_ue_ngap_id.0)),
        UENGAPIDs::aMF_UE_NGAP_ID(amf) => (Some(amf.0), None),
        _ => (None, None),
    };
    Ok(Command { amf, ran, cause: cause.into() })
}

/// UE CONTEXT RELEASE COMPLETE (TS 38.413 §9.2.2.6), with the sessions that had a resource.
fn complete(
    settings: &GnbSettings,
    amf: u64,
    ran: u32,
    cell: u32,
    sessions: &[Resource],
) -> Result<Vec<u8>, Error> {
    use UEContextReleaseComplete as Message;
    let mut ies = vec![
        build_ngap_ie!(UEContextReleaseComplete, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(UEContextReleaseComplete, RAN_UE_NGAP_ID(ran))?,
        build_ngap_ie!(UEContextReleaseComplete, UserLocationInformation(location(settings, cell)?))?,
    ];
    if !sessions.is_empty() {
        let items = sessions.iter().map(|resource| {
            PDUSessionResourceItemCxtRelCpl::new(PDUSessionID(resource.session.value()), None)
        });
        let list = PDUSessionResourceListCxtRelCpl(items.collect());
        ies.push(build_ngap_ie!(UEContextReleaseComplete, PDUSessionResourceListCxtRelCpl(list))?);
    }
    encode(&Message::new(ProtocolIEContainer(ies)))
}

/// UE CONTEXT RELEASE REQUEST (TS 38.413 §9.2.2.4), with the sessions that have a resource.
pub(crate) fn message(
    amf: u64,
    ran: u32,
    sessions: &[Resource],
    cause: CauseRadioNetwork,
) -> Result<Vec<u8>, Error> {
    use UEContextReleaseRequest as Message;
    let mut ies = vec![
        build_ngap_ie!(UEContextReleaseRequest, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(UEContextReleaseRequest, RAN_UE_NGAP_ID(ran))?,
    ];
    if !sessions.is_empty() {
        let items = sessions.iter().map(|resource| {
            PDUSessionResourceItemCxtRelReq::new(PDUSessionID(resource.session.value()), None)
        });
        let list = PDUSessionResourceListCxtRelReq(items.collect());
        ies.push(build_ngap_ie!(UEContextReleaseRequest, PDUSessionResourceListCxtRelReq(list))?);
    }
    ies.push(build_ngap_ie!(UEContextReleaseRequest, Cause(Cause::radioNetwork(cause)))?);
    encode(&Message::new(ProtocolIEContainer(ies)))
}

impl ReleaseCause {
    /// Its cause in NGAP.
    pub(crate) fn cause(self) -> CauseRadioNetwork {
        match self {
            Self::UserInactivity => CauseRadioNetwork::user_inactivity,
            Self::RadioConnectionLost => CauseRadioNetwork::radio_connection_with_ue_lost,
        }
    }
}
