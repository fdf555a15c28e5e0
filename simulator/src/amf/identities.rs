//! The 5G-GUTI of UEs (TS 23.003 §2.10).

use oxirush_nas::nas_5gs::{Guti, NasFGsMobileIdentity};
use rand::RngCore;

use super::Amf;
use super::ue::UeId;

/// The UE with the 5G-GUTI of an identity, when the GUAMI is ours and the 5G-TMSI is known.
pub(super) fn find(amf: &Amf, identity: &NasFGsMobileIdentity) -> Option<UeId> {
    let guti = identity.as_guti()?;
    let settings = &amf.settings;
    let ours = guti.amf_region_id() == settings.region
        && guti.amf_set_id() == settings.place.set
        && guti.amf_pointer() == settings.place.pointer
        && amf.serving.iter().any(|serving| serving.nas == guti.plmn());
    if ours { amf.ues.find_tmsi(guti.tmsi()) } else { None }
}

/// The 5G-GUTI of a 5G-TMSI of this AMF.
pub(super) fn guti(amf: &Amf, plmn: usize, tmsi: u32) -> Option<Guti> {
    let settings = &amf.settings;
    Guti::new(amf.serving.get(plmn)?.nas, settings.region, settings.place.set, settings.place.pointer, tmsi)
        .ok()
}

/// The UE is to be told a 5G-TMSI that it does not have. Where it has not confirmed the one that it was told last, it may have either,
/// and both are valid (TS 24.501 §5.4.4.6, §5.5.1.2.8): it is told the same again. A third would take away the one that it has.
pub(super) fn offer_tmsi(amf: &mut Amf, ue: UeId) {
    if amf.ues.get(ue).is_some_and(|ue| ue.old_tmsi == 0) {
        give_tmsi(amf, ue);
    }
}

/// Gives a UE a 5G-TMSI that nobody has, unpredictable but for who knows the seed.
fn give_tmsi(amf: &mut Amf, ue: UeId) {
    for _ in 0..TMSI_DRAWS {
        let tmsi = amf.rng.next_u32();
        if amf.ues.give_tmsi(ue, tmsi) {
            return;
        }
    }
}

/// With four million UEs, ten draws in a row all taken is once in 10^30.
const TMSI_DRAWS: usize = 10;
