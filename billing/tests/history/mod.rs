//! Random histories of roaming subscribers: what they used, what was charged, and what was done wrong on purpose.

use std::collections::BTreeMap;

use billing::{Cause, ChargingId, ChargingRecord, Closing, Meter, Money, Octets, Part, Tariff, UsageRecord};
use identity::{Dnn, Imsi, Plmn, SessionId};
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

/// Two ledgers and what is wrong with them: by subscriber, session number and the charged or used beginning.
pub struct History {
    pub usage: Vec<UsageRecord>,
    pub charging: Vec<ChargingRecord>,
    pub planted: BTreeMap<(Imsi, u8, u64), Cause>,
}

/// What can be done wrong to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Lost,
    LostPart,
    Duplicated,
    Late,
    Reordered,
    WrongVolume,
    WrongRate,
    WrongPlmn,
    WrongDuration,
    Orphan,
    /// Nothing is wrong with these.
    Partial,
    Redelivered,
}

pub fn tariff() -> Tariff {
    let yaml = "name: eu\ncurrency: EUR\nrates:\n\
        - {name: home, scope: home, per: 10kB, price: 0.0007, free: 3}\n\
        - {name: voice, dnn: voice, per: 1s, price: 0.0001, rounding: nearest}\n\
        - {name: day, dnn: internet, per: 1kB, price: 0.0021, hours: 08:00-20:00}\n\
        - {name: night, dnn: internet, per: 1kB, price: 0.0013, rounding: down}\n";
    Tariff::from_yaml(yaml, "tariff.yaml").unwrap()
}

impl History {
    /// Of so many subscribers. A part `faulty` of the sessions has a fault.
    pub fn random(seed: u64, subscribers: u64, faulty: f64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut history = Self { usage: Vec::new(), charging: Vec::new(), planted: BTreeMap::new() };
        let first: Imsi = "001010000000000".parse().unwrap();
        let tariff = tariff();
        let mut next_id = 1;
        for n in 0..subscribers {
            for session in 1..=rng.random_range(1..=2) {
                let mut at_us = 1_795_555_800_000_000 + rng.random_range(0..3_600_000_000);
                for _ in 0..rng.random_range(0..4) {
                    let one = One::random(&mut rng, &tariff, first.plus(n).unwrap(), session, at_us, next_id);
                    next_id += 1;
                    at_us = one.ends_us + rng.random_range(60_000_000..600_000_000);
                    let fault = rng.random_bool(faulty).then(|| *FAULTS.choose(&mut rng).unwrap());
                    one.into(&mut history, &mut rng, &tariff, fault, &mut next_id);
                }
            }
        }
        history
    }

    pub fn shuffle(&mut self, seed: u64) {
        let mut rng = SmallRng::seed_from_u64(seed);
        self.usage.shuffle(&mut rng);
        self.charging.shuffle(&mut rng);
    }
}

/// One session, in pieces of which a part of either ledger holds one or several.
struct One {
    supi: Imsi,
    session: SessionId,
    dnn: Dnn,
    id: u32,
    pieces: Vec<Piece>,
    ends_us: u64,
}

#[derive(Clone, Copy)]
struct Piece {
    serving: Plmn,
    from_us: u64,
    to_us: u64,
    uplink: u64,
    downlink: u64,
    lost: u64,
}

impl One {
    fn random(rng: &mut SmallRng, tariff: &Tariff, supi: Imsi, session: u8, opened_us: u64, id: u32) -> Self {
        let mut pieces = Vec::new();
        let mut at_us = opened_us;
        let mut plmn = 0;
        let end_us = opened_us + rng.random_range(1..4_000_000_000u64);
        while at_us < end_us {
            let mut to_us = end_us.min(at_us + rng.random_range(1..2_000_000_000u64));
            to_us = tariff.next_change_us(at_us).map_or(to_us, |change_us| to_us.min(change_us));
            let downlink = rng.random_range(0..3) * rng.random_range(0..1_000_000u64);
            pieces.push(Piece {
                serving: PLMNS[plmn % PLMNS.len()].parse().unwrap(),
                from_us: at_us,
                to_us,
                uplink: rng.random_range(0..3) * rng.random_range(0..100_000u64),
                downlink,
                // No more goes missing than comes.
                lost: (u64::from(rng.random_bool(0.2)) * rng.random_range(1..5u64)).min(downlink / 1_500),
            });
            at_us = to_us;
            plmn += usize::from(rng.random_bool(0.3));
        }
        let dnn = ["internet", "voice"].choose(rng).unwrap().parse().unwrap();
        Self { supi, session: SessionId::new(session).unwrap(), dnn, id, pieces, ends_us: end_us }
    }

    /// The pieces of each part: they are cut where the network changes, and elsewhere by chance.
    fn parts(&self, rng: &mut SmallRng, cut: impl Fn(&Piece) -> bool) -> Vec<Vec<Piece>> {
        let mut parts: Vec<Vec<Piece>> = Vec::new();
        for piece in &self.pieces {
            match parts.last_mut() {
                Some(part) if part[0].serving == piece.serving && !cut(piece) && rng.random_bool(0.5) => {
                    part.push(*piece);
                }
                _ => parts.push(vec![*piece]),
            }
        }
        parts
    }

    fn usage(&self, rng: &mut SmallRng) -> Vec<UsageRecord> {
        let parts = self.parts(rng, |_| false);
        let count = parts.len();
        let record = |(n, part): (usize, Vec<Piece>)| UsageRecord {
            charging_id: Some(ChargingId(self.id)),
            supi: self.supi,
            session: self.session,
            serving: part[0].serving,
            dnn: self.dnn.clone(),
            sequence: n as u32,
            opened_us: self.pieces[0].from_us,
            from_us: part[0].from_us,
            to_us: part.last().unwrap().to_us,
            uplink: Octets(part.iter().map(|piece| piece.uplink).sum()),
            downlink: Octets(part.iter().map(|piece| piece.downlink).sum()),
            downlink_lost: part.iter().map(|piece| piece.lost).sum(),
            closing: if n + 1 == count { Closing::Released } else { Closing::Handover },
        };
        parts.into_iter().enumerate().map(record).collect()
    }

    /// As a charging function without faults writes it, its clock some seconds off, what was lost charged, too.
    fn charging(&self, rng: &mut SmallRng, tariff: &Tariff, skew_us: u64) -> Vec<ChargingRecord> {
        let changes = |piece: &Piece| tariff.next_change_us(piece.from_us - 1) == Some(piece.from_us);
        let parts = self.parts(rng, changes);
        let count = parts.len();
        let mut records: Vec<ChargingRecord> = Vec::new();
        for (n, part) in parts.into_iter().enumerate() {
            let to_us = part.last().unwrap().to_us + skew_us;
            let lost: u64 = part.iter().map(|piece| piece.lost * rng.random_range(40..1500)).sum();
            records.push(ChargingRecord {
                charging_id: Some(ChargingId(self.id)),
                supi: self.supi,
                session: self.session,
                serving: part[0].serving,
                dnn: self.dnn.clone(),
                sequence: n as u32,
                opened_us: self.pieces[0].from_us + skew_us,
                from_us: part[0].from_us + skew_us,
                to_us,
                recorded_us: to_us + rng.random_range(0..1_000),
                uplink: Octets(part.iter().map(|piece| piece.uplink).sum()),
                downlink: Octets(part.iter().map(|piece| piece.downlink).sum::<u64>() + lost),
                uplink_lost: 0,
                rate: String::new(),
                amount: Money::ZERO,
                currency: tariff.currency,
                closing: if n + 1 == count { Closing::Released } else { Closing::Quota },
            });
        }
        records
    }

    fn into(
        self,
        history: &mut History,
        rng: &mut SmallRng,
        tariff: &Tariff,
        fault: Option<Fault>,
        next_id: &mut u32,
    ) {
        let mut usage = self.usage(rng);
        let skew_us = rng.random_range(0..2_000_000);
        let mut charging = self.charging(rng, tariff, skew_us);
        let last = charging.len() - 1;
        let key = (self.supi, self.session.value(), self.pieces[0].from_us);
        let planted = |history: &mut History, cause| assert_eq!(history.planted.insert(key, cause), None);
        // First what is wrong before it is rated, then what is wrong after.
        match fault {
            Some(Fault::WrongVolume) => {
                let lost: u64 = usage.iter().map(|part| part.downlink_lost).sum();
                charging[0].downlink.0 += lost * 1_500 + rng.random_range(1..1_000);
                planted(history, Cause::Volume);
            }
            Some(Fault::WrongPlmn) => {
                charging[last].serving = "999/99".parse().unwrap();
                planted(history, Cause::ServingNetwork);
            }
            Some(Fault::WrongDuration) => {
                charging[last].to_us += 11_000_000;
                charging[last].recorded_us += 11_000_000;
                planted(history, Cause::Duration);
            }
            Some(Fault::Partial) => {
                let mut rest = charging[last].clone();
                charging[last].uplink.0 /= 2;
                charging[last].downlink.0 /= 2;
                rest.uplink.0 -= charging[last].uplink.0;
                rest.downlink.0 -= charging[last].downlink.0;
                rest.recorded_us += 5_000;
                // Time cannot be charged twice: the retry's window begins where the first one's ends.
                charging[last].to_us = rest.from_us + (rest.to_us - rest.from_us) / 2;
                charging[last].recorded_us = charging[last].to_us;
                rest.from_us = charging[last].to_us;
                charging.push(rest);
            }
            _ => {}
        }
        rate(&mut charging, tariff);
        match fault {
            Some(Fault::Lost) => {
                charging.clear();
                planted(history, Cause::Missing);
            }
            Some(Fault::LostPart) if last > 0 => {
                charging.remove(rng.random_range(0..=last));
                planted(history, Cause::Missing);
            }
            Some(Fault::Duplicated) => {
                let mut copy = charging[last].clone();
                copy.recorded_us += rng.random_range(0..1_000_000);
                charging.push(copy);
                planted(history, Cause::Duplicate);
            }
            Some(Fault::Late) => {
                charging[last].recorded_us += 301_000_000;
                planted(history, Cause::Late);
            }
            Some(Fault::Reordered) if last > 0 => {
                let recorded_us = charging[0].recorded_us;
                charging[0].recorded_us = charging[last].recorded_us;
                charging[last].recorded_us = recorded_us;
                planted(history, Cause::Order);
            }
            Some(Fault::WrongRate) => {
                let other = tariff.rates.iter().find(|rate| rate.name != charging[last].rate).unwrap();
                charging[last].rate = other.name.clone();
                charging[last].amount = Money::from_micros(charging[last].amount.micros() + 7);
                planted(history, Cause::Rating);
            }
            Some(Fault::Orphan) => {
                let mut orphan = charging[0].clone();
                orphan.charging_id = Some(ChargingId(1_000_000 + *next_id));
                *next_id += 1;
                orphan.from_us += 1;
                orphan.opened_us += 1;
                orphan.to_us += 1;
                orphan.sequence = 0;
                orphan.uplink.0 += 77;
                orphan.closing = Closing::Released;
                let key = (self.supi, self.session.value(), orphan.from_us);
                assert_eq!(history.planted.insert(key, Cause::Orphan), None);
                history.charging.push(orphan);
            }
            Some(Fault::Redelivered) => usage.push(usage.choose(rng).unwrap().clone()),
            _ => {}
        }
        // Either side may not know the identifier.
        if fault != Some(Fault::Orphan) {
            if rng.random_bool(0.2) {
                usage.iter_mut().for_each(|part| part.charging_id = None);
            } else if rng.random_bool(0.2) {
                charging.iter_mut().for_each(|part| part.charging_id = None);
            }
        }
        history.usage.extend(usage);
        history.charging.extend(charging);
    }
}

fn rate(charging: &mut [ChargingRecord], tariff: &Tariff) {
    let mut meter = Meter::new();
    for record in charging {
        let part = Part {
            serving: record.serving,
            roaming: record.serving != "001/01".parse().unwrap(),
            dnn: &record.dnn,
            from_us: record.from_us,
            to_us: record.to_us,
            volume: Octets(record.uplink.0 + record.downlink.0),
        };
        let charge = meter.add(tariff, &part).unwrap();
        record.rate = tariff.rates[charge.rate].name.clone();
        record.amount = charge.amount;
    }
}

const PLMNS: [&str; 3] = ["001/01", "002/002", "003/03"];
const FAULTS: [Fault; 12] = [
    Fault::Lost,
    Fault::LostPart,
    Fault::Duplicated,
    Fault::Late,
    Fault::Reordered,
    Fault::WrongVolume,
    Fault::WrongRate,
    Fault::WrongPlmn,
    Fault::WrongDuration,
    Fault::Orphan,
    Fault::Partial,
    Fault::Redelivered,
];
