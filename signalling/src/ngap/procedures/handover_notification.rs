//! Handover Notification, target gNB (TS 38.413 §8.4.3).

use oxirush_ngap::{Error, build_ngap};

use super::initial_ue_message::location;
use crate::ngap::GnbSettings;

/// HANDOVER NOTIFY (TS 38.413 §9.2.3.7).
pub(crate) fn notify(settings: &GnbSettings, amf: u64, ran: u32, cell: u32) -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        HandoverNotification,
        HandoverNotify,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        UserLocationInformation(location(settings, cell)?),
    )?
    .encode()
}
