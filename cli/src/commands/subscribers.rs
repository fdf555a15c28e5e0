mod free5gc;
mod open5gs;
mod srsepc;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write, stdout};

use anyhow::{Context, Error};
use identity::{PduSessionType, Snssai};
use scenarios::{Scenario, Subscriber};

use super::scenario::ScenarioArguments;
use crate::exit::Exit;

/// Prints the subscribers.
#[derive(clap::Args)]
#[command(mut_arg("duration", |duration| duration.hide(true)))]
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
    if matches!(arguments.format, Format::Open5gs) {
        open5gs::check(&scenario)?;
    }
    let mut out = BufWriter::new(stdout().lock());
    let subscribers = (0..scenario.subscriber_count()).filter_map(|index| scenario.subscriber(index));
    if matches!(arguments.format, Format::Csv) {
        writeln!(out, "imsi,k,opc,amf,dnns").context("writing the subscribers")?;
    }
    for subscriber in subscribers {
        let line = match arguments.format {
            Format::Open5gs => open5gs::document(&scenario, &subscriber).to_string(),
            Format::Srsepc => srsepc::line(&subscriber),
            Format::Free5gc => free5gc::document(&scenario, &subscriber).to_string(),
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

/// The sequence number of a home network that has sent one challenge: SEQ 1, IND 0 (TS 33.102 §C.1.1.1, five bits of IND). A USIM
/// that was never used takes none with SEQ 0, and would ask for a resynchronisation first (§C.2.2).
const FIRST_SQN: u64 = 1 << 5;
