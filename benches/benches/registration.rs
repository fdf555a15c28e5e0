//! One initial registration with 5G-AKA, in memory: the UE and gNB side, the AMF side, and both.
//!
//! With `COUNT=2500` it does nothing but so many of them, for a tool that counts instructions: two counts and their difference.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use identity::{Plmn, Snssai, Tac};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use scenarios::Scenario;
use signalling::{
    Context, Device, Gnb, GnbSettings, NodeAction, NodeEvent, Procedure, Retry, Subscriber, SuciScheme,
    UeAction, UeEvent, UeSettings,
};
use simulator::scenario::ScenarioSubscribers;
use simulator::{AmfAction, AmfEvent, ControlPlane};

/// A gNB set up with an AMF, and the time that each side has taken.
struct Network {
    scenario: Arc<Scenario>,
    settings: UeSettings,
    area: (Plmn, Tac),
    amf: ControlPlane,
    gnb: Gnb,
    rng: SmallRng,
    now: Instant,
    next: u64,
    near: Duration,
    far: Duration,
}

impl Network {
    fn new() -> Self {
        let set = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        let overrides = [set("subscribers.0.count", "9000000"), set("network.processing-delay", "0ms")];
        let scenario = Arc::new(Scenario::load("attach-10k", &overrides).unwrap());
        let amf = ControlPlane::new(
            simulator::scenario::settings(&scenario, 1),
            Box::new(ScenarioSubscribers(Arc::clone(&scenario))),
        );
        let area = (scenario.cells.plmn(), scenario.cells.networks[0].tacs[0]);
        let slices: Vec<Snssai> = scenario.cells.slices.clone();
        let gnb = GnbSettings {
            gnb_id: 1,
            name: "gnb".into(),
            plmn: area.0,
            tac: area.1,
            slices: slices.clone(),
            cells: 1,
            n3: None,
        };
        let settings = UeSettings {
            suci: SuciScheme::Null,
            ciphering: vec![2],
            integrity: vec![2],
            requested_slices: slices,
            retry: Retry::Never,
            t3512: None,
        };
        let mut network = Self {
            scenario,
            settings,
            area,
            amf,
            gnb: Gnb::new(gnb),
            rng: SmallRng::seed_from_u64(1),
            now: Instant::now(),
            next: 0,
            near: Duration::ZERO,
            far: Duration::ZERO,
        };
        let mut down = Vec::new();
        network.amf.handle(
            network.now,
            AmfEvent::AssociationUp { association: 1, streams_out: 8 },
            &mut down,
        );
        let mut up = Vec::new();
        network.gnb.handle(NodeEvent::AssociationUp { streams_out: 8 }, network.now, &mut up);
        network.exchange(None, up);
        assert!(network.gnb.is_ready());
        network
    }

    /// One subscriber registers, and is released to idle.
    fn register(&mut self) {
        let found = self.scenario.subscriber(self.next).unwrap();
        self.next += 1;
        let (mut actions, mut up) = (Vec::new(), Vec::new());
        let began = Instant::now();
        let mut ue =
            Device::new(&Subscriber { imsi: found.imsi, plmn: found.plmn, k: found.k, opc: found.opc });
        let mut context =
            Context { now: self.now, rng: &mut self.rng, settings: &self.settings, tai: self.area };
        ue.handle(UeEvent::Start(Procedure::Registration), &mut context, &mut actions);
        to_gnb(&mut self.gnb, &mut actions, self.now, &mut up);
        self.near += began.elapsed();
        self.exchange(Some(&mut ue), up);
        assert!(ue.is_registered());
    }

    /// Carries messages to and fro until nobody has anything to say.
    fn exchange(&mut self, mut ue: Option<&mut Device>, mut up: Vec<NodeAction>) {
        let (mut down, mut actions) = (Vec::new(), Vec::new());
        loop {
            let began = Instant::now();
            for action in up.drain(..) {
                if let NodeAction::Send { stream, octets, .. } = action {
                    self.amf.handle(
                        self.now,
                        AmfEvent::Received { association: 1, stream, octets: &octets },
                        &mut down,
                    );
                }
            }
            self.amf.advance(self.now, &mut down);
            self.far += began.elapsed();
            if down.is_empty() {
                return;
            }
            let began = Instant::now();
            let mut heard = Vec::new();
            for action in down.drain(..) {
                if let AmfAction::Send { stream, octets, .. } = action {
                    self.gnb.handle(NodeEvent::Received { stream, octets: &octets }, self.now, &mut heard);
                }
            }
            for action in heard {
                let event = match &action {
                    NodeAction::Downlink { nas, .. } => UeEvent::Downlink(nas),
                    NodeAction::Released { .. } => UeEvent::ConnectionReleased,
                    NodeAction::Send { .. } => {
                        up.push(action);
                        continue;
                    }
                    _ => continue,
                };
                if let Some(ue) = ue.as_deref_mut() {
                    let mut context = Context {
                        now: self.now,
                        rng: &mut self.rng,
                        settings: &self.settings,
                        tai: self.area,
                    };
                    ue.handle(event, &mut context, &mut actions);
                    to_gnb(&mut self.gnb, &mut actions, self.now, &mut up);
                }
            }
            self.near += began.elapsed();
        }
    }
}

fn to_gnb(gnb: &mut Gnb, actions: &mut Vec<UeAction>, now: Instant, up: &mut Vec<NodeAction>) {
    for action in actions.drain(..) {
        match action {
            UeAction::Connect { nas, cause, s_tmsi } => {
                gnb.handle(NodeEvent::Connect { ue: 1, cell: 0, nas: &nas, cause, s_tmsi }, now, up);
            }
            UeAction::Uplink(nas) => gnb.handle(NodeEvent::Uplink { ue: 1, nas: &nas }, now, up),
            _ => {}
        }
    }
}

fn registration(criterion: &mut Criterion) {
    type Part = fn(&Network) -> Duration;
    let parts: [(&str, Part); 3] = [
        ("registration, UE and gNB side", |network| network.near),
        ("registration, AMF side", |network| network.far),
        ("registration, both sides", |network| network.near + network.far),
    ];
    for (name, part) in parts {
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                let mut network = Network::new();
                let before = part(&network);
                (0..count).for_each(|_| network.register());
                part(&network) - before
            });
        });
    }
}

criterion_group!(benches, registration);

fn main() {
    let Some(count) = std::env::var("COUNT").ok().and_then(|count| count.parse().ok()) else {
        benches();
        return Criterion::default().configure_from_args().final_summary();
    };
    let mut network = Network::new();
    (0..count).for_each(|_: u64| network.register());
}
