//! A charging function (TS 32.255, TS 32.290 in spirit): a charging session for each PDU session, opened, updated and
//! closed; rated by a tariff; and its records, with faults on purpose.

mod faults;
mod record_queue;
mod session;
mod tariff;

use std::collections::BTreeMap;

use billing::{ChargingId, ChargingRecord, Closing, Currency, Money, Octets, Tariff};
use identity::{Dnn, Imsi, Plmn, SessionId};
use scenarios::ChargingFaults;

use crate::upf::Volumes;
use faults::Faults;
use record_queue::RecordQueue;
use session::Session;

pub use faults::{Fault, InjectedFault};

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
    pub session: SessionId,
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
    /// The UE is at another gNB of the same network: what was used so far is noted, and no part ends.
    Handover,
    /// Another network serves: a part ends.
    Plmn(Plmn),
    /// What was granted has been used up: a part ends, and more may be granted.
    Quota,
    /// The time of day has come at which another rate holds: a part ends.
    Tariff,
}

/// What a charging function did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargingSummary {
    /// Charging sessions that were opened.
    pub opened: u64,
    /// Charging sessions that are open.
    pub open: usize,
    /// Records that were written.
    pub records: u64,
    /// Records that are held back.
    pub held: usize,
    /// What the written records charge together.
    pub amount: Money,
    /// In this currency.
    pub currency: Currency,
    /// What was done wrong on purpose, by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Parts of sessions that the tariff has no price for, or whose price does not fit; they are charged nothing.
    pub unrated: u64,
    /// Updates of sessions that were not open.
    pub unknown: u64,
}

/// A charging function. All [`Volumes`] that it is told are totals since the session began. The same calls with the
/// same seed give the same records.
///
/// ```text
/// open ──► update … update ──► close ──► record queue (order, time, faults) ──► take_records
///             │ PLMN, quota, tariff: a record                ▲
///             └──────────────────────────────────────────────┘
/// ```
pub struct Chf {
    settings: ChfSettings,
    sessions: BTreeMap<ChargingId, Session>,
    last: u32,
    faults: Faults,
    records: RecordQueue,
    /// The minute of the day at which the rates were last looked at.
    minute: Option<u64>,
    opened: u64,
    unrated: u64,
    unknown: u64,
}

impl Chf {
    /// Without sessions.
    pub fn new(settings: ChfSettings) -> Self {
        Self {
            sessions: BTreeMap::new(),
            last: 0,
            faults: Faults::new(settings.faults, settings.seed),
            records: RecordQueue::default(),
            minute: None,
            opened: 0,
            unrated: 0,
            unknown: 0,
            settings,
        }
    }

    /// What is to be granted to a session at its beginning and after each [`Change::Quota`]; `None` when charging is
    /// offline.
    pub fn quota(&self) -> Option<Octets> {
        self.settings.quota
    }

    /// A session begins.
    pub fn open(&mut self, wall_us: u64, charged: Charged) -> ChargingId {
        let id = self.reserve();
        self.begin(wall_us, id, charged);
        id
    }

    /// An identifier for a session that may begin; nothing is charged for one that does not.
    pub fn reserve(&mut self) -> ChargingId {
        // TS 32.255 §6.1.1: unique while it is in use. The upper half is for sessions that nobody had.
        self.last = self.last % (ORPHANS - 1) + 1;
        ChargingId(self.last)
    }

    /// A session begins under an identifier from [`Chf::reserve`].
    pub fn begin(&mut self, wall_us: u64, id: ChargingId, charged: Charged) {
        self.opened += 1;
        let fault = self.faults.of(id);
        self.sessions.insert(id, Session::new(wall_us, id, charged, fault));
    }

    /// Something has changed in a session.
    pub fn update(&mut self, wall_us: u64, id: ChargingId, totals: Volumes, change: Change) {
        let Some(session) = self.sessions.get_mut(&id) else {
            self.unknown += 1;
            return;
        };
        session.note(totals);
        let (closing, serving) = match change {
            Change::Handover => return,
            Change::Plmn(serving) if serving == session.serving() => return,
            Change::Plmn(serving) => (Closing::PlmnChange, Some(serving)),
            Change::Quota => (Closing::Quota, None),
            Change::Tariff if !session.rate_changes(&self.settings.tariff, wall_us) => return,
            Change::Tariff => (Closing::TariffChange, None),
        };
        let used = session.end_part(wall_us, closing);
        let record = session.rate(&used, &self.settings.tariff, &mut self.unrated);
        if let Some(serving) = serving {
            session.moves_to(serving);
        }
        session.keep(record, &mut self.records);
    }

    /// A session ends.
    pub fn close(&mut self, wall_us: u64, id: ChargingId, totals: Volumes, closing: Closing) {
        let Some(mut session) = self.sessions.remove(&id) else {
            self.unknown += 1;
            return;
        };
        session.note(totals);
        let used = session.end_part(wall_us, closing);
        let Self { faults, records, settings, unrated, .. } = self;
        faults.last_part(session, used, &settings.tariff, unrated, records);
    }

    /// Closes what is open as it was last noted, and lets out what was held back.
    pub fn finish(&mut self, wall_us: u64) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            let noted = self.sessions[&id].noted();
            self.close(wall_us, id, noted, Closing::StillOpen);
        }
        self.records.let_out();
    }

    /// The same for some subscribers alone.
    pub fn finish_of(&mut self, wall_us: u64, are: impl Fn(Imsi) -> bool) {
        let theirs = self.sessions.iter().filter(|(_, session)| are(session.charged().supi));
        for id in theirs.map(|(id, _)| *id).collect::<Vec<_>>() {
            let noted = self.sessions[&id].noted();
            self.close(wall_us, id, noted, Closing::StillOpen);
        }
        self.records.let_out_of(wall_us, are);
    }

    /// Whether a session of such a subscriber is open, or a record held back.
    pub fn owes_records_of(&self, are: impl Fn(Imsi) -> bool) -> bool {
        self.sessions.values().any(|session| are(session.charged().supi)) || self.records.holds(are)
    }

    /// Whether a session is open, or a record held back.
    pub fn owes_records(&self) -> bool {
        !self.sessions.is_empty() || self.records.held() > 0
    }

    /// The records that are to be written by now, in their order.
    pub fn take_records(&mut self, wall_us: u64) -> impl Iterator<Item = ChargingRecord> + '_ {
        self.records.take(wall_us)
    }

    /// The sessions that are open.
    pub fn open_sessions(&self) -> Vec<(ChargingId, Imsi, SessionId)> {
        let open = self.sessions.iter();
        open.map(|(id, session)| (*id, session.charged().supi, session.charged().session)).collect()
    }

    /// Whether another rate may hold from now on: once for each time of day at which one begins or ends. Every open
    /// session is then to be updated with [`Change::Tariff`].
    pub fn tariff_changes(&mut self, wall_us: u64) -> bool {
        let minute = wall_us / 60_000_000;
        let before = self.minute.replace(minute);
        before
            .is_some_and(|before| before != minute && tariff::changes(&self.settings.tariff, before, minute))
    }

    /// What was done wrong on purpose, in the order in which it was done.
    pub fn faults_injected(&self) -> &[InjectedFault] {
        self.faults.injected()
    }

    /// What it did so far.
    pub fn summary(&self) -> ChargingSummary {
        ChargingSummary {
            opened: self.opened,
            open: self.sessions.len(),
            records: self.records.written(),
            held: self.records.held(),
            amount: self.records.amount(),
            currency: self.settings.tariff.currency,
            faults: self.faults.by_kind(),
            unrated: self.unrated,
            unknown: self.unknown,
        }
    }
}

/// Charging identifiers from here on are of sessions that nobody had.
const ORPHANS: u32 = 1 << 31;
