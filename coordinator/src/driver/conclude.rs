//! The inputs and the outcome of a run in its folder: `scenario.yaml` and `plan.json` before, everything else after.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Run, impairments, junit};
use crate::merge::planned;
use crate::summary::curve;
use crate::time::rfc3339;
use crate::verdict::Measured;
use crate::verdict::{coverage, generator};
use crate::{
    BillingSummary, CoordinatorError, DriftSummary, GeneratorSummary, Percentiles, ProcedureSummary,
    RunOutcome, SloResult, Status, Summary, TraceCounts, Verdict, drift, render_report,
};

impl Run {
    /// What the run can be repeated from.
    pub(crate) fn write_inputs(&mut self) -> Result<(), CoordinatorError> {
        let plan = self.core.plan();
        let shards: Vec<Value> = (0..plan.shards())
            .map(|number| {
                let gnbs: Vec<String> = plan.shard(number).gnbs.iter().map(|gnb| gnb.name.clone()).collect();
                json!({"shard": number, "gnbs": gnbs, "planned": planned_of(plan, number)})
            })
            .collect();
        let inputs = json!({
            "run_id": self.folder.run_id, "scenario": plan.scenario().name, "seed": plan.seed(),
            "duration_s": plan.duration().as_secs_f64(), "planned": self.core.planned(), "shards": shards,
            "target": self.config.target, "command": self.config.command, "versions": versions(),
        });
        self.folder.write("scenario.yaml", plan.scenario().to_yaml().as_bytes())?;
        self.folder.write("plan.json", pretty(&inputs).as_bytes())?;
        self.created();
        Ok(())
    }

    /// Closes the time line, weighs the evidence, writes the folder.
    pub(crate) fn conclude(mut self) -> RunOutcome {
        self.core.close_all();
        self.core.nothing_started();
        self.carry_out();
        if let Err(what) = self.files.finish() {
            self.core.invalidate(format!("the run folder cannot be written: {what}"));
        }
        let (traces, mut trace_counts) = self.finish_traces();
        trace_counts.packets_dropped_by_agents =
            self.core.state().agents.iter().map(crate::core::Member::trace_dropped).sum();
        self.check();
        let billing = self.reconcile();
        let machines = self.core.machines(self.embedded);
        let (evidence, limits) = (&self.core.state().evidence, self.core.plan().scenario().generator);
        let coverage = evidence.lateness_coverage();
        let assessed = generator::assess(&evidence.lateness, &limits, &machines);
        let generator = GeneratorSummary { coverage, ..assessed };
        let target = generator::assess_target(self.network.served, &limits, &machines);
        let starved = target.iter().filter_map(|target| target.reason.as_ref());
        let reasons: Vec<String> = generator.reasons.iter().chain(starved).cloned().collect();
        reasons.into_iter().for_each(|reason| self.core.invalidate(reason));
        let mut summary = self.summary((generator, target), billing, traces, trace_counts);
        self.write(&mut summary);
        self.show();
        if let Some(control) = &self.control {
            control.over(&summary.verdict);
        }
        RunOutcome { folder: self.folder.path.clone(), summary }
    }

    /// What makes the run prove nothing, whatever it measured; and what the operator should know of it.
    fn check(&mut self) {
        self.core.doubts().into_iter().for_each(|doubt| self.core.invalidate(doubt));
        let evidence = &self.core.state().evidence;
        let mut failed = BTreeMap::new();
        for figures in evidence.procedures.values() {
            figures.counts.failed.iter().for_each(|(cause, n)| crate::merge::tally(&mut failed, cause, *n));
        }
        let mut warnings = evidence.ran_events.warnings(&failed);
        warnings.extend(self.shortcomings());
        for (name, figures) in &evidence.procedures {
            let never = crate::merge::sum(&figures.counts.never_started);
            if never > 0 {
                let reasons = figures.counts.never_started.iter();
                let reasons: Vec<_> = reasons.map(|(reason, n)| format!("{n} × {reason}")).collect();
                warnings
                    .push(format!("{never} attempts of {name} were never started: {}", reasons.join(", ")));
            }
        }
        let foreign = evidence.user_plane.foreign_source;
        if foreign > 0 {
            warnings.push(format!(
                "{foreign} GTP-U messages for our tunnels came from addresses that are not the other ends of these tunnels, \
                 and count for nothing (gtpu-foreign-source): a stranger's, or a UPF that sends from another address than it \
                 gives in N2"
            ));
        }
        warnings.into_iter().for_each(|warning| self.core.warn(warning));
    }

    /// What a scenario or a core makes of attempts that say nothing of how well the core answers.
    fn shortcomings(&self) -> Vec<String> {
        let evidence = &self.core.state().evidence;
        let mut warnings = Vec::new();
        if let Some(n) = evidence.unexpected.get("registration-without-5g-guti") {
            warnings.push(format!(
                "{n} registrations were accepted without a 5G-GUTI (TS 24.501 §5.5.1.2.4 has the network assign one): service \
                 requests and updates of these UEs fail as no-5g-guti"
            ));
        }
        let drain = self.core.plan().scenario().drain.as_secs();
        for (name, figures) in &evidence.procedures {
            let unanswered = figures.counts.abandoned.iter();
            for (reason, n) in unanswered {
                if let Some(timer) = reason.strip_prefix("end-of-run-unanswered-") {
                    warnings.push(format!(
                        "{n} attempts of {name} were unanswered when the run ended: {timer} would have ended them later; a drain \
                         longer than {drain} s lets it"
                    ));
                }
            }
        }
        warnings
    }

    fn summary(
        &self,
        (generator, embedded_target): (GeneratorSummary, Option<EmbeddedTargetSummary>),
        billing: BillingSummary,
        traces: Vec<Value>,
        trace_counts: TraceCounts,
    ) -> Summary {
        let duration_s = self.core.measured_s();
        let scenario = std::sync::Arc::clone(self.core.plan().scenario());
        let measured =
            Measured { unreconciled: billing.measured(), ..self.core.measured(self.core.played()) };
        let mut slos = self.core.slos(&measured);
        let verdict = self.verdict(&slos, &billing);
        if verdict.status == Status::Invalid {
            slos.iter_mut().for_each(SloResult::not_judged);
        }
        let state = self.core.state();
        let evidence = &state.evidence;
        let start = state.start_wall_us.map(|us| std::time::UNIX_EPOCH + Duration::from_micros(us));
        Summary {
            run_id: self.folder.run_id.clone(),
            scenario: scenario.name.clone(),
            description: scenario.description.clone(),
            seed: self.core.plan().seed(),
            verdict,
            started_at: rfc3339(start.unwrap_or_else(SystemTime::now)),
            duration_s,
            planned_s: self.core.plan().duration().as_secs_f64(),
            target: self.config.target.clone(),
            transport: self.config.target.split(':').next().unwrap_or_default().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            versions: versions(),
            command: self.config.command.clone(),
            slos,
            guardrails: state.guards.iter().map(crate::verdict::Guard::result).collect(),
            unexpected_outcomes: self.core.unexpected_outcomes(),
            procedures: self.procedure_summaries(),
            billing,
            handovers: evidence.moves.summary(),
            user_plane: evidence.user_plane,
            sessions_at_once: state.timeline.sessions_at_once(),
            network_events: self.network.events.clone(),
            ran_events: evidence.ran_events.clone(),
            amfs: evidence.amfs.clone(),
            impairments: impairments::executed(&scenario, Duration::from_secs_f64(duration_s)),
            generator,
            embedded_target,
            agents: self.core.agent_summaries(duration_s),
            unexpected: evidence.unexpected.clone(),
            messages_sent: evidence.messages_sent,
            messages_received: evidence.messages_received,
            radio: scenario.radio.name.clone(),
            radio_lost: evidence.radio_lost,
            faults: faults(&scenario),
            traces,
            trace_counts,
            drift: self.drift(),
            reports: self.core.report_counts(),
            gaps: state.gaps.clone(),
            gaps_left_out: state.gaps_left_out,
            moves: state.moves.clone(),
            moves_left_out: state.moves_left_out,
            shifted: evidence.shifted,
            recovery: self.core.recovery(),
            paused_s: crate::units::float(state.paused_us) / 1e6,
            supervisors: self.core.supervisors(),
            warnings: state.warnings.clone(),
        }
    }

    /// What cannot be read says nothing about the run's verdict.
    fn drift(&self) -> DriftSummary {
        let judged = drift::judge(&self.folder.path, self.core.plan().scenario());
        let unread = |error: CoordinatorError| DriftSummary {
            verdict: vec![format!("drift is not judged: {error}")],
            ..DriftSummary::default()
        };
        judged.unwrap_or_else(unread)
    }

    /// A missed SLO on billing is followed by the sessions that it is about.
    fn verdict(&self, slos: &[SloResult], billing: &BillingSummary) -> Verdict {
        let state = self.core.state();
        let scenario = self.core.plan().scenario();
        let mut verdict = Verdict::of(state.invalid.clone(), self.core.broken(), slos).of_scenario(scenario);
        // An invalid run accuses nobody.
        let is_judged = verdict.status != Status::Invalid;
        if is_judged && slos.iter().any(|slo| slo.name.starts_with("billing.") && !slo.pass) {
            // A ledger that cannot be used has invalidated the run already, and its reason stands there.
            let known =
                |reason: &&String| !verdict.reasons.iter().any(|told| told.ends_with(reason.as_str()));
            let unknown: Vec<_> = billing.reason.iter().filter(known).collect();
            let unknown = unknown.into_iter().map(|reason| format!("billing is not reconciled: {reason}"));
            let unproven = billing.not_provable.iter().map(|why| format!("billing is not provable: {why}"));
            verdict.reasons.extend(unknown.chain(unproven).chain(billing.reasons()));
        }
        verdict
    }

    fn procedure_summaries(&self) -> BTreeMap<String, ProcedureSummary> {
        let summary = |(name, figures): (&String, &crate::ProcedureFigures)| {
            let counts = &figures.counts;
            let summary = ProcedureSummary {
                planned: planned(self.core.planned(), name, counts),
                due: counts.due,
                started: counts.started,
                succeeded: counts.succeeded,
                unanswered: counts.unanswered,
                failed: counts.failed.clone(),
                timed_out: crate::merge::sum(&counts.timed_out),
                timed_out_by_timer: counts.timed_out.clone(),
                abandoned: counts.abandoned.clone(),
                never_started: crate::merge::sum(&counts.never_started),
                never_started_by_reason: counts.never_started.clone(),
                latency_us: Percentiles::of(&figures.latency),
                service_us: Percentiles::of(&figures.service),
                lateness_us: Percentiles::of(&figures.lateness),
                coverage: coverage::of_procedure(self.core.planned(), name, counts),
                percentiles: curve(&figures.latency),
                service_percentiles: curve(&figures.service),
            };
            (name.clone(), summary)
        };
        self.core.figures().iter().map(summary).collect()
    }

    fn finish_traces(&mut self) -> (Vec<Value>, TraceCounts) {
        match self.files.traces.take().map(crate::folder::Traces::finish) {
            None => (Vec::new(), TraceCounts::default()),
            Some(Ok(written)) => written,
            Some(Err(error)) => {
                self.core.invalidate(format!(
                    "the run folder cannot be written: {}: {error}",
                    self.folder.path.join("traces").display()
                ));
                (Vec::new(), TraceCounts::default())
            }
        }
    }

    fn write_ladders(&mut self) -> Result<(), CoordinatorError> {
        let path = self.folder.path.join("ladders.ndjson");
        let lines = self.files.ladders.lines().map_err(|error| CoordinatorError::folder(&path, error))?;
        self.folder.write("ladders.ndjson", &lines)
    }

    /// The summary last, so that a folder with a summary is complete. What cannot be written is in the verdict of the
    /// returned one.
    fn write(&mut self, summary: &mut Summary) {
        let give_up = |summary: &mut Summary, error: &CoordinatorError| {
            tracing::error!(%error, "the run folder is not complete");
            summary.verdict.invalidate(format!("the run folder cannot be written: {error}"));
            summary.slos.iter_mut().for_each(SloResult::not_judged);
        };
        if let Err(error) = self.write_ladders() {
            give_up(summary, &error);
        }
        if let Err(error) = self.folder.write("junit.xml", junit::render(summary).as_bytes()) {
            give_up(summary, &error);
        }
        let text = serde_json::to_value(&*summary).map(|value| pretty(&value)).unwrap_or_default();
        if let Err(error) = self.folder.write("summary.json", text.as_bytes()) {
            give_up(summary, &error);
            return;
        }
        let verdict = json!({"verdict": summary.verdict});
        let run_us = self.core.state().start_wall_us.map(|_| self.core.state().evidence.last_us);
        let done = self.files.journal.finish("gave the verdict", run_us, verdict);
        let done = done.and_then(|()| self.finish_store().map_err(std::io::Error::other));
        let drawn = render_report(&self.folder.path).map(|_| ());
        let done = done.map_err(|error| CoordinatorError::folder(&self.folder.path, error));
        for error in [done, drawn].into_iter().filter_map(Result::err) {
            give_up(summary, &error);
        }
    }
}

/// The faults that the scenario injects into the embedded network.
fn faults(scenario: &scenarios::Scenario) -> Vec<Value> {
    let freezes = scenario.network.freezes.iter();
    freezes.map(|freeze| json!({"kind": "freeze", "at_s": freeze.at.as_secs_f64(), "for_s": freeze.for_.as_secs_f64()})).collect()
}

fn versions() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("roamstorm".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("wire".to_owned(), wire::VERSION.to_string()),
    ])
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// What the plan holds for one shard, by procedure.
fn planned_of(plan: &scenarios::Plan, shard: u32) -> BTreeMap<String, u64> {
    let mut planned = BTreeMap::new();
    for (load, n) in plan.scenario().load.iter().zip(plan.shard(shard).planned()) {
        *planned.entry(load.procedure.name().to_owned()).or_insert(0) += n;
    }
    planned
}
