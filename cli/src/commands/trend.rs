use anyhow::{Error, bail};
use results::{Percentiles, ProcedureSummary, units};
use serde_json::{Value, json};
use statistics::{ChangePoint, change_points};

use crate::exit::Exit;
use crate::past::{Filter, Past};

/// Shows a figure over the last runs of a scenario, and where its level changed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The figure: PROCEDURE.latency.p50|p90|p95|p99|p99.9|max, PROCEDURE.service.p50, PROCEDURE.success, PROCEDURE.failed,
    /// billing.unreconciled, generator.lateness.p99, or capacity.knee of searches.
    metric: String,
    #[command(flatten)]
    filter: Filter,
    /// Of these, the last so many.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    last: u16,
    /// How probable it may be that a change is found where there is none.
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = super::compare::percent)]
    false_alarms: f64,
    /// Prints the figures and their change points as JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let all = arguments.filter.find()?;
    let of = scenario(&all)?;
    let metric = Metric::parse(&arguments.metric)?;
    let measured: Vec<(&Past, f64)> = all
        .iter()
        .filter(|run| run.is_valid())
        .filter_map(|run| Some((run, metric.of(&run.summary)?)))
        .collect();
    let left_out = all.len() - measured.len();
    let measured =
        measured.get(measured.len().saturating_sub(usize::from(arguments.last))..).unwrap_or_default();
    if measured.is_empty() {
        bail!(
            "{}: no valid run of {of} has this figure; {}",
            arguments.metric,
            known(all.last().map(|run| &run.summary))
        );
    }
    let figures: Vec<f64> = measured.iter().map(|(_, figure)| *figure).collect();
    let points = change_points(&figures, arguments.false_alarms);
    if arguments.json {
        crate::stdout::json(&serde_json::to_string_pretty(&as_json(arguments, &of, measured, &points))?);
    } else {
        println!("{} of {of}, {} runs", arguments.metric, measured.len());
        print(&metric, measured, &points);
        if left_out > 0 {
            println!("left out: {left_out} that are invalid, not ended, or without this figure");
        }
    }
    Ok(Exit::Pass)
}

/// The scenario that all are of: figures of different ones are no trend.
fn scenario(runs: &[Past]) -> Result<String, Error> {
    let mut names: Vec<&str> = runs.iter().map(|run| run.text("scenario")).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [] => bail!("there is no such run"),
        [one] => Ok(one.to_owned()),
        _ => bail!("these are runs of several scenarios: choose one with --scenario: {}", names.join(", ")),
    }
}

/// A figure of a summary.
struct Metric {
    /// The keys that lead to it; some of a ratio.
    path: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Microseconds,
    Count,
    /// Of a procedure: what succeeded of what ended.
    Success,
    /// Of a procedure: all that the network refused.
    Failed,
    PerSecond,
}

impl Metric {
    fn parse(text: &str) -> Result<Self, Error> {
        let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let (path, kind) = match text.split('.').collect::<Vec<_>>()[..] {
            ["billing", "unreconciled"] => (path(&["billing", "unreconciled"]), Kind::Count),
            ["generator", "lateness", rank] => {
                (path(&["generator", "lateness_us", &percentile(rank)?]), Kind::Microseconds)
            }
            ["capacity", "knee"] => (path(&["knee", "rate"]), Kind::PerSecond),
            [procedure, what @ ("latency" | "service"), ref rank @ ..] if !rank.is_empty() => {
                let keys = ["procedures", procedure, &format!("{what}_us"), &percentile(&rank.join("."))?];
                (path(&keys), Kind::Microseconds)
            }
            [procedure, "success"] => (path(&["procedures", procedure]), Kind::Success),
            [procedure, "failed"] => (path(&["procedures", procedure]), Kind::Failed),
            _ => bail!(
                "{text:?} is no figure of a run: registration.latency.p99, pdu-session.success, billing.unreconciled, generator.lateness.p99 and capacity.knee are such"
            ),
        };
        Ok(Self { path, kind })
    }

    fn of(&self, summary: &Value) -> Option<f64> {
        let found = self.path.iter().try_fold(summary, |value, key| value.get(key))?;
        let procedure = || serde_json::from_value::<ProcedureSummary>(found.clone()).ok();
        match self.kind {
            Kind::Success => procedure()?.success_percent(),
            Kind::Failed => Some(units::float(procedure()?.all_failed())),
            // Of nothing there is no percentile.
            Kind::Microseconds => found.as_f64().filter(|us| *us > 0.0),
            Kind::Count | Kind::PerSecond => found.as_f64(),
        }
    }

    fn shown(&self, figure: f64) -> String {
        match self.kind {
            Kind::Microseconds => units::latency(figure),
            Kind::Count | Kind::Failed => format!("{figure:.0}"),
            Kind::Success => format!("{:.3} %", figure),
            Kind::PerSecond => format!("{figure:.1}/s"),
        }
    }
}

/// The key of a percentile in `summary.json`.
fn percentile(text: &str) -> Result<String, Error> {
    match Percentiles::TABLE.iter().find(|row| [row.key, row.title].contains(&text)) {
        Some(row) => Ok(row.key.to_owned()),
        None => bail!("{text:?} is no percentile here: p50, p90, p95, p99, p99.9 and max are"),
    }
}

/// What could be asked for instead.
fn known(summary: Option<&Value>) -> String {
    let procedures = summary.and_then(|summary| summary["procedures"].as_object());
    let names: Vec<&str> = procedures.map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default();
    if names.is_empty() {
        "it has no procedures".to_owned()
    } else {
        format!("its procedures are {}", names.join(", "))
    }
}

fn print(metric: &Metric, measured: &[(&Past, f64)], points: &[ChangePoint]) {
    let most = measured.iter().map(|(_, figure)| *figure).fold(0.0, f64::max);
    let name = measured.iter().map(|(run, _)| run.name.chars().count()).max().unwrap_or_default();
    for (place, (run, figure)) in measured.iter().enumerate() {
        if let Some(point) = points.iter().find(|point| point.at == place) {
            println!("{}", change(metric, point));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 30")]
        let length = if most > 0.0 { (BAR * figure / most).round() as usize } else { 0 };
        println!(
            "{:<name$}  {:<8}{:>12}  {}",
            run.name,
            run.state(),
            metric.shown(*figure),
            "▪".repeat(length)
        );
    }
    if points.is_empty() {
        println!("no change of its level");
    }
}

fn change(metric: &Metric, point: &ChangePoint) -> String {
    let relative = if point.before == 0.0 {
        String::new()
    } else {
        format!(", {:+.1} %", 100.0 * (point.after - point.before) / point.before)
    };
    format!(
        "──── changed here: {} → {}{relative} (p {:.1e})",
        metric.shown(point.before),
        metric.shown(point.after),
        point.p_value
    )
}

fn as_json(
    arguments: &Arguments,
    scenario: &str,
    measured: &[(&Past, f64)],
    points: &[ChangePoint],
) -> Value {
    let runs: Vec<Value> = measured
        .iter()
        .map(|(run, figure)| {
            json!({"run_id": run.name, "started_at": run.text("started_at"), "state": run.state(), "figure": figure})
        })
        .collect();
    let points: Vec<Value> = points
        .iter()
        .map(|point| {
            let first = measured.get(point.at).map(|(run, _)| run.name.as_str());
            json!({"run_id": first, "before": point.before, "after": point.after, "p_value": point.p_value})
        })
        .collect();
    json!({"metric": arguments.metric, "scenario": scenario, "runs": runs, "change_points": points})
}

/// Characters of the longest bar.
const BAR: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_where_summaries_have_them() {
        let summary = json!({
            "procedures": {"handover-xn": {"succeeded": 9, "abandoned": {"agent-lost": 4, "end-of-run": 1}},
                "registration": {"succeeded": 90, "failed": {"a": 5, "b": 3}, "timed_out": 2,
                "latency_us": {"p50": 1000, "p999": 9000}, "service_us": {"p50": 0}}},
            "billing": {"unreconciled": 4}, "generator": {"lateness_us": {"p99": 70}},
            "knee": {"rate": 120.5}
        });
        for (metric, figure, shown) in [
            ("registration.latency.p50", Some(1000.0), "1.00 ms"),
            ("registration.latency.p99.9", Some(9000.0), "9.00 ms"),
            ("registration.success", Some(90.0), "90.000 %"),
            ("registration.failed", Some(8.0), "8"),
            ("handover-xn.success", Some(90.0), "90.000 %"),
            ("billing.unreconciled", Some(4.0), "4"),
            ("capacity.knee", Some(120.5), "120.5/s"),
            ("registration.service.p50", None, ""),
            ("handover-n2.success", None, ""),
        ] {
            let metric = Metric::parse(metric).unwrap();
            let found = metric.of(&summary);
            assert_eq!(found, figure);
            if let Some(found) = found {
                assert_eq!(metric.shown(found), shown);
            }
        }
        for wrong in ["registration", "registration.speed", "registration.latency.p12", "", "a.b.c.d.e"] {
            assert!(Metric::parse(wrong).is_err(), "{wrong}");
        }
    }
}
