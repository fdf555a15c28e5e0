//! The N1 NAS signalling connection, the security context that protects it, and the timers that run (TS 24.501 §5.3.1, §4.4).

use std::time::Duration;

use oxirush_nas::nas_5gs::{Nas5gmmMessage, Nas5gsMessage, NasFGmmCause, NasFGmmStatus};

use crate::common::identity_of_ue::STmsi;
use crate::common::nas_security::{Header, NasContext};
use crate::common::timers::{self, RunningTimers, Timer};
use crate::device::{Out, UeAction};
use crate::establishment_cause::EstablishmentCause;

/// What a UE sends with, and whether it can.
#[derive(Default)]
pub(crate) struct NasConnection {
    /// The current native security context. It outlives the connection.
    pub(crate) context: Option<NasContext>,
    /// The timers that run, those of every procedure.
    pub(crate) running: RunningTimers,
    /// There is an N1 signalling connection, or one is being set up.
    pub(crate) connected: bool,
    /// The secure exchange of NAS messages is established on this connection (§4.4.2.5).
    pub(crate) secured: bool,
}

impl NasConnection {
    /// Sends an initial NAS message, on a new connection where there is none.
    pub(crate) fn send_initial(
        &mut self,
        nas: Vec<u8>,
        cause: EstablishmentCause,
        s_tmsi: Option<STmsi>,
        out: &mut Out,
    ) {
        self.stop(Timer::T3512, out);
        self.stop(Timer::T3540, out);
        if self.connected {
            return out.push(UeAction::Uplink(nas));
        }
        self.connected = true;
        self.secured = false;
        out.push(UeAction::Connect { nas, cause, s_tmsi });
    }

    /// The header of an initial NAS message without non-cleartext IEs (§4.4.6).
    pub(crate) fn initial_header(&self) -> Header {
        if self.secured { Header::IntegrityAndCiphering } else { Header::Integrity }
    }

    /// Sends a message on the connection, ciphered once the secure exchange is established (§4.4.5).
    pub(crate) fn send(&mut self, message: impl Into<Nas5gmmMessage>, out: &mut Out) {
        let message = Nas5gsMessage::new_5gmm(message);
        let nas = match &mut self.context {
            Some(current) if self.secured => current.protect(&message, Header::IntegrityAndCiphering),
            _ => message.encode().ok(),
        };
        match nas {
            Some(nas) => out.push(UeAction::Uplink(nas)),
            // §4.4.3.5: no COUNT is left. The attempt's own timer ends it.
            None => out.push(UeAction::Unexpected("nas-count-exhausted")),
        }
    }

    /// Answers a message that cannot be used with a 5GMM STATUS, where TS 24.501 §7 asks for one.
    pub(crate) fn refuse(&mut self, cause: Option<u8>, out: &mut Out) {
        out.push(UeAction::Unexpected("nas-protocol-error"));
        if let Some(cause) = cause {
            self.send(NasFGmmStatus::new(NasFGmmCause::new(cause)), out);
        }
    }

    /// Starts a timer, or starts it again.
    pub(crate) fn set(&mut self, timer: Timer, duration: Duration, out: &mut Out) {
        self.running.insert(timer);
        out.push(UeAction::SetTimer(timer, duration));
    }

    /// Stops a timer, if it runs.
    pub(crate) fn stop(&mut self, timer: Timer, out: &mut Out) {
        if self.running.remove(timer) {
            out.push(UeAction::StopTimer(timer));
        }
    }

    /// Releases the connection locally.
    pub(crate) fn release(&mut self, out: &mut Out) {
        if self.connected {
            out.push(UeAction::ReleaseConnection);
        }
        self.lose(out);
    }

    /// The connection is gone.
    pub(crate) fn lose(&mut self, out: &mut Out) {
        self.connected = false;
        self.secured = false;
        for timer in [Timer::T3540, Timer::T3520, Timer::T3516] {
            self.stop(timer, out);
        }
    }

    /// The network is to release the connection now (§5.3.1.3).
    pub(crate) fn expect_release(&mut self, out: &mut Out) {
        if self.connected {
            self.set(Timer::T3540, timers::T3540, out);
        }
    }
}
