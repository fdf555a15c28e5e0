use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write, stdout};

use anyhow::{Context, Error};
use identity::{PduSessionType, Snssai};
use scenarios::{Scenario, Subscriber};
use serde_json::{Value, json};

use super::scenario::ScenarioArguments;
use crate::exit::Exit;

/// Prints the subscribers.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// For whom.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A line of JSON for each: mongoimport --db open5gs --collection subscribers
    Open5gs,
    /// The lines of srsepc's user_db.csv
    Srsepc,
    /// A line of JSON for each: the body of the web console's POST /api/subscriber/{ueId}/{plmnID}
    Free5gc,
    /// imsi,k,opc,amf,dnns: the names of the data networks with blanks between them
    Csv,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let scenario = arguments.scenario.load()?;
    let dnns: BTreeSet<&str> = scenario.sessions.iter().map(|session| session.dnn.as_str()).collect();
    let dnns = dnns.into_iter().collect::<Vec<_>>().join(" ");
    let mut out = BufWriter::new(stdout().lock());
    let subscribers = (0..scenario.subscriber_count()).filter_map(|index| scenario.subscriber(index));
    if matches!(arguments.format, Format::Csv) {
        writeln!(out, "imsi,k,opc,amf,dnns").context("writing the subscribers")?;
    }
    for subscriber in subscribers {
        let line = match arguments.format {
            Format::Open5gs => open5gs(&scenario, &subscriber).to_string(),
            Format::Srsepc => srsepc(&subscriber),
            Format::Free5gc => free5gc(&scenario, &subscriber).to_string(),
            Format::Csv => {
                let Subscriber { imsi, k, opc, .. } = subscriber;
                format!("{imsi},{k},{opc},{},{dnns}", amf_field(&subscriber))
            }
        };
        match writeln!(out, "{line}") {
            // The reader (head, say) has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Exit::Pass),
            written => written.context("writing the subscribers")?,
        }
    }
    out.flush().context("writing the subscribers")?;
    Ok(Exit::Pass)
}

/// A document of Open5GS's `subscribers` collection, schema version 1.
fn open5gs(scenario: &Scenario, subscriber: &Subscriber) -> Value {
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
            "op": null,
            "opc": subscriber.opc.to_string(),
        },
        "ambr": ambr,
        "slice": slices,
        "access_restriction_data": 32,
        "subscriber_status": 0,
        "network_access_mode": 0,
        "subscribed_rau_tau_timer": 12,
        "__v": 0,
    })
}

/// Name, authentication, IMSI, key, OP type, OPc, AMF, SQN, QCI, address allocation.
fn srsepc(subscriber: &Subscriber) -> String {
    let (imsi, k, opc, amf) = (subscriber.imsi, subscriber.k, subscriber.opc, amf_field(subscriber));
    format!("ue{},mil,{imsi},{k},opc,{opc},{amf},000000000000,9,dynamic", subscriber.index + 1)
}

fn free5gc(scenario: &Scenario, subscriber: &Subscriber) -> Value {
    let plmn = subscriber.plmn.to_string().replace('/', "");
    let nssai = |slice: &Snssai| match slice.sd {
        None => json!({ "sst": slice.sst }),
        Some(sd) => json!({ "sst": slice.sst, "sd": sd_text(sd) }),
    };
    let slices: Vec<Value> = scenario.cells.slices.iter().map(nssai).collect();
    let ambr = json!({ "downlink": "1 Gbps", "uplink": "1 Gbps" });
    let management: Vec<Value> = scenario
        .cells
        .slices
        .iter()
        .map(|slice| {
            let networks = data_networks(scenario, *slice).into_iter();
            let configurations = networks.map(|(dnn, type_)| (dnn, data_network(type_, &ambr)));
            let configurations: serde_json::Map<String, Value> = configurations.collect();
            json!({ "singleNssai": nssai(slice), "dnnConfigurations": configurations })
        })
        .collect();
    let selection: serde_json::Map<String, Value> = scenario
        .cells
        .slices
        .iter()
        .map(|slice| {
            let dnns: Vec<Value> =
                data_networks(scenario, *slice).into_keys().map(|dnn| json!({ "dnn": dnn })).collect();
            let key = format!("{:02x}{}", slice.sst, slice.sd.map(sd_text).unwrap_or_default());
            (key, json!({ "dnnInfos": dnns }))
        })
        .collect();
    json!({
        "plmnID": plmn,
        "ueId": format!("imsi-{}", subscriber.imsi),
        "AuthenticationSubscription": {
            "authenticationMethod": "5G_AKA",
            "sequenceNumber": "000000000000",
            "authenticationManagementField": amf_field(subscriber),
            "permanentKey": {
                "permanentKeyValue": subscriber.k.to_string(), "encryptionKey": 0, "encryptionAlgorithm": 0
            },
            "opc": { "opcValue": subscriber.opc.to_string(), "encryptionKey": 0, "encryptionAlgorithm": 0 },
            "milenage": { "op": { "opValue": "", "encryptionKey": 0, "encryptionAlgorithm": 0 } },
        },
        "AccessAndMobilitySubscriptionData": {
            "gpsis": [],
            "nssai": { "defaultSingleNssais": slices, "singleNssais": [] },
            "subscribedUeAmbr": ambr,
        },
        "SessionManagementSubscriptionData": management,
        "SmfSelectionSubscriptionData": { "subscribedSnssaiInfos": selection },
    })
}

/// A data network's part of a session management subscription (TS 29.503 §6.1.6.2.9).
fn data_network(type_: PduSessionType, ambr: &Value) -> Value {
    let type_ = match type_ {
        PduSessionType::Ipv4 => "IPV4",
        PduSessionType::Ipv6 => "IPV6",
        PduSessionType::Ipv4v6 => "IPV4V6",
    };
    json!({
        "pduSessionTypes": { "defaultSessionType": type_, "allowedSessionTypes": [type_] },
        "sscModes": { "defaultSscMode": "SSC_MODE_1", "allowedSscModes": ["SSC_MODE_1"] },
        "5gQosProfile": { "5qi": 9, "arp": { "priorityLevel": 8, "preemptCap": "", "preemptVuln": "" }, "priorityLevel": 8 },
        "sessionAmbr": ambr,
    })
}

/// What sessions of this slice ask for, each with the widest type of addresses that one asks for; without sessions the
/// usual one.
fn data_networks(scenario: &Scenario, slice: Snssai) -> BTreeMap<String, PduSessionType> {
    let mut networks = BTreeMap::new();
    for session in scenario.sessions.iter().filter(|session| session.slice == slice) {
        let type_ = networks.entry(session.dnn.to_string()).or_insert(session.type_);
        if *type_ != session.type_ {
            *type_ = PduSessionType::Ipv4v6;
        }
    }
    if networks.is_empty() {
        networks.insert("internet".to_owned(), PduSessionType::Ipv4v6);
    }
    networks
}

fn sd_text([a, b, c]: [u8; 3]) -> String {
    format!("{a:02x}{b:02x}{c:02x}")
}

fn amf_field(subscriber: &Subscriber) -> String {
    let [high, low] = subscriber.amf;
    format!("{high:02x}{low:02x}")
}
