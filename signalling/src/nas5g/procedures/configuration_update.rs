//! Generic UE configuration update, UE side (TS 24.501 §5.4.4).

use identity::Procedure;
use oxirush_nas::nas_5gs::{NasConfigurationUpdateCommand, NasConfigurationUpdateComplete};

use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::ue::{Out, Ue};
use crate::settings::{Context, Retry};

/// Takes over what the command gives, and the CONFIGURATION UPDATE COMPLETE where it asks for one.
pub(crate) fn apply(
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
pub(crate) fn registration_requested(command: &NasConfigurationUpdateCommand) -> bool {
    command.configuration_update_indication.as_ref().is_some_and(|indication| indication.red())
}

impl Ue {
    /// TS 24.501 §5.4.4.
    pub(crate) fn configuration_update(
        &mut self,
        command: &NasConfigurationUpdateCommand,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let complete = apply(command, &mut self.area);
        if let Some(complete) = complete {
            self.nas.send(complete, out);
        }
        if registration_requested(command) && context.settings.retry == Retry::AsSpecified {
            self.after_release = Some(Procedure::MobilityRegistrationUpdate);
        }
    }
}
