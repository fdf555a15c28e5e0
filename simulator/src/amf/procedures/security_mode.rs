//! Security mode control: the new NAS security context is taken into use (TS 24.501 §5.4.2).

use identity::Imsi;
use oxirush_nas::nas_5gs::{
    GmmCause, KeySetIdentifier, Nas5gmmMessage, Nas5gsMessage, NasAdditional5gSecurityInformation, NasCount,
    NasImeisvRequest, NasKeySetIdentifier, NasSecurityAlgorithms, NasSecurityModeCommand,
    NasSecurityModeComplete,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use super::{registration, ue_context_release};
use crate::amf::connection::{ConnectionId, Protection, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::security::Security;
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Event, Message, Refusal};

/// SECURITY MODE COMMAND, after the UE has answered the challenge.
pub(in crate::amf) fn start(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let settings = &amf.settings;
    let attempt = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut());
    let Some(attempt) = attempt else { return };
    let Some(challenge) = attempt.challenge.take() else { return };
    let Some(capability) = attempt.capability.clone() else {
        // TS 24.501 §8.2.6.4: it is not left out by a UE that registers.
        amf.refuse(Refusal::SecurityCapabilities);
        return registration::reject(amf, context, id, GmmCause::ConditionalIeError);
    };
    let (nea, nia) = (&settings.ciphering, &settings.integrity);
    let candidate = Security::select(challenge.kamf, challenge.ngksi, &capability, nea, nia);
    let Some(candidate) = candidate else {
        amf.refuse(Refusal::SecurityCapabilities);
        return registration::reject(amf, context, id, GmmCause::UeSecurityCapabilitiesMismatch);
    };
    let selected = &candidate.context;
    let algorithms = NasSecurityAlgorithms::from_algorithms(
        selected.ciphering_algorithm(),
        selected.integrity_algorithm(),
    );
    let Ok(ksi) = NasKeySetIdentifier::from_key_set_identifier(KeySetIdentifier::Native(candidate.ngksi))
    else {
        return;
    };
    let mut command = NasSecurityModeCommand::new(algorithms, ksi, capability);
    if attempt.ask_again {
        command.additional_5g_security_information =
            Some(NasAdditional5gSecurityInformation::from_flags(true, false));
    }
    command.imeisv_request = Some(NasImeisvRequest::from_requested(true));
    attempt.candidate = Some(candidate);
    let wait = (State::ExpectSecurityMode, ConnectionTimer::T3560);
    sending::nas_until_answered(
        amf,
        context.now(),
        id,
        (Message::SecurityModeCommand, command),
        Protection::New,
        wait,
    );
}

/// SECURITY MODE COMPLETE, verified with the new context: the UE is who it said.
pub(in crate::amf) fn completed(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    complete: &NasSecurityModeComplete,
    count: NasCount,
) {
    sending::settle(amf, id);
    let container = complete.nas_message_container.as_ref();
    if let Some(Ok(Nas5gsMessage::Gmm(_, Nas5gmmMessage::RegistrationRequest(whole)))) =
        container.map(|container| container.decode_as_nas_message())
    {
        registration::completed_request(amf, id, &whole);
    }
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let (plmn, tac) = (connection.plmn, connection.tac);
    let Some(attempt) = connection.attempt.as_mut() else { return };
    let (Some(candidate), Some(imsi)) = (attempt.candidate.take(), attempt.imsi) else { return };
    let capability = attempt.capability.clone();
    let Some(ue_id) = amf.ues.entry(imsi, plmn, tac) else {
        amf.refuse(Refusal::TooManyUes);
        return registration::reject(amf, context, id, GmmCause::Congestion);
    };
    let device =
        complete.imeisv.as_ref().and_then(|imeisv| <[u8; 9]>::try_from(imeisv.value.as_slice()).ok());
    if let Some(device) = device {
        has_device(amf, context, imsi, device);
    }
    let home = amf.subscribers.find(imsi).and_then(|record| record.home);
    if let Some(ue) = amf.ues.get_mut(ue_id) {
        ue.home = home;
        ue.security = Some(Box::new(candidate));
        ue.capability = capability.unwrap_or_else(|| ue.capability.clone());
    }
    if let Some(connection) = amf.connections.get_mut(&id) {
        connection.secured = true;
    }
    amf.bind(context, id, ue_id);
    registration::accept(amf, context, id, count);
}

/// A subscriber with another device than before (its PEI is the IMEISV, TS 23.003 §6.2.2). That several subscribers say the same
/// IMEISV is no change of any: test equipment has one for all its UEs.
fn has_device(amf: &mut Amf, context: &EventContext<'_>, imsi: Imsi, device: [u8; 9]) {
    let full = amf.devices.len() >= amf.settings.limits.ues;
    if full && !amf.devices.contains_key(&imsi) {
        return amf.refuse(Refusal::TooManyUes);
    }
    if amf.devices.insert(imsi, device).is_some_and(|before| before != device) {
        amf.statistics.notice(context.wall_us(), Event::DeviceChanged, imsi);
    }
}

/// SECURITY MODE REJECT: the context is not taken into use (§5.4.2.5).
pub(in crate::amf) fn rejected(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::SecurityModeRejected);
    sending::settle(amf, id);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::authentication_failure));
}
