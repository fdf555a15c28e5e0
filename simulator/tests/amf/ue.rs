//! A UE, written from the specification and the codecs alone.

use oxirush_nas::nas_5gs::*;
use oxirush_security::Rand;
use oxirush_security::milenage::{K, Milenage, Opc, Sqn};
use oxirush_security::nas_5gs::{HomeNetworkPublicKey, Protection, RoutingIndicator};
use oxirush_security::nas_5gs::{Supi, derive_kamf, derive_kausf, derive_kgnb, derive_kseaf};

use crate::subscriber;

pub(crate) struct TestUe {
    pub(crate) imsi: String,
    pub(crate) ran_id: u32,
    pub(crate) amf_id: u64,
    /// Where it is.
    pub(crate) association: u32,
    pub(crate) plmn: &'static str,
    pub(crate) tac: u8,
    /// The association that it was handed over from.
    pub(crate) left: Option<u32>,
    /// Its card: how many it had before.
    pub(crate) cards: u32,
    pub(crate) imeisv: Option<&'static str>,
    /// The 5GSM messages from the SMF, in their order.
    pub(crate) gsm: Vec<Nas5gsmMessage>,
    /// Answers to 5GSM commands are given.
    pub(crate) answers_gsm: bool,
    pub(crate) uplink_data: Vec<u8>,
    pub(crate) session_status: Option<Vec<u8>>,
    /// The last SQN that the USIM accepted.
    pub(crate) sqn_ms: u64,
    pub(crate) guti: Option<Guti>,
    pub(crate) security: Option<NasSecurityContext>,
    pub(crate) kamf: Option<KAmf>,
    pub(crate) ngksi: u8,
    pub(crate) capability: NasUeSecurityCapability,
    pub(crate) kind: RegistrationType,
    pub(crate) follow_on: bool,
    pub(crate) requested: Vec<NasSNssai>,
    pub(crate) concealment: Option<(u8, HomeNetworkPublicKey)>,
    /// The last message from the AMF, plain.
    pub(crate) received: Vec<Nas5gmmMessage>,
    pub(crate) registered: bool,
    request: Option<Nas5gsMessage>,
}

impl TestUe {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            imsi: format!("00101{number:010}"),
            ran_id: 0,
            amf_id: 0,
            association: crate::bench::GNB,
            plmn: "001/01",
            tac: 1,
            left: None,
            cards: 0,
            imeisv: None,
            gsm: Vec::new(),
            answers_gsm: true,
            uplink_data: Vec::new(),
            session_status: None,
            sqn_ms: 0,
            guti: None,
            security: None,
            kamf: None,
            ngksi: 7,
            capability: NasUeSecurityCapability::from_capabilities(0xf0, 0x70),
            kind: RegistrationType::InitialRegistration,
            follow_on: false,
            requested: vec![NasSNssai::from_sst_sd(1, None)],
            concealment: None,
            received: Vec::new(),
            registered: false,
            request: None,
        }
    }

    pub(crate) fn registration_request(&mut self) -> Vec<u8> {
        let identity = match self.guti {
            Some(guti) => NasFGsMobileIdentity::from_guti(guti),
            None => self.suci(),
        };
        let kind =
            NasFGsRegistrationType::from_registration_type(self.kind).with_follow_on_request(self.follow_on);
        let mut request = NasRegistrationRequest::new(kind, self.ksi(), identity);
        request.ue_security_capability = Some(self.capability.clone());
        let Some(security) = self.security.as_mut() else {
            let whole =
                request.clone().with_requested_nssai(NasNssai::from_snssais(&self.requested).unwrap());
            self.request = Some(Nas5gsMessage::new_5gmm(whole));
            return Nas5gsMessage::new_5gmm(request).encode().unwrap();
        };
        request.requested_nssai = Some(NasNssai::from_snssais(&self.requested).unwrap());
        request.pdu_session_status =
            self.session_status.as_ref().map(|ids| NasPduSessionStatus::from_sessions(ids).unwrap());
        let whole = Nas5gsMessage::new_5gmm(request);
        self.request = Some(whole.clone());
        security.protect_initial(&whole).unwrap()
    }

    pub(crate) fn service_request(&mut self, kind: ServiceType) -> Vec<u8> {
        let s_tmsi = NasFGsMobileIdentity::from_s_tmsi(self.guti.unwrap().s_tmsi());
        let mut request = NasServiceRequest::new(self.ksi(), NasServiceType::from_service_type(kind), s_tmsi);
        if !self.uplink_data.is_empty() {
            request.uplink_data_status = NasUplinkDataStatus::from_sessions(&self.uplink_data).ok();
        }
        request.pdu_session_status =
            self.session_status.as_ref().map(|ids| NasPduSessionStatus::from_sessions(ids).unwrap());
        let request = Nas5gsMessage::new_5gmm(request);
        self.security.as_mut().unwrap().protect_initial(&request).unwrap()
    }

    pub(crate) fn deregistration_request(&mut self, switch_off: bool) -> Vec<u8> {
        let kind = NasDeRegistrationType::new(0)
            .with_access_type(AccessTypeValue::ThreeGppAccess)
            .with_switch_off(switch_off);
        let identity = NasFGsMobileIdentity::from_guti(self.guti.unwrap());
        let request = NasDeregistrationRequestUeOriginating::new(kind, self.ksi(), identity);
        let request = Nas5gsMessage::new_5gmm(request);
        self.security.as_mut().unwrap().protect_initial(&request).unwrap()
    }

    /// Takes in a NAS PDU; the answer that a UE in order gives.
    pub(crate) fn receive(&mut self, pdu: &[u8]) -> Option<Vec<u8>> {
        let message = self.read(pdu);
        self.received.push(message.clone());
        match message {
            Nas5gmmMessage::IdentityRequest(_) => {
                let suci = self.suci();
                Some(plain(NasIdentityResponse::new(suci)))
            }
            Nas5gmmMessage::AuthenticationRequest(request) => Some(self.authenticate(&request)),
            Nas5gmmMessage::SecurityModeCommand(_) => {
                let container =
                    NasMessageContainer::from_nas_message(self.request.as_ref().unwrap()).unwrap();
                let mut complete = NasSecurityModeComplete::new().with_nas_message_container(container);
                complete.imeisv =
                    self.imeisv.map(|imeisv| NasFGsMobileIdentity::from_imeisv(imeisv).unwrap());
                Some(self.protect_new(complete))
            }
            Nas5gmmMessage::RegistrationAccept(accept) => {
                self.registered = true;
                let guti = accept.fg_guti.as_ref().and_then(|guti| guti.as_guti())?;
                self.guti = Some(guti);
                Some(self.protect(NasRegistrationComplete::new()))
            }
            Nas5gmmMessage::ConfigurationUpdateCommand(command) => {
                self.guti = command.fg_guti.as_ref().and_then(|guti| guti.as_guti());
                Some(self.protect(NasConfigurationUpdateComplete::new()))
            }
            Nas5gmmMessage::DeregistrationRequestUeTerminated(_) => {
                self.registered = false;
                Some(self.protect(NasDeregistrationAcceptUeTerminated::new()))
            }
            Nas5gmmMessage::DeregistrationAcceptUeOriginating(_) => {
                self.registered = false;
                None
            }
            Nas5gmmMessage::DlNasTransport(transport) if transport.fgmm_cause.is_none() => {
                let message = transport.payload_container.decode_as_n1_sm_message().unwrap();
                let Nas5gsMessage::Gsm(header, message) = message else { panic!("no 5GSM message") };
                self.gsm.push(message.clone());
                let (id, pti) = (header.pdu_session_identity, header.procedure_transaction_identity);
                match message {
                    _ if !self.answers_gsm => None,
                    Nas5gsmMessage::PduSessionReleaseCommand(_) => {
                        Some(self.gsm_uplink(NasPduSessionReleaseComplete::new(), id, pti, None))
                    }
                    Nas5gsmMessage::PduSessionModificationCommand(_) => {
                        Some(self.gsm_uplink(NasPduSessionModificationComplete::new(), id, pti, None))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A 5GSM message in an UL NAS TRANSPORT; with a DNN it is an initial request.
    pub(crate) fn gsm_uplink(
        &mut self,
        message: impl Into<Nas5gsmMessage>,
        id: u8,
        pti: u8,
        dnn: Option<&str>,
    ) -> Vec<u8> {
        let message = Nas5gsMessage::new_5gsm(message, id, pti);
        let mut transport = NasUlNasTransport::new(
            NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation),
            NasPayloadContainer::from_n1_sm_message(&message).unwrap(),
        )
        .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(id));
        if let Some(dnn) = dnn {
            transport.request_type = Some(NasRequestType::new(1));
            transport.dnn = Some(NasDnn::from_string(dnn).unwrap());
        }
        self.protect(transport)
    }

    pub(crate) fn session_request(&mut self, id: u8, pti: u8, dnn: &str) -> Vec<u8> {
        let rate = NasIntegrityProtectionMaximumDataRate::new(0xffff);
        self.gsm_uplink(NasPduSessionEstablishmentRequest::new(rate), id, pti, Some(dnn))
    }

    pub(crate) fn session_release(&mut self, id: u8, pti: u8) -> Vec<u8> {
        self.gsm_uplink(NasPduSessionReleaseRequest::new(), id, pti, None)
    }

    /// The plain message of a PDU, verified when it is protected.
    fn read(&mut self, pdu: &[u8]) -> Nas5gmmMessage {
        let message = match pdu[1] & 0x0f {
            0 => Nas5gsMessage::decode(pdu).unwrap(),
            3 => {
                let Nas5gsMessage::SecurityProtected(_, inner) = Nas5gsMessage::decode(pdu).unwrap() else {
                    panic!("no security header")
                };
                let Nas5gsMessage::Gmm(_, Nas5gmmMessage::SecurityModeCommand(command)) = *inner else {
                    panic!("only the SECURITY MODE COMMAND comes under a new context")
                };
                let algorithms = &command.selected_nas_security_algorithms;
                assert_eq!(command.replayed_ue_security_capabilities, self.capability, "bidding down");
                let mut security = NasSecurityContext::from_fresh_kamf(
                    self.kamf.as_ref().unwrap(),
                    algorithms.integrity().unwrap(),
                    algorithms.ciphering().unwrap(),
                )
                .unwrap();
                let message = security.unprotect(pdu, Direction::Downlink).unwrap().message;
                self.security = Some(security);
                message
            }
            _ => self.security.as_mut().unwrap().unprotect(pdu, Direction::Downlink).unwrap().message,
        };
        let Nas5gsMessage::Gmm(_, message) = message else { panic!("no 5GMM message") };
        message
    }

    fn authenticate(&mut self, request: &NasAuthenticationRequest) -> Vec<u8> {
        let rand = Rand::new(request.authentication_parameter_rand.as_ref().unwrap().rand().unwrap());
        let autn = *request.authentication_parameter_autn.as_ref().unwrap().autn().unwrap();
        let autn = oxirush_security::Autn::new(&autn);
        let usim = self.usim();
        let Ok(response) = usim.check_autn(&rand, &autn) else {
            let cause = NasFGmmCause::from_cause(GmmCause::MacFailure);
            return plain(NasAuthenticationFailure::new(cause));
        };
        assert!(response.amf().separation_bit());
        if response.sqn().get() >> 5 <= self.sqn_ms >> 5 {
            let auts = usim.auts(&rand, &Sqn::try_from(self.sqn_ms).unwrap());
            return synch_failure(*auts.as_octets());
        }
        self.sqn_ms = response.sqn().get();
        let sn_name = self.sn_name();
        let sn_name = sn_name.as_bytes();
        let res_star = *response.res_star(sn_name).unwrap().as_octets();
        let kausf = derive_kausf(response.ck(), response.ik(), sn_name, &autn).unwrap();
        let kseaf = derive_kseaf(&kausf, sn_name).unwrap();
        self.kamf = Some(derive_kamf(&kseaf, &Supi::imsi(&self.imsi).unwrap(), &[0, 0]).unwrap());
        self.ngksi = match request.ngksi.key_set_identifier() {
            KeySetIdentifier::Native(ngksi) => ngksi,
            other => panic!("{other:?}"),
        };
        authentication_response(res_star)
    }

    fn usim(&self) -> Milenage {
        let imsi = self.imsi.parse().unwrap();
        let first: identity::Key128 = subscriber::K.parse().unwrap();
        let next = |k: identity::Key128, _| scenarios::KeySource::Derived(k).of(imsi);
        let k = (0..self.cards).fold(first, next);
        Milenage::new(&K::new(&k.0), &Opc::from_slice(&hex::decode(subscriber::OPC).unwrap()).unwrap())
    }

    fn sn_name(&self) -> String {
        let (mcc, mnc) = self.plmn.split_once('/').unwrap();
        format!("5G:mnc{mnc:0>3}.mcc{mcc}.3gppnetwork.org")
    }

    pub(crate) fn kgnb(&self, count: u32) -> [u8; 32] {
        *derive_kgnb(self.kamf.as_ref().unwrap(), NasCount::new(count).unwrap()).as_octets()
    }

    pub(crate) fn protect(&mut self, body: impl Into<Nas5gmmMessage>) -> Vec<u8> {
        self.protect_as(body, Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered)
    }

    pub(crate) fn protect_new(&mut self, body: impl Into<Nas5gmmMessage>) -> Vec<u8> {
        let header = Nas5gsSecurityHeaderType::IntegrityProtectedAndCipheredWithNewFiveGNasSecurityContext;
        self.protect_as(body, header)
    }

    fn protect_as(&mut self, body: impl Into<Nas5gmmMessage>, header: Nas5gsSecurityHeaderType) -> Vec<u8> {
        let message = Nas5gsMessage::new_5gmm(body);
        self.security.as_mut().unwrap().protect(&message, header, Direction::Uplink).unwrap()
    }

    fn ksi(&self) -> NasKeySetIdentifier {
        let ngksi = match self.ngksi {
            7 => KeySetIdentifier::NoKey,
            ngksi => KeySetIdentifier::Native(ngksi),
        };
        NasKeySetIdentifier::from_key_set_identifier(ngksi).unwrap()
    }

    fn suci(&self) -> NasFGsMobileIdentity {
        let plmn = Plmn::new(&self.imsi[..3], &self.imsi[3..5]).unwrap();
        let protection = match &self.concealment {
            None => Protection::Null,
            Some((key_id, key)) => Protection::Ecies { key_id: *key_id, key },
        };
        let suci = oxirush_security::nas_5gs::Suci::conceal_imsi(
            plmn,
            &self.imsi[5..],
            RoutingIndicator::default(),
            protection,
        );
        NasFGsMobileIdentity::new(suci.unwrap().to_nas_octets().unwrap())
    }
}

pub(crate) fn plain(body: impl Into<Nas5gmmMessage>) -> Vec<u8> {
    Nas5gsMessage::new_5gmm(body).encode().unwrap()
}

pub(crate) fn authentication_response(res_star: [u8; 16]) -> Vec<u8> {
    let parameter = NasAuthenticationResponseParameter::from_res_star(res_star);
    plain(NasAuthenticationResponse::new().with_authentication_response_parameter(parameter))
}

pub(crate) fn synch_failure(auts: [u8; 14]) -> Vec<u8> {
    let cause = NasFGmmCause::from_cause(GmmCause::SynchFailure);
    let parameter = NasAuthenticationFailureParameter::from_auts(auts);
    plain(NasAuthenticationFailure::new(cause).with_authentication_failure_parameter(parameter))
}

pub(crate) fn usim() -> Milenage {
    let octets = |text: &str| hex::decode(text).unwrap();
    Milenage::new(
        &K::from_slice(&octets(subscriber::K)).unwrap(),
        &Opc::from_slice(&octets(subscriber::OPC)).unwrap(),
    )
}
