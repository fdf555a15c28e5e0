//! A capacity search: probe after probe, each an ordinary run of a fixed rate, until the knee is known.

use std::sync::Arc;

use anyhow::{Context, Error};
use coordinator::{RunFolder, RunOutcome};
use report::write_search;
use results::units::latency_if_any;
use results::{FORM, Probe, ProcedureSummary, SearchSummary, Status};
use scenarios::{CapacitySearch, Metric, MetricKind, Plan, Procedure, Scenario};
use statistics::{ProbeOutcome, Search, SearchEnd, SearchSettings};

use crate::campaign::Options;
use crate::exit::Exit;
use crate::notify::Message;

/// Runs the search of a scenario in its folder; `probe` plays one plan in a folder of its own.
pub(crate) async fn conduct<F>(
    plan: &Plan,
    search: &CapacitySearch,
    folder: &RunFolder,
    agents: u16,
    options: &Options,
    probe: F,
) -> Result<Exit, Error>
where
    F: AsyncFn(Plan, RunFolder) -> Result<RunOutcome, Error>,
{
    let mut state = Search::new(SearchSettings {
        from: search.from_per_s,
        to: search.to_per_s,
        precision: search.precision,
        ..SearchSettings::default()
    });
    let mut probes: Vec<Probe> = Vec::new();
    let end = loop {
        let rate = match state.next() {
            Ok(rate) => rate,
            Err(end) => break Some(end),
        };
        let number = probes.len() + 1;
        let name = format!("probe-{number:02}");
        let scenario = plan.scenario().probe_at(rate).context("a scenario with a search has probes")?;
        // Each probe draws its own arrivals, and the whole search is repeated by one seed.
        let seed = scenarios::stream_seed(plan.seed(), &[number as u64]) % 1_000_000;
        let probe_plan = Plan::new(Arc::new(scenario), seed, u32::from(agents))?;
        let ended = probe(probe_plan, RunFolder::create(folder.path(), Some(&name), &name)?).await?;
        let outcome = outcome(&ended);
        let line = described(&name, rate, search.procedure, outcome, &ended);
        eprintln!("{}", in_short(&line));
        probes.push(line);
        if ended.summary.verdict.reasons.iter().any(|reason| reason.starts_with("aborted")) {
            break None;
        }
        state.probed(rate, outcome);
        write_search(folder.path(), &summary(plan, search, folder, None, &probes))?;
    };
    let summary = summary(plan, search, folder, end, &probes);
    let page = write_search(folder.path(), &summary)?;
    if options.json {
        crate::stdout::json(&serde_json::to_string_pretty(&summary)?);
    } else {
        println!("{}", summary.verdict);
        println!("report: {}", page.display());
    }
    options.add_summary(|| report::render_search_markdown(&summary));
    let artifacts = options.push_artifacts(folder.path()).await;
    options.tell(&Message::of_search(&summary, folder.path()).with_artifacts(artifacts)).await;
    Ok(match end {
        Some(SearchEnd::Found(_) | SearchEnd::Reached { .. }) => Exit::Pass,
        Some(SearchEnd::Never { .. }) => Exit::SloFailed,
        Some(SearchEnd::GeneratorLimited { .. }) | None => Exit::Invalid,
    })
}

/// A run that proves nothing says nothing about the target.
fn outcome(ended: &RunOutcome) -> ProbeOutcome {
    let unstarted = ended.summary.procedures.values().any(|procedure| procedure.never_started > 0);
    match ended.summary.verdict.status {
        Status::Invalid => ProbeOutcome::Generator,
        Status::Pass if unstarted => ProbeOutcome::Generator,
        Status::Pass => ProbeOutcome::Held,
        Status::Fail => ProbeOutcome::Broke,
    }
}

fn described(
    name: &str,
    rate_per_s: f64,
    procedure: Procedure,
    outcome: ProbeOutcome,
    ended: &RunOutcome,
) -> Probe {
    let procedure = ended.summary.procedures.get(procedure.name());
    Probe {
        folder: name.to_owned(),
        rate_per_s,
        outcome,
        reasons: ended.summary.verdict.reasons.clone(),
        latency_us_p99: procedure.filter(|p| p.succeeded > 0).map(|p| p.latency_us.p99),
        success_percent: procedure.and_then(ProcedureSummary::success_percent),
        lateness_us_p99: ended.summary.generator.lateness_us.p99,
    }
}

fn in_short(probe: &Probe) -> String {
    let p99 = probe
        .latency_us_p99
        .map_or_else(|| "nothing succeeded".to_owned(), |us| format!("p99 {}", latency_if_any(us)));
    let outcome = probe.outcome.as_str();
    let success = probe.success_percent.unwrap_or_default();
    format!("{}: {:.1}/s {outcome}, {p99}, success {success:.2} %", probe.folder, probe.rate_per_s)
}

fn summary(
    plan: &Plan,
    search: &CapacitySearch,
    folder: &RunFolder,
    end: Option<SearchEnd>,
    probes: &[Probe],
) -> SearchSummary {
    let (status, limit, verdict) = told(end.as_ref(), search.procedure);
    let conditions: Vec<&str> = search.conditions.iter().map(|slo| slo.text.as_str()).collect();
    let limit_of = |wanted: fn(&MetricKind) -> bool| {
        let kind = |metric: &Metric| matches!(metric, Metric::Procedure { kind, .. } if wanted(kind));
        search.conditions.iter().find(|slo| kind(&slo.metric)).map(|slo| slo.value)
    };
    let p99 =
        |kind: &MetricKind| matches!(kind, MetricKind::Latency(percentile) if percentile.percent() == 99.0);
    SearchSummary {
        form: FORM,
        run_id: folder.run_id().to_owned(),
        scenario: plan.scenario().name.clone(),
        seed: plan.seed(),
        status,
        limit: limit.to_owned(),
        verdict,
        knee: if let Some(SearchEnd::Found(knee)) = end { Some(knee) } else { None },
        end,
        conditions: conditions.join(" and "),
        from_per_s: search.from_per_s,
        to_per_s: search.to_per_s,
        probe_s: search.probe.as_secs_f64(),
        precision: search.precision,
        limit_us: limit_of(p99),
        limit_percent: limit_of(|kind| matches!(kind, MetricKind::Success)).map(|part| part * 100.0),
        probes: probes.to_vec(),
    }
}

/// Whether the target holds anything, what was the limit, and both in a sentence.
fn told(end: Option<&SearchEnd>, procedure: Procedure) -> (Status, &'static str, String) {
    let a_second = match procedure {
        Procedure::Registration => "registrations a second".to_owned(),
        other => format!("attempts of {} a second", other.name()),
    };
    match end {
        Some(SearchEnd::Found(knee)) => (
            Status::Pass,
            "target",
            format!(
                "The target holds {:.1} {a_second} (95 %: {:.1} to {:.1})",
                knee.rate, knee.low, knee.high
            ),
        ),
        Some(SearchEnd::Reached { rate }) => (
            Status::Pass,
            "search",
            format!("The target holds {rate:.1} {a_second}, the highest rate of the search"),
        ),
        Some(SearchEnd::Never { rate }) => (
            Status::Fail,
            "target",
            format!("The target does not hold {rate:.1} {a_second}, the lowest rate of the search"),
        ),
        Some(SearchEnd::GeneratorLimited { held, failed }) => {
            let known = if *held > 0.0 {
                format!("the target holds {held:.1}")
            } else {
                "of the target nothing is known".to_owned()
            };
            let text = format!("The generator was the limit: it cannot make {failed:.1} {a_second}; {known}");
            (Status::Invalid, "generator", text)
        }
        None => (Status::Invalid, "none", "The search has not ended".to_owned()),
    }
}

/// Explains the search of a scenario before it is run.
pub(crate) fn explain(scenario: &Scenario) -> Option<String> {
    let search = scenario.search.as_ref()?;
    let conditions: Vec<&str> = search.conditions.iter().map(|slo| slo.text.as_str()).collect();
    let growing = (search.to_per_s / search.from_per_s).log2().ceil().max(0.0);
    Some(format!(
        "a search for the highest rate of {} while {}: from {}/s to {}/s, doubled from probe to probe and then halved to {} % of the rate, \
         {} s each; about {:.0} to {:.0} probes. The plan below is that of the first.",
        search.procedure.name(),
        conditions.join(" and "),
        search.from_per_s,
        search.to_per_s,
        search.precision * 100.0,
        search.probe.as_secs_f64(),
        growing + 1.0,
        growing + 16.0
    ))
}
