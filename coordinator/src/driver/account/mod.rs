//! The account of a run that is over: its ledgers, its summary, and the files that are written last.

mod impairments;
mod summary;
mod warnings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use billing::{LostUsage, RunWindow};
use report::{render_junit, render_report};
use results::{
    AttemptRows, BillingSummary, EmbeddedTargetSummary, FolderError, GeneratorSummary, Progress, SloResult,
    Summary, TraceCounts, TraceFileSummary,
};
use serde_json::json;
use tokio::sync::watch;

use super::inputs::pretty;
use super::release::finish_store;
use super::{RunConfig, RunOutcome};
use crate::control::Server;
use crate::core::{Core, Input, Member, Observed};
use crate::folder::{Files, RunFolder, Traces};
use crate::reconcile::{
    Found, Ledger, Network, OfRun, Reconciled, SharedNetwork, bring, reconcile, timed, waited_for,
};
use crate::spans::Onlooker;
use crate::store::Committer;
use crate::time::{SteadyClock, unix_us};
use crate::verdict::saturation;

/// What the account of a run is drawn up from, once its agents have gone.
pub(super) struct Account {
    pub(super) core: Core,
    pub(super) files: Files,
    pub(super) folder: RunFolder,
    pub(super) clock: SteadyClock,
    pub(super) store: Option<Committer>,
    pub(super) config: RunConfig,
    /// The target was run beside the agents, on this machine.
    pub(super) embedded: bool,
    pub(super) control: Option<Server>,
    pub(super) progress: watch::Sender<Progress>,
    /// What the network side left, once it is closed.
    pub(super) network: Network,
    /// Who makes spans of the run.
    pub(super) onlooker: Option<Onlooker>,
}

impl Account {
    /// Closes the network and brings its ledger into the run folder.
    pub(super) async fn close_network(&mut self) {
        if let Some(network) = self.config.network.take() {
            self.close_ours(network).await;
        } else if let Some(source) = self.config.charging.clone() {
            self.network.ledger = self.bring_ledger(source).await;
        }
        let ledger = format!("{:?}", self.network.ledger);
        self.decide("closed the network side", json!({"ledger": ledger}));
    }

    async fn close_ours(&mut self, network: SharedNetwork) {
        let closed = match tokio::task::spawn_blocking(move || network.close()).await {
            Ok(closed) => closed,
            Err(_) => Err("the network side died while it was closed".to_owned()),
        };
        match closed {
            Err(error) => self.network.ledger = Ledger::Unusable(error),
            Ok(closed) => {
                self.network.served = closed.served;
                self.network.charging_faults = closed.charging_faults;
                self.network.events = timed(self.start_us(), closed.events, closed.counted);
                if let Some(source) = closed.charging {
                    // It has closed every session before it was closed itself.
                    self.network.ledger = bring(&source, &self.folder.path.join("charging.csv"), true, None);
                }
            }
        }
    }

    /// Waits for the ledger, and copies it: the run folder must hold everything that the verdict rests on.
    async fn bring_ledger(&mut self, source: PathBuf) -> Ledger {
        let began = Instant::now();
        let run = identity::run_tag(&self.folder.run_id);
        let (found, octets) = if self.core.state().totals.usage_records > 0 {
            waited_for(&source, &run, self.start_us()).await
        } else {
            (Found::Unknown, None)
        };
        let waited_ms = began.elapsed().as_millis();
        self.decide(
            "waited for the charging ledger",
            json!({"found": format!("{found:?}"), "ms": waited_ms}),
        );
        if found == Found::Incomplete {
            self.core.warn(format!(
                "the charging function had not closed every session {} s after the end: {} is not complete",
                began.elapsed().as_secs(),
                source.display()
            ));
        }
        bring(&source, &self.folder.path.join("charging.csv"), found == Found::Complete, octets)
    }

    fn decide(&mut self, decision: &str, details: serde_json::Value) {
        self.core.decide(decision, details);
        self.write_down();
    }

    /// Writes what was decided into the files; nobody is left to be told.
    fn write_down(&mut self) {
        loop {
            let out = self.core.take_output();
            if out.is_empty() {
                return;
            }
            if let Err(what) = self.files.write(&out.records, &out.seconds, &out.traces) {
                self.core.handle(Input::FolderFailed(what), Instant::now(), self.clock.now());
            }
        }
    }

    /// Closes the time line, weighs the evidence, writes the folder.
    pub(super) fn draw_up(mut self) -> RunOutcome {
        self.core.close_all();
        self.core.nothing_started();
        self.core.excuse_other_shards();
        self.write_down();
        if let Err(what) = self.files.finish() {
            self.core.invalidate(format!("the run folder cannot be written: {what}"));
        }
        let (traces, mut trace_counts) = self.finish_traces();
        trace_counts.packets_dropped_by_agents =
            self.core.state().agents.iter().map(Member::trace_dropped).sum();
        let attempt_rows = self.finish_attempts();
        self.core.doubts().into_iter().for_each(|doubt| self.core.invalidate(doubt));
        warnings::of(&self.core).into_iter().for_each(|warning| self.core.warn(warning));
        let began_us = unix_us(SystemTime::now());
        let billing = self.reconcile();
        let reconciled = (began_us, unix_us(SystemTime::now()));
        let (generator, target) = self.saturation();
        let starved = target.iter().filter_map(|target| target.reason.as_ref());
        let reasons: Vec<String> = generator.reasons.iter().chain(starved).cloned().collect();
        reasons.into_iter().for_each(|reason| self.core.invalidate(reason));
        let mut summary = self.summary((generator, target), billing, traces, trace_counts, attempt_rows);
        self.write(&mut summary);
        self.progress.send_replace(self.core.progress());
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.look(&self.core, self.files.wall());
            onlooker.over(&summary, reconciled);
        }
        if let Some(observers) = &self.config.observers {
            let summary = Some(Arc::new(summary.clone()));
            observers.send_replace(Arc::new(Observed { summary, ..self.core.observed() }));
        }
        if let Some(control) = &self.control {
            control.over(&summary.verdict);
        }
        RunOutcome { folder: self.folder.path.clone(), summary }
    }

    /// Whether the generator was the limit, and whether the target beside it was let run.
    fn saturation(&self) -> (GeneratorSummary, Option<EmbeddedTargetSummary>) {
        let (totals, limits) = (&self.core.state().totals, self.core.plan().scenario().generator);
        let machines = self.core.machines(self.embedded);
        let assessed = saturation::assess(&totals.lateness, &limits, &machines);
        let generator = GeneratorSummary { coverage: totals.lateness_coverage(), ..assessed };
        (generator, saturation::assess_target(self.network.served, &limits, &machines))
    }

    fn reconcile(&mut self) -> BillingSummary {
        let about = OfRun {
            plan: self.core.plan(),
            lost_usage: self.lost_usage(),
            window: self.window(),
            merged: self.core.state().totals.usage_records,
            usage: self.files.usage.path(),
            folder: &self.folder.path,
        };
        let Reconciled { mut billing, invalid, warnings } = reconcile(&self.network.ledger, about);
        invalid.into_iter().for_each(|reason| self.core.invalidate(reason));
        warnings.into_iter().for_each(|warning| self.core.warn(warning));
        billing.faults_injected.clone_from(&self.network.charging_faults);
        billing
    }

    /// When the run started, UNIX time in µs.
    fn start_us(&self) -> u64 {
        self.core.state().start_wall_us.unwrap_or_default()
    }

    /// From the start of the run to its end, by the wall clock.
    fn window(&self) -> Option<RunWindow> {
        let state = self.core.state();
        let from_us = state.start_wall_us?;
        let to_us = from_us.saturating_add(state.totals.last_us).saturating_add(state.paused_us);
        Some(RunWindow { from_us, to_us })
    }

    /// The gaps of the run by the wall clock.
    fn lost_usage(&self) -> Vec<LostUsage> {
        let (start_us, paused_us) = (self.start_us(), self.core.state().paused_us);
        let gaps = self.core.gaps().iter().map(|gap| LostUsage {
            shard: gap.shard,
            from_us: start_us.saturating_add(gap.from_us),
            // While the run's clock stood still the wall clock went on; whether before the gap or after it is not known here.
            to_us: start_us.saturating_add(gap.to_us).saturating_add(paused_us),
        });
        gaps.collect()
    }

    fn finish_traces(&mut self) -> (Vec<TraceFileSummary>, TraceCounts) {
        match self.files.traces.take().map(Traces::finish) {
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

    /// Rows are no evidence: what is missing of them is said, and judges nothing.
    fn finish_attempts(&mut self) -> Option<AttemptRows> {
        let ended = self.core.state().totals.reported_ends();
        match self.files.attempts.as_mut()?.finish(ended) {
            Ok(rows) => {
                if rows.missing() > 0 {
                    self.core.warn(format!(
                        "{} lacks {} attempts that were counted: agents had no room for {}, the file reached its limit before {}, \
                         and {} were lost with their agents",
                        rows.file, rows.missing(), rows.left_out_by_agents, rows.left_out_at_limit, rows.lost_with_agents,
                    ));
                }
                Some(rows)
            }
            Err(error) => {
                self.core.invalidate(format!("the run folder cannot be written: {error}"));
                None
            }
        }
    }

    fn write_call_flows(&mut self) -> Result<(), FolderError> {
        let path = self.folder.path.join("ladders.ndjson");
        let lines = self.files.call_flows.lines().map_err(|error| FolderError::unwritable(&path, error))?;
        self.folder.write("ladders.ndjson", &lines)
    }

    /// How long the loads of each procedure last, together, in seconds.
    fn lasted(&self) -> BTreeMap<String, f64> {
        let mut lasted = BTreeMap::new();
        for load in &self.core.plan().scenario().load {
            let length = load.ends_after().saturating_sub(load.starts_after);
            *lasted.entry(load.procedure.name().to_owned()).or_insert(0.0) += length.as_secs_f64();
        }
        lasted
    }

    /// The summary last, so that a folder with a summary is complete. What cannot be written is in the verdict of the
    /// returned one.
    fn write(&mut self, summary: &mut Summary) {
        let give_up = |summary: &mut Summary, error: &FolderError| {
            tracing::error!(%error, "the run folder is not complete");
            summary.verdict.invalidate(format!("the run folder cannot be written: {error}"));
            summary.slos.iter_mut().for_each(SloResult::not_judged);
        };
        if let Err(error) = self.write_call_flows() {
            give_up(summary, &error);
        }
        if let Err(error) = self.folder.write("junit.xml", render_junit(summary, &self.lasted()).as_bytes()) {
            give_up(summary, &error);
        }
        let text = serde_json::to_value(&*summary).map(|value| pretty(&value)).unwrap_or_default();
        if let Err(error) = self.folder.write("summary.json", text.as_bytes()) {
            give_up(summary, &error);
            return;
        }
        let verdict = json!({"verdict": summary.verdict});
        let run_us = self.core.state().start_wall_us.map(|_| self.core.state().totals.last_us);
        let done = self.files.journal.finish("gave the verdict", run_us, verdict);
        let done =
            done.and_then(|()| finish_store(self.store.take(), &self.folder).map_err(std::io::Error::other));
        let drawn = render_report(&self.folder.path).map(|_| ());
        let done = done.map_err(|error| FolderError::unwritable(&self.folder.path, error));
        for error in [done, drawn].into_iter().filter_map(Result::err) {
            give_up(summary, &error);
        }
    }
}
