//! What an AMF says of itself, gNB side: NG SETUP RESPONSE, AMF CONFIGURATION UPDATE, OVERLOAD START, AMF STATUS INDICATION
//! (TS 38.413 §8.7). What is unreadable of it counts as not said.

use identity::{Plmn, Snssai};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use super::pdu_session_resource_setup::slice;
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::amf::{
    AmfFacts, AmfNotice, AmfUpdate, Fewer, Guami, Overload, OverloadAction as Action, SliceOverload,
};

/// AMF CONFIGURATION UPDATE (§8.7.3.2).
pub(crate) fn configuration_updated(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) {
    let update = configuration_update(pdu);
    gnb.interface.updated(&update);
    out.push(NodeAction::Notice(AmfNotice::ConfigurationUpdate(update)));
    gnb.send_non_ue(configuration_update_acknowledge(), out);
}

/// OVERLOAD START. Whether fewer RRC connections are asked for (§8.7.6.2) is the driver's to decide.
pub(crate) fn overload_started(pdu: &NGAPPDU<'_>, out: &mut Out) {
    out.push(NodeAction::Notice(AmfNotice::OverloadStart(overload_start(pdu))));
}

/// AMF STATUS INDICATION (§8.7.8).
pub(crate) fn status_indicated(pdu: &NGAPPDU<'_>, out: &mut Out) {
    out.push(NodeAction::Notice(AmfNotice::Unavailable(status_indication(pdu))));
}

/// NG SETUP RESPONSE (§9.2.6.2).
pub(crate) fn facts(pdu: &NGAPPDU<'_>) -> AmfFacts {
    let read = || -> Result<AmfFacts, Error> {
        extract_ngap_ies!(pdu, NGSetupResponse,
            lax name: AMFName = AMFName(name) => name,
            lax guamis: ServedGUAMIList = ServedGUAMIList(list) => list,
            lax capacity: u8 = RelativeAMFCapacity(capacity) => capacity.0,
            lax plmns: PLMNSupportList = PLMNSupportList(list) => list,
        );
        Ok(AmfFacts {
            name: name.map(|name| short(&name.0)).unwrap_or_default(),
            guamis: guamis.map(served).unwrap_or_default(),
            capacity: capacity.unwrap_or(u8::MAX),
            plmns: plmns.map(supported).unwrap_or_default(),
        })
    };
    read().unwrap_or_else(|_| AmfFacts { capacity: u8::MAX, ..AmfFacts::default() })
}

/// AMF CONFIGURATION UPDATE (§9.2.6.7).
fn configuration_update(pdu: &NGAPPDU<'_>) -> AmfUpdate {
    let read = || -> Result<AmfUpdate, Error> {
        extract_ngap_ies!(pdu, AMFConfigurationUpdate,
            lax name: AMFName = AMFName(name) => name,
            lax guamis: ServedGUAMIList = ServedGUAMIList(list) => list,
            lax capacity: u8 = RelativeAMFCapacity(capacity) => capacity.0,
        );
        Ok(AmfUpdate { name: name.map(|name| short(&name.0)), guamis: guamis.map(served), capacity })
    };
    read().unwrap_or_default()
}

/// OVERLOAD START (§9.2.6.11).
fn overload_start(pdu: &NGAPPDU<'_>) -> Overload {
    let read = || -> Result<Overload, Error> {
        extract_ngap_ies!(pdu, OverloadStart,
            lax response: OverloadResponse = AMFOverloadResponse(response) => response,
            lax reduction: u8 = AMFTrafficLoadReductionIndication(percent) => percent.0,
            lax slices: OverloadStartNSSAIList = OverloadStartNSSAIList(list) => list,
        );
        let of_slices = |item: OverloadStartNSSAIItem| SliceOverload {
            slices: item.slice_overload_list.0.iter().map(|item| slice(&item.s_nssai)).collect(),
            fewer: fewer(
                item.slice_overload_response,
                item.slice_traffic_load_reduction_indication.map(|percent| percent.0),
            ),
        };
        let slices = slices.map(|list| list.0.into_iter().map(of_slices).collect()).unwrap_or_default();
        Ok(Overload { of_all: fewer(response, reduction), slices })
    };
    read().unwrap_or_default()
}

fn fewer(response: Option<OverloadResponse>, reduction: Option<u8>) -> Fewer {
    let action = match response {
        Some(OverloadResponse::overloadAction(action)) => Some(match action {
            OverloadAction::reject_non_emergency_mo_dt => Action::RejectMoData,
            OverloadAction::permit_emergency_sessions_and_mobile_terminated_services_only => {
                Action::PermitEmergencyAndMt
            }
            OverloadAction::permit_high_priority_sessions_and_mobile_terminated_services_only => {
                Action::PermitHighPriorityAndMt
            }
            _ => Action::RejectSignalling,
        }),
        _ => None,
    };
    Fewer { action, reduction: reduction.filter(|percent| (1..=99).contains(percent)) }
}

/// AMF STATUS INDICATION (§9.2.6.10): the GUAMIs that go, each with its backup AMF where it has one.
fn status_indication(pdu: &NGAPPDU<'_>) -> Vec<(Guami, Option<String>)> {
    let read = || -> Result<Vec<(Guami, Option<String>)>, Error> {
        extract_ngap_ies!(pdu, AMFStatusIndication,
            lax list: UnavailableGUAMIList = UnavailableGUAMIList(list) => list,
        );
        let items = list.map(|list| list.0).unwrap_or_default();
        let item = |item: UnavailableGUAMIItem<'_>| {
            (guami(&item.guami), item.backup_amf_name.map(|name| short(&name.0)))
        };
        Ok(items.into_iter().map(item).collect())
    };
    read().unwrap_or_default()
}

fn served(list: ServedGUAMIList<'_>) -> Vec<Guami> {
    list.0.iter().map(|item| guami(&item.guami)).collect()
}

fn supported(list: PLMNSupportList) -> Vec<(Plmn, Vec<Snssai>)> {
    let of = |item: &PLMNSupportItem| {
        let slices = item.slice_support_list.0.iter().map(|item| slice(&item.s_nssai));
        Some((Plmn::from_ngap_octets(item.plmn_identity.0)?, slices.collect()))
    };
    list.0.iter().filter_map(of).collect()
}

fn guami(guami: &GUAMI) -> Guami {
    Guami {
        plmn: guami.plmn_identity.0,
        region: u8::try_from(guami.amf_region_id.0.value()).unwrap_or_default(),
        set: u16::try_from(guami.amf_set_id.0.value()).unwrap_or_default(),
        pointer: u8::try_from(guami.amf_pointer.0.value()).unwrap_or_default(),
    }
}

/// A name of a peer, no longer than the specification has it (§9.3.3.21), of characters that can be printed.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

const LONGEST_NAME: usize = 150;

/// AMF CONFIGURATION UPDATE ACKNOWLEDGE (TS 38.413 §9.2.6.8).
fn configuration_update_acknowledge() -> Result<Vec<u8>, Error> {
    build_ngap!(SuccessfulOutcome, AMFConfigurationUpdate, AMFConfigurationUpdateAcknowledge,)?.encode()
}
