use std::path::PathBuf;

use anyhow::{Context, Error, ensure};
use report::{ComparedRuns, compare_runs, comparison_text, page_name, write_comparison};
use statistics::{Judgement, Settings};

use crate::artifacts::Server;
use crate::exit::Exit;
use crate::runs::Runs;

/// Holds a run against an earlier one: exit code 1 when it is worse.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The run that is the measure: its folder, its name under --out, or its place in S3, s3://BUCKET/PREFIX/RUN.
    base: PathBuf,
    /// The run that is held against it: the same.
    run: PathBuf,
    #[command(flatten)]
    runs: Runs,
    #[command(flatten)]
    server: Server,
    /// Percentiles and rates that differ by less raise no alarm.
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    min_effect: f64,
    /// Success ratios that differ by less raise no alarm, in percentage points.
    #[arg(long, value_name = "PERCENT", default_value = "0.1%", value_parser = percent)]
    min_success_effect: f64,
    /// Of comparisons of equal runs, how many may raise an alarm.
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    false_alarms: f64,
    /// Of the bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Compares runs that are not alike.
    #[arg(long)]
    force: bool,
    /// Where the page goes; compare-with-BASE.html in RUN's folder when absent, or in the present one where RUN lies in S3.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Prints the comparison as JSON on standard output, and nothing else.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    ensure!(
        arguments.false_alarms > 0.0 && arguments.false_alarms <= 0.5,
        "--false-alarms is above 0% and at most 50%"
    );
    let settings = Settings {
        false_alarms: arguments.false_alarms,
        least_effect: arguments.min_effect,
        least_success_effect: arguments.min_success_effect,
        seed: arguments.seed,
    };
    let open = |run| arguments.runs.open(run, &arguments.server, NEEDED);
    let (base, run) = (open(&arguments.base)?, open(&arguments.run)?);
    let mut compared = compare_runs(base.folder(), run.folder(), &settings, arguments.force)?;
    (compared.base.folder, compared.run.folder) = (base.shown().to_owned(), run.shown().to_owned());
    let page = arguments.html.clone().unwrap_or_else(|| run.page(&page_name(&compared)));
    write_comparison(&compared, &page).context("writing the page")?;
    if arguments.json {
        crate::stdout::json(&serde_json::to_string_pretty(&compared)?);
    } else {
        print(&compared);
        println!("page: {}", page.display());
    }
    Ok(match compared.regression {
        true => Exit::SloFailed,
        // Neither good nor bad: whoever gates on this must not take it for good.
        false if compared.comparison.judged() == 0 && !compared.same_run => Exit::NotJudged,
        false => Exit::Pass,
    })
}

/// Files of a run that is compared.
const NEEDED: &[&str] = &["summary.json", "timeline.ndjson", "histograms.hlog", "plan.json", "scenario.yaml"];

fn print(compared: &ComparedRuns) {
    let word = match (compared.regression, compared.comparison.judged()) {
        _ if compared.same_run => "THE SAME RUN",
        (true, _) => "WORSE",
        (false, 0) => "NOT JUDGED",
        (false, _) => "NOT WORSE",
    };
    println!("{word}: {} against {}", compared.run.run_id, compared.base.run_id);
    println!("  {}", compared.in_words());
    for field in &compared.differ {
        println!("  not alike: {field}");
    }
    let mut procedure = "";
    for finding in &compared.comparison.findings {
        if finding.procedure != procedure {
            procedure = &finding.procedure;
            println!();
            println!("{:<34}{:>12}{:>12}{:>12}  {:<24}", procedure, "base", "run", "difference", "interval");
        }
        let [base, run, difference, interval] = comparison_text(finding);
        let judgement = match &finding.judgement {
            Judgement::Worse => "WORSE".to_owned(),
            Judgement::Better => "better".to_owned(),
            Judgement::Same => String::new(),
            Judgement::NotJudged(why) => format!("not judged: {why}"),
        };
        let basis = finding.basis.as_deref().map(|basis| format!(" ({basis})")).unwrap_or_default();
        let judgement = judgement + &basis;
        let line = format!(
            "  {:<32}{base:>12}{run:>12}{difference:>12}  {interval:<24}{judgement}",
            finding.figure.to_string()
        );
        println!("{}", line.trim_end());
    }
    let settings = compared.comparison.settings;
    println!();
    println!(
        "{} figures judged together; of comparisons of equal runs at most {} raise any alarm; an alarm is {} or more \
         ({} percentage points of success); seed {}",
        compared.comparison.judged(),
        in_percent(settings.false_alarms),
        in_percent(settings.least_effect),
        settings.least_success_effect * 100.0,
        settings.seed
    );
}

fn in_percent(part: f64) -> String {
    // What binary fractions add is rounded off.
    format!("{} %", (part * 1e6).round() / 1e4)
}

pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent: f64 = number.parse().map_err(|_| format!("{text:?} is not a percentage such as 2%"))?;
    (0.0..=100.0)
        .contains(&percent)
        .then_some(percent / 100.0)
        .ok_or_else(|| "0% to 100% are accepted".to_owned())
}
