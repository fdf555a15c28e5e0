//! What a session costs: integers throughout, so that a sum never depends on its order (TS 32.255 §5.2: one charging
//! session, many containers).

use identity::{Dnn, Plmn};

use crate::{Money, NoRate, Octets, Rate, Rounding, Tariff, Unit};

/// A part of a session, as it is rated.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The network that served it.
    pub serving: Plmn,
    /// Whether that is not the subscriber's home network.
    pub roaming: bool,
    /// The data network.
    pub dnn: &'a Dnn,
    /// When it began, UNIX time in µs: this decides the time of day.
    pub from_us: u64,
    /// When it ended.
    pub to_us: u64,
    /// Both directions together.
    pub volume: Octets,
}

/// What a part costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The number of the rate in the tariff.
    pub rate: usize,
    /// What the part adds to the bill.
    pub amount: Money,
}

/// Why a part cannot be rated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatingError {
    /// The tariff has no price for it.
    #[error(transparent)]
    NoRate(#[from] Box<NoRate>),
    /// The amount is beyond any bill.
    #[error("the amount for {0} octets does not fit")]
    TooLarge(u64),
}

/// Rates the parts of one session, one after the other.
///
/// A part's amount is the price of all that was used through it, less the price of all before it, within one serving
/// network and rate. So the sum is the price of the whole, however the session was cut into parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    totals: Vec<Total>,
    /// The session has begun: what it costs by itself, and the first step, are counted.
    begun: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Total {
    serving: Plmn,
    rate: usize,
    octets: u128,
    time_us: u128,
    price: Money,
    /// The session began with it.
    begins: bool,
}

impl Meter {
    /// Of a session that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rates the next part by the rate that fits it.
    pub fn add(&mut self, tariff: &Tariff, part: &Part<'_>) -> Result<Charge, RatingError> {
        let rate = tariff.rate_at(part.serving, part.roaming, part.dnn, part.from_us);
        let Some((number, _)) = rate else {
            return Err(Box::new(tariff.no_rate(part.serving, part.roaming, part.dnn)).into());
        };
        self.add_at(tariff, number, part)
    }

    /// Rates the next part by this rate, whether it fits or not.
    ///
    /// # Panics
    /// When the tariff has no rate of that number.
    pub fn add_at(&mut self, tariff: &Tariff, rate: usize, part: &Part<'_>) -> Result<Charge, RatingError> {
        let too_large = RatingError::TooLarge(part.volume.0);
        let same = |total: &Total| total.serving == part.serving && total.rate == rate;
        let n = self.totals.iter().position(same).unwrap_or_else(|| {
            let (serving, price) = (part.serving, Money::ZERO);
            let begins = !std::mem::replace(&mut self.begun, true);
            self.totals.push(Total { serving, rate, octets: 0, time_us: 0, price, begins });
            self.totals.len() - 1
        });
        let total = &mut self.totals[n];
        let octets = total.octets + u128::from(part.volume.0);
        let time_us = total.time_us + u128::from(part.to_us.saturating_sub(part.from_us));
        let price =
            tariff.rates[rate].price_of(octets, time_us, total.begins).ok_or_else(|| too_large.clone())?;
        let amount = price.checked_sub(total.price).ok_or(too_large)?;
        (total.octets, total.time_us, total.price) = (octets, time_us, price);
        Ok(Charge { rate, amount })
    }

    /// Ready for another session, keeping its memory.
    pub(crate) fn reset(&mut self) {
        self.totals.clear();
        self.begun = false;
    }

    /// Ready for another record of the same session, which is rated by itself.
    pub(crate) fn next_record(&mut self) {
        self.totals.clear();
    }
}

impl Rate {
    /// The price of so much use in one session, which began at this rate or went on at it. `None` when it does not fit.
    pub fn price_of(&self, octets: u128, time_us: u128, begins: bool) -> Option<Money> {
        let (used, unit) = match self.unit {
            Unit::Octets(unit) => (octets, u128::from(unit)),
            Unit::Time(unit) => (time_us, unit.as_micros()),
        };
        let (whole, rest) = (used.checked_div(unit)?, used % unit);
        let counted = match self.rounding {
            Rounding::Up => whole + u128::from(rest > 0),
            Rounding::Down => whole,
            Rounding::Nearest => whole + u128::from(rest * 2 >= unit),
        };
        let first = if begins && used > 0 { self.first_units().unwrap_or_default() } else { 0 };
        let units = counted.max(first);
        let paid = i128::try_from(units.saturating_sub(u128::from(self.free_units))).ok()?;
        let micros = paid.checked_mul(i128::from(self.price.micros()))?;
        let setup = if begins { i128::from(self.setup.micros()) } else { 0 };
        i64::try_from(micros.checked_add(setup)?).ok().map(Money::from_micros)
    }

    /// How many units the first step has; `None` where that is no whole number, or there is none.
    pub(crate) fn first_units(&self) -> Option<u128> {
        let (first, unit) = match (self.first?, self.unit) {
            (Unit::Octets(first), Unit::Octets(unit)) => (u128::from(first), u128::from(unit)),
            (Unit::Time(first), Unit::Time(unit)) => (first.as_micros(), unit.as_micros()),
            _ => return None,
        };
        first.checked_div(unit).filter(|units| units * unit == first && *units > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tariff() -> Tariff {
        Tariff::from_yaml(
            "name: eu\ncurrency: EUR\nrates:\n\
             - {name: seconds, dnn: voice, per: 1s, price: 0.0001, rounding: nearest}\n\
             - {name: day, dnn: internet, scope: roaming, per: 1kB, price: 0.002, hours: 08:00-20:00}\n\
             - {name: night, dnn: internet, scope: roaming, per: 1kB, price: 0.001, free: 10}\n\
             - {name: home, dnn: internet, serving: 001/01, per: 1MB, price: 0.5, rounding: down}\n",
            "tariff.yaml",
        )
        .unwrap()
    }

    fn part<'a>(dnn: &'a Dnn, serving: &str, from_s: u64, to_s: u64, octets: u64) -> Part<'a> {
        let serving: Plmn = serving.parse().unwrap();
        Part {
            serving,
            roaming: serving != "001/01".parse().unwrap(),
            dnn,
            from_us: from_s * 1_000_000,
            to_us: to_s * 1_000_000,
            volume: Octets(octets),
        }
    }

    #[test]
    fn amounts_follow_the_tariff() {
        let (tariff, internet, voice) = (tariff(), "internet".parse().unwrap(), "voice".parse().unwrap());
        let noon = 12 * 3_600;
        for (part, rate, micros) in [
            (part(&internet, "002/02", noon, noon + 1, 1_001), 1, 4_000),
            (part(&internet, "002/02", 0, 1, 10_000), 2, 0),
            (part(&internet, "002/02", 0, 1, 10_001), 2, 1_000),
            (part(&internet, "001/01", noon, noon + 1, 1_999_999), 3, 500_000),
            (part(&voice, "001/01", 5, 8, 0), 0, 300),
        ] {
            let charge = Meter::new().add(&tariff, &part).unwrap();
            assert_eq!(charge, Charge { rate, amount: Money::from_micros(micros) });
        }
    }

    /// 30 s at least, then every 6 s, and a fee for the session.
    #[test]
    fn a_session_is_set_up_once_and_its_first_step_is_longer() {
        let tariff = Tariff::from_yaml(
            "name: voice\ncurrency: EUR\nzone: Europe/Berlin\nrates:\n\
             - {name: day, per: 6s, price: 0.01, setup: 0.05, first: 30s, hours: 08:00-20:00}\n\
             - {name: night, per: 6s, price: 0.001, setup: 0.02, first: 30s}\n",
            "tariff.yaml",
        )
        .unwrap();
        let dnn = "ims".parse().unwrap();
        // 12:00 and 19:30 UTC on 1 July 2026: 14:00 and 21:30 there.
        let (noon, evening) = (1_782_907_200, 1_782_934_200);
        let cost = |parts: &[(u64, u64)]| {
            let mut meter = Meter::new();
            let cost = |&(from, to): &(u64, u64)| {
                meter.add(&tariff, &part(&dnn, "001/01", from, to, 0)).unwrap().amount
            };
            Money::total(parts.iter().map(cost)).unwrap().micros()
        };
        assert_eq!(cost(&[(noon, noon)]), 50_000, "nothing was used");
        assert_eq!(cost(&[(noon, noon + 1)]), 100_000);
        assert_eq!(cost(&[(noon, noon + 30)]), 100_000);
        assert_eq!(cost(&[(noon, noon + 31)]), 110_000);
        assert_eq!(cost(&[(noon, noon + 10), (noon + 10, noon + 31)]), 110_000);
        assert_eq!(cost(&[(evening, evening + 31)]), 26_000);
        // The other rate goes on without its own.
        assert_eq!(cost(&[(noon, noon + 60), (evening, evening + 6)]), 50_000 + 100_000 + 1_000);
    }

    #[test]
    fn a_use_without_a_rate_is_named() {
        let ims = "ims".parse().unwrap();
        let error = Meter::new().add(&tariff(), &part(&ims, "002/02", 0, 1, 1)).unwrap_err();
        assert_eq!(error.to_string(), "tariff eu has no rate for DNN ims in network 002/02 (roaming)");
    }

    #[test]
    fn an_amount_that_does_not_fit_is_an_error() {
        let mut tariff = Tariff::default();
        tariff.rates[0].unit = Unit::Octets(1);
        tariff.rates[0].price = Money::from_micros(i64::MAX);
        let dnn = "internet".parse().unwrap();
        let error = Meter::new().add(&tariff, &part(&dnn, "001/01", 0, 1, u64::MAX)).unwrap_err();
        assert_eq!(error, RatingError::TooLarge(u64::MAX));
    }

    proptest! {
        /// However a session is cut into parts, they cost what the whole costs.
        #[test]
        fn the_sum_of_the_parts_is_the_price_of_the_whole(
            volumes in prop::collection::vec(0u64..5_000_000, 1..20),
            free in 0u64..20,
            unit in 1u64..2_000_000,
            setup in 0i64..1_000_000,
            first in 0u64..50,
            rounding in prop::sample::select(vec![Rounding::Up, Rounding::Down, Rounding::Nearest]),
        ) {
            let mut tariff = Tariff::default();
            tariff.rates[0].unit = Unit::Octets(unit);
            tariff.rates[0].free_units = free;
            tariff.rates[0].setup = Money::from_micros(setup);
            tariff.rates[0].first = (first > 0).then(|| Unit::Octets(unit * first));
            tariff.rates[0].rounding = rounding;
            let dnn = "internet".parse().unwrap();
            let mut meter = Meter::new();
            let parts = volumes.iter().map(|&octets| {
                meter.add(&tariff, &part(&dnn, "001/01", 0, 1, octets)).unwrap().amount
            });
            let sum: Money = parts.sum();
            let whole = part(&dnn, "001/01", 0, 1, volumes.iter().sum());
            prop_assert_eq!(sum, Meter::new().add(&tariff, &whole).unwrap().amount);
        }
    }
}
