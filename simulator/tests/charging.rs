//! The charging function, driven by calls.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use billing::{ChargingId, ChargingRecord, Closing, Hours, Meter, Money, Octets, Part, Tariff};
use identity::{Plmn, SessionId};
use proptest::prelude::*;
use scenarios::ChargingFaults;
use simulator::{Change, Charged, Chf, ChfSettings, Fault, InjectedFault, Volumes};

const NOON: u64 = 1_750_000_000_000_000 / 86_400_000_000 * 86_400_000_000 + 12 * 3_600_000_000;
const SECOND: u64 = 1_000_000;

fn plmn(text: &str) -> Plmn {
    text.parse().unwrap()
}

fn chf(faults: ChargingFaults) -> Chf {
    Chf::new(ChfSettings { tariff: tariff(), quota: None, faults, seed: 11 })
}

/// Three prices, in the order of their use.
fn tariff() -> Tariff {
    let mut tariff = Tariff::default();
    let everything = tariff.rates[0].clone();
    tariff.rates = vec![
        billing::Rate { name: "visited".to_owned(), serving: Some(plmn("002/02")), ..everything.clone() },
        billing::Rate { name: "home".to_owned(), price: Money::from_micros(700), ..everything },
    ];
    tariff
}

fn charged(n: u64) -> Charged {
    let first: identity::Imsi = "001010000000001".parse().unwrap();
    Charged {
        supi: first.plus(n).unwrap(),
        session: SessionId::new(1).unwrap(),
        dnn: "internet".parse().unwrap(),
        serving: plmn("001/01"),
        home: plmn("001/01"),
    }
}

fn volumes(uplink: u64, downlink: u64) -> Volumes {
    Volumes { uplink: Octets(uplink), downlink: Octets(downlink), ..Volumes::default() }
}

fn all(chf: &mut Chf, wall_us: u64) -> Vec<ChargingRecord> {
    chf.finish(wall_us);
    chf.take_records(wall_us).collect()
}

#[test]
fn each_part_has_a_record_and_they_join() {
    let mut chf = chf(ChargingFaults::default());
    let id = chf.open(NOON, charged(0));
    chf.update(NOON + SECOND, id, volumes(100, 1_000), Change::Handover);
    chf.update(NOON + 2 * SECOND, id, volumes(200, 2_000), Change::Plmn(plmn("002/02")));
    // Already there.
    chf.update(NOON + 3 * SECOND, id, volumes(250, 2_500), Change::Plmn(plmn("002/02")));
    chf.update(NOON + 4 * SECOND, id, volumes(300, 3_000), Change::Quota);
    assert_eq!(chf.take_records(NOON + 4 * SECOND).count(), 2);
    chf.close(NOON + 5 * SECOND, id, volumes(300, 203_000), Closing::Released);
    let last: Vec<_> = chf.take_records(NOON + 6 * SECOND).collect();
    assert_eq!(last.len(), 1);
    let record = &last[0];
    assert_eq!((record.sequence, record.serving, record.closing), (2, plmn("002/02"), Closing::Released));
    assert_eq!((record.from_us, record.to_us), (NOON + 4 * SECOND, NOON + 5 * SECOND));
    assert_eq!((record.opened_us, record.recorded_us), (NOON, NOON + 6 * SECOND));
    assert_eq!((record.uplink, record.downlink), (Octets(0), Octets(200_000)));
    assert_eq!((record.rate.as_str(), record.amount), ("visited", Money::from_micros(2_000)));
    assert_eq!(record.charging_id, Some(id));
    assert_eq!(chf.summary().records, 3);
    assert_eq!(chf.summary().open, 0);
}

#[test]
fn what_is_open_at_the_end_is_charged_as_it_was_last_known() {
    let mut chf = chf(ChargingFaults::default());
    let id = chf.open(NOON, charged(0));
    chf.update(NOON + SECOND, id, volumes(100, 1_000), Change::Handover);
    let records = all(&mut chf, NOON + 9 * SECOND);
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].closing, records[0].uplink), (Closing::StillOpen, Octets(100)));
    assert!(chf.open_sessions().is_empty());
}

#[test]
fn what_is_not_open_changes_nothing() {
    let mut chf = chf(ChargingFaults::default());
    chf.update(NOON, ChargingId(7), volumes(1, 1), Change::Quota);
    chf.close(NOON, ChargingId(7), volumes(1, 1), Closing::Released);
    assert_eq!(all(&mut chf, NOON), []);
    assert_eq!(chf.summary().unknown, 2);
}

#[test]
fn a_part_ends_where_another_rate_begins() {
    let mut tariff = tariff();
    tariff.rates[1].hours = Some(Hours { from_min: 8 * 60, to_min: 12 * 60 + 1 });
    let night = billing::Rate { name: "night".to_owned(), hours: None, ..tariff.rates[1].clone() };
    tariff.rates.push(night);
    let settings = ChfSettings { tariff, quota: None, faults: ChargingFaults::default(), seed: 1 };
    let mut chf = Chf::new(settings);
    let id = chf.open(NOON, charged(0));
    assert!(!chf.tariff_changes(NOON));
    assert!(!chf.tariff_changes(NOON + 59 * SECOND));
    assert!(chf.tariff_changes(NOON + 60 * SECOND));
    chf.update(NOON + 60 * SECOND, id, volumes(0, 100_000), Change::Tariff);
    // Nothing changes twice.
    chf.update(NOON + 61 * SECOND, id, volumes(0, 150_000), Change::Tariff);
    chf.close(NOON + 62 * SECOND, id, volumes(0, 200_000), Closing::Released);
    let records = all(&mut chf, NOON + 63 * SECOND);
    let rates: Vec<_> = records.iter().map(|record| (record.rate.as_str(), record.closing)).collect();
    assert_eq!(rates, [("home", Closing::TariffChange), ("night", Closing::Released)]);
}

/// What a session without faults leaves behind, and what one with faults does, beside the list.
fn with_and_without(
    faults: ChargingFaults,
    sessions: u64,
) -> (Vec<ChargingRecord>, Vec<ChargingRecord>, Vec<InjectedFault>) {
    let run = |faults| {
        let mut chf = chf(faults);
        let mut records = Vec::new();
        for n in 0..sessions {
            let at = NOON + n * 10 * SECOND;
            let id = chf.open(at, charged(n));
            if n % 3 == 0 {
                chf.update(at + SECOND, id, volumes(n * 100, n * 10_000), Change::Plmn(plmn("002/02")));
            }
            if n % 2 == 0 {
                chf.update(at + 2 * SECOND, id, volumes(n * 200, n * 20_000), Change::Quota);
            }
            chf.close(at + 3 * SECOND, id, volumes(n * 300, n * 30_000), Closing::Released);
            records.extend(chf.take_records(at + 4 * SECOND));
        }
        records.extend(all(&mut chf, NOON + sessions * 10 * SECOND));
        (records, chf.faults_injected().to_vec())
    };
    let ((clean, none), (faulty, list)) = (run(ChargingFaults::default()), run(faults));
    assert_eq!(none, []);
    (clean, faulty, list)
}

/// The records of each session, in the order in which they were written.
fn by_session(records: &[ChargingRecord]) -> BTreeMap<ChargingId, Vec<&ChargingRecord>> {
    let mut sessions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in records {
        sessions.entry(record.charging_id.unwrap()).or_default().push(record);
    }
    sessions
}

/// What is wrong with a session's records, seen from what they should be.
fn found(right: &[&ChargingRecord], written: &[&ChargingRecord]) -> Option<Fault> {
    let sum = |records: &[&ChargingRecord]| {
        let octets: u64 = records.iter().map(|record| record.uplink.0 + record.downlink.0).sum();
        let amount: Money = records.iter().map(|record| record.amount).sum();
        (octets, amount)
    };
    let sequences: Vec<u32> = written.iter().map(|record| record.sequence).collect();
    let distinct: BTreeSet<u32> = sequences.iter().copied().collect();
    if written.is_empty() {
        Some(Fault::Lost)
    } else if distinct.len() < sequences.len() {
        Some(Fault::Duplicated)
    } else if written.iter().any(|record| record.recorded_us > record.to_us + 24 * 3_600 * SECOND) {
        Some(Fault::Late)
    } else if !sequences.is_sorted() || !written.is_sorted_by_key(|record| record.recorded_us) {
        Some(Fault::Reordered)
    } else if sum(right).0 != sum(written).0 {
        Some(Fault::WrongVolume)
    } else if right.iter().zip(written).any(|(right, written)| right.serving != written.serving) {
        Some(Fault::WrongPlmn)
    } else if sum(right).1 != sum(written).1 {
        Some(Fault::WrongTariff)
    } else if right.len() != written.len() {
        Some(Fault::Partial)
    } else {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the order of updates, the amounts of a session add up to what its totals cost.
    #[test]
    fn amounts_add_up_to_the_price_of_the_totals(
        steps in prop::collection::vec((0u64..300_000, 0u64..2_000_000, 0u8..4), 0..30),
        partial in any::<bool>(),
    ) {
        let partial = if partial { 1.0 } else { 0.0 };
        let mut chf = chf(ChargingFaults { partial, ..ChargingFaults::default() });
        let id = chf.open(NOON, charged(1));
        let (mut up, mut down, mut at) = (0, 0, NOON);
        let mut serving = plmn("001/01");
        let mut octets: BTreeMap<Plmn, u64> = BTreeMap::new();
        for (uplink, downlink, change) in steps {
            (up, down, at) = (up + uplink, down + downlink, at + SECOND);
            *octets.entry(serving).or_default() += uplink + downlink;
            let change = match change {
                0 => Change::Handover,
                1 => Change::Quota,
                2 => Change::Tariff,
                _ => {
                    serving = plmn(if serving == plmn("001/01") { "002/02" } else { "001/01" });
                    Change::Plmn(serving)
                }
            };
            chf.update(at, id, volumes(up, down), change);
        }
        chf.close(at + SECOND, id, volumes(up, down), Closing::Released);
        let records = all(&mut chf, at + SECOND);
        let sum: Money = records.iter().map(|record| record.amount).sum();
        let price = octets.iter().map(|(serving, octets)| {
            let home = plmn("001/01");
            let dnn = "internet".parse().unwrap();
            let (roaming, volume) = (*serving != home, Octets(*octets));
            let part = Part { serving: *serving, roaming, dnn: &dnn, from_us: NOON, to_us: at, volume };
            Meter::new().add(&tariff(), &part).unwrap().amount
        });
        prop_assert_eq!(sum, price.sum::<Money>());
        // And the parts join, without gaps, in time and in number.
        prop_assert_eq!(records[0].from_us, NOON);
        for (number, pair) in records.windows(2).enumerate() {
            prop_assert_eq!(pair[0].to_us, pair[1].from_us);
            prop_assert_eq!(usize::try_from(pair[0].sequence).unwrap(), number);
            prop_assert!(pair[0].recorded_us < pair[1].recorded_us);
        }
        let total: u64 = records.iter().map(|record| record.uplink.0 + record.downlink.0).sum();
        prop_assert_eq!(total, up + down);
    }

    /// What is wrong with the ledger is what the list says, and nothing else.
    #[test]
    fn faults_found_are_faults_listed(rates in prop::collection::vec(0.0f64..0.12, 9), sessions in 1u64..80) {
        let faults = ChargingFaults {
            lost: rates[0],
            duplicated: rates[1],
            late: rates[2],
            reordered: rates[3],
            wrong_volume: rates[4],
            wrong_tariff: rates[5],
            wrong_plmn: rates[6],
            orphan: rates[7],
            partial: rates[8],
        };
        let (clean, faulty, list) = with_and_without(faults, sessions);
        let (right, written) = (by_session(&clean), by_session(&faulty));
        let mut wrong = BTreeSet::new();
        for (id, right) in &right {
            let nothing = Vec::new();
            if let Some(fault) = found(right, written.get(id).unwrap_or(&nothing)) {
                wrong.insert((*id, fault));
            }
        }
        wrong.extend(written.keys().filter(|id| !right.contains_key(id)).map(|id| (*id, Fault::Orphan)));
        let listed: BTreeSet<_> = list.iter().map(|fault| (fault.charging_id, fault.kind)).collect();
        prop_assert_eq!(wrong, listed);
        let suffering: BTreeSet<_> = list.iter().map(|fault| fault.charging_id).collect();
        prop_assert_eq!(suffering.len(), list.len(), "a session suffers one fault");
    }
}

#[test]
fn a_sure_fault_strikes_every_session() {
    let sure = |set: fn(&mut ChargingFaults)| {
        let mut faults = ChargingFaults::default();
        set(&mut faults);
        let (_, _, list) = with_and_without(faults, 30);
        list.iter().map(|fault| fault.kind).collect::<Vec<_>>()
    };
    assert_eq!(sure(|faults| faults.lost = 1.0), [Fault::Lost; 30]);
    assert_eq!(sure(|faults| faults.orphan = 1.0), [Fault::Orphan; 30]);
    assert_eq!(sure(|faults| faults.reordered = 1.0), [Fault::Reordered; 30]);
    assert_eq!(sure(|faults| faults.partial = 1.0), [Fault::Partial; 30]);
}

#[test]
fn the_same_seed_strikes_the_same_sessions() {
    let faults = ChargingFaults { lost: 0.2, late: 0.1, orphan: 0.1, ..ChargingFaults::default() };
    let (_, first, list) = with_and_without(faults, 50);
    let (_, second, again) = with_and_without(faults, 50);
    assert_eq!((first, list), (second, again));
}

#[test]
fn each_fault_strikes_at_its_rate() {
    let faults =
        ChargingFaults { lost: 0.1, late: 0.2, wrong_plmn: 0.05, orphan: 0.1, ..ChargingFaults::default() };
    let (_, _, list) = with_and_without(faults, 4_000);
    for (kind, expected) in [
        (Fault::Lost, 400),
        (Fault::Late, 800),
        (Fault::WrongPlmn, 200),
        (Fault::Orphan, 400),
        (Fault::Partial, 0),
    ] {
        let struck = list.iter().filter(|fault| fault.kind == kind).count();
        assert!(struck.abs_diff(expected) <= expected / 4, "{kind}: {struck} of about {expected}");
    }
}
