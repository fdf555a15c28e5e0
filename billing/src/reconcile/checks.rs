//! The single checks of a session, each giving the cause it looks for.

use super::compact::Compact;
use super::difference::Cause;
use super::loss::Allowed;
use super::totals::{Gap, Totals, gap};
use crate::csv::Ledger;
use crate::rules::micros;
use crate::{Closing, Money, Rules};

/// Why, in words, and what may have to be paid back or asked for beside the difference of the amounts.
pub(super) struct Finding {
    pub(super) cause: Cause,
    pub(super) explanation: String,
    pub(super) at_least: Money,
    /// The ledger in which a record would settle it.
    pub(super) lacks: Option<Ledger>,
}

impl Finding {
    pub(super) fn new(cause: Cause, explanation: String) -> Self {
        Self { cause, explanation, at_least: Money::ZERO, lacks: None }
    }

    pub(super) fn lacks(self, ledger: Ledger) -> Self {
        Self { lacks: Some(ledger), ..self }
    }
}

/// The numbers of the records that are there a second time.
///
/// A record may also be written in two pieces that add up, with the same number: that is nothing to complain of. So
/// what looks like a copy is one only where the octets are nearer to what was used without it.
pub(super) fn written_again(charging: &[Compact], used: Totals, allowed: Allowed<'_>) -> Vec<usize> {
    let suspicious = |pair: &[Compact]| match pair {
        [one, other] => one.sequence == other.sequence && (one.sequence.is_some() || same(one, other)),
        _ => false,
    };
    if !charging.windows(2).any(suspicious) {
        return Vec::new();
    }
    let all = Totals::of(charging.iter());
    let without = |again: &[usize]| {
        let kept = charging.iter().enumerate().filter(|(n, _)| !again.contains(n)).map(|(_, part)| part);
        Totals::of(kept)
    };
    let nearer = |again: &[usize]| used.distance(without(again)) <= used.distance(all);
    // Looked for among neighbours only: a part is rarely written more than twice.
    let copies: Vec<usize> = (1..charging.len())
        .filter(|&n| charging[n.saturating_sub(COPIES)..n].iter().any(|before| same(before, &charging[n])))
        .collect();
    if !copies.is_empty() && nearer(&copies) {
        return copies;
    }
    // Not the same, but the same number: written again with other figures, unless they add up.
    let renumbered: Vec<usize> = (1..charging.len())
        .filter(|&n| charging[n].sequence.is_some() && charging[n].sequence == charging[n - 1].sequence)
        .collect();
    let agrees = |charged: Totals| allowed.agree(used, charged).is_some();
    let explains = !renumbered.is_empty() && !agrees(all) && agrees(without(&renumbered));
    if explains { renumbered } else { Vec::new() }
}

fn same(one: &Compact, other: &Compact) -> bool {
    one.content() == other.content()
}

/// A part that is not there, in either ledger.
pub(super) fn missing_part(usage: &[Compact], charging: &[Compact]) -> Option<Finding> {
    let (ledger, gap) = match (gap(charging.iter()), gap(usage.iter())) {
        (Some(gap), _) => (Ledger::Charging, gap),
        (None, Some(gap)) => (Ledger::Usage, gap),
        (None, None) => return None,
    };
    let explanation = match gap {
        Gap::Part(number) => format!("part {number} is missing in the {ledger} ledger"),
        Gap::End(closing) => {
            format!("the last part is missing in the {ledger} ledger: the one before it ended with {closing}")
        }
    };
    Some(Finding::new(Cause::Missing, explanation).lacks(ledger))
}

/// More or fewer octets than the rules allow.
pub(super) fn volume(used: Totals, charged: Totals, allowed: Allowed<'_>) -> Option<Finding> {
    if allowed.agree(used, charged).is_some() {
        return None;
    }
    let most = allowed.by_loss(used, charged);
    let missing = |lost: u64, way: &str, most: u64| match lost {
        0 => String::new(),
        lost => format!(", {lost} T-PDUs {way} it went missing, which explains {most} octets at most"),
    };
    let at_the_end = if allowed.may_be_lost_at_the_end(used, charged) {
        "; so much may have been lost behind the last packet, where no count shows it, or charged wrongly"
    } else {
        ""
    };
    let explanation = format!(
        "octets from the UE: {} used, {} charged{}; to the UE: {} used, {} charged{}{at_the_end}",
        used.uplink,
        charged.uplink,
        missing(charged.lost, "from", most.uplink),
        used.downlink,
        charged.downlink,
        missing(used.lost, "to", most.downlink),
    );
    let finding = Finding::new(Cause::Volume, explanation);
    let (less, more) = (charged.is_within(used), used.is_within(charged));
    // A part without a number, whose record is not there, shows as octets that are not there.
    Some(match (less, more) {
        (true, false) => finding.lacks(Ledger::Charging),
        (false, true) => finding.lacks(Ledger::Usage),
        _ => finding,
    })
}

/// Longer or shorter than the rules allow. What the run ended at its end goes on for the network: it is judged until then.
pub(super) fn duration(usage: &[Compact], charging: &[Compact], rules: &Rules) -> Option<Finding> {
    let length = |parts: &[Compact]| {
        let from = parts.iter().map(|part| part.from_us).min().unwrap_or_default();
        parts.iter().map(|part| part.to_us).max().unwrap_or_default().saturating_sub(from)
    };
    let (used, mut charged) = (length(usage), length(charging));
    if usage.last().is_some_and(|last| last.closing == Closing::StillOpen) {
        charged = charged.min(used);
    }
    if used.abs_diff(charged) <= rules.duration.of(used) {
        return None;
    }
    let seconds = |us: u64| format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000);
    let explanation = format!("{} s used, {} s charged", seconds(used), seconds(charged));
    Some(Finding::new(Cause::Duration, explanation))
}

/// Recorded later than the rules allow.
pub(super) fn late(charging: &[Compact], rules: &Rules) -> Option<Finding> {
    let limit = micros(rules.lateness);
    let late = |part: &&Compact| part.recorded_us.saturating_sub(part.to_us) > limit;
    let worst = charging.iter().filter(late).map(|part| part.recorded_us - part.to_us).max()?;
    let explanation =
        format!("recorded {} s after it ended, where {} s are allowed", worst / 1_000_000, limit / 1_000_000);
    let at_least = charging.iter().filter(late).map(|part| part.amount).sum();
    Some(Finding { at_least, ..Finding::new(Cause::Late, explanation) })
}

/// Parts that were all written in time after the session's end, but not one after the other.
pub(super) fn order(charging: &[Compact], rules: &Rules) -> Option<Finding> {
    let turned = |pair: &&[Compact]| match pair {
        [one, next] if one.sequence.is_some() && one.sequence < next.sequence => {
            next.recorded_us < one.recorded_us || next.from_us < one.from_us
        }
        _ => false,
    };
    let pair = charging.windows(2).find(turned)?;
    let ended_us = charging.iter().map(|part| part.to_us).max()?;
    let recorded_us = charging.iter().map(|part| part.recorded_us).max()?;
    if recorded_us.saturating_sub(ended_us) > micros(rules.lateness) {
        return None;
    }
    let number = |n: usize| pair.get(n).and_then(|part| part.sequence).unwrap_or_default();
    let explanation = format!("part {} was recorded before part {}", number(1), number(0));
    Some(Finding::new(Cause::Order, explanation))
}

/// Without a tariff: as much of the amount as was used of the octets.
pub(super) fn in_proportion(amount: Money, used: Totals, charged: Totals) -> Money {
    let (used, charged) = (i128::from(used.volume()), i128::from(charged.volume()));
    let micros = i128::from(amount.micros()).checked_mul(used).and_then(|all| all.checked_div(charged));
    micros.and_then(|micros| i64::try_from(micros).ok()).map_or(amount, Money::from_micros)
}

/// So far back is a copy looked for.
const COPIES: usize = 16;
