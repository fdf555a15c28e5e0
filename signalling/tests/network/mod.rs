//! The other side of a UE, for tests: what an AMF would send, made with the codec's own security context rather than ours.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "test support: a wrong constant is a failed test")]
#![allow(unused_qualifications, reason = "both sides have a Plmn and a Guti")]
#![allow(clippy::disallowed_methods, reason = "the one instant that a test counts from")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oxirush_nas::Direction;
use oxirush_nas::nas_5gs::*;
use oxirush_security::milenage::{Amf, K, Milenage, Opc, Sqn};
use oxirush_security::nas_5gs::{Supi, derive_kamf, derive_kausf, derive_kseaf};
use oxirush_security::{Autn, Rand};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use signalling::*;

pub(crate) const IMSI: &str = "001010000000007";
pub(crate) const SN_NAME: &[u8] = b"5G:mnc001.mcc001.3gppnetwork.org";

pub(crate) fn subscriber() -> Subscriber {
    Subscriber {
        imsi: IMSI.parse().unwrap(),
        plmn: "001/01".parse().unwrap(),
        k: "465B5CE8B199B49FAA5F0A2EE238A6BC".parse().unwrap(),
        opc: "E8ED289DEBA952E4283B54E88E6183CA".parse().unwrap(),
    }
}

pub(crate) fn settings() -> UeSettings {
    UeSettings {
        suci: SuciScheme::Null,
        ciphering: vec![0, 1, 2, 3],
        integrity: vec![1, 2, 3],
        requested_slices: vec!["1".parse().unwrap()],
        retry: Retry::Never,
        t3512: None,
    }
}

/// A UE with its driver: it keeps the timers, and what the UE did.
pub(crate) struct Phone {
    pub(crate) ue: Device,
    pub(crate) settings: UeSettings,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Instant,
    pub(crate) timers: BTreeMap<Timer, Duration>,
    pub(crate) plmn: identity::Plmn,
    pub(crate) tac: u32,
}

impl Phone {
    pub(crate) fn new(settings: UeSettings) -> Self {
        Self {
            ue: Device::new(&subscriber()),
            settings,
            rng: ChaCha8Rng::seed_from_u64(7),
            now: Instant::now(),
            timers: BTreeMap::new(),
            plmn: "001/01".parse().unwrap(),
            tac: 1,
        }
    }

    pub(crate) fn handle(&mut self, event: UeEvent<'_>) -> Vec<UeAction> {
        if let UeEvent::Expired(timer) = event {
            self.timers.remove(&timer);
        }
        let mut out = Vec::new();
        let tai = (self.plmn, identity::Tac::new(self.tac).unwrap());
        let mut context = Context { now: self.now, rng: &mut self.rng, settings: &self.settings, tai };
        self.ue.handle(event, &mut context, &mut out);
        for action in &out {
            match action {
                UeAction::SetTimer(timer, duration) => {
                    self.timers.insert(*timer, *duration);
                }
                UeAction::StopTimer(timer) => {
                    self.timers.remove(timer);
                }
                _ => {}
            }
        }
        out
    }

    pub(crate) fn start(&mut self, procedure: Procedure) -> Vec<UeAction> {
        self.handle(UeEvent::Start(procedure))
    }

    pub(crate) fn downlink(&mut self, nas: &[u8]) -> Vec<UeAction> {
        self.handle(UeEvent::Downlink(nas))
    }

    pub(crate) fn expire(&mut self, timer: Timer) -> Vec<UeAction> {
        assert!(self.timers.contains_key(&timer), "{timer} does not run: {:?}", self.timers);
        self.handle(UeEvent::Expired(timer))
    }
}

/// The one NAS PDU among the actions.
pub(crate) fn sent(actions: &[UeAction]) -> Vec<u8> {
    let mut pdus = actions.iter().filter_map(|action| match action {
        UeAction::Connect { nas, .. } | UeAction::Uplink(nas) => Some(nas.clone()),
        _ => None,
    });
    let pdu = pdus.next().unwrap_or_else(|| panic!("nothing sent: {actions:?}"));
    assert_eq!(pdus.next(), None, "{actions:?}");
    pdu
}

pub(crate) fn outcomes(actions: &[UeAction]) -> Vec<(Procedure, Outcome)> {
    actions
        .iter()
        .filter_map(|action| match action {
            UeAction::Finished { procedure, outcome } => Some((*procedure, *outcome)),
            _ => None,
        })
        .collect()
}

pub(crate) fn started(actions: &[UeAction]) -> Vec<Procedure> {
    actions
        .iter()
        .filter_map(|action| match action {
            UeAction::Started(procedure) => Some(*procedure),
            _ => None,
        })
        .collect()
}

pub(crate) fn unexpected(actions: &[UeAction]) -> Vec<&'static str> {
    actions
        .iter()
        .filter_map(|action| match action {
            UeAction::Unexpected(kind) => Some(*kind),
            _ => None,
        })
        .collect()
}

pub(crate) fn plain(message: impl Into<Nas5gmmMessage>) -> Vec<u8> {
    Nas5gsMessage::new_5gmm(message).encode().unwrap()
}

/// The network's part.
pub(crate) struct Network {
    pub(crate) sqn: u64,
    pub(crate) rand: [u8; 16],
    pub(crate) ng_ksi: u8,
    pub(crate) k_amf: Option<KAmf>,
    pub(crate) context: Option<NasSecurityContext>,
    pub(crate) tmsi: u32,
}

impl Default for Network {
    fn default() -> Self {
        Self { sqn: 32, rand: [0x23; 16], ng_ksi: 0, k_amf: None, context: None, tmsi: 0x1122_3344 }
    }
}

impl Network {
    pub(crate) fn milenage() -> Milenage {
        let subscriber = subscriber();
        Milenage::new(&K::new(&subscriber.k.0), &Opc::new(&subscriber.opc.0))
    }

    /// AUTHENTICATION REQUEST of the next SQN.
    pub(crate) fn challenge(&mut self) -> Vec<u8> {
        self.sqn += 32;
        self.challenge_with(self.sqn, [0x80, 0], None)
    }

    /// With any SQN, AMF field, and AUTN changed in one octet.
    pub(crate) fn challenge_with(&mut self, sqn: u64, amf: [u8; 2], spoil: Option<usize>) -> Vec<u8> {
        self.rand[0] = self.rand[0].wrapping_add(1);
        let rand = Rand::new(&self.rand);
        let vector =
            Self::milenage().authentication_vector(&rand, &Sqn::try_from(sqn).unwrap(), &Amf::new(&amf));
        let k_ausf = derive_kausf(vector.ck(), vector.ik(), SN_NAME, vector.autn()).unwrap();
        let k_seaf = derive_kseaf(&k_ausf, SN_NAME).unwrap();
        let supi = format!("imsi-{IMSI}");
        self.k_amf = Some(derive_kamf(&k_seaf, &Supi::parse(&supi).unwrap(), &[0, 0]).unwrap());
        let mut autn = *vector.autn().as_octets();
        if let Some(octet) = spoil {
            autn[octet] ^= 1;
        }
        plain(self.request(self.rand, autn))
    }

    fn request(&self, rand: [u8; 16], autn: [u8; 16]) -> NasAuthenticationRequest {
        NasAuthenticationRequest::new(NasKeySetIdentifier::new(self.ng_ksi), NasAbba::new(vec![0, 0]))
            .with_authentication_parameter_rand(NasAuthenticationParameterRand::from_rand(rand))
            .with_authentication_parameter_autn(NasAuthenticationParameterAutn::from_autn(autn))
    }

    /// The RES* that answers the last challenge.
    pub(crate) fn res_star(&self, sqn: u64) -> [u8; 16] {
        let rand = Rand::new(&self.rand);
        let vector = Self::milenage().authentication_vector(
            &rand,
            &Sqn::try_from(sqn).unwrap(),
            &Amf::new(&[0x80, 0]),
        );
        let autn: &Autn = vector.autn();
        *Self::milenage().check_autn(&rand, autn).unwrap().res_star(SN_NAME).unwrap().as_octets()
    }

    /// A context of the last challenge.
    pub(crate) fn fresh_context(&mut self, nea: CipheringAlgorithm, nia: IntegrityAlgorithm) {
        let k_amf = self.k_amf.as_ref().unwrap();
        self.context = Some(NasSecurityContext::from_fresh_kamf(k_amf, nia, nea).unwrap());
    }

    pub(crate) fn command(&self, nea: CipheringAlgorithm, nia: IntegrityAlgorithm) -> NasSecurityModeCommand {
        NasSecurityModeCommand::new(
            NasSecurityAlgorithms::from_algorithms(nea, nia),
            NasKeySetIdentifier::new(self.ng_ksi),
            NasUeSecurityCapability::new(vec![0xf0, 0x70]),
        )
    }

    /// SECURITY MODE COMMAND under a new context of NEA2 and NIA2.
    pub(crate) fn security_mode_command(&mut self) -> Vec<u8> {
        let (nea, nia) = (CipheringAlgorithm::NEA2, IntegrityAlgorithm::NIA2);
        self.fresh_context(nea, nia);
        self.protect_new(self.command(nea, nia))
    }

    pub(crate) fn protect_new(&mut self, message: impl Into<Nas5gmmMessage>) -> Vec<u8> {
        let header = Nas5gsSecurityHeaderType::IntegrityProtectedWithNewFiveGNasSecurityContext;
        let message = Nas5gsMessage::new_5gmm(message);
        self.context.as_mut().unwrap().protect(&message, header, Direction::Downlink).unwrap()
    }

    pub(crate) fn protect(&mut self, message: impl Into<Nas5gmmMessage>) -> Vec<u8> {
        let header = Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered;
        let message = Nas5gsMessage::new_5gmm(message);
        self.context.as_mut().unwrap().protect(&message, header, Direction::Downlink).unwrap()
    }

    /// What the UE sent, verified where it is protected.
    pub(crate) fn read(&mut self, nas: &[u8]) -> Nas5gmmMessage {
        let message = if nas[1] & 0x0f == 0 {
            Nas5gsMessage::decode(nas).unwrap()
        } else {
            self.context.as_mut().unwrap().unprotect(nas, Direction::Uplink).unwrap().message
        };
        let Nas5gsMessage::Gmm(_, message) = message else { panic!("{message}") };
        message
    }

    pub(crate) fn guti(&self) -> NasFGsMobileIdentity {
        let plmn = oxirush_nas::nas_5gs::Plmn::new("001", "01").unwrap();
        NasFGsMobileIdentity::from_guti(oxirush_nas::nas_5gs::Guti::new(plmn, 1, 1, 0, self.tmsi).unwrap())
    }

    pub(crate) fn accept(&self) -> NasRegistrationAccept {
        let plmn = oxirush_nas::nas_5gs::Plmn::new("001", "01").unwrap();
        let result = NasFGsRegistrationResult::from_result(RegistrationResult::ThreeGppAccess);
        NasRegistrationAccept::new(result)
            .with_fg_guti(self.guti())
            .with_tai_list(NasFGsTrackingAreaIdentityList::from_plmn_tacs(&plmn, &[1, 2]).unwrap())
            .with_allowed_nssai(NasNssai::from_snssais(&[NasSNssai::from_sst_sd(1, None)]).unwrap())
            .with_t3512_value(NasT3512Value::from_seconds(1800).unwrap())
    }
}

/// A UE that registered and is still connected, with its network.
pub(crate) fn registered(settings: UeSettings) -> (Phone, Network) {
    let (mut phone, mut network) = (Phone::new(settings), Network::default());
    register(&mut phone, &mut network);
    (phone, network)
}

pub(crate) fn register(phone: &mut Phone, network: &mut Network) {
    phone.start(Procedure::Registration);
    phone.downlink(&network.challenge());
    let complete = sent(&phone.downlink(&network.security_mode_command()));
    network.read(&complete);
    let accept = network.accept();
    let actions = phone.downlink(&network.protect(accept));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Succeeded)]);
    network.read(&sent(&actions));
}

/// A UE that registered and is idle.
pub(crate) fn idle(settings: UeSettings) -> (Phone, Network) {
    let (mut phone, network) = registered(settings);
    phone.handle(UeEvent::ConnectionReleased);
    (phone, network)
}

// 5GSM.

impl Network {
    /// A 5GSM message in a DL NAS TRANSPORT.
    pub(crate) fn session(&mut self, message: impl Into<Nas5gsmMessage>, session: u8, pti: u8) -> Vec<u8> {
        self.payload(Nas5gsMessage::new_5gsm(message, session, pti).encode().unwrap())
    }

    pub(crate) fn payload(&mut self, payload: Vec<u8>) -> Vec<u8> {
        self.protect(transport(payload))
    }

    /// A message of the UE that comes back.
    pub(crate) fn not_forwarded(&mut self, payload: Vec<u8>, cause: u8) -> Vec<u8> {
        self.protect(transport(payload).with_fgmm_cause(NasFGmmCause::new(cause)))
    }
}

fn transport(payload: Vec<u8>) -> NasDlNasTransport {
    NasDlNasTransport::new(
        NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation),
        NasPayloadContainer::new(payload),
    )
    .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(5))
}

pub(crate) fn session_request(number: u8) -> SessionRequest {
    SessionRequest {
        id: identity::SessionId::new(number).unwrap(),
        dnn: "internet".parse().unwrap(),
        type_: identity::PduSessionType::Ipv4,
        slice: "1".parse().unwrap(),
    }
}

/// 10.45.0.2, QFI 9, 100 and 50 Mbit/s, charging identifier 01020304.
pub(crate) fn session_accept() -> NasPduSessionEstablishmentAccept {
    let everything = QosPacketFilter::Match {
        direction: QosPacketFilterDirection::Bidirectional,
        identifier: 1,
        components: vec![QosPacketFilterComponent::MatchAll],
    };
    let rule = QosRule::new(1, QosRuleOpCode::Create)
        .with_default_rule(true)
        .with_packet_filters(vec![everything])
        .with_precedence(255)
        .with_qfi(9);
    let charging = PcoEntry { identifier: 0xff00, contents: vec![1, 2, 3, 4] };
    let options = Pco::new(0, vec![charging]);
    NasPduSessionEstablishmentAccept::new(
        NasPduSessionType::new(1),
        NasSscMode::from_mode(SscModeValue::Ssc1),
        NasQosRules::from_rules(&[rule]).unwrap(),
        NasSessionAmbr::from_kbps(100_000, 50_000).unwrap(),
    )
    .with_pdu_address(NasPduAddress::from_ipv4([10, 45, 0, 2]))
    .with_extended_protocol_configuration_options(
        NasExtendedProtocolConfigurationOptions::from_pco(&options, PcoDirection::Downlink).unwrap(),
    )
}

/// Establishes a session of a UE that is connected.
pub(crate) fn establish(phone: &mut Phone, network: &mut Network, number: u8) {
    let request = sent(&phone.handle(UeEvent::EstablishSession(&session_request(number))));
    let Nas5gmmMessage::UlNasTransport(transport) = network.read(&request) else { panic!() };
    let pti = transport.payload_container.value[2];
    let actions = phone.downlink(&network.session(session_accept(), number, pti));
    assert_eq!(outcomes(&actions), [(Procedure::PduSession, Outcome::Succeeded)]);
}

/// A UE that is connected and has session 5, established by PTI 1.
pub(crate) fn with_session(settings: UeSettings) -> (Phone, Network) {
    let (mut phone, mut network) = registered(settings);
    establish(&mut phone, &mut network, 5);
    (phone, network)
}
