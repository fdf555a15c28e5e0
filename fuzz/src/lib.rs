//! What the fuzz targets share: cutting the input into messages, and a network side to feed them to.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use coordinator::core::{Core, CoreSettings, Input, LinkId};
use identity::{Key128, Plmn, SessionId, Snssai, Tac};
use scenarios::{Flow, Plan, Scenario};
use signalling::{
    Gnb, GnbSettings, N3Settings, NodeAction, NodeEvent, Retry, Subscriber, SuciScheme, UeSettings,
};
use simulator::scenario::ScenarioSubscribers;
use simulator::{AmfAction, AmfEvent, ControlPlane, SessionSpec, UeAddresses, Upf, UpfSettings};
use wire::to_coordinator::{Hello, Part, ToCoordinator};

/// Cuts the input into messages: an octet of length, then as many octets.
pub fn messages(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = input.split_first()?;
        let (message, rest) = rest.split_at(usize::from(length).min(rest.len()));
        input = rest;
        Some(message)
    })
}

/// The subscriber of the targets, in PLMN 001/01.
pub fn subscriber() -> Subscriber {
    Subscriber {
        imsi: "001010000000001".parse().expect("an IMSI"),
        plmn: plmn(),
        k: Key128([0x46; 16]),
        opc: Key128([0xe8; 16]),
    }
}

/// The settings of its UE.
pub fn ue_settings() -> UeSettings {
    UeSettings {
        suci: SuciScheme::Null,
        ciphering: vec![2, 1, 0],
        integrity: vec![2, 1],
        requested_slices: vec![slice()],
        retry: Retry::Never,
        t3512: None,
    }
}

/// Where it camps.
pub fn tracking_area() -> (Plmn, Tac) {
    (plmn(), Tac::new(1).expect("a TAC"))
}

/// A gNB with its association up; what it sent is dropped.
pub fn gnb(now: Instant) -> (Gnb, Vec<NodeAction>) {
    let (plmn, tac) = tracking_area();
    let n3 = Some(N3Settings {
        address: [127, 0, 0, 2].into(),
        first: 1,
        step: 1,
        last: u32::MAX,
        key: identity::TeidKey::of_seed(1),
    });
    let settings =
        GnbSettings { gnb_id: 1, name: "gnb".into(), plmn, tac, slices: vec![slice()], cells: 1, n3 };
    let (mut gnb, mut actions) = (Gnb::new(settings), Vec::new());
    gnb.handle(NodeEvent::AssociationUp { streams_out: 8 }, now, &mut actions);
    (gnb, actions)
}

/// An AMF and a gNB that has been set up with it.
pub fn network(now: Instant) -> (ControlPlane, Gnb) {
    let scenario = Arc::new(Scenario::load("smoke", &[]).expect("the catalogue's smoke scenario"));
    let settings = simulator::scenario::settings(&scenario, 1);
    let mut amf = ControlPlane::new(settings, Box::new(ScenarioSubscribers(scenario)));
    let mut to_gnb = Vec::new();
    amf.handle(now, AmfEvent::AssociationUp { association: 1, streams_out: 8 }, &mut to_gnb);
    let (mut gnb, mut actions) = gnb(now);
    for action in actions.drain(..) {
        if let NodeAction::Send { stream, octets, .. } = action {
            amf.handle(now, AmfEvent::Received { association: 1, stream, octets: &octets }, &mut to_gnb);
        }
    }
    for action in to_gnb {
        if let AmfAction::Send { stream, octets, .. } = action {
            gnb.handle(NodeEvent::Received { stream, octets: &octets }, now, &mut actions);
        }
    }
    (amf, gnb)
}

/// A UPF with one session, whose downlink flows, and the session's tunnel.
pub fn upf(now: Instant) -> (Upf, u32) {
    let mut upf = Upf::new(UpfSettings::new([127, 9, 9, 9].into(), 1));
    let spec = SessionSpec {
        supi: subscriber().imsi,
        session: SessionId::new(1).expect("a session"),
        dnn: "internet".parse().expect("a DNN"),
        serving: plmn(),
        qfi: 9,
        ue: UeAddresses { ipv4: Some([10, 45, 0, 7].into()), ipv6: None },
        uplink: None,
        downlink: Flow { rate_bps: 1_000_000, ..Flow::NONE },
        ambr: (0, 0),
    };
    let end = upf.establish(now, spec).expect("room for a session");
    upf.set_downlink(now, end.teid, Some(([127, 0, 1, 1].into(), 1)));
    upf.grant(end.teid, billing::Octets(1_000));
    (upf, end.teid)
}

/// When the runs of the targets begin.
pub fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// The core of a run that waits for one agent.
pub fn new_core(now: Instant) -> Core {
    let scenario = Arc::new(Scenario::load("smoke", &[]).expect("the catalogue's smoke scenario"));
    let plan = Plan::new(scenario, 1, 1).expect("it can be planned");
    Core::new(CoreSettings::new("fuzz", "sctp+udp://127.0.0.1:9899"), plan, [7; 32], now, wall())
}

/// The same with an agent on link 1 that has told its clock and is ready with its first shard.
pub fn core_with_an_agent(now: Instant) -> Core {
    let mut core = new_core(now);
    join(&mut core, LinkId(1), now, wall());
    let say = |core: &mut Core, message| {
        core.handle(Input::Message { link: LinkId(1), message: Box::new(message) }, now, wall());
        core.handle(Input::Tick, now, wall());
        core.take_output();
    };
    for sent_us in 0..4 {
        say(&mut core, ToCoordinator::Pong { sent_us, agent_us: 0 });
    }
    say(&mut core, ToCoordinator::Ready { shard: 0, epoch: 1 });
    core
}

/// An agent says hello.
pub fn join(core: &mut Core, link: LinkId, now: Instant, wall: SystemTime) {
    let hello = Box::new(Hello {
        name: "fuzz".to_owned(),
        program: "fuzz".to_owned(),
        workers: 1,
        agent_us: 0,
        part: Part::Agent,
        mark: None,
        belongs: Default::default(),
    });
    core.handle(Input::Joined { link, hello, peer: ([127, 0, 0, 1], 1).into() }, now, wall);
    core.take_output();
}

fn plmn() -> Plmn {
    "001/01".parse().expect("a PLMN")
}

fn slice() -> Snssai {
    Snssai { sst: 1, sd: None }
}
