//! Decides for each session whether its two sides agree, and if not, the one root cause.
//!
//! The order of the checks is the order of explanation: what comes first explains what would come after it. A part that
//! was written twice also has too many octets and too high an amount; a wrong network also has the wrong rate; wrong
//! octets also have a wrong amount; records that were held back to be written in another order may be late, too.

use super::checks::{Finding, duration, in_proportion, late, missing_part, order, volume, written_again};
use super::compact::Compact;
use super::damage::{AMOUNTS, Figures, Repair, VOLUMES};
use super::difference::{Cause, Difference, Side};
use super::loss::{Allowed, Traffic};
use super::losses::Gaps;
use super::names::FinalNames;
use super::pricing::Pricing;
use super::scope::{Lies, RunWindow, is_open_at_the_end};
use super::sessions::{Sessions, drop_redelivered, sort_charging, sort_usage};
use super::tally::Tally;
use super::totals::{Gap, Networks, Totals, gap, networks};
use super::unread::{Found, Unread};
use crate::csv::Ledger;
use crate::rules::micros;
use crate::{ChargingName, Currency, Money, Octets, Rules, Settings};

/// Judges the sessions of one part of the subscribers after another.
pub(super) struct Judge<'a> {
    pricing: Pricing<'a>,
    rules: &'a Rules,
    gaps: Gaps<'a>,
    window: Option<RunWindow>,
    /// Whether the charging ledger has every session that there was, also those that were open at the end.
    complete: bool,
    unread: &'a Unread,
    pub(super) found: Found,
    traffic: Option<&'a Traffic<'a>>,
    /// How damaged columns are put right.
    repair: &'a Repair,
    names: &'a FinalNames,
    sessions: Sessions,
    charged: Vec<Compact>,
    pub(super) tally: Tally,
    pub(super) differences: Vec<Difference>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        settings: &Settings<'a>,
        names: &'a FinalNames,
        unread: &'a Unread,
        repair: &'a Repair,
    ) -> Self {
        let &Settings { tariff, rules, losses, window, complete, .. } = settings;
        Self {
            pricing: Pricing::new(tariff, rules, names),
            rules,
            gaps: Gaps::new(losses, rules),
            window,
            complete,
            unread,
            found: Found::default(),
            traffic: losses.traffic,
            repair,
            names,
            sessions: Sessions::default(),
            charged: Vec::new(),
            tally: Tally::default(),
            differences: Vec::new(),
        }
    }

    /// Judges the sessions of these records, of whole subscribers.
    pub(super) fn judge(&mut self, usage: &mut Vec<Compact>, charging: &mut [Compact]) {
        self.tally.redelivered += self.put_in_order(usage, charging);
        self.each_subscriber(usage, charging, Self::subscriber);
    }

    /// What the pairs of sessions of these records have in common.
    pub(super) fn look(&mut self, usage: &mut Vec<Compact>, charging: &mut [Compact], figures: &mut Figures) {
        self.put_in_order(usage, charging);
        self.each_subscriber(usage, charging, |judge, usage, charging| {
            let mut sessions = std::mem::take(&mut judge.sessions);
            sessions.set(usage, charging, judge.window, micros(judge.rules.clock_skew));
            for (n, session) in sessions.usage.iter().enumerate() {
                if let &[(_, m)] = sessions.charged_for(n) {
                    let (parts, charged) = (&usage[session.start..session.end], &sessions.charging[m]);
                    judge.look_at_pair(parts, &charging[charged.start..charged.end], figures);
                }
            }
            judge.sessions = sessions;
        });
    }

    fn look_at_pair(&mut self, usage: &[Compact], charging: &[Compact], figures: &mut Figures) {
        let (used, charged) = (Totals::of(usage.iter()), Totals::of(charging.iter()));
        let records = u64::try_from(charging.len()).unwrap_or(u64::MAX);
        figures.uplink.add(used.uplink, charged.uplink, records, &VOLUMES);
        figures.downlink.add(used.downlink, charged.downlink, records, &VOLUMES);
        if self.pricing.tariff().is_none() {
            return;
        }
        let (expected, note) = self.pricing.price(usage);
        let amount: i128 = charging.iter().map(|part| i128::from(part.amount.micros())).sum();
        // Another rate than the tariff's is a mistake of rating, whatever the amounts have in common.
        let wrong_rate = self.pricing.names_another_rate(charging);
        if let (Ok(expected), Ok(amount), true) =
            (u64::try_from(expected.micros()), u64::try_from(amount), note.is_empty())
        {
            let amount = if wrong_rate { expected } else { amount };
            figures.amount.add(expected, amount, 1, &AMOUNTS);
        }
    }

    /// How many were delivered again.
    fn put_in_order(&self, usage: &mut Vec<Compact>, charging: &mut [Compact]) -> u64 {
        if self.repair.is_of_all() {
            self.repair.place(usage, charging);
        }
        sort_usage(usage);
        sort_charging(charging);
        drop_redelivered(usage)
    }

    fn each_subscriber(
        &mut self,
        usage: &[Compact],
        charging: &[Compact],
        mut then: impl FnMut(&mut Self, &[Compact], &[Compact]),
    ) {
        let (mut used, mut charged) = (usage, charging);
        while let Some(supi) = used.first().into_iter().chain(charged.first()).map(|one| one.supi).min() {
            let split = |records: &[Compact]| records.iter().take_while(|one| one.supi == supi).count();
            let (used_here, used_after) = used.split_at(split(used));
            let (charged_here, charged_after) = charged.split_at(split(charged));
            then(self, used_here, charged_here);
            (used, charged) = (used_after, charged_after);
        }
    }

    fn subscriber(&mut self, usage: &[Compact], charging: &[Compact]) {
        let mut sessions = std::mem::take(&mut self.sessions);
        sessions.set(usage, charging, self.window, micros(self.rules.clock_skew));
        self.tally.out_of_scope.0 += sessions.out_of_scope.0;
        self.tally.out_of_scope.1 += sessions.out_of_scope.1;
        let mut buffer = std::mem::take(&mut self.charged);
        for (n, session) in sessions.usage.iter().enumerate() {
            let parts = &usage[session.start..session.end];
            let records = |m: usize| &charging[sessions.charging[m].start..sessions.charging[m].end];
            match sessions.charged_for(n) {
                [] => self.missing(parts),
                &[(_, m)] => self.pair(parts, records(m)),
                several => {
                    buffer.clear();
                    several.iter().for_each(|&(_, m)| buffer.extend_from_slice(records(m)));
                    buffer.sort_by_key(|part| (part.sequence, part.from_us, part.to_us));
                    self.pair(parts, &buffer);
                }
            }
        }
        for (m, session) in sessions.charging.iter().enumerate() {
            if session.partner.is_none() {
                let twin = sessions.twin(charging, m).map(|twin| twin.charging_id);
                self.orphan(&charging[session.start..session.end], twin);
            }
        }
        (self.sessions, self.charged) = (sessions, buffer);
    }

    /// Used, and nothing charged.
    fn missing(&mut self, usage: &[Compact]) {
        let (expected, note) = self.pricing.price(usage);
        let explanation = format!("nothing was charged for this session{note}");
        let finding = Finding::new(Cause::Missing, explanation).lacks(Ledger::Charging);
        if let Some(unread) = self.not_read(&finding, usage, &[]) {
            return self.difference(unread, usage, &[], Money::ZERO);
        }
        if !self.complete && is_open_at_the_end(usage, self.window) {
            let explanation = "it was open when the run ended, and nothing is charged for it yet".to_owned();
            let finding = Finding::new(Cause::StillOpen, explanation);
            return self.difference(finding, usage, &[], Money::ZERO);
        }
        self.difference(finding, usage, &[], expected);
    }

    /// A line that could not be read, where it is of this session and may be all that is wrong.
    fn not_read(&mut self, finding: &Finding, usage: &[Compact], charging: &[Compact]) -> Option<Finding> {
        let unread = self.unread;
        let mut line = |ledger| {
            let line = unread.line_of(ledger, &[usage, charging], &mut self.found)?;
            Some((ledger, line))
        };
        let (used, charged) = (Totals::of(usage.iter()), Totals::of(charging.iter()));
        let (ledger, line) = match (finding.cause, finding.lacks) {
            (_, Some(ledger)) => line(ledger)?,
            // What the unread line says of times, amounts and the order of parts is not known either.
            (
                Cause::Duration | Cause::Rating | Cause::Order | Cause::ServingNetwork | Cause::Volume,
                None,
            ) => {
                let charging = if charged.is_within(used) { line(Ledger::Charging) } else { None };
                charging.or_else(|| if used.is_within(charged) { line(Ledger::Usage) } else { None })?
            }
            _ => return None,
        };
        let explanation =
            format!("line {line} of the {ledger} ledger is this session's and could not be read");
        Some(Finding::new(Cause::NotRead, explanation))
    }

    /// Charged, and nothing used: for nobody, or once more under another identifier.
    fn orphan(&mut self, charging: &[Compact], twin: Option<Option<ChargingName>>) {
        let totals = Totals::of(charging.iter());
        if totals.volume() == 0 && charging.iter().all(|part| part.amount == Money::ZERO) {
            // The UE never had this session, nothing flowed and nothing is charged: that agrees.
            self.tally.unused += 1;
            self.tally.matched(charging, Money::ZERO);
            return;
        }
        if twin.is_none() && self.is_of_another_run(charging) {
            return;
        }
        let finding = match twin {
            Some(id) => {
                let id = id.map_or_else(String::new, |id| format!(" {id}"));
                Finding::new(
                    Cause::Duplicate,
                    format!("the same time and octets are charged under charging identifier{id}, too"),
                )
            }
            None => {
                Finding::new(Cause::Orphan, "nobody used what was charged".to_owned()).lacks(Ledger::Usage)
            }
        };
        if let Some(unread) = self.not_read(&finding, &[], charging) {
            let amount = charging.iter().map(|part| part.amount).sum();
            return self.difference(unread, &[], charging, amount);
        }
        let (finding, expected) = self.or_lost(finding, Money::ZERO, &[], charging);
        self.difference(finding, &[], charging, expected);
    }

    /// Counts a session that nobody used, and that was over when the run began, or began when it was over, or is of a subscriber of
    /// another run.
    fn is_of_another_run(&mut self, charging: &[Compact]) -> bool {
        let from_us = charging.iter().map(|part| part.from_us).min().unwrap_or_default();
        let to_us = charging.iter().map(|part| part.to_us).max().unwrap_or_default();
        let lies = self.window.map_or(Lies::Within, |window| window.place_of_nobodys(from_us, to_us));
        self.tally.out_of_scope.0 += u64::from(lies == Lies::Before);
        self.tally.out_of_scope.1 += u64::from(lies == Lies::After);
        let is_of_others = lies == Lies::Within && self.gaps.is_of_others(charging);
        self.tally.of_others += u64::from(is_of_others);
        is_of_others || lies != Lies::Within
    }

    fn pair(&mut self, usage: &[Compact], charging: &[Compact]) {
        let used = Totals::of(usage.iter());
        let again = written_again(charging, used, self.allowed(usage));
        if again.is_empty() {
            let (mut finding, mut expected) = self.compare(usage, charging, used);
            let right = finding.as_ref().and_then(|_| self.repair.figures(used, charging));
            if let Some(right) = &right {
                (finding, expected) = self.compare(usage, right, used);
            }
            let damaged = right.is_some() || self.repair.is_of_all();
            let unread = finding.as_ref().and_then(|finding| self.not_read(finding, usage, charging));
            let explained = self.allowed(usage).agree(used, Totals::of(charging.iter()));
            self.tally.explained_by_loss(explained.unwrap_or_default());
            return match unread.or(finding) {
                None => {
                    self.tally.used(usage);
                    if damaged {
                        self.tally.damaged(charging, expected);
                    } else {
                        self.tally.matched(charging, expected);
                    }
                }
                Some(finding) if finding.cause == Cause::NotRead => {
                    let amount = charging.iter().map(|part| part.amount).sum();
                    self.difference(finding, usage, charging, amount);
                }
                Some(finding) => self.difference(finding, usage, charging, expected),
            };
        }
        let once: Vec<Compact> = (0..charging.len())
            .filter(|n| !again.contains(n))
            .filter_map(|n| charging.get(n).copied())
            .collect();
        let (_, expected) = self.compare(usage, &once, used);
        let amount: Money = again.iter().filter_map(|&n| charging.get(n)).map(|part| part.amount).sum();
        let parts: Vec<String> = again
            .iter()
            .filter_map(|&n| charging.get(n)?.sequence)
            .map(|sequence| sequence.to_string())
            .collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" (part {})", parts.join(", ")) };
        let explanation = format!("{} of the charging records were written again{parts}", again.len());
        let finding = Finding { at_least: amount, ..Finding::new(Cause::Duplicate, explanation) };
        self.difference(finding, usage, charging, expected);
    }

    /// What is tolerated of a session that was used like this.
    fn allowed(&self, usage: &[Compact]) -> Allowed<'a> {
        let dnn = usage.first().and_then(|part| self.names.dnns.get(usize::from(part.dnn)));
        Allowed { rules: self.rules, traffic: self.traffic, dnn }
    }

    /// The cause, if there is one, and what should have been charged.
    fn compare(&mut self, usage: &[Compact], charging: &[Compact], used: Totals) -> (Option<Finding>, Money) {
        let charged = Totals::of(charging.iter());
        let amount: Money = charging.iter().map(|part| part.amount).sum();
        let physical = missing_part(usage, charging)
            .or_else(|| self.serving_network(usage, charging, used, charged))
            .or_else(|| volume(used, charged, self.allowed(usage)))
            .or_else(|| duration(usage, charging, self.rules));
        if let Some(finding) = physical {
            let expected = match self.pricing.tariff() {
                Some(_) => self.pricing.price(usage).0,
                None => in_proportion(amount, used, charged),
            };
            if let Some((open, amount)) = self.open_still(&finding, usage, charging, (used, charged)) {
                return (Some(open), amount);
            }
            let (finding, expected) = self.or_lost(finding, expected, usage, charging);
            return (Some(finding), expected);
        }
        let (finding, expected) = self.pricing.rating(usage, charging, amount);
        let finding = finding.or_else(|| order(charging, self.rules)).or_else(|| late(charging, self.rules));
        (finding, expected)
    }

    /// A session that was open when the run ended, of which the last part is not charged yet, where that is all there is to
    /// it: what is charged was used, and is rightly rated.
    fn open_still(
        &mut self,
        finding: &Finding,
        usage: &[Compact],
        charging: &[Compact],
        (used, charged): (Totals, Totals),
    ) -> Option<(Finding, Money)> {
        let last_is_missing = finding.cause == Cause::Missing
            && finding.lacks == Some(Ledger::Charging)
            && matches!(gap(charging.iter()), Some(Gap::End(_)));
        if self.complete || !last_is_missing || !is_open_at_the_end(usage, self.window) {
            return None;
        }
        let uplink = charged.uplink.max(used.uplink);
        let at_most = Totals { uplink, downlink: charged.downlink.max(used.downlink), ..charged };
        self.allowed(usage).agree(used, at_most)?;
        let amount: Money = charging.iter().map(|part| part.amount).sum();
        let (wrong, rated) = self.pricing.rating(usage, charging, amount);
        if wrong.is_some() {
            return None;
        }
        let explanation = format!("it was open when the run ended; {}", finding.explanation);
        Some((Finding::new(Cause::StillOpen, explanation), rated))
    }

    /// The loss of an agent, where that is all there is to it: charging is complete by itself and rightly rated.
    fn or_lost(
        &mut self,
        finding: Finding,
        expected: Money,
        usage: &[Compact],
        charging: &[Compact],
    ) -> (Finding, Money) {
        let (used, charged) = (Totals::of(usage.iter()), Totals::of(charging.iter()));
        let explains = Gaps::explain(used, charged, finding.cause, self.rules)
            && self.gaps.concern(charging)
            && gap(charging.iter()).is_none();
        if !explains {
            return (finding, expected);
        }
        let amount: Money = charging.iter().map(|part| part.amount).sum();
        // Without usage the data network that was charged for is taken as it is.
        let same_network = usage.first().map(|part| part.dnn) == charging.first().map(|part| part.dnn);
        let (wrong, rated) =
            self.pricing.rating(if same_network { usage } else { charging }, charging, amount);
        match wrong {
            Some(wrong) => (wrong, rated),
            None => {
                let explanation = format!("the agent was lost that knew the usage; {}", finding.explanation);
                (Finding::new(Cause::AgentLost, explanation), rated)
            }
        }
    }

    fn serving_network(
        &self,
        usage: &[Compact],
        charging: &[Compact],
        used: Totals,
        charged: Totals,
    ) -> Option<Finding> {
        let explanation = match networks(usage, charging.iter(), self.allowed(usage)) {
            Networks::Same => return None,
            Networks::NeverServed(plmn) => format!("charged in network {}, which did not serve it", plmn),
            Networks::NeverCharged(plmn) if charged.volume() < used.volume() => {
                let explanation = format!("nothing was charged for the part in network {}", plmn);
                return Some(Finding::new(Cause::Missing, explanation).lacks(Ledger::Charging));
            }
            Networks::NeverCharged(plmn) => {
                format!("what network {} served was charged in another one", plmn)
            }
            // Where the sums differ, too, octets are wrong and not their network.
            Networks::OtherShare(_) if self.allowed(usage).agree(used, charged).is_none() => return None,
            Networks::OtherShare(plmn) => {
                format!("network {} was charged for another share than it served", plmn)
            }
        };
        let wrong = charging.iter().filter(|part| !usage.iter().any(|used| used.serving == part.serving));
        let at_least = wrong.map(|part| part.amount).sum::<Money>().abs();
        Some(Finding { at_least, ..Finding::new(Cause::ServingNetwork, explanation) })
    }

    fn difference(&mut self, finding: Finding, usage: &[Compact], charging: &[Compact], expected: Money) {
        let charged: Money = charging.iter().map(|part| part.amount).sum();
        let off = charged.checked_sub(expected).unwrap_or(charged).abs();
        let at_stake = off.max(finding.at_least.abs());
        self.tally.used(usage);
        self.tally.unreconciled(finding.cause, charging, expected, at_stake);
        let mut records = usage.iter().chain(charging);
        let charging_id = records.clone().find_map(|part| part.charging_id);
        let currency = charging.iter().find_map(|part| part.currency);
        let tariff = self.pricing.tariff().map(|tariff| tariff.currency);
        let Some(first) = records.next() else { return };
        let (Some(supi), Some(session)) = (Compact::imsi(first.supi), first.session_id()) else { return };
        let difference = Difference {
            cause: finding.cause,
            supi,
            session,
            charging_id,
            usage: self.side(usage, true),
            charging: self.side(charging, false),
            expected,
            charged,
            at_stake,
            currency: currency.or(tariff).unwrap_or(Currency::NONE),
            explanation: finding.explanation,
            lacks: finding.lacks,
        };
        self.differences.push(difference);
    }

    fn side(&self, parts: &[Compact], usage: bool) -> Option<Side> {
        let (first, last) = (parts.first()?, parts.last()?);
        let totals = Totals::of(parts.iter());
        let mut serving = Vec::new();
        let mut rates: Vec<String> = Vec::new();
        for part in parts {
            if !serving.contains(&part.serving) {
                serving.push(part.serving);
            }
            let rate = self.names.rates.get(usize::from(part.rate)).filter(|rate| !rate.is_empty());
            let rate = rate.filter(|rate| !rates.iter().any(|known| **known == ***rate));
            rates.extend(rate.map(ToString::to_string));
        }
        Some(Side {
            serving,
            dnn: self.names.dnns.get(usize::from(first.dnn))?.clone(),
            records: u32::try_from(parts.len()).unwrap_or(u32::MAX),
            from_us: parts.iter().map(|part| part.from_us).min()?,
            to_us: parts.iter().map(|part| part.to_us).max()?,
            recorded_us: parts.iter().map(|part| part.recorded_us).max().filter(|_| !usage),
            uplink: Octets(totals.uplink),
            downlink: Octets(totals.downlink),
            downlink_lost: if usage { totals.lost } else { 0 },
            uplink_lost: if usage { 0 } else { totals.lost },
            rates,
            closing: last.closing,
        })
    }
}
