//! What a UE is told when its home network does not want it served (TS 29.524): the table that docs/targets.md has.

use identity::Imsi;
use oxirush_nas::nas_5gs::GmmCause;
use scenarios::HomeAnswer;

use super::Amf;
use crate::sessions::SessionSettings;

/// What the home network says of a subscriber whom it has not got: somebody of a network that we deal with is unknown there; with
/// another network there is no roaming agreement.
pub(super) fn of_unknown(amf: &Amf, settings: &SessionSettings, imsi: Imsi) -> HomeAnswer {
    let digits = imsi.to_string();
    let ours = |plmn: &identity::Plmn| digits.starts_with(&(plmn.mcc() + &plmn.mnc()));
    let known = amf.settings.networks.iter().any(|network| ours(&network.plmn))
        || settings.roaming.iter().any(|agreement| ours(&agreement.visited));
    if known { HomeAnswer::UserNotFound } else { HomeAnswer::RoamingNotAllowed }
}

/// The answer comes before the authentication, which it prevents.
pub(super) fn prevents_authentication(answer: HomeAnswer) -> bool {
    matches!(answer, HomeAnswer::UserNotFound | HomeAnswer::ServingNetworkNotAuthorized)
}

/// The 5GMM cause of the REGISTRATION REJECT (TS 29.524 §4); `None` where the UE is registered.
pub(super) fn registration_cause(answer: HomeAnswer) -> Option<GmmCause> {
    Some(match answer {
        HomeAnswer::UserNotFound | HomeAnswer::NoSubscription | HomeAnswer::AccessNotAllowed => {
            GmmCause::FiveGsServicesNotAllowed
        }
        HomeAnswer::ServingNetworkNotAuthorized => GmmCause::ServingNetworkNotAuthorized,
        HomeAnswer::RoamingNotAllowed | HomeAnswer::Barred => GmmCause::PlmnNotAllowed,
        HomeAnswer::RoamingNotAllowedInArea => GmmCause::RoamingNotAllowedInThisTrackingArea,
        HomeAnswer::RoamingNotAllowedInCells => GmmCause::NoSuitableCellsInTrackingArea,
        HomeAnswer::RatNotAllowed => GmmCause::N1ModeNotAllowed,
        HomeAnswer::DnnNotAllowed
        | HomeAnswer::SessionRoamingNotAllowed
        | HomeAnswer::SessionUserNotFound => return None,
    })
}
