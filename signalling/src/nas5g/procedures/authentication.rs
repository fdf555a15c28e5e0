//! Primary authentication with 5G AKA, UE side (TS 24.501 §5.4.1.3, TS 33.501 §6.1.3.2).

use oxirush_nas::nas_5gs::{
    NasAuthenticationFailure, NasAuthenticationFailureParameter, NasAuthenticationRequest,
    NasAuthenticationResponse, NasAuthenticationResponseParameter, NasFGmmCause,
};
use oxirush_security::Autn;
use oxirush_security::nas_5gs::{KAmf, Supi, derive_kamf, derive_kausf, derive_kseaf};

use identity::Plmn;

use crate::common::nas_security::NasContext;
use crate::common::retry::Forbids;
use crate::common::timers::{self, Timer};
use crate::common::usim::{Refusal, Usim};
use crate::device::UeAction;
use crate::nas5g::attempt::Slot;
use crate::nas5g::ue::Ue;
use crate::outcome::{AuthenticationFailure, Cause, Outcome};

/// An authentication that no SECURITY MODE COMMAND has ended yet.
#[derive(Default)]
pub(crate) struct Authentication {
    challenge: Option<Box<Challenge>>,
    /// AUTHENTICATION FAILUREs in a row.
    failures: u8,
}

impl Authentication {
    fn answering(challenge: Box<Challenge>) -> Self {
        Self { challenge: Some(challenge), failures: 0 }
    }

    fn refuse(&mut self) {
        self.challenge = None;
        self.failures = self.failures.saturating_add(1);
    }

    /// The RES* that was sent for this RAND.
    fn answered(&self, rand: Option<&[u8; 16]>) -> Option<[u8; 16]> {
        let challenge = self.challenge.as_ref()?;
        (rand == Some(&challenge.rand)).then_some(challenge.res_star)
    }

    /// The partial native context: its ngKSI and KAMF.
    pub(crate) fn keys(&self) -> Option<(u8, &KAmf)> {
        self.challenge.as_ref().map(|challenge| (challenge.ng_ksi, &challenge.k_amf))
    }

    pub(crate) fn octets(&self) -> usize {
        size_of::<Self>() + self.challenge.as_ref().map_or(0, |_| size_of::<Challenge>())
    }
}

/// What a challenge of the network comes to.
enum Answer {
    /// The network is genuine: the RES*, and the partial native context that a SECURITY MODE COMMAND takes into use.
    Response(Box<Challenge>),
    /// The network is refused, with the AUTS where the SQN was not fresh.
    Failure(AuthenticationFailure, Option<[u8; 14]>),
    /// A challenge without RAND and AUTN, as EAP has it: not ours (TS 24.501 §7.7.1, conditional IE error).
    Incomplete,
}

/// A challenge that was answered, and the keys of it.
struct Challenge {
    rand: [u8; 16],
    res_star: [u8; 16],
    ng_ksi: u8,
    k_amf: KAmf,
}

/// Checks a challenge and derives the keys. `in_use` is the ngKSI of the current security context.
fn answer(
    usim: &mut Usim,
    serving_plmn: Plmn,
    in_use: Option<u8>,
    request: &NasAuthenticationRequest,
) -> Answer {
    let rand = request.authentication_parameter_rand.as_ref().and_then(|parameter| parameter.rand());
    let autn = request.authentication_parameter_autn.as_ref().and_then(|parameter| parameter.autn());
    let (Some(rand), Some(autn)) = (rand, autn) else { return Answer::Incomplete };
    let ng_ksi = request.ngksi.value & 0x0f;
    // §5.4.1.3.7 e): the network took an ngKSI that names another context.
    if in_use == Some(ng_ksi) {
        return Answer::Failure(AuthenticationFailure::NgKsiAlreadyInUse, None);
    }
    let response = match usim.authenticate(rand, autn) {
        Ok(response) => response,
        Err(Refusal::Mac) => return Answer::Failure(AuthenticationFailure::MacFailure, None),
        Err(Refusal::Synch(auts)) => {
            return Answer::Failure(AuthenticationFailure::SynchFailure, Some(*auts.as_octets()));
        }
    };
    // TS 33.501 §6.1.3.2.0: a challenge of 5G AKA has the separation bit of the AMF field set.
    if !response.amf().separation_bit() {
        return Answer::Failure(AuthenticationFailure::NonFiveGAuthenticationUnacceptable, None);
    }
    let sn_name = serving_network_name(serving_plmn);
    let supi = format!("imsi-{}", usim.subscriber.imsi);
    let keys = || {
        let k_ausf = derive_kausf(response.ck(), response.ik(), &sn_name, &Autn::new(autn)).ok()?;
        let k_seaf = derive_kseaf(&k_ausf, &sn_name).ok()?;
        let k_amf = derive_kamf(&k_seaf, &Supi::parse(&supi).ok()?, request.abba.abba()).ok()?;
        let res_star = *response.res_star(&sn_name).ok()?.as_octets();
        Some(Box::new(Challenge { rand: *rand, res_star, ng_ksi, k_amf }))
    };
    // An ABBA that no key can be derived with is a fault of the message.
    keys().map_or(Answer::Incomplete, Answer::Response)
}

/// AUTHENTICATION RESPONSE (TS 24.501 §8.2.2).
fn response(res_star: [u8; 16]) -> NasAuthenticationResponse {
    NasAuthenticationResponse::new()
        .with_authentication_response_parameter(NasAuthenticationResponseParameter::from_res_star(res_star))
}

/// AUTHENTICATION FAILURE (TS 24.501 §8.2.4).
fn failure(cause: AuthenticationFailure, auts: Option<[u8; 14]>) -> NasAuthenticationFailure {
    let message = NasAuthenticationFailure::new(NasFGmmCause::new(cause.gmm_cause()));
    match auts {
        Some(auts) => {
            message.with_authentication_failure_parameter(NasAuthenticationFailureParameter::from_auts(auts))
        }
        None => message,
    }
}

/// The serving network name (TS 24.501 §9.12.1): `5G:mnc001.mcc001.3gppnetwork.org`.
fn serving_network_name(plmn: Plmn) -> Vec<u8> {
    format!("5G:mnc{:0>3}.mcc{}.3gppnetwork.org", plmn.mnc(), plmn.mcc()).into_bytes()
}

/// AUTHENTICATION REQUEST (TS 24.501 §5.4.1.3).
pub(crate) fn requested(slot: &mut Slot, request: &NasAuthenticationRequest, ue: &mut Ue<'_>) {
    let rand = request.authentication_parameter_rand.as_ref().and_then(|parameter| parameter.rand());
    // §5.4.1.3.3: the answer to a repeated request is repeated while T3516 runs.
    let repeated = ue.mm.authentication.as_ref().and_then(|state| state.answered(rand));
    if let Some(res_star) = repeated.filter(|_| ue.runs(Timer::T3516)) {
        return ue.send(response(res_star));
    }
    let in_use = ue.mm.context.as_ref().map(NasContext::ng_ksi);
    match answer(ue.usim, ue.tai.0, in_use, request) {
        Answer::Response(challenge) => {
            let response = response(challenge.res_star);
            ue.mm.authentication = Some(Box::new(Authentication::answering(challenge)));
            ue.stop(Timer::T3520);
            ue.send(response);
            ue.set(Timer::T3516, timers::T3516);
            slot.resume(ue);
        }
        Answer::Failure(reason, auts) => {
            let state = ue.mm.authentication.get_or_insert_default();
            state.refuse();
            let cause = Cause::AuthenticationRefused(reason);
            // §5.4.1.3.7: three failures in a row, and the network is not genuine. Deviation: #71 counts too, so
            // that no network holds an attempt for ever.
            if state.failures >= MAX_AUTHENTICATION_FAILURES {
                return network_is_not_genuine(slot, Outcome::Failed(cause), ue);
            }
            slot.suspend(cause, ue);
            ue.send(failure(reason, auts));
            ue.set(Timer::T3520, timers::T3520);
        }
        Answer::Incomplete => ue.refuse(Some(CONDITIONAL_IE_ERROR)),
    }
}

/// AUTHENTICATION REJECT (TS 24.501 §5.4.1.3.5).
pub(crate) fn rejected(slot: &mut Slot, integrity: bool, ue: &mut Ue<'_>) {
    let was_registered = ue.mm.registered;
    let had_attempt = !slot.is_free();
    ue.leave_registered();
    ue.mm.area.forget();
    ue.mm.context = None;
    ue.mm.secured = false;
    if integrity {
        ue.mm.retry.forbid(Forbids::Usim, ue.tai);
    }
    slot.end(Outcome::Failed(Cause::AuthenticationRejected), ue);
    if was_registered && !had_attempt {
        ue.out.push(UeAction::Deregistered);
    }
    ue.expect_release();
}

/// TS 24.501 §5.4.1.3.7: the UE leaves the cell.
pub(crate) fn network_is_not_genuine(slot: &mut Slot, outcome: Outcome, ue: &mut Ue<'_>) {
    slot.give_up(outcome, ue);
    slot.leave_cell(ue);
}

/// TS 24.501 §5.4.1.3.7: failures in a row after which the network is not genuine.
const MAX_AUTHENTICATION_FAILURES: u8 = 3;
/// 5GMM cause #100: conditional IE error.
const CONDITIONAL_IE_ERROR: u8 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serving_network_name_pads_the_mnc() {
        let name = |plmn: &str| String::from_utf8(serving_network_name(plmn.parse().unwrap())).unwrap();
        assert_eq!(name("208/93"), "5G:mnc093.mcc208.3gppnetwork.org");
        assert_eq!(name("310/410"), "5G:mnc410.mcc310.3gppnetwork.org");
    }
}
