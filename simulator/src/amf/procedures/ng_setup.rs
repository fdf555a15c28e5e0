//! NG Setup (TS 38.413 §8.7.1).

use crate::amf::Turn;

use identity::{Snssai, Tac};
use oxirush_ngap::helpers::{guami, s_nssai};
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::gnb::GnbIdentity;
use crate::amf::{Amf, AmfAction, Message, Refusal, sending};

/// NG SETUP REQUEST: accepted when the gNB and the AMF have a PLMN, a tracking area and a slice in common.
pub(in crate::amf) fn requested(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    let Ok((node, areas)) = read(pdu) else {
        amf.refuse(Refusal::MalformedNgap);
        let cause = CauseProtocol::abstract_syntax_error_reject;
        fail(amf, turn, association, Cause::protocol(cause));
        return Ok(());
    };
    let Some(identity) = identity_of(&node) else {
        amf.refuse(Refusal::MalformedNgap);
        fail(amf, turn, association, Cause::protocol(CauseProtocol::semantic_error));
        return Ok(());
    };
    match judge(amf, &areas) {
        Ok(areas) => accept(amf, turn, association, identity, areas),
        Err((reason, cause)) => {
            amf.refuse(reason);
            fail(amf, turn, association, cause);
        }
    }
    Ok(())
}

fn read(pdu: &NGAPPDU<'_>) -> Result<(GlobalRANNodeID, SupportedTAList), Error> {
    extract_ngap_ies!(pdu, NGSetupRequest,
        req node: GlobalRANNodeID = GlobalRANNodeID(node) => node,
        req areas: SupportedTAList = SupportedTAList(areas) => areas,
    );
    Ok((node, areas))
}

/// The tracking areas in common, or what there is not.
fn judge(amf: &Amf, areas: &SupportedTAList) -> Result<Vec<(usize, Tac)>, (Refusal, Cause)> {
    let served = |plmn: &PLMNIdentity| amf.serving.iter().any(|serving| serving.octets == plmn.0);
    let broadcast = || {
        areas.0.iter().flat_map(|area| area.broadcast_plmn_list.0.iter().map(move |plmn| (area.tac.0, plmn)))
    };
    if !broadcast().any(|(_, item)| served(&item.plmn_identity)) {
        return Err((Refusal::UnknownPlmn, Cause::misc(CauseMisc::unknown_PLMN_or_SNPN)));
    }
    let known = |tac: [u8; 3], plmn: &PLMNIdentity| {
        let place = amf.serving.iter().position(|serving| serving.octets == plmn.0)?;
        let tacs = &amf.settings.networks.get(place)?.tacs;
        Some((place, tacs.iter().find(|served| served.octets() == tac).copied()?))
    };
    let in_common = || {
        broadcast()
            .filter(|(_, item)| served(&item.plmn_identity))
            .filter_map(|(tac, item)| Some((known(tac, &item.plmn_identity)?, &item.tai_slice_support_list)))
    };
    // No cause of TS 38.413 §9.3.1.2 says that a tracking area is unknown.
    if in_common().next().is_none() {
        return Err((Refusal::UnknownTac, Cause::misc(CauseMisc::unspecified)));
    }
    let has = |item: &SliceSupportItem| {
        let slice = Snssai { sst: item.s_nssai.sst.0[0], sd: item.s_nssai.sd.as_ref().map(|sd| sd.0) };
        amf.settings.slices.contains(&slice)
    };
    if !in_common().any(|(_, slices)| slices.0.iter().any(has)) {
        return Err((Refusal::NoCommonSlice, Cause::radioNetwork(CauseRadioNetwork::slice_not_supported)));
    }
    Ok(in_common().map(|(area, _)| area).collect())
}

fn accept(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    identity: GnbIdentity,
    areas: Vec<(usize, Tac)>,
) {
    // The latest association of a gNB is the valid one: after a loss that only the gNB has noticed, or when an
    // agent takes over the gNBs of another, the one before is dead.
    let before = |(other, gnb): (&u32, &crate::amf::gnb::Gnb)| {
        (*other != association && gnb.identity == Some(identity)).then_some(*other)
    };
    if let Some(other) = amf.gnbs.iter().find_map(before) {
        amf.refuse(Refusal::DuplicateGnb);
        amf.lose(turn, other);
        amf.outbox.send(turn.now, None, &mut amf.rng, AmfAction::Close { association: other });
    }
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    // §8.7.1.1: an NG setup erases what was there before.
    let connections = gnb.take_connections();
    gnb.identity = Some(identity);
    gnb.areas = areas;
    for id in connections {
        super::ue_context_release::locally(amf, turn, id);
    }
    let pdu = response(amf);
    sending::of_gnb(amf, turn, association, Message::NgSetupResponse, pdu);
}

fn response(amf: &Amf) -> Result<NGAP_PDU, Error> {
    let settings = &amf.settings;
    let slices = || {
        let items =
            settings.slices.iter().map(|slice| SliceSupportItem::new(s_nssai(slice.sst, slice.sd), None));
        SliceSupportList(items.collect())
    };
    let mut guamis = Vec::new();
    let mut plmns = Vec::new();
    for serving in &amf.serving {
        let plmn = PLMNIdentity(serving.octets);
        let guami = guami(plmn, settings.region, settings.set, settings.pointer)?;
        guamis.push(ServedGUAMIItem::new(guami, None, None));
        plmns.push(PLMNSupportItem::new(plmn, slices(), None));
    }
    build_ngap!(
        SuccessfulOutcome,
        NGSetup,
        NGSetupResponse,
        AMFName(settings.name.as_str()),
        ServedGUAMIList(ServedGUAMIList(guamis)),
        RelativeAMFCapacity(RelativeAMFCapacity(255)),
        PLMNSupportList(PLMNSupportList(plmns)),
    )
}

fn fail(amf: &mut Amf, turn: &mut Turn<'_>, association: u32, cause: Cause) {
    let pdu = build_ngap!(
        UnsuccessfulOutcome,
        NGSetup,
        NGSetupFailure,
        Cause(cause),
        TimeToWait(TimeToWait::v10s),
    );
    sending::of_gnb(amf, turn, association, Message::NgSetupFailure, pdu);
}

/// The global gNB ID of a gNB; nothing for other RAN nodes.
pub(in crate::amf) fn identity_of(node: &GlobalRANNodeID) -> Option<GnbIdentity> {
    match node {
        GlobalRANNodeID::globalGNB_ID(GlobalGNBID { plmn_identity, gnb_id: GNBID::gNB_ID(id), .. }) => {
            Some(GnbIdentity { plmn: plmn_identity.0, value: id.value(), bits: id.len() })
        }
        _ => None,
    }
}
