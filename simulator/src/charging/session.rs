//! One charging session: its parts, and what each costs.

use billing::{ChargingId, ChargingRecord, Closing, Meter, Money, Octets, Part, Tariff};
use identity::Plmn;

use super::faults::Fault;
use super::record_queue::RecordQueue;
use super::{Charged, Volumes};

pub(super) struct Session {
    id: ChargingId,
    charged: Charged,
    fault: Option<Fault>,
    opened_us: u64,
    part_from_us: u64,
    sequence: u32,
    /// The totals when the part began, and when they were last told.
    part_from: Volumes,
    noted: Volumes,
    meter: Meter,
    /// The records of a session whose records will be written in another order.
    kept: Vec<ChargingRecord>,
}

/// What was used in a part, which has no price yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) sequence: u32,
    pub(super) serving: Plmn,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    pub(super) uplink: Octets,
    pub(super) downlink: Octets,
    pub(super) uplink_lost: u64,
    pub(super) closing: Closing,
}

impl Session {
    pub(super) fn new(wall_us: u64, id: ChargingId, charged: Charged, fault: Option<Fault>) -> Self {
        Self {
            id,
            charged,
            fault,
            opened_us: wall_us,
            part_from_us: wall_us,
            sequence: 0,
            part_from: Volumes::default(),
            noted: Volumes::default(),
            meter: Meter::new(),
            kept: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> ChargingId {
        self.id
    }

    pub(super) fn charged(&self) -> &Charged {
        &self.charged
    }

    pub(super) fn serving(&self) -> Plmn {
        self.charged.serving
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    pub(super) fn opened_us(&self) -> u64 {
        self.opened_us
    }

    pub(super) fn noted(&self) -> Volumes {
        self.noted
    }

    /// These are the totals now: volumes only grow, and what was missing may come after all.
    pub(super) fn note(&mut self, totals: Volumes) {
        self.noted.uplink = self.noted.uplink.max(totals.uplink);
        self.noted.downlink = self.noted.downlink.max(totals.downlink);
        self.noted.uplink_lost = totals.uplink_lost;
    }

    pub(super) fn moves_to(&mut self, serving: Plmn) {
        self.charged.serving = serving;
    }

    /// The present part ends, and the next one begins.
    pub(super) fn end_part(&mut self, wall_us: u64, closing: Closing) -> Used {
        let to_us = wall_us.max(self.part_from_us);
        let used = Used {
            sequence: self.sequence,
            serving: self.charged.serving,
            from_us: self.part_from_us,
            to_us,
            uplink: Octets(self.noted.uplink.0 - self.part_from.uplink.0),
            downlink: Octets(self.noted.downlink.0 - self.part_from.downlink.0),
            uplink_lost: self.noted.uplink_lost.saturating_sub(self.part_from.uplink_lost),
            closing,
        };
        self.sequence += 1;
        self.part_from = self.noted;
        self.part_from_us = to_us;
        used
    }

    /// Whether another rate than at the beginning of the part holds at this time.
    pub(super) fn rate_changes(&self, tariff: &Tariff, wall_us: u64) -> bool {
        let Charged { serving, home, dnn, .. } = &self.charged;
        let at = |us| tariff.rate_for(*serving, *home, dnn, us).map(|(number, _)| number);
        at(self.part_from_us) != at(wall_us)
    }

    /// What a part costs, after those that were rated before it.
    pub(super) fn rate(&mut self, used: &Used, tariff: &Tariff, unrated: &mut u64) -> ChargingRecord {
        let charge = self.meter.add(tariff, &part(&self.charged, used));
        if charge.is_err() {
            *unrated += 1;
        }
        let charge = charge.ok().map(|charge| (charge.rate, charge.amount));
        self.record(used, tariff, charge)
    }

    /// What a part costs at a rate that does not hold for it.
    pub(super) fn rate_at(
        &mut self,
        rate: usize,
        used: &Used,
        tariff: &Tariff,
        unrated: &mut u64,
    ) -> ChargingRecord {
        let charge = self.meter.add_at(tariff, rate, &part(&self.charged, used));
        if charge.is_err() {
            *unrated += 1;
        }
        self.record(used, tariff, charge.ok().map(|charge| (rate, charge.amount)))
    }

    /// What a part would cost by right.
    pub(super) fn right_amount(&self, used: &Used, tariff: &Tariff) -> Money {
        let charge = self.meter.clone().add(tariff, &part(&self.charged, used));
        charge.map_or(Money::ZERO, |charge| charge.amount)
    }

    /// A record that is not the session's last.
    pub(super) fn keep(&mut self, mut record: ChargingRecord, queue: &mut RecordQueue) {
        match self.fault {
            Some(Fault::Lost) => {}
            Some(Fault::Reordered) => self.kept.push(record),
            Some(Fault::WrongPlmn) => {
                record.serving = self.another_network(record.serving);
                queue.push(record);
            }
            _ => queue.push(record),
        }
    }

    /// The records that were kept, in their order.
    pub(super) fn kept(&mut self) -> Vec<ChargingRecord> {
        std::mem::take(&mut self.kept)
    }

    /// A network that does not serve: the home network of one who roams, else one that nobody has.
    pub(super) fn another_network(&self, serving: Plmn) -> Plmn {
        let nobodys = || "999/99".parse().unwrap_or(serving);
        if serving == self.charged.home { nobodys() } else { self.charged.home }
    }

    fn record(&self, used: &Used, tariff: &Tariff, charge: Option<(usize, Money)>) -> ChargingRecord {
        let rate = charge.and_then(|(number, _)| tariff.rates.get(number));
        ChargingRecord {
            charging_id: Some(self.id),
            supi: self.charged.supi,
            session: self.charged.session,
            serving: used.serving,
            dnn: self.charged.dnn.clone(),
            sequence: used.sequence,
            opened_us: self.opened_us,
            from_us: used.from_us,
            to_us: used.to_us,
            recorded_us: used.to_us,
            uplink: used.uplink,
            downlink: used.downlink,
            uplink_lost: used.uplink_lost,
            rate: rate.map(|rate| rate.name.clone()).unwrap_or_default(),
            amount: charge.map_or(Money::ZERO, |(_, amount)| amount),
            currency: tariff.currency,
            closing: used.closing,
        }
    }
}

impl Used {
    /// Cut in two halves, of which the second has the next number.
    pub(super) fn halves(self) -> (Self, Self) {
        let middle_us = self.from_us + (self.to_us - self.from_us) / 2;
        let (uplink, downlink) = (Octets(self.uplink.0 / 2), Octets(self.downlink.0 / 2));
        let uplink_lost = self.uplink_lost / 2;
        let first = Self { to_us: middle_us, uplink, downlink, uplink_lost, closing: Closing::Quota, ..self };
        let second = Self {
            sequence: self.sequence + 1,
            from_us: middle_us,
            uplink: Octets(self.uplink.0 - uplink.0),
            downlink: Octets(self.downlink.0 - downlink.0),
            uplink_lost: self.uplink_lost - uplink_lost,
            ..self
        };
        (first, second)
    }
}

fn part<'a>(charged: &'a Charged, used: &Used) -> Part<'a> {
    Part {
        serving: used.serving,
        roaming: used.serving != charged.home,
        dnn: &charged.dnn,
        from_us: used.from_us,
        to_us: used.to_us,
        volume: Octets(used.uplink.0.saturating_add(used.downlink.0)),
    }
}
