//! Network-initiated de-registration, UE side (TS 24.501 §5.5.2.3).

use oxirush_nas::nas_5gs::NasDeregistrationRequestUeTerminated;

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
