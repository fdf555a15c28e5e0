//! From the words of the scenario to those of the protocol.

use scenarios::{Procedure, Scenario, SuciScheme};
use signalling::UeSettings;

pub(super) fn ue_settings(scenario: &Scenario, suci: &SuciScheme) -> UeSettings {
    UeSettings {
        suci: match suci {
            SuciScheme::Null => signalling::SuciScheme::Null,
            SuciScheme::ProfileA { key_id, public_key, .. } => {
                signalling::SuciScheme::ProfileA { key_id: *key_id, public_key: *public_key }
            }
            SuciScheme::ProfileB { key_id, public_key, .. } => match public_key.as_slice().try_into() {
                Ok(public_key) => signalling::SuciScheme::ProfileB { key_id: *key_id, public_key },
                Err(_) => unreachable!("a checked scenario has compressed public keys of 33 octets"),
            },
        },
        ciphering: scenario.nas.ciphering.clone(),
        integrity: scenario.nas.integrity.clone(),
        requested_slices: scenario.cells.slices.clone(),
        retry: match scenario.nas.retry {
            scenarios::Retry::Never => signalling::Retry::Never,
            scenarios::Retry::AsSpecified => signalling::Retry::AsSpecified,
        },
        t3512: scenario.nas.t3512,
    }
}

/// The procedure of the protocol for a procedure of the scenario.
pub(crate) fn procedure_of(procedure: Procedure) -> signalling::Procedure {
    match procedure {
        Procedure::Registration => signalling::Procedure::Registration,
        Procedure::Deregistration => signalling::Procedure::Deregistration,
        Procedure::ServiceRequest => signalling::Procedure::ServiceRequest,
        Procedure::MobilityRegistrationUpdate => signalling::Procedure::MobilityRegistrationUpdate,
        Procedure::PeriodicRegistrationUpdate => signalling::Procedure::PeriodicRegistrationUpdate,
        Procedure::PduSession => signalling::Procedure::PduSession,
        Procedure::PduSessionModification => signalling::Procedure::PduSessionModification,
        Procedure::PduSessionRelease => signalling::Procedure::PduSessionRelease,
        Procedure::HandoverN2 => signalling::Procedure::HandoverN2,
        Procedure::HandoverXn => signalling::Procedure::HandoverXn,
        Procedure::UeContextRelease => signalling::Procedure::UeContextRelease,
        Procedure::SimSwap => signalling::Procedure::SimSwap,
    }
}
