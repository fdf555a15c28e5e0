//! Whatever the other side sends: nothing panics, and every attempt ends exactly once.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::time::Instant;

use network::*;
use oxirush_nas::nas_5gs::*;
use proptest::collection::vec;
use proptest::prelude::*;
use signalling::{
    ConnectionRefusal, EstablishmentCause, Gnb, GnbEvent, GnbSettings, GnbTimer, Procedure, ReleaseCause,
    Retry, Timer, UeAction, UeEvent,
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
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..6).prop_map(Step::Start),
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
        2 => (0usize..12).prop_map(Step::Expire),
        1 => Just(Step::Released),
        1 => Just(Step::Refused),
        1 => Just(Step::Paged),
        1 => Just(Step::SwitchOff),
    ]
}

const PROCEDURES: [Procedure; 6] = [
    Procedure::Registration,
    Procedure::Deregistration,
    Procedure::ServiceRequest,
    Procedure::MobilityRegistrationUpdate,
    Procedure::PeriodicRegistrationUpdate,
    Procedure::RegistrationRetry,
];

/// Counts what began and what ended.
#[derive(Default)]
struct Ledger {
    begun: usize,
    ended: usize,
}

impl Ledger {
    fn take(&mut self, actions: &[UeAction]) {
        self.begun += started(actions).len();
        self.ended += outcomes(actions).len();
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
        }
        // The network is silent from now on: the timers of the attempt end it.
        for _ in 0..8 {
            if phone.ue.is_idle_for_attempts() {
                break;
            }
            let supervising = [Timer::T3510, Timer::T3517, Timer::T3521, Timer::T3520];
            let timer = supervising.into_iter().find(|timer| phone.timers.contains_key(timer));
            prop_assert!(timer.is_some(), "nothing ends the attempt: {:?}", phone.timers);
            ledger.take(&phone.expire(timer.unwrap()));
        }
        prop_assert!(phone.ue.is_idle_for_attempts());
        prop_assert_eq!(ledger.begun, ledger.ended);
    }

    /// The gNB takes any octets and any order of events.
    #[test]
    fn gnb_takes_anything(events in vec((0u8..9, any::<u32>(), vec(any::<u8>(), 0..60)), 0..40)) {
        let mut gnb = gnb();
        let mut out = Vec::new();
        gnb.handle(GnbEvent::AssociationUp { streams_out: 2 }, Instant::now(), &mut out);
        for (kind, number, octets) in events {
            let ue = number % 3;
            let mut pdu = hex::decode(MESSAGES[number as usize % MESSAGES.len()]).unwrap();
            for (index, octet) in octets.iter().enumerate().take(3) {
                let at = (*octet as usize + index) % pdu.len();
                pdu[at] ^= octets.last().copied().unwrap_or(0);
            }
            let event = match kind {
                0 => GnbEvent::Received { stream: 0, octets: &octets },
                1 | 2 => GnbEvent::Received { stream: 1, octets: &pdu },
                3 => GnbEvent::Connect { ue, cell: number % 4, nas: &octets, cause: EstablishmentCause::MoData, s_tmsi: None },
                4 => GnbEvent::Uplink { ue, nas: &octets },
                5 => GnbEvent::RequestRelease { ue, cause: ReleaseCause::UserInactivity },
                6 => GnbEvent::Expired([GnbTimer::NgSetup, GnbTimer::TimeToWait, GnbTimer::NgReset][ue as usize]),
                7 => GnbEvent::Reset,
                _ if number % 5 == 0 => GnbEvent::AssociationDown,
                _ => GnbEvent::AssociationUp { streams_out: 3 },
            };
            gnb.handle(event, Instant::now(), &mut out);
            prop_assert!(gnb.connected() <= 3);
        }
    }
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
