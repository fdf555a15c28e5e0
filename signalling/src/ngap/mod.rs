//! The gNB: its NG interface, and the UE-associated logical NG-connections on it (TS 38.413).
//!
//! Each file of `procedures/` has one procedure: its messages, what it waits for, and what it does to the gNB.

mod codec;
mod connections;
mod judging;
mod procedures;
mod receipt;
pub(crate) mod rrc_container;
mod settings;
mod xn;

use std::net::IpAddr;
use std::time::Instant;

use connections::{Connections, Phase};
use criticality::ngap::{Ids, Judge, Reports};
use oxirush_ngap::ngap::{Cause, CauseRadioNetwork, NGAP_PDU, NGAPPDU};
use oxirush_ngap::{Error, NgapPduKind};
pub(crate) use receipt::Receipt;
pub use settings::{GnbSettings, gnb_id_bits};

use procedures::ng_setup::NgSetup;
use procedures::{
    amf_management, error_indication, handover_cancel, handover_notification, handover_preparation,
    handover_resource_allocation, initial_context_setup, initial_ue_message, nas_transport, ng_reset, paging,
    path_switch_request, pdu_session_resource_modify, pdu_session_resource_release,
    pdu_session_resource_setup, ran_status_transfer, ue_context_modification, ue_context_release,
};

use crate::common::timers::NodeTimer;
use crate::node::action::NodeAction;
use crate::node::amf::{AmfFacts, AmfNotice};
use crate::node::cause::Released;
use crate::node::event::NodeEvent;
use crate::node::tunnel::Teids;
use crate::node::xn_context::XnContext;

/// One gNB on one NG interface.
///
/// A UE has one logical NG-connection: it begins with [`NodeEvent::Connect`], [`NodeEvent::AdmitHandover`] or
/// [`NodeEvent::ArriveByXn`], and ends with one [`NodeAction::Released`], or when the same UE connects anew. It is named by our
/// RAN UE NGAP ID, and by the AMF's id once the AMF answered.
pub struct Gnb {
    settings: GnbSettings,
    interface: NgSetup,
    streams_out: u16,
    connections: Connections,
    teids: Teids,
    /// What responses have still to say of their requests.
    judge: Judge,
    reports: Reports,
}

type Out = Vec<NodeAction>;

impl Gnb {
    /// A gNB without an association.
    pub fn new(settings: GnbSettings) -> Self {
        Self {
            interface: NgSetup::default(),
            streams_out: 1,
            connections: Connections::new(),
            teids: Teids::new(settings.n3.as_ref()),
            judge: Judge::default(),
            reports: Reports::default(),
            settings,
        }
    }

    /// Handles one event, and appends what is to be done. Nothing that the AMF sends makes it panic.
    pub fn handle(&mut self, event: NodeEvent<'_>, now: Instant, out: &mut Vec<NodeAction>) {
        match event {
            NodeEvent::AssociationUp { streams_out } => {
                self.streams_out = streams_out;
                self.interface.begin(&self.settings, out);
            }
            NodeEvent::AssociationDown => {
                self.interface.down(out);
                self.reports.forget(THE_ASSOCIATION);
                self.release_all(Released::AssociationLost, out);
            }
            NodeEvent::Received { octets, .. } => self.received(octets, now, out),
            NodeEvent::Connect { ue, cell, nas, cause, s_tmsi } => {
                {
                    let initial = initial_ue_message::Initial { nas, cause, s_tmsi };
                    initial_ue_message::connect(self, ue, cell, &initial, now, out)
                };
            }
            NodeEvent::Uplink { ue, nas } => nas_transport::uplink(self, ue, nas, out),
            NodeEvent::RequestRelease { ue, cause } => ue_context_release::request(self, ue, cause, out),
            NodeEvent::Handover { ue, target, container } => {
                handover_preparation::begin(self, ue, &target, container, now, out);
            }
            NodeEvent::CancelHandover { ue } => handover_cancel::cancel(self, ue, out),
            NodeEvent::AdmitHandover { handle, ue } => {
                handover_resource_allocation::admit(self, handle, ue, out)
            }
            NodeEvent::RefuseHandover { handle } => handover_resource_allocation::refuse(self, handle, out),
            NodeEvent::HandoverArrived { ue } => handover_notification::arrived(self, ue, now, out),
            NodeEvent::ArriveByXn { ue, cell, context } => {
                path_switch_request::arrive(self, ue, cell, context, now, out)
            }
            NodeEvent::ReleaseAfterXn { ue } => xn::release(self, ue, out),
            NodeEvent::Expired(timer) => self.expired(timer, out),
            NodeEvent::Reset => ng_reset::reset(self, out),
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
    /// [`NodeEvent::ReleaseAfterXn`] or a UE CONTEXT RELEASE COMMAND. `None` where the UE has no connection that could be
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

    fn expired(&mut self, timer: NodeTimer, out: &mut Out) {
        match timer {
            NodeTimer::NgSetup | NodeTimer::TimeToWait => self.interface.expired(timer, &self.settings, out),
            NodeTimer::NgReset => ng_reset::reset_again(self, out),
            NodeTimer::HandoverPreparation(ran) => handover_preparation::preparation_expired(self, ran, out),
            NodeTimer::HandoverOverall(ran) => handover_preparation::overall_expired(self, ran, out),
            NodeTimer::HandoverArrival(ran) => handover_resource_allocation::arrival_expired(self, ran, out),
            NodeTimer::PathSwitch(ran) => path_switch_request::expired(self, ran, out),
        }
    }

    /// Our end of the NG-U tunnels.
    fn address(&self) -> Option<IpAddr> {
        self.settings.n3.map(|n3| n3.address)
    }

    // From the AMF.

    fn received(&mut self, octets: &[u8], now: Instant, out: &mut Out) {
        let Ok(pdu) = NGAP_PDU::decode_borrowed(octets) else {
            out.push(NodeAction::Unexpected("ngap-unreadable"));
            if let Some(answer) = criticality::ngap::unreadable(octets) {
                self.answer(&answer, out);
            }
            return;
        };
        let comprehended = judging::comprehends(&pdu.kind());
        let Ok(judgement) = self.judge.judge(&pdu, comprehended) else {
            return out.push(NodeAction::Unexpected("not-encodable"));
        };
        if judgement.faulty {
            out.push(NodeAction::Unexpected(if comprehended {
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
            out.push(NodeAction::Unexpected("ngap-faulty"));
        }
    }

    fn procedure(&mut self, pdu: &NGAPPDU<'_>, now: Instant, out: &mut Out) -> Result<(), Error> {
        use NgapPduKind as K;
        match pdu.kind() {
            K::Initiating_DownlinkNASTransport => nas_transport::downlink(self, pdu, out)?,
            K::Initiating_InitialContextSetup => initial_context_setup::requested(self, pdu, out)?,
            K::Initiating_PDUSessionResourceSetup => pdu_session_resource_setup::requested(self, pdu, out)?,
            K::Initiating_PDUSessionResourceModify => pdu_session_resource_modify::requested(self, pdu, out)?,
            K::Initiating_PDUSessionResourceRelease => {
                pdu_session_resource_release::commanded(self, pdu, out)?
            }
            K::Initiating_UEContextModification => ue_context_modification::requested(self, pdu, out)?,
            K::Initiating_UEContextRelease => ue_context_release::commanded(self, pdu, out)?,
            K::Initiating_Paging => paging::paged(pdu, out)?,
            K::Successful_HandoverPreparation => handover_preparation::commanded(self, pdu, out)?,
            K::Unsuccessful_HandoverPreparation => handover_preparation::failed(self, pdu, out)?,
            K::Successful_HandoverCancel => handover_cancel::acknowledged(self, pdu, out)?,
            K::Initiating_HandoverResourceAllocation => {
                handover_resource_allocation::requested(self, pdu, now, out)?
            }
            K::Initiating_DownlinkRANStatusTransfer => ran_status_transfer::expected(self, pdu, out)?,
            K::Successful_PathSwitchRequest => path_switch_request::switched(self, pdu, out)?,
            K::Unsuccessful_PathSwitchRequest => path_switch_request::failed(self, pdu, out)?,
            K::Successful_NGSetup => self.interface.succeeded(pdu, out),
            K::Unsuccessful_NGSetup => self.interface.failed(pdu, out)?,
            K::Initiating_NGReset => ng_reset::reset_by_amf(self, pdu, out)?,
            K::Successful_NGReset => out.push(NodeAction::StopTimer(NodeTimer::NgReset)),
            K::Initiating_AMFConfigurationUpdate => amf_management::configuration_updated(self, pdu, out),
            K::Initiating_ErrorIndication => error_indication::indicated(self, pdu, out)?,
            K::Initiating_OverloadStart => amf_management::overload_started(pdu, out),
            K::Initiating_OverloadStop => out.push(NodeAction::Notice(AmfNotice::OverloadStop)),
            K::Initiating_AMFStatusIndication => amf_management::status_indicated(pdu, out),
            // `judging::comprehends` lists what is above.
            _ => out.push(NodeAction::Unexpected("ngap-not-comprehended")),
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
        out.push(NodeAction::Unexpected("unknown-ue"));
        self.send_non_ue(error_indication::about_ue(amf, ran, Cause::radioNetwork(cause)), out);
    }

    // The end of a connection.

    fn drop_connection(&mut self, ran: u32, cause: Released, out: &mut Out) {
        let left = self.detach(ran, out);
        self.connections.remove(ran);
        if let Some((ue, phase)) = left {
            if phase.is_preparing() {
                out.push(NodeAction::HandoverPreparationFailed { ue, cause: cause.into() });
            } else if phase == Phase::Switching {
                out.push(NodeAction::PathSwitchFailed { ue, cause: cause.into() });
            }
            let cause = if phase.is_admitted() { Released::NeverArrived } else { cause };
            out.push(NodeAction::Released { ue, cause });
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
        if let Some(timer) = phase.timer(ran) {
            out.push(NodeAction::StopTimer(timer));
        }
        for resource in sessions {
            pdu_session_resource_release::give_back(&mut self.teids, ue, &resource, out);
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
            Ok(octets) => out.push(NodeAction::Send { stream, ppid: PPID, octets, ue }),
            Err(_) => out.push(NodeAction::Unexpected("not-encodable")),
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

/// The SCTP payload protocol identifier of NGAP (TS 38.412 §7).
pub(crate) const PPID: u32 = 60;
/// The stream of the non-UE-associated procedures (TS 38.412 §7).
const NON_UE_STREAM: u16 = 0;
/// A gNB has one association at a time.
const THE_ASSOCIATION: u32 = 0;
