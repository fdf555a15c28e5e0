//! Whatever the other side sends: nothing panics, and every attempt ends exactly once.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::collections::BTreeSet;
use std::time::Instant;

use identity::SessionId;
use network::*;
use oxirush_nas::nas_5gs::*;
use proptest::collection::vec;
use proptest::prelude::*;
use signalling::{
    ConnectionRefusal, Device, EstablishmentCause, Gnb, GnbSettings, NodeEvent, NodeTimer, Procedure,
    ReleaseCause, Retry, Timer, UeAction, UeEvent,
};

#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    Challenge { spoil: Option<usize>, separation: bool, jump: u8, ng_ksi: u8 },
    Command,
    Accept,
    Reject(u8),
    ServiceReject(u8),
    Demand(u8),
    Plain(Vec<u8>),
    Protected(Vec<u8>),
    Repeat,
    Mutate(usize, u8),
    Expire(usize),
    Released,
    Refused,
    Paged,
    SwitchOff,
    Establish(u8),
    Modify(u8),
    Release(u8),
    Session { kind: usize, number: u8, pti: u8, cause: u8 },
    ServiceAccept(Option<u8>),
    NotForwarded(u8),
    Payload(Vec<u8>),
    Move(u8),
    SwapUsim,
    Export,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..PROCEDURES.len()).prop_map(Step::Start),
        4 => (prop::option::weighted(0.2, 0usize..16), prop::bool::weighted(0.9), 0u8..3, 0u8..7)
            .prop_map(|(spoil, separation, jump, ng_ksi)| Step::Challenge { spoil, separation, jump, ng_ksi }),
        4 => Just(Step::Command),
        4 => Just(Step::Accept),
        1 => any::<u8>().prop_map(Step::Reject),
        1 => any::<u8>().prop_map(Step::ServiceReject),
        1 => any::<u8>().prop_map(Step::Demand),
        1 => vec(any::<u8>(), 0..40).prop_map(Step::Plain),
        2 => (0x40u8..0x70, vec(any::<u8>(), 0..20)).prop_map(|(kind, rest)| {
            Step::Protected([vec![0x7e, 0, kind], rest].concat())
        }),
        1 => Just(Step::Repeat),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(at, with)| Step::Mutate(at, with)),
        2 => (0usize..Timer::ALL.len()).prop_map(Step::Expire),
        1 => Just(Step::Released),
        1 => Just(Step::Refused),
        1 => Just(Step::Paged),
        1 => Just(Step::SwitchOff),
        3 => (1u8..4).prop_map(Step::Establish),
        1 => (1u8..4).prop_map(Step::Modify),
        1 => (1u8..4).prop_map(Step::Release),
        6 => (0usize..7, 1u8..4, 0u8..6, prop::sample::select(vec![26u8, 36, 39, 43, 47, 83]))
            .prop_map(|(kind, number, pti, cause)| Step::Session { kind, number, pti, cause }),
        2 => prop::option::of(0u8..8).prop_map(Step::ServiceAccept),
        1 => any::<u8>().prop_map(Step::NotForwarded),
        1 => vec(any::<u8>(), 0..12).prop_map(Step::Payload),
        2 => (1u8..6).prop_map(Step::Move),
        1 => Just(Step::SwapUsim),
        1 => Just(Step::Export),
    ]
}

const PROCEDURES: [Procedure; 11] = [
    Procedure::Registration,
    Procedure::Deregistration,
    Procedure::ServiceRequest,
    Procedure::MobilityRegistrationUpdate,
    Procedure::PeriodicRegistrationUpdate,
    Procedure::RegistrationRetry,
    Procedure::PduSession,
    Procedure::PduSessionModification,
    Procedure::PduSessionRelease,
    Procedure::HandoverN2,
    Procedure::SimSwap,
];

/// Counts what began and what ended.
#[derive(Default)]
struct Ledger {
    begun: usize,
    ended: usize,
    /// The sessions that are up.
    sessions: BTreeSet<SessionId>,
}

impl Ledger {
    fn take(&mut self, actions: &[UeAction]) {
        self.begun += started(actions).len();
        self.ended += outcomes(actions).len();
        for action in actions {
            match action {
                UeAction::SessionUp(session) => {
                    self.sessions.insert(session.id);
                }
                UeAction::SessionDown { id } => assert!(self.sessions.remove(id), "{id} was not up"),
                _ => {}
            }
        }
    }
}

fn downlink_of(step: &Step, network: &mut Network, last: &[u8]) -> Option<Vec<u8>> {
    let secured = network.context.is_some();
    Some(match step {
        Step::Challenge { spoil, separation, jump, ng_ksi } => {
            network.ng_ksi = *ng_ksi;
            network.sqn += 32 * u64::from(*jump);
            let amf = if *separation { [0x80, 0] } else { [0, 0] };
            network.challenge_with(network.sqn, amf, *spoil)
        }
        Step::Command if network.k_amf.is_some() => network.security_mode_command(),
        Step::Accept if secured => {
            let accept = network.accept();
            network.protect(accept)
        }
        Step::Reject(cause) => plain(NasRegistrationReject::new(NasFGmmCause::new(*cause))),
        Step::ServiceReject(cause) => plain(NasServiceReject::new(NasFGmmCause::new(*cause))),
        Step::Demand(octet) if secured => {
            let kind = NasDeRegistrationType::new(octet & 0x0f);
            network.protect(NasDeregistrationRequestUeTerminated::new(kind))
        }
        Step::Plain(octets) => octets.clone(),
        Step::Protected(inner) if secured => {
            let header = Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered;
            let context = network.context.as_mut()?;
            context.protect_opaque_payload(inner.clone(), header, oxirush_nas::Direction::Downlink).ok()?
        }
        Step::Session { kind, number, pti, cause } if secured => {
            let cause = NasFGsmCause::new(*cause);
            let (number, pti) = (*number, *pti);
            match kind {
                0 | 1 => network.session(session_accept(), number, pti),
                2 => network.session(NasPduSessionEstablishmentReject::new(cause), number, pti),
                3 => network.session(NasPduSessionModificationCommand::new(), number, pti),
                4 => network.session(NasPduSessionReleaseCommand::new(cause), number, pti),
                5 => network.session(NasPduSessionReleaseReject::new(cause), number, pti),
                _ => network.session(NasFGsmStatus::new(cause), number, pti),
            }
        }
        Step::ServiceAccept(status) if secured => {
            let mut accept = NasServiceAccept::new();
            if let Some(status) = status {
                let sessions: Vec<u8> = (1..4).filter(|number| status & 1 << (number - 1) != 0).collect();
                accept.set_pdu_session_status(NasPduSessionStatus::from_sessions(&sessions).unwrap());
            }
            network.protect(accept)
        }
        Step::NotForwarded(cause) if secured => network.not_forwarded(vec![0x2e, 1, 1, 0xc1], *cause),
        Step::Payload(octets) if secured => network.payload([vec![0x2e, 1, 1], octets.clone()].concat()),
        Step::Repeat => last.to_vec(),
        Step::Mutate(at, with) if !last.is_empty() => {
            let mut octets = last.to_vec();
            let at = at % octets.len();
            octets[at] ^= with;
            octets
        }
        _ => return None,
    })
}

proptest! {
    /// However the steps come, each start and each announcement ends once; what is open at the end, the timers end.
    #[test]
    fn every_attempt_ends_exactly_once(steps in vec(step(), 0..40), specified in any::<bool>()) {
        let retry = if specified { Retry::AsSpecified } else { Retry::Never };
        let mut phone = Phone::new(signalling::UeSettings { retry, ..settings() });
        let (mut network, mut ledger, mut last) = (Network::default(), Ledger::default(), Vec::new());
        for step in steps {
            let actions = match &step {
                Step::Start(index) => {
                    ledger.begun += 1;
                    phone.start(PROCEDURES[*index])
                }
                Step::Expire(index) => phone.handle(UeEvent::Expired(Timer::ALL[*index])),
                Step::Released => phone.handle(UeEvent::ConnectionReleased),
                Step::Refused => phone.handle(UeEvent::ConnectionRefused(ConnectionRefusal::CellAtCapacity)),
                Step::Paged => phone.handle(UeEvent::Paged),
                Step::SwitchOff => phone.handle(UeEvent::SwitchOff),
                Step::Establish(number) => {
                    ledger.begun += 1;
                    phone.handle(UeEvent::EstablishSession(&session_request(*number)))
                }
                Step::Modify(number) => {
                    ledger.begun += 1;
                    phone.handle(UeEvent::ModifySession(SessionId::new(*number).unwrap()))
                }
                Step::Release(number) => {
                    ledger.begun += 1;
                    phone.handle(UeEvent::ReleaseSession(SessionId::new(*number).unwrap()))
                }
                Step::Move(tac) => {
                    phone.tac = u32::from(*tac);
                    phone.handle(UeEvent::CellChanged)
                }
                Step::SwapUsim => phone.handle(UeEvent::SwapUsim(subscriber())),
                // It is moved to another agent when it is at rest; the rest of the run must not tell.
                Step::Export if phone.ue.is_idle_for_attempts() => {
                    let state = phone.ue.export();
                    let octets = postcard::to_stdvec(&state).unwrap();
                    phone.ue = Device::import(postcard::from_bytes(&octets).unwrap());
                    prop_assert!(phone.ue.export().timers().all(|timer| phone.timers.contains_key(&timer)));
                    continue;
                }
                step => match downlink_of(step, &mut network, &last) {
                    Some(octets) => {
                        let actions = phone.downlink(&octets);
                        last = octets;
                        actions
                    }
                    None => continue,
                },
            };
            ledger.take(&actions);
            let open = usize::from(!phone.ue.is_idle_for_attempts());
            prop_assert_eq!(ledger.begun, ledger.ended + open, "after {:?}: {:?}", step, actions);
            let sessions: BTreeSet<_> = phone.ue.sessions().map(|session| session.id).collect();
            prop_assert_eq!(&sessions, &ledger.sessions, "after {:?}: {:?}", step, actions);
            prop_assert!(phone.ue.is_registered() || sessions.is_empty());
        }
        // The network is silent from now on: the timers of the attempt end it.
        for _ in 0..20 {
            if phone.ue.is_idle_for_attempts() {
                break;
            }
            let supervising = [
                Timer::T3510,
                Timer::T3517,
                Timer::T3521,
                Timer::T3520,
                Timer::T3580,
                Timer::T3581,
                Timer::T3582,
            ];
            let timer = supervising.into_iter().find(|timer| phone.timers.contains_key(timer));
            prop_assert!(timer.is_some(), "nothing ends the attempt: {:?}", phone.timers);
            ledger.take(&phone.expire(timer.unwrap()));
        }
        prop_assert!(phone.ue.is_idle_for_attempts());
        prop_assert_eq!(ledger.begun, ledger.ended);
    }

    /// A UE that moves to another agent at rest does what it would have done at home.
    #[test]
    fn imported_ue_goes_on_as_the_original(before in vec(step(), 0..30), after in vec(step(), 0..20), specified in any::<bool>()) {
        let retry = if specified { Retry::AsSpecified } else { Retry::Never };
        let settings = signalling::UeSettings { retry, ..settings() };
        let (mut home, mut away) = (Phone::new(settings.clone()), Phone::new(settings));
        let (mut network, mut elsewhere) = (Network::default(), Network::default());
        let (mut last, mut last_elsewhere) = (Vec::new(), Vec::new());
        let mut hangs = false;
        for phone in [&mut home, &mut away] {
            let network = if last.is_empty() { &mut network } else { &mut elsewhere };
            register(phone, network);
            establish(phone, network, 2);
            last = vec![0];
        }
        for step in before {
            if matches!(step, Step::Mutate(..)) {
                continue;
            }
            match step {
                Step::Challenge { .. } => hangs = true,
                Step::Released | Step::SwapUsim => hangs = false,
                _ => {}
            }
            take(&mut home, &mut network, &step, &mut last);
            take(&mut away, &mut elsewhere, &step, &mut last_elsewhere);
        }
        // An authentication that hangs is no rest: it ends with the connection.
        if hangs {
            home.handle(UeEvent::ConnectionReleased);
            away.handle(UeEvent::ConnectionReleased);
        }
        prop_assume!(home.ue.is_idle_for_attempts());
        away.ue = Device::import(away.ue.export());
        for step in after {
            if matches!(step, Step::Mutate(..) | Step::Repeat) {
                continue;
            }
            let here = take(&mut home, &mut network, &step, &mut last);
            let there = take(&mut away, &mut elsewhere, &step, &mut last_elsewhere);
            prop_assert_eq!(here, there, "at {:?}", step);
            prop_assert_eq!(&home.timers, &away.timers);
        }
    }

    /// The gNB takes any octets and any order of events.
    #[test]
    fn gnb_takes_anything(events in vec((0u8..9, any::<u32>(), vec(any::<u8>(), 0..60)), 0..40)) {
        let mut gnb = gnb();
        let mut out = Vec::new();
        gnb.handle(NodeEvent::AssociationUp { streams_out: 2 }, Instant::now(), &mut out);
        for (kind, number, octets) in events {
            let ue = number % 3;
            let mut pdu = hex::decode(MESSAGES[number as usize % MESSAGES.len()]).unwrap();
            for (index, octet) in octets.iter().enumerate().take(3) {
                let at = (*octet as usize + index) % pdu.len();
                pdu[at] ^= octets.last().copied().unwrap_or(0);
            }
            let event = match kind {
                0 => NodeEvent::Received { stream: 0, octets: &octets },
                1 | 2 => NodeEvent::Received { stream: 1, octets: &pdu },
                3 => NodeEvent::Connect { ue, cell: number % 4, nas: &octets, cause: EstablishmentCause::MoData, s_tmsi: None },
                4 => NodeEvent::Uplink { ue, nas: &octets },
                5 => NodeEvent::RequestRelease { ue, cause: ReleaseCause::UserInactivity },
                6 => NodeEvent::Expired([NodeTimer::NgSetup, NodeTimer::TimeToWait, NodeTimer::NgReset][ue as usize]),
                7 => NodeEvent::Reset,
                _ if number % 5 == 0 => NodeEvent::AssociationDown,
                _ => NodeEvent::AssociationUp { streams_out: 3 },
            };
            gnb.handle(event, Instant::now(), &mut out);
            prop_assert!(gnb.connected() <= 3);
        }
    }
}

/// What a UE does about a step, without what the COUNT of a message decides.
fn take(phone: &mut Phone, network: &mut Network, step: &Step, last: &mut Vec<u8>) -> Vec<String> {
    let actions = match step {
        Step::Start(index) => phone.start(PROCEDURES[*index]),
        Step::Expire(index) => phone.handle(UeEvent::Expired(Timer::ALL[*index])),
        Step::Released => phone.handle(UeEvent::ConnectionReleased),
        Step::Refused => phone.handle(UeEvent::ConnectionRefused(ConnectionRefusal::CellAtCapacity)),
        Step::Paged => phone.handle(UeEvent::Paged),
        Step::SwitchOff => phone.handle(UeEvent::SwitchOff),
        Step::Establish(number) => phone.handle(UeEvent::EstablishSession(&session_request(*number))),
        Step::Modify(number) => phone.handle(UeEvent::ModifySession(SessionId::new(*number).unwrap())),
        Step::Release(number) => phone.handle(UeEvent::ReleaseSession(SessionId::new(*number).unwrap())),
        Step::Move(tac) => {
            phone.tac = u32::from(*tac);
            phone.handle(UeEvent::CellChanged)
        }
        Step::SwapUsim => phone.handle(UeEvent::SwapUsim(subscriber())),
        step => match downlink_of(step, network, last) {
            Some(octets) => {
                let actions = phone.downlink(&octets);
                *last = octets;
                actions
            }
            None => return Vec::new(),
        },
    };
    let said = actions.iter().map(|action| match action {
        UeAction::Connect { nas, cause, s_tmsi } => format!("connect {cause:?} {s_tmsi:?} {}", nas.len()),
        UeAction::Uplink(nas) => format!("uplink {:?} {}", nas.get(1), nas.len()),
        other => format!("{other:?}"),
    });
    said.collect()
}

fn gnb() -> Gnb {
    Gnb::new(GnbSettings {
        gnb_id: 1,
        name: "gnb-1".to_owned(),
        plmn: "001/01".parse().unwrap(),
        tac: identity::Tac::new(1).unwrap(),
        slices: vec!["1".parse().unwrap()],
        cells: 3,
        n3: None,
    })
}

/// PDUs to mutate: DOWNLINK NAS TRANSPORT, UE CONTEXT RELEASE COMMAND, NG RESET, NG SETUP FAILURE.
const MESSAGES: [&str; 4] = [
    "00044017000003000a0002000100550002000100260008077e0044160f012a",
    "002900100000020072000400010001000f40020500",
    "0014000d000002000f400205000058000100",
    "40150008000001000f400188",
];
