mod probe;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Error, ensure};
use doctor::{Finding, Level, Needs, Topic};
use scenarios::{Plan, Scenario};
use serde_json::json;

use super::check::counted;
use super::scenario::path_and_value;
use crate::exit::Exit;

/// Looks at this machine, at a target, and whether a scenario can be run there.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A target, such as sctp://HOST:38412, or a scenario: a file, or a name of the catalogue. Without either this machine is
    /// looked at; with a target alone the cells are those of the scenario smoke, and nobody registers.
    what: Option<OsString>,
    /// What the scenario is to signal to; the embedded simulator where none is given. May be repeated.
    #[arg(long, value_name = "URL")]
    target: Vec<String>,
    /// Overrides a field of the scenario, such as --set cells.nodes=4; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    set: Vec<(String, String)>,
    /// The address of the user plane's end that a run would be given.
    #[arg(long, value_name = "IP")]
    gtpu_address: Option<IpAddr>,
    /// Where run folders are going to be.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Only looks: no subscriber registers.
    #[arg(long)]
    no_probe: bool,
    /// Prints the findings as JSON on standard output, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Findings that belong together.
struct Part {
    about: String,
    findings: Vec<Finding>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let (plan, targets) = arguments.what_is_meant()?;
    let addresses: Result<Vec<sctp::Address>, Error> =
        targets.iter().map(|text| crate::target::elsewhere(text)).collect();
    let addresses = addresses?;
    let cells = plan.as_ref().map(doctor::broadcasts).unwrap_or_default();
    let examined: Vec<_> = addresses.iter().map(|address| doctor::examine(address, &cells)).collect();
    let needs = arguments.needs(plan.as_ref(), &addresses, examined.iter().find_map(|one| one.from));
    let mut parts = vec![Part { about: "this machine".to_owned(), findings: doctor::machine(&needs) }];
    for (address, examined) in addresses.iter().zip(examined) {
        parts.push(Part { about: address.to_string(), findings: examined.findings });
    }
    let is_hopeless = parts.iter().any(|part| doctor::worst(&part.findings) == Level::Fault);
    let is_of_scenario = plan.as_ref().filter(|_| !arguments.is_target() && !arguments.no_probe);
    if let Some(plan) = is_of_scenario.filter(|_| !is_hopeless) {
        parts.extend(arguments.probe(plan, targets)?);
    }
    arguments.print(&parts)?;
    let all: Vec<Finding> = parts.into_iter().flat_map(|part| part.findings).collect();
    Ok(if doctor::worst(&all) == Level::Fault { Exit::SloFailed } else { Exit::Pass })
}

impl Arguments {
    fn is_target(&self) -> bool {
        let what = self.what.as_deref().map(std::ffi::OsStr::to_string_lossy);
        what.is_some_and(|what| what.contains("://") || what.starts_with("sim:"))
    }

    /// The scenario, and its targets; none where the embedded simulator is meant.
    fn what_is_meant(&self) -> Result<(Option<Plan>, Vec<String>), Error> {
        let Some(what) = &self.what else {
            ensure!(
                self.target.is_empty(),
                "--target is what a scenario signals to: name a scenario as well"
            );
            return Ok((None, Vec::new()));
        };
        let smoke = OsString::from("smoke");
        let (name, mut targets) = if self.is_target() {
            (&smoke, vec![what.to_string_lossy().into_owned()])
        } else {
            (what, Vec::new())
        };
        targets.extend(self.target.iter().cloned());
        targets.retain(|target| !target.starts_with("sim:"));
        let plan = Plan::new(Arc::new(Scenario::load(name, &self.set)?), SEED, 1)?;
        Ok((Some(plan), targets))
    }

    fn needs(&self, plan: Option<&Plan>, targets: &[sctp::Address], from: Option<IpAddr>) -> Needs {
        let has_sessions = plan.is_some_and(|plan| !plan.scenario().sessions.is_empty()) && !self.is_target();
        // On loopback, agents draw an address of their own.
        let from = from.filter(|from| !from.to_canonical().is_loopback());
        let here =
            plan.filter(|_| !self.is_target()).map(|plan| (plan.memory(), plan.scenario().cells.nodes));
        let memory = here.as_ref().map_or(0, |(needs, _)| {
            let simulator = if targets.is_empty() { needs.simulator } else { 0 };
            needs.agents.saturating_add(simulator)
        });
        Needs {
            transports: targets.iter().map(sctp::Address::transport).collect(),
            user_plane: self.gtpu_address.or(from).filter(|_| has_sessions).into_iter().collect(),
            associations: here.map_or(0, |(_, gnbs)| u64::from(gnbs)) * targets.len().max(1) as u64,
            memory,
            out: self.out.clone(),
        }
    }

    /// One subscriber of the scenario goes through its life.
    fn probe(&self, plan: &Plan, targets: Vec<String>) -> Result<Option<Part>, Error> {
        let Some(one) = plan.scenario().of_one_subscriber() else {
            let none = Finding::note(
                Topic::Registration,
                "the scenario's home network refuses all subscribers: none is tried",
            );
            return Ok(Some(Part { about: "probe".to_owned(), findings: vec![none] }));
        };
        let imsi = one.subscriber(0).map(|one| one.imsi.to_string()).unwrap_or_default();
        let where_ = if targets.is_empty() { " at the embedded simulator" } else { "" };
        eprintln!("trying subscriber {imsi}{where_}");
        let targets = if targets.is_empty() { vec!["sim:".to_owned()] } else { targets };
        let findings = probe::try_out(one, targets, self.gtpu_address)?;
        Ok(Some(Part { about: format!("subscriber {imsi}{where_}"), findings }))
    }

    fn print(&self, parts: &[Part]) -> Result<(), Error> {
        let of =
            |level| parts.iter().flat_map(|part| &part.findings).filter(|one| one.level == level).count();
        let (faults, warnings) = (of(Level::Fault), of(Level::Warning));
        if self.json {
            let parts: Vec<_> =
                parts.iter().map(|part| json!({"about": part.about, "findings": part.findings})).collect();
            let all = json!({"ready": faults == 0, "faults": faults, "warnings": warnings, "parts": parts});
            crate::stdout::json(&serde_json::to_string_pretty(&all)?);
            return Ok(());
        }
        for part in parts {
            println!("{}", part.about);
            for finding in &part.findings {
                let mark = match finding.level {
                    Level::Good => "✓",
                    Level::Note => "·",
                    Level::Warning => "!",
                    Level::Fault => "✗",
                };
                println!("  {mark} {}: {}", finding.topic, finding.found);
                if let Some(advice) = &finding.advice {
                    println!("      → {advice}");
                }
            }
        }
        match (faults, warnings) {
            (0, 0) => println!("a run can begin"),
            (0, warnings) => println!("a run can begin; {}", counted(warnings as u64, "warning")),
            (faults, warnings) => {
                println!(
                    "no run can begin: {}, {}",
                    counted(faults as u64, "fault"),
                    counted(warnings as u64, "warning")
                );
            }
        }
        Ok(())
    }
}

/// Of the plan that is looked at; keys are those of the scenario whatever the seed.
const SEED: u64 = 1;
