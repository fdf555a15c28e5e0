//! What is done wrong on purpose, and a list of it.

use std::collections::BTreeMap;
use std::fmt;

use billing::{ChargingId, ChargingRecord, Money, Octets, Tariff};
use identity::{Imsi, SessionId};
use scenarios::{ChargingFaults, stream_seed};

use super::record_queue::RecordQueue;
use super::session::{Session, Used};
use super::{Charged, ORPHANS};

/// What is done wrong with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// None of its records is written.
    Lost,
    /// Its last record is written twice.
    Duplicated,
    /// Its last record is written two days later.
    Late,
    /// Its records are written in the opposite order; a single one is cut in two for that.
    Reordered,
    /// The volume of its last record is too large, and so is the amount.
    WrongVolume,
    /// Its last record is rated at another rate of the tariff, or at a wrong price where the tariff has one rate.
    WrongTariff,
    /// Its records name a network that did not serve it.
    WrongPlmn,
    /// A session that nobody had.
    Orphan,
    /// Its last record is written in two parts, the second by a retry. Their sum is right.
    Partial,
}

/// Something that was done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InjectedFault {
    /// What.
    pub kind: Fault,
    /// In the records of this session; for an orphan, the one it pretends to have.
    pub charging_id: ChargingId,
    /// Of this subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: SessionId,
}

/// Draws faults, and commits them.
pub(super) struct Faults {
    rates: ChargingFaults,
    seed: u64,
    injected: Vec<InjectedFault>,
}

impl Fault {
    /// As the scenario and the list of faults name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Late => "late",
            Self::Reordered => "reordered",
            Self::WrongVolume => "wrong-volume",
            Self::WrongTariff => "wrong-tariff",
            Self::WrongPlmn => "wrong-plmn",
            Self::Orphan => "orphan",
            Self::Partial => "partial",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Faults {
    pub(super) fn new(rates: ChargingFaults, seed: u64) -> Self {
        Self { rates, seed, injected: Vec::new() }
    }

    /// What this session suffers: nothing, or one thing.
    pub(super) fn of(&self, id: ChargingId) -> Option<Fault> {
        let rates = &self.rates;
        let mut drawn = self.draw(id, SUFFERS);
        let faults = [
            (Fault::Lost, rates.lost),
            (Fault::Duplicated, rates.duplicated),
            (Fault::Late, rates.late),
            (Fault::Reordered, rates.reordered),
            (Fault::WrongVolume, rates.wrong_volume),
            (Fault::WrongTariff, rates.wrong_tariff),
            (Fault::WrongPlmn, rates.wrong_plmn),
            (Fault::Partial, rates.partial),
        ];
        for (fault, rate) in faults {
            if drawn < rate {
                return Some(fault);
            }
            drawn -= rate;
        }
        None
    }

    /// The last part of a session: its record is written, and so is what the session's fault makes of it.
    pub(super) fn last_part(
        &mut self,
        mut session: Session,
        used: Used,
        tariff: &Tariff,
        unrated: &mut u64,
        queue: &mut RecordQueue,
    ) {
        self.invent(&session, &used, tariff, queue);
        let Some(fault) = session.fault() else {
            return queue.push(session.rate(&used, tariff, unrated));
        };
        match fault {
            Fault::Lost | Fault::Orphan => {}
            Fault::Duplicated => {
                let record = session.rate(&used, tariff, unrated);
                queue.push(record.clone());
                queue.push(record);
            }
            Fault::Late => {
                let record = session.rate(&used, tariff, unrated);
                queue.push_from(used.to_us + LATE_US, record);
            }
            Fault::Reordered => {
                let mut kept = session.kept();
                if kept.is_empty() {
                    let (first, second) = used.halves();
                    kept.push(session.rate(&first, tariff, unrated));
                    kept.push(session.rate(&second, tariff, unrated));
                } else {
                    kept.push(session.rate(&used, tariff, unrated));
                }
                for record in kept.into_iter().rev() {
                    queue.push(record);
                }
            }
            Fault::WrongVolume => {
                let downlink = Octets(used.downlink.0.saturating_mul(2).saturating_add(1_000_000));
                queue.push(session.rate(&Used { downlink, ..used }, tariff, unrated));
            }
            Fault::WrongTariff => queue.push(wrongly_rated(&mut session, &used, tariff, unrated)),
            Fault::WrongPlmn => {
                let mut record = session.rate(&used, tariff, unrated);
                record.serving = session.another_network(record.serving);
                queue.push(record);
            }
            Fault::Partial => {
                let (first, second) = used.halves();
                queue.push(session.rate(&first, tariff, unrated));
                queue.push_from(used.to_us + RETRY_US, session.rate(&second, tariff, unrated));
            }
        }
        let Charged { supi, session: number, .. } = *session.charged();
        let id = session.id();
        self.injected.push(InjectedFault { kind: fault, charging_id: id, supi, session: number });
    }

    pub(super) fn injected(&self) -> &[InjectedFault] {
        &self.injected
    }

    pub(super) fn by_kind(&self) -> BTreeMap<Fault, u64> {
        let mut by_kind = BTreeMap::new();
        for fault in &self.injected {
            *by_kind.entry(fault.kind).or_default() += 1;
        }
        by_kind
    }

    /// Perhaps a session that nobody had, beside this one.
    fn invent(&mut self, beside: &Session, used: &Used, tariff: &Tariff, queue: &mut RecordQueue) {
        if self.draw(beside.id(), INVENTS) >= self.rates.orphan {
            return;
        }
        let id = ChargingId(ORPHANS | beside.id().0);
        let charged = beside.charged().clone();
        let another = SessionId::new(charged.session.value() % 15 + 1).unwrap_or(charged.session);
        let charged = Charged { session: another, ..charged };
        let supi = charged.supi;
        let mut orphan = Session::new(beside.opened_us(), id, charged, None);
        let volume = stream_seed(self.seed, &[INVENTED, u64::from(id.0)]);
        let made_up = Used {
            sequence: 0,
            from_us: beside.opened_us(),
            uplink: Octets(volume % 100_000 + 1),
            downlink: Octets((volume >> 32) % 1_000_000 + 1),
            uplink_lost: 0,
            ..*used
        };
        queue.push(orphan.rate(&made_up, tariff, &mut 0));
        self.injected.push(InjectedFault { kind: Fault::Orphan, charging_id: id, supi, session: another });
    }

    /// A number from 0 to before 1.
    fn draw(&self, id: ChargingId, purpose: u64) -> f64 {
        (stream_seed(self.seed, &[purpose, u64::from(id.0)]) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Rated at the next rate of the tariff, at an amount that is surely another one.
fn wrongly_rated(session: &mut Session, used: &Used, tariff: &Tariff, unrated: &mut u64) -> ChargingRecord {
    let charged = session.charged();
    let right =
        tariff.rate_for(used.serving, charged.home, &charged.dnn, used.from_us).map(|(number, _)| number);
    let wrong = right.map_or(0, |number| (number + 1) % tariff.rates.len().max(1));
    let right_amount = session.right_amount(used, tariff);
    let mut record = if Some(wrong) == right || tariff.rates.is_empty() {
        session.rate(used, tariff, unrated)
    } else {
        session.rate_at(wrong, used, tariff, unrated)
    };
    if record.amount == right_amount {
        record.amount = Money::from_micros(record.amount.micros().saturating_mul(2).saturating_add(1_000));
    }
    record
}

/// Later than any rule allows.
const LATE_US: u64 = 48 * 3_600 * 1_000_000;
/// When the rest of a record is tried again.
const RETRY_US: u64 = 2_000_000;
/// The streams of the seed.
const SUFFERS: u64 = 1;
const INVENTS: u64 = 2;
const INVENTED: u64 = 3;
