//! `summary.json`: the verdict and every figure of the report. Keys are stable; additions are fine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::{Gap, Move};
use crate::histogram::Histogram;
use crate::{
    AmfSummary, BillingSummary, Coverage, DriftSummary, HandoverSummary, NetworkEvents, RanEvents,
    UserPlaneSummary, Verdict, units,
};

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The run folder.
    pub folder: PathBuf,
    /// What `summary.json` holds.
    pub summary: Summary,
}

/// The verdict and every figure of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The run's name, which is its folder's.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's own description.
    pub description: String,
    /// The seed: with the scenario, enough to run it again.
    pub seed: u64,
    /// pass, fail or invalid, and why.
    pub verdict: Verdict,
    /// When the run started, RFC 3339, UTC.
    pub started_at: String,
    /// From the start to the last interval, in seconds.
    pub duration_s: f64,
    /// The length of the plan's schedule, in seconds.
    pub planned_s: f64,
    /// The target's URL.
    pub target: String,
    /// How SCTP was carried: the URL's scheme.
    pub transport: String,
    /// The program's version.
    pub version: String,
    /// The versions of the parts.
    pub versions: BTreeMap<String, String>,
    /// The command that started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The SLOs and what was measured.
    pub slos: Vec<SloResult>,
    /// The guardrails and whether one broke.
    pub guardrails: Vec<GuardrailResult>,
    /// What failed the run without any SLO, one sentence each: a procedure that never once succeeded, or one that did where
    /// the scenario expects none to.
    pub unexpected_outcomes: Vec<String>,
    /// The account and the latencies of each procedure.
    pub procedures: BTreeMap<String, ProcedureSummary>,
    /// The difference between the two ledgers.
    pub billing: BillingSummary,
    /// Handovers by cells, and their phases.
    pub handovers: HandoverSummary,
    /// What the user plane carried.
    pub user_plane: UserPlaneSummary,
    /// Most PDU sessions at once.
    pub sessions_at_once: u64,
    /// What the network noticed.
    pub network_events: NetworkEvents,
    /// What happened between the RAN nodes and their core: associations lost and restored, overloads, …
    pub ran_events: RanEvents,
    /// What each AMF was to the run, in the order of the targets.
    pub amfs: Vec<AmfSummary>,
    /// What was made worse on purpose.
    pub impairments: ImpairmentSummary,
    /// Whether the generator was the bottleneck.
    pub generator: GeneratorSummary,
    /// How the embedded simulator fared on the machine that it shares with the agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded_target: Option<EmbeddedTargetSummary>,
    /// The fleet.
    pub agents: Vec<AgentSummary>,
    /// Messages that were not expected or not understood, by kind.
    pub unexpected: BTreeMap<String, u64>,
    /// NGAP messages sent.
    pub messages_sent: u64,
    /// NGAP messages received.
    pub messages_received: u64,
    /// The radio profile's name.
    pub radio: String,
    /// UE messages that the radio profile lost.
    pub radio_lost: u64,
    /// Faults that were injected, with their times.
    pub faults: Vec<Value>,
    /// The trace files.
    pub traces: Vec<Value>,
    /// What was traced, and what was not kept because of a limit.
    pub trace_counts: TraceCounts,
    /// Whether anything changed over the run.
    pub drift: DriftSummary,
    /// How the interval reports were merged.
    pub reports: ReportCounts,
    /// Stretches of shards that no agent has accounted for: what was lost with agents.
    pub gaps: Vec<Gap>,
    /// Gaps that are not listed; they count all the same.
    pub gaps_left_out: u64,
    /// Shards that one agent handed over to another.
    pub moves: Vec<Move>,
    /// Moves that are not listed.
    pub moves_left_out: u64,
    /// Attempts that came due while their shard was on its way, and were started on its arrival.
    pub shifted: u64,
    /// What takeovers made agents do, outside every statistic.
    pub recovery: RecoverySummary,
    /// How long the run's clock stood still, in seconds.
    pub paused_s: f64,
    /// Supervisors of agents' processes.
    pub supervisors: Vec<SupervisorSummary>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// One SLO and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloResult {
    /// The metric, such as `registration.success`.
    pub name: String,
    /// The comparison and the value, such as `>= 99.5%`.
    pub target: String,
    /// What was measured, in the unit of the target. Nothing when there was nothing to measure.
    pub actual: Option<f64>,
    /// The unit of what was measured: `%`, `us`, `ms`, `s`, `m`, `h`, `/s`, `/min`, `/h`, or nothing for a count.
    pub unit: String,
    /// Nothing measured is no pass, nor is a figure without all of its evidence; and nothing passes in a run that is invalid.
    pub pass: bool,
    /// How many attempts the figure is of, once the run is over. Nothing for what is not of attempts.
    #[serde(default)]
    pub coverage: Option<Coverage>,
    /// To which attempts the condition is limited: `phase`, `during`, `dnn`, `network`, `slice`, `cells`. The name says it too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// False in a run that is invalid: it says nothing about the target, neither good nor bad.
    #[serde(default = "yes")]
    pub judged: bool,
}

fn yes() -> bool {
    true
}

impl SloResult {
    /// What was measured, as people read it: `1.20 ms`, `99.95 %`, `3`; on the side of the target that the judgement says.
    pub fn measured(&self) -> Option<String> {
        self.actual.map(|actual| units::beside(actual, &self.unit, &self.target, self.pass))
    }

    /// The run is invalid.
    pub(crate) fn not_judged(&mut self) {
        (self.pass, self.judged) = (false, false);
    }

    /// Why it was not met, in a sentence.
    pub fn missed(&self) -> String {
        match self.measured() {
            Some(measured) => {
                let but = self.coverage.filter(|coverage| !coverage.is_complete());
                let but = but.map(|coverage| format!(", but it {coverage}")).unwrap_or_default();
                format!("{} is {measured}, target {}{but}", self.name, self.target)
            }
            None => format!("{}: nothing was measured, target {}", self.name, self.target),
        }
    }
}

/// One guardrail.
#[derive(Clone, Debug, Serialize)]
pub struct GuardrailResult {
    /// The condition that ends a run.
    pub condition: String,
    /// For how long it must be true, in seconds.
    pub for_s: f64,
    /// When it ended this run, in seconds since the start.
    pub broken_at_s: Option<f64>,
}

/// One procedure: `planned = succeeded + failed + timed_out + abandoned + never_started`.
#[derive(Clone, Debug, Serialize)]
pub struct ProcedureSummary {
    /// What the plan holds; for what UEs start by themselves, what came due.
    pub planned: u64,
    /// What came due.
    pub due: u64,
    /// What was started.
    pub started: u64,
    /// Ended as wanted.
    pub succeeded: u64,
    /// Of these, those that nobody answers (a UE that is switched off): they have no latency.
    pub unanswered: u64,
    /// Refused or broken off by the network, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Ended by a timer.
    pub timed_out: u64,
    /// The same by timer.
    pub timed_out_by_timer: BTreeMap<String, u64>,
    /// Given up by us, by reason.
    pub abandoned: BTreeMap<String, u64>,
    /// Never started.
    pub never_started: u64,
    /// The same by reason.
    pub never_started_by_reason: BTreeMap<String, u64>,
    /// From the due time, of what succeeded, µs.
    pub latency_us: Percentiles,
    /// From the first octet, of what succeeded, µs.
    pub service_us: Percentiles,
    /// How late the attempts left that the schedule made due, µs.
    pub lateness_us: Percentiles,
    /// Of how many attempts it is known how they ended.
    pub coverage: Coverage,
    /// The distribution of the latency: percentile and µs.
    pub percentiles: Vec<(f64, u64)>,
    /// The distribution of the service time.
    pub service_percentiles: Vec<(f64, u64)>,
}

/// Percentiles of one merged histogram, µs. Zeros when it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 95 %.
    pub p95: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The largest.
    pub max: u64,
    /// How many attempts they are of.
    #[serde(default)]
    pub samples: u64,
}

impl Percentiles {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let at = |quantile| if histogram.is_empty() { 0 } else { histogram.value_at_quantile(quantile) };
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
            samples: histogram.len(),
        }
    }
}

/// One phase of a procedure.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseSummary {
    /// `preparation`, `execution`, `completion`.
    pub phase: String,
    /// How many times it was measured.
    pub samples: u64,
    /// How long it took, µs.
    pub latency_us: Percentiles,
}

/// What the scenario's conditions came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImpairmentSummary {
    /// Each window that began while the run lasted: name, kind, `at_s`, `for_s`, and which part of the cells.
    pub windows: Vec<Value>,
    /// Seconds in which at least one impairment was active.
    pub active_s: f64,
    /// The most of it within any hour, in seconds; the safety budget is 600.
    pub worst_hour_s: f64,
    /// Who allowed more than the budget, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Value>,
}

/// The curve of a distribution: denser where it matters, and only as far as the samples reach.
pub(crate) fn curve(histogram: &Histogram) -> Vec<(f64, u64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    CURVE.iter().map(|percent| (*percent, histogram.value_at_quantile(percent / 100.0))).collect()
}

/// Whether the generator was the bottleneck.
#[derive(Clone, Debug, Serialize)]
pub struct GeneratorSummary {
    /// True: the figures are not the target's alone, and the run is invalid.
    pub limited: bool,
    /// Why.
    pub reasons: Vec<String>,
    /// How late attempts left, µs.
    pub lateness_us: Percentiles,
    /// Attempts whose lateness was reported.
    pub attempts: u64,
    /// The same against all that came due: a run in which any is missing is invalid.
    pub coverage: Coverage,
    /// Attempts that left later than the threshold.
    pub late_attempts: u64,
    /// What the judgement is by.
    pub thresholds: BTreeMap<String, f64>,
    /// The place in the queue for a processor that the agents' workers got, the least of them: `real-time`, `slice` or
    /// `none`; empty where no agent said.
    pub priority: String,
    /// Who had the processors, by host.
    pub processors: Vec<HostSummary>,
    /// What to do about lateness; nothing where there was none to speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Whether the simulator beside the agents was let run when there was something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmbeddedTargetSummary {
    /// True: its answers were late by this machine, so the figures are not its own, and the run is invalid.
    pub starved: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Messages of signalling that it took in and sent.
    pub messages: u64,
    /// Those that waited for a processor longer than an attempt may be late.
    pub late: u64,
    /// The longest such wait, µs.
    pub longest_wait_us: u64,
}

/// The processors of one host of agents, from the run's start to the last word of its agents. Informative: it explains
/// lateness, and no verdict rests on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HostSummary {
    /// The agents on it.
    pub agents: Vec<String>,
    /// What their workers got, the least of them.
    pub priority: String,
    /// How often real-time threads were set back to fair shares, because they took too much.
    pub set_back: u64,
    /// Processors that the agents may use.
    pub processors: u32,
    /// Who had them, all along.
    pub run: ProcessorShares,
    /// Who had them in the seconds in which attempts left too late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub while_late: Option<ProcessorShares>,
}

/// Shares of all processors together, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ProcessorShares {
    /// Not idle: the sum of the three below.
    pub busy: f64,
    /// The agents' processes; in an embedded run that is everything.
    pub this_program: f64,
    /// Other processes, and the system's own work.
    pub other_processes: f64,
    /// Taken by the host of a virtual machine.
    pub stolen: f64,
    /// The part of the time in which the processes stood still, because the quota of their control group was used up.
    pub held_back: f64,
}

/// One agent.
#[derive(Clone, Debug, Serialize)]
pub struct AgentSummary {
    /// Its name.
    pub id: String,
    /// `finished`, `lost: …`, …
    pub state: String,
    /// From where it joined.
    pub address: String,
    /// Its program's version.
    pub program: String,
    /// Worker threads.
    pub workers: u32,
    /// The shards it ran.
    pub shards: Vec<u32>,
    /// Attempts it started.
    pub attempts: u64,
    /// How late they left, µs.
    pub lateness_us: Percentiles,
    /// CPU time of its workers, in seconds.
    pub cpu_s: f64,
    /// Largest resident memory of its process, octets.
    pub resident_octets: u64,
    /// Most UEs held.
    pub ues: u64,
    /// Octets of the state of those UEs.
    pub ue_octets: u64,
    /// The latter over the former.
    pub octets_per_ue: f64,
    /// Octets of reports received from it.
    pub report_octets: u64,
    /// The same for each second of the run.
    pub report_octets_per_s: f64,
    /// Round trip of the link, µs.
    pub round_trip_us: u64,
    /// Its host's wall clock minus ours, µs, as exact as half the round trip; nothing for an agent on our own host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset_us: Option<i64>,
    /// Reports that it had to drop; the account cannot be proven then.
    pub reports_dropped: u64,
    /// How long its process did not run, in seconds: each time of a second and more.
    pub stood_still_s: f64,
    /// Trace packets that it had to drop.
    pub trace_dropped: u64,
    /// Most octets of reports that waited on its disk.
    pub spooled_octets: u64,
}

/// Registrations and PDU sessions that put the UEs of lost shards back into the state that they had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecoverySummary {
    /// Registrations that began.
    pub registrations: u64,
    /// PDU sessions that began.
    pub sessions: u64,
    /// Of both, those that succeeded.
    pub succeeded: u64,
    /// Of both, those that did not.
    pub failed: u64,
}

/// A process that watches over agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SupervisorSummary {
    /// Its name.
    pub name: String,
    /// From where it joined.
    pub address: String,
}

/// What was traced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceCounts {
    /// Files written.
    pub files: u64,
    /// Packets written.
    pub packets: u64,
    /// Failed UEs whose files went, because newer ones came.
    pub failed_ues_left_out: u64,
    /// Packets left out at the limit of octets or packets.
    pub packets_left_out: u64,
    /// Packets that agents dropped at theirs.
    pub packets_dropped_by_agents: u64,
}

/// How the interval reports were merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportCounts {
    /// Merged, each once.
    pub merged: u64,
    /// Received again, and ignored.
    pub duplicates: u64,
    /// Of an old lease, and refused.
    pub old_epoch: u64,
    /// Held or refused, because one before was missing.
    pub out_of_order: u64,
    /// Merged after their second was closed: they count in the totals and in a later second.
    pub late: u64,
}

const CURVE: [f64; 24] = [
    0.0, 5.0, 10.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.0, 98.0,
    99.0, 99.5, 99.9, 99.99, 99.999, 100.0,
];
