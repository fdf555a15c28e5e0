use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error, anyhow, bail};
use billing::csv::Mappings;
use billing::{Account, Difference, Losses, LostUsage, Rules, Settings, Tariff, reconcile_files_to};
use coordinator::units;
use scenarios::{Plan, Scenario};
use serde_json::Value;

use crate::exit::Exit;

/// Holds usage against charging: of a run folder, or of ledgers from elsewhere.
///
/// Exit codes: 0 every session agrees, 1 some don't, 2 the input is wrong, in part or as a whole.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A run folder: its usage.csv and charging.csv, and the tariff of its scenario.yaml.
    #[arg(conflicts_with_all = ["usage", "charging"], required_unless_present_all = ["usage", "charging"])]
    run: Option<PathBuf>,
    /// The ledger of what was used.
    #[arg(long, value_name = "FILE", requires = "charging")]
    usage: Option<PathBuf>,
    /// The ledger of what was charged.
    #[arg(long, value_name = "FILE", requires = "usage")]
    charging: Option<PathBuf>,
    /// How the columns of foreign ledgers stand for ours (docs/billing.md).
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// The prices that amounts are recomputed by; the run's own, or none, where none is given.
    #[arg(long, value_name = "FILE")]
    tariff: Option<PathBuf>,
    /// What is tolerated.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Where unreconciled.csv is written; the run folder, or the present one, where none is given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the account as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let (usage, charging) = arguments.ledgers()?;
    let tariff = arguments.tariff()?;
    let rules = match &arguments.rules {
        Some(path) => Rules::from_yaml(&text(path)?, &name(path)).map_err(Error::msg)?,
        None => Rules::default(),
    };
    let mappings = match &arguments.map {
        Some(path) => Mappings::from_yaml(&text(path)?, &name(path)).map_err(Error::msg)?,
        None => Mappings::default(),
    };
    let out = arguments.out.as_deref().or(arguments.run.as_deref()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(out).with_context(|| format!("making the folder {}", out.display()))?;
    let (lost_usage, plan) = arguments.lost_usage()?;
    let shard_of = |supi| plan.as_ref()?.shard_of_subscriber(supi);
    let losses = Losses { gaps: &lost_usage, shard_of: Some(&shard_of) };
    let settings = Settings { losses, ..Settings::new(tariff.as_ref(), &rules) };
    let mut shown = Vec::new();
    let account = reconcile_files_to(&usage, &charging, &mappings, settings, out, &mut |difference| {
        if shown.len() < SHOWN && !difference.cause.is_explained() {
            shown.push(difference.clone());
        }
    })
    .map_err(|error| arguments.foreign(error))?;
    for problem in &account.problems {
        eprintln!("warning: {problem}");
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&account)?);
    } else {
        print(&account, &shown, out);
    }
    let rejected = account.rejected_usage + account.rejected_charging;
    if rejected > 0 {
        bail!(
            "{rejected} lines could not be read and were written aside: see usage.rejected.csv and \
             charging.rejected.csv in {}; the rest was reconciled",
            out.display()
        );
    }
    Ok(if account.unreconciled > 0 { Exit::SloFailed } else { Exit::Pass })
}

impl Arguments {
    fn ledgers(&self) -> Result<(PathBuf, PathBuf), Error> {
        if let (Some(usage), Some(charging)) = (&self.usage, &self.charging) {
            return Ok((usage.clone(), charging.clone()));
        }
        let folder = self.run.as_ref().ok_or_else(|| anyhow!("a run folder, or --usage and --charging"))?;
        let (usage, charging) = (folder.join("usage.csv"), folder.join("charging.csv"));
        for ledger in [&usage, &charging] {
            if !ledger.is_file() {
                bail!(
                    "{} has no {}: a run folder with both ledgers is accepted",
                    folder.display(),
                    ledger.file_name().unwrap_or_default().display()
                );
            }
        }
        Ok((usage, charging))
    }

    /// Other columns than ours are the rule where a ledger comes from elsewhere.
    fn foreign(&self, error: billing::ReconcileError) -> Error {
        let text = error.to_string();
        let columns = self.usage.is_some() && self.map.is_none() && text.contains("column");
        if columns {
            anyhow!("{text}; for other columns give --map mapping.yaml (docs/billing.md)")
        } else {
            error.into()
        }
    }

    fn tariff(&self) -> Result<Option<Tariff>, Error> {
        if let Some(path) = &self.tariff {
            return Tariff::from_yaml(&text(path)?, &name(path)).map(Some).map_err(Error::msg);
        }
        let Some(folder) = &self.run else { return Ok(None) };
        let path = folder.join("scenario.yaml");
        let scenario = Scenario::load(&name(&path), &[])?;
        Ok(Some(scenario.charging.tariff))
    }

    /// When usage was lost with agents, by the run's summary, and the plan that says whose it was.
    fn lost_usage(&self) -> Result<(Vec<LostUsage>, Option<Plan>), Error> {
        let Some(folder) = &self.run else { return Ok((Vec::new(), None)) };
        let read =
            |file: &str| Some(serde_json::from_str::<Value>(&fs::read_to_string(folder.join(file)).ok()?));
        let Some(summary) = read("summary.json").transpose().context("reading summary.json")? else {
            return Ok((Vec::new(), None));
        };
        let Some(lost) = summary.pointer("/billing/lost_usage") else { return Ok((Vec::new(), None)) };
        let lost = serde_json::from_value(lost.clone()).context("reading lost_usage in summary.json")?;
        let plan = read("plan.json").transpose().context("reading plan.json")?.unwrap_or_default();
        let shards = plan.get("shards").and_then(Value::as_array).map_or(1, Vec::len);
        let scenario = Scenario::load(&name(&folder.join("scenario.yaml")), &[])?;
        let plan = Plan::with_shards(Arc::new(scenario), 0, u32::try_from(shards)?)?;
        Ok((lost, Some(plan)))
    }
}

fn print(account: &Account, shown: &[Difference], out: &Path) {
    let currency = account.currency.map(|currency| format!(" {currency}")).unwrap_or_default();
    println!(
        "{} sessions: {} matched, {} unreconciled",
        account.sessions, account.matched, account.unreconciled
    );
    for (cause, count) in &account.explained {
        println!(
            "{count} sessions are explained ({cause}): their usage was lost, what was charged is rightly rated"
        );
    }
    println!(
        "charged {}{currency}, expected {}{currency}, at stake {}{currency}",
        account.charged, account.expected, account.at_stake
    );
    println!(
        "octets used {} up, {} down; charged {} up, {} down",
        units::count(account.used_uplink),
        units::count(account.used_downlink),
        units::count(account.charged_uplink),
        units::count(account.charged_downlink)
    );
    if account.redelivered > 0 {
        println!("{} usage records were delivered again, and counted once", account.redelivered);
    }
    if account.unreconciled == 0 {
        return;
    }
    println!();
    println!("{:<20}{:>10}{:>20}", "cause", "sessions", "at stake");
    for (cause, count) in &account.by_cause {
        let at_stake = account.at_stake_by_cause.get(cause).copied().unwrap_or_default();
        println!("{cause:<20}{count:>10}{:>20}", at_stake.to_string());
    }
    println!();
    for difference in shown {
        let id = difference.charging_id.map(|id| format!(", charging id {id}")).unwrap_or_default();
        println!(
            "{}: {} session {}{id}: {} (at stake {} {})",
            difference.cause,
            difference.supi,
            difference.session,
            difference.explanation,
            difference.at_stake,
            difference.currency
        );
    }
    let more = account.unreconciled.saturating_sub(u64::try_from(shown.len()).unwrap_or_default());
    if more > 0 {
        println!("and {more} more");
    }
    println!("all of them: {}", out.join("unreconciled.csv").display());
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Differences that are printed; the file has them all.
const SHOWN: usize = 20;
