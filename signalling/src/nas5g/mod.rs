//! The UE on 5G: 5GMM and 5GSM (TS 24.501).
//!
//! ```text
//! starting.rs   the driver, a timer or the network begins a procedure ─┐
//! receiving.rs  a NAS PDU ──► its procedure in procedures/ ────────────┴─► a Step ──► attempt.rs: the slot goes on, or ends it
//! ```

mod attempt;
mod ecies;
mod nas_connection;
mod procedures;
mod receiving;
pub(crate) mod registered_area;
pub(crate) mod session_management;
mod starting;
mod suci;
mod transaction;
mod ue;

use procedures::{authentication, deregistration_ue_initiated, pdu_session_release};

use identity::Procedure;

use crate::common::timers::Timer;
use crate::common::usim::Usim;
use crate::device::{Out, UeEvent};
use crate::outcome::{Cause, ConnectionRefusal, Outcome};
use crate::sessions::Sessions;
use crate::settings::Context;
use attempt::Slot;
use session_management::SessionManagement;
pub(crate) use ue::Mobility;
use ue::Ue;

/// What a device keeps of 5G.
#[derive(Default)]
pub(crate) struct Nas5g {
    pub(crate) mm: Mobility,
    pub(crate) sm: SessionManagement,
    pub(crate) slot: Slot,
}

impl Nas5g {
    /// Handles one event of the device that this USIM and these sessions are of.
    pub(crate) fn handle(
        &mut self,
        event: UeEvent<'_>,
        (usim, sessions): (&mut Usim, &mut Sessions),
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        let Self { mm, sm, slot } = self;
        let Context { settings, tai, .. } = *context;
        let ue = &mut Ue { usim, mm, sm, sessions, settings, tai, rng: &mut *context.rng, out };
        match event {
            UeEvent::Start(procedure) => slot.start(procedure, ue),
            UeEvent::Downlink(octets) => receiving::downlink(slot, octets, ue),
            UeEvent::Expired(timer) => {
                if ue.mm.running.remove(timer) {
                    expired(slot, timer, ue);
                }
            }
            UeEvent::ConnectionReleased => connection_lost(slot, None, ue),
            UeEvent::ConnectionRefused(refusal) => connection_lost(slot, Some(refusal), ue),
            UeEvent::Paged => slot.paged(ue),
            UeEvent::SwitchOff => deregistration_ue_initiated::switch_off(slot, ue),
            UeEvent::EstablishSession(request) => slot.establish_session(request.clone(), ue),
            UeEvent::ModifySession(id) => slot.modify_session(id, ue),
            UeEvent::ReleaseSession(id) => {
                slot.release_session(id, pdu_session_release::REGULAR_DEACTIVATION, ue);
            }
            UeEvent::CellChanged => ue.mm.moved = true,
            UeEvent::SwapUsim(_) => lose_power(slot, ue),
        }
        slot.update_after_move(ue);
    }

    pub(crate) fn heap_octets(&self) -> usize {
        let Mobility { authentication, suci, area, .. } = &self.mm;
        area.heap_octets()
            + authentication.as_ref().map_or(0, |authentication| authentication.octets())
            + suci.as_ref().map_or(0, |suci| suci.len())
            + self.sm.heap_octets()
            + self.slot.heap_octets()
    }
}

/// A timer ran out.
fn expired(slot: &mut Slot, timer: Timer, ue: &mut Ue<'_>) {
    match timer {
        Timer::T3510 | Timer::T3517 | Timer::T3521 | Timer::T3580 | Timer::T3581 | Timer::T3582 => {
            slot.expired(timer, ue);
        }
        Timer::T3520 => authentication::network_is_not_genuine(slot, Outcome::TimedOut(timer), ue),
        Timer::T3519 => ue.mm.suci = None,
        Timer::T3516 => {}
        Timer::T3396 => ue.sm.backed_off = None,
        Timer::T3525 => ue.mm.retry.service_succeeded(),
        // §5.3.1.3: the UE releases the connection locally.
        Timer::T3540 => slot.leave_cell(ue),
        Timer::T3512 => slot.begin_by_itself(Procedure::PeriodicRegistrationUpdate, ue),
        Timer::T3511 | Timer::T3502 | Timer::T3346 => {
            if let Some(procedure) = ue.mm.retry.again.take() {
                slot.begin_by_itself(procedure, ue);
            }
        }
    }
}

/// The connection was released, or never came to be.
fn connection_lost(slot: &mut Slot, refusal: Option<ConnectionRefusal>, ue: &mut Ue<'_>) {
    if ue.mm.connected && slot.connection_lost(refusal, ue) {
        slot.go_idle(ue);
    }
}

/// The battery is taken out: the UE says nothing more.
fn lose_power(slot: &mut Slot, ue: &mut Ue<'_>) {
    slot.end(Outcome::Failed(Cause::SwitchedOff), ue);
    ue.leave_registered();
    ue.release();
    for timer in ue.mm.running.all() {
        ue.stop(timer);
    }
}
