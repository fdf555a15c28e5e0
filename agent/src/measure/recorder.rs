//! Counts and histograms of one shard, handed out as one report an interval.

use std::collections::BTreeMap;
use std::time::Duration;

use identity::CellId;
use wire::to_coordinator::{
    FailedInto, HandoverCount, MOST_FAILED_INTO, MOST_HANDOVERS, PartInterval, ProcedureInterval,
};

use super::attempt_rows::AttemptRows;
use super::interval_histogram::IntervalHistogram;
use super::parts::PartSet;

/// What happened in one shard since the last report.
pub(crate) struct Recorder {
    procedures: BTreeMap<&'static str, Counts>,
    /// What is counted apart too.
    parts: BTreeMap<(u32, &'static str), Counts>,
    handovers: BTreeMap<(&'static str, CellId, CellId), (u64, u64)>,
    /// Handovers into other shards that failed, by everything that tells them apart.
    failed_into: BTreeMap<IntoShard, u64>,
    unexpected: BTreeMap<String, u64>,
    /// What leaves later than this is late.
    limit: Duration,
    late: u64,
    /// The attempts one by one, where they are asked for.
    pub(crate) rows: AttemptRows,
}

/// The shard, the procedure, the cause, whether that is a timer, and the parts that count it.
type IntoShard = (u32, &'static str, String, bool, PartSet);

struct Counts {
    interval: ProcedureInterval,
    never_started: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    timed_out: BTreeMap<String, u64>,
    abandoned: BTreeMap<String, u64>,
    latency: IntervalHistogram,
    service: IntervalHistogram,
    /// Of all that the schedule made due.
    lateness: IntervalHistogram,
    /// By name; of the succeeded attempts.
    phases: BTreeMap<&'static str, IntervalHistogram>,
}

impl Recorder {
    /// Counts as late what leaves later than the limit.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            procedures: BTreeMap::new(),
            parts: BTreeMap::new(),
            handovers: BTreeMap::new(),
            failed_into: BTreeMap::new(),
            unexpected: BTreeMap::new(),
            limit,
            late: 0,
            rows: AttemptRows::default(),
        }
    }

    /// Keeps rows of attempts as well.
    pub(crate) fn with(self, rows: AttemptRows) -> Self {
        Self { rows, ..self }
    }

    /// How many attempts were late since the last call.
    pub(crate) fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// The schedule made an attempt due. Its lateness follows before the next report, once.
    pub(crate) fn due(&mut self, procedure: &'static str, parts: PartSet) {
        self.each(procedure, parts, |counts| counts.interval.due += 1);
    }

    /// An attempt that was due before is found to have belonged to these parts too.
    pub(crate) fn due_in(&mut self, procedure: &'static str, parts: PartSet) {
        for part in parts.numbers() {
            self.parts.entry((part, procedure)).or_insert_with(Counts::new).interval.due += 1;
        }
    }

    /// How late an attempt left that the schedule made due, as far as is known before the report.
    pub(crate) fn late(&mut self, procedure: &'static str, late: Duration) {
        self.late += u64::from(late > self.limit);
        self.counts(procedure).lateness.record(micros(late));
    }

    /// The UE began an attempt by itself.
    pub(crate) fn self_started(&mut self, procedure: &'static str, parts: PartSet) {
        self.each(procedure, parts, |counts| {
            counts.interval.due += 1;
            counts.interval.self_started += 1;
        });
    }

    pub(crate) fn started(&mut self, procedure: &'static str, parts: PartSet) {
        self.each(procedure, parts, |counts| counts.interval.started += 1);
    }

    pub(crate) fn never_started(
        &mut self,
        procedure: &'static str,
        parts: PartSet,
        reason: &str,
        count: u64,
    ) {
        if count > 0 {
            self.each(procedure, parts, |counts| add(&mut counts.never_started, reason, count));
        }
    }

    pub(crate) fn succeeded(
        &mut self,
        procedure: &'static str,
        parts: PartSet,
        latency: Duration,
        service: Duration,
    ) {
        let (latency, service) = (micros(latency), micros(service));
        self.each(procedure, parts, |counts| {
            counts.interval.succeeded += 1;
            counts.latency.record(latency);
            counts.service.record(service);
        });
    }

    /// It is done with its only message: there is no answer whose time could be taken.
    pub(crate) fn unanswered(&mut self, procedure: &'static str, parts: PartSet) {
        self.each(procedure, parts, |counts| {
            counts.interval.succeeded += 1;
            counts.interval.unanswered += 1;
        });
    }

    pub(crate) fn failed(&mut self, procedure: &'static str, parts: PartSet, cause: &str) {
        self.each(procedure, parts, |counts| add(&mut counts.failed, cause, 1));
    }

    pub(crate) fn timed_out(&mut self, procedure: &'static str, parts: PartSet, timer: &str) {
        self.each(procedure, parts, |counts| add(&mut counts.timed_out, timer, 1));
    }

    pub(crate) fn abandoned(&mut self, procedure: &'static str, parts: PartSet, reason: &str) {
        self.each(procedure, parts, |counts| add(&mut counts.abandoned, reason, 1));
    }

    /// A phase of an attempt that succeeded took this long.
    pub(crate) fn phase(&mut self, procedure: &'static str, phase: &'static str, took: Duration) {
        let phases = &mut self.counts(procedure).phases;
        phases.entry(phase).or_default().record(micros(took));
    }

    /// A handover from one cell to another has ended.
    pub(crate) fn handover(
        &mut self,
        procedure: &'static str,
        source: CellId,
        target: CellId,
        succeeded: bool,
    ) {
        if self.handovers.len() < PAIRS_LIMIT || self.handovers.contains_key(&(procedure, source, target)) {
            let (good, bad) = self.handovers.entry((procedure, source, target)).or_default();
            *if succeeded { good } else { bad } += 1;
        } else {
            self.unexpected("handover-pairs-limit");
        }
    }

    /// The handovers that one report takes; the rest stays for the next.
    pub(crate) fn take_handovers(&mut self) -> Vec<HandoverCount> {
        let last = self.handovers.keys().nth(HANDOVERS_AT_ONCE).copied();
        let rest = last.map(|last| self.handovers.split_off(&last)).unwrap_or_default();
        let taken = std::mem::replace(&mut self.handovers, rest).into_iter();
        let count = |((procedure, source, target), (succeeded, failed)): ((&str, _, _), _)| HandoverCount {
            procedure: procedure.to_owned(),
            source,
            target,
            succeeded,
            failed,
        };
        taken.map(count).collect()
    }

    /// A handover into a cell of another shard has come to nothing. What has no room in a report stays a failure like any other.
    pub(crate) fn failed_into(
        &mut self,
        shard: u32,
        procedure: &'static str,
        cause: &str,
        timed_out: bool,
        parts: PartSet,
    ) {
        let key = (shard, procedure, cause.to_owned(), timed_out, parts);
        if self.failed_into.len() < MOST_FAILED_INTO || self.failed_into.contains_key(&key) {
            *self.failed_into.entry(key).or_default() += 1;
        }
    }

    /// Those of them since the last call.
    pub(crate) fn take_failed_into(&mut self) -> Vec<FailedInto> {
        let failed = |((shard, procedure, cause, timed_out, parts), count): (IntoShard, u64)| FailedInto {
            shard,
            procedure: procedure.to_owned(),
            cause,
            timed_out,
            parts: parts.bits(),
            count,
        };
        std::mem::take(&mut self.failed_into).into_iter().map(failed).collect()
    }

    /// Whether one report takes all the handovers and rows that there are.
    pub(crate) fn fits_one_report(&self) -> bool {
        self.handovers.len() <= HANDOVERS_AT_ONCE && self.rows.fits_one_report()
    }

    /// A message that was not expected or not understood.
    pub(crate) fn unexpected(&mut self, kind: &str) {
        add(&mut self.unexpected, kind, 1);
    }

    /// Everything since the last call: the procedures that had something happen, and the unexpected messages.
    pub(crate) fn take(&mut self) -> (Vec<ProcedureInterval>, Vec<(String, u64)>) {
        let procedures = self.procedures.iter_mut().filter_map(|(name, counts)| counts.take(name));
        (procedures.collect(), std::mem::take(&mut self.unexpected).into_iter().collect())
    }

    /// What was counted apart since the last call.
    pub(crate) fn take_parts(&mut self) -> Vec<PartInterval> {
        let parts = self.parts.iter_mut().filter_map(|((part, name), counts)| {
            counts.take(name).map(|procedure| PartInterval { part: *part, procedure })
        });
        parts.collect()
    }

    /// Counts in the procedure as a whole, and in each of these parts of it.
    fn each(&mut self, procedure: &'static str, parts: PartSet, count: impl Fn(&mut Counts)) {
        count(self.counts(procedure));
        for part in parts.numbers() {
            count(self.parts.entry((part, procedure)).or_insert_with(Counts::new));
        }
    }

    fn counts(&mut self, procedure: &'static str) -> &mut Counts {
        self.procedures.entry(procedure).or_insert_with(Counts::new)
    }
}

impl Counts {
    fn new() -> Self {
        Self {
            interval: ProcedureInterval::default(),
            never_started: BTreeMap::new(),
            failed: BTreeMap::new(),
            timed_out: BTreeMap::new(),
            abandoned: BTreeMap::new(),
            latency: IntervalHistogram::default(),
            service: IntervalHistogram::default(),
            lateness: IntervalHistogram::default(),
            phases: BTreeMap::new(),
        }
    }

    fn take(&mut self, name: &str) -> Option<ProcedureInterval> {
        let list = |map: &mut BTreeMap<String, u64>| std::mem::take(map).into_iter().collect();
        let phases = self.phases.iter_mut().filter(|(_, histogram)| !histogram.is_empty());
        let phases = phases.map(|(name, histogram)| ((*name).to_owned(), histogram.take_v2())).collect();
        let report = ProcedureInterval {
            procedure: name.to_owned(),
            never_started: list(&mut self.never_started),
            failed: list(&mut self.failed),
            timed_out: list(&mut self.timed_out),
            abandoned: list(&mut self.abandoned),
            latency_v2: self.latency.take_v2(),
            service_v2: self.service.take_v2(),
            lateness_v2: self.lateness.take_v2(),
            phases,
            ..std::mem::take(&mut self.interval)
        };
        let nothing = ProcedureInterval { procedure: name.to_owned(), ..ProcedureInterval::default() };
        (report != nothing).then_some(report)
    }
}

/// Whole microseconds, at least 1: a histogram has no zero.
pub(crate) fn micros(duration: Duration) -> u64 {
    crate::time::micros(duration).max(1)
}

fn add(map: &mut BTreeMap<String, u64>, key: &str, count: u64) {
    // Keys come from causes that a peer sends: bounded, and still counted.
    let known = map.contains_key(key) || map.len() < DISTINCT_LIMIT;
    *map.entry(if known { key } else { "other" }.to_owned()).or_insert(0) += count;
}

const DISTINCT_LIMIT: usize = 256;
/// Pairs of cells in one report.
const PAIRS_LIMIT: usize = 65_536;
/// Pairs of cells in one report.
const HANDOVERS_AT_ONCE: usize = if MOST_HANDOVERS < 8_192 { MOST_HANDOVERS } else { 8_192 };

#[cfg(test)]
mod tests {
    use super::*;

    /// Every attempt that the schedule made due has its lateness in the report that counts it; a UE's own has none.
    #[test]
    fn report_tells_the_lateness_of_every_attempt_that_it_counts() {
        let mut recorder = Recorder::new(Duration::from_millis(10));
        for late_ms in [1, 2, 3_000] {
            recorder.due("registration", PartSet::default());
            recorder.late("registration", Duration::from_millis(late_ms));
        }
        recorder.never_started("registration", PartSet::default(), "no-idle-ue", 1);
        recorder.self_started("service-request", PartSet::default());
        let (procedures, _) = recorder.take();
        let [registration, service_request] = procedures.as_slice() else { panic!("{procedures:?}") };
        let read = |octets: &[u8]| -> hdrhistogram::Histogram<u64> {
            hdrhistogram::serialization::Deserializer::new().deserialize(&mut &octets[..]).unwrap()
        };
        let lateness = read(&registration.lateness_v2);
        assert_eq!((lateness.len(), registration.due), (3, 3));
        assert!(lateness.max() >= 3_000_000, "{}", lateness.max());
        assert!(service_request.lateness_v2.is_empty());
        assert!(recorder.take().0.is_empty(), "it was told");
    }

    #[test]
    fn handovers_between_many_cells_take_several_reports() {
        let mut recorder = Recorder::new(Duration::from_millis(10));
        for node in 0..20_001 {
            let cell = |cell| CellId { node, cell };
            recorder.handover("handover-n2", cell(0), cell(1), true);
        }
        let mut reports = Vec::new();
        while !recorder.fits_one_report() {
            reports.push(recorder.take_handovers());
        }
        reports.push(recorder.take_handovers());
        assert!(reports.iter().all(|report| report.len() <= MOST_HANDOVERS));
        assert_eq!((reports.len(), reports.iter().map(Vec::len).sum::<usize>()), (3, 20_001));
    }
}
