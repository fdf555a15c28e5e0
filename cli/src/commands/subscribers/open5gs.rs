//! Open5GS: a document of its `subscribers` collection, schema version 1.

use anyhow::{Error, bail};
use scenarios::{Scenario, Subscriber};
use serde_json::{Value, json};

use super::{amf_field, data_networks, sd_text};

/// Refuses what Open5GS cannot keep: its functions end with a failed assertion when they read such a subscriber.
pub(super) fn check(scenario: &Scenario) -> Result<(), Error> {
    for slice in &scenario.cells.slices {
        let networks = data_networks(scenario, *slice);
        if networks.len() > MAX_NETWORKS {
            let names: Vec<String> = networks.into_keys().collect();
            bail!(
                "Open5GS keeps at most {MAX_NETWORKS} data networks in a slice and ends when it reads more: slice {slice} has {} ({}). \
                 Ask for some of them in another slice",
                names.len(),
                names.join(", ")
            );
        }
    }
    Ok(())
}

/// The document of one subscriber, as mongoimport reads it (MongoDB Extended JSON).
pub(super) fn document(scenario: &Scenario, subscriber: &Subscriber) -> Value {
    let gbps = json!({ "value": 1, "unit": 3 });
    let ambr = json!({ "downlink": gbps, "uplink": gbps });
    let arp = json!({ "priority_level": 8, "pre_emption_capability": 1, "pre_emption_vulnerability": 1 });
    let slices: Vec<Value> = scenario
        .cells
        .slices
        .iter()
        .enumerate()
        .map(|(number, slice)| {
            let sessions: Vec<Value> = data_networks(scenario, *slice)
                .into_iter()
                .map(|(dnn, type_)| {
                    let qos = json!({ "index": 9, "arp": arp });
                    json!({ "name": dnn, "type": type_.value(), "qos": qos, "ambr": ambr })
                })
                .collect();
            let mut document =
                json!({ "sst": slice.sst, "default_indicator": number == 0, "session": sessions });
            if let (Some(sd), Some(fields)) = (slice.sd, document.as_object_mut()) {
                fields.insert("sd".to_owned(), json!(sd_text(sd)));
            }
            document
        })
        .collect();
    json!({
        "schema_version": 1,
        "imsi": subscriber.imsi.to_string(),
        "msisdn": [], "imeisv": [], "mme_host": [], "mme_realm": [], "purge_flag": [],
        "security": {
            "k": subscriber.k.to_string(),
            "amf": amf_field(subscriber),
            "op": subscriber.op.map(|op| op.to_string()),
            "opc": subscriber.op.is_none().then(|| subscriber.opc.to_string()),
            // Open5GS reads a 64-bit integer and nothing else.
            "sqn": { "$numberLong": SQN.to_string() },
        },
        "ambr": ambr,
        "slice": slices,
        "access_restriction_data": 32,
        "subscriber_status": 0,
        "operator_determined_barring": 0,
        "network_access_mode": 0,
        "subscribed_rau_tau_timer": 12,
        "__v": 0,
    })
}

/// SEQ 2^28 of IND 0: not 0, which costs each USIM a resynchronisation, and too large for stores that keep a small number as a 32-bit
/// integer. It is the furthest that a USIM follows at once (TS 33.102 §C.3.2: Δ is 2^28).
const SQN: u64 = 1 << 33;

/// OGS_MAX_NUM_OF_SESS of Open5GS. Of slices it keeps eight, which is what a scenario may have (TS 24.501 §4.6.2.1).
const MAX_NETWORKS: usize = 4;
