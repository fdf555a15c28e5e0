//! The sessions of one subscriber in one ledger, and which of the other ledger's belong to them.

use std::cmp::Reverse;

use super::compact::Compact;
use super::scope::{Lies, RunWindow};
use crate::ChargingName;

/// One session in one ledger: its parts stand together in the sorted records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// The range of its records.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) charging_id: Option<ChargingName>,
    session: u8,
    pub(super) from_us: u64,
    to_us: u64,
    /// The session of the other ledger that it belongs to (of charging), or whether it has one (of usage).
    pub(super) partner: Option<usize>,
    /// Whether that was found by the charging identifier.
    by_id: bool,
}

/// Both ledgers' sessions of one subscriber. Used again for the next one.
#[derive(Default)]
pub(super) struct Sessions {
    pub(super) usage: Vec<Session>,
    pub(super) charging: Vec<Session>,
    by_id: Vec<(ChargingName, u64, usize)>,
    /// Used sessions, and the charged ones that belong to them.
    pairs: Vec<(usize, usize)>,
    /// Charged sessions of before the run, and of after it.
    pub(super) out_of_scope: (u64, u64),
}

/// Puts the parts of each session together, in order.
pub(super) fn sort_usage(records: &mut [Compact]) {
    let order = |record: &Compact| {
        let parts = (record.session, usage_key(record), record.sequence);
        // Of two deliveries of one part the one that knows more comes first.
        (parts, Reverse((record.to_us, record.volume())), record.content(), record.charging_id, record.rest())
    };
    sort(records, order);
}

/// Puts the parts of each session together, in order, copies side by side.
pub(super) fn sort_charging(records: &mut [Compact]) {
    let order = |record: &Compact| {
        let session = (record.charging_id.is_none(), record.charging_id, record.session);
        let part = (charging_key(record), record.sequence, record.from_us, record.to_us);
        (session, part, (record.uplink, record.downlink, record.amount), record.rest(), record.serving)
    };
    sort(records, order);
}

/// By subscriber, which mostly decides; the rest of the order is looked at only where it does not.
fn sort<K: Ord>(records: &mut [Compact], order: impl Fn(&Compact) -> K) {
    records
        .sort_unstable_by(|one, other| one.supi.cmp(&other.supi).then_with(|| order(one).cmp(&order(other))));
}

/// Drops what was delivered again: the same part of the same session. How many there were.
pub(super) fn drop_redelivered(records: &mut Vec<Compact>) -> u64 {
    let before = records.len();
    records.dedup_by(|later, first| {
        (later.supi, later.session, usage_key(later)) == (first.supi, first.session, usage_key(first))
            && match (later.sequence, first.sequence) {
                (None, None) => later.content() == first.content(),
                (later, first) => later == first,
            }
    });
    u64::try_from(before - records.len()).unwrap_or_default()
}

/// When the session was opened. A foreign ledger may not say: then by its charging identifier, or alone.
fn usage_key(record: &Compact) -> (u8, u64) {
    match (record.opened_us, record.charging_id) {
        (Some(opened_us), _) => (0, opened_us),
        (None, Some(id)) => (1, id.key()),
        (None, None) => (2, record.from_us),
    }
}

fn charging_key(record: &Compact) -> u64 {
    let unknown = if record.charging_id.is_some() { 0 } else { record.from_us };
    record.opened_us.unwrap_or(unknown)
}

impl Session {
    fn of(records: &[Compact], start: usize, end: usize) -> Self {
        let parts = &records[start..end];
        Self {
            start,
            end,
            charging_id: parts.iter().find_map(|part| part.charging_id),
            session: parts.first().map_or(0, |part| part.session),
            from_us: parts.iter().map(|part| part.from_us).min().unwrap_or_default(),
            to_us: parts.iter().map(|part| part.to_us).max().unwrap_or_default(),
            partner: None,
            by_id: false,
        }
    }

    /// How long both were there at once, in µs; negative for the gap between them.
    fn overlap_us(&self, other: &Self) -> i128 {
        let (from, to) = (self.from_us.max(other.from_us), self.to_us.min(other.to_us));
        i128::from(to) - i128::from(from)
    }
}

impl Sessions {
    /// Finds the sessions of one subscriber and matches them.
    pub(super) fn set(
        &mut self,
        usage: &[Compact],
        charging: &[Compact],
        window: Option<RunWindow>,
        skew_us: u64,
    ) {
        self.usage.clear();
        self.charging.clear();
        split(usage, &mut self.usage, |_, before, part| {
            (before.session, usage_key(before)) == (part.session, usage_key(part))
        });
        split(charging, &mut self.charging, |start, before, part| {
            let same = (before.charging_id, before.session) == (part.charging_id, part.session);
            if part.charging_id.is_none() {
                return same && charging_key(before) == charging_key(part);
            }
            // An identifier is used again some day: then the parts are numbered from the beginning once more.
            let apart = charging_key(part).abs_diff(charging_key(&charging[start])) > skew_us;
            let restarts = part.sequence.is_some() && part.sequence <= before.sequence;
            same && !(apart && restarts)
        });
        self.out_of_scope = (0, 0);
        if let Some(window) = window {
            let (before, after) = (&mut self.out_of_scope.0, &mut self.out_of_scope.1);
            self.charging.retain(|charged| {
                let lies = window.place(charged.from_us, charged.to_us, skew_us);
                *before += u64::from(lies == Lies::Before);
                *after += u64::from(lies == Lies::After);
                lies == Lies::Within
            });
        }
        self.usage.sort_unstable_by_key(|used| (used.session, used.from_us, used.start));
        self.match_by_id(skew_us);
        // First those that were there at the same time, then those that were so by clocks that differ.
        self.match_by_time(usage, charging, 0);
        self.match_by_time(usage, charging, i128::from(skew_us));
        self.pairs.clear();
        let charged = self.charging.iter().enumerate();
        self.pairs.extend(charged.filter_map(|(m, charged)| Some((charged.partner?, m))));
        self.pairs.sort_unstable();
    }

    /// The numbers of the charged sessions of a used one.
    pub(super) fn charged_for(&self, usage: usize) -> &[(usize, usize)] {
        let start = self.pairs.partition_point(|&(used, _)| used < usage);
        let count = self.pairs[start..].iter().take_while(|&&(used, _)| used == usage).count();
        &self.pairs[start..start + count]
    }

    fn match_by_id(&mut self, skew_us: u64) {
        if let ([used], [charged]) = (self.usage.as_mut_slice(), self.charging.as_mut_slice())
            && used.charging_id.is_some()
            && used.charging_id == charged.charging_id
        {
            pair((0, used), (0, charged), true);
            return;
        }
        self.by_id.clear();
        let with_id = self.usage.iter().enumerate();
        self.by_id.extend(with_id.filter_map(|(n, used)| Some((used.charging_id?, used.from_us, n))));
        self.by_id.sort_unstable();
        let mut first = 0;
        for group in self.by_id.chunk_by(|one, other| one.0 == other.0) {
            let id = Some(group[0].0);
            // Charged sessions are in the order of their identifiers, those without one at the end.
            let rest = &self.charging[first..];
            first +=
                rest.partition_point(|charged| charged.charging_id.is_some() && charged.charging_id < id);
            let same = |charged: &&Session| charged.charging_id == id;
            let count = self.charging[first..].iter().take_while(same).count();
            let charging = &mut self.charging[first..first + count];
            if let ([(_, _, n)], [charged]) = (group, &mut *charging) {
                // The identifier alone: clocks may be as wrong as they like.
                pair((*n, &mut self.usage[*n]), (first, charged), true);
                continue;
            }
            for &(_, _, n) in group {
                let used = &self.usage[n];
                let free = charging.iter().enumerate().filter(|(_, charged)| charged.partner.is_none());
                let near = free.take(NEIGHBOURS).map(|(m, charged)| (used.overlap_us(charged), Reverse(m)));
                if let Some((overlap, Reverse(m))) = near.max()
                    && overlap >= -i128::from(skew_us)
                {
                    pair((n, &mut self.usage[n]), (first + m, &mut charging[m]), true);
                }
            }
        }
    }

    /// Where at least one side has no charging identifier: by session number, network and time.
    fn match_by_time(&mut self, usage: &[Compact], charging: &[Compact], skew_us: i128) {
        for m in 0..self.charging.len() {
            let charged = self.charging[m];
            if charged.partner.is_some() {
                continue;
            }
            let latest = i128::from(charged.to_us) + skew_us;
            let end = self.usage.partition_point(|used| {
                (used.session, i128::from(used.from_us)) <= (charged.session, latest)
            });
            let start = end.saturating_sub(NEIGHBOURS);
            let candidates = self.usage[start..end].iter().enumerate().filter(|(_, used)| {
                let may = match (used.charging_id, charged.charging_id) {
                    // A number and a UUID are names by two systems: they say nothing of each other.
                    (Some(ours), Some(theirs)) if ours.number().is_some() == theirs.number().is_some() => {
                        false
                    }
                    (_, Some(_)) => used.partner.is_none(),
                    // A part that lost its identifier joins the others.
                    (_, None) => true,
                };
                may && used.session == charged.session && used.overlap_us(&charged) >= -skew_us
            });
            let best = candidates.max_by_key(|(n, used)| {
                let networks = |records: &[Compact], session: &Session| records[session.start].serving;
                let same_network = usage[used.start..used.end]
                    .iter()
                    .any(|part| part.serving == networks(charging, &charged));
                (used.partner.is_none(), same_network, used.overlap_us(&charged), Reverse(*n))
            });
            if let Some((n, _)) = best {
                pair((start + n, &mut self.usage[start + n]), (m, &mut self.charging[m]), false);
            }
        }
    }

    /// A charged session that has a partner and is this one, but for its identifier.
    pub(super) fn twin(&self, records: &[Compact], m: usize) -> Option<&Session> {
        let session = &self.charging[m];
        let window = (session.session, session.from_us, session.to_us);
        let octets = |session: &Session| -> (u128, u128) {
            let parts = &records[session.start..session.end];
            let sum = |side: fn(&Compact) -> u64| parts.iter().map(|part| u128::from(side(part))).sum();
            (sum(|part| part.uplink), sum(|part| part.downlink))
        };
        let mine = octets(session);
        if mine == (0, 0) || self.charging.len() > TWINS_SOUGHT {
            return None;
        }
        let partnered = self.charging.iter().filter(|other| other.partner.is_some());
        let mut alike = partnered.filter(|other| (other.session, other.from_us, other.to_us) == window);
        alike.find(|other| octets(other) == mine)
    }
}

fn pair((n, used): (usize, &mut Session), (m, charged): (usize, &mut Session), by_id: bool) {
    used.partner.get_or_insert(m);
    used.by_id |= by_id;
    charged.partner = Some(n);
    charged.by_id = by_id;
}

/// Cuts sorted records where `same(start of the session, the part before, the part)` does not hold.
fn split(records: &[Compact], sessions: &mut Vec<Session>, same: impl Fn(usize, &Compact, &Compact) -> bool) {
    let mut start = 0;
    for n in 1..=records.len() {
        if n == records.len() || !same(start, &records[n - 1], &records[n]) {
            sessions.push(Session::of(records, start, n));
            start = n;
        }
    }
}

/// Sessions of one subscriber with the same number follow each other: more than this need not be looked at.
const NEIGHBOURS: usize = 64;
/// With more sessions than this, what was charged twice under two identifiers counts as charged for nobody.
const TWINS_SOUGHT: usize = 4_096;
