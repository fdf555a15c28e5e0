//! The inputs and the outcome of a run in its folder: `scenario.yaml` and `plan.json` before, everything else after.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::accounting::{planned, unproven};
use crate::run::{Run, planned_of};
use crate::slo::{Measured, float};
use crate::summary::curve;
use crate::wall_clock::rfc3339;
use crate::{
    BillingSummary, CoordinatorError, GeneratorSummary, Percentiles, Phase, ProcedureSummary, RunOutcome,
    SloResult, Summary, TraceCounts, Verdict, generator, impairments, junit, render_report,
};

impl Run {
    /// What the run can be repeated from.
    pub(crate) fn write_inputs(&mut self) -> Result<(), CoordinatorError> {
        let plan = &self.plan;
        let shards: Vec<Value> = (0..plan.shards())
            .map(|number| {
                let gnbs: Vec<String> = plan.shard(number).gnbs.iter().map(|gnb| gnb.name.clone()).collect();
                json!({"shard": number, "gnbs": gnbs, "planned": planned_of(plan, number)})
            })
            .collect();
        let inputs = json!({
            "run_id": self.folder.run_id, "scenario": plan.scenario().name, "seed": plan.seed(),
            "duration_s": plan.duration().as_secs_f64(), "planned": self.planned, "shards": shards,
            "target": self.config.target, "command": self.config.command, "versions": versions(),
        });
        self.folder.write("scenario.yaml", plan.scenario().to_yaml().as_bytes())?;
        self.folder.write("plan.json", pretty(&inputs).as_bytes())?;
        self.decide(
            "created the run",
            json!({"run_id": self.folder.run_id, "agents_wanted": self.config.agents_wanted}),
        );
        Ok(())
    }

    /// Closes the time line, weighs the evidence, writes the folder.
    pub(crate) fn conclude(mut self) -> RunOutcome {
        self.close_before(self.timeline.end());
        if self.start.is_none() {
            self.nothing_started();
        }
        let (traces, mut trace_counts) = self.finish_traces();
        trace_counts.packets_dropped_by_agents =
            self.agents.iter().map(crate::fleet::Agent::trace_dropped).sum();
        self.check();
        let billing = self.reconcile();
        let generator = generator::assess(&self.evidence.lateness);
        self.invalid.extend(generator.reasons.iter().cloned());
        let mut summary = self.summary(generator, billing, traces, trace_counts);
        self.write(&mut summary);
        self.phase = Phase::Done;
        self.show();
        RunOutcome { folder: self.folder.path.clone(), summary }
    }

    /// The run ended before its start: nothing of the plan was started.
    fn nothing_started(&mut self) {
        let aborted = self.invalid.iter().any(|reason| reason.starts_with("aborted"));
        let reason = if aborted { "aborted-by-operator" } else { "cannot-prepare" };
        for (procedure, n) in self.planned.clone() {
            self.evidence.never_start(&procedure, reason, n);
        }
    }

    /// What makes the run prove nothing, whatever it measured.
    fn check(&mut self) {
        for shard in 0..self.shards.len() {
            if !self.shards[shard].over && self.start.is_some() {
                self.invalidate(format!("shard {shard} never finished"));
            }
        }
        for agent in 0..self.agents.len() {
            let dropped = self.agents[agent].reports_dropped();
            if dropped > 0 {
                let name = self.agents[agent].name.clone();
                self.invalidate(format!("accounting not proven: agent {name} dropped {dropped} reports"));
            }
        }
        let problems = unproven(&self.planned, &self.evidence.procedures);
        problems.into_iter().for_each(|problem| self.invalidate(problem));
        let due = self.evidence.procedures.iter().filter(|(name, _)| self.planned.contains_key(*name));
        let due = due.fold(0u64, |sum, (_, figures)| {
            // What a UE begins by itself leaves when it is due.
            sum.saturating_add(figures.counts.due.saturating_sub(figures.counts.self_started))
        });
        if self.evidence.lateness.len() < due / 2 {
            self.warn(format!(
                "lateness is known of {} attempts only, of {due} that came due",
                self.evidence.lateness.len()
            ));
        }
        for (name, figures) in &self.evidence.procedures {
            let never = crate::figures::sum(&figures.counts.never_started);
            if never > 0 && self.warnings.len() < 100 {
                let reasons = figures.counts.never_started.iter();
                let reasons: Vec<_> = reasons.map(|(reason, n)| format!("{n} × {reason}")).collect();
                self.warnings
                    .push(format!("{never} attempts of {name} were never started: {}", reasons.join(", ")));
            }
        }
    }

    fn summary(
        &mut self,
        generator: GeneratorSummary,
        billing: BillingSummary,
        traces: Vec<Value>,
        trace_counts: TraceCounts,
    ) -> Summary {
        let duration_s = float(self.evidence.last_us) / 1e6;
        let scenario = std::sync::Arc::clone(self.plan.scenario());
        let measured = Measured { unreconciled: billing.measured(), ..self.measured(duration_s) };
        let slos: Vec<_> = scenario.slos.iter().map(|slo| measured.slo(slo)).collect();
        let verdict = self.verdict(&slos, &billing);
        let shards_of = |agent: usize| {
            (0..).zip(&self.shards).filter(|(_, s)| s.epoch > 0 && s.agent == agent).map(|(n, _)| n).collect()
        };
        let mut reports = std::mem::take(&mut self.reports);
        reports.late = self.timeline.late();
        Summary {
            run_id: self.folder.run_id.clone(),
            scenario: scenario.name.clone(),
            description: scenario.description.clone(),
            seed: self.plan.seed(),
            verdict,
            started_at: rfc3339(self.start.map_or_else(SystemTime::now, |(_, wall)| wall)),
            duration_s,
            planned_s: self.plan.duration().as_secs_f64(),
            target: self.config.target.clone(),
            transport: self.config.target.split(':').next().unwrap_or_default().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            versions: versions(),
            command: self.config.command.clone(),
            slos,
            guardrails: self.guards.iter().map(crate::slo::Guard::result).collect(),
            procedures: self.procedure_summaries(),
            billing,
            handovers: self.evidence.moves.summary(),
            user_plane: self.evidence.user_plane,
            sessions_at_once: self.timeline.sessions_at_once(),
            network_events: std::mem::take(&mut self.network.events),
            impairments: impairments::executed(&scenario, Duration::from_secs_f64(duration_s)),
            generator,
            agents: self
                .agents
                .iter()
                .enumerate()
                .map(|(n, agent)| agent.summary(shards_of(n), duration_s))
                .collect(),
            unexpected: self.evidence.unexpected.clone(),
            messages_sent: self.evidence.messages_sent,
            messages_received: self.evidence.messages_received,
            radio: scenario.radio.name.clone(),
            radio_lost: self.evidence.radio_lost,
            faults: faults(&scenario),
            traces,
            trace_counts,
            reports,
            warnings: self.warnings.clone(),
        }
    }

    /// A missed SLO on billing is followed by the sessions that it is about.
    fn verdict(&mut self, slos: &[SloResult], billing: &BillingSummary) -> Verdict {
        let invalidating = std::mem::take(&mut self.invalid);
        let mut verdict = Verdict::of(invalidating, std::mem::take(&mut self.broken_guardrails), slos);
        if slos.iter().any(|slo| slo.name.starts_with("billing.") && !slo.pass) {
            // A ledger that cannot be used has invalidated the run already, and its reason stands there.
            let known =
                |reason: &&String| !verdict.reasons.iter().any(|told| told.ends_with(reason.as_str()));
            let unknown: Vec<_> = billing.reason.iter().filter(known).collect();
            let unknown = unknown.into_iter().map(|reason| format!("billing is not reconciled: {reason}"));
            verdict.reasons.extend(unknown.chain(billing.reasons()));
        }
        verdict
    }

    fn procedure_summaries(&self) -> BTreeMap<String, ProcedureSummary> {
        let summary = |(name, figures): (&String, &crate::ProcedureFigures)| {
            let counts = &figures.counts;
            let summary = ProcedureSummary {
                planned: planned(&self.planned, name, counts),
                due: counts.due,
                started: counts.started,
                succeeded: counts.succeeded,
                failed: counts.failed.clone(),
                timed_out: crate::figures::sum(&counts.timed_out),
                timed_out_by_timer: counts.timed_out.clone(),
                abandoned: counts.abandoned.clone(),
                never_started: crate::figures::sum(&counts.never_started),
                never_started_by_reason: counts.never_started.clone(),
                latency_us: Percentiles::of(&figures.latency),
                service_us: Percentiles::of(&figures.service),
                percentiles: curve(&figures.latency),
                service_percentiles: curve(&figures.service),
            };
            (name.clone(), summary)
        };
        self.evidence.procedures.iter().map(summary).collect()
    }

    /// The whole run so far.
    pub(crate) fn measured(&self, seconds: f64) -> Measured<'_> {
        let evidence = &self.evidence;
        Measured {
            procedures: &evidence.procedures,
            lateness: &evidence.lateness,
            seconds,
            unreconciled: None,
        }
    }

    fn finish_traces(&mut self) -> (Vec<Value>, TraceCounts) {
        match self.files.traces.take().map(crate::traces::Traces::finish) {
            None => (Vec::new(), TraceCounts::default()),
            Some(Ok(written)) => written,
            Some(Err(error)) => {
                self.invalidate(format!(
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
        let done = self.files.journal.finish("gave the verdict", Some(self.run_us()), verdict);
        let done = done.and_then(|()| self.files.report_log.remove());
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
