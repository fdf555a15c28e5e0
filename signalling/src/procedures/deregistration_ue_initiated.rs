//! UE-initiated de-registration, UE side (TS 24.501 §5.5.2.2).

use oxirush_nas::nas_5gs::{
    AccessTypeValue, NasDeRegistrationType, NasDeregistrationRequestUeOriginating, NasFGsMobileIdentity,
    NasKeySetIdentifier,
};

/// DEREGISTRATION REQUEST (TS 24.501 §8.2.12). It has cleartext IEs alone.
pub(crate) fn request(
    switch_off: bool,
    ng_ksi: u8,
    identity: NasFGsMobileIdentity,
) -> NasDeregistrationRequestUeOriginating {
    let kind = NasDeRegistrationType::default()
        .with_access_type(AccessTypeValue::ThreeGppAccess)
        .with_switch_off(switch_off);
    NasDeregistrationRequestUeOriginating::new(kind, NasKeySetIdentifier::new(ng_ksi), identity)
}

/// The expiry of T3521 at which the UE gives up (§5.5.2.2.6 c): it sends the request five times in all.
pub(crate) const MAX_EXPIRIES: u8 = 5;
