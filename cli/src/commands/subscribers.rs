use std::io::{BufWriter, Write, stdout};

use anyhow::{Context, Error};
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
    /// imsi,k,opc,amf
    Csv,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let scenario = arguments.scenario.load()?;
    let mut out = BufWriter::new(stdout().lock());
    let subscribers = (0..scenario.subscriber_count()).filter_map(|index| scenario.subscriber(index));
    if matches!(arguments.format, Format::Csv) {
        writeln!(out, "imsi,k,opc,amf").context("writing the subscribers")?;
    }
    for subscriber in subscribers {
        let line = match arguments.format {
            Format::Open5gs => open5gs(&scenario, &subscriber).to_string(),
            Format::Srsepc => srsepc(&subscriber),
            Format::Free5gc => free5gc(&scenario, &subscriber).to_string(),
            Format::Csv => {
                format!("{},{},{},{}", subscriber.imsi, subscriber.k, subscriber.opc, amf_field(&subscriber))
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
    let slices: Vec<Value> = scenario
        .cells
        .slices
        .iter()
        .enumerate()
        .map(|(number, slice)| {
            let arp =
                json!({ "priority_level": 8, "pre_emption_capability": 1, "pre_emption_vulnerability": 1 });
            let session =
                json!({ "name": "internet", "type": 3, "qos": { "index": 9, "arp": arp }, "ambr": ambr });
            let mut document =
                json!({ "sst": slice.sst, "default_indicator": number == 0, "session": [session] });
            if let (Some(sd), Some(fields)) = (slice.sd, document.as_object_mut()) {
                fields.insert("sd".to_owned(), json!(format!("{:02x}{:02x}{:02x}", sd[0], sd[1], sd[2])));
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
    let slices: Vec<Value> = scenario
        .cells
        .slices
        .iter()
        .map(|slice| match slice.sd {
            None => json!({ "sst": slice.sst }),
            Some(sd) => json!({ "sst": slice.sst, "sd": format!("{:02x}{:02x}{:02x}", sd[0], sd[1], sd[2]) }),
        })
        .collect();
    json!({
        "plmnID": subscriber.plmn.to_string().replace('/', ""),
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
            "subscribedUeAmbr": { "downlink": "1 Gbps", "uplink": "1 Gbps" },
        },
    })
}

fn amf_field(subscriber: &Subscriber) -> String {
    let [high, low] = subscriber.amf;
    format!("{high:02x}{low:02x}")
}
