//! NG Setup (TS 38.413 §8.7.1).

use identity::Snssai;
use oxirush_ngap::helpers::{guami, s_nssai};
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::gnb::{Area, NodeIdentity, NodeKind, plmn_text};
use crate::amf::{Amf, AmfAction, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// NG SETUP REQUEST: accepted when the gNB and the AMF have a PLMN, a tracking area and a slice in common.
pub(in crate::amf) fn requested(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, NGSetupRequest,
        req node: GlobalRANNodeID = GlobalRANNodeID(node) => node,
        req areas: SupportedTAList = SupportedTAList(areas) => areas,
    );
    let Some(identity) = identity_of(&node) else {
        amf.refuse(Refusal::MalformedNgap);
        let why = "NG setup refused: it is neither a gNB nor an ng-eNB".to_owned();
        amf.statistics.turn_away(
            context.wall_us(),
            || format!("the RAN node of association {association}"),
            why,
        );
        fail(amf, context, association, Cause::protocol(CauseProtocol::semantic_error));
        return Ok(());
    };
    match judge(amf, &areas) {
        Ok(areas) => accept(amf, context, association, identity, areas),
        Err((reason, cause)) => {
            amf.refuse(reason);
            let why = format!("NG setup refused: {}; it has {}", reason.as_str(), told(&areas));
            amf.statistics.turn_away(context.wall_us(), || identity.to_string(), why);
            fail(amf, context, association, cause);
        }
    }
    Ok(())
}

/// The tracking areas in common, or what there is not.
pub(in crate::amf) fn judge(amf: &Amf, areas: &SupportedTAList) -> Result<Vec<Area>, (Refusal, Cause)> {
    let served = |plmn: &PLMNIdentity| amf.serving.iter().any(|serving| serving.octets == plmn.0);
    let broadcast = || {
        areas.0.iter().flat_map(|area| area.broadcast_plmn_list.0.iter().map(move |plmn| (area.tac.0, plmn)))
    };
    if !broadcast().any(|(_, item)| served(&item.plmn_identity)) {
        return Err((Refusal::UnknownPlmn, Cause::misc(CauseMisc::unknown_PLMN_or_SNPN)));
    }
    let in_common = broadcast().filter_map(|(tac, item)| {
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
    let in_common: Vec<Area> = in_common.collect();
    // No cause of TS 38.413 §9.3.1.2 says that a tracking area is unknown.
    if in_common.is_empty() {
        return Err((Refusal::UnknownTac, Cause::misc(CauseMisc::unspecified)));
    }
    let mut slices = in_common.iter().flat_map(|area| &area.slices);
    if !slices.any(|slice| amf.settings.slices.contains(slice)) {
        return Err((Refusal::NoCommonSlice, Cause::radioNetwork(CauseRadioNetwork::slice_not_supported)));
    }
    Ok(in_common)
}

/// What a node says that it broadcasts, for a person: the first few areas of it.
fn told(areas: &SupportedTAList) -> String {
    let one = |tac: &TAC, item: &BroadcastPLMNItem| {
        let slices = item.tai_slice_support_list.0.iter().take(AREAS_TOLD).map(|slice| {
            let sd = slice.s_nssai.sd.as_ref().map(|sd| sd.0);
            let sd = sd.map(|[a, b, c]| format!("-{a:02x}{b:02x}{c:02x}")).unwrap_or_default();
            format!("{}{sd}", slice.s_nssai.sst.0[0])
        });
        let [a, b, c] = tac.0;
        let tac = u32::from_be_bytes([0, a, b, c]);
        let slices = slices.collect::<Vec<_>>().join(", ");
        format!("{} TAC {tac} slices {slices}", plmn_text(item.plmn_identity.0))
    };
    let all = || {
        areas.0.iter().flat_map(|area| area.broadcast_plmn_list.0.iter().map(move |item| (&area.tac, item)))
    };
    let shown: Vec<String> = all().take(AREAS_TOLD).map(|(tac, item)| one(tac, item)).collect();
    match all().count().saturating_sub(AREAS_TOLD) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

fn accept(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    identity: NodeIdentity,
    areas: Vec<Area>,
) {
    // The latest association of a gNB is the valid one: after a loss that only the gNB has noticed, or when an
    // agent takes over the gNBs of another, the one before is dead.
    let before = |(other, gnb): (&u32, &crate::amf::gnb::Gnb)| {
        (*other != association && gnb.identity == Some(identity)).then_some(*other)
    };
    if let Some(other) = amf.gnbs.iter().find_map(before) {
        amf.refuse(Refusal::DuplicateGnb);
        amf.lose(context, other);
        amf.outbox.send(context.now(), None, &mut amf.rng, AmfAction::Close { association: other });
    }
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    // §8.7.1.1: an NG setup erases what was there before.
    let connections = gnb.take_connections();
    gnb.identity = Some(identity);
    gnb.areas = areas;
    for id in connections {
        super::ue_context_release::locally(amf, context, id);
    }
    let pdu = response(amf);
    sending::of_gnb(amf, context.now(), association, Message::NgSetupResponse, pdu);
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

fn fail(amf: &mut Amf, context: &mut EventContext<'_>, association: u32, cause: Cause) {
    let pdu = build_ngap!(
        UnsuccessfulOutcome,
        NGSetup,
        NGSetupFailure,
        Cause(cause),
        TimeToWait(TimeToWait::v10s),
    );
    sending::of_gnb(amf, context.now(), association, Message::NgSetupFailure, pdu);
}

/// The identity of a gNB or ng-eNB; nothing for other RAN nodes, whose UEs are not on 3GPP access.
pub(in crate::amf) fn identity_of(node: &GlobalRANNodeID) -> Option<NodeIdentity> {
    let (plmn, kind, id) = match node {
        GlobalRANNodeID::globalGNB_ID(GlobalGNBID { plmn_identity, gnb_id: GNBID::gNB_ID(id), .. }) => {
            (plmn_identity, NodeKind::Gnb, id)
        }
        GlobalRANNodeID::globalNgENB_ID(GlobalNgENBID {
            plmn_identity,
            ng_enb_id:
                NgENBID::macroNgENB_ID(id) | NgENBID::shortMacroNgENB_ID(id) | NgENBID::longMacroNgENB_ID(id),
            ..
        }) => (plmn_identity, NodeKind::NgEnb, id),
        _ => return None,
    };
    Some(NodeIdentity { plmn: plmn.0, kind, value: id.value(), bits: id.len() })
}

/// A line has room for so many.
const AREAS_TOLD: usize = 3;
