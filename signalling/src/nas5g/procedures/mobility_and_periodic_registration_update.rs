//! Mobility and periodic registration update, UE side (TS 24.501 §5.5.1.3).
//!
//! The message and its answers are those of [`super::initial_registration`]; here is what differs.

use identity::Procedure;
use oxirush_nas::nas_5gs::RegistrationType;

use crate::nas5g::ue::{Out, Ue};
use crate::settings::Context;

/// The 5GS registration type of a procedure (TS 24.501 §9.11.3.7).
pub(crate) fn registration_type(procedure: Procedure) -> RegistrationType {
    match procedure {
        Procedure::MobilityRegistrationUpdate => RegistrationType::MobilityRegistrationUpdating,
        Procedure::PeriodicRegistrationUpdate => RegistrationType::PeriodicRegistrationUpdating,
        _ => RegistrationType::InitialRegistration,
    }
}

impl Ue {
    /// Begins an update when the UE has left its registration area (§5.5.1.3.2 a), as soon as no other procedure runs.
    pub(crate) fn update_after_move(&mut self, context: &mut Context<'_>, out: &mut Out) {
        if !self.moved || self.attempt.is_some() {
            return;
        }
        self.moved = false;
        if !self.registered {
            return;
        }
        if self.area.contains(context.tai) {
            return self.area.visit(context.tai);
        }
        self.begin_by_itself(Procedure::MobilityRegistrationUpdate, context, out);
    }
}
