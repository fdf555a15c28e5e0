//! The account held against what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use coordinator::core::{Core, End, Record};
use hdrhistogram::Histogram;
use results::Gap;
use results::{Phase, Status};
use scenarios::Plan;
use wire::to_coordinator::IntervalReport;

use crate::coordinator_process::CoordinatorProcess;
use crate::drill::{Drill, Fault};
use crate::generator::Generator;
use crate::target::{Attempt, Target};
use crate::truth::{Made, Truth};

pub(crate) struct Checked {
    pub(crate) violations: Vec<String>,
    pub(crate) lost: u64,
    pub(crate) late: u64,
    pub(crate) limited: bool,
    pub(crate) stood_still: bool,
    pub(crate) moves: usize,
}

impl Checked {
    fn nothing_but(violations: Vec<String>) -> Self {
        Self { violations, lost: 0, late: 0, limited: false, stood_still: false, moves: 0 }
    }
}

/// Everything that must hold after a drill, whatever went wrong in it.
pub(crate) fn check(
    drill: &Drill,
    plan: &Plan,
    coordinator: &CoordinatorProcess,
    target: &Target,
    truth: &Truth,
) -> Checked {
    let mut violations = Vec::new();
    let Some(core) = coordinator.core() else {
        return Checked::nothing_but(vec!["the coordinator is down at the end".to_owned()]);
    };
    let reports: Vec<&IntervalReport> = coordinator
        .committed()
        .iter()
        .filter_map(|record| match record {
            Record::Report(report) => Some(report.as_ref()),
            _ => None,
        })
        .collect();
    let began = core.phase() != Phase::Done || core.figures().values().any(|figures| figures.counts.due > 0);
    if core.end() == Some(End::TooFewAgents) || !began {
        if !target.starts().is_empty() || core.verdict().status != Status::Invalid {
            violations.push("a run that never began has started attempts, or is not invalid".to_owned());
        }
        return Checked::nothing_but(violations);
    }
    violations.extend(order_of(&reports));
    violations.extend(
        core.planned().iter().filter_map(|(procedure, planned)| unbalanced(core, procedure, *planned)),
    );
    let made: Vec<&Made> = reports.iter().filter_map(|report| truth.of(report)).collect();
    let mut lost = 0;
    for (load, schedule) in plan.scenario().load.iter().enumerate() {
        let procedure = schedule.procedure.name();
        let account = Account::of(load, procedure, core, (&reports, &made), (target, truth), &mut violations);
        violations.extend(account.too_much(drill, plan, core, procedure));
        lost += account.agent_lost;
    }
    let generator = Generator::of(&made, plan.scenario().generator);
    violations.extend(generator.judged(core));
    violations.extend(replayed(coordinator, core));
    if drill.is_calm() && (lost > 0 || !core.gaps().is_empty() || !core.verdict().reasons.is_empty()) {
        violations.push(format!(
            "nothing went wrong, but {lost} attempts were lost, {} gaps, invalid: {:?}",
            core.gaps().len(),
            core.verdict().reasons
        ));
    }
    let (late, limited) = (generator.late(), generator.is_limited());
    let stood_still = generator.stood_still_within_limits();
    Checked { violations, lost, late, limited, stood_still, moves: core.moves().len() }
}

/// `planned = succeeded + failed + timed-out + abandoned + never-started`.
fn unbalanced(core: &Core, procedure: &str, planned: u64) -> Option<String> {
    let counts = core.figures().get(procedure).map(|figures| figures.counts.clone()).unwrap_or_default();
    let accounted = counts.accounted();
    (planned != accounted)
        .then(|| format!("{procedure}: {planned} planned, {accounted} accounted for: {counts:?}"))
}

/// Each report once, without gaps under each lease, and none of an older lease after one of a newer.
fn order_of(reports: &[&IntervalReport]) -> Vec<String> {
    let mut last: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut violations = Vec::new();
    for report in reports {
        let this = (report.epoch, report.sequence);
        let follows = match last.insert(report.shard, this) {
            None => report.sequence == 0,
            Some((epoch, _)) if report.epoch > epoch => report.sequence == 0,
            Some((epoch, sequence)) => report.epoch == epoch && report.sequence == sequence + 1,
        };
        if !follows {
            violations
                .push(format!("shard {}: report {this:?} does not follow the one before", report.shard));
        }
    }
    violations
}

struct Account {
    load: usize,
    agent_lost: u64,
    /// Attempts that were reported to have begun.
    started: BTreeSet<Attempt>,
    /// Those of them of which no end was reported.
    never_ended: u64,
    /// Attempts that other shards were asked for.
    asked: u64,
    /// Attempts with UEs that were lost with another shard.
    lost_elsewhere: u64,
}

impl Account {
    fn of(
        load: usize,
        procedure: &str,
        core: &Core,
        (reports, made): (&[&IntervalReport], &[&Made]),
        (target, truth): (&Target, &Truth),
        violations: &mut Vec<String>,
    ) -> Self {
        let of_load = |attempt: &&Attempt| attempt.1 == load;
        let started: BTreeSet<Attempt> =
            made.iter().flat_map(|made| made.started.iter().filter(of_load)).copied().collect();
        let ended: BTreeSet<Attempt> =
            made.iter().flat_map(|made| made.ended.iter().filter(of_load)).copied().collect();
        let mut in_one = wide_histogram();
        for (_, latency) in made.iter().flat_map(|made| &made.latencies).filter(|(of, _)| *of == load) {
            if let Err(error) = in_one.record(*latency) {
                violations.push(format!("{procedure}: a latency of {latency} µs: {error}"));
            }
        }
        let seen: BTreeSet<Attempt> = target.starts().keys().filter(of_load).copied().collect();
        let never_reported = seen.difference(&started).count() as u64;
        let never_ended = started.difference(&ended).count() as u64;
        let empty = coordinator::ProcedureFigures::default();
        let figures = core.figures().get(procedure).unwrap_or(&empty);
        let counts = &figures.counts;
        // What another shard did for this one is measured from the due time on as well, by that shard's word.
        let away: u64 = made.iter().filter_map(|made| made.away_succeeded.get(&load)).sum();
        if !holds(&in_one, &figures.latency, away) {
            violations.push(format!(
                "{procedure}: the merged histogram ({} samples) is not the one of a single process ({} samples, and {away} of other shards)",
                figures.latency.len(),
                in_one.len()
            ));
        }
        if counts.succeeded != figures.latency.len() {
            violations.push(format!(
                "{procedure}: {} succeeded, {} have a latency",
                counts.succeeded,
                figures.latency.len()
            ));
        }
        let due = made.iter().flat_map(|made| &made.due).filter(|((_, of, _), _)| *of == load).count() as u64;
        let told =
            reports.iter().flat_map(|report| &report.procedures).filter(|one| one.procedure == procedure);
        let told: u64 = told.map(|one| one.due).sum();
        if told != due {
            violations.push(format!("{procedure}: {told} were due by the reports, {due} really"));
        }
        let agent_lost = counts.abandoned.get("agent-lost").copied().unwrap_or(0);
        // What was under way when its agent was lost, and what it had started without having told.
        let lost_elsewhere: u64 = made.iter().filter_map(|made| made.lost.get(&load)).sum();
        if agent_lost < never_ended + never_reported + lost_elsewhere {
            violations.push(format!(
                "{procedure}: {agent_lost} abandoned with their agents, but {never_ended} were in flight and \
                 {never_reported} had been started untold"
            ));
        }
        if !started.is_subset(&seen) {
            violations.push(format!("{procedure}: reports tell of attempts that the target never saw"));
        }
        let asked = truth.asked.get(&load).copied().unwrap_or(0);
        Self { load, agent_lost, started, never_ended, asked, lost_elsewhere }
    }

    /// What is abandoned with an agent was in flight, or came due in a gap, before it was sure that its agent starts nothing
    /// more: until its lease had ended, where nothing but the agent was in trouble.
    fn too_much(&self, drill: &Drill, plan: &Plan, core: &Core, procedure: &str) -> Option<String> {
        let troubled = drill.faults.iter().any(|(_, fault)| {
            use Fault::{FullDisk, KillCoordinator, SlowDisk};
            matches!(fault, KillCoordinator { .. } | FullDisk { .. } | SlowDisk { .. })
        });
        // Who has not heard of a pause may have gone on in it: so much further its starts may reach.
        let deaf = drill.faults.iter().filter_map(|(_, fault)| match fault {
            Fault::Pause { lasts } => Some(Duration::from_micros(*lasts)),
            _ => None,
        });
        let deaf: Duration = deaf.sum();
        let lease = wire::lease::grantor_limit(drill.lease);
        let sure = |gap: &Gap| {
            let known = Duration::from_micros(gap.from_us) + lease + UNHEARD;
            let to = Duration::from_micros(gap.to_us);
            // A shard that ends with its holder may have been started from to the last.
            let lost = gap.cause.starts_with("leases of") || gap.cause.starts_with("process of");
            // Of whom nothing was ever received, the start itself may have been late on its way.
            let never_reported = gap.from_us == 0;
            deaf + if troubled || !lost || never_reported { to } else { to.min(known) }
        };
        let mut possible: BTreeSet<Attempt> = BTreeSet::new();
        for gap in core.gaps() {
            // What came due before the gap, while the shard was on its way, has no report either.
            let until = sure(gap) + DRIFT;
            let schedule = plan.shard(gap.shard).schedules().into_iter().nth(self.load);
            let due = schedule.into_iter().flatten().take_while(|due| due.at <= until);
            let due = due.map(|due| (gap.shard, self.load, due.index));
            possible.extend(due.filter(|attempt| !self.started.contains(attempt)));
        }
        let most = self.never_ended + self.asked + self.lost_elsewhere + possible.len() as u64;
        (self.agent_lost > most).then(|| {
            format!(
                "{procedure}: {} abandoned with their agents, but {} were in flight, {} were asked of other shards, and at most {} others can have been started untold",
                self.agent_lost,
                self.never_ended,
                self.asked,
                possible.len()
            )
        })
    }
}

/// Bucket by bucket: the coordinator's histogram is the one that a single process would have made, with at most so many samples more.
fn holds(in_one: &Histogram<u64>, merged: &coordinator::Histogram, more: u64) -> bool {
    let mut left: BTreeMap<u64, u64> = merged.buckets().collect();
    let taken = in_one.iter_recorded().all(|step| {
        let bucket = in_one.lowest_equivalent(step.value_iterated_to());
        let there = left.get_mut(&bucket);
        there.is_some_and(|there| {
            let enough = *there >= step.count_at_value();
            *there = there.saturating_sub(step.count_at_value());
            enough
        })
    });
    taken && left.values().sum::<u64>() <= more
}

/// As the coordinator has them.
fn wide_histogram() -> Histogram<u64> {
    let Ok(histogram) = Histogram::new(3) else { unreachable!("3 significant digits are within 0 to 5") };
    histogram
}

/// A core that is made again from the records stands where the running one does.
fn replayed(coordinator: &CoordinatorProcess, core: &Core) -> Option<String> {
    let again = coordinator.replay();
    let same = core.figures().keys().eq(again.figures().keys())
        && core.figures().iter().all(|(name, figures)| {
            let other = &again.figures()[name];
            figures.counts == other.counts && figures.latency == other.latency
        })
        && core.gaps() == again.gaps();
    (!same).then(|| "a core made from the records differs from the one that ran".to_owned())
}

/// From an agent's last report that arrived, so long may pass until it last asked for its leases: an interval, and what a
/// datagram that is lost takes to be sent again.
const UNHEARD: Duration = Duration::from_secs(3);
/// What the agents' clocks and the coordinator's are apart at most, in a drill.
const DRIFT: Duration = Duration::from_millis(200);
