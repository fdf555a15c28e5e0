//! The summary of a run that is over.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use results::{
    AttemptRows, BillingSummary, DriftSummary, EmbeddedTargetSummary, FORM, Fault, FolderError,
    GeneratorSummary, ProcedureSummary, SloResult, Status, Summary, TraceCounts, TraceFileSummary, Verdict,
};
use scenarios::Scenario;

use super::{Account, impairments};
use crate::driver::inputs::versions;
use crate::histogram::{curve, percentiles};
use crate::merge::{ProcedureFigures, planned, sum};
use crate::time::rfc3339;
use crate::verdict::{Guard, Measured, coverage};

impl Account {
    pub(super) fn summary(
        &self,
        (generator, embedded_target): (GeneratorSummary, Option<EmbeddedTargetSummary>),
        billing: BillingSummary,
        traces: Vec<TraceFileSummary>,
        trace_counts: TraceCounts,
        attempt_rows: Option<AttemptRows>,
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
        let totals = &state.totals;
        let start = state.start_wall_us.map(|us| UNIX_EPOCH + Duration::from_micros(us));
        Summary {
            form: FORM,
            run_id: self.folder.run_id.clone(),
            trace_id: hex::encode(self.core.trace_id()),
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
            guardrails: state.guards.iter().map(Guard::result).collect(),
            unexpected_outcomes: self.core.unexpected_outcomes(),
            procedures: self.procedure_summaries(),
            billing,
            handovers: totals.handovers.summary(),
            user_plane: totals.user_plane,
            sessions_at_once: state.timeline.sessions_at_once(),
            network_events: self.network.events.clone(),
            ran_events: totals.ran_events.clone(),
            amfs: totals.amfs.clone(),
            impairments: impairments::executed(&scenario, Duration::from_secs_f64(duration_s)),
            generator,
            embedded_target,
            agents: self.core.agent_summaries(duration_s),
            unexpected: totals.unexpected.clone(),
            counts: totals.counts,
            radio: scenario.radio.name.clone(),
            faults: faults(&scenario),
            traces,
            trace_counts,
            attempt_rows,
            drift: self.drift(),
            reports: self.core.report_counts(),
            gaps: state.gaps.clone(),
            gaps_left_out: state.gaps_left_out,
            moves: state.moves.clone(),
            moves_left_out: state.moves_left_out,
            recovery: self.core.recovery(),
            paused_s: results::units::float(state.paused_us) / 1e6,
            supervisors: self.core.supervisors(),
            warnings: state.warnings.clone(),
        }
    }

    /// What cannot be read says nothing about the run's verdict.
    fn drift(&self) -> DriftSummary {
        let judged = report::judge_drift(&self.folder.path, self.core.plan().scenario());
        let unread = |error: FolderError| DriftSummary {
            verdict: vec![format!("drift is not judged: {error}")],
            ..DriftSummary::default()
        };
        judged.unwrap_or_else(unread)
    }

    /// A missed SLO on billing is followed by the sessions that it is about.
    fn verdict(&self, slos: &[SloResult], billing: &BillingSummary) -> Verdict {
        let state = self.core.state();
        let scenario = self.core.plan().scenario();
        let mut verdict = Verdict::of(state.invalid.clone(), self.core.broken(), slos);
        if !crate::verdict::has_condition(scenario) {
            verdict.without_condition();
        }
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
        let summary = |(name, figures): (&String, &ProcedureFigures)| {
            let counts = &figures.counts;
            let summary = ProcedureSummary {
                planned: planned(self.core.planned(), name, counts),
                due: counts.due,
                started: counts.started,
                succeeded: counts.succeeded,
                unanswered: counts.unanswered,
                failed: counts.failed.clone(),
                timed_out: sum(&counts.timed_out),
                timed_out_by_timer: counts.timed_out.clone(),
                abandoned: counts.abandoned.clone(),
                never_started: sum(&counts.never_started),
                never_started_by_reason: counts.never_started.clone(),
                latency_us: percentiles(&figures.latency),
                service_us: percentiles(&figures.service),
                lateness_us: percentiles(&figures.lateness),
                coverage: coverage::of_procedure(self.core.planned(), name, counts),
                percentiles: curve(&figures.latency),
                service_percentiles: curve(&figures.service),
            };
            (name.clone(), summary)
        };
        self.core.figures().iter().map(summary).collect()
    }
}

/// The faults that the scenario injects into the embedded network.
fn faults(scenario: &Scenario) -> Vec<Fault> {
    let freezes = scenario.network.freezes.iter();
    let fault = |freeze: &scenarios::Freeze| Fault {
        kind: "freeze".to_owned(),
        at_s: freeze.at.as_secs_f64(),
        for_s: freeze.for_.as_secs_f64(),
    };
    freezes.map(fault).collect()
}
