//! Generic UE configuration update, UE side (TS 24.501 §5.4.4).

use identity::Procedure;
use oxirush_nas::nas_5gs::{NasConfigurationUpdateCommand, NasConfigurationUpdateComplete};

use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::ue::Ue;

/// Takes over what the command gives, and the CONFIGURATION UPDATE COMPLETE where it asks for one.
fn apply(
    command: &NasConfigurationUpdateCommand,
    area: &mut RegisteredArea,
) -> Option<NasConfigurationUpdateComplete> {
    area.reconfigure(
        command.fg_guti.as_ref(),
        command.tai_list.as_ref().map(|list| list.value.as_slice()),
        command.allowed_nssai.as_ref().map(|nssai| nssai.value.as_slice()),
    );
    let indication = command.configuration_update_indication.as_ref();
    indication.is_some_and(|indication| indication.ack()).then(NasConfigurationUpdateComplete::new)
}

/// Whether the network asks for a registration once the connection is released (§5.4.4.3).
fn registration_requested(command: &NasConfigurationUpdateCommand) -> bool {
    command.configuration_update_indication.as_ref().is_some_and(|indication| indication.red())
}

/// CONFIGURATION UPDATE COMMAND (TS 24.501 §5.4.4).
pub(crate) fn commanded(command: &NasConfigurationUpdateCommand, ue: &mut Ue<'_>) {
    if let Some(complete) = apply(command, &mut ue.mm.area) {
        ue.send(complete);
    }
    if registration_requested(command) && ue.does_as_specified() {
        ue.mm.after_release = Some(Procedure::MobilityRegistrationUpdate);
    }
}
