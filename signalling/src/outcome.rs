//! How an attempt ends. A failure is data that is counted, never an error of ours.

use std::fmt;

use crate::common::causes::{gmm_cause_name, gsm_cause_name};
use crate::common::timers::Timer;

/// The end of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The procedure completed.
    Succeeded,
    /// It was refused or broken off.
    Failed(Cause),
    /// The network did not answer in time.
    TimedOut(Timer),
}

/// Why an attempt failed. `Display` is short and stable: reports count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The network rejected it with a 5GMM cause (TS 24.501 §9.11.3.2).
    Gmm(u8),
    /// The network sent AUTHENTICATION REJECT (TS 24.501 §5.4.1.3.5).
    AuthenticationRejected,
    /// The UE refused the network (TS 24.501 §5.4.1.3.7).
    AuthenticationRefused(AuthenticationFailure),
    /// The UE refused the security mode with this 5GMM cause (TS 24.501 §5.4.2.5).
    SecurityModeRefused(u8),
    /// There was no connection.
    Connection(ConnectionRefusal),
    /// The network released the connection in the middle of the procedure.
    ConnectionReleased,
    /// The network de-registered the UE in the middle of the procedure.
    DeregisteredByNetwork,
    /// The UE is not registered, and this procedure is for a registered one.
    NotRegistered,
    /// The network registered the UE and gave it no 5G-GUTI (TS 24.501 §5.5.1.2.4 has it assign one): this procedure is
    /// asked for by that identity.
    NoGuti,
    /// Another procedure of this UE is running.
    ProcedureRunning,
    /// T3346 or T3525 runs, or an earlier reject forbids this attempt (only with [`crate::Retry::AsSpecified`]).
    Barred,
    /// The UE was switched off in the middle of the procedure.
    SwitchedOff,
    /// The session management function rejected it with a 5GSM cause (TS 24.501 §9.11.4.2).
    Gsm(u8),
    /// The AMF did not forward the 5GSM message, with this 5GMM cause (TS 24.501 §5.4.5.3.1).
    NotForwarded(u8),
    /// There is no such PDU session.
    NoSession,
    /// There is a PDU session of this number already.
    SessionExists,
    /// A procedure of the network took the place of it (TS 24.501 §6.4.2.6).
    Collision,
    /// This procedure is not one that a UE starts.
    NotOfUe,
    /// We could not build the message: a fault of the scenario, such as an unusable home network public key.
    NotEncodable,
}

impl Cause {
    /// Whether the UE itself kept the attempt back or gave it up, so that it says nothing about the network: it is barred by
    /// a back-off, has no free hand, is switched off, or cannot build the message.
    pub fn is_the_ues_own(self) -> bool {
        matches!(
            self,
            Self::Barred
                | Self::ProcedureRunning
                | Self::SwitchedOff
                | Self::NotOfUe
                | Self::NotEncodable
                | Self::Connection(ConnectionRefusal::BarredByOverload)
        )
    }
}

/// Why a UE refuses a challenge of the network (TS 24.501 §5.4.1.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthenticationFailure {
    /// #20: the MAC of AUTN is wrong.
    MacFailure,
    /// #21: the SQN is out of range.
    SynchFailure,
    /// #26: the separation bit of the AMF field is 0.
    NonFiveGAuthenticationUnacceptable,
    /// #71: the ngKSI is in use.
    NgKsiAlreadyInUse,
}

impl AuthenticationFailure {
    /// The 5GMM cause of the AUTHENTICATION FAILURE.
    pub fn gmm_cause(self) -> u8 {
        match self {
            Self::MacFailure => 20,
            Self::SynchFailure => 21,
            Self::NonFiveGAuthenticationUnacceptable => 26,
            Self::NgKsiAlreadyInUse => 71,
        }
    }
}

/// Why there was no connection for an initial NAS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionRefusal {
    /// The cell has no room for one more RRC connection.
    CellAtCapacity,
    /// The gNB has no NG interface to an AMF.
    NgInterfaceDown,
    /// The radio link was lost before the connection was there.
    RadioLinkFailure,
    /// The association with the AMF was lost, and the connection with it.
    AssociationLost,
    /// The AMF reset the NG interface, and the connection with it (TS 38.413 §8.7.4.2.1).
    NgReset,
    /// The AMF is overloaded, and asked for fewer connections of this kind (TS 38.413 §8.7.6).
    BarredByOverload,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed(cause) => cause.fmt(f),
            Self::TimedOut(timer) => timer.fmt(f),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gmm(cause) => match gmm_cause_name(*cause) {
                Some(name) => f.write_str(name),
                None => write!(f, "5gmm-cause-{cause}"),
            },
            Self::AuthenticationRejected => f.write_str("authentication-rejected"),
            Self::AuthenticationRefused(failure) => failure.fmt(f),
            Self::SecurityModeRefused(cause) => match gmm_cause_name(*cause) {
                Some(name) => write!(f, "security-mode-refused-{name}"),
                None => write!(f, "security-mode-refused-{cause}"),
            },
            Self::Connection(refusal) => refusal.fmt(f),
            Self::ConnectionReleased => f.write_str("connection-released"),
            Self::DeregisteredByNetwork => f.write_str("deregistered-by-network"),
            Self::NotRegistered => f.write_str("not-registered"),
            Self::NoGuti => f.write_str("no-5g-guti"),
            Self::ProcedureRunning => f.write_str("procedure-running"),
            Self::Barred => f.write_str("barred"),
            Self::SwitchedOff => f.write_str("switched-off"),
            Self::Gsm(cause) => match gsm_cause_name(*cause) {
                Some(name) => f.write_str(name),
                None => write!(f, "5gsm-cause-{cause}"),
            },
            Self::NotForwarded(cause) => match gmm_cause_name(*cause) {
                Some(name) => f.write_str(name),
                None => write!(f, "not-forwarded-{cause}"),
            },
            Self::NoSession => f.write_str("no-such-session"),
            Self::SessionExists => f.write_str("session-exists"),
            Self::Collision => f.write_str("collision"),
            Self::NotOfUe => f.write_str("not-of-ue"),
            Self::NotEncodable => f.write_str("not-encodable"),
        }
    }
}

impl fmt::Display for AuthenticationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MacFailure => "mac-failure-from-network",
            Self::SynchFailure => "synch-failure-from-network",
            Self::NonFiveGAuthenticationUnacceptable => "non-5g-authentication-from-network",
            Self::NgKsiAlreadyInUse => "ngksi-already-in-use",
        })
    }
}

impl fmt::Display for ConnectionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CellAtCapacity => "cell-at-capacity",
            Self::NgInterfaceDown => "ng-interface-down",
            Self::RadioLinkFailure => "radio-link-failure",
            Self::AssociationLost => "association-lost",
            Self::NgReset => "ng-reset-by-amf",
            Self::BarredByOverload => "barred-by-overload",
        })
    }
}
