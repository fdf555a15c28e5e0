//! How procedures begin: because the driver starts them, or by themselves (TS 24.501 §5.1.3, §5.3).

use identity::{Procedure, SessionId};

use super::attempt::{Running, Slot};
use super::procedures::deregistration_ue_initiated::Deregistration;
use super::procedures::pdu_session_establishment::PduSessionEstablishment;
use super::procedures::pdu_session_modification::PduSessionModification;
use super::procedures::pdu_session_release::{self, PduSessionRelease};
use super::procedures::registration::Registration;
use super::procedures::service_request::{Reason, ServiceRequest};
use super::ue::Ue;
use crate::common::timers::Timer;
use crate::device::UeAction;
use crate::outcome::{Cause, Outcome};
use crate::sessions::SessionRequest;

impl Slot {
    /// The driver starts a procedure.
    pub(crate) fn start(&mut self, procedure: Procedure, ue: &mut Ue<'_>) {
        match (procedure, ue.sessions.lowest()) {
            (Procedure::PduSessionModification, Some(id)) => self.modify_session(id, ue),
            (Procedure::PduSessionRelease, Some(id)) => {
                self.release_session(id, pdu_session_release::REGULAR_DEACTIVATION, ue);
            }
            (Procedure::PduSession | Procedure::PduSessionModification | Procedure::PduSessionRelease, _) => {
                refuse_start(procedure, Cause::NoSession, ue);
            }
            (
                Procedure::HandoverN2
                | Procedure::HandoverXn
                | Procedure::UeContextRelease
                | Procedure::SimSwap,
                _,
            ) => refuse_start(procedure, Cause::NotOfUe, ue),
            (Procedure::Deregistration, _) => {
                self.begin_unless_refused(Running::Deregistration(Deregistration::default()), ue);
            }
            (Procedure::ServiceRequest, session) => {
                self.request_service(if session.is_some() { Reason::Data } else { Reason::Signalling }, ue);
            }
            (
                Procedure::Registration
                | Procedure::RegistrationRetry
                | Procedure::MobilityRegistrationUpdate
                | Procedure::PeriodicRegistrationUpdate,
                _,
            ) => self.begin_unless_refused(Running::Registration(Registration::new(procedure)), ue),
        }
    }

    pub(crate) fn request_service(&mut self, reason: Reason, ue: &mut Ue<'_>) {
        let request = Running::ServiceRequest(ServiceRequest::new(reason));
        match self.refusal(Procedure::ServiceRequest, reason, ue) {
            Some(cause) => refuse_start(Procedure::ServiceRequest, cause, ue),
            None => self.begin(request, ue),
        }
    }

    pub(crate) fn establish_session(&mut self, request: SessionRequest, ue: &mut Ue<'_>) {
        let establishment = PduSessionEstablishment::new(request);
        self.begin_unless_refused(Running::Establishment(establishment), ue);
    }

    pub(crate) fn modify_session(&mut self, id: SessionId, ue: &mut Ue<'_>) {
        self.begin_unless_refused(Running::Modification(PduSessionModification::new(id)), ue);
    }

    /// Releases a session for this 5GSM cause.
    pub(crate) fn release_session(&mut self, id: SessionId, cause: u8, ue: &mut Ue<'_>) {
        self.begin_unless_refused(Running::Release(PduSessionRelease::new(id, cause)), ue);
    }

    fn begin_unless_refused(&mut self, running: Running, ue: &mut Ue<'_>) {
        let procedure = running.procedure();
        match self.refusal(procedure, Reason::Signalling, ue) {
            Some(cause) => refuse_start(procedure, cause, ue),
            None => self.begin(running, ue),
        }
    }

    /// The UE begins a procedure by itself, where it can.
    pub(crate) fn begin_by_itself(&mut self, procedure: Procedure, ue: &mut Ue<'_>) {
        let initial = procedure == Procedure::RegistrationRetry;
        if !self.is_free() || ue.mm.registered == initial {
            return;
        }
        ue.out.push(UeAction::Started(procedure));
        self.start(procedure, ue);
    }

    /// Begins an update when the UE has left its registration area (§5.5.1.3.2 a), as soon as no other procedure runs.
    pub(crate) fn update_after_move(&mut self, ue: &mut Ue<'_>) {
        if !ue.mm.moved || !self.is_free() {
            return;
        }
        ue.mm.moved = false;
        if !ue.mm.registered {
            return;
        }
        if ue.mm.area.contains(ue.tai) {
            return ue.mm.area.visit(ue.tai);
        }
        self.begin_by_itself(Procedure::MobilityRegistrationUpdate, ue);
    }

    /// The network pages the UE (TS 24.501 §5.6.2.2.1). Paging that crosses a procedure of the UE is answered by it.
    pub(crate) fn paged(&mut self, ue: &mut Ue<'_>) {
        if !ue.mm.registered || ue.mm.connected || !self.is_free() {
            return ue.unexpected("paging");
        }
        // §5.3.9: paging stops T3346.
        ue.stop(Timer::T3346);
        ue.out.push(UeAction::Started(Procedure::ServiceRequest));
        self.request_service(Reason::Paging, ue);
    }

    /// The UE releases the connection, and is idle.
    pub(crate) fn leave_cell(&mut self, ue: &mut Ue<'_>) {
        ue.release();
        self.go_idle(ue);
    }

    /// 5GMM-IDLE: T3512 runs (§5.3.7), and what the network asked for begins.
    pub(crate) fn go_idle(&mut self, ue: &mut Ue<'_>) {
        ue.lose_connection();
        if ue.mm.registered
            && let Some(t3512) = ue.settings.t3512.or(ue.mm.area.t3512)
        {
            ue.set(Timer::T3512, t3512);
        }
        if let Some(procedure) = ue.mm.after_release.take() {
            self.begin_by_itself(procedure, ue);
        }
    }

    /// Why a procedure cannot start now.
    fn refusal(&self, procedure: Procedure, reason: Reason, ue: &Ue<'_>) -> Option<Cause> {
        let initial = !procedure.needs().registered;
        if !self.is_free() {
            Some(Cause::ProcedureRunning)
        } else if !initial && !ue.mm.registered {
            Some(Cause::NotRegistered)
        // §5.5.2.2.1: a de-registration goes by the SUCI where there is no 5G-GUTI; everything else needs the latter.
        } else if !initial && ue.mm.area.guti.is_none() && procedure != Procedure::Deregistration {
            Some(Cause::NoGuti)
        } else if is_barred(procedure, reason, ue) {
            Some(Cause::Barred)
        } else {
            None
        }
    }
}

/// TS 24.501 §5.3.9 (T3346), §5.6.1.7 (T3525), §5.5.1.2.5 (forbidden lists).
fn is_barred(procedure: Procedure, reason: Reason, ue: &Ue<'_>) -> bool {
    if !ue.does_as_specified() || procedure == Procedure::Deregistration {
        return false;
    }
    let answers_paging = reason == Reason::Paging;
    (ue.runs(Timer::T3346) && !answers_paging)
        || (procedure == Procedure::ServiceRequest && ue.runs(Timer::T3525) && !answers_paging)
        || ue.mm.retry.forbids_here(ue.tai)
}

/// A start that comes to nothing ends at once.
fn refuse_start(procedure: Procedure, cause: Cause, ue: &mut Ue<'_>) {
    ue.out.push(UeAction::Finished { procedure, outcome: Outcome::Failed(cause) });
}
