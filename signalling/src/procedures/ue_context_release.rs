//! UE Context Release and UE Context Release Request, gNB side (TS 38.413 §8.3.3, §8.3.2).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use super::initial_ue_message::location;
use crate::gnb::{GnbSettings, ReleaseCause};

/// The UE that a UE CONTEXT RELEASE COMMAND names (TS 38.413 §9.2.2.5): by both ids, or by the AMF's alone.
pub(crate) fn command(pdu: &NGAPPDU<'_>) -> Result<(Option<u64>, Option<u32>), Error> {
    extract_ngap_ies!(pdu, UEContextReleaseCommand,
        req ids: UENGAPIDs = UE_NGAP_IDs(ids) => ids,
    );
    Ok(match ids {
        UENGAPIDs::uE_NGAP_ID_pair(pair) => (Some(pair.amf_ue_ngap_id.0), Some(pair.ran_ue_ngap_id.0)),
        UENGAPIDs::aMF_UE_NGAP_ID(amf) => (Some(amf.0), None),
        _ => (None, None),
    })
}

/// UE CONTEXT RELEASE COMPLETE (TS 38.413 §9.2.2.6).
pub(crate) fn complete(settings: &GnbSettings, amf: u64, ran: u32, cell: u32) -> Result<Vec<u8>, Error> {
    build_ngap!(
        SuccessfulOutcome,
        UEContextRelease,
        UEContextReleaseComplete,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        UserLocationInformation(location(settings, cell)?),
    )?
    .encode()
}

/// UE CONTEXT RELEASE REQUEST (TS 38.413 §9.2.2.4).
pub(crate) fn request(amf: u64, ran: u32, cause: ReleaseCause) -> Result<Vec<u8>, Error> {
    let cause = match cause {
        ReleaseCause::UserInactivity => CauseRadioNetwork::user_inactivity,
        ReleaseCause::RadioConnectionLost => CauseRadioNetwork::radio_connection_with_ue_lost,
    };
    build_ngap!(
        InitiatingMessage,
        UEContextReleaseRequest,
        UEContextReleaseRequest,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        Cause(Cause::radioNetwork(cause)),
    )?
    .encode()
}
