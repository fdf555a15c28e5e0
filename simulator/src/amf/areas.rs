//! The tracking areas and slices that a gNB and the AMF have in common (TS 38.413 §8.7.1, §8.7.2).

use identity::Snssai;
use oxirush_ngap::ngap::*;

use super::Amf;
use super::gnb::Area;
use crate::statistics::Refusal;

/// The tracking areas in common, or what there is not.
pub(super) fn in_common(amf: &Amf, areas: &SupportedTAList) -> Result<Vec<Area>, (Refusal, Cause)> {
    let served = |plmn: &PLMNIdentity| amf.serving.iter().any(|serving| serving.octets == plmn.0);
    let broadcast = || {
        areas.0.iter().flat_map(|area| area.broadcast_plmn_list.0.iter().map(move |plmn| (area.tac.0, plmn)))
    };
    if !broadcast().any(|(_, item)| served(&item.plmn_identity)) {
        return Err((Refusal::UnknownPlmn, Cause::misc(CauseMisc::unknown_PLMN_or_SNPN)));
    }
    let common = broadcast().filter_map(|(tac, item)| {
        let plmn = amf.serving.iter().position(|serving| serving.octets == item.plmn_identity.0)?;
        let tacs = &amf.settings.networks.get(plmn)?.tacs;
        let tac = tacs.iter().find(|served| served.octets() == tac).copied()?;
        let slices = item
            .tai_slice_support_list
            .0
            .iter()
            .map(|item| Snssai { sst: item.s_nssai.sst.0[0], sd: item.s_nssai.sd.as_ref().map(|sd| sd.0) });
        Some(Area { plmn, tac, slices: slices.collect() })
    });
    let common: Vec<Area> = common.collect();
    // No cause of TS 38.413 §9.3.1.2 says that a tracking area is unknown.
    if common.is_empty() {
        return Err((Refusal::UnknownTac, Cause::misc(CauseMisc::unspecified)));
    }
    let mut slices = common.iter().flat_map(|area| &area.slices);
    if !slices.any(|slice| amf.settings.slices.contains(slice)) {
        return Err((Refusal::NoCommonSlice, Cause::radioNetwork(CauseRadioNetwork::slice_not_supported)));
    }
    Ok(common)
}
