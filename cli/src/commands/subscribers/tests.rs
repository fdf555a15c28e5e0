//! The exported documents against the structures of the cores' own documentation.

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

/// Every key that Open5GS's schema of a subscriber has, and what its `ogs_dbi_auth_info` reads.
#[test]
fn open5gs_gets_a_subscriber_with_a_sequence_number_of_64_bits() {
    let scenario = scenario(&format!("opc: \"{OPC}\""));
    let document = open5gs::document(&scenario, &first(&scenario));
    assert_eq!(document["schema_version"], 1);
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
    let session = &slices[1]["session"][0];
    assert_eq!(session["name"], "ims");
    for key in ["type", "qos", "ambr"] {
        assert!(session.get(key).is_some(), "{key}");
    }
}

#[test]
fn free5gc_gets_every_object_without_which_it_refuses() {
    let scenario = scenario(&format!("opc: \"{OPC}\""));
    let document = free5gc::document(&scenario, &first(&scenario));
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
    let network = &management[0]["dnnConfigurations"]["internet"];
    for key in ["pduSessionTypes", "sscModes", "5gQosProfile", "sessionAmbr"] {
        assert!(network.get(key).is_some(), "{key}");
    }
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

#[test]
fn srsepc_gets_its_ten_columns() {
    let scenario = scenario(&format!("opc: \"{OPC}\""));
    let line = srsepc::line(&first(&scenario));
    assert_eq!(line, format!("ue1,mil,001010000000001,{K},opc,{OPC},8000,000000000020,9,dynamic"));
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
