use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Technology;

/// A 3GPP procedure that is attempted and counted: the schedule starts it, or a UE begins it by itself.
///
/// New ones go to the end: a procedure travels between agents as its place in [`Self::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Procedure {
    /// Initial registration (TS 24.501 §5.5.1.2).
    Registration,
    /// Deregistration initiated by the UE (TS 24.501 §5.5.2.2).
    Deregistration,
    /// Service request of an idle UE (TS 24.501 §5.6.1).
    ServiceRequest,
    /// Registration for mobility: the UE has moved to another tracking area (TS 24.501 §5.5.1.3).
    MobilityRegistrationUpdate,
    /// Periodic registration (TS 24.501 §5.5.1.3).
    PeriodicRegistrationUpdate,
    /// Establishment of a PDU session by a registered UE without one (TS 24.501 §6.4.1).
    PduSession,
    /// Modification of a PDU session, asked for by the UE (TS 24.501 §6.4.2).
    PduSessionModification,
    /// Release of a PDU session, asked for by the UE (TS 24.501 §6.4.3).
    PduSessionRelease,
    /// Handover by the AMF, to a gNB of the same or of another agent (TS 38.413 §8.4.1, TS 23.502 §4.9.1.3).
    HandoverN2,
    /// Handover between two gNBs of one shard, and the path switch (TS 38.413 §8.4.4, TS 23.502 §4.9.1.2).
    HandoverXn,
    /// The gNB releases the connection of a UE: RRC idle (TS 38.413 §8.3.2).
    UeContextRelease,
    /// The USIM of a registered UE is replaced, and the UE registers with the new one.
    SimSwap,
    /// An initial registration that the UE repeats by itself after a failure, by T3511, T3502 or T3346, or because the
    /// network asked for it (TS 24.501 §5.5.1.2.7, §5.5.2.3.2). No scenario starts it.
    #[serde(skip)]
    RegistrationRetry,
}

/// Who carries a procedure out. One UE may be in one procedure of each at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Performer {
    /// The UE, by NAS.
    Ue,
    /// The node of the radio network that the UE is connected to: the UE learns nothing of it by NAS.
    RanNode,
}

/// The state of a UE in which a procedure begins. `None` where either will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// It is registered.
    pub registered: bool,
    /// It has a signalling connection.
    pub connected: Option<bool>,
    /// It has a session.
    pub session: Option<bool>,
}

impl Procedure {
    /// Every procedure, in the order of the enum.
    pub const ALL: [Self; 13] = [
        Self::Registration,
        Self::Deregistration,
        Self::ServiceRequest,
        Self::MobilityRegistrationUpdate,
        Self::PeriodicRegistrationUpdate,
        Self::PduSession,
        Self::PduSessionModification,
        Self::PduSessionRelease,
        Self::HandoverN2,
        Self::HandoverXn,
        Self::UeContextRelease,
        Self::SimSwap,
        Self::RegistrationRetry,
    ];

    /// Those that a scenario can start, in the order of [`Self::ALL`].
    pub fn of_scenarios() -> impl Iterator<Item = Self> + Clone {
        Self::ALL.into_iter().filter(|procedure| procedure.is_of_scenarios())
    }

    /// Whether a scenario can start it.
    pub fn is_of_scenarios(self) -> bool {
        self != Self::RegistrationRetry
    }

    /// The name in scenarios and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Deregistration => "deregistration",
            Self::ServiceRequest => "service-request",
            Self::MobilityRegistrationUpdate => "mobility-registration-update",
            Self::PeriodicRegistrationUpdate => "periodic-registration-update",
            Self::PduSession => "pdu-session",
            Self::PduSessionModification => "pdu-session-modification",
            Self::PduSessionRelease => "pdu-session-release",
            Self::HandoverN2 => "handover-n2",
            Self::HandoverXn => "handover-xn",
            Self::UeContextRelease => "ue-context-release",
            Self::SimSwap => "sim-swap",
            Self::RegistrationRetry => "registration-retry",
        }
    }

    /// The access technology that it belongs to.
    pub const fn technology(self) -> Technology {
        match self {
            Self::Registration
            | Self::Deregistration
            | Self::ServiceRequest
            | Self::MobilityRegistrationUpdate
            | Self::PeriodicRegistrationUpdate
            | Self::PduSession
            | Self::PduSessionModification
            | Self::PduSessionRelease
            | Self::HandoverN2
            | Self::HandoverXn
            | Self::UeContextRelease
            | Self::SimSwap
            | Self::RegistrationRetry => Technology::Nr,
        }
    }

    /// Who carries it out.
    pub const fn performer(self) -> Performer {
        match self {
            Self::HandoverN2 | Self::HandoverXn | Self::UeContextRelease => Performer::RanNode,
            _ => Performer::Ue,
        }
    }

    /// The state in which it begins.
    pub const fn needs(self) -> Needs {
        let registered = Needs { registered: true, connected: None, session: None };
        match self {
            Self::Registration | Self::RegistrationRetry => Needs { registered: false, ..registered },
            Self::ServiceRequest => Needs { connected: Some(false), ..registered },
            Self::PduSession => Needs { session: Some(false), ..registered },
            // A gNB asks for a handover with a list of sessions (TS 38.413 §9.2.3.1, mandatory).
            Self::PduSessionModification | Self::PduSessionRelease | Self::HandoverN2 | Self::HandoverXn => {
                Needs { session: Some(true), ..registered }
            }
            Self::UeContextRelease => Needs { connected: Some(true), ..registered },
            Self::Deregistration
            | Self::MobilityRegistrationUpdate
            | Self::PeriodicRegistrationUpdate
            | Self::SimSwap => registered,
        }
    }

    /// Its place in [`Self::ALL`], by which it travels.
    pub const fn place(self) -> u8 {
        self as u8
    }

    /// The procedure at this place of [`Self::ALL`].
    pub fn at(place: u8) -> Option<Self> {
        Self::ALL.get(usize::from(place)).copied()
    }
}

impl fmt::Display for Procedure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procedures_are_at_their_places_under_names_of_their_own() {
        for (place, procedure) in (0..).zip(Procedure::ALL) {
            assert_eq!((procedure.place(), Procedure::at(place)), (place, Some(procedure)));
        }
        assert_eq!(Procedure::at(u8::MAX), None);
        let names: std::collections::BTreeSet<_> = Procedure::ALL.map(Procedure::name).into();
        assert_eq!(names.len(), Procedure::ALL.len());
    }
}
