//! UE-initiated de-registration, UE side (TS 24.501 §5.5.2.2).

use std::time::Duration;

use identity::Procedure;
use oxirush_nas::nas_5gs::{
    AccessTypeValue, Nas5gsMessage, NasDeRegistrationType, NasDeregistrationRequestUeOriginating,
    NasFGsMobileIdentity, NasKeySetIdentifier,
};

use super::registration::NO_KEY;
use super::reject;
use crate::common::nas_security::NasContext;
use crate::common::retry::RetryState;
use crate::common::timers::{self, Timer};
use crate::device::UeAction;
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Next, Running, Slot, Step};
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};

/// A de-registration by the UE. It waits for the DEREGISTRATION ACCEPT.
#[derive(Default)]
pub(crate) struct Deregistration {
    /// How often T3521 expired.
    expiries: u8,
}

impl Deregistration {
    pub(crate) const TIMER: (Timer, Duration) = (Timer::T3521, timers::T3521);

    /// Sends a DEREGISTRATION REQUEST (TS 24.501 §5.5.2.2.2).
    pub(crate) fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        let nas = request(false, ue);
        ue.send_initial(nas, EstablishmentCause::MoSignalling);
        ue.set(Timer::T3521, timers::T3521);
        Step::Stay
    }

    /// TS 24.501 §5.5.2.2.4.
    fn accepted(ue: &mut Ue<'_>) -> Step {
        ue.leave_registered();
        Step::Then(Outcome::Succeeded, Next::ExpectRelease)
    }

    /// T3521 (TS 24.501 §5.5.2.2.6 c): four repetitions, then the UE de-registers locally.
    pub(crate) fn expired(&mut self, ue: &mut Ue<'_>) -> Step {
        self.expiries += 1;
        if self.expiries < MAX_EXPIRIES {
            let nas = request(false, ue);
            ue.out.push(UeAction::Uplink(nas));
            ue.set(Timer::T3521, timers::T3521);
            return Step::Stay;
        }
        ue.leave_registered();
        Step::Then(Outcome::TimedOut(Timer::T3521), Next::LeaveCell)
    }
}

/// DEREGISTRATION ACCEPT.
pub(crate) fn accepted(slot: &mut Slot, ue: &mut Ue<'_>) {
    if !matches!(slot.running(), Some(Running::Deregistration(_))) {
        return ue.refuse(Some(reject::NOT_COMPATIBLE_WITH_STATE));
    }
    let step = Deregistration::accepted(ue);
    slot.settle(step, ue);
}

/// The UE is switched off: it says so, and waits for no answer.
pub(crate) fn switch_off(slot: &mut Slot, ue: &mut Ue<'_>) {
    slot.end(Outcome::Failed(Cause::SwitchedOff), ue);
    if ue.mm.registered {
        ue.out.push(UeAction::Started(Procedure::Deregistration));
        let nas = request(true, ue);
        ue.send_initial(nas, EstablishmentCause::MoSignalling);
        let (procedure, outcome) = (Procedure::Deregistration, Outcome::Succeeded);
        ue.out.push(UeAction::Finished { procedure, outcome });
    }
    ue.leave_registered();
    for timer in ue.mm.running.all() {
        ue.stop(timer);
    }
    ue.mm.suci = None;
    ue.mm.authentication = None;
    ue.mm.after_release = None;
    ue.mm.retry = RetryState::default();
}

/// The protected request. §5.5.2.2.1: by the 5G-GUTI, or the SUCI where there is none.
fn request(switch_off: bool, ue: &mut Ue<'_>) -> Vec<u8> {
    let header = ue.initial_header();
    let ng_ksi = ue.mm.context.as_ref().map_or(NO_KEY, NasContext::ng_ksi);
    let identity = match ue.mm.area.guti {
        Some(guti) => Some(guti.mobile_identity()),
        None => ue.suci(),
    };
    let identity = identity.map_or_else(NasFGsMobileIdentity::from_no_identity, NasFGsMobileIdentity::new);
    let message = Nas5gsMessage::new_5gmm(message(switch_off, ng_ksi, identity));
    let protected = ue.mm.context.as_mut().and_then(|current| current.protect(&message, header));
    protected.unwrap_or_else(|| message.encode().unwrap_or_default())
}

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
const MAX_EXPIRIES: u8 = 5;
