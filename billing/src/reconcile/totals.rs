//! What the parts of a session come to, by network.

use identity::Plmn;

use super::compact::Compact;
use super::loss::Allowed;
use crate::Closing;

/// Octets of a session's parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) uplink: u64,
    pub(super) downlink: u64,
    /// T-PDUs that went missing: of usage those to the UE, of charging those from it.
    pub(super) lost: u64,
    /// How long the parts lasted, in µs.
    pub(super) length_us: u64,
}

impl Totals {
    pub(super) fn of<'a>(parts: impl Iterator<Item = &'a Compact>) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            uplink: sum.uplink.saturating_add(part.uplink),
            downlink: sum.downlink.saturating_add(part.downlink),
            lost: sum.lost.saturating_add(part.lost),
            length_us: sum.length_us.saturating_add(part.to_us.saturating_sub(part.from_us)),
        })
    }

    pub(super) fn volume(self) -> u64 {
        self.uplink.saturating_add(self.downlink)
    }

    /// Whether neither direction has more than the other's.
    pub(super) fn is_within(self, other: Self) -> bool {
        self.uplink <= other.uplink && self.downlink <= other.downlink
    }

    /// How many octets the two differ by.
    pub(super) fn distance(self, other: Self) -> u64 {
        self.uplink.abs_diff(other.uplink).saturating_add(self.downlink.abs_diff(other.downlink))
    }
}

/// How the networks of the two sides compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Networks {
    /// Each network has the same share on both sides, or only the sums tell.
    Same,
    /// This network charged, and never served.
    NeverServed(Plmn),
    /// This network served, and never charged.
    NeverCharged(Plmn),
    /// Both sides know the same networks, but this one's share is another.
    OtherShare(Plmn),
}

/// Compares the networks. Parts are few: no table is made where one network is all there is.
pub(super) fn networks<'a>(
    usage: &'a [Compact],
    charging: impl Iterator<Item = &'a Compact> + Clone,
    allowed: Allowed<'_>,
) -> Networks {
    let Some(first) = usage.first() else { return Networks::Same };
    if usage.iter().chain(charging.clone()).all(|part| part.serving == first.serving) {
        return Networks::Same;
    }
    let served = |plmn: Plmn| usage.iter().any(|part| part.serving == plmn);
    if let Some(part) = charging.clone().find(|part| !served(part.serving)) {
        return Networks::NeverServed(part.serving);
    }
    let mut known: Vec<Plmn> = usage.iter().map(|part| part.serving).collect();
    known.sort_unstable();
    known.dedup();
    let mut other = Networks::Same;
    for plmn in known {
        let of = |part: &&Compact| part.serving == plmn;
        let used = Totals::of(usage.iter().filter(of));
        let charged = Totals::of(charging.clone().filter(of));
        if !charging.clone().any(|part| part.serving == plmn) && used.volume() > 0 {
            return Networks::NeverCharged(plmn);
        }
        if allowed.agree(used, charged).is_none() && other == Networks::Same {
            other = Networks::OtherShare(plmn);
        }
    }
    other
}

/// A part that is not there, by what the others say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// The part with this number.
    Part(u32),
    /// What came after the last one, which ended for this reason.
    End(Closing),
}

/// The first part that is not there. `parts` are in order.
pub(super) fn gap<'a>(parts: impl Iterator<Item = &'a Compact>) -> Option<Gap> {
    let (mut next, mut last, mut ended) = (0, None, false);
    for part in parts {
        if let Some(number) = part.sequence {
            if number > next {
                return Some(Gap::Part(next));
            }
            next = number.saturating_add(1);
        }
        // Of parts without numbers, and of one that was written in two pieces, any may be the last.
        let is_end = matches!(part.closing, Closing::Released | Closing::Deregistered | Closing::StillOpen);
        let same = last.is_some_and(|last: &Compact| last.sequence == part.sequence);
        ended = is_end || (same && ended);
        last = Some(part);
    }
    last.filter(|_| !ended).map(|last| Gap::End(last.closing))
}
