//! The gNB: its NG interface, and the UE-associated logical NG-connections on it (TS 38.413).

mod action;
mod amf;
mod cause;
pub(crate) mod codec;
mod connections;
mod event;
mod handover_source;
mod handover_target;
mod interface;
mod judging;
mod modification;
mod nas;
pub(crate) mod procedures;
mod receipt;
mod release;
pub(crate) mod rrc_container;
mod sessions;
mod settings;
mod tunnel;
mod xn;

use std::time::Instant;

pub use action::{GnbAction, RefusalReason};
pub use amf::{AmfFacts, AmfNotice, AmfUpdate, Guami, Overload, OverloadAction};
pub(crate) use cause::Refusal;
pub use cause::{HandoverFailure, NgapCause, Released};
use connections::{Connections, Phase};
pub(crate) use connections::{Resource, SecurityCapabilities};
use criticality::ngap::{Ids, Reports};
pub use event::{GnbEvent, ReleaseCause};
use interface::Interface;
use oxirush_ngap::ngap::{Cause, CauseRadioNetwork, NGAP_PDU, NGAPPDU};
use oxirush_ngap::{Error, NgapPduKind};
pub(crate) use receipt::Receipt;
pub use settings::{GnbSettings, N3Settings, TargetGnb};
pub(crate) use tunnel::QosFlows;
use tunnel::Teids;
pub use tunnel::Tunnel;
pub use xn::XnContext;

use crate::common::timers::GnbTimer;
use crate::ngap::procedures::{amf_management, error_indication, ng_setup, paging};

/// One gNB on one NG interface.
///
/// A UE has one logical NG-connection: it begins with [`GnbEvent::Connect`], [`GnbEvent::AdmitHandover`] or
/// [`GnbEvent::ArriveByXn`], and ends with one [`GnbAction::Released`], or when the same UE connects anew. It is named by our
/// RAN UE NGAP ID, and by the AMF's id once the AMF answered.
pub struct Gnb {
    settings: GnbSettings,
    interface: Interface,
    streams_out: u16,
    connections: Connections,
    teids: Teids,
    /// What responses have still to say of their requests.
    reports: Reports,
}

type Out = Vec<GnbAction>;

impl Gnb {
    /// A gNB without an association.
    pub fn new(settings: GnbSettings) -> Self {
        Self {
            interface: Interface::default(),
            streams_out: 1,
            connections: Connections::new(),
            teids: Teids::new(settings.n3.as_ref()),
            reports: Reports::default(),
            settings,
        }
    }

    /// Handles one event, and appends what is to be done. Nothing that the AMF sends makes it panic.
    pub fn handle(&mut self, event: GnbEvent<'_>, now: Instant, out: &mut Vec<GnbAction>) {
        match event {
            GnbEvent::AssociationUp { streams_out } => {
                self.streams_out = streams_out;
                self.interface.set_up(&self.settings, out);
            }
            GnbEvent::AssociationDown => {
                self.interface.down(out);
                self.reports.forget(THE_ASSOCIATION);
                self.release_all(Released::AssociationLost, out);
            }
            GnbEvent::Received { octets, .. } => self.received(octets, now, out),
            GnbEvent::Connect { ue, cell, nas, cause, s_tmsi } => {
                nas::connect(self, ue, cell, &nas::Initial { nas, cause, s_tmsi }, now, out);
            }
            GnbEvent::Uplink { ue, nas } => nas::uplink(self, ue, nas, out),
            GnbEvent::RequestRelease { ue, cause } => release::request(self, ue, cause, out),
            GnbEvent::Handover { ue, target, container } => {
                handover_source::begin(self, ue, &target, container, now, out);
            }
            GnbEvent::CancelHandover { ue } => handover_source::cancel(self, ue, out),
            GnbEvent::AdmitHandover { handle, ue } => handover_target::admit(self, handle, ue, out),
            GnbEvent::RefuseHandover { handle } => handover_target::refuse(self, handle, out),
            GnbEvent::HandoverArrived { ue } => handover_target::arrived(self, ue, now, out),
            GnbEvent::ArriveByXn { ue, cell, context } => xn::arrive(self, ue, cell, context, now, out),
            GnbEvent::ReleaseAfterXn { ue } => xn::release(self, ue, out),
            GnbEvent::Expired(timer) => self.expired(timer, out),
            GnbEvent::Reset => interface::reset(self, out),
        }
    }

    /// What the AMF says of itself, while the NG interface is set up.
    pub fn amf(&self) -> Option<&AmfFacts> {
        self.interface.amf()
    }

    /// Whether the NG interface is set up.
    pub fn is_ready(&self) -> bool {
        self.interface.is_ready()
    }

    /// The context of a UE for another gNB of the shard, as XnAP HANDOVER REQUEST would carry it. This gNB keeps the UE until
    /// [`GnbEvent::ReleaseAfterXn`] or a UE CONTEXT RELEASE COMMAND. `None` where the UE has no connection that could be
    /// handed over: the AMF gave it no context or no session, or another handover is running.
    pub fn give_up_for_xn(&mut self, ue: u32) -> Option<XnContext> {
        xn::give_up(self, ue)
    }

    /// Whether this UE has a connection.
    pub fn has(&self, ue: u32) -> bool {
        self.connections.of_ue(ue).is_some()
    }

    /// UEs that have a connection.
    pub fn connected(&self) -> usize {
        self.connections.ues()
    }

    fn expired(&mut self, timer: GnbTimer, out: &mut Out) {
        match timer {
            GnbTimer::NgSetup | GnbTimer::TimeToWait => self.interface.expired(timer, &self.settings, out),
            GnbTimer::NgReset => interface::reset_again(self, out),
            GnbTimer::HandoverPreparation(ran) => handover_source::preparation_expired(self, ran, out),
            GnbTimer::HandoverOverall(ran) => handover_source::overall_expired(self, ran, out),
            GnbTimer::HandoverArrival(ran) => handover_target::arrival_expired(self, ran, out),
            GnbTimer::PathSwitch(ran) => xn::expired(self, ran, out),
        }
    }

    // From the AMF.

    fn received(&mut self, octets: &[u8], now: Instant, out: &mut Out) {
        let Ok(pdu) = NGAP_PDU::decode_borrowed(octets) else {
            out.push(GnbAction::Unexpected("ngap-unreadable"));
            if let Some(answer) = criticality::ngap::unreadable(octets) {
                self.answer(&answer, out);
            }
            return;
        };
        let comprehended = judging::comprehends(&pdu.kind());
        let Ok(judgement) = criticality::ngap::judge(&pdu, comprehended) else {
            return out.push(GnbAction::Unexpected("not-encodable"));
        };
        if judgement.faulty {
            out.push(GnbAction::Unexpected(if comprehended {
                "ngap-faulty"
            } else {
                "ngap-not-comprehended"
            }));
        }
        if let Some(answer) = judgement.answer {
            self.answer(&answer, out);
        }
        if !judgement.proceed {
            // What fails by a faulty answer is ended by the timer of its procedure.
            return;
        }
        if let Some(report) = judgement.report {
            self.reports.keep(THE_ASSOCIATION, &pdu, report);
        }
        // TS 38.413 §10.3.5: what is missing has the criticality *ignore*, and nothing can be done without it.
        if self.procedure(&pdu, now, out).is_err() {
            out.push(GnbAction::Unexpected("ngap-faulty"));
        }
    }

    fn procedure(&mut self, pdu: &NGAPPDU<'_>, now: Instant, out: &mut Out) -> Result<(), Error> {
        use NgapPduKind as K;
        match pdu.kind() {
            K::Initiating_DownlinkNASTransport => nas::downlink(self, pdu, out)?,
            K::Initiating_InitialContextSetup => sessions::initial_context_setup(self, pdu, out)?,
            K::Initiating_PDUSessionResourceSetup => sessions::set_up(self, pdu, out)?,
            K::Initiating_PDUSessionResourceModify => sessions::modify(self, pdu, out)?,
            K::Initiating_PDUSessionResourceRelease => sessions::release(self, pdu, out)?,
            K::Initiating_UEContextModification => modification::requested(self, pdu, out)?,
            K::Initiating_UEContextRelease => release::commanded(self, pdu, out)?,
            K::Initiating_Paging => match paging::paged(pdu)? {
                Some(s_tmsi) => out.push(GnbAction::Paged { s_tmsi }),
                None => out.push(GnbAction::Unexpected("paging-identity")),
            },
            K::Successful_HandoverPreparation => handover_source::commanded(self, pdu, out)?,
            K::Unsuccessful_HandoverPreparation => handover_source::failed(self, pdu, out)?,
            K::Successful_HandoverCancel => handover_source::cancelled(self, pdu, out)?,
            K::Initiating_HandoverResourceAllocation => handover_target::requested(self, pdu, now, out)?,
            K::Initiating_DownlinkRANStatusTransfer => handover_target::expected(self, pdu, out)?,
            K::Successful_PathSwitchRequest => xn::switched(self, pdu, out)?,
            K::Unsuccessful_PathSwitchRequest => xn::failed(self, pdu, out)?,
            K::Successful_NGSetup => self.interface.succeeded(pdu, out),
            K::Unsuccessful_NGSetup => self.interface.failed(pdu, out)?,
            K::Initiating_NGReset => interface::reset_by_amf(self, pdu, out)?,
            K::Successful_NGReset => out.push(GnbAction::StopTimer(GnbTimer::NgReset)),
            K::Initiating_AMFConfigurationUpdate => {
                let update = amf_management::configuration_update(pdu);
                self.interface.updated(&update);
                out.push(GnbAction::Told(AmfNotice::ConfigurationUpdate(update)));
                self.send_non_ue(ng_setup::amf_configuration_update_acknowledge(), out);
            }
            K::Initiating_ErrorIndication => release::error_indicated(self, pdu, out)?,
            // Whether fewer RRC connections are asked for (§8.7.6.2) is the driver's to decide.
            K::Initiating_OverloadStart => {
                let overload = amf_management::overload_start(pdu);
                out.push(GnbAction::Told(AmfNotice::OverloadStart(overload)));
            }
            K::Initiating_OverloadStop => out.push(GnbAction::Told(AmfNotice::OverloadStop)),
            K::Initiating_AMFStatusIndication => {
                let unavailable = amf_management::status_indication(pdu);
                out.push(GnbAction::Told(AmfNotice::Unavailable(unavailable)));
            }
            // `judging::comprehends` lists what is above.
            _ => out.push(GnbAction::Unexpected("ngap-not-comprehended")),
        }
        Ok(())
    }

    /// Whether both ids name a connection. The AMF's id is taken from its first message; §10.6 has what becomes of ids
    /// that are unknown or do not belong together.
    fn associate(&mut self, amf: u64, ran: u32, out: &mut Out) -> bool {
        match self.connections.get_mut(ran) {
            None => {
                self.unknown(Some(amf), Some(ran), CauseRadioNetwork::unknown_local_UE_NGAP_ID, out);
                false
            }
            Some(connection) => match connection.amf {
                None => {
                    connection.amf = Some(amf);
                    true
                }
                Some(known) if known == amf => true,
                Some(_) => {
                    let cause = CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID;
                    self.unknown(Some(amf), Some(ran), cause, out);
                    self.drop_connection(ran, Released::Lost, out);
                    false
                }
            },
        }
    }

    fn unknown(&mut self, amf: Option<u64>, ran: Option<u32>, cause: CauseRadioNetwork, out: &mut Out) {
        out.push(GnbAction::Unexpected("unknown-ue"));
        self.send_non_ue(error_indication::about_ue(amf, ran, Cause::radioNetwork(cause)), out);
    }

    // The end of a connection.

    fn drop_connection(&mut self, ran: u32, cause: Released, out: &mut Out) {
        let left = self.detach(ran, out);
        self.connections.remove(ran);
        if let Some((ue, phase)) = left {
            match phase {
                Phase::Preparing => {
                    let cause = cause.into();
                    out.push(GnbAction::HandoverPreparationFailed { ue, cause });
                }
                Phase::Switching => {
                    out.push(GnbAction::PathSwitchFailed { ue, cause: cause.into() });
                }
                _ => {}
            }
            let never_arrived = matches!(phase, Phase::Coming { .. });
            out.push(GnbAction::Released {
                ue,
                cause: if never_arrived { Released::NeverArrived } else { cause },
            });
        }
    }

    /// Takes the UE off a connection, which stays for what the AMF has to say about it: its timers stop, and its sessions are
    /// gone. Gives the UE, and the phase that it was in.
    fn detach(&mut self, ran: u32, out: &mut Out) -> Option<(u32, Phase)> {
        let connection = self.connections.get_mut(ran)?;
        let phase = std::mem::replace(&mut connection.phase, Phase::Here);
        let sessions = std::mem::take(&mut connection.sessions);
        connection.lost = true;
        let ue = connection.ue;
        match phase {
            Phase::Preparing | Phase::Cancelling => {
                out.push(GnbAction::StopTimer(GnbTimer::HandoverPreparation(ran)));
            }
            Phase::Commanded | Phase::Overdue => {
                out.push(GnbAction::StopTimer(GnbTimer::HandoverOverall(ran)));
            }
            Phase::Coming { .. } => out.push(GnbAction::StopTimer(GnbTimer::HandoverArrival(ran))),
            Phase::Switching => out.push(GnbAction::StopTimer(GnbTimer::PathSwitch(ran))),
            Phase::Here | Phase::GivenUp | Phase::Requested(_) => {}
        }
        for resource in sessions {
            sessions::give_back(&mut self.teids, ue, &resource, out);
        }
        let ue = ue?;
        self.connections.unbind(ue);
        Some((ue, phase))
    }

    fn release_all(&mut self, cause: Released, out: &mut Out) {
        for ran in self.connections.all() {
            self.drop_connection(ran, cause, out);
        }
    }

    // Sending.

    /// TS 38.412 §7: stream 0 for what is about no UE, one of the others for each UE.
    fn stream_of(&self, ran: u32) -> u16 {
        let others = u32::from(self.streams_out.saturating_sub(1));
        if others == 0 { NON_UE_STREAM } else { u16::try_from(1 + ran % others).unwrap_or(NON_UE_STREAM) }
    }

    fn send_ue(&mut self, ran: u32, message: Result<Vec<u8>, Error>, out: &mut Out) {
        let ue = self.connections.get(ran).and_then(|connection| connection.ue);
        self.send(self.stream_of(ran), ue, message, out);
    }

    fn send_non_ue(&mut self, message: Result<Vec<u8>, Error>, out: &mut Out) {
        self.send(NON_UE_STREAM, None, message, out);
    }

    fn send(&mut self, stream: u16, ue: Option<u32>, message: Result<Vec<u8>, Error>, out: &mut Out) {
        match message.and_then(|octets| self.with_report(octets)) {
            Ok(octets) => out.push(GnbAction::Send { stream, octets, ue }),
            Err(_) => out.push(GnbAction::Unexpected("not-encodable")),
        }
    }

    /// A response with what it is to report of its request.
    fn with_report(&mut self, octets: Vec<u8>) -> Result<Vec<u8>, Error> {
        if self.reports.is_empty() {
            return Ok(octets);
        }
        self.reports.complete(THE_ASSOCIATION, NGAP_PDU::decode(&octets)?).encode()
    }

    /// Answers a message that is at fault, on the stream of the UE where it is of one (TS 38.412 §7).
    fn answer(&mut self, answer: &NGAP_PDU, out: &mut Out) {
        let ids = Ids::of(answer);
        match self.connections.find(ids.amf, ids.ran) {
            Some(ran) => self.send_ue(ran, answer.encode(), out),
            None => self.send_non_ue(answer.encode(), out),
        }
    }
}

/// The stream of the non-UE-associated procedures (TS 38.412 §7).
const NON_UE_STREAM: u16 = 0;
/// A gNB has one association at a time.
const THE_ASSOCIATION: u32 = 0;
