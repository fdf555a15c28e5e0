//! What is measured, and why a UE asks for an RRC connection.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A procedure that the driver starts, or that the UE starts by itself and announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Procedure {
    /// Initial registration (TS 24.501 §5.5.1.2).
    Registration,
    /// UE-initiated de-registration (TS 24.501 §5.5.2.2).
    Deregistration,
    /// Service request (TS 24.501 §5.6.1).
    ServiceRequest,
    /// Mobility registration update (TS 24.501 §5.5.1.3).
    MobilityRegistrationUpdate,
    /// Periodic registration update (TS 24.501 §5.5.1.3).
    PeriodicRegistrationUpdate,
    /// An initial registration that the UE repeats by itself after a failure, by T3511, T3502 or T3346, or because the
    /// network asked for it (TS 24.501 §5.5.1.2.7, §5.5.2.3.2).
    RegistrationRetry,
    /// UE-requested PDU session establishment (TS 24.501 §6.4.1).
    PduSession,
    /// UE-requested PDU session modification (TS 24.501 §6.4.2).
    PduSessionModification,
    /// UE-requested PDU session release (TS 24.501 §6.4.3).
    PduSessionRelease,
    /// Handover through the AMF (TS 38.413 §8.4.1): the gNBs' procedure, begun by the driver.
    HandoverN2,
    /// Handover over Xn and the path switch (TS 38.413 §8.4.4): the gNBs' procedure, begun by the driver.
    HandoverXn,
    /// UE context release, asked for by the gNB (TS 38.413 §8.3.2): the gNB's procedure, begun by the driver.
    UeContextRelease,
    /// Another USIM in the device, and the registration with it (the driver's: TS 24.501 §5.5.1.2).
    SimSwap,
}

impl Procedure {
    /// The name in scenarios and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Deregistration => "deregistration",
            Self::ServiceRequest => "service-request",
            Self::MobilityRegistrationUpdate => "mobility-registration-update",
            Self::PeriodicRegistrationUpdate => "periodic-registration-update",
            Self::RegistrationRetry => "registration-retry",
            Self::PduSession => "pdu-session",
            Self::PduSessionModification => "pdu-session-modification",
            Self::PduSessionRelease => "pdu-session-release",
            Self::HandoverN2 => "handover-n2",
            Self::HandoverXn => "handover-xn",
            Self::UeContextRelease => "ue-context-release",
            Self::SimSwap => "sim-swap",
        }
    }
}

impl fmt::Display for Procedure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the UE asks for an RRC connection (TS 38.331 §6.2.2 `EstablishmentCause`, TS 24.501 Table 4.5.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EstablishmentCause {
    /// Signalling that the UE began.
    MoSignalling,
    /// Data that the UE has to send.
    MoData,
    /// The answer to paging.
    MtAccess,
}
