use std::fmt::Display;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error};
use identity::{Dnn, Imsi, Key128, PduSessionType, Plmn, Snssai, Tac};
use scenarios::{Draft, DraftGroup, DraftSession, Kind, RadioProfile, Scenario, hint, is_name};

use super::new_file::write_new;
use crate::exit::Exit;

/// Writes a scenario to begin with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to; - prints it.
    #[arg(default_value = "scenario.yaml")]
    file: PathBuf,
    /// What the run is about.
    #[arg(long, value_enum)]
    kind: Option<KindArgument>,
    /// Names the run folder and the report.
    #[arg(long)]
    name: Option<String>,
    /// How many subscribers.
    #[arg(long, value_name = "N")]
    subscribers: Option<u64>,
    /// The home network, such as 001/01.
    #[arg(long, value_name = "MCC/MNC", value_parser = read::<Plmn>)]
    plmn: Option<Plmn>,
    /// The first IMSI.
    #[arg(long, value_parser = read::<Imsi>)]
    imsi: Option<Imsi>,
    /// K of all subscribers; where none is given, each has its own, derived from a test key.
    #[arg(long, value_name = "KEY", value_parser = read::<Key128>)]
    k: Option<Key128>,
    /// OPc of all subscribers.
    #[arg(long, value_name = "KEY", value_parser = read::<Key128>)]
    opc: Option<Key128>,
    /// OP, of which each OPc follows.
    #[arg(long, value_name = "KEY", conflicts_with = "opc", value_parser = read::<Key128>)]
    op: Option<Key128>,
    /// How many base stations, in each network.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    nodes: Option<u32>,
    /// Their tracking area.
    #[arg(long)]
    tac: Option<u32>,
    /// Their slice: SST, or SST-SD.
    #[arg(long, value_parser = read::<Snssai>)]
    slice: Option<Snssai>,
    /// The data network of sessions.
    #[arg(long, value_parser = read::<Dnn>)]
    dnn: Option<Dnn>,
    /// The radio profile.
    #[arg(long, value_parser = profile)]
    radio: Option<String>,
    /// The network abroad, of --kind roaming.
    #[arg(long, value_name = "MCC/MNC", value_parser = read::<Plmn>)]
    visited: Option<Plmn>,
    /// Registrations a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How long the run lasts, such as 30s or 8h.
    #[arg(long, value_name = "TIME", value_parser = scenarios::parse_duration)]
    length: Option<Duration>,
    /// Asks for what is not given, also where standard input is no terminal.
    #[arg(long, conflicts_with = "no_ask")]
    ask: bool,
    /// Takes what is usual for what is not given.
    #[arg(long)]
    no_ask: bool,
    /// Writes over a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KindArgument {
    /// Everybody registers, and stays.
    Attach,
    /// UEs with sessions for hours, with bursts of service requests.
    Soak,
    /// Half of the UEs switch off and on again and again.
    Storm,
    /// UEs cross a border, with a tariff.
    Roaming,
    /// A search for the highest rate of registrations.
    Capacity,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let asks = arguments.ask || (!arguments.no_ask && std::io::stdin().is_terminal());
    let mut asker = Asker { input: std::io::stdin().lock(), asks };
    let text = draft(arguments, &mut asker)?.to_yaml();
    // What is written can be run; what was asked for may not go together.
    let scenario = Scenario::from_yaml(&text, "the scenario that would be written")?;
    for warning in scenario.warnings() {
        eprintln!("warning: {warning}");
    }
    write_new(&arguments.file, &text, arguments.force)?;
    Ok(Exit::Pass)
}

fn draft(given: &Arguments, asker: &mut Asker<impl BufRead>) -> Result<Draft, Error> {
    let kind = match given.kind {
        Some(kind) => kind,
        None => {
            asker.ask("what is it about: attach, soak, storm, roaming, capacity", KindArgument::Attach)?
        }
    };
    let name = asker.or(&given.name, "its name", given.kind_name(kind))?;
    let count = asker.or(
        &given.subscribers,
        "subscribers",
        if kind == KindArgument::Capacity { 10_000 } else { 100 },
    )?;
    let plmn = asker.or(&given.plmn, "home network", "001/01".parse().map_err(Error::msg)?)?;
    let imsi = match given.imsi {
        Some(imsi) => imsi.to_string(),
        None => asker.ask("first IMSI", first_imsi(plmn))?,
    };
    let k = match given.k {
        Some(k) => format!("\"{k}\""),
        None => format!("{{derived-from: \"{TEST_KEY}\"}}"),
    };
    let (operator_field, operator_key) = match (given.op, given.opc) {
        (Some(op), _) => ("op", op.to_string()),
        (None, Some(opc)) => ("opc", opc.to_string()),
        (None, None) => ("opc", TEST_OPC.to_owned()),
    };
    let nodes = asker.or(&given.nodes, "base stations", 4)?;
    let tac = asker.or(&given.tac, "tracking area", 1)?;
    Tac::try_from(tac).map_err(Error::msg)?;
    let slice = asker.or(&given.slice, "slice", Snssai { sst: 1, sd: None })?;
    let dnn = match kind {
        KindArgument::Soak | KindArgument::Roaming => {
            asker.or(&given.dnn, "data network", "internet".parse().map_err(Error::msg)?)?
        }
        _ => given.dnn.clone().map_or_else(|| "internet".parse().map_err(Error::msg), Ok)?,
    };
    let visited = match given.visited {
        Some(visited) => visited,
        None if kind == KindArgument::Roaming => asker.ask("network abroad", abroad(plmn))?,
        None => abroad(plmn),
    };
    let radio = asker.or(&given.radio, "radio: ideal, urban, rural", "urban".to_owned())?;
    let radio = profile(&radio).map_err(Error::msg)?;
    let rate_per_s = asker.or(&given.rate, "registrations a second", 50)?;
    let length = match given.length {
        Some(length) => length,
        None => asker.ask("how long it lasts", Length(kind.usual_length()))?.0,
    };
    let group = DraftGroup { plmn, imsi, count, k, operator_field, operator_key, amf: None, suci: None };
    Ok(Draft {
        kind: kind.meant(),
        name,
        made_by: "Made by roamstorm init.".to_owned(),
        plmn,
        visited,
        others: Vec::new(),
        groups: vec![group],
        nodes,
        tacs: vec![tac],
        slices: vec![slice],
        first_node_id: None,
        sessions: vec![DraftSession { dnn, type_: PduSessionType::default(), slice }],
        algorithms: None,
        radio,
        rate_per_s,
        length,
    })
}

impl Arguments {
    /// After the file, or what it is about.
    fn kind_name(&self, kind: KindArgument) -> String {
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if stem != "scenario" && is_name(stem) { stem.to_owned() } else { kind.to_string() }
    }
}

impl KindArgument {
    fn meant(self) -> Kind {
        match self {
            Self::Attach => Kind::Attach,
            Self::Soak => Kind::Soak,
            Self::Storm => Kind::Storm,
            Self::Roaming => Kind::Roaming,
            Self::Capacity => Kind::Capacity,
        }
    }

    fn usual_length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Attach | Self::Storm | Self::Roaming => 30,
            Self::Soak => 600,
            Self::Capacity => 20,
        })
    }
}

impl Display for KindArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Attach => "attach",
            Self::Soak => "soak",
            Self::Storm => "storm",
            Self::Roaming => "roaming",
            Self::Capacity => "capacity",
        })
    }
}

impl FromStr for KindArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Attach, Self::Soak, Self::Storm, Self::Roaming, Self::Capacity];
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = all.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}{}", known.join(", "), hint(text, &known)))
    }
}

/// A time as an answer.
struct Length(Duration);

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scenarios::parse_duration(text).map(Self)
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}

/// Who asks questions, on standard error, or takes what is usual.
struct Asker<R> {
    input: R,
    asks: bool,
}

impl<R: BufRead> Asker<R> {
    /// What was given, or the answer.
    fn or<T>(&mut self, given: &Option<T>, question: &str, usual: T) -> Result<T, Error>
    where
        T: FromStr<Err: Display> + Display + Clone,
    {
        given.clone().map_or_else(|| self.ask(question, usual), Ok)
    }

    /// An empty answer, and the end of the input, are the usual one.
    fn ask<T: FromStr<Err: Display> + Display>(&mut self, question: &str, usual: T) -> Result<T, Error> {
        while self.asks {
            crate::stderr::as_it_is(format!("{question} [{usual}]: "));
            crate::stderr::flush(Duration::from_secs(1));
            let mut line = String::new();
            let octets = self.input.read_line(&mut line).context("reading the answer")?;
            let answer = line.trim();
            if octets == 0 || answer.is_empty() {
                break;
            }
            match answer.parse() {
                Ok(answer) => return Ok(answer),
                Err(why) => eprintln!("{why}"),
            }
        }
        Ok(usual)
    }
}

fn read<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn profile(name: &str) -> Result<String, String> {
    RadioProfile::find(name).map(|profile| profile.name)
}

/// Fifteen digits, of which the last is 1.
fn first_imsi(plmn: Plmn) -> String {
    let digits = plmn.to_string().replace('/', "");
    format!("{digits}{:0>width$}", 1, width = 15 - digits.len())
}

/// Another network than this.
fn abroad(plmn: Plmn) -> Plmn {
    let other = if plmn.to_string() == "262/01" { "208/01" } else { "262/01" };
    other.parse().unwrap_or(plmn)
}

/// Of test set 1 of TS 35.208 §4.3.
const TEST_KEY: &str = "465B5CE8B199B49FAA5F0A2EE238A6BC";
/// Not that of the test set's OP: it is what open-source cores have in their examples.
const TEST_OPC: &str = "E8ED289DEBA952E4283B54E88E6183CA";
