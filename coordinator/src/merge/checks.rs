//! Whether the content of a report can be true. An agent may be wrong, or lie: nothing of it is taken on trust.

use std::collections::BTreeSet;

use billing::UsageRecord;
use identity::Procedure;
use results::Counts as _;
use serde::{Deserialize, Serialize};
use wire::attempts::{AttemptRow, MOST_ROWS};
use wire::bounds::{LONGEST_CAUSE, fold};
use wire::to_coordinator::{
    HandoverCount, IntervalReport, MOST_FAILED_INTO, MOST_HANDOVERS, MOST_PARTS, MOST_STANDSTILLS,
    MOST_USAGE, PartInterval, ProcedureInterval, UserPlaneInterval,
};

use super::exactly_once::{Checked, Fault, Measurements};
use super::figures::PhaseSamples;
use super::{counts, ran_events};
use crate::histogram::{self, HistogramFault, decode_v2};

/// What the times of a report are held against.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// No interval ends after it, µs since the run's start.
    #[serde(skip, default = "never")]
    pub(crate) horizon_us: u64,
    /// The run's start, UNIX time in µs; 0 while it is not known.
    pub(crate) start_wall_us: u64,
    /// How long the run's clock stood still, µs: the wall clock went on.
    pub(crate) paused_us: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { horizon_us: never(), start_wall_us: 0, paused_us: 0 }
    }
}

fn never() -> u64 {
    u64::MAX
}

/// The report with its histograms checked.
pub(crate) fn check(mut report: IntervalReport, limits: Limits) -> Result<Checked, Fault> {
    let (from_us, to_us) = (report.from_us, report.to_us);
    if from_us > to_us || to_us > limits.horizon_us {
        return Err(Fault::Interval { from_us, to_us });
    }
    // A core network that draws its causes at random makes more of them than are kept apart; that is no lie of the agent.
    fold(&mut report.unexpected);
    let parts_of = report.parts.iter_mut().map(|part| &mut part.procedure);
    for procedure in report.procedures.iter_mut().chain(parts_of) {
        let ProcedureInterval { failed, timed_out, abandoned, never_started, .. } = procedure;
        [failed, timed_out, abandoned, never_started].into_iter().for_each(fold);
    }
    if report.standstills.len() > MOST_STANDSTILLS
        || report.standstills.iter().any(|stood| stood.until_us > limits.horizon_us)
        || report.standstills.iter().any(|stood| stood.under_way.max(stood.came_due) > MOST_ATTEMPTS)
    {
        return Err(Fault::Counts("too many standstills, or one that cannot have been"));
    }
    handovers(&report.handovers)?;
    if report.failed_into.len() > MOST_FAILED_INTO
        || report.failed_into.iter().any(|failed| failed.count > MOST_ATTEMPTS)
    {
        return Err(Fault::Counts("more failed handovers than a report may hold"));
    }
    user_plane(&report.user_plane)?;
    if counts::of_run(&report).values().any(|n| n > MOST_OCTETS) {
        return Err(Fault::Counts("more messages than any agent can send"));
    }
    ran_events::check(&report)?;
    if report.usage.len() > MOST_USAGE {
        return Err(Fault::Counts("more usage records than a report may hold"));
    }
    report.usage.iter().try_for_each(|record| usage(record, limits))?;
    let impossible = |row: &AttemptRow| {
        row.due_us > limits.horizon_us || Procedure::ALL.get(usize::from(row.procedure)).is_none()
    };
    if report.rows.len() > MOST_ROWS
        || report.rows.iter().any(impossible)
        || report.rows_left_out.file > MOST_ATTEMPTS
        || report.rows_left_out.spans > MOST_ATTEMPTS
    {
        return Err(Fault::Counts("rows of attempts that cannot have been"));
    }
    let mut measured = Vec::with_capacity(report.procedures.len());
    for (position, procedure) in report.procedures.iter().enumerate() {
        let earlier = report.procedures.iter().take(position);
        if earlier.clone().any(|earlier| earlier.procedure == procedure.procedure) || !known(procedure) {
            return Err(Fault::Procedure(procedure.procedure.chars().take(LONGEST_CAUSE).collect()));
        }
        measured.push(measurements(procedure)?);
    }
    let measured_parts = parts(&report.parts)?;
    Ok(Checked { report, measured, measured_parts })
}

/// What is counted apart must be procedures too, each once in a part.
fn parts(parts: &[PartInterval]) -> Result<Vec<Measurements>, Fault> {
    let mut seen = BTreeSet::new();
    let check = |part: &PartInterval| {
        let name = part.procedure.procedure.as_str();
        if !known(&part.procedure) {
            return Err(Fault::Procedure(name.chars().take(LONGEST_CAUSE).collect()));
        }
        // A number that no condition has is bounded all the same.
        if part.part >= MOST_PARTS || !seen.insert((part.part, name.to_owned())) {
            return Err(Fault::Counts("a part that does not exist, or is there twice"));
        }
        measurements(&part.procedure)
    };
    parts.iter().map(check).collect()
}

fn measurements(procedure: &ProcedureInterval) -> Result<Measurements, Fault> {
    let name = &procedure.procedure;
    if attempts(procedure) > MOST_ATTEMPTS {
        return Err(OVERFLOW);
    }
    let unreadable = |fault: HistogramFault| Fault::Histogram { procedure: name.clone(), fault };
    let (latency, service) = (decode_v2(&procedure.latency_v2), decode_v2(&procedure.service_v2));
    let (latency, service) = (latency.map_err(unreadable)?, service.map_err(unreadable)?);
    let Some(succeeded) = procedure.succeeded.checked_sub(procedure.unanswered) else {
        return Err(Fault::Counts("more successes without an answer than successes"));
    };
    for samples in [histogram::total(&latency), histogram::total(&service)] {
        if samples != succeeded {
            return Err(Fault::Samples { procedure: name.clone(), succeeded, samples });
        }
    }
    if procedure.phases.len() > MOST_PHASES {
        return Err(Fault::Counts("more phases than a procedure has"));
    }
    let mut phases = PhaseSamples::new();
    for (phase, octets) in &procedure.phases {
        if phase.len() > LONGEST_PHASE || phases.iter().any(|(earlier, _)| earlier == phase) {
            return Err(Fault::Counts("a phase that is no name, or there twice"));
        }
        let samples = decode_v2(octets).map_err(unreadable)?;
        // Not every attempt shows all of its phases to the agent that counts it.
        let total = histogram::total(&samples);
        if total > succeeded {
            return Err(Fault::Samples { procedure: name.clone(), succeeded, samples: total });
        }
        phases.push((phase.clone(), samples));
    }
    // What a UE begins by itself leaves when it is due.
    let scheduled = procedure.due.saturating_sub(procedure.self_started);
    let lateness = decode_v2(&procedure.lateness_v2).map_err(unreadable)?;
    let samples = histogram::total(&lateness);
    if samples > scheduled {
        return Err(Fault::Lateness { procedure: name.clone(), scheduled, samples });
    }
    Ok(Measurements { latency, service, phases, lateness })
}

/// Everything that the interval counts, to be limited.
pub(crate) fn attempts(procedure: &ProcedureInterval) -> u64 {
    [&procedure.failed, &procedure.timed_out, &procedure.abandoned, &procedure.never_started]
        .into_iter()
        .flatten()
        .map(|(_, n)| *n)
        .chain([procedure.due, procedure.self_started, procedure.started, procedure.succeeded])
        .fold(0, u64::saturating_add)
}

fn handovers(handovers: &[HandoverCount]) -> Result<(), Fault> {
    if handovers.len() > MOST_HANDOVERS {
        return Err(Fault::Counts("more pairs of cells than a report may hold"));
    }
    let mut total = 0u64;
    for count in handovers {
        if count.source == count.target || !HANDOVERS.contains(&count.procedure.as_str()) {
            return Err(Fault::Counts("a handover that is none"));
        }
        total = total.saturating_add(count.succeeded).saturating_add(count.failed);
    }
    if total > MOST_ATTEMPTS { Err(OVERFLOW) } else { Ok(()) }
}

fn user_plane(counted: &UserPlaneInterval) -> Result<(), Fault> {
    if counts::of_user_plane(counted).values().any(|n| n > MOST_OCTETS) {
        return Err(Fault::Counts("more user data than any agent can carry"));
    }
    // A T-PDU is an IP packet: at least a header, at most what a length of 16 bits can say.
    let fits =
        |packets: u64, octets: u64| (packets..=packets.saturating_mul(LARGEST_PACKET)).contains(&octets);
    if fits(counted.uplink_packets, counted.uplink_octets)
        && fits(counted.downlink_packets, counted.downlink_octets)
    {
        Ok(())
    } else {
        Err(Fault::Counts("octets of user data that do not fit their packets"))
    }
}

fn usage(record: &UsageRecord, limits: Limits) -> Result<(), Fault> {
    let latest = limits.start_wall_us.saturating_add(limits.horizon_us).saturating_add(limits.paused_us);
    let what = if record.from_us > record.to_us || record.opened_us > record.from_us {
        "it ends before it begins"
    } else if record.opened_us.saturating_add(CLOCK_TOLERANCE_US) < limits.start_wall_us {
        "it begins before the run"
    } else if record.to_us > latest {
        "it ends in the future"
    } else if record.uplink.0 > MOST_OCTETS || record.downlink.0 > MOST_OCTETS {
        "more octets than any session can carry"
    } else if record.downlink_lost > MOST_OCTETS {
        "more losses than any session can have"
    } else {
        return Ok(());
    };
    let (supi, session) = (record.supi.to_string(), record.session.value());
    Err(Fault::Usage { supi, session, sequence: record.sequence, what })
}

/// The names that agents report: the scenario's procedures, and what a UE starts by itself.
fn known(procedure: &ProcedureInterval) -> bool {
    let name = procedure.procedure.as_str();
    scenarios::Subject::all().any(|subject| subject.counted_as().contains(&name))
}

pub(crate) const OVERFLOW: Fault = Fault::Counts("more attempts than any agent can make");
/// Of one shard in one run; leaves room to add all shards up.
pub(crate) const MOST_ATTEMPTS: u64 = 1 << 48;
const HANDOVERS: [&str; 2] = ["handover-n2", "handover-xn"];
/// Of one record, or of one interval: a petabyte.
const MOST_OCTETS: u64 = 1 << 50;
const LARGEST_PACKET: u64 = 65_535;
const CLOCK_TOLERANCE_US: u64 = 5_000_000;
const MOST_PHASES: usize = 8;
const LONGEST_PHASE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_causes_than_are_kept_apart_are_counted_and_no_lie() {
        let causes: Vec<(String, u64)> = (0..512).map(|n| (format!("5gsm-cause-{n}\u{1b}"), 1)).collect();
        let registration = ProcedureInterval {
            procedure: "registration".to_owned(),
            due: 512,
            started: 512,
            failed: causes.clone(),
            ..ProcedureInterval::default()
        };
        let report = IntervalReport {
            procedures: vec![registration],
            unexpected: causes,
            ..IntervalReport::default()
        };
        let checked = check(report, Limits::default()).unwrap().report;
        for causes in [&checked.procedures[0].failed, &checked.unexpected] {
            assert_eq!(causes.iter().map(|(_, n)| n).sum::<u64>(), 512);
            assert_eq!(causes.last().unwrap(), &("other".to_owned(), 213));
            assert!(causes.iter().all(|(cause, _)| !cause.contains('\u{1b}')));
        }
    }
}
