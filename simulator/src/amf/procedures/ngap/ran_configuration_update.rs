//! RAN Configuration Update (TS 38.413 §8.7.2).

use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::gnb::NodeIdentity;
use crate::amf::procedures::Step;
use crate::amf::{Amf, areas, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// RAN CONFIGURATION UPDATE: what it says of tracking areas and slices takes the place of what the gNB said before; what it
/// does not say stays (§8.7.2.2). A configuration that an NG setup would not be accepted with is not taken (§8.7.2.3).
pub(in crate::amf) fn requested<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, RANConfigurationUpdate,
        lax areas: SupportedTAList = SupportedTAList(areas) => areas,
        lax node: GlobalRANNodeID = GlobalRANNodeID(node) => node,
    );
    let Some(gnb) = amf.gnbs.get(&association) else { return Ok(Step::Stay) };
    // The identity is for an association that is added to those of the node: this one has said whose it is.
    let another = node.is_some_and(|node| NodeIdentity::of(&node) != gnb.identity);
    let judged = match areas {
        _ if another => Err((Refusal::ConfigurationRefused, Cause::protocol(CauseProtocol::semantic_error))),
        Some(areas) => areas::in_common(amf, &areas).map(Some),
        None => Ok(None),
    };
    let (name, pdu) = match judged {
        Ok(areas) => {
            if let (Some(areas), Some(gnb)) = (areas, amf.gnbs.get_mut(&association)) {
                gnb.areas = areas;
            }
            let pdu =
                build_ngap!(SuccessfulOutcome, RANConfigurationUpdate, RANConfigurationUpdateAcknowledge,);
            (Message::RanConfigurationUpdateAcknowledge, pdu)
        }
        Err((reason, cause)) => {
            amf.refuse(reason);
            let who = amf.gnbs.get(&association).and_then(|gnb| gnb.identity);
            let who = || who.map_or_else(|| format!("association {association}"), |who| who.to_string());
            let why = format!("configuration update refused: {}", reason.as_str());
            amf.statistics.turn_away(context.wall_us(), who, why);
            let pdu = build_ngap!(
                UnsuccessfulOutcome,
                RANConfigurationUpdate,
                RANConfigurationUpdateFailure,
                Cause(cause),
                TimeToWait(TimeToWait::v10s),
            );
            (Message::RanConfigurationUpdateFailure, pdu)
        }
    };
    sending::of_gnb(amf, context.now(), association, name, pdu);
    Ok(Step::Stay)
}
