//! What an AMF does to its associations, and what it says of itself, on a virtual clock: who ended an attempt and on what
//! evidence, what is waited for, and which AMF a UE goes to.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{ShardAction, ShardRunner};
use scenarios::{Plan, Scenario};
use simulator::{AmfAction, AmfEvent, AmfSettings, Command, ControlPlane};
use wire::to_agent::{Lease, TracePolicy};
use wire::to_coordinator::{AmfInterval, IntervalReport, RanEvent};

/// A shard and its AMFs, 1 ms apart.
struct World {
    now: Instant,
    start: Instant,
    shard: ShardRunner,
    amfs: Vec<ControlPlane>,
    /// AMFs whose host is gone: a dial is refused.
    dead: Vec<bool>,
    /// AMFs that take messages and say nothing.
    silent: Vec<bool>,
    /// What an AMF answers the next NG SETUP REQUESTs with, in the place of its own answer.
    answers: VecDeque<Vec<u8>>,
    packets: VecDeque<(Instant, Way, u16, Vec<u8>)>,
    actions: Vec<ShardAction>,
    ready: bool,
    waits: Vec<String>,
    unprepared: Option<String>,
    dials: Vec<Duration>,
    /// What the shard sent, and what reached it.
    said: u64,
    heard: u64,
    reports: Vec<IntervalReport>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up(u16),
    Down(u16),
}

impl World {
    fn new(yaml: &str, seed: u64, count: usize) -> Self {
        Self::with(yaml, seed, count, |settings| settings)
    }

    /// The same with AMFs that are set otherwise.
    fn with(yaml: &str, seed: u64, count: usize, set: impl Fn(AmfSettings) -> AmfSettings) -> Self {
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
            trace: TracePolicy::Failed,
            key: [7; 32],
            takeover: None,
        };
        let amf = |n: usize| {
            let scenario = Arc::clone(plan.scenario());
            let settings = AmfSettings {
                set: 1 + u16::try_from(n).unwrap(),
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
    fn prepare(&mut self) {
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

    fn run(&mut self, mut meanwhile: impl FnMut(&mut Self, Duration)) {
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
    fn part(&mut self) {
        let latest = self.now + Duration::from_secs(5);
        while !self.shard.is_finished(self.now) {
            self.step();
            assert!(self.now < latest, "the shard does not finish");
        }
        self.reports.push(self.shard.report(self.now).unwrap());
    }

    /// The one report of a shard that never began has every message, no time of the run, and nothing of the plan.
    fn assert_all_is_told(&self) {
        let [report] = self.reports.as_slice() else { panic!("{} reports", self.reports.len()) };
        assert_eq!((report.messages_sent, report.messages_received), (self.said, self.heard));
        assert!(self.said > 0);
        assert_eq!((report.from_us, report.to_us, report.progress.as_slice()), (0, 0, [0].as_slice()));
        assert!(report.procedures.is_empty(), "{:?}", report.procedures);
        assert!(report.events.iter().all(|event| event.at_us == 0), "{:?}", report.events);
    }

    fn step(&mut self) {
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

    fn amf_handles(&mut self, place: usize, event: AmfEvent<'_>) {
        let mut out = Vec::new();
        self.amfs[place].handle(self.now, event, &mut out);
        self.amf_does(place, out);
    }

    fn amf_does(&mut self, place: usize, out: Vec<AmfAction>) {
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

    fn carry_out(&mut self) {
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

    fn connect(&mut self, gnb: u16) {
        self.dials.push(self.now - self.start);
        let place = self.shard.target_of(gnb);
        if self.dead[place] {
            return self.shard.association_down(gnb, "refused", self.now, &mut self.actions);
        }
        let association = u32::from(gnb) + 1;
        self.amf_handles(place, AmfEvent::AssociationUp { association, streams_out: 4 });
        self.shard.association_up(gnb, 4, None, self.now, &mut self.actions);
    }

    /// The host of an AMF goes, with everything that is on its way.
    fn kill(&mut self, place: usize, interfaces: u16) {
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
    fn say(&mut self, interface: u16, hex: &str) {
        self.packets.push_back((self.now + DELAY, Way::Down(interface), 0, octets(hex)));
    }

    fn events(&self) -> Vec<RanEvent> {
        self.reports.iter().flat_map(|report| report.events.iter().cloned()).collect()
    }

    fn events_of(&self, kind: &str) -> Vec<RanEvent> {
        self.events().into_iter().filter(|event| event.kind == kind).collect()
    }

    /// What a procedure came to, by cause of whatever kind.
    fn ends(&self, procedure: &str) -> BTreeMap<String, u64> {
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

    fn amf(&self, place: usize) -> AmfInterval {
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

    fn unexpected(&self, kind: &str) -> u64 {
        let all = self.reports.iter().flat_map(|report| &report.unexpected);
        all.filter(|(one, _)| one == kind).map(|(_, count)| count).sum()
    }
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn yaml(cells: &str, load: &str, more: &str) -> String {
    format!(
        r#"
name: associations
description: An AMF that goes and comes back.
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: 40, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{gnbs: 2, tacs: [1], slices: ["1"]{cells}}}
radio: ideal
load:
{load}
slos: [registration.success >= 1%]
network: {{processing-delay: 2ms, release-after-registration: true}}
{more}
"#
    )
}

const REGISTER: &str = "  - {procedure: registration, phases: [{rate: 40/s, for: 1s}]}";
const DELAY: Duration = Duration::from_millis(1);
/// NG SETUP FAILURE with cause misc: control-processing-overload, and a Time to Wait of 5 s (TS 38.413 §9.2.6.3).
const REFUSED_FOR_5_S: &str = "4015000d 000002 000f400180 006b400120";
/// The same without a Time to Wait, for an unknown PLMN.
const REFUSED_FOR_GOOD: &str = "40150008 000001 000f400188";
/// OVERLOAD START with the action to reject signalling, and OVERLOAD STOP (§9.2.6.11, §9.2.6.12).
const OVERLOAD: &str = "00164008 000001 0002000110";
const OVERLOAD_OVER: &str = "00170003 000000";

#[test]
fn attempts_of_an_amf_that_dies_end_with_their_association_and_its_return_is_an_event() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 8s, phases: [{{rate: 4/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 20s"), 3, 1);
    world.prepare();
    // Whatever is asked from here on stays unanswered, so that attempts are in flight when the AMF dies.
    let mut killed = false;
    world.run(|world, at| {
        world.silent[0] = at >= Duration::from_millis(500) && !killed;
        if at >= Duration::from_millis(700) && !killed {
            killed = true;
            world.kill(0, 2);
        }
        if at >= Duration::from_secs(5) {
            world.dead[0] = false;
        }
    });
    let ends = world.ends("registration");
    let (lost, none) = (ends["failed association-lost"], ends["failed ng-interface-down"]);
    assert!(lost >= 7 && none >= 5, "{ends:?}");
    assert_eq!(ends.len(), 3, "nobody else has ended anything: {ends:?}");
    assert_eq!(ends["succeeded"] + lost + none, 40, "{ends:?}");
    assert_eq!(world.ends("periodic-registration-update").keys().collect::<Vec<_>>(), ["succeeded"]);
    let (gone, back) = (world.events_of("association-lost"), world.events_of("association-restored"));
    assert_eq!((gone.len(), back.len()), (2, 2), "{:?}", world.events());
    assert_eq!(world.unexpected("association-lost"), 2, "a refused dial loses no association");
    assert!(gone.iter().all(|event| (700_000..720_000).contains(&event.at_us)), "{gone:?}");
    assert!(back.iter().all(|event| (5_000_000..7_100_000).contains(&event.at_us)), "{back:?}");
    let told: u64 = back
        .iter()
        .map(|event| {
            event.details.split_once("; ").unwrap().1.split(' ').next().unwrap().parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(told, lost, "what it cost: {back:?}");
}

#[test]
fn a_lost_association_is_dialled_every_one_to_two_seconds_and_not_in_step() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: registration, starts-after: 12s, phases: [{{rate: 1/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, ""), 4, 1);
    world.prepare();
    world.dials.clear();
    let mut killed = false;
    world.run(|world, at| {
        if at >= Duration::from_millis(900)
            && !std::mem::replace(&mut killed, at >= Duration::from_millis(900))
        {
            world.kill(0, 2);
        }
    });
    let mut dials = world.dials.clone();
    assert!(dials.len() >= 4, "{dials:?}");
    let from = Duration::from_millis(1_900);
    assert!(dials.iter().all(|at| *at >= from), "{dials:?}");
    dials.dedup();
    assert_eq!(dials.len(), world.dials.len(), "two gNBs dial at the same instant: {dials:?}");
}

#[test]
fn ng_setup_that_is_refused_with_a_time_to_wait_is_waited_for_and_told() {
    let mut world = World::new(&yaml("", REGISTER, ""), 5, 1);
    world.answers = [octets(REFUSED_FOR_5_S), octets(REFUSED_FOR_5_S)].into();
    let before = world.now;
    world.prepare();
    assert!(world.ready, "{:?}", world.unprepared);
    let waited = world.now - before;
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
    assert_eq!(world.waits.len(), 2, "{:?}", world.waits);
    let told = &world.waits[0];
    assert!(
        told.contains("control-processing-overload") && told.contains("in 5 s (the AMF asks for it)"),
        "{told}"
    );
    world.run(|_, _| ());
    assert_eq!(world.ends("registration")["succeeded"], 40);
    assert_eq!(world.events_of("ng-setup-refused").len(), 2);
    assert!(world.events().iter().all(|event| event.at_us == 0), "{:?}", world.events());
}

#[test]
fn waiting_for_ng_setup_is_bounded_and_a_cause_that_does_not_pass_is_not_waited_for() {
    let mut world = World::new(&yaml("", REGISTER, ""), 5, 1);
    world.answers = vec![octets(REFUSED_FOR_5_S); 1000].into();
    let before = world.now;
    world.prepare();
    let error = world.unprepared.clone().unwrap();
    assert!(
        error.contains("refused NG setup: control-processing-overload") && error.contains("of waiting"),
        "{error}"
    );
    assert!(world.now - before <= Duration::from_secs(190));

    let mut world = World::new(&yaml("", REGISTER, ""), 5, 1);
    world.answers = vec![octets(REFUSED_FOR_GOOD); 2].into();
    let before = world.now;
    world.prepare();
    let error = world.unprepared.clone().unwrap();
    assert!(world.now - before < Duration::from_secs(1));
    assert!(error.contains("memory://amf-0 refused NG setup: unknown-plmn"), "{error}");
    assert!(error.contains("PLMN 001/01, TAC 1"), "{error}");
}

#[test]
fn ng_setup_without_an_answer_is_not_called_a_refusal() {
    let mut world = World::new(&yaml("", REGISTER, ""), 6, 1);
    world.silent[0] = true;
    world.prepare();
    let error = world.unprepared.clone().unwrap();
    assert!(error.contains("did not answer NG setup within 10 s") && !error.contains("refused"), "{error}");
    assert!(error.contains("PLMN 001/01, TAC 1"), "{error}");
}

#[test]
fn shard_that_never_begins_reports_every_message_and_leaves_the_plan_to_who_made_it() {
    // Refused, unanswered, lost, and aborted by the operator before the start.
    let mut refused = World::new(&yaml("", REGISTER, ""), 5, 1);
    refused.answers = vec![octets(REFUSED_FOR_GOOD); 2].into();
    let mut silent = World::new(&yaml("", REGISTER, ""), 6, 1);
    silent.silent[0] = true;
    let mut aborted = World::new(&yaml("", REGISTER, ""), 7, 1);
    for world in [&mut refused, &mut silent, &mut aborted] {
        world.prepare();
    }
    assert!(aborted.ready && !refused.ready && !silent.ready);
    let now = aborted.now;
    aborted.shard.drain("aborted-by-operator", now, now);
    let mut lost = World::new(&yaml("", REGISTER, ""), 8, 1);
    lost.silent[0] = true;
    lost.shard.prepare(&mut lost.actions);
    lost.carry_out();
    lost.kill(0, 1);
    assert!(lost.unprepared.as_ref().unwrap().contains("lost"), "{:?}", lost.unprepared);
    for mut world in [refused, silent, aborted, lost] {
        world.part();
        world.assert_all_is_told();
    }
}

#[test]
fn overload_is_obeyed_where_the_scenario_says_so_and_told_in_any_case() {
    for (cells, obeyed) in [("", false), (", overload: obey", true)] {
        let mut world = World::new(&yaml(cells, REGISTER, ""), 7, 1);
        world.prepare();
        let (mut said, mut over) = (false, false);
        world.run(|world, at| {
            if at >= Duration::from_millis(300)
                && !std::mem::replace(&mut said, at >= Duration::from_millis(300))
            {
                (0..2).for_each(|interface| world.say(interface, OVERLOAD));
            }
            if at >= Duration::from_millis(700)
                && !std::mem::replace(&mut over, at >= Duration::from_millis(700))
            {
                (0..2).for_each(|interface| world.say(interface, OVERLOAD_OVER));
            }
        });
        let ends = world.ends("registration");
        let barred = ends.get("abandoned barred-by-overload").copied().unwrap_or_default();
        assert_eq!(ends["succeeded"] + barred, 40, "{ends:?}");
        assert!(if obeyed { (8..=30).contains(&barred) } else { barred == 0 }, "{ends:?}");
        let (start, stop) = (world.events_of("overload-start"), world.events_of("overload-stop"));
        assert_eq!((start.len(), stop.len()), (2, 2));
        assert!(start[0].details.contains("reject signalling and data"), "{start:?}");
        assert!((300_000..320_000).contains(&start[0].at_us), "{start:?}");
    }
}

#[test]
fn a_silent_amf_ends_attempts_by_their_timers_and_a_short_drain_names_the_timer() {
    for (drain, end) in [("20s", "timed-out T3510"), ("3s", "abandoned end-of-run-unanswered-T3510")] {
        let mut world = World::new(&yaml("", REGISTER, &format!("drain: {drain}")), 8, 1);
        world.prepare();
        world.silent[0] = true;
        world.run(|_, _| ());
        assert_eq!(world.ends("registration"), BTreeMap::from([(end.to_owned(), 40)]));
    }
}

#[test]
fn an_attempt_for_which_everybody_is_busy_says_so() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: deregistration, starts-after: 2s, phases: [{{rate: 60/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 3s"), 9, 1);
    world.prepare();
    world.run(|world, at| world.silent[0] = at >= Duration::from_millis(1_900));
    let ends = world.ends("deregistration");
    assert_eq!(ends["never-started busy"], 20, "40 are registered, and none answered: {ends:?}");
    assert_eq!(ends["abandoned end-of-run-unanswered-T3521"], 40, "{ends:?}");
}

#[test]
fn several_amfs_share_the_load_and_take_over_from_one_that_dies() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 2s, phases: [{{rate: 20/s, for: 2s}}]}}\n  \
         - {{procedure: deregistration, starts-after: 5s, phases: [{{rate: 40/s, for: 1s}}]}}\n  \
         - {{procedure: registration, starts-after: 8s, phases: [{{rate: 40/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 20s"), 10, 2);
    world.prepare();
    let mut killed = false;
    world.run(|world, at| {
        let after = at >= Duration::from_secs(7);
        if after && !std::mem::replace(&mut killed, after) {
            world.kill(1, 4);
        }
    });
    let (first, second) = (world.amf(0), world.amf(1));
    assert_eq!((first.name.as_str(), second.name.as_str()), ("roamstorm-amf", "roamstorm-amf"));
    // Equal capacities: 40 registrations are dealt to both, and each UE stays with the AMF that gave its 5G-GUTI.
    assert!(second.connections >= 30, "{first:?} {second:?}");
    assert_eq!(world.ends("periodic-registration-update"), BTreeMap::from([("succeeded".to_owned(), 40)]));
    assert_eq!(world.ends("deregistration"), BTreeMap::from([("succeeded".to_owned(), 40)]));
    // The other one is gone: all register with the first.
    let ends = world.ends("registration");
    assert_eq!(ends["succeeded"], 80, "{ends:?}");
    let lost = world.events_of("association-lost");
    assert_eq!(lost.len(), 2);
    assert!(lost.iter().all(|event| event.node.ends_with("with memory://amf-1")), "{lost:?}");
}

/// TS 38.413 §8.7.4.2.1: the AMF has lost the UEs of a gNB, and says so. The association stays.
#[test]
fn an_ng_reset_by_the_amf_ends_what_is_in_flight_and_nobodys_registration() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 3s, phases: [{{rate: 40/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 20s"), 11, 1);
    world.prepare();
    world.dials.clear();
    let mut reset = false;
    world.run(|world, at| {
        // What is asked from here on stays unanswered, so that attempts are in flight.
        world.silent[0] = at >= Duration::from_millis(500) && !reset;
        if at >= Duration::from_millis(700)
            && !std::mem::replace(&mut reset, at >= Duration::from_millis(700))
        {
            world.silent[0] = false;
            for association in [1, 2] {
                world.amf_handles(0, AmfEvent::Command(Command::Reset { association }));
            }
        }
    });
    let ends = world.ends("registration");
    let (reset, succeeded) = (ends["failed ng-reset-by-amf"], ends["succeeded"]);
    assert!((4..=12).contains(&reset) && reset + succeeded == 40, "{ends:?}");
    // Who had registered is idle, and asks again.
    let ends = world.ends("periodic-registration-update");
    assert_eq!(ends, BTreeMap::from([("succeeded".to_owned(), 40)]));
    let told = world.events_of("ng-reset-by-amf");
    assert_eq!(told.len(), 2, "{:?}", world.events());
    assert!(told.iter().all(|event| (700_000..820_000).contains(&event.at_us)), "{told:?}");
    assert!(world.events_of("association-lost").is_empty() && world.dials.is_empty(), "{:?}", world.events());
    let registered: u64 = world.reports.last().unwrap().registered;
    assert_eq!(registered, succeeded);
}

#[test]
fn a_core_without_5g_gutis_is_named_and_what_needs_one_fails_by_that_name() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: service-request, starts-after: 3s, phases: [{{rate: 40/s, for: 1s}}]}}\n  \
         - {{procedure: periodic-registration-update, starts-after: 5s, phases: [{{rate: 40/s, for: 1s}}]}}\n  \
         - {{procedure: deregistration, starts-after: 7s, phases: [{{rate: 40/s, for: 1s}}]}}"
    );
    let mut world =
        World::with(&yaml("", &load, ""), 12, 1, |settings| AmfSettings { assigns_guti: false, ..settings });
    world.prepare();
    world.run(|_, _| ());
    let all = |end: &str| BTreeMap::from([(end.to_owned(), 40)]);
    assert_eq!(world.ends("registration"), all("succeeded"));
    assert_eq!(world.unexpected("registration-without-5g-guti"), 40);
    assert_eq!(world.ends("service-request"), all("failed no-5g-guti"));
    assert_eq!(world.ends("periodic-registration-update"), all("failed no-5g-guti"));
    assert_eq!(world.ends("deregistration"), all("succeeded"), "a UE leaves by its SUCI");
}

#[test]
fn amfs_get_ues_by_their_relative_capacities_and_keep_them() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 2s, phases: [{{rate: 40/s, for: 2s}}]}}"
    );
    let small = |settings: AmfSettings| {
        let capacity = if settings.set == 2 { 85 } else { 255 };
        AmfSettings { capacity, ..settings }
    };
    let mut world = World::with(&yaml("", &load, ""), 13, 2, small);
    world.prepare();
    world.run(|_, _| ());
    assert_eq!(world.ends("registration"), BTreeMap::from([("succeeded".to_owned(), 40)]));
    assert_eq!(world.ends("periodic-registration-update"), BTreeMap::from([("succeeded".to_owned(), 80)]));
    // One of four goes to the second: of 40 registrations, and so of 80 updates.
    let (first, second) = (world.amf(0).connections, world.amf(1).connections);
    assert_eq!(first + second, 120);
    assert!((15..=50).contains(&second), "{first} and {second}");
}
