//! What comes to the AMF, to the procedure that it belongs to: messages of gNBs and UEs, timers, commands; and what a procedure says
//! comes next.

use identity::Imsi;
use oxirush_nas::nas_5gs::Nas5gmmMessage;
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, NgapPduKind};

use super::connection::ConnectionId;
use super::expiry::{ConnectionTimer, Expiry, UeTimer};
use super::procedures::nas5g::{
    authentication, configuration_update, deregistration, identification, registration, security_mode,
    service_request, session_transport,
};
use super::procedures::ngap::{
    error_indication, handover, handover_target, initial_context_setup, nas_transport, ng_reset, ng_setup,
    overload, paging, path_switch_request, pdu_session_resource, ran_configuration_update,
    ue_context_release,
};
use super::procedures::{Awaited, Next, Procedure, Registration, Step};
use super::received_nas::{self, Incoming};
use super::received_ngap::{self, Verdict};
use super::ue::Pending;
use super::{Amf, Command, connections, leaving, sending};
use crate::sessions::EventContext;
use crate::sessions::session::SessionKey;
use crate::statistics::Refusal;

/// A message of a gNB.
pub(super) fn received(amf: &mut Amf, context: &mut EventContext<'_>, association: u32, octets: &[u8]) {
    let now = context.now();
    let Some(pdu) = received_ngap::decoded(amf, now, association, octets) else { return };
    let kind = pdu.kind();
    let procedure = procedure_of(&kind);
    let verdict = received_ngap::judge(amf, now, association, &pdu, &kind, procedure.is_some());
    match (verdict, procedure) {
        (Verdict::Proceed, Some(procedure)) => match procedure(amf, context, association, &pdu) {
            Ok(step) => take(amf, context, step),
            // TS 38.413 §10.3.5: what is missing has the criticality *ignore*, and nothing can be done without it.
            Err(_) => amf.refuse(Refusal::MalformedNgap),
        },
        (Verdict::Unusable, _) => unusable(amf, context, association, &pdu, &kind),
        _ => {}
    }
}

type NgapProcedure =
    for<'a> fn(&mut Amf, &mut EventContext<'_>, u32, &'a NGAPPDU<'a>) -> Result<Step<'a>, Error>;

/// What the AMF does with a message of a gNB; `None` for what it does not comprehend (TS 38.413 §10.3.4.1).
fn procedure_of(kind: &NgapPduKind) -> Option<NgapProcedure> {
    Some(match kind {
        NgapPduKind::Initiating_NGSetup => ng_setup::requested,
        NgapPduKind::Initiating_RANConfigurationUpdate => ran_configuration_update::requested,
        NgapPduKind::Initiating_ErrorIndication => error_indication::received,
        NgapPduKind::Initiating_InitialUEMessage => nas_transport::initial,
        NgapPduKind::Initiating_UplinkNASTransport => nas_transport::uplink,
        NgapPduKind::Initiating_NASNonDeliveryIndication => nas_transport::not_delivered,
        NgapPduKind::Successful_InitialContextSetup => initial_context_setup::succeeded,
        NgapPduKind::Unsuccessful_InitialContextSetup => initial_context_setup::failed,
        NgapPduKind::Initiating_UEContextReleaseRequest => ue_context_release::requested,
        NgapPduKind::Successful_UEContextRelease => ue_context_release::completed,
        NgapPduKind::Successful_PDUSessionResourceSetup => pdu_session_resource::set_up_answered,
        NgapPduKind::Successful_PDUSessionResourceModify => pdu_session_resource::modify_answered,
        NgapPduKind::Successful_PDUSessionResourceRelease => pdu_session_resource::release_answered,
        NgapPduKind::Initiating_PDUSessionResourceNotify => pdu_session_resource::notified,
        NgapPduKind::Initiating_HandoverPreparation => handover::required,
        NgapPduKind::Initiating_HandoverCancel => handover::cancelled,
        NgapPduKind::Initiating_UplinkRANStatusTransfer => handover::status,
        NgapPduKind::Successful_HandoverResourceAllocation => handover_target::acknowledged,
        NgapPduKind::Unsuccessful_HandoverResourceAllocation => handover_target::failed,
        NgapPduKind::Initiating_HandoverNotification => handover_target::notified,
        NgapPduKind::Initiating_PathSwitchRequest => path_switch_request::requested,
        NgapPduKind::Initiating_NGReset => ng_reset::by_gnb,
        NgapPduKind::Successful_NGReset | NgapPduKind::Initiating_UERadioCapabilityInfoIndication => {
            only_noted
        }
        _ => return None,
    })
}

fn only_noted<'a>(
    _: &mut Amf,
    _: &mut EventContext<'_>,
    _: u32,
    _: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    Ok(Step::Stay)
}

/// An answer of a gNB cannot be used: its procedure has failed.
fn unusable(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
    kind: &NgapPduKind,
) {
    let ids = criticality::ngap::Ids::of(pdu);
    let Some(id) = connections::known(amf, association, ids.amf, ids.ran) else { return };
    let step = match kind {
        NgapPduKind::Successful_InitialContextSetup => initial_context_setup::unusable(amf, id),
        NgapPduKind::Successful_HandoverResourceAllocation => {
            handover_target::unusable(amf, context.now(), id)
        }
        _ => return,
    };
    take(amf, context, step);
}

/// Takes the steps that a procedure says come next.
fn take(amf: &mut Amf, context: &mut EventContext<'_>, step: Step<'_>) {
    let mut next = step;
    loop {
        next = match next {
            Step::Stay => return,
            Step::Release(id, cause) => return leaving::release(amf, context, id, cause),
            Step::Nas { connection, pdu, initial } => {
                return nas(amf, context, connection, pdu.0.as_slice(), initial);
            }
            Step::Then(id, next) => begin(amf, context, id, next),
        };
    }
}

/// A NAS PDU of a UE.
fn nas(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, pdu: &[u8], initial: bool) {
    if let Some((message, incoming)) = received_nas::judge(amf, context.now(), id, pdu, initial) {
        let step = mobility_message(amf, context, id, message, &incoming);
        take(amf, context, step);
    }
    // Whatever came of it, a connection on which nothing runs and nobody is known is not kept.
    let idle = |amf: &Amf| amf.connections.get(&id).is_some_and(|one| one.is_quiet() && !one.secured);
    if initial && idle(amf) {
        leaving::release(amf, context, id, Cause::nas(CauseNas::normal_release));
    }
}

/// A 5GMM message.
fn mobility_message(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    message: Nas5gmmMessage,
    incoming: &Incoming,
) -> Step<'static> {
    amf.statistics.counters.count_received(received_nas::name_of(&message));
    let Some(awaited) = amf.awaits(id) else { return Step::Stay };
    match (message, awaited) {
        (Nas5gmmMessage::RegistrationRequest(request), _) => {
            Registration::begin(amf, context, id, &request, incoming)
        }
        (Nas5gmmMessage::ServiceRequest(request), _) => {
            service_request::received(amf, context, id, &request, incoming)
        }
        (Nas5gmmMessage::DeregistrationRequestUeOriginating(request), _) => {
            deregistration::by_ue(amf, context, id, &request, incoming)
        }
        (Nas5gmmMessage::UlNasTransport(transport), _) => {
            session_transport::received(amf, context, id, *transport)
        }
        // §7.4, §5.4.6: a status is noted.
        (Nas5gmmMessage::FiveGmmStatus(_), _) => Step::Stay,
        (message, awaited) => answer(amf, context, id, (message, awaited), incoming),
    }
}

/// The answer of a UE to what runs on its connection; what does not fit is ignored.
fn answer(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    (message, awaited): (Nas5gmmMessage, Awaited),
    incoming: &Incoming,
) -> Step<'static> {
    match (message, awaited) {
        (Nas5gmmMessage::IdentityResponse(response), Awaited::Identity) => {
            amf.has_answer(id);
            identification::received(amf, context, id, &response.mobile_identity)
        }
        (Nas5gmmMessage::AuthenticationResponse(response), Awaited::Authentication) => {
            with(amf, id, |amf, Registration { authentication, imsi, .. }| {
                authentication.received(amf, context, id, *imsi, &response)
            })
        }
        (Nas5gmmMessage::AuthenticationFailure(failure), Awaited::Authentication) => {
            with(amf, id, |amf, Registration { authentication, imsi, .. }| {
                authentication.failed(amf, context, id, *imsi, &failure)
            })
        }
        (Nas5gmmMessage::SecurityModeComplete(complete), Awaited::SecurityMode) => {
            let Some(count) = incoming.under_new else {
                amf.refuse(Refusal::OutOfState);
                return Step::Stay;
            };
            with(amf, id, |amf, registration| {
                if let Some(whole) = security_mode::whole_request(&complete) {
                    registration.completed_by(&whole);
                }
                let who = (registration.imsi, registration.capability.clone());
                security_mode::received(amf, context, id, &complete, who, count)
            })
        }
        (Nas5gmmMessage::SecurityModeReject(_), Awaited::SecurityMode) => {
            amf.has_answer(id);
            security_mode::rejected(amf, id)
        }
        (Nas5gmmMessage::RegistrationComplete(_), Awaited::RegistrationComplete) => {
            with(amf, id, |amf, registration| registration.received(amf, context, id))
        }
        (Nas5gmmMessage::DeregistrationAcceptUeTerminated(_), Awaited::DeregistrationAccept) => {
            amf.end_procedure(id);
            deregistration::received(amf, id)
        }
        (Nas5gmmMessage::ConfigurationUpdateComplete(_), Awaited::ConfigurationUpdate) => {
            amf.end_procedure(id);
            configuration_update::received(amf, id)
        }
        _ => {
            amf.refuse(Refusal::OutOfState);
            Step::Stay
        }
    }
}

/// The registration of a connection goes on: it has its answer, or it is its turn.
fn with(
    amf: &mut Amf,
    id: ConnectionId,
    part: impl FnOnce(&mut Amf, &mut Registration) -> Step<'static>,
) -> Step<'static> {
    amf.has_answer(id);
    let Some(mut registration) = amf.take_registration(id) else { return Step::Stay };
    let step = part(amf, &mut registration);
    amf.keep_registration(id, registration);
    step
}

/// Another procedure, or another part of the registration, begins.
fn begin(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, next: Next) -> Step<'static> {
    use registration::State;

    let now = context.now();
    match next {
        Next::Identification => with(amf, id, |amf, registration| {
            registration.state = State::ExpectIdentity;
            identification::begin(amf, now, id)
        }),
        Next::Authentication => with(amf, id, |amf, registration| {
            let Some(imsi) = registration.imsi else { return Step::Stay };
            let step = registration.authentication.begin(amf, context, id, imsi);
            registration.state =
                if matches!(step, Step::Stay) { State::ExpectAuthentication } else { State::Between };
            step
        }),
        Next::SecurityMode => with(amf, id, |amf, registration| {
            let Some(challenge) = registration.authentication.challenge.take() else { return Step::Stay };
            let able = (registration.capability.clone(), registration.ask_again);
            let step = security_mode::begin(amf, now, id, challenge, able);
            registration.state =
                if matches!(step, Step::Stay) { State::ExpectSecurityMode } else { State::Between };
            step
        }),
        Next::Named(imsi) => with(amf, id, |_, registration| registration.named(id, imsi, false)),
        Next::Acceptance(count) => {
            with(amf, id, |amf, registration| registration.accept(amf, context, id, count))
        }
        Next::Rejection(cause) => {
            with(amf, id, |amf, registration| registration.reject(amf, context, id, cause))
        }
        Next::RefusalAtHome(answer) => {
            with(amf, id, |amf, registration| registration.refuse_at_home(amf, context, id, answer))
        }
        Next::Deregistration { re_registration } => {
            amf.run(id, Procedure::Deregistration);
            deregistration::begin(amf, now, id, re_registration)
        }
        Next::ConfigurationUpdate => {
            if configuration_update::begin(amf, now, id) {
                amf.run(id, Procedure::ConfigurationUpdate);
            }
            Step::Stay
        }
    }
}

/// A timer has expired.
pub(super) fn expired(amf: &mut Amf, context: &mut EventContext<'_>, expiry: Expiry) {
    match expiry {
        Expiry::Connection(id, timer) => connection_expired(amf, context, id, timer),
        Expiry::Ue(ue, timer) => {
            let Some(known) = amf.ues.get_mut(ue) else { return };
            known.timer = None;
            match timer {
                UeTimer::T3513 => paging::expired(amf, context, ue),
                UeTimer::MobileReachable => amf.is_not_reachable(context.now(), ue),
                UeTimer::ImplicitDeregistration => amf.forget_ue(context, ue),
            }
        }
        Expiry::Handover(target) => {
            let step = handover::expired(amf, context, target);
            take(amf, context, step);
        }
    }
}

/// A timer of a connection has expired: its message is sent again, or the procedure gives up.
fn connection_expired(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    timer: ConnectionTimer,
) {
    if sending::repeated(amf, context.now(), id) {
        return;
    }
    if timer == ConnectionTimer::ReleaseGuard {
        return ue_context_release::expired(amf, context, id);
    }
    amf.has_answer(id);
    let step = match timer {
        ConnectionTimer::T3522 => {
            amf.end_procedure(id);
            deregistration::expired(amf, id)
        }
        ConnectionTimer::T3555 => {
            amf.end_procedure(id);
            configuration_update::expired(amf)
        }
        ConnectionTimer::T3550 => registration::expired(amf, id),
        ConnectionTimer::T3560 => authentication::expired(amf, id),
        ConnectionTimer::T3570 => identification::expired(amf, id),
        ConnectionTimer::ReleaseGuard => Step::Stay,
    };
    take(amf, context, step);
}

/// The operator wants something.
pub(super) fn command(amf: &mut Amf, context: &mut EventContext<'_>, command: Command) {
    match command {
        Command::Deregister { imsi, re_registration } => {
            when_connected(amf, context, imsi, Pending::Deregistration { re_registration });
        }
        Command::Page { imsi } => {
            if let Some(ue) = amf.ues.find(imsi) {
                paging::begin(amf, context.now(), ue);
            }
        }
        Command::UpdateConfiguration { imsi } => {
            when_connected(amf, context, imsi, Pending::ConfigurationUpdate);
        }
        Command::ReleaseSession { imsi, session } => {
            let key = SessionKey { supi: imsi, id: session };
            context.sessions.release(amf, &mut context.ports, key);
        }
        Command::Reset { association } => ng_reset::by_amf(amf, context, association),
        Command::StartOverload { association, slice, reduction } => {
            overload::start(amf, context.now(), association, slice, reduction);
        }
        Command::StopOverload { association } => overload::stop(amf, context.now(), association),
    }
}

/// At once when the UE is connected and nothing runs, else as soon as it is; an idle UE is paged.
fn when_connected(amf: &mut Amf, context: &mut EventContext<'_>, imsi: Imsi, pending: Pending) {
    let Some(ue_id) = amf.ues.find(imsi) else { return };
    let Some(ue) = amf.ues.get_mut(ue_id).filter(|ue| ue.registered) else { return };
    let quiet = |id: &ConnectionId| amf.connections.get(id).is_some_and(|connection| connection.is_quiet());
    match (ue.connection.filter(quiet), pending.next()) {
        (Some(id), Some(next)) => take(amf, context, Step::Then(id, next)),
        _ => {
            ue.pending = pending;
            if ue.connection.is_none() {
                paging::begin(amf, context.now(), ue_id);
            }
        }
    }
}
