//! What does not agree: one difference for a session, with one cause, both sides and the money.

use std::fmt;

use identity::{Dnn, Imsi, Plmn, SessionId};
use serde::{Deserialize, Serialize};

use crate::csv::Ledger;
use crate::{ChargingName, Closing, Currency, Money, Octets};

/// The root cause of a difference. Where several hold, the first of these is given.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Used, but a record of it is missing: the whole charging record, or a part in either ledger.
    Missing,
    /// Charged, but nobody used it.
    Orphan,
    /// Charged twice.
    Duplicate,
    /// Charged for another network than the one that served.
    ServingNetwork,
    /// The octets differ by more than the rules allow.
    Volume,
    /// The lengths differ by more than the rules allow.
    Duration,
    /// The amount, the rate, the currency or the data network is not what the tariff says.
    Rating,
    /// The parts were recorded in another order than they happened, though in time after the session's end.
    Order,
    /// Recorded later than the rules allow.
    Late,
    /// The agent that knew the usage was lost: explained, and not unreconciled.
    AgentLost,
    /// Open when the run ended, and not charged yet, or not to its end: explained.
    StillOpen,
    /// A line that is, or may be, this session's could not be read: explained.
    NotRead,
    /// It agrees once a column that is damaged as a whole is put right: explained.
    ColumnDamaged,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::Orphan,
        Self::Duplicate,
        Self::ServingNetwork,
        Self::Volume,
        Self::Duration,
        Self::Rating,
        Self::Order,
        Self::Late,
        Self::AgentLost,
        Self::StillOpen,
        Self::NotRead,
        Self::ColumnDamaged,
    ];

    /// As it stands in summary.json and unreconciled.csv.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Orphan => "orphan",
            Self::Duplicate => "duplicate",
            Self::ServingNetwork => "serving-network",
            Self::Volume => "volume",
            Self::Duration => "duration",
            Self::Rating => "rating",
            Self::Late => "late",
            Self::Order => "order",
            Self::AgentLost => "agent-lost",
            Self::StillOpen => "still-open",
            Self::NotRead => "not-read",
            Self::ColumnDamaged => "column-damaged",
        }
    }

    /// Whether the session cannot be judged, for a reason that is known: it does not count as unreconciled.
    pub fn is_explained(self) -> bool {
        matches!(self, Self::AgentLost | Self::StillOpen | Self::NotRead | Self::ColumnDamaged)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A session whose records don't agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Difference {
    /// Why.
    pub cause: Cause,
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: SessionId,
    /// What the network called the session, by either side.
    pub charging_id: Option<ChargingName>,
    /// What was used.
    pub usage: Option<Side>,
    /// What was charged.
    pub charging: Option<Side>,
    /// What should have been charged, as far as the tariff tells.
    pub expected: Money,
    /// What was charged.
    pub charged: Money,
    /// What may have to be paid back, or asked for; never negative.
    pub at_stake: Money,
    /// In which currency.
    pub currency: Currency,
    /// The cause in words, with the figures that show it.
    pub explanation: String,
    /// The ledger in which a record would settle it; `None` where it is no record that is missing.
    pub lacks: Option<Ledger>,
}

/// One side of a session: its parts together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Side {
    /// The networks that served it, in order.
    pub serving: Vec<Plmn>,
    /// The data network.
    pub dnn: Dnn,
    /// How many records it has.
    pub records: u32,
    /// When it began, UNIX time in µs.
    pub from_us: u64,
    /// When it ended.
    pub to_us: u64,
    /// When its last record was written; charging only.
    pub recorded_us: Option<u64>,
    /// From the UE.
    pub uplink: Octets,
    /// To the UE.
    pub downlink: Octets,
    /// T-PDUs that went missing on their way to the UE; usage only.
    pub downlink_lost: u64,
    /// T-PDUs of the UE that went missing on their way; charging only.
    #[serde(default)]
    pub uplink_lost: u64,
    /// The rates that were applied, in order; charging only.
    pub rates: Vec<String>,
    /// Why it ended.
    pub closing: Closing,
}

impl Difference {
    /// By subscriber, then by time.
    pub(super) fn order(&self) -> (Imsi, u64, SessionId, Option<ChargingName>, Cause) {
        let from = |side: &Option<Side>| side.as_ref().map(|side| side.from_us);
        let from_us = from(&self.usage).or_else(|| from(&self.charging)).unwrap_or_default();
        (self.supi, from_us, self.session, self.charging_id, self.cause)
    }
}
