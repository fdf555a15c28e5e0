//! The N1 NAS signalling connection, and the timers that run (TS 24.501 §5.3.1, §4.4).

use std::time::Duration;

use oxirush_nas::nas_5gs::{Nas5gmmMessage, Nas5gsMessage, NasFGmmCause, NasFGmmStatus};

use super::ue::Ue;
use crate::common::nas_security::Header;
use crate::common::timers::{self, Timer};
use crate::device::UeAction;
use crate::establishment_cause::EstablishmentCause;

impl Ue<'_> {
    /// Sends an initial NAS message, on a new connection where there is none.
    pub(crate) fn send_initial(&mut self, nas: Vec<u8>, cause: EstablishmentCause) {
        self.stop(Timer::T3512);
        self.stop(Timer::T3540);
        if self.mm.connected {
            return self.out.push(UeAction::Uplink(nas));
        }
        self.mm.connected = true;
        self.mm.secured = false;
        self.out.push(UeAction::Connect { nas, cause, s_tmsi: self.mm.area.s_tmsi() });
    }

    /// The header of an initial NAS message without non-cleartext IEs (§4.4.6).
    pub(crate) fn initial_header(&self) -> Header {
        if self.mm.secured { Header::IntegrityAndCiphering } else { Header::Integrity }
    }

    /// Sends a 5GMM message on the connection, ciphered once the secure exchange is established (§4.4.5).
    pub(crate) fn send(&mut self, message: impl Into<Nas5gmmMessage>) {
        let message = Nas5gsMessage::new_5gmm(message);
        let nas = match &mut self.mm.context {
            Some(current) if self.mm.secured => current.protect(&message, Header::IntegrityAndCiphering),
            _ => message.encode().ok(),
        };
        match nas {
            Some(nas) => self.out.push(UeAction::Uplink(nas)),
            // §4.4.3.5: no COUNT is left. The attempt's own timer ends it.
            None => self.unexpected("nas-count-exhausted"),
        }
    }

    /// Answers a message that cannot be used with a 5GMM STATUS, where TS 24.501 §7 asks for one.
    pub(crate) fn refuse(&mut self, cause: Option<u8>) {
        self.unexpected("nas-protocol-error");
        if let Some(cause) = cause {
            self.send(NasFGmmStatus::new(NasFGmmCause::new(cause)));
        }
    }

    /// Releases the connection locally.
    pub(crate) fn release(&mut self) {
        if self.mm.connected {
            self.out.push(UeAction::ReleaseConnection);
        }
        self.lose();
    }

    /// The connection is gone, and with it an authentication that it carried.
    pub(crate) fn lose_connection(&mut self) {
        self.lose();
        self.mm.authentication = None;
    }

    fn lose(&mut self) {
        self.mm.connected = false;
        self.mm.secured = false;
        for timer in [Timer::T3540, Timer::T3520, Timer::T3516] {
            self.stop(timer);
        }
    }

    /// The network is to release the connection now (§5.3.1.3).
    pub(crate) fn expect_release(&mut self) {
        if self.mm.connected {
            self.set(Timer::T3540, timers::T3540);
        }
    }

    /// Starts a timer, or starts it again.
    pub(crate) fn set(&mut self, timer: Timer, duration: Duration) {
        self.mm.running.insert(timer);
        self.out.push(UeAction::SetTimer(timer, duration));
    }

    /// Stops a timer, if it runs.
    pub(crate) fn stop(&mut self, timer: Timer) {
        if self.mm.running.remove(timer) {
            self.out.push(UeAction::StopTimer(timer));
        }
    }

    pub(crate) fn runs(&self, timer: Timer) -> bool {
        self.mm.running.contains(timer)
    }
}
