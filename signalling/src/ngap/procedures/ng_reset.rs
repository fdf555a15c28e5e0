//! NG Reset, gNB side, both ways (TS 38.413 §8.7.4).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::common::timers::{self, NodeTimer};
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::amf::AmfNotice;
use crate::node::cause::Released;

/// TS 38.413 §8.7.4.2.2: the gNB has lost its UEs.
pub(crate) fn reset(gnb: &mut Gnb, out: &mut Out) {
    if !gnb.is_ready() {
        return out.push(NodeAction::Unexpected("reset-without-interface"));
    }
    gnb.release_all(Released::Lost, out);
    gnb.send_non_ue(request(), out);
    out.push(NodeAction::SetTimer(NodeTimer::NgReset, timers::NG_RESET_WAIT));
}

/// §8.7.4.4: the reset is repeated until it is acknowledged.
pub(crate) fn reset_again(gnb: &mut Gnb, out: &mut Out) {
    if gnb.is_ready() {
        reset(gnb, out);
    }
}

/// TS 38.413 §8.7.4.2.1.
pub(crate) fn reset_by_amf(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let scope = scope(pdu)?;
    match &scope {
        Scope::Everything => {
            out.push(NodeAction::Notice(AmfNotice::Reset { ues: gnb.connected() }));
            gnb.release_all(Released::NgReset, out);
        }
        Scope::Connections(connections) => {
            out.push(NodeAction::Notice(AmfNotice::Reset { ues: connections.len() }));
            for &(amf, ran) in connections {
                if let Some(ran) = gnb.connections.find(amf, ran) {
                    gnb.drop_connection(ran, Released::NgReset, out);
                }
            }
        }
    }
    gnb.send_non_ue(acknowledge(&scope), out);
    Ok(())
}

/// What the AMF resets.
enum Scope {
    /// The whole NG interface.
    Everything,
    /// These UE-associated logical NG-connections.
    Connections(Vec<(Option<u64>, Option<u32>)>),
}

/// Reads an NG RESET (TS 38.413 §9.2.6.11).
fn scope(pdu: &NGAPPDU<'_>) -> Result<Scope, Error> {
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
fn request() -> Result<Vec<u8>, Error> {
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
fn acknowledge(scope: &Scope) -> Result<Vec<u8>, Error> {
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
