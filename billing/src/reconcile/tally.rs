//! Counts and sums, which add up in any order.

use super::compact::Compact;
use super::difference::Cause;
use super::loss::Explained;
use super::totals::Totals;
use crate::{Account, Money};

/// Of the sessions judged so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    matched: u64,
    /// Charged sessions without octets and amount that nobody had: they count as matched.
    pub(super) unused: u64,
    pub(super) redelivered: u64,
    /// Charged sessions of before the run, and of after it.
    pub(super) out_of_scope: (u64, u64),
    /// Charged sessions of subscribers that the run does not have.
    pub(super) of_others: u64,
    /// The amounts of a session do not fit together.
    too_much: bool,
    by_cause: [(u64, i128); Cause::ALL.len()],
    charged: i128,
    expected: i128,
    used_octets: (u128, u128),
    charged_octets: (u128, u128),
    /// Sessions with octets that are explained by lost packets, and those octets.
    by_loss: (u64, u128, u128),
}

impl Tally {
    /// A session's usage.
    pub(super) fn used(&mut self, parts: &[Compact]) {
        let totals = Totals::of(parts.iter());
        self.used_octets.0 += u128::from(totals.uplink);
        self.used_octets.1 += u128::from(totals.downlink);
    }

    /// A session whose sides agree.
    pub(super) fn matched(&mut self, charging: &[Compact], expected: Money) {
        self.matched += 1;
        self.charged(charging, expected);
    }

    /// One whose sides agree once a damaged column is put right.
    pub(super) fn damaged(&mut self, charging: &[Compact], expected: Money) {
        self.by_cause[Cause::ColumnDamaged as usize].0 += 1;
        self.charged(charging, expected);
    }

    /// One whose sides don't.
    pub(super) fn unreconciled(
        &mut self,
        cause: Cause,
        charging: &[Compact],
        expected: Money,
        at_stake: Money,
    ) {
        let (count, sum) = &mut self.by_cause[cause as usize];
        *count += 1;
        *sum += i128::from(at_stake.micros());
        self.charged(charging, expected);
    }

    /// A session that was counted with one cause has another.
    pub(super) fn turned(&mut self, from: Cause, to: Cause, at_stake: Money) {
        let (count, sum) = &mut self.by_cause[from as usize];
        *count -= 1;
        *sum -= i128::from(at_stake.micros());
        self.by_cause[to as usize].0 += 1;
    }

    /// Octets of a session whose volumes agree but for lost packets.
    pub(super) fn explained_by_loss(&mut self, octets: Explained) {
        self.by_loss.0 += u64::from(octets != Explained::default());
        self.by_loss.1 += u128::from(octets.uplink);
        self.by_loss.2 += u128::from(octets.downlink);
    }

    fn charged(&mut self, charging: &[Compact], expected: Money) {
        let totals = Totals::of(charging.iter());
        self.charged_octets.0 += u128::from(totals.uplink);
        self.charged_octets.1 += u128::from(totals.downlink);
        self.expected += i128::from(expected.micros());
        let amount: i128 = charging.iter().map(|part| i128::from(part.amount.micros())).sum();
        self.too_much |= i64::try_from(amount).is_err();
        self.charged += amount;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.matched += other.matched;
        self.too_much |= other.too_much;
        self.unused += other.unused;
        self.redelivered += other.redelivered;
        self.out_of_scope.0 += other.out_of_scope.0;
        self.out_of_scope.1 += other.out_of_scope.1;
        self.of_others += other.of_others;
        for (sum, more) in self.by_cause.iter_mut().zip(other.by_cause) {
            sum.0 += more.0;
            sum.1 += more.1;
        }
        self.charged += other.charged;
        self.expected += other.expected;
        self.used_octets.0 += other.used_octets.0;
        self.used_octets.1 += other.used_octets.1;
        self.charged_octets.0 += other.charged_octets.0;
        self.charged_octets.1 += other.charged_octets.1;
        self.by_loss.0 += other.by_loss.0;
        self.by_loss.1 += other.by_loss.1;
        self.by_loss.2 += other.by_loss.2;
    }

    /// Into the account; which amounts do not fit.
    pub(super) fn account(&self) -> Result<Account, &'static str> {
        let stakes: i128 = self.by_cause.iter().map(|(_, sum)| sum).sum();
        let sums = [("charged", self.charged), ("expected", self.expected), ("at stake", stakes)];
        if let Some((what, _)) = sums.into_iter().find(|(_, sum)| i64::try_from(*sum).is_err()) {
            return Err(what);
        }
        if self.too_much {
            return Err("of one session");
        }
        let money = |micros: i128| Money::from_micros(i64::try_from(micros).unwrap_or_default());
        let octets = |octets: u128| u64::try_from(octets).unwrap_or(u64::MAX);
        let found = Cause::ALL.into_iter().zip(self.by_cause).filter(|(_, (count, _))| *count > 0);
        let (explained, found): (Vec<_>, Vec<_>) = found.partition(|(cause, _)| cause.is_explained());
        let count = |of: &[(Cause, (u64, i128))]| of.iter().map(|(_, (count, _))| count).sum::<u64>();
        let unreconciled = count(&found);
        Ok(Account {
            sessions: self.matched + unreconciled + count(&explained),
            explained: explained.iter().map(|(cause, (count, _))| (cause.to_string(), *count)).collect(),
            matched: self.matched,
            unreconciled,
            by_cause: found.iter().map(|(cause, (count, _))| (cause.to_string(), *count)).collect(),
            charged: money(self.charged),
            expected: money(self.expected),
            at_stake: money(found.iter().map(|(_, (_, sum))| sum).sum()),
            at_stake_by_cause: found
                .iter()
                .map(|(cause, (_, sum))| (cause.to_string(), money(*sum)))
                .collect(),
            used_uplink: octets(self.used_octets.0),
            used_downlink: octets(self.used_octets.1),
            charged_uplink: octets(self.charged_octets.0),
            charged_downlink: octets(self.charged_octets.1),
            explained_by_loss_sessions: self.by_loss.0,
            explained_by_loss_uplink: octets(self.by_loss.1),
            explained_by_loss_downlink: octets(self.by_loss.2),
            unused: self.unused,
            redelivered: self.redelivered,
            before_run: self.out_of_scope.0,
            after_run: self.out_of_scope.1,
            other_subscribers: self.of_others,
            ..Account::default()
        })
    }
}
