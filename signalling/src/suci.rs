//! The SUCI of an IMSI (TS 23.003 §2.2B, TS 33.501 §6.12.2, Annex C).

use oxirush_security::nas_5gs::{HomeNetworkPublicKey, Protection, RoutingIndicator, Suci};

use crate::settings::{Subscriber, SuciScheme};

/// The SUCI as the value of a 5GS mobile identity; `None` when the home network public key is no key.
pub(crate) fn conceal(
    subscriber: &Subscriber,
    scheme: &SuciScheme,
    _rng: &mut dyn rand::RngCore,
) -> Option<Vec<u8>> {
    let (mcc, mnc) = (subscriber.plmn.mcc(), subscriber.plmn.mnc());
    let imsi = subscriber.imsi.to_string();
    let msin = imsi.get(mcc.len() + mnc.len()..)?;
    let plmn = oxirush_security::Plmn::new(&mcc, &mnc).ok()?;
    let (key_id, key) = match scheme {
        SuciScheme::Null => {
            let suci = Suci::conceal_imsi(plmn, msin, RoutingIndicator::default(), Protection::Null).ok()?;
            return suci.to_nas_octets().ok();
        }
        SuciScheme::ProfileA { key_id, public_key } => (*key_id, HomeNetworkPublicKey::profile_a(public_key)),
        SuciScheme::ProfileB { key_id, public_key } => {
            (*key_id, HomeNetworkPublicKey::profile_b(public_key).ok()?)
        }
    };
    let protection = Protection::Ecies { key_id, key: &key };
    Suci::conceal_imsi(plmn, msin, RoutingIndicator::default(), protection).ok()?.to_nas_octets().ok()
}
