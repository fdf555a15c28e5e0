//! The two kinds of records that are held against each other.

use std::fmt;
use std::str::FromStr;

use identity::{Dnn, Imsi, PduSessionId, Plmn};
use serde::{Deserialize, Serialize};

use crate::{Currency, Money};

/// Names one charged session (TS 32.255 §6.1.1: the Charging ID, unique while it is in use).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChargingId(pub u32);

/// A volume in octets of user data (T-PDUs without their GTP-U header).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Octets(pub u64);

/// What the UE side knows it used in one session, or in one part of it: the ground truth.
///
/// A session's records are numbered from 0 without gaps; their volumes add up. A part ends when the session ends, when
/// the serving network changes, or when the UE moves to another agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// What the network called the session, when it told the UE side.
    pub charging_id: Option<ChargingId>,
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session. Numbers are used again.
    pub session: PduSessionId,
    /// The network that served this part.
    pub serving: Plmn,
    /// The data network.
    pub dnn: Dnn,
    /// The number of this part within the session, from 0.
    pub sequence: u32,
    /// When the session began, UNIX time in µs: the same in all its parts.
    pub opened_us: u64,
    /// When this part began, UNIX time in µs.
    pub from_us: u64,
    /// When this part ended, UNIX time in µs.
    pub to_us: u64,
    /// Sent by the UE.
    pub uplink: Octets,
    /// Received by the UE.
    pub downlink: Octets,
    /// Downlink T-PDUs that went missing on the way, by their sequence numbers.
    pub downlink_lost: u64,
    /// Why this part ended.
    pub closing: Closing,
}

/// What the network side charged for one session, or for one part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargingRecord {
    /// Names the session. A foreign ledger may lack it.
    pub charging_id: Option<ChargingId>,
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: PduSessionId,
    /// The network that served this part.
    pub serving: Plmn,
    /// The data network.
    pub dnn: Dnn,
    /// The number of this part within the session, from 0.
    pub sequence: u32,
    /// When the session was opened, UNIX time in µs.
    pub opened_us: u64,
    /// When this part began, UNIX time in µs.
    pub from_us: u64,
    /// When this part ended, UNIX time in µs.
    pub to_us: u64,
    /// When the record was written, UNIX time in µs.
    pub recorded_us: u64,
    /// From the UE.
    pub uplink: Octets,
    /// To the UE.
    pub downlink: Octets,
    /// The rate of the tariff that was applied.
    pub rate: String,
    /// What is charged for this part.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// Why this part ended.
    pub closing: Closing,
}

/// Why a part of a session ended (after the change conditions of TS 32.255 §5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// The session was released.
    Released,
    /// The UE de-registered, or the network lost it.
    Deregistered,
    /// The UE was handed over to another gNB.
    Handover,
    /// The serving network changed.
    PlmnChange,
    /// The granted quota was used up.
    Quota,
    /// The tariff changes at this time of day.
    TariffChange,
    /// The session was open when the run ended.
    StillOpen,
}

impl Closing {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Released,
        Self::Deregistered,
        Self::Handover,
        Self::PlmnChange,
        Self::Quota,
        Self::TariffChange,
        Self::StillOpen,
    ];

    /// As it is written in a ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Deregistered => "deregistered",
            Self::Handover => "handover",
            Self::PlmnChange => "plmn-change",
            Self::Quota => "quota",
            Self::TariffChange => "tariff-change",
            Self::StillOpen => "still-open",
        }
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Closing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|closing| closing.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|closing| closing.as_str()).collect();
            format!("{text:?} is not a reason to close a record: {} are", names.join(", "))
        })
    }
}

impl fmt::Display for ChargingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
