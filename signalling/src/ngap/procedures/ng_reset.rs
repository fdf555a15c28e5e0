//! NG Reset, gNB side, both ways (TS 38.413 §8.7.4).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

/// What the AMF resets.
pub(crate) enum Scope {
    /// The whole NG interface.
    Everything,
    /// These UE-associated logical NG-connections.
    Connections(Vec<(Option<u64>, Option<u32>)>),
}

/// Reads an NG RESET (TS 38.413 §9.2.6.11).
pub(crate) fn scope(pdu: &NGAPPDU<'_>) -> Result<Scope, Error> {
    extract_ngap_ies!(pdu, NGReset,
        req reset: ResetType = ResetType(reset) => reset,
    );
    Ok(match reset {
        ResetType::partOfNG_Interface(list) => Scope::Connections(
            list.0
                .into_iter()
                .map(|item| (item.amf_ue_ngap_id.map(|id| id.0), item.ran_ue_ngap_id.map(|id| id.0)))
                .collect(),
        ),
        _ => Scope::Everything,
    })
}

/// NG RESET of the whole interface (TS 38.413 §8.7.4.2.2).
pub(crate) fn request() -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        NGReset,
        NGReset,
        Cause(Cause::misc(CauseMisc::om_intervention)),
        ResetType(ResetType::nG_Interface(ResetAll::reset_all)),
    )?
    .encode()
}

/// NG RESET ACKNOWLEDGE (TS 38.413 §9.2.6.12), with the connections that the request listed.
pub(crate) fn acknowledge(scope: &Scope) -> Result<Vec<u8>, Error> {
    match scope {
        Scope::Everything => build_ngap!(SuccessfulOutcome, NGReset, NGResetAcknowledge,)?.encode(),
        Scope::Connections(connections) => {
            let items = connections
                .iter()
                .map(|(amf, ran)| {
                    UEAssociatedLogicalNGConnectionItem::new(amf.map(AMFUENGAPID), ran.map(RANUENGAPID), None)
                })
                .collect();
            build_ngap!(
                SuccessfulOutcome,
                NGReset,
                NGResetAcknowledge,
                UEAssociatedLogicalNGConnectionList(UEAssociatedLogicalNGConnectionList(items)),
            )?
            .encode()
        }
    }
}
