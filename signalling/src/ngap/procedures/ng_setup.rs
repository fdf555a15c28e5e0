//! NG Setup, gNB side (TS 38.413 §8.7.1).

use std::time::Duration;

use oxirush_ngap::helpers::{global_gnb_id, s_nssai};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::ngap::{GnbSettings, NgapCause};

/// NG SETUP REQUEST (TS 38.413 §9.2.6.1).
pub(crate) fn request(settings: &GnbSettings) -> Result<Vec<u8>, Error> {
    let plmn = PLMNIdentity(settings.plmn.ngap_octets());
    let slices = settings
        .slices
        .iter()
        .map(|slice| SliceSupportItem::new(s_nssai(slice.sst, slice.sd), None))
        .collect();
    let broadcast = BroadcastPLMNItem::new(plmn, SliceSupportList(slices), None);
    let area = SupportedTAItem::new(TAC(settings.tac.octets()), BroadcastPLMNList(vec![broadcast]), None);
    let gnb = global_gnb_id(plmn, settings.gnb_id, settings.gnb_id_bits())?;
    build_ngap!(
        InitiatingMessage,
        NGSetup,
        NGSetupRequest,
        GlobalRANNodeID(GlobalRANNodeID::globalGNB_ID(gnb)),
        RANNodeName(settings.name.as_str()),
        SupportedTAList(SupportedTAList(vec![area])),
        DefaultPagingDRX(PagingDRX::v128),
    )?
    .encode()
}

/// The cause of an NG SETUP FAILURE (TS 38.413 §9.2.6.3), whether it is one that passes, and the Time to Wait.
pub(crate) fn failure(pdu: &NGAPPDU<'_>) -> Result<(String, bool, Option<Duration>), Error> {
    extract_ngap_ies!(pdu, NGSetupFailure,
        lax cause: Cause = Cause(cause) => cause,
        lax wait: TimeToWait = TimeToWait(wait) => wait,
    );
    let passes = cause.as_ref().is_some_and(passes);
    let cause = NgapCause::from(cause).to_string();
    let wait = wait.map(|wait| {
        Duration::from_secs(match wait {
            TimeToWait::v1s => 1,
            TimeToWait::v2s => 2,
            TimeToWait::v5s => 5,
            TimeToWait::v10s => 10,
            TimeToWait::v20s => 20,
            _ => 60,
        })
    });
    Ok((cause, passes, wait))
}

/// Whether the AMF may accept the same request later (TS 38.413 §9.3.1.2).
fn passes(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::misc(
            CauseMisc::control_processing_overload
                | CauseMisc::not_enough_user_plane_processing_resources
                | CauseMisc::hardware_failure
                | CauseMisc::om_intervention
        ) | Cause::transport(_)
    )
}

/// AMF CONFIGURATION UPDATE ACKNOWLEDGE (TS 38.413 §9.2.6.8).
pub(crate) fn amf_configuration_update_acknowledge() -> Result<Vec<u8>, Error> {
    build_ngap!(SuccessfulOutcome, AMFConfigurationUpdate, AMFConfigurationUpdateAcknowledge,)?.encode()
}
