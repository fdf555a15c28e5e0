//! Entrances for fuzzing: what is not reached by a message alone.

use crate::ngap::rrc_container::{open_handover_command, open_handover_preparation_information};

/// Reads octets as each RRC container of a handover.
pub fn handover_containers(octets: &[u8]) {
    let _ = open_handover_preparation_information(octets);
    let _ = open_handover_command(octets);
}
