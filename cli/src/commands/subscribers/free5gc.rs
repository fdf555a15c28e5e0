//! free5GC: the body of the web console's POST /api/subscriber/{ueId}/{plmnID}, which stores each object of it.

use identity::{PduSessionType, Snssai};
use scenarios::{Scenario, Subscriber};
use serde_json::{Map, Value, json};

use super::{FIRST_SQN, amf_field, data_networks, sd_text};

/// The objects of one subscriber.
pub(super) fn document(scenario: &Scenario, subscriber: &Subscriber) -> Value {
    let slices: Vec<Value> = scenario.cells.slices.iter().map(nssai).collect();
    json!({
        "plmnID": subscriber.plmn.to_string().replace('/', ""),
        "ueId": format!("imsi-{}", subscriber.imsi),
        "AuthenticationSubscription": authentication(subscriber),
        "AccessAndMobilitySubscriptionData": {
            // The console writes into the first one, and fails where there is none. This is what its own page sends for a subscriber
            // without a number.
            "gpsis": ["msisdn-"],
            "nssai": { "defaultSingleNssais": slices, "singleNssais": [] },
            "subscribedUeAmbr": ambr(),
        },
        "SessionManagementSubscriptionData": management(scenario),
        "SmfSelectionSubscriptionData": { "subscribedSnssaiInfos": selection(scenario) },
        "AmPolicyData": { "subscCats": ["free5gc"] },
        "SmPolicyData": { "smPolicySnssaiData": policies(scenario) },
        "FlowRules": [],
        "QosFlows": [],
        "ChargingDatas": [],
    })
}

/// TS 29.505 §5.4.2.2. OPc counts where both are there.
fn authentication(subscriber: &Subscriber) -> Value {
    let op = subscriber.op.map(|op| op.to_string()).unwrap_or_default();
    json!({
        "authenticationMethod": "5G_AKA",
        "sequenceNumber": format!("{FIRST_SQN:012x}"),
        "authenticationManagementField": amf_field(subscriber),
        "permanentKey": {
            "permanentKeyValue": subscriber.k.to_string(), "encryptionKey": 0, "encryptionAlgorithm": 0
        },
        "opc": { "opcValue": subscriber.opc.to_string(), "encryptionKey": 0, "encryptionAlgorithm": 0 },
        "milenage": { "op": { "opValue": op, "encryptionKey": 0, "encryptionAlgorithm": 0 } },
    })
}

/// TS 29.503 §6.1.6.2.8: one for each slice.
fn management(scenario: &Scenario) -> Vec<Value> {
    let of_slice = |slice: &Snssai| {
        let networks = data_networks(scenario, *slice).into_iter();
        let configurations: Map<String, Value> =
            networks.map(|(dnn, type_)| (dnn, data_network(type_))).collect();
        json!({ "singleNssai": nssai(slice), "dnnConfigurations": configurations })
    };
    scenario.cells.slices.iter().map(of_slice).collect()
}

/// TS 29.503 §6.1.6.2.22: the data networks of each slice.
fn selection(scenario: &Scenario) -> Map<String, Value> {
    let of_slice = |slice: &Snssai| {
        let dnns = data_networks(scenario, *slice).into_keys().map(|dnn| json!({ "dnn": dnn }));
        (key(slice), json!({ "dnnInfos": dnns.collect::<Vec<_>>() }))
    };
    scenario.cells.slices.iter().map(of_slice).collect()
}

/// TS 29.519 §5.4.2.4: without the policy of its slice and data network, the PCF refuses every session.
fn policies(scenario: &Scenario) -> Map<String, Value> {
    let of_slice = |slice: &Snssai| {
        let networks = data_networks(scenario, *slice).into_keys();
        let policies: Map<String, Value> = networks.map(|dnn| (dnn.clone(), json!({ "dnn": dnn }))).collect();
        (key(slice), json!({ "snssai": nssai(slice), "smPolicyDnnData": policies }))
    };
    scenario.cells.slices.iter().map(of_slice).collect()
}

/// A slice as the name of an object: SST in two hexadecimal digits, and SD.
fn key(slice: &Snssai) -> String {
    format!("{:02x}{}", slice.sst, slice.sd.map(sd_text).unwrap_or_default())
}

fn nssai(slice: &Snssai) -> Value {
    match slice.sd {
        None => json!({ "sst": slice.sst }),
        Some(sd) => json!({ "sst": slice.sst, "sd": sd_text(sd) }),
    }
}

fn ambr() -> Value {
    json!({ "downlink": "1 Gbps", "uplink": "1 Gbps" })
}

/// A data network's part of a session management subscription (TS 29.503 §6.1.6.2.9).
fn data_network(type_: PduSessionType) -> Value {
    let type_ = match type_ {
        PduSessionType::Ipv4 => "IPV4",
        PduSessionType::Ipv6 => "IPV6",
        PduSessionType::Ipv4v6 => "IPV4V6",
    };
    let arp = json!({ "priorityLevel": 8, "preemptCap": "NOT_PREEMPT", "preemptVuln": "NOT_PREEMPTABLE" });
    json!({
        "pduSessionTypes": { "defaultSessionType": type_, "allowedSessionTypes": [type_] },
        "sscModes": { "defaultSscMode": "SSC_MODE_1", "allowedSscModes": ["SSC_MODE_1"] },
        "5gQosProfile": { "5qi": 9, "arp": arp, "priorityLevel": 8 },
        "sessionAmbr": ambr(),
    })
}
