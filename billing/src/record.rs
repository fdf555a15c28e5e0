//! The two kinds of records that are held against each other.

use std::fmt;
use std::str::FromStr;

use identity::{Dnn, Imsi, Plmn, SessionId};
use serde::{Deserialize, Serialize};

use crate::{Currency, Money};

/// Names one charged session (TS 32.255 §6.1.1: the Charging ID, unique while it is in use).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChargingId(pub u32);

/// A volume in octets of user data (T-PDUs without their GTP-U header).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
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
    pub session: SessionId,
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

impl UsageRecord {
    /// How long after its end a part may be told at the latest: what was on its way then is waited for. µs.
    pub const TOLD_WITHIN_US: u64 = 6_000_000;
}

/// What the network side charged for one session, or for one part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargingRecord {
    /// Names the session. A foreign ledger may lack it.
    pub charging_id: Option<ChargingId>,
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: SessionId,
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
    /// T-PDUs from the UE that went missing on the way, by their sequence numbers. A foreign ledger may lack it.
    pub uplink_lost: u64,
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
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

/// A whole or decimal number and its unit: B, kB, MB, GB, TB (powers of 1,000), KiB, MiB, GiB, TiB (powers of 1,024); a
/// number alone counts octets.
impl FromStr for Octets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "{text:?} is not a volume: a number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 100kB or 1MiB"
            )
        };
        let text = text.trim();
        let ends = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(ends);
        let unit = match unit.trim_start() {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size).ok_or_else(error)?,
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || part.contains('.') || part.len() > 18 {
            return Err(error());
        }
        // In whole numbers, so that 0.1GB is exact; what is not a whole octet is refused.
        let power = 10u128.pow(u32::try_from(part.len()).map_err(|_| error())?);
        let all: u128 = format!("{whole}{part}").parse().map_err(|_| error())?;
        let octets = all.checked_mul(u128::from(unit)).filter(|scaled| scaled.is_multiple_of(power));
        let octets = octets.and_then(|scaled| u64::try_from(scaled / power).ok()).ok_or_else(error)?;
        Ok(Self(octets))
    }
}

impl Octets {
    /// With the largest unit in which it is a whole number.
    pub fn with_unit(self) -> String {
        let fitting = UNITS.iter().filter(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        let (name, size) = fitting.max_by_key(|(_, size)| *size).unwrap_or(&UNITS[0]);
        format!("{}{name}", self.0 / size)
    }
}

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_and_printed_with_units() {
        for (text, octets) in [
            ("100kB", 100_000),
            ("1MB", 1_000_000),
            ("1MiB", 1 << 20),
            ("0.1GB", 100_000_000),
            ("1.5KiB", 1_536),
            ("1234", 1_234),
            ("2 GB", 2_000_000_000),
        ] {
            let volume: Octets = text.parse().unwrap();
            assert_eq!(volume.0, octets, "{text}");
            assert_eq!(volume.with_unit().parse::<Octets>().unwrap(), volume);
        }
        for text in ["", "kB", "-1kB", "1.5", "1..5kB", "1 XB", "1e3", "99999999TB", "1kb"] {
            assert!(text.parse::<Octets>().is_err(), "{text}");
        }
    }
}
