//! Lines that could not be read: what they hide is not missing.
//!
//! Of most bad lines the subscriber or the charging identifier can still be read; then the session is known that it is about.
//! Where neither can, as many sessions as there are such lines may be hidden in them, and nobody knows which.

use rustc_hash::{FxHashMap, FxHashSet};

use super::compact::Compact;
use crate::ChargingName;
use crate::csv::Ledger;

/// What could be read of a line that could not be read as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnreadLine {
    /// Its number in the file.
    pub(crate) line: u64,
    pub(crate) supi: Option<identity::Imsi>,
    pub(crate) charging_id: Option<ChargingName>,
}

/// The unread lines of one ledger.
#[derive(Default)]
pub(super) struct UnreadLines {
    lines: Vec<UnreadLine>,
    by_id: FxHashMap<ChargingName, Vec<usize>>,
    by_supi: FxHashMap<u64, Vec<usize>>,
    /// Lines of which nothing is known, and those that were too many to be kept.
    unknown: u64,
}

/// The unread lines of both ledgers.
#[derive(Default)]
pub(super) struct Unread {
    pub(super) usage: UnreadLines,
    pub(super) charging: UnreadLines,
}

/// Which lines were found to be of a session.
#[derive(Default)]
pub(super) struct Found {
    usage: FxHashSet<usize>,
    charging: FxHashSet<usize>,
}

impl UnreadLines {
    /// `rejected` is how many lines could not be read and were to hold a record.
    pub(super) fn new(lines: Vec<UnreadLine>, rejected: u64) -> Self {
        let kept = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let mut all = Self { unknown: rejected.saturating_sub(kept), ..Self::default() };
        for (n, line) in lines.iter().enumerate() {
            if let Some(id) = line.charging_id {
                all.by_id.entry(id).or_default().push(n);
            }
            if let Some(supi) = line.supi {
                all.by_supi.entry(Compact::supi_of(supi)).or_default().push(n);
            }
            all.unknown += u64::from(line.charging_id.is_none() && line.supi.is_none());
        }
        Self { lines, ..all }
    }

    /// A line that is of the session of these records. One that names but the subscriber is of one session.
    fn of(&self, parts: &[&[Compact]], found: &mut FxHashSet<usize>) -> Option<u64> {
        if self.lines.is_empty() {
            return None;
        }
        let records = || parts.iter().copied().flatten();
        let supi = records().next()?.supi;
        let ids: Vec<ChargingName> = records().filter_map(|part| part.charging_id).collect();
        let same_supi = |n: &&usize| {
            self.lines.get(**n).is_some_and(|line| line.supi.is_none_or(|one| Compact::supi_of(one) == supi))
        };
        let of_id = ids.iter().filter_map(|id| self.by_id.get(id)).flatten().find(same_supi);
        let may_be = |n: &&usize| {
            let another =
                self.lines.get(**n).and_then(|line| line.charging_id).is_some_and(|_| !ids.is_empty());
            !another && !found.contains(*n)
        };
        let of_supi = || self.by_supi.get(&supi).into_iter().flatten().find(may_be);
        let n = *of_id.or_else(of_supi)?;
        found.insert(n);
        self.lines.get(n).map(|line| line.line)
    }
}

impl Unread {
    fn ledger(&self, ledger: Ledger) -> &UnreadLines {
        match ledger {
            Ledger::Usage => &self.usage,
            Ledger::Charging => &self.charging,
        }
    }

    /// The number of a line of this ledger that is of the session of these records.
    pub(super) fn line_of(&self, ledger: Ledger, parts: &[&[Compact]], found: &mut Found) -> Option<u64> {
        self.ledger(ledger).of(parts, found.of(ledger))
    }

    /// How many sessions may be hidden in lines of this ledger of which nobody knows whose they are.
    pub(super) fn hidden(&self, ledger: Ledger, found: &Found) -> u64 {
        let lines = self.ledger(ledger);
        let found = match ledger {
            Ledger::Usage => &found.usage,
            Ledger::Charging => &found.charging,
        };
        let nameless = lines.lines.iter().enumerate();
        let nameless = nameless
            .filter(|(n, line)| line.supi.is_none() && line.charging_id.is_some() && !found.contains(n));
        lines.unknown.saturating_add(u64::try_from(nameless.count()).unwrap_or(u64::MAX))
    }
}

impl Found {
    fn of(&mut self, ledger: Ledger) -> &mut FxHashSet<usize> {
        match ledger {
            Ledger::Usage => &mut self.usage,
            Ledger::Charging => &mut self.charging,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.usage.extend(&other.usage);
        self.charging.extend(&other.charging);
    }
}
