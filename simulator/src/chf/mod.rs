//! A charging function (TS 32.255, TS 32.290 in spirit): a charging session for each PDU session, opened, updated and
//! closed; rated by a tariff; and its records, with faults on purpose.

use billing::{ChargingId, ChargingRecord, Closing, Octets, Tariff};
use identity::{Dnn, Imsi, PduSessionId, Plmn};
use scenarios::ChargingFaults;

use crate::upf::Volumes;

/// What a charging function is.
#[derive(Clone, Debug)]
pub struct ChfSettings {
    /// The prices.
    pub tariff: Tariff,
    /// Online: so much is granted at a time. `None`: offline.
    pub quota: Option<Octets>,
    /// What goes wrong.
    pub faults: ChargingFaults,
    /// Of the faults.
    pub seed: u64,
}

/// The session that is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: PduSessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The serving network.
    pub serving: Plmn,
    /// The subscriber's home network.
    pub home: Plmn,
}

/// What has changed in a session (TS 32.255 §5.2.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The UE is at another gNB of the same network.
    Handover,
    /// Another network serves: a part ends.
    Plmn(Plmn),
    /// What was granted has been used up: a part ends, and more may be granted.
    Quota,
    /// The time of day has come at which another rate holds: a part ends.
    Tariff,
}

/// A charging function. All [`Volumes`] that it is told are totals since the session began.
pub struct Chf {
    settings: ChfSettings,
    last: u32,
}

impl Chf {
    /// Without sessions.
    pub fn new(settings: ChfSettings) -> Self {
        Self { settings, last: 0 }
    }

    /// What is to be granted to a session at its beginning and after each [`Change::Quota`]; `None` when charging is
    /// offline.
    pub fn quota(&self) -> Option<Octets> {
        self.settings.quota
    }

    /// A session begins.
    pub fn open(&mut self, _wall_us: u64, _charged: Charged) -> ChargingId {
        self.last += 1;
        ChargingId(self.last)
    }

    /// Something has changed in a session.
    pub fn update(&mut self, _wall_us: u64, _id: ChargingId, _totals: Volumes, _change: Change) {}

    /// A session ends.
    pub fn close(&mut self, _wall_us: u64, _id: ChargingId, _totals: Volumes, _closing: Closing) {}

    /// Closes what is open, and lets out what was held back.
    pub fn finish(&mut self, _wall_us: u64) {}

    /// The records that are to be written by now, in their order.
    pub fn take_records(&mut self, _wall_us: u64) -> impl Iterator<Item = ChargingRecord> {
        std::iter::empty()
    }
}
