//! Security mode control: the new NAS security context is taken into use (TS 24.501 §5.4.2).

use std::time::Instant;

use identity::Imsi;
use oxirush_nas::nas_5gs::{
    GmmCause, KeySetIdentifier, Nas5gmmMessage, Nas5gsMessage, NasAdditional5gSecurityInformation, NasCount,
    NasImeisvRequest, NasKeySetIdentifier, NasRegistrationRequest, NasSecurityAlgorithms,
    NasSecurityModeCommand, NasSecurityModeComplete, NasUeSecurityCapability,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use super::authentication::Challenge;
use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::procedures::{Next, Step};
use crate::amf::security::Security;
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Event, Message, Refusal};

/// SECURITY MODE COMMAND, after the UE has answered the challenge.
pub(in crate::amf) fn begin(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    challenge: Challenge,
    (capability, ask_again): (Option<NasUeSecurityCapability>, bool),
) -> Step<'static> {
    let Some(capability) = capability else {
        // TS 24.501 §8.2.6.4: it is not left out by a UE that registers.
        amf.refuse(Refusal::SecurityCapabilities);
        return Step::Then(id, Next::Rejection(GmmCause::ConditionalIeError));
    };
    let (nea, nia) = (&amf.settings.ciphering, &amf.settings.integrity);
    let candidate = Security::select(challenge.kamf, challenge.ngksi, &capability, nea, nia);
    let Some(candidate) = candidate else {
        amf.refuse(Refusal::SecurityCapabilities);
        return Step::Then(id, Next::Rejection(GmmCause::UeSecurityCapabilitiesMismatch));
    };
    let (nea, nia) = (candidate.context.ciphering_algorithm(), candidate.context.integrity_algorithm());
    let algorithms = NasSecurityAlgorithms::from_algorithms(nea, nia);
    let ksi = NasKeySetIdentifier::from_key_set_identifier(KeySetIdentifier::Native(candidate.ngksi));
    let (Ok(ksi), Some(connection)) = (ksi, amf.connections.get_mut(&id)) else {
        return Step::wait_if(false, id);
    };
    let mut command = NasSecurityModeCommand::new(algorithms, ksi, capability);
    if ask_again {
        command.additional_5g_security_information =
            Some(NasAdditional5gSecurityInformation::from_flags(true, false));
    }
    command.imeisv_request = Some(NasImeisvRequest::from_requested(true));
    connection.candidate = Some(Box::new(candidate));
    let (message, timer) = ((Message::SecurityModeCommand, command), ConnectionTimer::T3560);
    Step::wait_if(sending::nas_until_answered(amf, now, id, message, Protection::New, timer), id)
}

/// The whole request, which a SECURITY MODE COMPLETE carries in place of the one in clear (§5.4.2.4).
pub(in crate::amf) fn whole_request(complete: &NasSecurityModeComplete) -> Option<NasRegistrationRequest> {
    let container = complete.nas_message_container.as_ref()?;
    match container.decode_as_nas_message() {
        Ok(Nas5gsMessage::Gmm(_, Nas5gmmMessage::RegistrationRequest(whole))) => Some(*whole),
        _ => None,
    }
}

/// SECURITY MODE COMPLETE, verified with the new context: the UE is who it said.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    complete: &NasSecurityModeComplete,
    (imsi, capability): (Option<Imsi>, Option<NasUeSecurityCapability>),
    count: NasCount,
) -> Step<'static> {
    let Some(connection) = amf.connections.get_mut(&id) else { return Step::Stay };
    let (plmn, tac) = (connection.plmn, connection.tac);
    let (Some(candidate), Some(imsi)) = (connection.candidate.take(), imsi) else { return Step::Stay };
    let Some(ue_id) = amf.ues.entry(imsi, plmn, tac) else {
        amf.refuse(Refusal::TooManyUes);
        return Step::Then(id, Next::Rejection(GmmCause::Congestion));
    };
    let device =
        complete.imeisv.as_ref().and_then(|imeisv| <[u8; 9]>::try_from(imeisv.value.as_slice()).ok());
    if let Some(device) = device {
        has_device(amf, context.wall_us(), imsi, device);
    }
    let home = context.ports.subscribers.profile(imsi).and_then(|profile| profile.home);
    if let Some(ue) = amf.ues.get_mut(ue_id) {
        ue.home = home;
        ue.security = Some(candidate);
        if let Some(capability) = capability {
            ue.capability = capability;
        }
    }
    if let Some(connection) = amf.connections.get_mut(&id) {
        connection.secured = true;
    }
    amf.bind(context, id, ue_id);
    Step::Then(id, Next::Acceptance(count))
}

/// A subscriber with another device than before (its PEI is the IMEISV, TS 23.003 §6.2.2). That several subscribers say the same
/// IMEISV is no change of any: test equipment has one for all its UEs.
fn has_device(amf: &mut Amf, wall_us: u64, imsi: Imsi, device: [u8; 9]) {
    let full = amf.devices.len() >= amf.settings.limits.ues;
    if full && !amf.devices.contains_key(&imsi) {
        return amf.refuse(Refusal::TooManyUes);
    }
    if amf.devices.insert(imsi, device).is_some_and(|before| before != device) {
        amf.statistics.notice(wall_us, Event::DeviceChanged, imsi);
    }
}

/// SECURITY MODE REJECT: the context is not taken into use (§5.4.2.5).
pub(in crate::amf) fn rejected(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    amf.refuse(Refusal::SecurityModeRejected);
    Step::Release(id, Cause::nas(CauseNas::authentication_failure))
}
