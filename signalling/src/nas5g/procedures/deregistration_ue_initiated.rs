//! UE-initiated de-registration, UE side (TS 24.501 §5.5.2.2).

use identity::Procedure;
use oxirush_nas::nas_5gs::{
    AccessTypeValue, Nas5gsMessage, NasDeRegistrationType, NasDeregistrationRequestUeOriginating,
    NasFGsMobileIdentity, NasKeySetIdentifier,
};

use crate::common::nas_security::NasContext;
use crate::common::timers::{self, Timer};
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Attempt, Kind, Perseverance};
use crate::nas5g::procedures::initial_registration::NO_KEY;
use crate::nas5g::procedures::reject::NOT_COMPATIBLE_WITH_STATE;
use crate::nas5g::ue::{Out, Ue, UeAction};
use crate::outcome::{Cause, Outcome};
use crate::settings::Context;

/// DEREGISTRATION REQUEST (TS 24.501 §8.2.12). It has cleartext IEs alone.
fn message(
    switch_off: bool,
    ng_ksi: u8,
    identity: NasFGsMobileIdentity,
) -> NasDeregistrationRequestUeOriginating {
    let kind = NasDeRegistrationType::default()
        .with_access_type(AccessTypeValue::ThreeGppAccess)
        .with_switch_off(switch_off);
    NasDeregistrationRequestUeOriginating::new(kind, NasKeySetIdentifier::new(ng_ksi), identity)
}

/// The expiry of T3521 at which the UE gives up (§5.5.2.2.6 c): it sends the request five times in all.
pub(crate) const MAX_EXPIRIES: u8 = 5;

impl Ue {
    /// Sends a DEREGISTRATION REQUEST (TS 24.501 §5.5.2.2.2).
    pub(crate) fn deregister(&mut self, context: &mut Context<'_>, out: &mut Out) {
        let kind = Kind::Deregistration { expiries: 0 };
        self.attempt = Some(Box::new(Attempt::new(Procedure::Deregistration, kind, Vec::new(), false)));
        let nas = self.deregistration_request(false, context, out);
        self.nas.send_initial(nas, EstablishmentCause::MoSignalling, self.area.s_tmsi(), out);
        self.nas.set(Timer::T3521, timers::T3521, out);
    }

    /// §5.5.2.2.1: by the 5G-GUTI, or the SUCI where there is none.
    pub(crate) fn deregistration_request(
        &mut self,
        switch_off: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) -> Vec<u8> {
        let header = self.nas.initial_header();
        let ng_ksi = self.nas.context.as_ref().map_or(NO_KEY, NasContext::ng_ksi);
        let identity = match self.area.guti {
            Some(guti) => Some(guti.mobile_identity()),
            None => self.suci(context, out),
        };
        let identity =
            identity.map_or_else(NasFGsMobileIdentity::from_no_identity, NasFGsMobileIdentity::new);
        let request = message(switch_off, ng_ksi, identity);
        let message = Nas5gsMessage::new_5gmm(request);
        let protected = self.nas.context.as_mut().and_then(|current| current.protect(&message, header));
        protected.unwrap_or_else(|| message.encode().unwrap_or_default())
    }

    /// TS 24.501 §5.5.2.2.4.
    pub(crate) fn deregistration_accept(&mut self, out: &mut Out) {
        if !self.attempt.as_ref().is_some_and(|attempt| matches!(attempt.kind, Kind::Deregistration { .. })) {
            return self.nas.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        self.leave_registered(out);
        self.end_attempt(Outcome::Succeeded, out);
        self.nas.expect_release(out);
    }

    /// TS 24.501 §5.5.2.2.6 c): four repetitions, then the UE de-registers locally.
    pub(crate) fn deregistration_unanswered(&mut self, context: &mut Context<'_>, out: &mut Out) {
        let Some(Kind::Deregistration { expiries }) = self.attempt.as_mut().map(|attempt| &mut attempt.kind)
        else {
            return;
        };
        *expiries += 1;
        if *expiries < MAX_EXPIRIES {
            let nas = self.deregistration_request(false, context, out);
            out.push(UeAction::Uplink(nas));
            return self.nas.set(Timer::T3521, timers::T3521, out);
        }
        self.leave_registered(out);
        self.end_attempt(Outcome::TimedOut(Timer::T3521), out);
        self.nas.release(out);
        self.go_idle(context, out);
    }

    pub(crate) fn switch_off(&mut self, context: &mut Context<'_>, out: &mut Out) {
        self.end_attempt(Outcome::Failed(Cause::SwitchedOff), out);
        if self.registered {
            out.push(UeAction::Started(Procedure::Deregistration));
            let nas = self.deregistration_request(true, context, out);
            self.nas.send_initial(nas, EstablishmentCause::MoSignalling, self.area.s_tmsi(), out);
            out.push(UeAction::Finished {
                procedure: Procedure::Deregistration,
                outcome: Outcome::Succeeded,
            });
        }
        self.leave_registered(out);
        for timer in self.nas.running.all() {
            self.nas.stop(timer, out);
        }
        self.suci = None;
        self.authenticating = None;
        self.after_release = None;
        self.perseverance = Perseverance::default();
    }
}
