//! A device: its USIM, the stack of the technology that it is on, and its sessions.

use std::time::Duration;

use identity::{Imsi, Procedure, SessionId};

use crate::common::identity_of_ue::STmsi;
use crate::common::timers::Timer;
use crate::common::usim::Usim;
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::Nas5g;
use crate::outcome::{ConnectionRefusal, Outcome};
use crate::sessions::{Session, SessionRequest, Sessions};
use crate::settings::{Context, Subscriber};
use crate::ue_state::UeState;

/// What happens to a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UeEvent<'a> {
    /// The driver starts a procedure. It ends with exactly one [`UeAction::Finished`].
    Start(Procedure),
    /// A NAS PDU from the network.
    Downlink(&'a [u8]),
    /// A timer that was set ran out.
    Expired(Timer),
    /// The N1 signalling connection was released by the network or by the gNB.
    ConnectionReleased,
    /// There is no connection for the initial NAS message of [`UeAction::Connect`].
    ConnectionRefused(ConnectionRefusal),
    /// The cell broadcast the paging identity of this UE.
    Paged,
    /// The driver asks for a PDU session: [`Procedure::PduSession`].
    EstablishSession(&'a SessionRequest),
    /// The driver asks to modify this session: [`Procedure::PduSessionModification`]. [`UeEvent::Start`] takes the session
    /// of the lowest number.
    ModifySession(SessionId),
    /// The driver asks to release this session: [`Procedure::PduSessionRelease`]. [`UeEvent::Start`] takes the session of
    /// the lowest number.
    ReleaseSession(SessionId),
    /// The UE is in another cell, by reselection or after a handover: [`Context::tai`] may have changed. Outside its
    /// registration area a registered UE begins a [`Procedure::MobilityRegistrationUpdate`] by itself.
    CellChanged,
    /// The battery is taken out, and another USIM put in: the UE sends nothing, and all its state is gone.
    SwapUsim(Subscriber),
    /// The UE is switched off: it de-registers without waiting for an answer (TS 24.501 §5.5.2.2.2).
    SwitchOff,
}

/// What the driver has to do for a UE, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UeAction {
    /// Set up an RRC connection for this initial NAS message.
    Connect {
        /// The NAS PDU.
        nas: Vec<u8>,
        /// Why.
        cause: EstablishmentCause,
        /// The identity that the UE gives the gNB, when it has one.
        s_tmsi: Option<STmsi>,
    },
    /// Send this NAS PDU on the connection.
    Uplink(Vec<u8>),
    /// Release the connection locally.
    ReleaseConnection,
    /// Start a timer, or start it again.
    SetTimer(Timer, Duration),
    /// Stop a timer, if it runs.
    StopTimer(Timer),
    /// The UE began this by itself.
    Started(Procedure),
    /// A procedure ended.
    Finished {
        /// Which: the one started, by the driver or by the UE.
        procedure: Procedure,
        /// How.
        outcome: Outcome,
    },
    /// The network de-registered the UE.
    Deregistered,
    /// A PDU session was established or modified.
    SessionUp(Box<Session>),
    /// A PDU session has ended: released, lost with the registration, or not known to the network.
    SessionDown {
        /// Which.
        id: SessionId,
    },
    /// Something came that the state does not expect, and was treated as the specification says.
    Unexpected(&'static str),
}

/// One device with its USIM, on 3GPP access.
///
/// Every [`UeEvent::Start`] and every [`UeAction::Started`] is followed by exactly one [`UeAction::Finished`] of the same
/// procedure, at the latest when the timers that were set have run out.
pub struct Device {
    pub(crate) usim: Usim,
    pub(crate) nas: Nas,
    pub(crate) sessions: Sessions,
}

/// The non-access stratum of the technology that the device is on. A change of technology replaces it; USIM and sessions stay.
pub(crate) enum Nas {
    Nr(Nas5g),
}

pub(crate) type Out = Vec<UeAction>;

impl Device {
    /// A device that was just switched on, with nothing stored.
    pub fn new(subscriber: &Subscriber) -> Self {
        Self { usim: Usim::new(*subscriber), nas: Nas::Nr(Nas5g::default()), sessions: Sessions::default() }
    }

    /// Handles one event, and appends what is to be done. Nothing that the network sends makes it panic.
    pub fn handle(&mut self, event: UeEvent<'_>, context: &mut Context<'_>, out: &mut Vec<UeAction>) {
        match &mut self.nas {
            Nas::Nr(nas) => nas.handle(event, (&mut self.usim, &mut self.sessions), context, out),
        }
        if let UeEvent::SwapUsim(subscriber) = event {
            *self = Self::new(&subscriber);
        }
    }

    /// Whether the UE is registered.
    pub fn is_registered(&self) -> bool {
        match &self.nas {
            Nas::Nr(nas) => nas.mm.registered,
        }
    }

    /// Whether it has a NAS signalling connection, or waits for one.
    pub fn is_connected(&self) -> bool {
        match &self.nas {
            Nas::Nr(nas) => nas.mm.connected,
        }
    }

    /// Whether no procedure runs, so that the next may start.
    pub fn is_idle_for_attempts(&self) -> bool {
        match &self.nas {
            Nas::Nr(nas) => nas.slot.is_free(),
        }
    }

    /// The permanent identity.
    pub fn imsi(&self) -> Imsi {
        self.usim.subscriber.imsi
    }

    /// The subscription in its USIM.
    pub fn subscriber(&self) -> Subscriber {
        self.usim.subscriber
    }

    /// The established sessions, by number.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// Whether there is a session.
    pub fn has_session(&self) -> bool {
        self.sessions.lowest().is_some()
    }

    /// Everything that another agent needs to go on with this UE. It is complete while
    /// [`Device::is_idle_for_attempts`]: an attempt that runs, and an authentication, stay behind. The timers of
    /// [`UeState::timers`] are the driver's: it carries what is left of them along.
    pub fn export(&self) -> UeState {
        UeState::of(self)
    }

    /// The device that was exported.
    pub fn import(state: UeState) -> Self {
        state.into_device()
    }

    /// Octets that the device has on the heap.
    pub fn heap_octets(&self) -> usize {
        let nas = match &self.nas {
            Nas::Nr(nas) => nas.heap_octets(),
        };
        self.usim.heap_octets() + self.sessions.heap_octets() + nas
    }

    /// The identity that the network pages, when the UE has one.
    pub fn s_tmsi(&self) -> Option<STmsi> {
        match &self.nas {
            Nas::Nr(nas) => nas.mm.area.s_tmsi(),
        }
    }
}
