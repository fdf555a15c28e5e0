//! Network-initiated de-registration, UE side (TS 24.501 §5.5.2.3).

use identity::Procedure;
use oxirush_nas::nas_5gs::{NasDeregistrationAcceptUeTerminated, NasDeregistrationRequestUeTerminated};

use crate::device::UeAction;
use crate::nas5g::attempt::{Running, Slot};
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};

/// What a DEREGISTRATION REQUEST of the network asks for (TS 24.501 §8.2.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// It is about 3GPP access.
    pub(crate) concerns_us: bool,
    /// The UE is to register again.
    pub(crate) register_again: bool,
    /// The 5GMM cause, which a re-registration has no use for (§5.5.2.3.2).
    pub(crate) cause: Option<u8>,
    /// T3346 in seconds.
    pub(crate) back_off_s: Option<u64>,
}

impl Demand {
    pub(crate) fn of(request: &NasDeregistrationRequestUeTerminated) -> Self {
        let register_again = request.de_registration_type.re_registration_required();
        Self {
            concerns_us: request.de_registration_type.access_type_raw() & 1 == 1,
            register_again,
            cause: request.fgmm_cause.as_ref().map(|cause| cause.value).filter(|_| !register_again),
            back_off_s: request.t3346_value.as_ref().and_then(|value| value.to_seconds()),
        }
    }
}

/// DEREGISTRATION REQUEST (TS 24.501 §5.5.2.3).
pub(crate) fn requested(slot: &mut Slot, request: &NasDeregistrationRequestUeTerminated, ue: &mut Ue<'_>) {
    let demand = Demand::of(request);
    ue.send(NasDeregistrationAcceptUeTerminated::new());
    if !demand.concerns_us {
        return;
    }
    let was_registered = ue.mm.registered;
    if let Some(cause) = demand.cause {
        ue.apply_cause(cause, demand.back_off_s, true);
    }
    ue.leave_registered();
    // §5.5.2.2.6 d): the two de-registrations met, and both are done.
    let deregistering = matches!(slot.running(), Some(Running::Deregistration(_)));
    let outcome =
        if deregistering { Outcome::Succeeded } else { Outcome::Failed(Cause::DeregisteredByNetwork) };
    slot.end(outcome, ue);
    if was_registered {
        ue.out.push(UeAction::Deregistered);
    }
    if demand.register_again && ue.does_as_specified() {
        ue.mm.after_release = Some(Procedure::RegistrationRetry);
    }
    ue.expect_release();
}
