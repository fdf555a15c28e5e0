//! A UE.

use std::time::Duration;

use identity::Imsi;

use crate::identity_of_ue::STmsi;
use crate::outcome::{ConnectionRefusal, Outcome};
use crate::procedure::{EstablishmentCause, Procedure};
use crate::settings::{Context, Subscriber};
use crate::timers::Timer;

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
    /// Something came that the state does not expect, and was treated as the specification says.
    Unexpected(&'static str),
}

/// One 5G UE with its USIM, on 3GPP access.
pub struct Ue {
    subscriber: Subscriber,
}

impl Ue {
    /// A UE that was just switched on, with nothing stored.
    pub fn new(subscriber: &Subscriber) -> Self {
        Self { subscriber: *subscriber }
    }

    /// Handles one event, and appends what is to be done.
    pub fn handle(&mut self, event: UeEvent<'_>, context: &mut Context<'_>, out: &mut Vec<UeAction>) {
        let _ = (event, context, out);
    }

    /// Whether the UE is in 5GMM-REGISTERED.
    pub fn is_registered(&self) -> bool {
        false
    }

    /// Whether it has an N1 signalling connection, or waits for one.
    pub fn is_connected(&self) -> bool {
        false
    }

    /// Whether no procedure runs, so that the next may start.
    pub fn is_idle_for_attempts(&self) -> bool {
        true
    }

    /// The permanent identity.
    pub fn imsi(&self) -> Imsi {
        self.subscriber.imsi
    }

    /// Octets that the UE has on the heap.
    pub fn heap_octets(&self) -> usize {
        0
    }

    /// The identity that the network pages, when the UE has one.
    pub fn s_tmsi(&self) -> Option<STmsi> {
        None
    }
}
