//! A whole column that is damaged in one way: found once, by what the sessions have in common, and held against nobody.
//!
//! A spreadsheet takes IMSIs for numbers, an export has the times of another zone, a mapping forgot a unit. Then every session
//! differs, and all in the same way. Some thousand sessions are looked at before any is judged; where nine of ten agree once
//! the column is put right, that is the finding, and each session is judged as if the column were right.

use std::fmt;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::compact::Compact;
use super::totals::Totals;
use crate::Money;
use crate::csv::Ledger;

/// One finding about a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Damage {
    /// Of which ledger.
    pub ledger: Ledger,
    /// Our name of the column, or of the columns.
    pub column: String,
    /// Sessions, subscribers or lines that show it.
    pub shown_by: u64,
    /// Of so many that were looked at.
    pub of: u64,
    /// What is wrong, the evidence, and what to do, in a sentence.
    pub finding: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the {} ledger: {}", self.column, self.ledger, self.finding)
    }
}

/// How the charging ledger is put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Repair {
    /// Subscribers are the same when their numbers are, whatever their leading zeros.
    pub(super) zeros: bool,
    /// To be added to every time of the charging ledger, µs.
    pub(super) shift_us: i64,
    pub(super) uplink: Option<Factor>,
    pub(super) downlink: Option<Factor>,
    pub(super) amount: Option<Factor>,
}

/// What a charged figure is to be multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Factor {
    times: u64,
    by: u64,
    /// What the column is then in.
    name: &'static str,
}

/// What the sessions have in common, of subscribers and times.
#[derive(Default)]
pub(super) struct Places {
    /// Subscribers of the charging ledger that the usage ledger knows as they stand, and only by their number.
    known: u64,
    by_number: u64,
    example: Option<(u64, u64)>,
    /// Used sessions of subscribers that are charged at all; those with a charge that begins when they do.
    sessions: u64,
    near: u64,
    /// By how far a charge is apart, in steps of the clocks' difference.
    apart: FxHashMap<i64, u64>,
    charges: u64,
    charges_within: u64,
}

/// What the pairs of sessions have in common.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) uplink: Ratios,
    pub(super) downlink: Ratios,
    pub(super) amount: Ratios,
}

/// How often a charged figure is the used one, and how often it is so times a factor.
#[derive(Default)]
pub(super) struct Ratios {
    compared: u64,
    same: u64,
    by_factor: FxHashMap<usize, (u64, u128)>,
}

impl Places {
    /// Of the sessions of one part of the subscribers, by number.
    pub(super) fn look(
        &mut self,
        usage: &[Compact],
        charging: &[Compact],
        skew_us: u64,
        within: impl Fn(u64) -> bool,
    ) {
        let mut used: FxHashMap<u64, Vec<&Compact>> = FxHashMap::default();
        for one in usage.iter().filter(|one| begins(one)) {
            used.entry(number(one.supi)).or_default().push(one);
        }
        let mut charged: FxHashMap<u64, Vec<&Compact>> = FxHashMap::default();
        for one in charging.iter().filter(|one| begins(one)) {
            self.charges += 1;
            self.charges_within += u64::from(within(one.from_us));
            charged.entry(number(one.supi)).or_default().push(one);
        }
        for (number, charged) in charged {
            let Some(used) = used.get(&number) else { continue };
            let (ours, theirs) =
                (used.first().map_or(0, |one| one.supi), charged.first().map_or(0, |one| one.supi));
            if ours == theirs {
                self.known += 1;
            } else {
                self.by_number += 1;
                self.example.get_or_insert((ours, theirs));
            }
            for one in used {
                self.look_at_times(one, &charged, skew_us.max(1));
            }
        }
    }

    fn look_at_times(&mut self, used: &Compact, charged: &[&Compact], skew_us: u64) {
        self.sessions += 1;
        let step = i64::try_from(skew_us).unwrap_or(i64::MAX);
        let mut seen: Vec<i64> = Vec::new();
        for one in charged.iter().filter(|one| one.session == used.session).take(MOST_CANDIDATES) {
            let apart = i128::from(one.from_us) - i128::from(used.from_us);
            let Ok(apart) = i64::try_from(apart) else { continue };
            let steps = apart.div_euclid(step);
            if !seen.contains(&steps) {
                seen.push(steps);
            }
        }
        self.near += u64::from(seen.iter().any(|steps| matches!(steps, -1 | 0)));
        for steps in seen {
            *self.apart.entry(steps).or_default() += 1;
        }
    }

    /// Sessions looked at.
    pub(super) fn sessions(&self) -> u64 {
        self.sessions
    }

    /// What is wrong with the subscribers and the times. `has_window`: it is known when the run was.
    pub(super) fn conclude(
        &self,
        skew_us: u64,
        has_window: bool,
        repair: &mut Repair,
        found: &mut Vec<Damage>,
    ) {
        if nearly_all(self.by_number, self.by_number + self.known) {
            repair.zeros = true;
            found.extend(self.example.and_then(|example| self.lost_zeros(example)));
        }
        if self.near * 10 > self.sessions {
            return;
        }
        let step = i64::try_from(skew_us.max(1)).unwrap_or(i64::MAX);
        // What lies in two neighbouring steps is no further apart than the clocks may be.
        let count = |steps: i64| {
            let of = |steps: i64| self.apart.get(&steps).copied().unwrap_or_default();
            of(steps).saturating_add(of(steps.saturating_add(1)))
        };
        let best = self.apart.keys().map(|steps| (count(*steps), *steps)).max();
        let Some((shown_by, steps)) = best.filter(|(shown_by, _)| nearly_all(*shown_by, self.sessions))
        else {
            return;
        };
        let middle_us = steps.saturating_add(1).saturating_mul(step);
        let quarters = (middle_us + QUARTER_US / 2).div_euclid(QUARTER_US);
        let is_zone = quarters != 0 && (middle_us - quarters * QUARTER_US).abs() <= step;
        // The sessions of an earlier run of the same scenario are apart by the same time, too.
        let of_this_run = !has_window || self.charges_within * 2 >= self.charges;
        if middle_us.abs() > LONGEST_SHIFT_US || !(is_zone || of_this_run) {
            return;
        }
        let shift_us = if is_zone { quarters * QUARTER_US } else { middle_us };
        repair.shift_us = -shift_us;
        found.push(shifted(shift_us, is_zone, shown_by.min(self.sessions), self.sessions));
    }

    fn lost_zeros(&self, (ours, theirs): (u64, u64)) -> Option<Damage> {
        let (ledger, short, long) = if ours & 0xf > theirs & 0xf {
            (Ledger::Charging, theirs, ours)
        } else {
            (Ledger::Usage, ours, theirs)
        };
        let (short, long) = (Compact::imsi(short)?, Compact::imsi(long)?);
        let of = self.by_number + self.known;
        let shown_by = self.by_number;
        Some(Damage {
            ledger,
            column: "supi".to_owned(),
            shown_by,
            of,
            finding: format!(
                "{shown_by} of {of} subscribers of the {ledger} ledger lack their leading zeros (such as {short}, which is \
                 {long}): a spreadsheet has taken them for numbers; export the column as text"
            ),
        })
    }
}

fn shifted(shift_us: i64, is_zone: bool, shown_by: u64, of: u64) -> Damage {
    let seconds = shift_us.unsigned_abs() / 1_000_000;
    let sign = if shift_us < 0 { '-' } else { '+' };
    let apart = format!("{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let why = if is_zone {
        "they are of another time zone; give the mapping a zone, or export times with their offset from UTC"
    } else {
        "one of the two clocks was wrong"
    };
    Damage {
        ledger: Ledger::Charging,
        column: "from_us, to_us".to_owned(),
        shown_by,
        of,
        finding: format!(
            "{shown_by} of {of} sessions of the charging ledger lie {apart} from those of the usage ledger, all by as much: {why}"
        ),
    }
}

impl Ratios {
    /// A charged figure beside the one that it should be. `candidates`: what may have become of it; `records`: each is rounded.
    pub(super) fn add(&mut self, should_be: u64, charged: u64, records: u64, candidates: &[Factor]) {
        if should_be == 0 || charged == 0 {
            return;
        }
        self.compared += 1;
        let off = |factor: Factor| {
            let put_right = u128::from(charged) * u128::from(factor.times) / u128::from(factor.by);
            let rounding = u128::from(factor.times / factor.by + 1) * u128::from(records.max(1));
            (put_right.abs_diff(should_be.into()), rounding)
        };
        let close = |(off, rounding): (u128, u128)| off <= rounding.max(u128::from(should_be) / 200);
        if close(off(PLAIN)) {
            self.same += 1;
            return;
        }
        for (n, factor) in candidates.iter().enumerate() {
            let off = off(*factor);
            if close(off) {
                let (count, sum) = self.by_factor.entry(n).or_default();
                (*count, *sum) = (*count + 1, *sum + off.0);
            }
        }
    }

    fn conclude(&self, candidates: &[Factor]) -> Option<(Factor, u64)> {
        if self.same * 10 > self.compared {
            return None;
        }
        let often = self.by_factor.iter().filter(|(_, (count, _))| nearly_all(*count, self.compared));
        let (n, (count, _)) = often.min_by_key(|(n, (count, off))| (self.compared - count, *off, **n))?;
        Some((*candidates.get(*n)?, *count))
    }
}

impl Figures {
    /// What is wrong with volumes and amounts.
    pub(super) fn conclude(&self, repair: &mut Repair, found: &mut Vec<Damage>) {
        let volumes = [
            ("uplink", &self.uplink, &mut repair.uplink),
            ("downlink", &self.downlink, &mut repair.downlink),
        ];
        for (column, ratios, into) in volumes {
            let Some((factor, shown_by)) = ratios.conclude(&VOLUMES) else { continue };
            *into = Some(factor);
            found.push(damage(column, shown_by, ratios.compared, format!(
                "{shown_by} of {} sessions were charged in {}, where octets were expected: say so by unit in the mapping",
                ratios.compared, factor.name
            )));
        }
        if let Some((factor, shown_by)) = self.amount.conclude(&AMOUNTS) {
            repair.amount = Some(factor);
            found.push(damage("amount", shown_by, self.amount.compared, format!(
                "{shown_by} of {} amounts are {} what the tariff gives: say so by unit in the mapping where the point is \
                 elsewhere, or the prices are wrong by as much",
                self.amount.compared, factor.name
            )));
        }
    }
}

fn damage(column: &str, shown_by: u64, of: u64, finding: String) -> Damage {
    Damage { ledger: Ledger::Charging, column: column.to_owned(), shown_by, of, finding }
}

impl Repair {
    /// Whether subscribers or times are put right: then every session of the ledger is.
    pub(super) fn is_of_all(&self) -> bool {
        self.zeros || self.shift_us != 0
    }

    /// Puts subscribers and times of charging records right, of subscribers whose usage this is.
    pub(super) fn place(&self, usage: &[Compact], charging: &mut [Compact]) {
        let mut known: FxHashMap<u64, u64> = FxHashMap::default();
        if self.zeros {
            known.extend(usage.iter().map(|one| (number(one.supi), one.supi)));
        }
        for one in charging {
            one.supi = known.get(&number(one.supi)).copied().unwrap_or(one.supi);
            let shift = |us: u64| us.saturating_add_signed(self.shift_us);
            (one.from_us, one.to_us, one.recorded_us) =
                (shift(one.from_us), shift(one.to_us), shift(one.recorded_us));
            one.opened_us = one.opened_us.map(shift);
        }
    }

    /// Volumes and amounts of a session's records, put right. What is rounded by the unit is taken for what was used.
    pub(super) fn figures(&self, used: Totals, charging: &[Compact]) -> Option<Vec<Compact>> {
        if self.uplink.is_none() && self.downlink.is_none() && self.amount.is_none() {
            return None;
        }
        let mut right = charging.to_vec();
        for one in &mut right {
            one.uplink = self.uplink.map_or(one.uplink, |factor| factor.of(one.uplink));
            one.downlink = self.downlink.map_or(one.downlink, |factor| factor.of(one.downlink));
            if let Some(factor) = self.amount {
                let micros = factor.of(one.amount.micros().unsigned_abs());
                let micros = i64::try_from(micros).unwrap_or(i64::MAX);
                one.amount = Money::from_micros(if one.amount.micros() < 0 { -micros } else { micros });
            }
        }
        let records = u64::try_from(right.len()).unwrap_or(u64::MAX);
        let totals = Totals::of(right.iter());
        let rounded = |factor: Option<Factor>| {
            factor.map_or(0, |factor| (factor.times / factor.by + 1).saturating_mul(records))
        };
        let last = right.last_mut()?;
        snap(&mut last.uplink, used.uplink, totals.uplink, rounded(self.uplink));
        snap(&mut last.downlink, used.downlink, totals.downlink, rounded(self.downlink));
        Some(right)
    }
}

/// The last part takes what rounding took.
fn snap(last: &mut u64, used: u64, charged: u64, rounding: u64) {
    if used.abs_diff(charged) <= rounding {
        *last = (*last + used).saturating_sub(charged);
    }
}

impl Factor {
    fn of(self, figure: u64) -> u64 {
        u64::try_from(u128::from(figure) * u128::from(self.times) / u128::from(self.by)).unwrap_or(u64::MAX)
    }
}

/// The first record of a session, as far as it says.
fn begins(record: &Compact) -> bool {
    record.sequence.is_none_or(|number| number == 0)
}

fn number(supi: u64) -> u64 {
    supi >> 4
}

/// Nine of ten, of three or more: of fewer nobody can tell a column from a session.
fn nearly_all(count: u64, of: u64) -> bool {
    count >= 3 && count * 10 >= of * 9
}

const fn factor(times: u64, by: u64, name: &'static str) -> Factor {
    Factor { times, by, name }
}

const PLAIN: Factor = factor(1, 1, "");

/// In what volumes may have been charged.
pub(super) const VOLUMES: [Factor; 11] = [
    factor(1_000, 1, "kB"),
    factor(1_024, 1, "KiB"),
    factor(1_000_000, 1, "MB"),
    factor(1_048_576, 1, "MiB"),
    factor(1_000_000_000, 1, "GB"),
    factor(1_073_741_824, 1, "GiB"),
    factor(1, 8, "bits"),
    factor(125, 1, "kbit"),
    factor(125_000, 1, "Mbit"),
    factor(1, 1_000, "thousandths of an octet"),
    factor(1, 1_024, "1/1024 of an octet"),
];

/// What may have become of amounts.
pub(super) const AMOUNTS: [Factor; 10] = [
    factor(1, 10, "10 times"),
    factor(1, 100, "100 times"),
    factor(1, 1_000, "1,000 times"),
    factor(1, 10_000, "10,000 times"),
    factor(1, 1_000_000, "1,000,000 times"),
    factor(10, 1, "a tenth of"),
    factor(100, 1, "a hundredth of"),
    factor(1_000, 1, "a thousandth of"),
    factor(10_000, 1, "a ten thousandth of"),
    factor(1_000_000, 1, "a millionth of"),
];

/// Sessions that are looked at, at least, where there are as many.
pub(super) const SAMPLE: u64 = 20_000;
/// Charges of one subscriber that are held against each of its sessions.
const MOST_CANDIDATES: usize = 16;
const QUARTER_US: i64 = 900_000_000;
/// 14 hours: no zone is further from another's UTC.
const LONGEST_SHIFT_US: i64 = 14 * 3_600_000_000;
