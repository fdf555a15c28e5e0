//! Network-initiated de-registration, UE side (TS 24.501 §5.5.2.3).

use identity::Procedure;
use oxirush_nas::nas_5gs::{NasDeregistrationAcceptUeTerminated, NasDeregistrationRequestUeTerminated};

use crate::nas5g::attempt::Kind;
use crate::nas5g::ue::{Out, Ue, UeAction};
use crate::outcome::{Cause, Outcome};
use crate::settings::{Context, Retry};

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

impl Ue {
    /// TS 24.501 §5.5.2.3.
    pub(crate) fn deregistration_request_of_network(
        &mut self,
        request: &NasDeregistrationRequestUeTerminated,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        let demand = Demand::of(request);
        self.nas.send(NasDeregistrationAcceptUeTerminated::new(), out);
        if !demand.concerns_us {
            return;
        }
        let was_registered = self.registered;
        if let Some(cause) = demand.cause {
            self.suffer(cause, demand.back_off_s, true, context, out);
        }
        self.leave_registered(out);
        // §5.5.2.2.6 d): the two de-registrations met, and both are done.
        let deregistering =
            self.attempt.as_ref().is_some_and(|attempt| matches!(attempt.kind, Kind::Deregistration { .. }));
        let outcome =
            if deregistering { Outcome::Succeeded } else { Outcome::Failed(Cause::DeregisteredByNetwork) };
        self.end_attempt(outcome, out);
        if was_registered {
            out.push(UeAction::Deregistered);
        }
        if demand.register_again && context.settings.retry == Retry::AsSpecified {
            self.after_release = Some(Procedure::RegistrationRetry);
        }
        self.nas.expect_release(out);
    }
}
