//! Primary authentication and key agreement with 5G AKA (TS 24.501 §5.4.1.3, TS 33.501 §6.1.3.2).

use oxirush_nas::nas_5gs::{
    GmmCause, KeySetIdentifier, NasAbba, NasAuthenticationFailure, NasAuthenticationParameterAutn,
    NasAuthenticationParameterRand, NasAuthenticationReject, NasAuthenticationRequest,
    NasAuthenticationResponse, NasKeySetIdentifier,
};
use oxirush_ngap::ngap::{Cause, CauseNas};
use oxirush_security::nas_5gs::{ResStar, Supi, derive_kamf, derive_kausf, derive_kseaf};
use rand::RngCore;

use super::{identification, registration, security_mode, ue_context_release};
use crate::amf::connection::{Challenge, ConnectionId, Protection, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::{Amf, home_network, sending};
use crate::sessions::EventContext;
use crate::statistics::{Event, Message, Refusal};

/// AUTHENTICATION REQUEST, with a fresh vector for who the UE says it is.
pub(in crate::amf) fn start(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let Some(imsi) = connection.attempt.as_ref().and_then(|attempt| attempt.imsi) else { return };
    let refused = match amf.subscribers.find(imsi) {
        Some(record) => record.refused.filter(|answer| home_network::prevents_authentication(*answer)),
        None => Some(home_network::of_unknown(amf, context.sessions.settings(), imsi)),
    };
    if let Some(answer) = refused {
        return registration::refused_at_home(amf, context, id, answer);
    }
    let Some(connection) = amf.connections.get(&id) else { return };
    // §5.4.1.3.2: a ngKSI that neither the UE nor the AMF uses.
    let known = amf.ues.find(imsi).and_then(|ue| amf.ues.get(ue)).and_then(|ue| ue.security.as_ref());
    let before = connection.attempt.as_ref().and_then(|attempt| attempt.challenge.as_ref());
    let used = before.map(|challenge| challenge.ngksi).or_else(|| known.map(|security| security.ngksi));
    let ngksi = used.map_or(0, |ngksi| (ngksi + 1) % NGKSI_NO_KEY);
    let Some((challenge, autn)) = challenge(amf, id, ngksi) else {
        amf.refuse(Refusal::UnknownSubscriber);
        return registration::reject(amf, context, id, GmmCause::FiveGsServicesNotAllowed);
    };
    let Ok(ksi) = NasKeySetIdentifier::from_key_set_identifier(KeySetIdentifier::Native(ngksi)) else {
        return;
    };
    let request = NasAuthenticationRequest::new(ksi, NasAbba::new(ABBA))
        .with_authentication_parameter_rand(NasAuthenticationParameterRand::from_rand(challenge.rand))
        .with_authentication_parameter_autn(NasAuthenticationParameterAutn::from_autn(autn));
    if let Some(attempt) = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut()) {
        attempt.challenge = Some(challenge);
    }
    let protection = protection(amf, id);
    let wait = (State::ExpectAuthentication, ConnectionTimer::T3560);
    sending::nas_until_answered(
        amf,
        context.now(),
        id,
        (Message::AuthenticationRequest, request),
        protection,
        wait,
    );
}

/// The challenge and its AUTN. The keys are derived with it: they are of use only after a right answer.
fn challenge(amf: &mut Amf, id: ConnectionId, ngksi: u8) -> Option<(Challenge, [u8; 16])> {
    let connection = amf.connections.get(&id)?;
    let attempt = connection.attempt.as_ref()?;
    let (imsi, next_card) = (attempt.imsi?, attempt.next_card);
    let sn_name = amf.serving.get(connection.plmn)?.sn_name.as_bytes();
    let mut rand = [0; 16];
    amf.rng.fill_bytes(&mut rand);
    let vector = amf.subscribers.vector(imsi, rand, next_card)?;
    let digits = imsi.to_string();
    let kausf = derive_kausf(vector.ck(), vector.ik(), sn_name, vector.autn()).ok()?;
    let kseaf = derive_kseaf(&kausf, sn_name).ok()?;
    let kamf = derive_kamf(&kseaf, &Supi::imsi(&digits).ok()?, &ABBA).ok()?;
    let xres_star = vector.xres_star(sn_name).ok()?;
    Some((Challenge { rand, ngksi, xres_star, kamf }, *vector.autn().as_octets()))
}

/// AUTHENTICATION RESPONSE: RES* is compared with XRES*.
pub(in crate::amf) fn answered(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    response: &NasAuthenticationResponse,
) {
    let attempt = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut());
    let Some(attempt) = attempt else { return };
    let parameter = response.authentication_response_parameter.as_ref();
    let res_star = parameter.and_then(|parameter| parameter.res_star()).map(ResStar::new);
    let right = attempt
        .challenge
        .as_ref()
        .zip(res_star)
        .is_some_and(|(challenge, res_star)| challenge.xres_star.accepts(&res_star));
    if right {
        attempt.failures = 0;
        if let Some(imsi) = attempt.imsi.filter(|_| std::mem::take(&mut attempt.next_card)) {
            amf.subscribers.swapped(imsi);
            amf.statistics.notice(context.wall_us(), Event::SimSwapDetected, imsi);
        }
        amf.statistics.authentications += 1;
        sending::settle(amf, id);
        return security_mode::start(amf, context, id);
    }
    amf.refuse(Refusal::WrongResStar);
    doubt(amf, context, id);
}

/// §5.4.1.3.5, §5.4.1.3.7 c: a UE that named itself by a 5G-GUTI may be another; it is asked who it is, once.
fn doubt(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    sending::settle(amf, id);
    let attempt = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut());
    match attempt {
        Some(attempt) if attempt.by_guti => {
            attempt.by_guti = false;
            identification::start(amf, context, id);
        }
        _ => reject(amf, context, id),
    }
}

/// AUTHENTICATION FAILURE (§5.4.1.3.7 c to f). A second one in a row ends it.
pub(in crate::amf) fn failed(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    failure: &NasAuthenticationFailure,
) {
    let attempt = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut());
    let Some(attempt) = attempt else { return };
    attempt.failures += 1;
    let last = attempt.failures >= MAX_FAILURES;
    let (imsi, rand) = (attempt.imsi, attempt.challenge.as_ref().map(|challenge| challenge.rand));
    let (by_guti, next_card) = (attempt.by_guti, attempt.next_card);
    match failure.fgmm_cause.cause_received() {
        GmmCause::SynchFailure => {
            amf.refuse(Refusal::UeFoundSynchFailure);
            let auts =
                failure.authentication_failure_parameter.as_ref().and_then(|parameter| parameter.auts());
            let genuine = match (imsi, rand, auts) {
                (Some(imsi), Some(rand), Some(auts)) => {
                    amf.subscribers.resynchronise(imsi, rand, auts, next_card)
                }
                _ => false,
            };
            sending::settle(amf, id);
            if !genuine {
                amf.refuse(Refusal::WrongAuts);
                return reject(amf, context, id);
            }
            if last { reject(amf, context, id) } else { start(amf, context, id) }
        }
        // The same subscriber may have another card by now.
        GmmCause::MacFailure
            if !by_guti && !next_card && imsi.is_some_and(|imsi| amf.subscribers.may_swap(imsi)) =>
        {
            amf.refuse(Refusal::UeFoundMacFailure);
            attempt_next_card(amf, id);
            sending::settle(amf, id);
            start(amf, context, id);
        }
        GmmCause::NgKsiAlreadyInUse if !last => {
            amf.refuse(Refusal::UeRefusedChallenge);
            sending::settle(amf, id);
            start(amf, context, id);
        }
        cause => {
            let mac = cause == GmmCause::MacFailure;
            amf.refuse(if mac { Refusal::UeFoundMacFailure } else { Refusal::UeRefusedChallenge });
            if last {
                return reject(amf, context, id);
            }
            doubt(amf, context, id);
        }
    }
}

fn attempt_next_card(amf: &mut Amf, id: ConnectionId) {
    if let Some(attempt) = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut()) {
        attempt.next_card = true;
        attempt.failures = 0;
    }
}

/// AUTHENTICATION REJECT, and the connection is released (§5.4.1.3.5).
fn reject(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let protection = protection(amf, id);
    sending::settle(amf, id);
    let body = NasAuthenticationReject::new();
    sending::nas(amf, context.now(), id, Message::AuthenticationReject, body, protection);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::authentication_failure));
}

/// T3560 expired for the fifth time, for this or for the security mode (§5.4.1.3.7 b, §5.4.2.7 b).
pub(in crate::amf) fn gave_up(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::AuthenticationTimeout);
    sending::settle(amf, id);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::authentication_failure));
}

/// A UE that the connection already serves securely is not spoken to in clear.
pub(in crate::amf) fn protection(amf: &Amf, id: ConnectionId) -> Protection {
    let secured = amf.connections.get(&id).is_some_and(|connection| connection.secured);
    if secured { Protection::Current } else { Protection::Plain }
}

/// TS 33.501 Annex A.7.1: the value of ABBA.
const ABBA: [u8; 2] = [0, 0];
/// TS 24.501 §9.11.3.32.
const NGKSI_NO_KEY: u8 = 7;
/// TS 24.501 §5.4.1.3.7: the network may end it at the second failure in a row.
const MAX_FAILURES: u8 = 2;
