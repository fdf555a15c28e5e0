//! The NG interface: set up, lost, reset (TS 38.413 §8.7.1, §8.7.4).

use oxirush_ngap::Error;
use oxirush_ngap::ngap::NGAPPDU;

use super::amf::{AmfFacts, AmfNotice, AmfUpdate};
use super::{Gnb, GnbAction, GnbSettings, NON_UE_STREAM, Out, Released};
use crate::common::timers::{self, GnbTimer};
use crate::ngap::procedures::ng_reset::Scope;
use crate::ngap::procedures::{amf_management, ng_reset, ng_setup};

/// Whether the NG interface is there.
#[derive(Default)]
pub(super) struct Interface {
    state: State,
    amf: Option<AmfFacts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Down,
    ExpectSetupResponse,
    Waiting,
    Ready,
}

impl Interface {
    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    pub(super) fn amf(&self) -> Option<&AmfFacts> {
        self.amf.as_ref().filter(|_| self.is_ready())
    }

    /// AMF CONFIGURATION UPDATE (§8.7.3).
    pub(super) fn updated(&mut self, update: &AmfUpdate) {
        if let Some(amf) = &mut self.amf {
            amf.apply(update);
        }
    }

    pub(super) fn set_up(&mut self, settings: &GnbSettings, out: &mut Out) {
        self.state = State::ExpectSetupResponse;
        match ng_setup::request(settings) {
            Ok(octets) => {
                out.push(GnbAction::Send { stream: NON_UE_STREAM, octets, ue: None });
                out.push(GnbAction::SetTimer(GnbTimer::NgSetup, timers::NG_SETUP_WAIT));
            }
            Err(error) => {
                self.state = State::Down;
                let cause = error.to_string();
                out.push(GnbAction::SetupRefused { cause, retry_after: None, passes: false });
            }
        }
    }

    pub(super) fn down(&mut self, out: &mut Out) {
        match self.state {
            State::ExpectSetupResponse => out.push(GnbAction::StopTimer(GnbTimer::NgSetup)),
            State::Waiting => out.push(GnbAction::StopTimer(GnbTimer::TimeToWait)),
            State::Ready | State::Down => {}
        }
        self.state = State::Down;
    }

    pub(super) fn expired(&mut self, timer: GnbTimer, settings: &GnbSettings, out: &mut Out) {
        match (timer, self.state) {
            (GnbTimer::NgSetup, State::ExpectSetupResponse) => {
                self.state = State::Waiting;
                out.push(GnbAction::SetupUnanswered { after: timers::NG_SETUP_WAIT });
                out.push(GnbAction::SetTimer(GnbTimer::TimeToWait, timers::NG_SETUP_AGAIN));
            }
            (GnbTimer::TimeToWait, State::Waiting) => self.set_up(settings, out),
            _ => {}
        }
    }

    /// TS 38.413 §8.7.1.2.
    pub(super) fn succeeded(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) {
        if self.state != State::ExpectSetupResponse {
            return out.push(GnbAction::Unexpected("ng-setup-response"));
        }
        self.state = State::Ready;
        self.amf = Some(amf_management::facts(pdu));
        out.push(GnbAction::StopTimer(GnbTimer::NgSetup));
        out.push(GnbAction::Ready);
    }

    /// TS 38.413 §8.7.1.3.
    pub(super) fn failed(&mut self, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
        let (cause, passes, retry_after) = ng_setup::failure(pdu)?;
        if self.state != State::ExpectSetupResponse {
            out.push(GnbAction::Unexpected("ng-setup-failure"));
            return Ok(());
        }
        self.state = State::Waiting;
        out.push(GnbAction::StopTimer(GnbTimer::NgSetup));
        out.push(GnbAction::SetupRefused { cause, retry_after, passes });
        let wait = retry_after.unwrap_or(timers::NG_SETUP_AGAIN);
        out.push(GnbAction::SetTimer(GnbTimer::TimeToWait, wait));
        Ok(())
    }
}

/// TS 38.413 §8.7.4.2.2: the gNB has lost its UEs.
pub(super) fn reset(gnb: &mut Gnb, out: &mut Out) {
    if !gnb.is_ready() {
        return out.push(GnbAction::Unexpected("reset-without-interface"));
    }
    gnb.release_all(Released::Lost, out);
    gnb.send_non_ue(ng_reset::request(), out);
    out.push(GnbAction::SetTimer(GnbTimer::NgReset, timers::NG_RESET_WAIT));
}

/// §8.7.4.4: the reset is repeated until it is acknowledged.
pub(super) fn reset_again(gnb: &mut Gnb, out: &mut Out) {
    if gnb.is_ready() {
        reset(gnb, out);
    }
}

/// TS 38.413 §8.7.4.2.1.
pub(super) fn reset_by_amf(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let scope = ng_reset::scope(pdu)?;
    match &scope {
        Scope::Everything => {
            out.push(GnbAction::Told(AmfNotice::Reset { ues: gnb.connected() }));
            gnb.release_all(Released::NgReset, out);
        }
        Scope::Connections(connections) => {
            out.push(GnbAction::Told(AmfNotice::Reset { ues: connections.len() }));
            for &(amf, ran) in connections {
                if let Some(ran) = gnb.connections.find(amf, ran) {
                    gnb.drop_connection(ran, Released::NgReset, out);
                }
            }
        }
    }
    gnb.send_non_ue(ng_reset::acknowledge(&scope), out);
    Ok(())
}
