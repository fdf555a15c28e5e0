//! What the shards of a world report, what the core charges, and what must hold of both.

use std::collections::BTreeMap;

use wire::to_coordinator::{IntervalReport, ProcedureInterval};

use super::{Standing, World};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) due: u64,
    pub(crate) self_started: u64,
    pub(crate) started: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) timed_out: BTreeMap<String, u64>,
    pub(crate) abandoned: BTreeMap<String, u64>,
    pub(crate) never_started: BTreeMap<String, u64>,
}

/// The attempts of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) due: u64,
    pub(super) started: u64,
    pub(super) never_started: u64,
    pub(super) ended: u64,
}

impl Totals {
    fn add(&mut self, interval: ProcedureInterval) {
        self.due += interval.due;
        self.self_started += interval.self_started;
        self.started += interval.started;
        self.succeeded += interval.succeeded;
        add(&mut self.failed, interval.failed);
        add(&mut self.timed_out, interval.timed_out);
        add(&mut self.abandoned, interval.abandoned);
        add(&mut self.never_started, interval.never_started);
    }

    pub(crate) fn ended(&self) -> u64 {
        let sum = |map: &BTreeMap<String, u64>| map.values().sum::<u64>();
        self.succeeded + sum(&self.failed) + sum(&self.timed_out) + sum(&self.abandoned)
    }
}

impl World {
    pub(super) fn merge(&mut self, report: IntervalReport) {
        let shard = report.shard as usize;
        self.registered[shard] = report.registered;
        self.sessions[shard] = report.sessions;
        self.reported_us[shard] = report.to_us;
        self.progress[shard].clone_from(&report.progress);
        self.shifted += report.shifted;
        self.recovery.registrations += report.recovery.registrations;
        self.recovery.sessions += report.recovery.sessions;
        self.recovery.succeeded += report.recovery.succeeded;
        self.recovery.failed += report.recovery.failed;
        for interval in report.procedures {
            let sum = |list: &[(String, u64)]| list.iter().map(|(_, count)| count).sum::<u64>();
            let account = self.accounts[shard].entry(interval.procedure.clone()).or_default();
            account.due += interval.due;
            account.started += interval.started;
            account.never_started += sum(&interval.never_started);
            account.ended += interval.succeeded
                + [&interval.failed, &interval.timed_out, &interval.abandoned]
                    .map(|list| sum(list))
                    .iter()
                    .sum::<u64>();
            for (phase, samples) in &interval.phases {
                *self.phases.entry(phase.clone()).or_default() += samples_of(samples);
            }
            self.totals.entry(interval.procedure.clone()).or_default().add(interval);
        }
        for part in report.parts {
            let key = (part.part, part.procedure.procedure.clone());
            self.parts.entry(key).or_default().add(part.procedure);
        }
        add(&mut self.unexpected, report.unexpected);
        self.failed_into.extend(report.failed_into);
        self.handovers += report.handovers.iter().map(|pair| pair.succeeded + pair.failed).sum::<u64>();
        self.used.extend(report.usage);
        self.user_plane.uplink_packets += report.user_plane.uplink_packets;
        self.user_plane.downlink_packets += report.user_plane.downlink_packets;
        self.user_plane.downlink_lost += report.user_plane.downlink_lost;
        self.user_plane.strays += report.user_plane.strays;
        self.user_plane.end_markers += report.user_plane.end_markers;
        self.user_plane.foreign_source += report.user_plane.foreign_source;
    }

    pub(crate) fn succeeded(&self, procedure: &str) -> u64 {
        self.totals.get(procedure).map_or(0, |totals| totals.succeeded)
    }

    pub(crate) fn assert_balanced(&self) {
        for (procedure, totals) in &self.totals {
            let ended = totals.ended();
            assert_eq!(totals.started, ended, "{procedure}: every attempt ends once: {totals:?}");
            let never: u64 = totals.never_started.values().sum();
            assert_eq!(totals.due, ended + never, "{procedure}: {totals:?}");
        }
        for (procedure, planned) in self.plan.planned() {
            let due = self.totals.get(procedure.name()).map_or(0, |totals| totals.due - totals.self_started);
            assert_eq!(due, planned, "{}: everything planned became due", procedure.name());
        }
    }

    /// A UE says that it is registered where the AMF says so, and every side has the same sessions.
    pub(crate) fn assert_nobody_is_half_attached(&self) {
        let Some(Standing { registered: [ues, amf], sessions: [of_ues, smf, upf, chf] }) = self.settled
        else {
            panic!("nobody has looked: {:?}", self.totals)
        };
        assert_eq!(ues, amf, "registered: {:?} {:?}", self.totals, self.unexpected);
        assert_eq!([of_ues, smf, upf, chf], [of_ues; 4], "sessions of UEs, SMF, UPF, CHF: {:?}", self.totals);
    }

    pub(crate) fn assert_all_that_started_succeeded(&self) {
        for (procedure, totals) in &self.totals {
            assert_eq!(totals.started, totals.succeeded, "{procedure}: {totals:?}; {:?}", self.unexpected);
        }
    }

    /// What the reconciliation makes of the two ledgers.
    pub(crate) fn reconcile(&self) -> (billing::Account, Vec<billing::Difference>) {
        self.reconcile_with(None)
    }

    /// The same, where it is known what the traffic can have carried.
    pub(crate) fn reconcile_with(
        &self,
        traffic: Option<&billing::Traffic<'_>>,
    ) -> (billing::Account, Vec<billing::Difference>) {
        let rules = billing::Rules::default();
        let plan = &self.plan;
        let shard_of = |supi| plan.shard_of_subscriber(supi);
        let losses = billing::Losses { gaps: &self.lost, shard_of: Some(&shard_of), has: None, traffic };
        let settings = billing::Settings { losses, ..billing::Settings::new(None, &rules) };
        let mut reconciler = billing::Reconciler::new(settings);
        self.used.iter().for_each(|record| reconciler.used(record).unwrap());
        self.charged.iter().for_each(|record| reconciler.charged(record).unwrap());
        let mut differences = Vec::new();
        let account = reconciler.finish(&mut |difference| {
            differences.push(difference.clone());
            Ok(())
        });
        (account.unwrap(), differences)
    }

    /// What the UEs used in each session is what was charged for it, and neither side has one that the other lacks.
    pub(crate) fn assert_charged_as_used(&self) {
        self.assert_charged_but_for(0);
    }

    /// The same, but so many octets of a session may have gone down into a tunnel that its gNB had no more.
    pub(crate) fn assert_charged_but_for(&self, lost: u64) {
        let mut sessions: BTreeMap<_, [(u64, u64); 2]> = BTreeMap::new();
        for used in &self.used {
            let sums = sessions.entry((used.supi, used.charging_id)).or_default();
            sums[0].0 += used.uplink.0;
            sums[0].1 += used.downlink.0;
        }
        for charged in &self.charged {
            let sums = sessions.entry((charged.supi, charged.charging_id)).or_default();
            sums[1].0 += charged.uplink.0;
            sums[1].1 += charged.downlink.0;
        }
        assert!(!sessions.is_empty(), "no session: {:?}", self.totals);
        for (session, [used, charged]) in sessions {
            let (mine, theirs): (Vec<_>, Vec<_>) = (
                self.used.iter().filter(|record| record.supi == session.0).collect(),
                self.charged.iter().filter(|record| record.supi == session.0).collect(),
            );
            let agree = used.0 == charged.0 && used.1 <= charged.1 && charged.1 <= used.1 + lost;
            assert!(
                agree,
                "{session:?}: used {used:?}, charged {charged:?}, up and down\n{mine:#?}\n{theirs:#?}"
            );
        }
    }
}

fn add(map: &mut BTreeMap<String, u64>, list: Vec<(String, u64)>) {
    for (key, count) in list {
        *map.entry(key).or_default() += count;
    }
}

fn samples_of(histogram: &[u8]) -> u64 {
    let mut reader = hdrhistogram::serialization::Deserializer::new();
    let read: hdrhistogram::Histogram<u64> = reader.deserialize(&mut &*histogram).unwrap();
    read.len()
}
