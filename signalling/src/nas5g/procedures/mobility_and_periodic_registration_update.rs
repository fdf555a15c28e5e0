//! Mobility and periodic registration update, UE side (TS 24.501 §5.5.1.3).
//!
//! The message and its answers are those of [`super::initial_registration`]; here is what differs.

use identity::Procedure;
use oxirush_nas::nas_5gs::RegistrationType;

/// The 5GS registration type of a procedure (TS 24.501 §9.11.3.7).
pub(crate) fn registration_type(procedure: Procedure) -> RegistrationType {
    match procedure {
        Procedure::MobilityRegistrationUpdate => RegistrationType::MobilityRegistrationUpdating,
        Procedure::PeriodicRegistrationUpdate => RegistrationType::PeriodicRegistrationUpdating,
        _ => RegistrationType::InitialRegistration,
    }
}
