//! The gNB: its NG interface, and the UE-associated logical NG-connections on it (TS 38.413).

mod action;
mod cause;
mod event;
mod settings;
mod tunnel;
mod xn;

use std::collections::HashMap;
use std::time::Instant;

pub use action::{GnbAction, RefusalReason};
pub use cause::{HandoverFailure, NgapCause, Released};
pub use event::{GnbEvent, ReleaseCause};
pub use settings::{GnbSettings, N3Settings, TargetGnb};
pub use tunnel::Tunnel;
pub use xn::XnContext;

use oxirush_ngap::ngap::{Cause, CauseRadioNetwork, NGAP_PDU, NGAPPDU};
use oxirush_ngap::{Error, NgapPduKind};

use crate::identity_of_ue::STmsi;
use crate::procedure::EstablishmentCause;
use crate::procedures::ng_reset::Scope;
use crate::procedures::{
    error_indication, initial_context_setup, initial_ue_message, nas_transport, ng_reset, ng_setup, paging,
    ue_context_release,
};
use crate::timers::{self, GnbTimer};

/// One gNB on one NG interface.
///
/// A UE has one logical NG-connection: it begins with [`GnbEvent::Connect`] and ends with one [`GnbAction::Released`], or
/// when the same UE connects anew. It is named by our RAN UE NGAP ID, and by the AMF's id once the AMF answered.
pub struct Gnb {
    settings: GnbSettings,
    state: State,
    streams_out: u16,
    connections: HashMap<u32, Connection>,
    /// The RAN UE NGAP ID of each UE of the driver.
    ran_of_ue: HashMap<u32, u32>,
    next_ran: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Down,
    ExpectSetupResponse,
    Waiting,
    Ready,
}

/// A UE-associated logical NG-connection.
struct Connection {
    /// `None` when the UE left it, and connected anew.
    ue: Option<u32>,
    cell: u32,
    amf: Option<u64>,
    /// The radio connection is gone, and the AMF was asked to release the UE.
    lost: bool,
}

type Out = Vec<GnbAction>;

impl Gnb {
    /// A gNB without an association.
    pub fn new(settings: GnbSettings) -> Self {
        Self {
            settings,
            state: State::Down,
            streams_out: 1,
            connections: HashMap::new(),
            ran_of_ue: HashMap::new(),
            next_ran: 1,
        }
    }

    /// Handles one event, and appends what is to be done. Nothing that the AMF sends makes it panic.
    pub fn handle(&mut self, event: GnbEvent<'_>, now: Instant, out: &mut Vec<GnbAction>) {
        let _ = now;
        match event {
            GnbEvent::AssociationUp { streams_out } => {
                self.streams_out = streams_out;
                self.set_up(out);
            }
            GnbEvent::AssociationDown => self.association_down(out),
            GnbEvent::Received { octets, .. } => self.received(octets, out),
            GnbEvent::Connect { ue, cell, nas, cause, s_tmsi } => {
                self.connect(ue, cell, nas, cause, s_tmsi, out)
            }
            GnbEvent::Uplink { ue, nas } => self.uplink(ue, nas, out),
            GnbEvent::RequestRelease { ue, cause } => self.request_release(ue, cause, out),
            GnbEvent::Handover { ue, .. } => {
                out.push(GnbAction::HandoverPreparationFailed { ue, cause: HandoverFailure::NotEncodable });
            }
            GnbEvent::ArriveByXn { ue, .. } => {
                out.push(GnbAction::PathSwitchFailed { ue, cause: HandoverFailure::NotEncodable });
                out.push(GnbAction::Released { ue, cause: Released::Lost });
            }
            GnbEvent::CancelHandover { .. }
            | GnbEvent::AdmitHandover { .. }
            | GnbEvent::RefuseHandover { .. }
            | GnbEvent::HandoverArrived { .. }
            | GnbEvent::ReleaseAfterXn { .. } => out.push(GnbAction::Unexpected("handover")),
            GnbEvent::Expired(timer) => self.expired(timer, out),
            GnbEvent::Reset => self.reset(out),
        }
    }

    /// Whether the NG interface is set up.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// The context of a UE for another gNB of the shard, as XnAP HANDOVER REQUEST would carry it. This gNB keeps the UE until
    /// [`GnbEvent::ReleaseAfterXn`] or a UE CONTEXT RELEASE COMMAND. `None` where the UE has no connection that could be
    /// handed over: the AMF does not know it, or another handover is running.
    pub fn give_up_for_xn(&mut self, ue: u32) -> Option<XnContext> {
        let ran = *self.ran_of_ue.get(&ue)?;
        let connection = self.connections.get(&ran)?;
        Some(XnContext { amf: connection.amf? })
    }

    /// UEs that have a connection.
    pub fn connected(&self) -> usize {
        self.ran_of_ue.len()
    }

    // The NG interface.

    fn set_up(&mut self, out: &mut Out) {
        self.state = State::ExpectSetupResponse;
        match ng_setup::request(&self.settings) {
            Ok(octets) => {
                out.push(GnbAction::Send { stream: NON_UE_STREAM, octets, ue: None });
                out.push(GnbAction::SetTimer(GnbTimer::NgSetup, timers::NG_SETUP_WAIT));
            }
            Err(error) => {
                self.state = State::Down;
                out.push(GnbAction::SetupRefused { cause: error.to_string(), retry_after: None });
            }
        }
    }

    fn association_down(&mut self, out: &mut Out) {
        match self.state {
            State::ExpectSetupResponse => out.push(GnbAction::StopTimer(GnbTimer::NgSetup)),
            State::Waiting => out.push(GnbAction::StopTimer(GnbTimer::TimeToWait)),
            State::Ready | State::Down => {}
        }
        self.state = State::Down;
        self.release_all(out);
    }

    fn expired(&mut self, timer: GnbTimer, out: &mut Out) {
        match (timer, self.state) {
            (GnbTimer::NgSetup, State::ExpectSetupResponse) => {
                self.state = State::Waiting;
                let retry_after = Some(timers::NG_SETUP_AGAIN);
                out.push(GnbAction::SetupRefused { cause: "no answer".to_owned(), retry_after });
                out.push(GnbAction::SetTimer(GnbTimer::TimeToWait, timers::NG_SETUP_AGAIN));
            }
            (GnbTimer::TimeToWait, State::Waiting) => self.set_up(out),
            // §8.7.4.4: the reset is repeated until it is acknowledged.
            (GnbTimer::NgReset, State::Ready) => self.reset(out),
            _ => {}
        }
    }

    fn reset(&mut self, out: &mut Out) {
        if self.state != State::Ready {
            return out.push(GnbAction::Unexpected("reset-without-interface"));
        }
        self.release_all(out);
        self.send_non_ue(ng_reset::request(), out);
        out.push(GnbAction::SetTimer(GnbTimer::NgReset, timers::NG_RESET_WAIT));
    }

    fn release_all(&mut self, out: &mut Out) {
        self.connections.clear();
        let mut ues: Vec<u32> = self.ran_of_ue.drain().map(|(ue, _)| ue).collect();
        ues.sort_unstable();
        out.extend(ues.into_iter().map(|ue| GnbAction::Released { ue, cause: Released::Lost }));
    }

    // From the AMF.

    fn received(&mut self, octets: &[u8], out: &mut Out) {
        let Ok(pdu) = NGAP_PDU::decode_borrowed(octets) else {
            out.push(GnbAction::Unexpected("ngap-unreadable"));
            return self.send_non_ue(error_indication::transfer_syntax(), out);
        };
        if let Err(error) = self.procedure(&pdu, out) {
            out.push(GnbAction::Unexpected("ngap-faulty"));
            // §10.1: an ERROR INDICATION is not answered with another.
            if pdu.kind() != NgapPduKind::Initiating_ErrorIndication
                && let Some(octets) = error_indication::faulty(&pdu, &error)
            {
                out.push(GnbAction::Send { stream: NON_UE_STREAM, octets, ue: None });
            }
        }
    }

    fn procedure(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        use NgapPduKind as K;
        match pdu.kind() {
            K::Initiating_DownlinkNASTransport => self.downlink(pdu, out)?,
            K::Initiating_InitialContextSetup => self.initial_context_setup(pdu, out)?,
            K::Initiating_UEContextRelease => self.ue_context_release(pdu, out)?,
            K::Initiating_Paging => match paging::paged(pdu)? {
                Some(s_tmsi) => out.push(GnbAction::Paged { s_tmsi }),
                None => out.push(GnbAction::Unexpected("paging-identity")),
            },
            K::Successful_NGSetup => self.set_up_succeeded(out),
            K::Unsuccessful_NGSetup => self.set_up_failed(pdu, out)?,
            K::Initiating_NGReset => self.ng_reset(pdu, out)?,
            K::Successful_NGReset => out.push(GnbAction::StopTimer(GnbTimer::NgReset)),
            K::Initiating_AMFConfigurationUpdate => {
                self.send_non_ue(ng_setup::amf_configuration_update_acknowledge(), out);
            }
            K::Initiating_ErrorIndication => self.error_indicated(pdu, out)?,
            // Deviation: an overloaded AMF does not slow down the load (§8.7.7 has the gNB refuse RRC connections).
            K::Initiating_OverloadStart => out.push(GnbAction::Unexpected("overload-start")),
            K::Initiating_OverloadStop => out.push(GnbAction::Unexpected("overload-stop")),
            K::Initiating_AMFStatusIndication => out.push(GnbAction::Unexpected("amf-status-indication")),
            _ => {
                out.push(GnbAction::Unexpected("ngap-not-comprehended"));
                if let Some(octets) = error_indication::not_comprehended(pdu) {
                    out.push(GnbAction::Send { stream: NON_UE_STREAM, octets, ue: None });
                }
            }
        }
        Ok(())
    }

    /// TS 38.413 §8.7.1.2.
    fn set_up_succeeded(&mut self, out: &mut Out) {
        if self.state != State::ExpectSetupResponse {
            return out.push(GnbAction::Unexpected("ng-setup-response"));
        }
        self.state = State::Ready;
        out.push(GnbAction::StopTimer(GnbTimer::NgSetup));
        out.push(GnbAction::Ready);
    }

    /// TS 38.413 §8.7.1.3.
    fn set_up_failed(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let (cause, retry_after) = ng_setup::failure(pdu)?;
        if self.state != State::ExpectSetupResponse {
            out.push(GnbAction::Unexpected("ng-setup-failure"));
            return Ok(());
        }
        self.state = State::Waiting;
        out.push(GnbAction::StopTimer(GnbTimer::NgSetup));
        out.push(GnbAction::SetupRefused { cause, retry_after });
        if let Some(wait) = retry_after {
            out.push(GnbAction::SetTimer(GnbTimer::TimeToWait, wait));
        }
        Ok(())
    }

    /// TS 38.413 §8.7.4.2.1.
    fn ng_reset(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let scope = ng_reset::scope(pdu)?;
        match &scope {
            Scope::Everything => self.release_all(out),
            Scope::Connections(connections) => {
                for &(amf, ran) in connections {
                    if let Some(ran) = self.find(amf, ran) {
                        self.drop_connection(ran, Released::Lost, out);
                    }
                }
            }
        }
        self.send_non_ue(ng_reset::acknowledge(&scope), out);
        Ok(())
    }

    /// TS 38.413 §8.7.5: the AMF does not know the UE as we do, so the connection is of no use.
    fn error_indicated(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let (amf, ran) = error_indication::ue(pdu)?;
        out.push(GnbAction::Unexpected("error-indication"));
        if let Some(ran) = self.find(amf, ran) {
            self.drop_connection(ran, Released::Lost, out);
        }
        Ok(())
    }

    /// TS 38.413 §8.6.2.
    fn downlink(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let message = nas_transport::downlink(pdu)?;
        if self.associate(message.amf, message.ran, out) {
            self.deliver(message.ran, message.amf, message.nas, out);
        }
        Ok(())
    }

    /// TS 38.413 §8.3.1.
    fn initial_context_setup(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let (amf, ran) = initial_context_setup::ids(pdu)?;
        if !self.associate(amf, ran, out) {
            return Ok(());
        }
        match initial_context_setup::request(pdu) {
            Ok(request) => {
                let response = initial_context_setup::response(request.amf, request.ran, &request.sessions);
                self.send_ue(ran, response, out);
                if let Some(nas) = request.nas {
                    self.deliver(ran, amf, nas, out);
                }
            }
            Err(_) => {
                out.push(GnbAction::Unexpected("initial-context-setup"));
                self.send_ue(ran, initial_context_setup::failure(amf, ran, pdu), out);
            }
        }
        Ok(())
    }

    /// TS 38.413 §8.3.3.
    fn ue_context_release(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let (amf, ran) = ue_context_release::command(pdu)?;
        let Some(ran) = self.find(amf, ran) else {
            self.unknown(amf, ran, CauseRadioNetwork::unknown_local_UE_NGAP_ID, out);
            return Ok(());
        };
        let cell = self.connections.get(&ran).map_or(0, |connection| connection.cell);
        let complete = ue_context_release::complete(&self.settings, amf.unwrap_or_default(), ran, cell);
        self.send_ue(ran, complete, out);
        self.drop_connection(ran, Released::Normal, out);
        Ok(())
    }

    /// Whether both ids name a connection. The AMF's id is taken from its first message; §10.6 has what becomes of ids
    /// that are unknown or do not belong together.
    fn associate(&mut self, amf: u64, ran: u32, out: &mut Out) -> bool {
        match self.connections.get_mut(&ran) {
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
                    self.unknown(
                        Some(amf),
                        Some(ran),
                        CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID,
                        out,
                    );
                    self.drop_connection(ran, Released::Lost, out);
                    false
                }
            },
        }
    }

    fn unknown(&self, amf: Option<u64>, ran: Option<u32>, cause: CauseRadioNetwork, out: &mut Out) {
        out.push(GnbAction::Unexpected("unknown-ue"));
        self.send_non_ue(error_indication::about_ue(amf, ran, Cause::radioNetwork(cause)), out);
    }

    fn deliver(&self, ran: u32, amf: u64, nas: Vec<u8>, out: &mut Out) {
        match self.connections.get(&ran) {
            Some(Connection { ue: Some(ue), lost: false, .. }) => {
                out.push(GnbAction::Downlink { ue: *ue, nas })
            }
            // §8.6.4.
            _ => self.send_ue(ran, nas_transport::non_delivery(amf, ran, &nas), out),
        }
    }

    // From the UEs.

    fn connect(
        &mut self,
        ue: u32,
        cell: u32,
        nas: &[u8],
        cause: EstablishmentCause,
        s_tmsi: Option<STmsi>,
        out: &mut Out,
    ) {
        let refusal = if self.state != State::Ready {
            Some(RefusalReason::NgInterfaceDown)
        } else if cell >= self.settings.cells {
            Some(RefusalReason::NoSuchCell)
        } else {
            None
        };
        if let Some(reason) = refusal {
            return out.push(GnbAction::Refused { ue, reason });
        }
        self.forsake(ue, out);
        let Some(ran) = self.free_ran() else {
            return out.push(GnbAction::Refused { ue, reason: RefusalReason::NoIdentity });
        };
        let Ok(octets) = initial_ue_message::message(&self.settings, ran, cell, nas, cause, s_tmsi) else {
            return out.push(GnbAction::Refused { ue, reason: RefusalReason::NotEncodable });
        };
        self.connections.insert(ran, Connection { ue: Some(ue), cell, amf: None, lost: false });
        self.ran_of_ue.insert(ue, ran);
        out.push(GnbAction::Send { stream: self.stream_of(ran), octets, ue: Some(ue) });
    }

    /// A UE that connects anew leaves its old connection, which the AMF is asked to release.
    fn forsake(&mut self, ue: u32, out: &mut Out) {
        let Some(ran) = self.ran_of_ue.remove(&ue) else { return };
        let Some(connection) = self.connections.get_mut(&ran) else { return };
        connection.ue = None;
        match (connection.amf, std::mem::replace(&mut connection.lost, true)) {
            (Some(amf), false) => {
                let request = ue_context_release::request(amf, ran, ReleaseCause::RadioConnectionLost);
                self.send_ue(ran, request, out);
            }
            (Some(_), true) => {}
            // The AMF has not answered: there is no connection yet that it could release.
            (None, _) => {
                self.connections.remove(&ran);
            }
        }
    }

    fn uplink(&mut self, ue: u32, nas: &[u8], out: &mut Out) {
        let Some(&ran) = self.ran_of_ue.get(&ue) else {
            return out.push(GnbAction::Unexpected("uplink-without-connection"));
        };
        let known =
            self.connections.get(&ran).and_then(|connection| Some((connection.amf?, connection.cell)));
        // Before the AMF answered there is no id to send it to (§8.6.3).
        let Some((amf, cell)) = known else {
            return out.push(GnbAction::Unexpected("uplink-before-downlink"));
        };
        self.send_ue(ran, nas_transport::uplink(&self.settings, amf, ran, cell, nas), out);
    }

    fn request_release(&mut self, ue: u32, cause: ReleaseCause, out: &mut Out) {
        let Some(&ran) = self.ran_of_ue.get(&ue) else {
            return out.push(GnbAction::Unexpected("release-without-connection"));
        };
        let Some(connection) = self.connections.get_mut(&ran) else { return };
        let Some(amf) = connection.amf else { return self.drop_connection(ran, Released::Normal, out) };
        if cause == ReleaseCause::RadioConnectionLost && std::mem::replace(&mut connection.lost, true) {
            return;
        }
        self.send_ue(ran, ue_context_release::request(amf, ran, cause), out);
    }

    // Connections.

    /// The RAN UE NGAP ID that a message means: by that id where it has it, by the AMF's otherwise.
    fn find(&self, amf: Option<u64>, ran: Option<u32>) -> Option<u32> {
        match (amf, ran) {
            (amf, Some(ran)) => {
                let known = self.connections.get(&ran)?;
                (amf.is_none() || known.amf.is_none() || known.amf == amf).then_some(ran)
            }
            (Some(amf), None) => {
                self.connections.iter().find(|(_, known)| known.amf == Some(amf)).map(|(ran, _)| *ran)
            }
            (None, None) => None,
        }
    }

    fn drop_connection(&mut self, ran: u32, cause: Released, out: &mut Out) {
        let Some(connection) = self.connections.remove(&ran) else { return };
        if let Some(ue) = connection.ue {
            self.ran_of_ue.remove(&ue);
            out.push(GnbAction::Released { ue, cause });
        }
    }

    fn free_ran(&mut self) -> Option<u32> {
        if self.connections.len() >= MAX_CONNECTIONS {
            return None;
        }
        while self.connections.contains_key(&self.next_ran) {
            self.next_ran = self.next_ran.wrapping_add(1);
        }
        let ran = self.next_ran;
        self.next_ran = self.next_ran.wrapping_add(1);
        Some(ran)
    }

    // Sending.

    /// TS 38.412 §7: stream 0 for what is about no UE, one of the others for each UE.
    fn stream_of(&self, ran: u32) -> u16 {
        let others = u32::from(self.streams_out.saturating_sub(1));
        if others == 0 { NON_UE_STREAM } else { u16::try_from(1 + ran % others).unwrap_or(NON_UE_STREAM) }
    }

    fn send_ue(&self, ran: u32, message: Result<Vec<u8>, Error>, out: &mut Out) {
        let ue = self.connections.get(&ran).and_then(|connection| connection.ue);
        match message {
            Ok(octets) => out.push(GnbAction::Send { stream: self.stream_of(ran), octets, ue }),
            Err(_) => out.push(GnbAction::Unexpected("not-encodable")),
        }
    }

    fn send_non_ue(&self, message: Result<Vec<u8>, Error>, out: &mut Out) {
        match message {
            Ok(octets) => out.push(GnbAction::Send { stream: NON_UE_STREAM, octets, ue: None }),
            Err(_) => out.push(GnbAction::Unexpected("not-encodable")),
        }
    }
}

/// The stream of the non-UE-associated procedures (TS 38.412 §7).
const NON_UE_STREAM: u16 = 0;
/// More connections than any gNB has, and few enough that a free id is found soon.
const MAX_CONNECTIONS: usize = 1 << 24;
