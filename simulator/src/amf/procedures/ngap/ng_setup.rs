//! NG Setup (TS 38.413 §8.7.1).

use oxirush_ngap::helpers::{guami, s_nssai};
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::gnb::{Area, Gnb, NodeIdentity, plmn_text};
use crate::amf::procedures::Step;
use crate::amf::{Amf, AmfAction, areas, leaving, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// NG SETUP REQUEST: accepted when the gNB and the AMF have a PLMN, a tracking area and a slice in common.
pub(in crate::amf) fn requested<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, NGSetupRequest,
        req node: GlobalRANNodeID = GlobalRANNodeID(node) => node,
        req areas: SupportedTAList = SupportedTAList(areas) => areas,
        lax name: RANNodeName = RANNodeName(name) => name,
    );
    let Some(identity) = NodeIdentity::of(&node) else {
        amf.refuse(Refusal::MalformedNgap);
        let why = "NG setup refused: it is neither a gNB nor an ng-eNB".to_owned();
        amf.statistics.turn_away(
            context.wall_us(),
            || format!("the RAN node of association {association}"),
            why,
        );
        fail(amf, context, association, Cause::protocol(CauseProtocol::semantic_error));
        return Ok(Step::Stay);
    };
    match areas::in_common(amf, &areas) {
        Ok(areas) => {
            accept(amf, context, association, identity, areas);
            let run = name.and_then(|name| amf.runs.of_gnb(&name.0));
            if let Some(gnb) = amf.gnbs.get_mut(&association) {
                gnb.run = run;
                amf.gnb_changes += 1;
            }
        }
        Err((reason, cause)) => {
            amf.refuse(reason);
            let why = format!("NG setup refused: {}; it has {}", reason.as_str(), described(&areas));
            amf.statistics.turn_away(context.wall_us(), || identity.to_string(), why);
            fail(amf, context, association, cause);
        }
    }
    Ok(Step::Stay)
}

/// What a node says that it broadcasts, for a person: the first few areas of it.
fn described(areas: &SupportedTAList) -> String {
    let one = |tac: &TAC, item: &BroadcastPLMNItem| {
        let slices = item.tai_slice_support_list.0.iter().take(AREAS_SHOWN).map(|slice| {
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
    let shown: Vec<String> = all().take(AREAS_SHOWN).map(|(tac, item)| one(tac, item)).collect();
    match all().count().saturating_sub(AREAS_SHOWN) {
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
    let before = |(other, gnb): (&u32, &Gnb)| {
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
        leaving::forget(amf, context, id);
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
        let guami = guami(plmn, settings.region, settings.place.set, settings.place.pointer)?;
        guamis.push(ServedGUAMIItem::new(guami, None, None));
        plmns.push(PLMNSupportItem::new(plmn, slices(), None));
    }
    build_ngap!(
        SuccessfulOutcome,
        NGSetup,
        NGSetupResponse,
        AMFName(settings.name.as_str()),
        ServedGUAMIList(ServedGUAMIList(guamis)),
        RelativeAMFCapacity(RelativeAMFCapacity(settings.place.capacity)),
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

/// A line has room for so many.
const AREAS_SHOWN: usize = 3;
