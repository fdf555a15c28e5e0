//! A shard of which only the attempts are played: started when due, ended as the target decides, reported each interval.
//! It keeps leases, counts and numbers like the agent's own, and remembers attempt by attempt what each report stands for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use scenarios::{Due, Plan, Schedule};
use wire::to_agent::Lease;
use wire::to_coordinator::{IntervalReport, ProcedureInterval, Standstill};

use crate::clock::{Clock, Time};
use crate::target::{Attempt, Fate, Start, Target};

/// What one report stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    pub(crate) started: Vec<Attempt>,
    pub(crate) ended: Vec<Attempt>,
    /// Latencies of what succeeded, µs, by load.
    pub(crate) latencies: Vec<(usize, u64)>,
    /// It tells that its process stood still.
    pub(crate) stood_still: bool,
}

/// One leased shard.
pub(crate) struct Shard {
    pub(crate) run: String,
    pub(crate) number: u32,
    pub(crate) epoch: u64,
    /// The end of its lease.
    pub(crate) until: Instant,
    agent: usize,
    loads: Vec<Load>,
    start: Option<Instant>,
    /// Nothing is due before it is ready; what came due before is made then.
    pub(crate) ready_at: Instant,
    /// How many losses of the run it knows of.
    pub(crate) losses: u64,
    pub(crate) told_ready: bool,
    paused: bool,
    in_flight: Vec<Flight>,
    counts: BTreeMap<usize, Counts>,
    shifted: u64,
    standstills: Vec<(Instant, Duration, u64)>,
    reported_to: Duration,
    made: Made,
    /// Nothing more is started; what is in flight then is abandoned for this reason.
    ending: Option<(Instant, String)>,
    cancelled: bool,
    pub(crate) stopped: bool,
    pub(crate) told_finished: bool,
    pub(crate) registered: u64,
}

struct Load {
    procedure: &'static str,
    schedule: Schedule,
    next: Option<Due>,
    planned: u64,
    passed: u64,
}

struct Flight {
    attempt: Attempt,
    due: Instant,
    ends: Instant,
    fate: Fate,
}

#[derive(Default)]
struct Counts {
    interval: ProcedureInterval,
    latency: Option<Histogram<u32>>,
    lateness: Option<Histogram<u32>>,
}

impl Shard {
    pub(crate) fn new(plan: &Plan, lease: &Lease, agent: usize, until: Instant, ready_at: Instant) -> Self {
        let shard = plan.shard(lease.shard);
        let loads = shard.schedules().into_iter().enumerate().map(|(number, mut schedule)| {
            let passed = lease.resume_at.get(number).copied().unwrap_or(0);
            schedule.skip_to(passed);
            let (procedure, planned) = (schedule.procedure().name(), schedule.planned());
            let next = schedule.next();
            Load { procedure, schedule, next, planned, passed }
        });
        Self {
            run: lease.run.clone(),
            number: lease.shard,
            epoch: lease.epoch,
            until,
            agent,
            loads: loads.collect(),
            start: None,
            ready_at,
            losses: lease.takeover.as_ref().map_or(0, |takeover| takeover.losses),
            told_ready: false,
            paused: false,
            in_flight: Vec::new(),
            counts: BTreeMap::new(),
            shifted: 0,
            standstills: Vec::new(),
            reported_to: Duration::ZERO,
            made: Made::default(),
            ending: None,
            cancelled: false,
            stopped: false,
            registered: lease.takeover.as_ref().map_or(0, |takeover| takeover.registered),
            told_finished: false,
        }
    }

    /// UEs that its last holder handed over.
    pub(crate) fn adopt(&mut self, ues: u64) {
        self.registered += ues;
    }

    pub(crate) fn start(&mut self, at: Instant, paused: bool) {
        (self.start, self.paused) = (Some(at), paused);
    }

    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    pub(crate) fn resume(&mut self, paused: Duration) {
        self.paused = false;
        if let Some(start) = &mut self.start {
            *start += paused;
        }
    }

    /// Nothing more is started, and none of it will be: the rest of the plan is accounted for here.
    pub(crate) fn drain(&mut self, reason: &str, until: Instant) {
        for number in 0..self.loads.len() {
            let load = &mut self.loads[number];
            let left = load.planned - load.passed;
            (load.next, load.passed) = (None, load.planned);
            if left > 0 {
                let never = &mut self.counts.entry(number).or_default().interval.never_started;
                never.push((reason.to_owned(), left));
            }
        }
        self.cancelled = true;
        self.ending = Some((until, reason.to_owned()));
    }

    /// Nothing more is started here; another goes on with the plan.
    pub(crate) fn settle(&mut self, until: Instant) {
        self.loads.iter_mut().for_each(|load| load.next = None);
        self.ending = Some((until, "shard-moved".to_owned()));
    }

    /// The lease has ended: everything in flight is given up at once.
    pub(crate) fn give_up(&mut self, reason: &str) {
        self.loads.iter_mut().for_each(|load| load.next = None);
        self.abandon(reason);
        self.stopped = true;
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.ending.is_some() && self.in_flight.is_empty()
    }

    /// Another agent is to go on with it.
    pub(crate) fn is_moving(&self) -> bool {
        !self.cancelled && self.ending.is_some()
    }

    pub(crate) fn is_started(&self) -> bool {
        self.start.is_some()
    }

    /// Its process did not run for so long, until now.
    pub(crate) fn stood_still(&mut self, until: Instant, lasted: Duration) {
        let under_way = self.in_flight.len() as u64;
        self.abandon("agent-stood-still");
        self.standstills.push((until, lasted, under_way));
    }

    /// All of the plan is started and ended, or cancelled.
    pub(crate) fn is_finished(&self) -> bool {
        let exhausted = self.loads.iter().all(|load| load.next.is_none() && load.passed == load.planned);
        self.start.is_some() && exhausted && self.in_flight.is_empty()
    }

    /// Starts what is due and ends what has ended.
    pub(crate) fn advance(&mut self, now: Instant, at: Time, clock: Clock, target: &mut Target) {
        if self.stopped {
            return;
        }
        self.end_due(now);
        if let Some((until, reason)) = &self.ending
            && *until <= now
        {
            let reason = reason.clone();
            self.abandon(&reason);
        }
        let Some(start) = self.start else { return };
        if self.paused || now < self.ready_at {
            return;
        }
        for number in 0..self.loads.len() {
            while let Some(due) = self.loads[number].next
                && start + due.at <= now
            {
                let load = &mut self.loads[number];
                load.passed += 1;
                load.next = load.schedule.next();
                let due_at = start + due.at;
                let shifted = due_at < self.ready_at && self.epoch > 1;
                self.shifted += u64::from(shifted);
                let due_at = if shifted { self.ready_at } else { due_at };
                let attempt = (self.number, number, due.index);
                let start =
                    Start { at, due: clock.when(due_at).min(at), epoch: self.epoch, agent: self.agent };
                let fate = target.start(attempt, start);
                let late = micros(now.saturating_duration_since(due_at)).max(1);
                let counts = self.counts.entry(number).or_default();
                counts.interval.due += 1;
                counts.interval.started += 1;
                counts.lateness.get_or_insert_with(histogram).saturating_record(late);
                self.made.started.push(attempt);
                let (Fate::Succeeds { after_us } | Fate::Fails { after_us } | Fate::TimesOut { after_us }) =
                    fate;
                self.in_flight.push(Flight {
                    attempt,
                    due: due_at,
                    ends: clock.instant(at + after_us),
                    fate,
                });
            }
        }
    }

    fn end_due(&mut self, now: Instant) {
        let mut ended: Vec<Flight> = Vec::new();
        let mut number = 0;
        while number < self.in_flight.len() {
            if self.in_flight[number].ends <= now {
                ended.push(self.in_flight.swap_remove(number));
            } else {
                number += 1;
            }
        }
        ended.sort_by_key(|flight| flight.attempt);
        for flight in ended {
            let load = flight.attempt.1;
            let counts = self.counts.entry(load).or_default();
            match flight.fate {
                Fate::Succeeds { .. } => {
                    let latency = micros(now.saturating_duration_since(flight.due));
                    counts.interval.succeeded += 1;
                    counts.latency.get_or_insert_with(histogram).saturating_record(latency);
                    self.made.latencies.push((load, latency));
                    self.registered += 1;
                }
                Fate::Fails { .. } => count(&mut counts.interval.failed, "congestion", 1),
                Fate::TimesOut { .. } => count(&mut counts.interval.timed_out, "T3510", 1),
            }
            self.made.ended.push(flight.attempt);
        }
    }

    fn abandon(&mut self, reason: &str) {
        for flight in std::mem::take(&mut self.in_flight) {
            count(&mut self.counts.entry(flight.attempt.1).or_default().interval.abandoned, reason, 1);
            self.made.ended.push(flight.attempt);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let running = self.start.filter(|_| !self.paused);
        let due = self.loads.iter().filter_map(|load| Some((running? + load.next?.at).max(self.ready_at)));
        let ends = self.in_flight.iter().map(|flight| flight.ends);
        let ready = (!self.told_ready).then_some(self.ready_at);
        let ending = self.ending.as_ref().map(|(until, _)| *until).filter(|_| !self.in_flight.is_empty());
        due.chain(ends).chain(ready).chain(ending).chain(std::iter::once(self.until)).min()
    }

    /// What happened since the last report; `None` before the start. The holder numbers it.
    pub(crate) fn report(&mut self, now: Instant) -> Option<(IntervalReport, Made)> {
        let to = now.checked_duration_since(self.start?)?.max(self.reported_to);
        let from = std::mem::replace(&mut self.reported_to, to);
        let mut procedures: BTreeMap<&str, ProcedureInterval> = BTreeMap::new();
        for (load, counts) in std::mem::take(&mut self.counts) {
            let name = self.loads[load].procedure;
            let latency_v2 = octets(counts.latency);
            let interval = ProcedureInterval {
                procedure: name.to_owned(),
                service_v2: latency_v2.clone(),
                latency_v2,
                lateness_v2: octets(counts.lateness),
                ..counts.interval
            };
            let twice = procedures.insert(name, interval).is_some();
            assert!(!twice, "each load of a rehearsal has a procedure of its own");
        }
        let of_run = |at: Instant| self.start.map(|start| at.saturating_duration_since(start));
        let standstills: Vec<Standstill> = std::mem::take(&mut self.standstills)
            .into_iter()
            .map(|(until, lasted, under_way)| Standstill {
                until_us: micros(of_run(until).unwrap_or_default()),
                for_us: micros(lasted),
                under_way,
                came_due: 0,
            })
            .collect();
        self.made.stood_still = !standstills.is_empty();
        let report = IntervalReport {
            run: self.run.clone(),
            shard: self.number,
            epoch: self.epoch,
            from_us: micros(from),
            to_us: micros(to),
            progress: self.loads.iter().map(|load| load.passed).collect(),
            procedures: procedures.into_values().collect(),
            in_flight: self.in_flight.len() as u64,
            registered: self.registered,
            shifted: std::mem::take(&mut self.shifted),
            standstills,
            ..IntervalReport::default()
        };
        Some((report, std::mem::take(&mut self.made)))
    }
}

fn count(list: &mut Vec<(String, u64)>, cause: &str, n: u64) {
    match list.iter_mut().find(|(known, _)| known == cause) {
        Some((_, known)) => *known += n,
        None => list.push((cause.to_owned(), n)),
    }
}

/// As HdrHistogram V2; none when there is no sample.
fn octets(histogram: Option<Histogram<u32>>) -> Vec<u8> {
    let mut octets = Vec::new();
    if let Some(histogram) = histogram
        && V2Serializer::new().serialize(&histogram, &mut octets).is_err()
    {
        unreachable!("a histogram with constant bounds is written to memory");
    }
    octets
}

/// As agents have them: 1 µs to 10 minutes, 3 significant digits.
pub(crate) fn histogram() -> Histogram<u32> {
    let Ok(histogram) = Histogram::new_with_bounds(1, 600_000_000, 3) else {
        unreachable!("the bounds are constants that hdrhistogram accepts")
    };
    histogram
}

/// As the coordinator has them.
pub(crate) fn wide_histogram() -> Histogram<u64> {
    let Ok(histogram) = Histogram::new(3) else { unreachable!("3 significant digits are within 0 to 5") };
    histogram
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
