//! The run second by second. A second is open while reports for it may still come, then it is closed and written.

use std::collections::BTreeMap;

use results::{Interval, IntervalFigures, ShownEvent, UserPlaneSummary};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::to_coordinator::Recovery;

use super::counts;
use super::exactly_once::Checked;
use super::figures::{Parts, ProcedureFigures, Procedures, add_parts, sum};
use super::ran_events;
use crate::histogram::{self, Histogram, percentiles};

/// One second of the run, complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Second {
    pub(crate) at_s: u64,
    /// 1, or more where several are one interval of the files.
    pub(crate) for_s: u64,
    pub(crate) procedures: Procedures,
    pub(crate) parts: Parts,
    /// What takeovers made agents do.
    pub(crate) recovery: Recovery,
    pub(crate) lateness: Histogram,
    pub(crate) agents: u64,
    pub(crate) registered: u64,
    pub(crate) in_flight: u64,
    pub(crate) sessions: u64,
    pub(crate) user_plane: UserPlaneSummary,
    /// Resident memory of all agents, octets.
    pub(crate) resident: u64,
    /// What happened between the RAN nodes and their core; at most [`MOST_LISTED`].
    #[serde(default)]
    pub(crate) events: Vec<ShownEvent>,
}

/// The open seconds, at most [`MOST_OPEN`] of them.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Timeline {
    open: BTreeMap<u64, OpenSecond>,
    /// All before it are closed.
    closed: u64,
    gauges: BTreeMap<u32, Gauges>,
    /// Resident memory by agent, octets.
    resident: BTreeMap<usize, u64>,
    late: u64,
    sessions_at_once: u64,
}

#[derive(Serialize, Deserialize)]
struct OpenSecond {
    procedures: Procedures,
    parts: Parts,
    recovery: Recovery,
    lateness: Histogram,
    gauges: BTreeMap<u32, Gauges>,
    user_plane: UserPlaneSummary,
    #[serde(default)]
    events: Vec<ShownEvent>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Gauges {
    in_flight: u64,
    registered: u64,
    sessions: u64,
}

impl Timeline {
    /// Adds a report to the second that it is about; to the oldest open one when that is closed.
    pub(crate) fn add(&mut self, checked: &Checked) {
        let report = &checked.report;
        let second = (report.from_us + (report.to_us - report.from_us) / 2) / MICROS;
        if second < self.closed {
            self.late += 1;
        }
        let open = self.second(second);
        for (procedure, measured) in checked.procedures() {
            open.procedures.entry(procedure.procedure.clone()).or_default().add(procedure, measured);
            histogram::add(&mut open.lateness, &measured.lateness);
        }
        add_parts(&mut open.parts, checked);
        open.recovery.succeeded = open.recovery.succeeded.saturating_add(report.recovery.succeeded);
        open.recovery.failed = open.recovery.failed.saturating_add(report.recovery.failed);
        open.user_plane.merge(&counts::of_user_plane(&report.user_plane));
        let (in_flight, registered, sessions) = (report.in_flight, report.registered, report.sessions);
        open.gauges.insert(report.shard, Gauges { in_flight, registered, sessions });
        for event in &report.events {
            let open = self.second(event.at_us / MICROS);
            if open.events.len() < MOST_LISTED {
                open.events.push(ran_events::shown(event));
            }
        }
    }

    /// What an agent's process holds of memory, octets; 0 when it has gone.
    pub(crate) fn resident(&mut self, agent: usize, octets: u64) {
        self.resident.insert(agent, octets);
    }

    /// A shard's UEs are gone with its agent.
    pub(crate) fn forget(&mut self, shard: u32) {
        self.gauges.remove(&shard);
    }

    /// Closes every second before this one, in order; seconds without any report too.
    /// At most [`MOST_AT_ONCE`]: a coordinator that was away for days goes on with the others at its next call.
    pub(crate) fn close_before(&mut self, second: u64, agents: u64) -> Vec<Second> {
        let second = second.min(self.closed.saturating_add(MOST_AT_ONCE));
        let mut seconds = Vec::new();
        while self.closed < second {
            let at_s = self.closed;
            self.closed += 1;
            let open = self.open.remove(&at_s).unwrap_or_else(OpenSecond::new);
            self.gauges.extend(open.gauges);
            let total =
                |gauge: fn(&Gauges) -> u64| self.gauges.values().map(gauge).fold(0, u64::saturating_add);
            seconds.push(Second {
                at_s,
                for_s: 1,
                procedures: open.procedures,
                parts: open.parts,
                recovery: open.recovery,
                lateness: open.lateness,
                agents,
                registered: total(|g| g.registered),
                in_flight: total(|g| g.in_flight),
                sessions: total(|g| g.sessions),
                user_plane: open.user_plane,
                resident: self.resident.values().copied().fold(0, u64::saturating_add),
                events: open.events,
            });
            self.sessions_at_once = self.sessions_at_once.max(total(|g| g.sessions));
        }
        seconds
    }

    /// Whether any second before this one is still open.
    pub(crate) fn is_open(&self, before: u64) -> bool {
        self.closed < before
    }

    /// The second after the last one that anything is known of.
    pub(crate) fn end(&self) -> u64 {
        self.open.keys().next_back().map_or(self.closed, |last| last + 1)
    }

    /// Most PDU sessions at the end of any closed second.
    pub(crate) fn sessions_at_once(&self) -> u64 {
        self.sessions_at_once
    }

    /// Reports that came after their second was closed.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    fn second(&mut self, second: u64) -> &mut OpenSecond {
        // `Merge` refuses intervals of the future, and what is older than `MOST_OPEN` is closed: this stays small.
        self.open.entry(second.max(self.closed)).or_insert_with(OpenSecond::new)
    }
}

impl OpenSecond {
    fn new() -> Self {
        Self {
            procedures: Procedures::new(),
            parts: Parts::new(),
            recovery: Recovery::default(),
            lateness: histogram::empty(),
            gauges: BTreeMap::new(),
            user_plane: UserPlaneSummary::default(),
            events: Vec::new(),
        }
    }
}

impl Second {
    /// Adds the next second: counts and histograms grow, gauges are those of the later one.
    pub(crate) fn extend(&mut self, next: &Self) {
        self.for_s += next.for_s;
        for (name, figures) in &next.procedures {
            self.procedures.entry(name.clone()).or_default().merge(figures);
        }
        self.lateness.add(&next.lateness);
        self.user_plane.merge(&next.user_plane);
        (self.agents, self.registered, self.in_flight) = (next.agents, next.registered, next.in_flight);
        (self.sessions, self.resident) = (next.sessions, next.resident);
        let room = MOST_LISTED.saturating_sub(self.events.len());
        self.events.extend(next.events.iter().take(room).cloned());
    }

    /// As `timeline.ndjson` holds it.
    pub(crate) fn interval(&self) -> Interval {
        let figures = |figures: &ProcedureFigures| {
            let counts = &figures.counts;
            IntervalFigures {
                due: counts.due,
                started: counts.started,
                succeeded: counts.succeeded,
                failed: counts.failed.clone(),
                timed_out: sum(&counts.timed_out),
                abandoned: counts.abandoned.clone(),
                never_started: sum(&counts.never_started),
                latency_us: percentiles(&figures.latency),
                service_us: percentiles(&figures.service),
            }
        };
        Interval {
            at_s: self.at_s,
            for_s: self.for_s,
            agents: self.agents,
            registered: self.registered,
            in_flight: self.in_flight,
            sessions: self.sessions,
            user_plane: self.user_plane,
            resident_octets: self.resident,
            lateness_us: percentiles(&self.lateness),
            procedures: self.procedures.iter().map(|(name, of)| (name.clone(), figures(of))).collect(),
            events: self.events.clone(),
        }
    }

    /// Its line of `timeline.ndjson`.
    pub(crate) fn line(&self) -> Value {
        json!(self.interval())
    }
}

const MICROS: u64 = 1_000_000;
/// Events that one line lists.
const MOST_LISTED: usize = 64;
/// A second is closed at the latest when it is this old, whoever has not reported.
pub(crate) const MOST_OPEN: u64 = 15;
/// Seconds that are closed at one call.
const MOST_AT_ONCE: u64 = 3_600;
