//! UE Context Release and UE Context Release Request, gNB side (TS 38.413 §8.3.3, §8.3.2).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap_ie, extract_ngap_ies};

use super::initial_ue_message::location;
use crate::ngap::codec::encode;
use crate::ngap::{GnbSettings, NgapCause, ReleaseCause, Resource};

/// UE CONTEXT RELEASE COMMAND (TS 38.413 §9.2.2.5). It names the UE by both ids, or by the AMF's alone.
pub(crate) struct Command {
    pub(crate) amf: Option<u64>,
    pub(crate) ran: Option<u32>,
    pub(crate) cause: NgapCause,
}

pub(crate) fn command(pdu: &NGAPPDU<'_>) -> Result<Command, Error> {
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
pub(crate) fn complete(
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
pub(crate) fn request(
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
