//! What the tariff says of records: what should have been charged, and whether what was charged is that.

use super::checks::Finding;
use super::compact::{Compact, is_home};
use super::difference::Cause;
use super::names::FinalNames;
use crate::{Charge, Meter, Money, Part, RatedPer, RatingError, Rules, Tariff};

/// A tariff, where there is one, by the numbers that names have here.
pub(super) struct Pricing<'a> {
    tariff: Option<&'a Tariff>,
    rules: &'a Rules,
    names: &'a FinalNames,
    /// The names' numbers of the tariff's rates, and of a rate that isn't named.
    rates: Vec<Option<u16>>,
    unnamed: Option<u16>,
    meter: Meter,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(tariff: Option<&'a Tariff>, rules: &'a Rules, names: &'a FinalNames) -> Self {
        let rates = tariff.map_or_else(Vec::new, |tariff| {
            tariff.rates.iter().map(|rate| names.rate_named(&rate.name)).collect()
        });
        Self { tariff, rules, names, rates, unnamed: names.rate_named(""), meter: Meter::new() }
    }

    pub(super) fn tariff(&self) -> Option<&'a Tariff> {
        self.tariff
    }

    /// Recomputes the amounts from what was charged for, which is by now known to be what was used.
    pub(super) fn rating(
        &mut self,
        usage: &[Compact],
        charging: &[Compact],
        amount: Money,
    ) -> (Option<Finding>, Money) {
        let Some(tariff) = self.tariff else { return (None, amount) };
        let finding = |explanation: String| Some(Finding::new(Cause::Rating, explanation));
        let mut problem = None;
        let mut expected = Money::ZERO;
        self.meter.reset();
        for part in charging {
            if let Some(currency) = part.currency.filter(|currency| *currency != tariff.currency) {
                let expected = self.price(usage).0;
                let mut finding = Finding::new(
                    Cause::Rating,
                    format!("charged in {currency}, where the tariff's currency is {}", tariff.currency),
                );
                // The two amounts cannot be compared: all of it is in doubt.
                finding.at_least = amount.abs().max(expected.abs());
                return (Some(finding), expected);
            }
            let charge = match rate(tariff, &mut self.meter, self.names, self.rules, part) {
                Ok(charge) => charge,
                Err(error) => {
                    let mut finding = Finding::new(Cause::Rating, error.to_string());
                    finding.at_least = amount.abs();
                    return (Some(finding), Money::ZERO);
                }
            };
            expected = [expected, charge.amount].into_iter().sum();
            let named = Some(part.rate) == self.unnamed || Some(part.rate) == self.rates[charge.rate];
            if !named && problem.is_none() {
                let applied = self.names.rates.get(usize::from(part.rate)).map_or("", |rate| rate);
                problem = finding(format!(
                    "rate {applied:?} was applied, where the tariff's is {:?}",
                    tariff.rates[charge.rate].name
                ));
            }
        }
        if usage.first().map(|part| part.dnn) != charging.first().map(|part| part.dnn) {
            let dnn = |parts: &[Compact]| {
                parts
                    .first()
                    .and_then(|part| self.names.dnns.get(usize::from(part.dnn)))
                    .map(ToString::to_string)
            };
            let (used, charged) = (dnn(usage).unwrap_or_default(), dnn(charging).unwrap_or_default());
            problem = finding(format!("charged for DNN {charged}, where {used} was used"));
            expected = self.price(usage).0;
        } else if problem.is_none() {
            let off = amount.checked_sub(expected).map_or(i64::MAX, |off| off.abs().micros());
            if off > self.rules.rating.tolerance.micros() {
                problem = finding(format!("{amount} was charged, where the tariff gives {expected}"));
            }
        }
        (problem, expected)
    }

    /// What the tariff says of these records, and a note where it has no say.
    pub(super) fn price(&mut self, parts: &[Compact]) -> (Money, String) {
        let Some(tariff) = self.tariff else { return (Money::ZERO, String::new()) };
        self.meter.reset();
        let mut sum = Money::ZERO;
        for part in parts {
            match rate(tariff, &mut self.meter, self.names, self.rules, part) {
                Ok(charge) => sum = [sum, charge.amount].into_iter().sum(),
                Err(error) => return (sum, format!("; {error}")),
            }
        }
        (sum, String::new())
    }

    /// Whether a record names another rate than the tariff has for it.
    pub(super) fn names_another_rate(&mut self, charging: &[Compact]) -> bool {
        let Some(tariff) = self.tariff else { return false };
        self.meter.reset();
        charging.iter().any(|part| match rate(tariff, &mut self.meter, self.names, self.rules, part) {
            Ok(charge) => Some(part.rate) != self.unnamed && Some(part.rate) != self.rates[charge.rate],
            Err(_) => true,
        })
    }
}

fn rate(
    tariff: &Tariff,
    meter: &mut Meter,
    names: &FinalNames,
    rules: &Rules,
    part: &Compact,
) -> Result<Charge, RatingError> {
    let too_large = || RatingError::TooLarge(part.volume().0);
    let dnn = names.dnns.get(usize::from(part.dnn)).ok_or_else(too_large)?;
    if rules.rating.per == RatedPer::Record {
        meter.next_record();
    }
    let roaming = !is_home(part.serving, part.supi);
    let (from_us, to_us, volume) = (part.from_us, part.to_us, part.volume());
    meter.add(tariff, &Part { serving: part.serving, roaming, dnn, from_us, to_us, volume })
}
