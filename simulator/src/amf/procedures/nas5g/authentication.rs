//! Primary authentication and key agreement with 5G AKA (TS 24.501 §5.4.1.3, TS 33.501 §6.1.3.2).

use std::time::Instant;

use identity::Imsi;
use oxirush_nas::nas_5gs::{
    GmmCause, KeySetIdentifier, NasAbba, NasAuthenticationFailure, NasAuthenticationParameterAutn,
    NasAuthenticationParameterRand, NasAuthenticationReject, NasAuthenticationRequest,
    NasAuthenticationResponse, NasKeySetIdentifier,
};
use oxirush_ngap::ngap::{Cause, CauseNas};
use oxirush_security::nas_5gs::{KAmf, ResStar, Supi, XresStar, derive_kamf, derive_kausf, derive_kseaf};
use rand::RngCore;

use crate::amf::connection::ConnectionId;
use crate::amf::expiry::ConnectionTimer;
use crate::amf::procedures::{Next, Step};
use crate::amf::{Amf, home_network, sending};
use crate::sessions::EventContext;
use crate::statistics::{Event, Message, Refusal};

/// The authentication of a UE that registers. It may run several times.
#[derive(Default)]
pub(in crate::amf) struct Authentication {
    /// The UE named itself by a 5G-GUTI: when authentication fails it may not be who we think.
    pub(in crate::amf) by_guti: bool,
    /// The UE has not known the keys of the card that the network knew: those of the next one are tried.
    next_card: bool,
    /// AUTHENTICATION FAILUREs in a row.
    failures: u8,
    /// The last one; the security mode procedure takes it.
    pub(in crate::amf) challenge: Option<Challenge>,
}

/// What was asked of the USIM, and what follows when it answers right.
pub(in crate::amf) struct Challenge {
    rand: [u8; 16],
    pub(in crate::amf) ngksi: u8,
    xres_star: XresStar,
    pub(in crate::amf) kamf: KAmf,
}

impl Authentication {
    /// Before the first challenge.
    pub(in crate::amf) fn of(by_guti: bool) -> Self {
        Self { by_guti, ..Self::default() }
    }

    /// AUTHENTICATION REQUEST, with a fresh vector for who the UE says it is.
    pub(in crate::amf) fn begin(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        imsi: Imsi,
    ) -> Step<'static> {
        let refused = match context.ports.subscribers.profile(imsi) {
            Some(profile) => profile.refused.filter(|answer| home_network::prevents_authentication(*answer)),
            None => Some(home_network::of_unknown(amf, context.sessions.settings(), imsi)),
        };
        if let Some(answer) = refused {
            return Step::Then(id, Next::RefusalAtHome(answer));
        }
        // §5.4.1.3.2: a ngKSI that neither the UE nor the AMF uses.
        let known = amf.ues.find(imsi).and_then(|ue| amf.ues.get(ue)).and_then(|ue| ue.security.as_ref());
        let before = self.challenge.as_ref().map(|challenge| challenge.ngksi);
        let used = before.or_else(|| known.map(|security| security.ngksi));
        let ngksi = used.map_or(0, |ngksi| (ngksi + 1) % NGKSI_NO_KEY);
        let Some((challenge, autn)) = self.challenge(amf, context, id, imsi, ngksi) else {
            amf.refuse(Refusal::UnknownSubscriber);
            return Step::Then(id, Next::Rejection(GmmCause::FiveGsServicesNotAllowed));
        };
        let Ok(ksi) = NasKeySetIdentifier::from_key_set_identifier(KeySetIdentifier::Native(ngksi)) else {
            return Step::wait_if(false, id);
        };
        let request = NasAuthenticationRequest::new(ksi, NasAbba::new(ABBA))
            .with_authentication_parameter_rand(NasAuthenticationParameterRand::from_rand(challenge.rand))
            .with_authentication_parameter_autn(NasAuthenticationParameterAutn::from_autn(autn));
        self.challenge = Some(challenge);
        let (protection, timer) = (amf.protection_of(id), ConnectionTimer::T3560);
        let message = (Message::AuthenticationRequest, request);
        Step::wait_if(sending::nas_until_answered(amf, context.now(), id, message, protection, timer), id)
    }

    /// The challenge and its AUTN. The keys are derived with it: they are of use only after a right answer.
    fn challenge(
        &self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        imsi: Imsi,
        ngksi: u8,
    ) -> Option<(Challenge, [u8; 16])> {
        let sn_name = amf.serving.get(amf.connections.get(&id)?.plmn)?.sn_name.as_bytes();
        let mut rand = [0; 16];
        amf.rng.fill_bytes(&mut rand);
        let vector = context.ports.subscribers.vector(imsi, rand, self.next_card)?;
        let digits = imsi.to_string();
        let kausf = derive_kausf(vector.ck(), vector.ik(), sn_name, vector.autn()).ok()?;
        let kseaf = derive_kseaf(&kausf, sn_name).ok()?;
        let kamf = derive_kamf(&kseaf, &Supi::imsi(&digits).ok()?, &ABBA).ok()?;
        let xres_star = vector.xres_star(sn_name).ok()?;
        Some((Challenge { rand, ngksi, xres_star, kamf }, *vector.autn().as_octets()))
    }

    /// AUTHENTICATION RESPONSE: RES* is compared with XRES*.
    pub(in crate::amf) fn received(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        imsi: Option<Imsi>,
        response: &NasAuthenticationResponse,
    ) -> Step<'static> {
        let parameter = response.authentication_response_parameter.as_ref();
        let res_star = parameter.and_then(|parameter| parameter.res_star()).map(ResStar::new);
        let right = self
            .challenge
            .as_ref()
            .zip(res_star)
            .is_some_and(|(challenge, res_star)| challenge.xres_star.accepts(&res_star));
        if !right {
            amf.refuse(Refusal::WrongResStar);
            return self.doubt(amf, context.now(), id);
        }
        self.failures = 0;
        if let Some(imsi) = imsi.filter(|_| std::mem::take(&mut self.next_card)) {
            context.ports.subscribers.swapped(imsi);
            amf.statistics.notice(context.wall_us(), Event::SimSwapDetected, imsi);
        }
        amf.statistics.authentications += 1;
        Step::Then(id, Next::SecurityMode)
    }

    /// §5.4.1.3.5, §5.4.1.3.7 c: a UE that named itself by a 5G-GUTI may be another; it is asked who it is, once.
    fn doubt(&mut self, amf: &mut Amf, now: Instant, id: ConnectionId) -> Step<'static> {
        if std::mem::take(&mut self.by_guti) {
            Step::Then(id, Next::Identification)
        } else {
            reject(amf, now, id)
        }
    }

    /// AUTHENTICATION FAILURE (§5.4.1.3.7 c to f). A second one in a row ends it.
    pub(in crate::amf) fn failed(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        imsi: Option<Imsi>,
        failure: &NasAuthenticationFailure,
    ) -> Step<'static> {
        self.failures += 1;
        let last = self.failures >= MAX_FAILURES;
        match failure.fgmm_cause.cause_received() {
            GmmCause::SynchFailure => {
                amf.refuse(Refusal::UeFoundSynchFailure);
                if !self.resynchronises(context, imsi, failure) {
                    amf.refuse(Refusal::WrongAuts);
                    return reject(amf, context.now(), id);
                }
                if last { reject(amf, context.now(), id) } else { Step::Then(id, Next::Authentication) }
            }
            // The same subscriber may have another card by now.
            GmmCause::MacFailure
                if !self.by_guti
                    && !self.next_card
                    && imsi.is_some_and(|imsi| context.ports.subscribers.may_swap(imsi)) =>
            {
                amf.refuse(Refusal::UeFoundMacFailure);
                (self.next_card, self.failures) = (true, 0);
                Step::Then(id, Next::Authentication)
            }
            GmmCause::NgKsiAlreadyInUse if !last => {
                amf.refuse(Refusal::UeRefusedChallenge);
                Step::Then(id, Next::Authentication)
            }
            cause => {
                let mac = cause == GmmCause::MacFailure;
                amf.refuse(if mac { Refusal::UeFoundMacFailure } else { Refusal::UeRefusedChallenge });
                if last { reject(amf, context.now(), id) } else { self.doubt(amf, context.now(), id) }
            }
        }
    }

    /// Whether AUTS proves to be of the subscriber; the next vector is one that its USIM takes then.
    fn resynchronises(
        &self,
        context: &mut EventContext<'_>,
        imsi: Option<Imsi>,
        failure: &NasAuthenticationFailure,
    ) -> bool {
        let rand = self.challenge.as_ref().map(|challenge| challenge.rand);
        let parameter = failure.authentication_failure_parameter.as_ref();
        match (imsi, rand, parameter.and_then(|parameter| parameter.auts())) {
            (Some(imsi), Some(rand), Some(auts)) => {
                context.ports.subscribers.resynchronise(imsi, rand, auts, self.next_card)
            }
            _ => false,
        }
    }
}

/// AUTHENTICATION REJECT, and the connection is released (§5.4.1.3.5).
fn reject(amf: &mut Amf, now: Instant, id: ConnectionId) -> Step<'static> {
    let protection = amf.protection_of(id);
    sending::nas(amf, now, id, Message::AuthenticationReject, NasAuthenticationReject::new(), protection);
    Step::Release(id, Cause::nas(CauseNas::authentication_failure))
}

/// T3560 expired for the fifth time, for this or for the security mode (§5.4.1.3.7 b, §5.4.2.7 b).
pub(in crate::amf) fn expired(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    amf.refuse(Refusal::AuthenticationTimeout);
    Step::Release(id, Cause::nas(CauseNas::authentication_failure))
}

/// TS 33.501 Annex A.7.1: the value of ABBA.
const ABBA: [u8; 2] = [0, 0];
/// TS 24.501 §9.11.3.32.
const NGKSI_NO_KEY: u8 = 7;
/// TS 24.501 §5.4.1.3.7: the network may end it at the second failure in a row.
const MAX_FAILURES: u8 = 2;
