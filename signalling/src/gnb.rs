//! A gNB.

use std::time::{Duration, Instant};

use identity::{Plmn, Snssai, Tac};

use crate::identity_of_ue::STmsi;
use crate::procedure::EstablishmentCause;
use crate::timers::GnbTimer;

/// What a gNB is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GnbSettings {
    /// The gNB ID, 32 bits long on the wire when it needs them, and 22 to 32 bits otherwise.
    pub gnb_id: u32,
    /// The RAN Node Name.
    pub name: String,
    /// The network that it belongs to, and broadcasts.
    pub plmn: Plmn,
    /// Its tracking area.
    pub tac: Tac,
    /// The slices that it supports.
    pub slices: Vec<Snssai>,
    /// How many cells it has.
    pub cells: u32,
}

/// What happens to a gNB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GnbEvent<'a> {
    /// The SCTP association is there.
    AssociationUp {
        /// Streams towards the AMF.
        streams_out: u16,
    },
    /// The SCTP association is gone.
    AssociationDown,
    /// An NGAP PDU from the AMF.
    Received {
        /// The SCTP stream.
        stream: u16,
        /// The PDU.
        octets: &'a [u8],
    },
    /// A UE sends its initial NAS message.
    Connect {
        /// The driver's own index of the UE.
        ue: u32,
        /// The cell, from 0.
        cell: u32,
        /// The NAS PDU.
        nas: &'a [u8],
        /// The RRC establishment cause.
        cause: EstablishmentCause,
        /// The 5G-S-TMSI, when the UE gave one.
        s_tmsi: Option<STmsi>,
    },
    /// A UE sends a NAS PDU on its connection.
    Uplink {
        /// The driver's own index of the UE.
        ue: u32,
        /// The NAS PDU.
        nas: &'a [u8],
    },
    /// Ask the AMF to release a UE.
    RequestRelease {
        /// The driver's own index of the UE.
        ue: u32,
        /// Why.
        cause: ReleaseCause,
    },
    /// A timer that was set ran out.
    Expired(GnbTimer),
    /// The gNB lost its UEs, as after a restart: it resets the NG interface.
    Reset,
}

/// Why a gNB asks for the release of a UE (TS 38.413 §9.3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseCause {
    /// User inactivity.
    UserInactivity,
    /// Radio connection with UE lost.
    RadioConnectionLost,
}

/// What the driver has to do for a gNB, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GnbAction {
    /// Send an NGAP PDU to the AMF.
    Send {
        /// The SCTP stream.
        stream: u16,
        /// The PDU.
        octets: Vec<u8>,
        /// The UE that it is about, for traces.
        ue: Option<u32>,
    },
    /// The NG interface is set up.
    Ready,
    /// The AMF refused the NG SETUP REQUEST, or did not answer it.
    SetupRefused {
        /// Why, for people.
        cause: String,
        /// When the gNB tries again by itself.
        retry_after: Option<Duration>,
    },
    /// Deliver a NAS PDU to a UE.
    Downlink {
        /// The driver's own index of the UE.
        ue: u32,
        /// The NAS PDU.
        nas: Vec<u8>,
    },
    /// The connection of a UE was released.
    Released {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// A UE gets no connection.
    Refused {
        /// The driver's own index of the UE.
        ue: u32,
        /// Why.
        reason: RefusalReason,
    },
    /// Page a UE in the cells.
    Paged {
        /// The identity that is paged.
        s_tmsi: STmsi,
    },
    /// Start a timer, or start it again.
    SetTimer(GnbTimer, Duration),
    /// Stop a timer, if it runs.
    StopTimer(GnbTimer),
    /// Something came that the state does not expect, and was treated as the specification says.
    Unexpected(&'static str),
}

/// Why a gNB gives a UE no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The NG interface is not set up.
    NgInterfaceDown,
    /// The gNB has no such cell.
    NoSuchCell,
    /// Every RAN UE NGAP ID is taken.
    NoIdentity,
    /// We could not build the message.
    NotEncodable,
}

/// One gNB on one NG interface.
pub struct Gnb {
    settings: GnbSettings,
}

impl Gnb {
    /// A gNB without an association.
    pub fn new(settings: GnbSettings) -> Self {
        Self { settings }
    }

    /// Handles one event, and appends what is to be done.
    pub fn handle(&mut self, event: GnbEvent<'_>, now: Instant, out: &mut Vec<GnbAction>) {
        let _ = (event, now, out, &self.settings);
    }

    /// Whether the NG interface is set up.
    pub fn is_ready(&self) -> bool {
        false
    }

    /// UEs that have a connection.
    pub fn connected(&self) -> usize {
        0
    }
}
