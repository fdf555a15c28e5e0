//! A shard and its AMFs on a virtual clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{ShardAction, ShardRunner};
use scenarios::{Plan, Scenario};
use simulator::amf::AmfPlace;
use simulator::{AmfAction, AmfEvent, AmfSettings, ControlPlane};
use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, TracePolicy};
use wire::to_coordinator::{AmfInterval, IntervalReport, RanEvent};

/// A shard and its AMFs, 1 ms apart.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) shard: ShardRunner,
    pub(crate) amfs: Vec<ControlPlane>,
    /// AMFs whose host is gone: a dial is refused.
    pub(crate) dead: Vec<bool>,
    /// AMFs that take messages and say nothing.
    pub(crate) silent: Vec<bool>,
    /// What an AMF answers the next NG SETUP REQUESTs with, in the place of its own answer.
    pub(crate) answers: VecDeque<Vec<u8>>,
    pub(crate) packets: VecDeque<(Instant, Way, u16, Vec<u8>)>,
    pub(crate) actions: Vec<ShardAction>,
    pub(crate) ready: bool,
    pub(crate) waits: Vec<String>,
    pub(crate) unprepared: Option<String>,
    pub(crate) dials: Vec<Duration>,
    /// What the shard sent, and what reached it.
    pub(crate) said: u64,
    pub(crate) heard: u64,
    pub(crate) reports: Vec<IntervalReport>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up(u16),
    Down(u16),
}

impl World {
    pub(crate) fn new(yaml: &str, seed: u64, count: usize) -> Self {
        Self::with(yaml, seed, count, |settings| settings)
    }

    /// The same with AMFs that are set otherwise.
    pub(crate) fn with(
        yaml: &str,
        seed: u64,
        count: usize,
        set: impl Fn(AmfSettings) -> AmfSettings,
    ) -> Self {
        let plan =
            Plan::with_shards(Arc::new(Scenario::from_yaml(yaml, "a.yaml").unwrap()), seed, 1).unwrap();
        let targets: Vec<String> = (0..count).map(|n| format!("memory://amf-{n}")).collect();
        let lease = Lease {
            run: "test".into(),
            scenario: String::new(),
            seed,
            shard: 0,
            shards: 1,
            epoch: 1,
            asked_us: 0,
            valid_us: 30_000_000,
            target: targets.join(" "),
            resume_at: Vec::new(),
            trace: TracePolicy::All,
            key: [7; 32],
            takeover: None,
            rows: RowsWanted::default(),
            trace_id: [0; 16],
        };
        let amf = |n: usize| {
            let scenario = Arc::clone(plan.scenario());
            let settings = AmfSettings {
                place: AmfPlace { set: 1 + u16::try_from(n).unwrap(), ..AmfPlace::default() },
                ..simulator::scenario::settings(&scenario, seed + n as u64)
            };
            ControlPlane::new(set(settings), Box::new(simulator::scenario::ScenarioSubscribers(scenario)))
        };
        let now = Instant::now();
        Self {
            now,
            start: now,
            shard: ShardRunner::new(&plan, &lease, None),
            amfs: (0..count).map(amf).collect(),
            dead: vec![false; count],
            silent: vec![false; count],
            answers: VecDeque::new(),
            packets: VecDeque::new(),
            actions: Vec::new(),
            ready: false,
            waits: Vec::new(),
            unprepared: None,
            dials: Vec::new(),
            said: 0,
            heard: 0,
            reports: Vec::new(),
        }
    }

    /// Until every gNB is set up, or cannot be.
    pub(crate) fn prepare(&mut self) {
        self.shard.prepare(&mut self.actions);
        self.carry_out();
        for _ in 0..20_000 {
            if self.ready || self.unprepared.is_some() {
                return;
            }
            self.step();
        }
        panic!("neither set up nor given up");
    }

    pub(crate) fn run(&mut self, mut meanwhile: impl FnMut(&mut Self, Duration)) {
        self.start = self.now;
        self.shard.start(self.now, 1_800_000_000_000_000);
        let mut report_at = self.now + Duration::from_secs(1);
        while !self.shard.is_finished(self.now) {
            meanwhile(self, self.now - self.start);
            self.step();
            if self.now >= report_at {
                self.reports.push(self.shard.report(self.now).unwrap());
                report_at += Duration::from_secs(1);
            }
            assert!(self.now < self.start + Duration::from_secs(300), "the shard does not finish");
        }
        self.reports.push(self.shard.report(self.now).unwrap());
    }

    /// Until the shard that never began has come to its end.
    pub(crate) fn part(&mut self) {
        let latest = self.now + Duration::from_secs(5);
        while !self.shard.is_finished(self.now) {
            self.step();
            assert!(self.now < latest, "the shard does not finish");
        }
        self.reports.push(self.shard.report(self.now).unwrap());
    }

    /// The one report of a shard that never began has every message, no time of the run, and nothing of the plan.
    pub(crate) fn assert_all_is_told(&self) {
        let [report] = self.reports.as_slice() else { panic!("{} reports", self.reports.len()) };
        assert_eq!((report.messages_sent, report.messages_received), (self.said, self.heard));
        assert!(self.said > 0);
        assert_eq!((report.from_us, report.to_us, report.progress.as_slice()), (0, 0, [0].as_slice()));
        assert!(report.procedures.is_empty(), "{:?}", report.procedures);
        assert!(report.events.iter().all(|event| event.at_us == 0), "{:?}", report.events);
    }

    pub(crate) fn step(&mut self) {
        let amfs = self.amfs.iter().filter_map(ControlPlane::next_deadline);
        let others = [self.shard.next_deadline(), self.packets.front().map(|(at, ..)| *at)];
        let next = amfs.chain(others.into_iter().flatten()).min();
        let longest = self.now + Duration::from_millis(100);
        self.now = next.unwrap_or(longest).clamp(self.now, longest);
        while self.packets.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, way, stream, octets) = self.packets.pop_front().unwrap();
            match way {
                Way::Up(interface) => {
                    let association = u32::from(interface) + 1;
                    let event = AmfEvent::Received { association, stream, octets: &octets };
                    self.amf_handles(self.shard.target_of(interface), event);
                }
                Way::Down(interface) => {
                    self.heard += 1;
                    self.shard.received(interface, stream, 60, octets, self.now, &mut self.actions);
                    self.carry_out();
                }
            }
        }
        self.shard.advance(self.now, &mut self.actions);
        self.carry_out();
        for place in 0..self.amfs.len() {
            let mut out = Vec::new();
            self.amfs[place].advance(self.now, &mut out);
            self.amf_does(place, out);
        }
    }

    pub(crate) fn amf_handles(&mut self, place: usize, event: AmfEvent<'_>) {
        let mut out = Vec::new();
        self.amfs[place].handle(self.now, event, &mut out);
        self.amf_does(place, out);
    }

    pub(crate) fn amf_does(&mut self, place: usize, out: Vec<AmfAction>) {
        for action in out {
            if let AmfAction::Send { association, stream, octets } = action
                && !self.silent[place]
                && !self.dead[place]
            {
                let interface = u16::try_from(association - 1).unwrap();
                let setup = octets.starts_with(&[0x20, 0x15]);
                let other = if setup { self.answers.pop_front() } else { None };
                let octets = other.unwrap_or(octets);
                self.packets.push_back((self.now + DELAY, Way::Down(interface), stream, octets));
            }
        }
    }

    pub(crate) fn carry_out(&mut self) {
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                match action {
                    ShardAction::Connect { gnb } => self.connect(gnb),
                    ShardAction::Send { gnb, stream, octets, ticket, .. } => {
                        self.shard.departed(ticket, self.now);
                        self.said += 1;
                        if !self.dead[self.shard.target_of(gnb)] {
                            self.packets.push_back((self.now + DELAY, Way::Up(gnb), stream, octets));
                        }
                    }
                    ShardAction::SendGtpu { .. } => {}
                    ShardAction::Ready => self.ready = true,
                    ShardAction::CannotPrepare(error) => self.unprepared = Some(error),
                    ShardAction::Ask { .. } | ShardAction::Answer(_) => panic!("there is one shard"),
                    ShardAction::Waits(why) => self.waits.push(why),
                }
            }
        }
    }

    pub(crate) fn connect(&mut self, gnb: u16) {
        self.dials.push(self.now - self.start);
        let place = self.shard.target_of(gnb);
        if self.dead[place] {
            return self.shard.association_down(gnb, "refused", self.now, &mut self.actions);
        }
        let association = u32::from(gnb) + 1;
        self.amf_handles(place, AmfEvent::AssociationUp { association, streams_out: 4 });
        let ends = [format!("192.0.2.{gnb}:9"), core_of(place)].map(|end| end.parse().unwrap());
        self.shard.association_up(gnb, 4, Some(ends.into()), self.now, &mut self.actions);
    }

    /// The host of an AMF goes, with everything that is on its way.
    pub(crate) fn kill(&mut self, place: usize, interfaces: u16) {
        self.dead[place] = true;
        for interface in 0..interfaces {
            if self.shard.target_of(interface) != place {
                continue;
            }
            self.packets.retain(|(_, way, ..)| *way != Way::Up(interface) && *way != Way::Down(interface));
            self.amf_handles(place, AmfEvent::AssociationDown { association: u32::from(interface) + 1 });
            self.shard.association_down(interface, "lost", self.now, &mut self.actions);
            self.carry_out();
        }
    }

    /// The AMF says this on an NG interface.
    pub(crate) fn say(&mut self, interface: u16, hex: &str) {
        self.packets.push_back((self.now + DELAY, Way::Down(interface), 0, octets(hex)));
    }

    pub(crate) fn events(&self) -> Vec<RanEvent> {
        self.reports.iter().flat_map(|report| report.events.iter().cloned()).collect()
    }

    pub(crate) fn events_of(&self, kind: &str) -> Vec<RanEvent> {
        self.events().into_iter().filter(|event| event.kind == kind).collect()
    }

    /// What a procedure came to, by cause of whatever kind.
    pub(crate) fn ends(&self, procedure: &str) -> BTreeMap<String, u64> {
        let mut ends = BTreeMap::new();
        for one in self.reports.iter().flat_map(|report| &report.procedures) {
            if one.procedure == procedure {
                *ends.entry("succeeded".to_owned()).or_default() += one.succeeded;
                for (kind, list) in [
                    ("failed", &one.failed),
                    ("timed-out", &one.timed_out),
                    ("abandoned", &one.abandoned),
                    ("never-started", &one.never_started),
                ] {
                    for (cause, count) in list {
                        *ends.entry(format!("{kind} {cause}")).or_default() += count;
                    }
                }
            }
        }
        ends.retain(|_, count| *count > 0);
        ends
    }

    pub(crate) fn amf(&self, place: usize) -> AmfInterval {
        let target = format!("memory://amf-{place}");
        let mut sum = AmfInterval::default();
        for amf in self.reports.iter().flat_map(|report| &report.amfs).filter(|amf| amf.target == target) {
            sum.connections += amf.connections;
            sum.sent += amf.sent;
            sum.received += amf.received;
            if !amf.name.is_empty() {
                sum.name.clone_from(&amf.name);
            }
        }
        sum
    }

    pub(crate) fn unexpected(&self, kind: &str) -> u64 {
        let all = self.reports.iter().flat_map(|report| &report.unexpected);
        all.filter(|(one, _)| one == kind).map(|(_, count)| count).sum()
    }
}

/// Where an AMF is, in traces.
pub(crate) fn core_of(place: usize) -> String {
    format!("198.51.100.{place}:38412")
}

pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

pub(crate) fn yaml(cells: &str, load: &str, more: &str) -> String {
    format!(
        r#"
name: associations
description: An AMF that goes and comes back.
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: 40, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{nodes: 2, tacs: [1], slices: ["1"]{cells}}}
radio: ideal
load:
{load}
slos: [registration.success >= 1%]
network: {{processing-delay: 2ms, nr: {{release-after-registration: true}}}}
{more}
"#
    )
}

pub(crate) const REGISTER: &str = "  - {procedure: registration, phases: [{rate: 40/s, for: 1s}]}";
pub(crate) const DELAY: Duration = Duration::from_millis(1);
/// NG SETUP FAILURE with cause misc: control-processing-overload, and a Time to Wait of 5 s (TS 38.413 §9.2.6.3).
pub(crate) const REFUSED_FOR_5_S: &str = "4015000d 000002 000f400180 006b400120";
/// The same without a Time to Wait, for an unknown PLMN.
pub(crate) const REFUSED_FOR_GOOD: &str = "40150008 000001 000f400188";
/// OVERLOAD START with the action to reject signalling, and OVERLOAD STOP (§9.2.6.11, §9.2.6.12).
pub(crate) const OVERLOAD: &str = "00164008 000001 0002000110";
pub(crate) const OVERLOAD_OVER: &str = "00170003 000000";
