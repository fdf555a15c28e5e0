use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error, anyhow, bail};
use billing::csv::Mappings;
use billing::{
    Account, Difference, LossJudgement, Losses, LostUsage, Rules, RunWindow, Settings, Tariff,
    reconcile_files_to,
};
use identity::Dnn;
use results::units;
use scenarios::{Plan, Scenario};
use serde_json::Value;

use crate::artifacts::{Server, as_place};
use crate::exit::Exit;
use crate::runs::Opened;

/// Holds usage against charging: of a run folder, or of ledgers from elsewhere.
///
/// Exit codes: 0 every session that can be judged agrees, 1 some don't, 2 the input is wrong, in part or as a whole, 3 lost packets explain so much
/// that nothing is proven.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A run, by its folder, its name under --out (or runs/) or its place in S3, s3://BUCKET/PREFIX/RUN: its usage.csv and charging.csv, its tariff, when it was, and what
    /// was lost with its agents.
    #[arg(conflicts_with = "usage", required_unless_present = "usage")]
    run: Option<PathBuf>,
    /// The ledger of what was used, where it is no run's.
    #[arg(long, value_name = "FILE", requires = "charging")]
    usage: Option<PathBuf>,
    /// The ledger of what was charged; with a run, in place of the run's own.
    #[arg(long, value_name = "FILE")]
    charging: Option<PathBuf>,
    /// The charging ledger has every session, also those that were open at the end of the run: one without a charge is missing,
    /// not still-open.
    #[arg(long)]
    complete: bool,
    /// How the columns of foreign ledgers stand for ours (docs/billing.md).
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// The prices that amounts are recomputed by: a file, or a name that scenarios take; the run's own, or none, where none is
    /// given.
    #[arg(long, value_name = "FILE|NAME")]
    tariff: Option<PathBuf>,
    /// What is tolerated.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Where unreconciled.csv is written; the run folder, or the present one (also of a run that lies in S3), where none is given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the account as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let opened = arguments.open()?;
    let run = opened.as_ref().map(Opened::folder);
    let (usage, charging) = arguments.ledgers(run)?;
    let tariff = arguments.tariff(run)?;
    let rules = match &arguments.rules {
        Some(path) => Rules::from_yaml(&text(path)?, &name(path)).map_err(Error::msg)?,
        None => Rules::default(),
    };
    let mappings = match &arguments.map {
        Some(path) => Mappings::from_yaml(&text(path)?, &name(path)).map_err(Error::msg)?,
        None => Mappings::default(),
    };
    let out = arguments.results(opened.as_ref());
    fs::create_dir_all(out).with_context(|| format!("making the folder {}", out.display()))?;
    let about = run.map(OfRun::read).transpose()?.unwrap_or_default();
    let shard_of = |supi| about.plan.as_ref()?.shard_of_subscriber(supi);
    let scenario = run.map(scenario).transpose()?.flatten();
    let traffic = |dnn: &Dnn, length_us| coordinator::carried(scenario.as_ref()?, dnn, length_us);
    let has = |supi| about.plan.as_ref().is_none_or(|plan| plan.scenario().find_subscriber(supi).is_some());
    let losses = Losses {
        gaps: &about.lost_usage,
        shard_of: Some(&shard_of),
        has: Some(&has),
        traffic: Some(&traffic),
    };
    // What the run knows of its own ledger says nothing about another one.
    let complete = arguments.complete || (arguments.charging.is_none() && about.ledger_complete);
    let settings =
        Settings { losses, window: about.window, complete, ..Settings::new(tariff.as_ref(), &rules) };
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
        crate::stdout::json(&serde_json::to_string_pretty(&account)?);
    } else {
        print(&account, &shown, out);
    }
    if let Some(damage) = account.damaged.first() {
        bail!("a column is damaged as a whole: {damage}; the sessions were judged as if it were right");
    }
    let by_loss = rules.loss.judge(&account);
    if by_loss != LossJudgement::Harmless {
        let share = account.loss_share() * 100.0;
        eprintln!("warning: lost packets explain {share:.2} % of all octets: see docs/billing.md");
    }
    let rejected = account.rejected_usage + account.rejected_charging;
    if rejected > 0 {
        bail!(
            "{rejected} lines could not be read and were written aside: see usage.rejected.csv and \
             charging.rejected.csv in {}; the rest was reconciled",
            out.display()
        );
    }
    Ok(match by_loss {
        _ if account.unreconciled > 0 => Exit::SloFailed,
        // Sessions that agree only by what is said to be lost prove nothing.
        LossJudgement::NotProvable => Exit::Invalid,
        LossJudgement::Harmless | LossJudgement::Noticeable => Exit::Pass,
    })
}

impl Arguments {
    /// The folder of the run. Ledgers and a scenario in a folder are enough.
    fn open(&self) -> Result<Option<Opened>, Error> {
        let Some(run) = &self.run else { return Ok(None) };
        if as_place(run).is_some() {
            return Opened::of(run, Path::new(""), &self.server, NEEDED).map(Some);
        }
        if run.is_dir() {
            return Ok(Some(Opened::Here(run.clone())));
        }
        let runs = Path::new("runs");
        let found = crate::runs::find(run, self.out.as_deref().unwrap_or(runs));
        found
            .or_else(|error| crate::runs::find(run, runs).map_err(|_| error))
            .map(|found| Some(Opened::Here(found)))
    }

    /// Where the results go. A run that was found by its name under --out has them in its own folder.
    fn results<'a>(&'a self, run: Option<&'a Opened>) -> &'a Path {
        let here = run.and_then(|run| match run {
            Opened::Here(folder) => Some(folder.as_path()),
            Opened::Brought { .. } => None,
        });
        match (self.out.as_deref(), here) {
            (Some(out), Some(run)) if run.parent() == Some(out) && self.run.as_deref() != Some(run) => run,
            (Some(out), _) => out,
            (None, Some(run)) => run,
            (None, None) => Path::new("."),
        }
    }

    fn ledgers(&self, run: Option<&Path>) -> Result<(PathBuf, PathBuf), Error> {
        if let (Some(usage), Some(charging)) = (&self.usage, &self.charging) {
            return Ok((usage.clone(), charging.clone()));
        }
        let folder = run.ok_or_else(|| anyhow!("a run is needed, or --usage and --charging"))?;
        let usage = folder.join("usage.csv");
        let charging = self.charging.clone().unwrap_or_else(|| folder.join("charging.csv"));
        let own = [Some(&usage), self.charging.is_none().then_some(&charging)];
        for ledger in own.into_iter().flatten() {
            if !ledger.is_file() {
                bail!(
                    "{} has no {}: a run folder with both ledgers is accepted, or one with usage.csv and --charging FILE",
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
        let columns = self.charging.is_some() && self.map.is_none() && text.contains("column");
        if columns {
            anyhow!("{text}; for other columns give --map mapping.yaml (docs/billing.md)")
        } else {
            error.into()
        }
    }

    fn tariff(&self, run: Option<&Path>) -> Result<Option<Tariff>, Error> {
        if let Some(path) = &self.tariff {
            let known = scenarios::tariffs();
            let (text, name) = match known.iter().find(|(known, _)| Path::new(known) == path) {
                Some((known, text)) if !path.is_file() => ((*text).to_owned(), (*known).to_owned()),
                _ => {
                    let names: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
                    let near = path.to_str().and_then(|path| scenarios::nearest(path, &names));
                    let hint = near.map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
                    let names = || format!("--tariff: a file, or one of {}{hint}", names.join(", "));
                    (text(path).with_context(names)?, name(path))
                }
            };
            return Tariff::from_yaml(&text, &name).map(Some).map_err(Error::msg);
        }
        let Some(folder) = run else { return Ok(None) };
        let scenario = Scenario::load(&name(&folder.join("scenario.yaml")), &[])?;
        Ok(Some(scenario.charging.tariff))
    }
}

/// The scenario of a run folder, which says what its traffic can have carried.
fn scenario(folder: &Path) -> Result<Option<Scenario>, Error> {
    let path = folder.join("scenario.yaml");
    Ok(path.is_file().then(|| Scenario::load(&name(&path), &[])).transpose()?)
}

/// What a run's folder says of it beside its ledgers.
#[derive(Default)]
struct OfRun {
    lost_usage: Vec<LostUsage>,
    window: Option<RunWindow>,
    ledger_complete: bool,
    /// Whose the lost usage was.
    plan: Option<Plan>,
}

impl OfRun {
    fn read(folder: &Path) -> Result<Self, Error> {
        let read = |file: &str| {
            Some(serde_json::from_str::<Value>(&edges::files::read_text(&folder.join(file)).ok()?))
        };
        let Some(summary) = read("summary.json").transpose().context("reading summary.json")? else {
            return Ok(Self::default());
        };
        let billing = |key: &str| summary.pointer("/billing").and_then(|billing| billing.get(key)).cloned();
        let mut of_run = Self {
            window: billing("window")
                .map(serde_json::from_value)
                .transpose()
                .context("reading window in summary.json")?,
            ledger_complete: billing("ledger_complete")
                .and_then(|complete| complete.as_bool())
                .unwrap_or(false),
            ..Self::default()
        };
        let Some(lost) = billing("lost_usage") else { return Ok(of_run) };
        of_run.lost_usage = serde_json::from_value(lost).context("reading lost_usage in summary.json")?;
        let plan = read("plan.json").transpose().context("reading plan.json")?.unwrap_or_default();
        let shards = plan.get("shards").and_then(Value::as_array).map_or(1, Vec::len);
        let scenario = Scenario::load(&name(&folder.join("scenario.yaml")), &[])?;
        of_run.plan = Some(Plan::with_shards(Arc::new(scenario), 0, u32::try_from(shards)?)?);
        Ok(of_run)
    }
}

fn print(account: &Account, shown: &[Difference], out: &Path) {
    let currency = account.currency.map(|currency| format!(" {currency}")).unwrap_or_default();
    println!(
        "{} sessions: {} matched, {} unreconciled",
        account.sessions, account.matched, account.unreconciled
    );
    account.not_judged().iter().for_each(|line| println!("{line}"));
    match account.currency {
        Some(_) => println!(
            "charged {}{currency}, expected {}{currency}, at stake {}{currency}",
            account.charged, account.expected, account.at_stake
        ),
        None => println!(
            "charged {}; amounts are not judged: that takes a tariff, and a column of amounts",
            account.charged
        ),
    }
    println!(
        "octets used {} up, {} down; charged {} up, {} down",
        units::count(account.used_uplink),
        units::count(account.used_downlink),
        units::count(account.charged_uplink),
        units::count(account.charged_downlink)
    );
    if account.explained_by_loss() > 0 {
        println!(
            "explained by loss: {} octets in {} sessions ({} up, {} down)",
            units::count(account.explained_by_loss()),
            units::count(account.explained_by_loss_sessions),
            units::count(account.explained_by_loss_uplink),
            units::count(account.explained_by_loss_downlink)
        );
    }
    if account.redelivered > 0 {
        println!("{} usage records were delivered again, and counted once", account.redelivered);
    }
    if account.unreconciled == 0 {
        return;
    }
    println!();
    let rated = account.currency.is_some();
    println!("{:<20}{:>10}{:>20}", "cause", "sessions", if rated { "at stake" } else { "" });
    for (cause, count) in &account.by_cause {
        let at_stake = account.at_stake_by_cause.get(cause).copied().unwrap_or_default();
        let at_stake = if rated { at_stake.to_string() } else { String::new() };
        println!("{}", format!("{cause:<20}{count:>10}{at_stake:>20}").trim_end());
    }
    println!();
    for difference in shown {
        let id = difference.charging_id.map(|id| format!(", charging id {id}")).unwrap_or_default();
        let at_stake = if rated {
            format!(" (at stake {} {})", difference.at_stake, difference.currency)
        } else {
            String::new()
        };
        println!(
            "{}: {} session {}{id}: {}{at_stake}",
            difference.cause, difference.supi, difference.session, difference.explanation
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

/// Files of a run that is reconciled.
const NEEDED: &[&str] = &["usage.csv", "charging.csv", "summary.json", "plan.json", "scenario.yaml"];
/// Differences that are printed; the file has them all.
const SHOWN: usize = 20;
