//! Every kind of message that we send is decoded by pycrate, an independent implementation.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::time::Instant;

use network::*;
use oracles::{Kind, assert_pycrate_decodes};
use oxirush_nas::nas_5gs::*;
use oxirush_ngap::helpers::{guami, plmn, s_nssai};
use oxirush_ngap::ngap;
use oxirush_ngap::ngap::{
    AMFUENGAPID, Cause, CauseMisc, CauseNas, NGAP_PDU, RANUENGAPID, ResetAll, ResetType, UENGAPIDPair,
    UENGAPIDs,
};
use oxirush_ngap::{build_ngap, extract_ngap_ies};
use signalling::{
    EstablishmentCause, Gnb, GnbSettings, NodeAction, NodeEvent, Procedure, ReleaseCause, STmsi, SuciScheme,
    Timer, UeAction, UeEvent, UeSettings,
};

#[test]
fn everything_we_send_is_decoded_by_pycrate() {
    let nas = nas().into_iter().map(|octets| (Kind::Nas, octets));
    let messages: Vec<_> = nas.chain(ngap_pdus().into_iter().map(|octets| (Kind::Ngap, octets))).collect();
    assert!(messages.len() > 30, "{}", messages.len());
    assert_pycrate_decodes(messages);
}

/// Each kind of NAS message, plain or readable under its security header: the cipher is NEA0.
fn nas() -> Vec<Vec<u8>> {
    let mut pdus = Vec::new();
    let key = oxirush_security::nas_5gs::HomeNetworkPrivateKey::profile_a(&[7; 32]).public_key();
    let profile_a = SuciScheme::ProfileA { key_id: 1, public_key: key.to_octets().try_into().unwrap() };
    for suci in [SuciScheme::Null, profile_a] {
        let settings = UeSettings { suci, ciphering: vec![0], ..settings() };
        let (mut phone, mut network) = (Phone::new(settings), Network::default());
        pdus.extend(all(phone.start(Procedure::Registration)));
        pdus.extend(all(phone.downlink(&plain(NasIdentityRequest::new(NasFGsIdentityType::new(1))))));
        let spoilt = network.challenge_with(64, [0x80, 0], Some(15));
        pdus.extend(all(phone.downlink(&spoilt)));
        pdus.extend(all(phone.downlink(&network.challenge())));
        let stale = network.challenge_with(32, [0x80, 0], None);
        pdus.extend(all(phone.downlink(&stale)));
        pdus.extend(all(phone.downlink(&network.challenge())));
        let (nea, nia) = (CipheringAlgorithm::NEA0, IntegrityAlgorithm::NIA2);
        network.fresh_context(nea, nia);
        let command = |replayed| {
            let mut command = network.command(nea, nia).with_imeisv_request(NasImeisvRequest::new(1));
            command.replayed_ue_security_capabilities = NasUeSecurityCapability::new(vec![replayed, 0x70]);
            command
        };
        let (refused, taken) = (command(0xf0), command(0x80));
        let refused = network.protect_new(refused);
        pdus.extend(all(phone.downlink(&refused)));
        let taken = network.protect_new(taken);
        pdus.extend(all(phone.downlink(&taken)));
        let accept = network.accept();
        pdus.extend(all(phone.downlink(&network.protect(accept))));
        for kind in 1..=6 {
            let request = NasIdentityRequest::new(NasFGsIdentityType::new(kind));
            pdus.extend(all(phone.downlink(&network.protect(request))));
        }
        let update = NasConfigurationUpdateCommand::new()
            .with_configuration_update_indication(NasConfigurationUpdateIndication::from_flags(true, false));
        pdus.extend(all(phone.downlink(&network.protect(update))));
        pdus.extend(all(phone.downlink(&network.protect(NasServiceAccept::new()))));
        let notification = NasNotification::new(NasAccessType::new(2));
        pdus.extend(all(phone.downlink(&network.protect(notification))));
        pdus.extend(sessions(&mut phone, &mut network));
        pdus.extend(all(phone.start(Procedure::MobilityRegistrationUpdate)));
        phone.handle(UeEvent::ConnectionReleased);
        pdus.extend(all(phone.start(Procedure::MobilityRegistrationUpdate)));
        phone.handle(UeEvent::ConnectionReleased);
        pdus.extend(all(phone.expire(Timer::T3512)));
        phone.handle(UeEvent::ConnectionReleased);
        pdus.extend(all(phone.start(Procedure::ServiceRequest)));
        phone.handle(UeEvent::ConnectionReleased);
        pdus.extend(all(phone.handle(UeEvent::Paged)));
        let demand = NasDeregistrationRequestUeTerminated::new(NasDeRegistrationType::default());
        pdus.extend(all(phone.downlink(&network.protect(demand))));
        phone.handle(UeEvent::ConnectionReleased);
        pdus.extend(all(phone.start(Procedure::Registration)));
        let accept = network.accept();
        pdus.extend(all(phone.downlink(&network.protect(accept))));
        pdus.extend(all(phone.start(Procedure::Deregistration)));
        phone.handle(UeEvent::ConnectionReleased);
        pdus.extend(all(phone.start(Procedure::Registration)));
        let accept = network.accept();
        pdus.extend(all(phone.downlink(&network.protect(accept))));
        pdus.extend(all(phone.handle(UeEvent::SwitchOff)));
    }
    pdus
}

/// Each kind of 5GSM message, and what tells the network of sessions.
fn sessions(phone: &mut Phone, network: &mut Network) -> Vec<Vec<u8>> {
    use identity::PduSessionType as Type;
    let mut pdus = Vec::new();
    let mut pti = 0;
    for (number, type_) in [(1, Type::Ipv4), (2, Type::Ipv6), (3, Type::Ipv4v6)] {
        let slice = if number == 2 { "1-00002a" } else { "1" }.parse().unwrap();
        let request = signalling::SessionRequest { type_, slice, ..session_request(number) };
        pdus.extend(all(phone.handle(UeEvent::EstablishSession(&request))));
        pti += 1;
        phone.downlink(&network.session(session_accept(), number, pti));
    }
    pdus.extend(all(phone.start(Procedure::PduSessionModification)));
    let command = NasPduSessionModificationCommand::new();
    pdus.extend(all(phone.downlink(&network.session(command.clone(), 1, 4))));
    pdus.extend(all(phone.downlink(&network.session(command, 9, 0))));
    pdus.extend(all(phone.start(Procedure::PduSessionRelease)));
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(36));
    pdus.extend(all(phone.downlink(&network.session(command.clone(), 1, 5))));
    pdus.extend(all(phone.downlink(&network.session(command, 9, 0))));
    phone.handle(UeEvent::ConnectionReleased);
    pdus.extend(all(phone.start(Procedure::ServiceRequest)));
    phone.handle(UeEvent::ConnectionReleased);
    pdus
}

fn all(actions: Vec<UeAction>) -> Vec<Vec<u8>> {
    let pdus: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            UeAction::Connect { nas, .. } | UeAction::Uplink(nas) => Some(nas.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(pdus.len(), 1, "{actions:?}");
    pdus
}

fn setup_response() -> Result<NGAP_PDU, oxirush_ngap::Error> {
    let network = plmn("001", "01")?;
    let slices = ngap::SliceSupportList(vec![ngap::SliceSupportItem::new(s_nssai(1, None), None)]);
    let guami = ngap::ServedGUAMIItem::new(guami(network, 1, 1, 0)?, None, None);
    build_ngap!(
        SuccessfulOutcome,
        NGSetup,
        NGSetupResponse,
        AMFName("amf-1"),
        ServedGUAMIList(ngap::ServedGUAMIList(vec![guami])),
        RelativeAMFCapacity(ngap::RelativeAMFCapacity(255)),
        PLMNSupportList(ngap::PLMNSupportList(vec![ngap::PLMNSupportItem::new(network, slices, None)])),
    )
}

/// Each kind of NGAP PDU.
fn ngap_pdus() -> Vec<Vec<u8>> {
    let mut driver = Driver::new();
    driver.handle(NodeEvent::AssociationUp { streams_out: 4 });
    driver.receive(setup_response());
    let nas = [0x7e, 0, 0x41, 0x79, 0, 0x0d, 1, 0, 0xf1, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];
    let nas = nas.as_slice();
    let cause = EstablishmentCause::MoSignalling;
    driver.handle(NodeEvent::Connect { ue: 1, cell: 0, nas, cause, s_tmsi: STmsi::new(1, 0, 7) });
    let first = driver.ran();
    let cause = EstablishmentCause::MtAccess;
    driver.handle(NodeEvent::Connect { ue: 2, cell: 2, nas, cause, s_tmsi: None });
    let second = driver.ran();
    for (amf, ran) in [(41, first), (42, second)] {
        driver.receive(build_ngap!(
            InitiatingMessage,
            DownlinkNASTransport,
            DownlinkNASTransport,
            AMF_UE_NGAP_ID(amf as u64),
            RAN_UE_NGAP_ID(ran),
            NAS_PDU(vec![0x7eu8, 0, 0x5c, 0]),
        ));
    }
    driver.handle(NodeEvent::Uplink { ue: 1, nas: &[0x7e, 0, 0x43] });
    let setup = |complete: bool| {
        let network = oxirush_ngap::helpers::plmn("001", "01").unwrap();
        let slice = ngap::AllowedNSSAIItem::new(oxirush_ngap::helpers::s_nssai(1, None), None);
        let guami = oxirush_ngap::helpers::guami(network, 1, 1, 0).unwrap();
        let capabilities = oxirush_ngap::helpers::ue_security_capabilities(0xe0, 0xe0);
        if complete {
            build_ngap!(
                InitiatingMessage,
                InitialContextSetup,
                InitialContextSetupRequest,
                AMF_UE_NGAP_ID(41u64),
                RAN_UE_NGAP_ID(first),
                GUAMI(guami),
                AllowedNSSAI(ngap::AllowedNSSAI(vec![slice])),
                UESecurityCapabilities(capabilities),
                SecurityKey([1; 32]),
            )
        } else {
            build_ngap!(
                InitiatingMessage,
                InitialContextSetup,
                InitialContextSetupRequest,
                AMF_UE_NGAP_ID(41u64),
                RAN_UE_NGAP_ID(first),
                GUAMI(guami),
            )
        }
    };
    driver.receive(setup(true));
    driver.receive(setup(false));
    driver.handle(NodeEvent::RequestRelease { ue: 1, cause: ReleaseCause::UserInactivity });
    driver.handle(NodeEvent::RequestRelease { ue: 2, cause: ReleaseCause::RadioConnectionLost });
    driver.receive(build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(42u64),
        RAN_UE_NGAP_ID(second),
        NAS_PDU(vec![0x7eu8, 0, 0x44, 22]),
    ));
    let pair = UENGAPIDPair::new(AMFUENGAPID(41), RANUENGAPID(first), None);
    driver.receive(build_ngap!(
        InitiatingMessage,
        UEContextRelease,
        UEContextReleaseCommand,
        UE_NGAP_IDs(UENGAPIDs::uE_NGAP_ID_pair(pair)),
        Cause(Cause::nas(CauseNas::normal_release)),
    ));
    driver.receive(build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(7u64),
        RAN_UE_NGAP_ID(7000u32),
        NAS_PDU(vec![0x7eu8, 0, 0x44, 22]),
    ));
    driver.receive(build_ngap!(
        InitiatingMessage,
        PDUSessionResourceSetup,
        PDUSessionResourceSetupRequest,
        AMF_UE_NGAP_ID(42u64),
        RAN_UE_NGAP_ID(second),
    ));
    driver.receive(build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(42u64),
    ));
    driver.handle(NodeEvent::Received { stream: 0, octets: &[0xff; 3] });
    driver.receive(build_ngap!(InitiatingMessage, AMFConfigurationUpdate, AMFConfigurationUpdate,));
    let item = ngap::UEAssociatedLogicalNGConnectionItem::new(Some(AMFUENGAPID(42)), None, None);
    let part = ngap::UEAssociatedLogicalNGConnectionList(vec![item]);
    for reset in [ResetType::partOfNG_Interface(part), ResetType::nG_Interface(ResetAll::reset_all)] {
        driver.receive(build_ngap!(
            InitiatingMessage,
            NGReset,
            NGReset,
            Cause(Cause::misc(CauseMisc::unspecified)),
            ResetType(reset),
        ));
    }
    driver.handle(NodeEvent::Reset);
    driver.sent
}

struct Driver {
    gnb: Gnb,
    sent: Vec<Vec<u8>>,
}

impl Driver {
    fn new() -> Self {
        let gnb = Gnb::new(GnbSettings {
            gnb_id: 1,
            name: "gnb-1".to_owned(),
            plmn: "001/01".parse().unwrap(),
            tac: identity::Tac::new(1).unwrap(),
            slices: vec!["1".parse().unwrap(), "2".parse().unwrap()],
            cells: 3,
            n3: None,
        });
        Self { gnb, sent: Vec::new() }
    }

    fn handle(&mut self, event: NodeEvent<'_>) {
        let mut out = Vec::new();
        self.gnb.handle(event, Instant::now(), &mut out);
        let sent = out.into_iter().filter_map(|action| match action {
            NodeAction::Send { octets, .. } => Some(octets),
            _ => None,
        });
        self.sent.extend(sent);
    }

    fn receive(&mut self, pdu: Result<NGAP_PDU, oxirush_ngap::Error>) {
        self.handle(NodeEvent::Received { stream: 0, octets: &pdu.unwrap().encode().unwrap() });
    }

    /// The RAN UE NGAP ID of the last INITIAL UE MESSAGE.
    fn ran(&self) -> u32 {
        let pdu = NGAP_PDU::decode(self.sent.last().unwrap()).unwrap();
        let read = || -> Result<u32, oxirush_ngap::Error> {
            extract_ngap_ies!(pdu, InitialUEMessage, req ran: u32 = RAN_UE_NGAP_ID(id),);
            Ok(ran)
        };
        read().unwrap()
    }
}
