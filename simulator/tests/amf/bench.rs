//! An AMF with one gNB on a virtual clock.

use std::time::{Duration, Instant};

use oxirush_ngap::helpers::*;
use oxirush_ngap::{NgapPduKind, build_ngap, extract_ngap_ies, ngap::*};
use simulator::amf::{Message, Refusal, ServedNetwork};
use simulator::{
    Amf, AmfAction, AmfEvent, AmfSettings, Chf, ChfSettings, Command, Core, Moment, Output, SessionSettings,
    Sessions, Subscribers, Upf, UpfSettings,
};

use crate::ran;
use crate::subscriber::Everyone;
use crate::ue::TestUe;

/// The association of the gNB that is there from the start.
pub(crate) const GNB: u32 = 1;

pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) now: Instant,
    /// All that the AMF sent.
    pub(crate) pdus: Vec<Vec<u8>>,
    ran_ue_id: u32,
}

/// What the AMF did, decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Did {
    Nas {
        amf_id: u64,
        ran_id: u32,
        nas: Vec<u8>,
        kgnb: Option<[u8; 32]>,
        sessions: Vec<u8>,
    },
    /// Another message to a gNB: of sessions, or of a handover.
    Other(u32, String, Vec<u8>),
    Release {
        amf_id: u64,
        ran_id: u32,
        cause: String,
    },
    SetupResponse(u32),
    SetupFailure(u32, String),
    Error(u32, String),
    Paging(u32, [u8; 4]),
    Reset(u32),
    ResetAcknowledge(u32),
    Close(u32),
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let mut bench = Self::without_gnb(settings);
        assert_eq!(bench.set_up(GNB, 1), [Did::SetupResponse(GNB)]);
        bench
    }

    pub(crate) fn without_gnb(settings: Settings) -> Self {
        Self::unconnected(settings, Everyone::default())
    }

    /// With other subscribers.
    pub(crate) fn of(settings: Settings, subscribers: Everyone) -> Self {
        let mut bench = Self::unconnected(settings, subscribers);
        assert_eq!(bench.set_up(GNB, 1), [Did::SetupResponse(GNB)]);
        bench
    }

    fn unconnected(settings: Settings, subscribers: Everyone) -> Self {
        let amf = Amf::new(settings.amf);
        let subscribers = Subscribers::new(Box::new(subscribers));
        let upf = Upf::new(UpfSettings::new([127, 0, 0, 9].into(), 1));
        let chf = Chf::new(ChfSettings {
            tariff: billing::Tariff::default(),
            quota: None,
            faults: scenarios::ChargingFaults::default(),
            seed: 1,
        });
        let core = Core::new(amf, subscribers, Sessions::new(settings.sessions), upf, chf);
        Self { core, now: Instant::now(), pdus: Vec::new(), ran_ue_id: 0 }
    }

    pub(crate) fn set_up(&mut self, association: u32, gnb_id: u32) -> Vec<Did> {
        self.event(AmfEvent::AssociationUp { association, streams_out: 8 });
        self.ngap(association, &ng_setup("001", "01", [0, 0, 1], 1, gnb_id))
    }

    pub(crate) fn event(&mut self, event: AmfEvent<'_>) -> Vec<Did> {
        let mut out = Output::default();
        self.core.handle(self.at(), event, &mut out);
        self.did(out)
    }

    /// Downlink data waits for a session.
    pub(crate) fn downlink_data(&mut self, teid: u32) -> Vec<Did> {
        let mut out = Output::default();
        self.core.downlink_data(self.at(), teid, &mut out);
        self.did(out)
    }

    fn at(&self) -> Moment {
        Moment { now: self.now, wall_us: 0 }
    }

    fn did(&mut self, out: Output) -> Vec<Did> {
        self.remember(&out.signalling);
        out.signalling.iter().map(decode).collect()
    }

    fn remember(&mut self, actions: &[AmfAction]) {
        self.pdus.extend(actions.iter().filter_map(|action| match action {
            AmfAction::Send { octets, .. } => Some(octets.clone()),
            AmfAction::Close { .. } => None,
        }));
    }

    pub(crate) fn ngap(&mut self, association: u32, octets: &[u8]) -> Vec<Did> {
        self.event(AmfEvent::Received { association, stream: 0, octets })
    }

    pub(crate) fn command(&mut self, command: Command) -> Vec<Did> {
        self.event(AmfEvent::Command(command))
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Did> {
        let end = self.now + time;
        let mut out = Output::default();
        while let Some(deadline) = self.core.next_signalling_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.core.advance(self.at(), &mut out);
        }
        self.now = end;
        self.did(out)
    }

    /// An INITIAL UE MESSAGE of a new connection.
    pub(crate) fn initial(&mut self, ue: &mut TestUe, nas: Vec<u8>) -> Vec<Did> {
        self.initial_on(ue.association, ue, nas)
    }

    pub(crate) fn initial_on(&mut self, association: u32, ue: &mut TestUe, nas: Vec<u8>) -> Vec<Did> {
        self.ran_ue_id += 1;
        ue.ran_id = self.ran_ue_id;
        ue.amf_id = 0;
        let did = self.ngap(association, &initial_ue_message_in(ue.plmn, ue.ran_id, nas, [0, 0, ue.tac]));
        for did in &did {
            if let Did::Nas { amf_id, ran_id, .. } | Did::Release { amf_id, ran_id, .. } = did
                && *ran_id == ue.ran_id
            {
                ue.amf_id = *amf_id;
            }
        }
        did
    }

    pub(crate) fn uplink(&mut self, ue: &TestUe, nas: Vec<u8>) -> Vec<Did> {
        self.ngap(
            ue.association,
            &uplink_nas_transport_in(ue.plmn, [0, 0, ue.tac], ue.amf_id, ue.ran_id, nas),
        )
    }

    /// Carries messages between the UE, its gNB and the AMF until nobody has anything to say. What the AMF did.
    pub(crate) fn settle(&mut self, ue: &mut TestUe, did: Vec<Did>) -> Vec<Did> {
        let mut all = Vec::new();
        let mut queue = std::collections::VecDeque::from(did);
        while let Some(did) = queue.pop_front() {
            match &did {
                Did::Nas { amf_id, ran_id, nas, kgnb, sessions } if *ran_id == ue.ran_id => {
                    ue.amf_id = *amf_id;
                    if kgnb.is_some() {
                        let response = ran::initial_context_setup_response(*amf_id, *ran_id, sessions);
                        queue.extend(self.ngap(ue.association, &response));
                    }
                    if let Some(answer) = ue.receive(nas) {
                        queue.extend(self.uplink(ue, answer));
                    }
                }
                Did::Release { amf_id, ran_id, .. } => {
                    let association = self.association_of(ue, *ran_id);
                    queue.extend(self.ngap(association, &ue_context_release_complete(*amf_id, *ran_id)));
                }
                Did::Other(association, _, octets) => {
                    let (answers, nas) = ran::answer(*association, octets);
                    for answer in answers {
                        queue.extend(self.ngap(*association, &answer));
                    }
                    for pdu in nas {
                        if let Some(answer) = ue.receive(&pdu) {
                            queue.extend(self.uplink(ue, answer));
                        }
                    }
                }
                _ => {}
            }
            all.push(did);
        }
        all
    }

    fn association_of(&self, ue: &TestUe, ran_id: u32) -> u32 {
        if ran_id == ue.ran_id { ue.association } else { ue.left.unwrap_or(ue.association) }
    }

    /// Establishes a session of a connected UE.
    pub(crate) fn establish(&mut self, ue: &mut TestUe, id: u8) -> Vec<Did> {
        let request = ue.session_request(id, id, "internet");
        let did = self.uplink(ue, request);
        self.settle(ue, did)
    }

    /// What the SMF and the UPF hold, always the same; nothing else is charged, and what has no resources yet is not.
    pub(crate) fn sessions(&self) -> usize {
        let smf = self.core.statistics().sessions;
        assert_eq!(self.core.upf.all_volumes().count(), smf);
        assert!(self.core.chf.open_sessions().len() <= smf);
        smf
    }

    /// A packet of 500 octets comes up in the first session.
    pub(crate) fn uplink_packet(&mut self, teid: u32) {
        self.uplink_packet_from(GNB, teid);
    }

    /// The same from another gNB.
    pub(crate) fn uplink_packet_from(&mut self, gnb: u32, teid: u32) {
        let from = std::net::Ipv4Addr::new(10, 0, 0, 1).into();
        let to = std::net::Ipv4Addr::new(198, 51, 100, 1).into();
        let path = gtpu::Packet { from, to, from_port: 9, to_port: 9 };
        let (mut t_pdu, mut octets) = (Vec::new(), Vec::new());
        gtpu::build(&path, 500, &mut t_pdu).unwrap();
        let qos_flow = Some(gtpu::QosFlow { direction: gtpu::Direction::Uplink, qfi: 1 });
        let packet = gtpu::GPdu { teid, sequence: None, qos_flow, t_pdu: &t_pdu };
        gtpu::Message::GPdu(packet).encode(&mut octets).unwrap();
        let gnb = u8::try_from(gnb).unwrap();
        self.core.upf.received(self.now, ([127, 0, 1, gnb], gtpu::PORT).into(), &octets);
    }

    /// Runs a whole registration.
    pub(crate) fn register(&mut self, ue: &mut TestUe) -> Vec<Did> {
        let request = ue.registration_request();
        let did = self.initial(ue, request);
        self.settle(ue, did)
    }

    pub(crate) fn refusals(&self, reason: Refusal) -> u64 {
        self.core.statistics().refusals(reason)
    }

    pub(crate) fn sent(&self, message: Message) -> u64 {
        self.core.statistics().sent(message)
    }
}

/// The settings of an AMF, and of its sessions.
#[derive(Clone)]
pub(crate) struct Settings {
    amf: AmfSettings,
    pub(crate) sessions: SessionSettings,
}

impl std::ops::Deref for Settings {
    type Target = AmfSettings;

    fn deref(&self) -> &AmfSettings {
        &self.amf
    }
}

impl std::ops::DerefMut for Settings {
    fn deref_mut(&mut self) -> &mut AmfSettings {
        &mut self.amf
    }
}

pub(crate) fn settings() -> Settings {
    Settings { amf: AmfSettings::new("001/01".parse().unwrap()), sessions: SessionSettings::default() }
}

pub(crate) fn network(plmn: &str, tac: u32) -> ServedNetwork {
    ServedNetwork { plmn: plmn.parse().unwrap(), tacs: vec![identity::Tac::new(tac).unwrap()] }
}

/// The NAS PDUs among what the AMF did.
pub(crate) fn nas(did: &[Did]) -> Vec<Vec<u8>> {
    did.iter()
        .filter_map(|did| if let Did::Nas { nas, .. } = did { Some(nas.clone()) } else { None })
        .collect()
}

pub(crate) fn released(did: &[Did]) -> bool {
    did.iter().any(|did| matches!(did, Did::Release { .. }))
}

fn decode(action: &AmfAction) -> Did {
    match action {
        AmfAction::Close { association } => Did::Close(*association),
        AmfAction::Send { association, octets, .. } => {
            let pdu = NGAP_PDU::decode(octets).unwrap();
            let mut deviations = pdu.check().unwrap();
            // A container between gNBs is as the source has made it.
            deviations.retain(|deviation| {
                !matches!(deviation, oxirush_ngap::Deviation::UndecodableIe { id: 84, .. })
            });
            assert_eq!(deviations, [], "{pdu}: what we send deviates from the specification");
            read(*association, &pdu).unwrap()
        }
    }
}

fn read(association: u32, pdu: &NGAPPDU<'_>) -> Result<Did, oxirush_ngap::Error> {
    Ok(match pdu.kind() {
        NgapPduKind::Initiating_DownlinkNASTransport => {
            extract_ngap_ies!(pdu, DownlinkNASTransport,
                req amf_id: u64 = AMF_UE_NGAP_ID(id),
                req ran_id: u32 = RAN_UE_NGAP_ID(id),
                req nas: NASPDU = NAS_PDU(nas) => nas,
            );
            Did::Nas { amf_id, ran_id, nas: nas.0.as_slice().to_vec(), kgnb: None, sessions: Vec::new() }
        }
        NgapPduKind::Initiating_InitialContextSetup => {
            extract_ngap_ies!(pdu, InitialContextSetupRequest,
                req amf_id: u64 = AMF_UE_NGAP_ID(id),
                req ran_id: u32 = RAN_UE_NGAP_ID(id),
                req nas: NASPDU = NAS_PDU(nas) => nas,
                req key: SecurityKey = SecurityKey(key) => key,
                opt list: PDUSessionResourceSetupListCxtReq = PDUSessionResourceSetupListCxtReq(list) => list,
            );
            let kgnb = Some(key.0.as_octets().try_into().unwrap());
            let items = list.iter().flat_map(|list| &list.0);
            let sessions = items.map(|item| item.pdu_session_id.0).collect();
            Did::Nas { amf_id, ran_id, nas: nas.0.as_slice().to_vec(), kgnb, sessions }
        }
        NgapPduKind::Initiating_UEContextRelease => {
            extract_ngap_ies!(pdu, UEContextReleaseCommand,
                req ids: UENGAPIDs = UE_NGAP_IDs(ids) => ids,
                req cause: Cause = Cause(cause) => cause,
            );
            let (amf_id, ran_id) = match ids {
                UENGAPIDs::uE_NGAP_ID_pair(pair) => (pair.amf_ue_ngap_id.0, pair.ran_ue_ngap_id.0),
                UENGAPIDs::aMF_UE_NGAP_ID(id) => (id.0, 0),
                other => panic!("{other:?}"),
            };
            Did::Release { amf_id, ran_id, cause: format!("{cause:?}") }
        }
        NgapPduKind::Successful_NGSetup => Did::SetupResponse(association),
        NgapPduKind::Unsuccessful_NGSetup => {
            extract_ngap_ies!(pdu, NGSetupFailure, req cause: Cause = Cause(cause) => cause,);
            Did::SetupFailure(association, format!("{cause:?}"))
        }
        NgapPduKind::Initiating_ErrorIndication => {
            extract_ngap_ies!(pdu, ErrorIndication, req cause: Cause = Cause(cause) => cause,);
            Did::Error(association, format!("{cause:?}"))
        }
        NgapPduKind::Initiating_Paging => {
            extract_ngap_ies!(pdu, Paging, req who: UEPagingIdentity = UEPagingIdentity(who) => who,);
            let UEPagingIdentity::fiveG_S_TMSI(s_tmsi) = who else { panic!("no 5G-S-TMSI") };
            Did::Paging(association, s_tmsi.five_g_tmsi.0)
        }
        NgapPduKind::Initiating_NGReset => Did::Reset(association),
        NgapPduKind::Successful_NGReset => Did::ResetAcknowledge(association),
        _ => Did::Other(association, format!("{:?}", pdu.kind()), pdu.encode()?),
    })
}

pub(crate) fn ng_setup(mcc: &str, mnc: &str, tac: [u8; 3], sst: u8, gnb_id: u32) -> Vec<u8> {
    let network = plmn(mcc, mnc).unwrap();
    let slices = SliceSupportList(vec![SliceSupportItem::new(s_nssai(sst, None), None)]);
    let plmns = BroadcastPLMNList(vec![BroadcastPLMNItem::new(network, slices, None)]);
    let gnb = GlobalRANNodeID::globalGNB_ID(global_gnb_id(network, gnb_id, 24).unwrap());
    let pdu = build_ngap!(
        InitiatingMessage,
        NGSetup,
        NGSetupRequest,
        GlobalRANNodeID(gnb),
        RANNodeName("gnb"),
        SupportedTAList(SupportedTAList(vec![SupportedTAItem::new(TAC(tac), plmns, None)])),
        DefaultPagingDRX(PagingDRX::v128),
    );
    pdu.unwrap().encode().unwrap()
}

pub(crate) fn location(network: &str, tac: [u8; 3]) -> UserLocationInformation<'static> {
    let (mcc, mnc) = network.split_once('/').unwrap();
    let network = plmn(mcc, mnc).unwrap();
    let cell = nr_cgi(network, 1, 24, 1).unwrap();
    let location = UserLocationInformationNR::new(cell, tai(network, tac), None, None);
    UserLocationInformation::userLocationInformationNR(location)
}

pub(crate) fn initial_ue_message(ran_id: u32, nas: Vec<u8>, tac: [u8; 3]) -> Vec<u8> {
    initial_ue_message_in("001/01", ran_id, nas, tac)
}

fn initial_ue_message_in(network: &str, ran_id: u32, nas: Vec<u8>, tac: [u8; 3]) -> Vec<u8> {
    let pdu = build_ngap!(
        InitiatingMessage,
        InitialUEMessage,
        InitialUEMessage,
        RAN_UE_NGAP_ID(ran_id),
        NAS_PDU(nas),
        UserLocationInformation(location(network, tac)),
        RRCEstablishmentCause(RRCEstablishmentCause::mo_Signalling),
        UEContextRequest(UEContextRequest::requested),
    );
    pdu.unwrap().encode().unwrap()
}

pub(crate) fn uplink_nas_transport(amf_id: u64, ran_id: u32, nas: Vec<u8>) -> Vec<u8> {
    uplink_nas_transport_in("001/01", [0, 0, 1], amf_id, ran_id, nas)
}

fn uplink_nas_transport_in(network: &str, tac: [u8; 3], amf_id: u64, ran_id: u32, nas: Vec<u8>) -> Vec<u8> {
    let pdu = build_ngap!(
        InitiatingMessage,
        UplinkNASTransport,
        UplinkNASTransport,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        NAS_PDU(nas),
        UserLocationInformation(location(network, tac)),
    );
    pdu.unwrap().encode().unwrap()
}

pub(crate) fn initial_context_setup_response(amf_id: u64, ran_id: u32) -> Vec<u8> {
    let pdu = build_ngap!(
        SuccessfulOutcome,
        InitialContextSetup,
        InitialContextSetupResponse,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
    );
    pdu.unwrap().encode().unwrap()
}

pub(crate) fn ue_context_release_request(amf_id: u64, ran_id: u32) -> Vec<u8> {
    let pdu = build_ngap!(
        InitiatingMessage,
        UEContextReleaseRequest,
        UEContextReleaseRequest,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        Cause(Cause::radioNetwork(CauseRadioNetwork::user_inactivity)),
    );
    pdu.unwrap().encode().unwrap()
}

pub(crate) fn ue_context_release_complete(amf_id: u64, ran_id: u32) -> Vec<u8> {
    let pdu = build_ngap!(
        SuccessfulOutcome,
        UEContextRelease,
        UEContextReleaseComplete,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
    );
    pdu.unwrap().encode().unwrap()
}
