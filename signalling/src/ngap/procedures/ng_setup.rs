//! NG Setup, gNB side (TS 38.413 §8.7.1).

use std::time::Duration;

use oxirush_ngap::helpers::{global_gnb_id, s_nssai};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use super::amf_management;
use crate::common::timers::{self, NodeTimer};
use crate::ngap::{GnbSettings, NON_UE_STREAM, Out, PPID};
use crate::node::action::NodeAction;
use crate::node::amf::{AmfFacts, AmfUpdate};
use crate::node::cause::NgapCause;

/// The NG interface: whether it is there, and the AMF at its other end.
#[derive(Default)]
pub(crate) struct NgSetup {
    state: State,
    amf: Option<AmfFacts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Down,
    ExpectSetupResponse,
    /// The gNB waits before it asks again.
    Waiting,
    Ready,
}

impl NgSetup {
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    pub(crate) fn amf(&self) -> Option<&AmfFacts> {
        self.amf.as_ref().filter(|_| self.is_ready())
    }

    /// AMF CONFIGURATION UPDATE (§8.7.3).
    pub(crate) fn updated(&mut self, update: &AmfUpdate) {
        if let Some(amf) = &mut self.amf {
            amf.apply(update);
        }
    }

    /// Sends an NG SETUP REQUEST (§8.7.1.2).
    pub(crate) fn begin(&mut self, settings: &GnbSettings, out: &mut Out) {
        self.state = State::ExpectSetupResponse;
        match request(settings) {
            Ok(octets) => {
                out.push(NodeAction::Send { stream: NON_UE_STREAM, ppid: PPID, octets, ue: None });
                out.push(NodeAction::SetTimer(NodeTimer::NgSetup, timers::NG_SETUP_WAIT));
            }
            Err(error) => {
                self.state = State::Down;
                let cause = error.to_string();
                out.push(NodeAction::SetupRefused { cause, retry_after: None, passes: false });
            }
        }
    }

    pub(crate) fn down(&mut self, out: &mut Out) {
        match self.state {
            State::ExpectSetupResponse => out.push(NodeAction::StopTimer(NodeTimer::NgSetup)),
            State::Waiting => out.push(NodeAction::StopTimer(NodeTimer::TimeToWait)),
            State::Ready | State::Down => {}
        }
        self.state = State::Down;
    }

    pub(crate) fn expired(&mut self, timer: NodeTimer, settings: &GnbSettings, out: &mut Out) {
        match (timer, self.state) {
            (NodeTimer::NgSetup, State::ExpectSetupResponse) => {
                self.state = State::Waiting;
                out.push(NodeAction::SetupUnanswered { after: timers::NG_SETUP_WAIT });
                out.push(NodeAction::SetTimer(NodeTimer::TimeToWait, timers::NG_SETUP_AGAIN));
            }
            (NodeTimer::TimeToWait, State::Waiting) => self.begin(settings, out),
            _ => {}
        }
    }

    /// TS 38.413 §8.7.1.2.
    pub(crate) fn succeeded(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) {
        if self.state != State::ExpectSetupResponse {
            return out.push(NodeAction::Unexpected("ng-setup-response"));
        }
        self.state = State::Ready;
        self.amf = Some(amf_management::facts(pdu));
        out.push(NodeAction::StopTimer(NodeTimer::NgSetup));
        out.push(NodeAction::Ready);
    }

    /// TS 38.413 §8.7.1.3.
    pub(crate) fn failed(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let (cause, passes, retry_after) = failure(pdu)?;
        if self.state != State::ExpectSetupResponse {
            out.push(NodeAction::Unexpected("ng-setup-failure"));
            return Ok(());
        }
        self.state = State::Waiting;
        out.push(NodeAction::StopTimer(NodeTimer::NgSetup));
        out.push(NodeAction::SetupRefused { cause, retry_after, passes });
        let wait = retry_after.unwrap_or(timers::NG_SETUP_AGAIN);
        out.push(NodeAction::SetTimer(NodeTimer::TimeToWait, wait));
        Ok(())
    }
}

/// NG SETUP REQUEST (TS 38.413 §9.2.6.1).
fn request(settings: &GnbSettings) -> Result<Vec<u8>, Error> {
    let plmn = PLMNIdentity(settings.plmn.ngap_octets());
    let slices = settings
        .slices
        .iter()
        .map(|slice| SliceSupportItem::new(s_nssai(slice.sst, slice.sd), None))
        .collect();
    let broadcast = BroadcastPLMNItem::new(plmn, SliceSupportList(slices), None);
    let area = SupportedTAItem::new(TAC(settings.tac.octets()), BroadcastPLMNList(vec![broadcast]), None);
    let gnb = global_gnb_id(plmn, settings.gnb_id, settings.gnb_id_bits())?;
    build_ngap!(
        InitiatingMessage,
        NGSetup,
        NGSetupRequest,
        GlobalRANNodeID(GlobalRANNodeID::globalGNB_ID(gnb)),
        RANNodeName(settings.name.as_str()),
        SupportedTAList(SupportedTAList(vec![area])),
        DefaultPagingDRX(PagingDRX::v128),
    )?
    .encode()
}

/// The cause of an NG SETUP FAILURE (TS 38.413 §9.2.6.3), whether it is one that passes, and the Time to Wait.
fn failure(pdu: &NGAPPDU<'_>) -> Result<(String, bool, Option<Duration>), Error> {
    extract_ngap_ies!(pdu, NGSetupFailure,
        lax cause: Cause = Cause(cause) => cause,
        lax wait: TimeToWait = TimeToWait(wait) => wait,
    );
    let passes = cause.as_ref().is_some_and(passes);
    let cause = NgapCause::from(cause).to_string();
    let wait = wait.map(|wait| {
        Duration::from_secs(match wait {
            TimeToWait::v1s => 1,
            TimeToWait::v2s => 2,
            TimeToWait::v5s => 5,
            TimeToWait::v10s => 10,
            TimeToWait::v20s => 20,
            _ => 60,
        })
    });
    Ok((cause, passes, wait))
}

/// Whether the AMF may accept the same request later (TS 38.413 §9.3.1.2).
fn passes(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::misc(
            CauseMisc::control_processing_overload
                | CauseMisc::not_enough_user_plane_processing_resources
                | CauseMisc::hardware_failure
                | CauseMisc::om_intervention
        ) | Cause::transport(_)
    )
}
