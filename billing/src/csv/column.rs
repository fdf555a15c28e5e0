//! The columns of the two ledgers: the fields of the record types, in their order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One column of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Names the session; may be empty.
    ChargingId,
    /// The subscriber's IMSI.
    Supi,
    /// The PDU session identity, 1 to 15.
    Session,
    /// The serving network.
    Serving,
    /// The data network.
    Dnn,
    /// The number of the part in its session.
    Sequence,
    /// When the session began.
    OpenedUs,
    /// When the part began.
    FromUs,
    /// When the part ended.
    ToUs,
    /// When the record was written.
    RecordedUs,
    /// Octets from the UE.
    Uplink,
    /// Octets to the UE.
    Downlink,
    /// T-PDUs that went missing on their way to the UE.
    DownlinkLost,
    /// T-PDUs that went missing on their way from the UE; may be left out.
    UplinkLost,
    /// The rate that was applied.
    Rate,
    /// What was charged.
    Amount,
    /// In which currency.
    Currency,
    /// Why the part ended.
    Closing,
}

/// Which of the two ledgers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Ledger {
    /// Of [`crate::UsageRecord`]s.
    Usage,
    /// Of [`crate::ChargingRecord`]s.
    Charging,
}

impl Column {
    /// How many there are.
    pub(crate) const COUNT: usize = 18;

    /// As it stands in the header of our own ledgers: with its unit.
    pub fn header(self) -> &'static str {
        match self {
            Self::Uplink => "uplink_octets",
            Self::Downlink => "downlink_octets",
            Self::DownlinkLost => "downlink_lost_packets",
            Self::UplinkLost => "uplink_lost_packets",
            other => other.as_str(),
        }
    }

    /// As mappings and messages call it, and as it stood in the header before units did.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChargingId => "charging_id",
            Self::Supi => "supi",
            Self::Session => "session",
            Self::Serving => "serving",
            Self::Dnn => "dnn",
            Self::Sequence => "sequence",
            Self::OpenedUs => "opened_us",
            Self::FromUs => "from_us",
            Self::ToUs => "to_us",
            Self::RecordedUs => "recorded_us",
            Self::Uplink => "uplink",
            Self::Downlink => "downlink",
            Self::DownlinkLost => "downlink_lost",
            Self::UplinkLost => "uplink_lost",
            Self::Rate => "rate",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Closing => "closing",
        }
    }

    /// Whether a ledger in our own form may lack it: those of before it was there do.
    pub(crate) fn may_be_absent(self) -> bool {
        self == Self::UplinkLost
    }

    pub(crate) fn number(self) -> usize {
        self as usize
    }
}

impl Ledger {
    /// Its columns, in order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Usage => &USAGE,
            Self::Charging => &CHARGING,
        }
    }

    /// The times again as people read them, ISO 8601 in UTC, behind all other columns. Nobody reads them back: a ledger without
    /// them is as good.
    pub fn readable_times(self) -> &'static [&'static str] {
        match self {
            Self::Usage => &["opened", "from", "to"],
            Self::Charging => &["opened", "from", "to", "recorded"],
        }
    }

    /// As its file is named, without an ending.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Charging => "charging",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const USAGE: [Column; 13] = [
    Column::ChargingId,
    Column::Supi,
    Column::Session,
    Column::Serving,
    Column::Dnn,
    Column::Sequence,
    Column::OpenedUs,
    Column::FromUs,
    Column::ToUs,
    Column::Uplink,
    Column::Downlink,
    Column::DownlinkLost,
    Column::Closing,
];

const CHARGING: [Column; 17] = [
    Column::ChargingId,
    Column::Supi,
    Column::Session,
    Column::Serving,
    Column::Dnn,
    Column::Sequence,
    Column::OpenedUs,
    Column::FromUs,
    Column::ToUs,
    Column::RecordedUs,
    Column::Uplink,
    Column::Downlink,
    Column::UplinkLost,
    Column::Rate,
    Column::Amount,
    Column::Currency,
    Column::Closing,
];
