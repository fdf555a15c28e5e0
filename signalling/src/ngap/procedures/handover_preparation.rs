//! Handover Preparation, source gNB (TS 38.413 §8.4.1), until the AMF releases the UE that has left.
//!
//! ```text
//! begin ──► HANDOVER REQUIRED, TNGRELOCprep                                                       ExpectCommand
//!           ◄── HANDOVER COMMAND ──► UPLINK RAN STATUS TRANSFER, TNGRELOCoverall, HandoverCommanded  ExpectRelease
//!           ◄── UE CONTEXT RELEASE COMMAND: Released
//! ```

use std::time::{Duration, Instant};

use oxirush_ngap::helpers::global_gnb_id;
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap, extract_ngap_ies};

use super::{handover_cancel, ran_status_transfer, ue_context_release};
use crate::common::timers::{self, NodeTimer};
use crate::ngap::codec::{own_cell, plmn, tai, target_cell};
use crate::ngap::connections::Phase;
use crate::ngap::{Gnb, GnbSettings, Out, Receipt, rrc_container};
use crate::node::action::NodeAction;
use crate::node::cause::{HandoverFailure as Failure, NgapCause, Released};
use crate::node::event::TargetGnb;
use crate::node::tunnel::Resource;

/// The handover of one UE, at its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandoverPreparation {
    state: State,
}

/// What the source waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "a state is named by what it waits for")]
enum State {
    /// HANDOVER REQUIRED was sent. A target of ours sends back the receipt of the container in it.
    ExpectCommand(Receipt),
    /// HANDOVER CANCEL was sent; the UE stays.
    ExpectCancelAcknowledge,
    /// HANDOVER COMMAND came: the UE has left.
    ExpectRelease,
    /// It has left, and the AMF was asked to release what is left of it.
    ExpectLateRelease,
}

impl HandoverPreparation {
    /// Whether the target is being prepared.
    pub(crate) fn expects_command(&self) -> bool {
        matches!(self.state, State::ExpectCommand(_))
    }

    /// Whether the AMF is to say that it has cancelled the handover.
    pub(crate) fn expects_cancel_acknowledge(&self) -> bool {
        self.state == State::ExpectCancelAcknowledge
    }

    /// Whether the UE is off.
    pub(crate) fn has_left(&self) -> bool {
        matches!(self.state, State::ExpectRelease | State::ExpectLateRelease)
    }

    /// The handover is given up, and the AMF is told.
    pub(crate) fn cancel(&mut self) {
        self.state = State::ExpectCancelAcknowledge;
    }

    /// The timer that runs for it.
    pub(crate) fn timer(&self, ran: u32) -> NodeTimer {
        match self.state {
            State::ExpectCommand(_) | State::ExpectCancelAcknowledge => NodeTimer::HandoverPreparation(ran),
            State::ExpectRelease | State::ExpectLateRelease => NodeTimer::HandoverOverall(ran),
        }
    }
}

/// The driver hands a UE over (§8.4.1.2).
pub(crate) fn begin(
    gnb: &mut Gnb,
    ue: u32,
    target: &TargetGnb,
    container: &[u8],
    now: Instant,
    out: &mut Out,
) {
    match prepare(gnb, ue, target, container, now) {
        Ok((ran, octets)) => {
            if let Some(connection) = gnb.connections.get_mut(ran) {
                let state = State::ExpectCommand(Receipt::of(container));
                connection.phase = Phase::Leaving(HandoverPreparation { state });
            }
            gnb.send_ue(ran, Ok(octets), out);
            let timer = NodeTimer::HandoverPreparation(ran);
            out.push(NodeAction::SetTimer(timer, timers::TNGRELOC_PREP));
        }
        Err(cause) => out.push(NodeAction::HandoverPreparationFailed { ue, cause }),
    }
}

fn prepare(
    gnb: &Gnb,
    ue: u32,
    target: &TargetGnb,
    container: &[u8],
    now: Instant,
) -> Result<(u32, Vec<u8>), Failure> {
    let (ran, connection) = gnb.connections.of_ue(ue).ok_or(Failure::NoConnection)?;
    if connection.phase != Phase::Here {
        return Err(Failure::HandoverRunning);
    }
    let amf = connection.amf.filter(|_| !connection.lost).ok_or(Failure::NoConnection)?;
    if connection.sessions.is_empty() {
        return Err(Failure::NoSession);
    }
    let leaving = Leaving {
        amf,
        ran,
        cell: connection.cell,
        stayed: now.saturating_duration_since(connection.since),
        sessions: &connection.sessions,
        container,
    };
    let octets = required(&gnb.settings, target, &leaving);
    Ok((ran, octets.map_err(|_| Failure::NotEncodable)?))
}

/// HANDOVER COMMAND (§8.4.1.2): the status of the UE's bearers goes to the target (§8.4.6), and the UE with it.
pub(crate) fn commanded(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran, container) = command(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let (Some(ue), Phase::Leaving(HandoverPreparation { state: state @ State::ExpectCommand(_) })) =
        (connection.ue, &mut connection.phase)
    else {
        // It crossed the HANDOVER CANCEL (§8.4.5.2), or answers nothing.
        out.push(NodeAction::Unexpected("handover-command"));
        return Ok(());
    };
    // A target of another make has nothing of ours in its container.
    let ours = matches!(&*state, State::ExpectCommand(receipt) if receipt.octets() == container);
    if !container.is_empty() && !ours {
        // The target has admitted another UE: the AMF has mixed up two handovers, or sent an older container.
        out.push(NodeAction::Unexpected("handover-command-of-another-ue"));
        handover_cancel::begin(gnb, ran, CauseRadioNetwork::handover_cancelled, Failure::AnotherUe, out);
        return Ok(());
    }
    *state = State::ExpectRelease;
    let status = ran_status_transfer::uplink(amf, ran, connection.sessions.len());
    out.push(NodeAction::StopTimer(NodeTimer::HandoverPreparation(ran)));
    gnb.send_ue(ran, status, out);
    out.push(NodeAction::SetTimer(NodeTimer::HandoverOverall(ran), timers::TNGRELOC_OVERALL));
    out.push(NodeAction::HandoverCommanded { ue, container });
    Ok(())
}

/// HANDOVER PREPARATION FAILURE (§8.4.1.3).
pub(crate) fn failed(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran, cause) = failure(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let Some(ue) = connection.ue.filter(|_| connection.phase.is_preparing()) else {
        out.push(NodeAction::Unexpected("handover-preparation-failure"));
        return Ok(());
    };
    connection.phase = Phase::Here;
    out.push(NodeAction::StopTimer(NodeTimer::HandoverPreparation(ran)));
    out.push(NodeAction::HandoverPreparationFailed { ue, cause: Failure::Refused(cause) });
    Ok(())
}

/// TNGRELOCprep: the preparation is cancelled (§8.4.1.2). When it runs for a HANDOVER CANCEL, the AMF has had its time.
pub(crate) fn preparation_expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    let Phase::Leaving(preparation) = &connection.phase else { return };
    if preparation.expects_command() {
        let cause = CauseRadioNetwork::tngrelocprep_expiry;
        handover_cancel::begin(gnb, ran, cause, Failure::PreparationTimedOut, out);
    } else if preparation.expects_cancel_acknowledge() {
        connection.phase = Phase::Here;
    }
}

/// TNGRELOCoverall: the AMF is asked to release what is left of the UE (§8.3.2.2). When that is not answered either, the gNB
/// releases it alone.
pub(crate) fn overall_expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    let Phase::Leaving(preparation) = &mut connection.phase else { return };
    match (&preparation.state, connection.ue, connection.amf) {
        (State::ExpectRelease, Some(ue), Some(amf)) => {
            preparation.state = State::ExpectLateRelease;
            out.push(NodeAction::HandoverOverdue { ue });
            ue_context_release::ask(gnb, ran, amf, CauseRadioNetwork::tngrelocoverall_expiry, out);
            out.push(NodeAction::SetTimer(NodeTimer::HandoverOverall(ran), timers::TNGRELOC_OVERALL));
        }
        (State::ExpectLateRelease, ..) => gnb.drop_connection(ran, Released::Lost, out),
        _ => {}
    }
}

/// What a HANDOVER REQUIRED says of a UE.
struct Leaving<'a> {
    amf: u64,
    ran: u32,
    /// The cell that it leaves, and how long it was there.
    cell: u32,
    stayed: Duration,
    sessions: &'a [Resource],
    /// What the target is to know.
    container: &'a [u8],
}

/// HANDOVER REQUIRED (TS 38.413 §9.2.3.1). There is no path for forwarding data directly: what the UE has not got it misses.
fn required(settings: &GnbSettings, target: &TargetGnb, leaving: &Leaving<'_>) -> Result<Vec<u8>, Error> {
    let gnb = global_gnb_id(plmn(target.plmn), target.gnb_id, target.gnb_id_bits)?;
    let node = TargetRANNodeID::new(GlobalRANNodeID::globalGNB_ID(gnb), tai(target.plmn, target.tac), None);
    let transfer = encode_open_type(&HandoverRequiredTransfer::new(None, None))?;
    let sessions = leaving.sessions.iter().map(|resource| {
        let id = PDUSessionID(resource.session.value());
        PDUSessionResourceItemHORqd::new(id, transfer.clone(), None)
    });
    build_ngap!(
        InitiatingMessage,
        HandoverPreparation,
        HandoverRequired,
        AMF_UE_NGAP_ID(leaving.amf),
        RAN_UE_NGAP_ID(leaving.ran),
        HandoverType(HandoverType::intra5gs),
        Cause(Cause::radioNetwork(CauseRadioNetwork::handover_desirable_for_radio_reason)),
        TargetID(TargetID::targetRANNodeID(node)),
        PDUSessionResourceListHORqd(PDUSessionResourceListHORqd(sessions.collect())),
        SourceToTarget_TransparentContainer(SourceToTargetTransparentContainer(source_to_target(
            settings, target, leaving
        )?)),
    )?
    .encode()
}

/// Source NG-RAN Node to Target NG-RAN Node Transparent Container (TS 38.413 §9.3.1.29).
fn source_to_target(
    settings: &GnbSettings,
    target: &TargetGnb,
    leaving: &Leaving<'_>,
) -> Result<Octets<'static>, Error> {
    let rrc = rrc_container::handover_preparation_information(leaving.container)
        .ok_or_else(|| Error::argument("the container is too long for RRC"))?;
    let sessions = leaving.sessions.iter().map(|resource| {
        let flows = resource
            .flows
            .iter()
            .map(|qfi| QosFlowInformationItem::new(QosFlowIdentifier(qfi.into()), None, None))
            .collect();
        let id = PDUSessionID(resource.session.value());
        PDUSessionResourceInformationItem::new(id, QosFlowInformationList(flows), None, None)
    });
    encode_open_type(&SourceNGRANNodeToTargetNGRANNodeTransparentContainer::new(
        RRCContainer(rrc.into()),
        Some(PDUSessionResourceInformationList(sessions.collect())),
        None,
        NGRANCGI::nR_CGI(target_cell(target)?),
        None,
        history(settings, leaving)?,
        None,
    ))
}

/// UE History Information (TS 38.413 §9.3.1.95): the last cell.
fn history(settings: &GnbSettings, leaving: &Leaving<'_>) -> Result<UEHistoryInformation<'static>, Error> {
    // §9.3.1.97: 4095 seconds stand for any longer time.
    let seconds = u16::try_from(leaving.stayed.as_secs()).unwrap_or(u16::MAX).min(4095);
    let cell = LastVisitedNGRANCellInformation::new(
        NGRANCGI::nR_CGI(own_cell(settings, leaving.cell)?),
        CellType::new(CellSize::medium, None),
        TimeUEStayedInCell(seconds),
        None,
        None,
        None,
    );
    let cell = LastVisitedCellInformation::nGRANCell(cell);
    Ok(UEHistoryInformation(vec![LastVisitedCellItem::new(cell, None)]))
}

/// HANDOVER COMMAND (TS 38.413 §9.2.3.2): the ids, and what the target has for the UE, empty where it is of another make.
fn command(pdu: &NGAPPDU<'_>) -> Result<(u64, u32, Vec<u8>), Error> {
    extract_ngap_ies!(pdu, HandoverCommand,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        req _kind: HandoverType = HandoverType(kind) => kind,
        req container: TargetToSourceTransparentContainer =
            TargetToSource_TransparentContainer(container) => container,
    );
    let container: TargetNGRANNodeToSourceNGRANNodeTransparentContainer<'_> = decode_open_type(&container.0)?;
    let ours = rrc_container::open_handover_command(&container.rrc_container.0);
    Ok((amf, ran, ours.unwrap_or_default()))
}

/// HANDOVER PREPARATION FAILURE (TS 38.413 §9.2.3.3).
fn failure(pdu: &NGAPPDU<'_>) -> Result<(u64, u32, NgapCause), Error> {
    extract_ngap_ies!(pdu, HandoverPreparationFailure,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
    );
    Ok((amf, ran, cause.into()))
}
