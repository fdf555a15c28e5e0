//! From the words of the scenario to those of the protocol.

use scenarios::{Scenario, SuciScheme};
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
        ciphering: scenario.nas.nr.ciphering.clone(),
        integrity: scenario.nas.nr.integrity.clone(),
        requested_slices: scenario.cells.slices.clone(),
        retry: match scenario.nas.nr.retry {
            scenarios::Retry::Never => signalling::Retry::Never,
            scenarios::Retry::AsSpecified => signalling::Retry::AsSpecified,
        },
        t3512: scenario.nas.nr.t3512,
    }
}
