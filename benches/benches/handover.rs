//! A PDU session, and one handover over N2 and over Xn of a UE that has one, in memory: the UE and gNB side, the core's
//! side (AMF, SMF, UPF and CHF), and both. A second divided by a time is what one core can do in a second.
//!
//! The sides are told apart by the wall clock: on a busy machine only the line of both, which is processor time, holds.
//!
//! With `COUNT=2500` and a `KIND` of [`only`] it does nothing but so many of these, for a tool that counts instructions: two counts and
//! their difference.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use identity::{PduSessionType, Plmn, SessionId, Tac, TeidKey};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rustix::time::{ClockId, clock_gettime};
use scenarios::Scenario;
use signalling::{
    Context, Device, Gnb, GnbSettings, N3Settings, NodeAction, NodeEvent, Procedure, Released, Retry,
    SessionRequest, Subscriber, SuciScheme, TargetGnb, UeAction, UeEvent, UeSettings,
};
use simulator::{AmfAction, AmfEvent, Core, Moment, Output};

/// Two gNBs at a core, the UE that moves between them, and the time that each side has taken.
struct Network {
    scenario: Arc<Scenario>,
    settings: UeSettings,
    area: (Plmn, Tac),
    core: Core,
    gnbs: [Gnb; 2],
    ue: Option<Device>,
    /// Number of the gNB that the UE is at.
    here: usize,
    /// The source has released the UE of the present handover.
    ended: bool,
    rng: SmallRng,
    at: Moment,
    next: u64,
    near: Duration,
    far: Duration,
}

impl Network {
    fn new() -> Self {
        let set = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        let overrides = [
            set("subscribers.0.count", "9000000"),
            set("network.processing-delay", "0ms"),
            set("sessions", "[{name: quiet, dnn: internet}]"),
        ];
        let scenario = Arc::new(Scenario::load("attach-10k", &overrides).unwrap());
        let area = (scenario.cells.plmn(), scenario.cells.networks[0].tacs[0]);
        let gnbs = [1, 2].map(|number| {
            Gnb::new(GnbSettings {
                gnb_id: number,
                name: "gnb".into(),
                plmn: area.0,
                tac: area.1,
                slices: scenario.cells.slices.clone(),
                cells: 1,
                n3: Some(N3Settings {
                    address: GNBS,
                    first: number,
                    step: 2,
                    last: u32::MAX,
                    key: TeidKey::of_seed(1),
                }),
            })
        });
        let settings = UeSettings {
            suci: SuciScheme::Null,
            ciphering: vec![2],
            integrity: vec![2],
            requested_slices: scenario.cells.slices.clone(),
            retry: Retry::Never,
            t3512: None,
        };
        let mut network = Self {
            core: Core::of(&scenario, 1, CORE),
            scenario,
            settings,
            area,
            gnbs,
            ue: None,
            here: 0,
            ended: false,
            rng: SmallRng::seed_from_u64(1),
            at: Moment { now: Instant::now(), wall_us: 1_800_000_000_000_000 },
            next: 0,
            near: Duration::ZERO,
            far: Duration::ZERO,
        };
        for (number, association) in [(0, 1), (1, 2)] {
            let mut down = Output::default();
            let event = AmfEvent::AssociationUp { association, streams_out: 8 };
            network.core.handle(network.at, event, &mut down);
            let mut up = Vec::new();
            network.gnbs[number].handle(NodeEvent::AssociationUp { streams_out: 8 }, network.at.now, &mut up);
            network.exchange(up.into_iter().map(|action| (number, action)).collect());
            assert!(network.gnbs[number].is_ready());
        }
        network
    }

    /// The next subscriber registers at the first gNB; the one before is left as it is.
    fn register(&mut self) {
        let found = self.scenario.subscriber(self.next).unwrap();
        self.next += 1;
        self.here = 0;
        self.ue =
            Some(Device::new(&Subscriber { imsi: found.imsi, plmn: found.plmn, k: found.k, opc: found.opc }));
        self.ask(UeEvent::Start(Procedure::Registration));
        assert!(self.ue.as_ref().unwrap().is_registered());
    }

    /// The UE establishes a session.
    fn establish(&mut self) {
        let request = SessionRequest {
            id: SessionId::new(1).unwrap(),
            dnn: self.scenario.sessions[0].dnn.clone(),
            type_: PduSessionType::Ipv4,
            slice: self.settings.requested_slices[0],
        };
        self.ask(UeEvent::EstablishSession(&request));
        assert!(self.ue.as_ref().unwrap().has_session());
    }

    /// The UE goes to the other gNB, through the AMF.
    fn hand_over_n2(&mut self) {
        self.tick();
        let (began, source, target) = (Instant::now(), self.here, 1 - self.here);
        let target = TargetGnb {
            gnb_id: u32::try_from(target + 1).unwrap(),
            gnb_id_bits: 24,
            plmn: self.area.0,
            tac: self.area.1,
            cell: 0,
        };
        let ue = self.number();
        let mut up = Vec::new();
        let event = NodeEvent::Handover { ue, target, container: &[0xa5; 64] };
        self.gnbs[source].handle(event, self.at.now, &mut up);
        self.near += began.elapsed();
        self.finish_move(source, up);
    }

    /// The UE goes to the other gNB, which asks for the path.
    fn hand_over_xn(&mut self) {
        self.tick();
        let (began, source) = (Instant::now(), self.here);
        let ue = self.number();
        let context = self.gnbs[source].give_up_for_xn(ue).unwrap();
        let event = NodeEvent::ArriveByXn { ue, cell: 0, context: &context };
        let mut up = Vec::new();
        self.gnbs[1 - source].handle(event, self.at.now, &mut up);
        self.near += began.elapsed();
        self.finish_move(1 - source, up);
    }

    fn finish_move(&mut self, number: usize, up: Vec<NodeAction>) {
        self.ended = false;
        self.exchange(up.into_iter().map(|action| (number, action)).collect());
        assert!(self.ended, "the source has released the UE");
        self.here = 1 - self.here;
    }

    /// The gNBs' number of the UE.
    fn number(&self) -> u32 {
        u32::try_from(self.next).unwrap()
    }

    /// A millisecond goes by.
    fn tick(&mut self) {
        self.at.now += Duration::from_millis(1);
        self.at.wall_us += 1_000;
    }

    fn ask(&mut self, event: UeEvent<'_>) {
        self.tick();
        let began = Instant::now();
        let mut up = Vec::new();
        self.ue_handles(event, &mut up);
        self.near += began.elapsed();
        self.exchange(up);
    }

    fn ue_handles(&mut self, event: UeEvent<'_>, up: &mut Vec<(usize, NodeAction)>) {
        let (now, ue) = (self.at.now, self.number());
        let mut context = Context { now, rng: &mut self.rng, settings: &self.settings, tai: self.area };
        let (mut actions, mut sent) = (Vec::new(), Vec::new());
        let Some(machine) = &mut self.ue else { return };
        machine.handle(event, &mut context, &mut actions);
        let gnb = &mut self.gnbs[self.here];
        for action in actions {
            match action {
                UeAction::Connect { nas, cause, s_tmsi } => {
                    gnb.handle(NodeEvent::Connect { ue, cell: 0, nas: &nas, cause, s_tmsi }, now, &mut sent);
                }
                UeAction::Uplink(nas) => gnb.handle(NodeEvent::Uplink { ue, nas: &nas }, now, &mut sent),
                _ => {}
            }
        }
        up.extend(sent.into_iter().map(|action| (self.here, action)));
    }

    /// Carries messages to and fro until nobody has anything to say.
    fn exchange(&mut self, mut up: Vec<(usize, NodeAction)>) {
        let mut down = Output::default();
        loop {
            let began = Instant::now();
            for (number, action) in up.drain(..) {
                if let NodeAction::Send { stream, octets, .. } = action {
                    let association = u32::try_from(number + 1).unwrap();
                    let event = AmfEvent::Received { association, stream, octets: &octets };
                    self.core.handle(self.at, event, &mut down);
                }
            }
            self.core.advance(self.at, &mut down);
            self.core.take_records(self.at.wall_us).for_each(drop);
            self.far += began.elapsed();
            down.datagrams.clear();
            if down.signalling.is_empty() {
                return;
            }
            let began = Instant::now();
            for action in down.signalling.drain(..) {
                if let AmfAction::Send { association, stream, octets } = action {
                    let number = association as usize - 1;
                    let mut heard = Vec::new();
                    let event = NodeEvent::Received { stream, octets: &octets };
                    self.gnbs[number].handle(event, self.at.now, &mut heard);
                    heard.into_iter().for_each(|action| self.gnb_says(number, action, &mut up));
                }
            }
            self.near += began.elapsed();
        }
    }

    fn gnb_says(&mut self, number: usize, action: NodeAction, up: &mut Vec<(usize, NodeAction)>) {
        let (gnb, event) = match action {
            NodeAction::Send { .. } => return up.push((number, action)),
            NodeAction::Downlink { nas, .. } => return self.ue_handles(UeEvent::Downlink(&nas), up),
            NodeAction::Released { cause: Released::HandedOver, .. } => {
                self.ended = true;
                return;
            }
            NodeAction::Released { .. } => return self.ue_handles(UeEvent::ConnectionReleased, up),
            NodeAction::HandoverRequested { handle, .. } => {
                (number, NodeEvent::AdmitHandover { handle, ue: self.number() })
            }
            NodeAction::HandoverCommanded { ue, .. } => (1 - number, NodeEvent::HandoverArrived { ue }),
            NodeAction::PathSwitched { ue } => (1 - number, NodeEvent::ReleaseAfterXn { ue }),
            _ => return,
        };
        let mut said = Vec::new();
        self.gnbs[gnb].handle(event, self.at.now, &mut said);
        for action in said {
            self.gnb_says(gnb, action, up);
        }
    }
}

/// What is measured.
#[derive(Clone, Copy)]
enum Side {
    /// By the wall clock.
    Near,
    Far,
    /// By processor time, which a busy machine does not stretch.
    Both,
}

/// Each side of the work that is done on a prepared network.
fn sides(criterion: &mut Criterion, name: &str, work: impl Fn(&mut Network, u64, &mut Stopwatch)) {
    let sides = [("UE and gNB side", Side::Near), ("core side", Side::Far), ("both sides, CPU", Side::Both)];
    for (title, side) in sides {
        criterion.bench_function(&format!("{name}, {title}"), |bencher| {
            bencher.iter_custom(|count| {
                let mut watch = Stopwatch { side, taken: Duration::ZERO };
                work(&mut Network::new(), count, &mut watch);
                watch.taken
            });
        });
    }
}

/// Adds up what one side takes for what is to be measured.
struct Stopwatch {
    side: Side,
    taken: Duration,
}

impl Stopwatch {
    fn measure(&mut self, network: &mut Network, work: impl FnOnce(&mut Network)) {
        let read = |network: &Network| match self.side {
            Side::Near => network.near,
            Side::Far => network.far,
            Side::Both => cpu_time(),
        };
        let before = read(network);
        work(network);
        self.taken += read(network) - before;
    }
}

/// Processor time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn session(criterion: &mut Criterion) {
    sides(criterion, "PDU session establishment", |network, count, watch| {
        for _ in 0..count {
            network.register();
            watch.measure(network, Network::establish);
        }
    });
}

fn handovers(criterion: &mut Criterion) {
    type HandOver = fn(&mut Network);
    let kinds: [(&str, HandOver); 2] =
        [("N2 handover", Network::hand_over_n2), ("Xn handover", Network::hand_over_xn)];
    for (name, hand_over) in kinds {
        sides(criterion, name, |network, count, watch| {
            network.register();
            network.establish();
            watch.measure(network, |network| (0..count).for_each(|_| hand_over(network)));
        });
    }
}

const GNBS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 1, 0, 1));
const CORE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 2, 0, 1));

criterion_group!(benches, session, handovers);

fn main() {
    let Some(count) = std::env::var("COUNT").ok().and_then(|count| count.parse().ok()) else {
        benches();
        return Criterion::default().configure_from_args().final_summary();
    };
    only(&std::env::var("KIND").unwrap(), count);
}

/// So many registrations, registrations with a session, or handovers of one UE, and nothing else.
fn only(kind: &str, count: u64) {
    let mut network = Network::new();
    let mut repeat = |work: fn(&mut Network)| (0..count).for_each(|_| work(&mut network));
    match kind {
        "register" => repeat(Network::register),
        "session" => repeat(|network| {
            network.register();
            network.establish();
        }),
        "n2" | "xn" => {
            let hand_over = if kind == "n2" { Network::hand_over_n2 } else { Network::hand_over_xn };
            network.register();
            network.establish();
            (0..count).for_each(|_| hand_over(&mut network));
        }
        _ => panic!("KIND is register, session, n2 or xn"),
    }
}
