//! A run, as its coordinator sees it.

use std::sync::Arc;

use coordinator::{Counts as Attempts, Observed};
use results::{Counts as _, Phase, Status, Summary};
use tokio::sync::watch;

use crate::Source;
use crate::model::{Families, Metric, metrics};

metrics! {
    INFO = Gauge "roamstorm_run_info" ["run_id", "scenario"] "Which run it is: always 1";
    PHASE = Gauge "roamstorm_run_phase" ["phase"] "1 for the phase that the run is in: joining, preparing, running, draining, done";
    PAUSED = Gauge "roamstorm_run_paused" [] "Whether the run's clock stands still";
    ELAPSED = Gauge "roamstorm_run_elapsed_seconds" [] "How long the run has lasted, without its pauses";
    LENGTH = Gauge "roamstorm_run_planned_seconds" [] "How long the schedule is";
    VERDICT = Gauge "roamstorm_run_verdict" ["verdict"] "1 for the verdict of a run that is over: pass, fail, invalid";
    SLO = Gauge "roamstorm_slo_met" ["slo"] "Whether an SLO is met as it stands";
    PLANNED = Gauge "roamstorm_attempts_planned" ["procedure"] "Attempts that the plan holds";
    DUE = Counter "roamstorm_attempts_due" ["procedure"] "Attempts that came due: by the schedule, or because the UE began them itself";
    SELF_STARTED = Counter "roamstorm_attempts_self_started" ["procedure"] "Those of the due attempts that UEs began themselves";
    STARTED = Counter "roamstorm_attempts_started" ["procedure"] "Attempts that began";
    ATTEMPTS = Counter "roamstorm_attempts" ["procedure", "outcome", "cause"] "Attempts by what became of them: succeeded, failed, timed-out, abandoned, never-started; with the network's cause, the timer or the reason";
    LATENCY = Histogram "roamstorm_attempt_latency_seconds" ["procedure"] "How long the attempts took that succeeded, from the due time";
    SERVICE = Histogram "roamstorm_attempt_service_seconds" ["procedure"] "The same from the first octet sent";
    LATENESS = Histogram "roamstorm_attempt_lateness_seconds" [] "How late attempts left that the schedule made due: the generator's own delay";
    IN_FLIGHT = Gauge "roamstorm_attempts_in_flight" [] "Attempts that have begun and not ended, in the last complete second";
    REGISTERED = Gauge "roamstorm_registered_ues" [] "UEs that are registered, in the last complete second";
    SESSIONS = Gauge "roamstorm_pdu_sessions" [] "PDU sessions that are open, in the last complete second";
    MESSAGES = Counter "roamstorm_ngap_messages" ["direction"] "NGAP messages, uplink (sent) and downlink (received)";
    RADIO_LOST = Counter "roamstorm_radio_messages_lost" [] "NAS messages that the radio profile lost";
    UNEXPECTED = Counter "roamstorm_unexpected_messages" ["kind"] "Messages that were not expected or not understood";
    PACKETS = Counter "roamstorm_user_plane_packets" ["direction"] "T-PDUs, uplink (sent) and downlink (received)";
    OCTETS = Counter "roamstorm_user_plane_bytes" ["direction"] "Octets of T-PDUs without their GTP-U headers, uplink (sent) and downlink (received)";
    USER_PLANE = Counter "roamstorm_user_plane_events" ["event"] "What else happened to T-PDUs, under the names of summary.json";
    AGENTS = Gauge "roamstorm_agents" ["state", "pool"] "Agents by state (present, draining, left, lost, refused) and pool";
    AGENTS_WANTED = Gauge "roamstorm_agents_wanted" [] "Agents that the run waits for";
    SUPERVISORS = Gauge "roamstorm_supervisors" [] "Supervisors that watch over agents";
    SHARDS = Gauge "roamstorm_shards" ["stage"] "Shards by stage: vacant, preparing, ready, releasing, over";
    LEASES = Counter "roamstorm_leases" [] "Leases that were given out; all beyond one for each shard are takeovers and moves";
    GAPS = Counter "roamstorm_gaps" [] "Times that a shard was lost, or its reports have a hole";
    LOST = Counter "roamstorm_lost_attempts" [] "Attempts that were lost with agents: accounted for, their outcome unknown";
    MOVES = Counter "roamstorm_shard_moves" [] "Shards that were handed over from one agent to another";
    REPORTS = Counter "roamstorm_reports" ["result"] "Interval reports that came, under the names of summary.json: merged, duplicates, …";
    REPORTS_WAITING = Gauge "roamstorm_reports_waiting" [] "Interval reports that agents keep because they are not acknowledged yet";
    REPORTS_DROPPED = Counter "roamstorm_reports_dropped" [] "Interval reports that agents had no room for: the account cannot be proven then";
    RECONCILED = Gauge "roamstorm_reconciliation_sessions" ["result", "cause"] "Sessions of both ledgers, when the run is over: matched, unreconciled, explained";
    RECONCILIATION_DONE = Gauge "roamstorm_reconciliation_done" [] "Whether the ledgers were reconciled, when the run is over";
}

/// The run of a coordinator.
pub struct Run(watch::Receiver<Arc<Observed>>);

impl Run {
    /// What its coordinator tells.
    pub fn new(observed: watch::Receiver<Arc<Observed>>) -> Self {
        Self(observed)
    }

    /// Its name, once it has one.
    pub fn id(&self) -> String {
        self.0.borrow().progress.run_id.clone()
    }
}

impl Source for Run {
    fn look(&self, families: &mut Families) {
        let observed = Arc::clone(&self.0.borrow());
        add(&observed, families);
    }

    fn ready(&self) -> Result<(), String> {
        let observed = self.0.borrow();
        match observed.progress.phase {
            Phase::Done => Err("the run is over".to_owned()),
            _ => Ok(()),
        }
    }

    fn is_final(&self) -> bool {
        self.0.borrow().summary.is_some()
    }
}

fn add(observed: &Observed, families: &mut Families) {
    add_run(observed, families);
    add_attempts(observed, families);
    add_traffic(observed, families);
    add_fleet(observed, families);
    if let Some(summary) = &observed.summary {
        add_end(summary, families);
    }
}

fn add_run(observed: &Observed, families: &mut Families) {
    let progress = &observed.progress;
    families.flag(&INFO, &[&progress.run_id, &observed.scenario], true);
    for phase in Phase::ALL {
        families.flag(&PHASE, &[phase.as_str()], progress.phase == phase);
    }
    families.flag(&PAUSED, &[], progress.paused);
    families.real(&ELAPSED, &[], progress.elapsed.as_secs_f64());
    families.real(&LENGTH, &[], progress.total.as_secs_f64());
    families.gauge(&IN_FLIGHT, &[], progress.in_flight);
    families.gauge(&REGISTERED, &[], progress.registered);
    families.gauge(&SESSIONS, &[], progress.sessions);
    let slos = observed.summary.as_ref().map_or(&progress.slos, |summary| &summary.slos);
    for slo in slos.iter().filter(|slo| slo.judged) {
        families.flag(&SLO, &[&slo.name], slo.pass);
    }
}

fn add_attempts(observed: &Observed, families: &mut Families) {
    for (name, procedure) in &observed.progress.procedures {
        families.gauge(&PLANNED, &[name], procedure.planned);
    }
    for (name, figures) in &observed.procedures {
        add_counts(name, &figures.counts, &COUNTS, families);
        families.distribution(&LATENCY, &[name], &figures.latency);
        families.distribution(&SERVICE, &[name], &figures.service);
    }
    families.distribution(&LATENESS, &[], &observed.lateness);
}

/// The metrics that count attempts; of a run, or of an agent.
pub(crate) struct OfAttempts {
    pub(crate) due: &'static Metric,
    pub(crate) self_started: &'static Metric,
    pub(crate) started: &'static Metric,
    pub(crate) ended: &'static Metric,
}

static COUNTS: OfAttempts =
    OfAttempts { due: &DUE, self_started: &SELF_STARTED, started: &STARTED, ended: &ATTEMPTS };

/// Adds the account of one procedure.
pub(crate) fn add_counts(name: &str, counts: &Attempts, of: &OfAttempts, families: &mut Families) {
    families.count(of.due, &[name], counts.due);
    families.count(of.self_started, &[name], counts.self_started);
    families.count(of.started, &[name], counts.started);
    families.count(of.ended, &[name, "succeeded", ""], counts.succeeded);
    for (outcome, by_cause) in [
        ("failed", &counts.failed),
        ("timed-out", &counts.timed_out),
        ("abandoned", &counts.abandoned),
        ("never-started", &counts.never_started),
    ] {
        for (cause, count) in by_cause {
            families.count(of.ended, &[name, outcome, cause], *count);
        }
    }
}

fn add_traffic(observed: &Observed, families: &mut Families) {
    let (counts, carried) = (&observed.counts, &observed.user_plane);
    families.count(&MESSAGES, &["uplink"], counts.messages_sent);
    families.count(&MESSAGES, &["downlink"], counts.messages_received);
    families.count(&RADIO_LOST, &[], counts.radio_lost);
    for (kind, count) in &observed.unexpected {
        families.count(&UNEXPECTED, &[kind], *count);
    }
    families.count(&PACKETS, &["uplink"], carried.uplink_packets);
    families.count(&PACKETS, &["downlink"], carried.downlink_packets);
    families.count(&OCTETS, &["uplink"], carried.uplink_octets);
    families.count(&OCTETS, &["downlink"], carried.downlink_octets);
    for (row, value) in results::UserPlaneSummary::TABLE.iter().zip(carried.values()) {
        let is_traffic =
            ["uplink_packets", "uplink_octets", "downlink_packets", "downlink_octets"].contains(&row.key);
        if !is_traffic {
            families.count(&USER_PLANE, &[row.key], value);
        }
    }
}

fn add_fleet(observed: &Observed, families: &mut Families) {
    for ((state, pool), count) in &observed.agents {
        families.gauge(&AGENTS, &[state, pool], *count);
    }
    families.gauge(&AGENTS_WANTED, &[], observed.progress.agents_wanted as u64);
    families.gauge(&SUPERVISORS, &[], observed.supervisors);
    observed.shards.iter().for_each(|(stage, count)| families.gauge(&SHARDS, &[stage], *count));
    families.count(&LEASES, &[], observed.leases);
    families.count(&GAPS, &[], observed.gaps);
    families.count(&LOST, &[], observed.lost_attempts);
    families.count(&MOVES, &[], observed.moves);
    for (row, value) in results::ReportCounts::TABLE.iter().zip(observed.reports.values()) {
        families.count(&REPORTS, &[row.key], value);
    }
    families.gauge(&REPORTS_WAITING, &[], observed.reports_waiting);
    families.count(&REPORTS_DROPPED, &[], observed.reports_dropped);
}

fn add_end(summary: &Summary, families: &mut Families) {
    for status in [Status::Pass, Status::Fail, Status::Invalid] {
        families.flag(&VERDICT, &[status.as_str()], summary.verdict.status == status);
    }
    let (billing, account) = (&summary.billing, &summary.billing.account);
    families.flag(&RECONCILIATION_DONE, &[], billing.reconciled);
    if billing.reconciled {
        families.gauge(&RECONCILED, &["matched", ""], account.matched);
        for (result, by_cause) in [("unreconciled", &account.by_cause), ("explained", &account.explained)] {
            by_cause.iter().for_each(|(cause, n)| families.gauge(&RECONCILED, &[result, cause], *n));
        }
    }
}
