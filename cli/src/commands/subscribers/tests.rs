//! The exported documents against what the cores read of them, by their own sources.

use serde_json::{Value, json};

use super::*;

/// Two slices, one without SD, and two data networks, with OPc or OP.
fn scenario(operator: &str) -> Scenario {
    let yaml = format!(
        "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 2, k: \"{K}\", {operator}}}]\n\
         cells: {{nodes: 1, slices: [\"1-0a0203\", \"2\"]}}\nradio: ideal\n\
         sessions:\n\
         - {{dnn: internet, slice: \"1-0a0203\"}}\n\
         - {{dnn: ims, slice: \"2\"}}\n\
         load: [{{procedure: registration, phases: [{{rate: 1/s, for: 1s}}]}}]\n"
    );
    Scenario::from_yaml(&yaml, "t.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn first(scenario: &Scenario) -> Subscriber {
    scenario.subscriber(0).unwrap()
}

fn sqn_of(document: &Value) -> u64 {
    document["security"]["sqn"]["$numberLong"].as_str().unwrap().parse().unwrap()
}

/// What Open5GS 2.7 reads of a subscriber (`lib/dbi/subscription.c`, `session.c`) with the type that it insists on: a field of another
/// type is skipped without a word. mongoimport makes 32-bit integers of plain numbers, and 64-bit ones of `$numberLong`.
const OPEN5GS: &[(&str, Kind)] = &[
    ("schema_version", Kind::Int32),
    ("imsi", Kind::Text),
    ("security.k", Kind::Hex(32)),
    ("security.opc", Kind::Hex(32)),
    ("security.amf", Kind::Hex(4)),
    ("security.sqn", Kind::Int64),
    ("ambr.downlink.value", Kind::Int32),
    ("ambr.downlink.unit", Kind::Int32),
    ("ambr.uplink.value", Kind::Int32),
    ("ambr.uplink.unit", Kind::Int32),
    ("slice.*.sst", Kind::Int32),
    ("slice.*.default_indicator", Kind::Bool),
    ("slice.*.session.*.name", Kind::Text),
    ("slice.*.session.*.type", Kind::Int32),
    ("slice.*.session.*.qos.index", Kind::Int32),
    ("slice.*.session.*.qos.arp.priority_level", Kind::Int32),
    ("slice.*.session.*.qos.arp.pre_emption_capability", Kind::Int32),
    ("slice.*.session.*.qos.arp.pre_emption_vulnerability", Kind::Int32),
    ("slice.*.session.*.ambr.downlink.value", Kind::Int32),
    ("slice.*.session.*.ambr.downlink.unit", Kind::Int32),
    ("slice.*.session.*.ambr.uplink.value", Kind::Int32),
    ("slice.*.session.*.ambr.uplink.unit", Kind::Int32),
    ("access_restriction_data", Kind::Int32),
    ("subscriber_status", Kind::Int32),
    ("operator_determined_barring", Kind::Int32),
    ("network_access_mode", Kind::Int32),
    ("subscribed_rau_tau_timer", Kind::Int32),
];

/// What free5GC 4's web console, UDM, SMF and PCF take out of the body (`backend/WebUI/model_subs_data.go`, the models of its `openapi`
/// 1.3): what is not `omitempty` there, and what one of them reads without looking whether it is there.
const FREE5GC: &[(&str, Kind)] = &[
    ("plmnID", Kind::Text),
    ("ueId", Kind::Text),
    ("AuthenticationSubscription.authenticationMethod", Kind::OneOf(&["5G_AKA", "EAP_AKA_PRIME"])),
    ("AuthenticationSubscription.authenticationManagementField", Kind::Hex(4)),
    ("AuthenticationSubscription.sequenceNumber", Kind::Hex(12)),
    ("AuthenticationSubscription.permanentKey.permanentKeyValue", Kind::Hex(32)),
    ("AuthenticationSubscription.permanentKey.encryptionKey", Kind::Int32),
    ("AuthenticationSubscription.permanentKey.encryptionAlgorithm", Kind::Int32),
    ("AuthenticationSubscription.opc.opcValue", Kind::Hex(32)),
    ("AuthenticationSubscription.milenage.op.encryptionKey", Kind::Int32),
    // PostSubscriberByID assigns to the first one.
    ("AccessAndMobilitySubscriptionData.gpsis.0", Kind::Text),
    ("AccessAndMobilitySubscriptionData.nssai.defaultSingleNssais.0.sst", Kind::Int32),
    ("AccessAndMobilitySubscriptionData.subscribedUeAmbr.uplink", Kind::BitRate),
    ("AccessAndMobilitySubscriptionData.subscribedUeAmbr.downlink", Kind::BitRate),
    ("SessionManagementSubscriptionData.*.singleNssai.sst", Kind::Int32),
    (
        "SessionManagementSubscriptionData.*.dnnConfigurations.*.pduSessionTypes.defaultSessionType",
        Kind::OneOf(&["IPV4", "IPV6", "IPV4V6"]),
    ),
    (
        "SessionManagementSubscriptionData.*.dnnConfigurations.*.pduSessionTypes.allowedSessionTypes.0",
        Kind::OneOf(&["IPV4", "IPV6", "IPV4V6"]),
    ),
    (
        "SessionManagementSubscriptionData.*.dnnConfigurations.*.sscModes.defaultSscMode",
        Kind::OneOf(&["SSC_MODE_1"]),
    ),
    ("SessionManagementSubscriptionData.*.dnnConfigurations.*.5gQosProfile.5qi", Kind::Int32),
    ("SessionManagementSubscriptionData.*.dnnConfigurations.*.5gQosProfile.arp.priorityLevel", Kind::Int32),
    (
        "SessionManagementSubscriptionData.*.dnnConfigurations.*.5gQosProfile.arp.preemptCap",
        Kind::OneOf(&["NOT_PREEMPT", "MAY_PREEMPT"]),
    ),
    (
        "SessionManagementSubscriptionData.*.dnnConfigurations.*.5gQosProfile.arp.preemptVuln",
        Kind::OneOf(&["NOT_PREEMPTABLE", "PREEMPTABLE"]),
    ),
    ("SessionManagementSubscriptionData.*.dnnConfigurations.*.sessionAmbr.uplink", Kind::BitRate),
    ("SessionManagementSubscriptionData.*.dnnConfigurations.*.sessionAmbr.downlink", Kind::BitRate),
    ("SmfSelectionSubscriptionData.subscribedSnssaiInfos.*.dnnInfos.*.dnn", Kind::Text),
    ("AmPolicyData.subscCats.0", Kind::Text),
    ("SmPolicyData.smPolicySnssaiData.*.snssai.sst", Kind::Int32),
    ("SmPolicyData.smPolicySnssaiData.*.smPolicyDnnData.*.dnn", Kind::Text),
];

/// How a field must be written.
enum Kind {
    Bool,
    Text,
    /// So many hexadecimal digits.
    Hex(usize),
    Int32,
    Int64,
    /// TS 29.571 §5.5.2: a number, a blank and its unit.
    BitRate,
    OneOf(&'static [&'static str]),
}

impl Kind {
    fn is_of(&self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Hex(digits) => {
                let is_hex = |text: &str| text.bytes().all(|octet| octet.is_ascii_hexdigit());
                value.as_str().is_some_and(|text| text.len() == *digits && is_hex(text))
            }
            Self::Int32 => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            Self::Int64 => value["$numberLong"].as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
            Self::BitRate => {
                value.as_str().and_then(|text| text.split_once(' ')).is_some_and(|(number, unit)| {
                    number.parse::<f64>().is_ok() && ["bps", "Kbps", "Mbps", "Gbps", "Tbps"].contains(&unit)
                })
            }
            Self::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        }
    }
}

/// Every value at `path`, of which `*` is each of a list or of an object; there must be one.
fn at<'a>(document: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![document];
    for step in path.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| -> Vec<&Value> {
                match (step, value) {
                    ("*", Value::Array(items)) => items.iter().collect(),
                    ("*", Value::Object(fields)) => fields.values().collect(),
                    (_, Value::Array(items)) => {
                        step.parse().ok().and_then(|at: usize| items.get(at)).into_iter().collect()
                    }
                    _ => value.get(step).into_iter().collect(),
                }
            })
            .collect();
    }
    found
}

fn has_every_field(document: &Value, fields: &[(&str, Kind)]) {
    for (path, kind) in fields {
        let values = at(document, path);
        // As many as the last list or object on the way has.
        let holders = path.rsplit_once('.').map_or(1, |(holder, _)| at(document, holder).len());
        assert!(!values.is_empty() && values.len() >= holders, "{path} is missing: {document}");
        for value in values {
            assert!(kind.is_of(value), "{path} is {value}");
        }
    }
}

#[test]
fn open5gs_gets_every_field_that_it_reads_in_the_type_that_it_reads() {
    let scenario = scenario(&format!("opc: \"{OPC}\""));
    let document = open5gs::document(&scenario, &first(&scenario));
    has_every_field(&document, OPEN5GS);
    assert_eq!(document["imsi"], "001010000000001");
    let security = &document["security"];
    assert_eq!((&security["k"], &security["opc"], &security["op"]), (&json!(K), &json!(OPC), &Value::Null));
    assert_eq!(security["amf"], "8000");
    assert!(sqn_of(&document) > u64::from(u32::MAX), "stays a 64-bit integer in every store");
    let slices = document["slice"].as_array().unwrap();
    assert_eq!(slices.len(), 2);
    assert_eq!((&slices[0]["sst"], &slices[0]["sd"]), (&json!(1), &json!("0a0203")));
    assert_eq!(
        (&slices[0]["default_indicator"], &slices[1]["default_indicator"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(slices[1].get("sd"), None);
    assert_eq!(
        (&slices[1]["session"][0]["name"], &slices[1]["session"][0]["type"]),
        (&json!("ims"), &json!(1))
    );
}

/// `ogs_assert(slice_data->num_of_session < OGS_MAX_NUM_OF_SESS)`: a fifth one would end the core.
#[test]
fn open5gs_gets_no_more_data_networks_than_it_can_keep() {
    let with = |count: usize| {
        let sessions: String = (0..count).map(|number| format!("- {{dnn: net{number}}}\n")).collect();
        let yaml = format!(
            "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 2, k: \"{K}\", opc: \"{OPC}\"}}]\n\
             cells: {{gnbs: 1}}\nradio: ideal\nsessions:\n{sessions}\
             load: [{{procedure: registration, phases: [{{rate: 1/s, for: 1s}}]}}]\n"
        );
        open5gs::check(&Scenario::from_yaml(&yaml, "t.yaml").unwrap_or_else(|error| panic!("{error}")))
    };
    with(4).unwrap();
    let error = with(5).unwrap_err().to_string();
    assert!(error.contains("at most 4 data networks"), "{error}");
    assert!(error.contains("net0, net1, net2, net3, net4"), "{error}");
}

#[test]
fn free5gc_gets_every_object_without_which_it_refuses() {
    let scenario = scenario(&format!("opc: \"{OPC}\""));
    let document = free5gc::document(&scenario, &first(&scenario));
    has_every_field(&document, FREE5GC);
    assert_eq!((&document["ueId"], &document["plmnID"]), (&json!("imsi-001010000000001"), &json!("00101")));
    let authentication = &document["AuthenticationSubscription"];
    assert_eq!(authentication["authenticationMethod"], "5G_AKA");
    assert_eq!(authentication["sequenceNumber"], "000000000020");
    assert_eq!(authentication["permanentKey"]["permanentKeyValue"], K);
    assert_eq!(
        (&authentication["opc"]["opcValue"], &authentication["milenage"]["op"]["opValue"]),
        (&json!(OPC), &json!(""))
    );
    let mobility = &document["AccessAndMobilitySubscriptionData"];
    assert_eq!(mobility["nssai"]["defaultSingleNssais"], json!([{"sst": 1, "sd": "0a0203"}, {"sst": 2}]));
    let management = document["SessionManagementSubscriptionData"].as_array().unwrap();
    assert_eq!(management[0]["singleNssai"], json!({"sst": 1, "sd": "0a0203"}));
    let selection = &document["SmfSelectionSubscriptionData"]["subscribedSnssaiInfos"];
    assert_eq!(
        *selection,
        json!({
            "010a0203": {"dnnInfos": [{"dnn": "internet"}]},
            "02": {"dnnInfos": [{"dnn": "ims"}]},
        })
    );
    assert_eq!(document["AmPolicyData"], json!({"subscCats": ["free5gc"]}));
    assert_eq!(
        document["SmPolicyData"]["smPolicySnssaiData"],
        json!({
            "010a0203": {"snssai": {"sst": 1, "sd": "0a0203"}, "smPolicyDnnData": {"internet": {"dnn": "internet"}}},
            "02": {"snssai": {"sst": 2}, "smPolicyDnnData": {"ims": {"dnn": "ims"}}},
        })
    );
    assert_eq!(document["FlowRules"], json!([]));
}

/// srsRAN 4G reads ten columns, `mil` for Milenage, and increments the sequence number after a challenge (`srsepc/src/hss/hss.cc`).
#[test]
fn srsepc_gets_its_ten_columns() {
    let scenario = scenario(&format!("opc: \"{OPC}\""));
    let line = srsepc::line(&first(&scenario));
    assert_eq!(line, format!("ue1,mil,001010000000001,{K},opc,{OPC},8000,000000000020,9,dynamic"));
    assert_eq!(line.split(',').count(), 10);
}

#[test]
fn op_goes_where_a_format_has_it_and_opc_is_of_it() {
    let scenario = scenario(&format!("op: \"{OP}\""));
    let subscriber = first(&scenario);
    assert_eq!(subscriber.opc.to_string(), OPC);
    let security = &open5gs::document(&scenario, &subscriber)["security"];
    assert_eq!((&security["op"], &security["opc"]), (&json!(OP), &Value::Null));
    let authentication = &free5gc::document(&scenario, &subscriber)["AuthenticationSubscription"];
    assert_eq!(authentication["opc"]["opcValue"], OPC);
    assert_eq!(authentication["milenage"]["op"]["opValue"], OP);
    assert!(srsepc::line(&subscriber).contains(&format!(",op,{OP},")));
}

// TS 35.208 §4.3, test set 1.
const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OP: &str = "cdc202d5123e20f62b6d676ac72cb318";
const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
