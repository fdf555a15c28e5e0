//! Mistakes in a tariff that would otherwise show as wrong bills.

use super::{Hours, MINUTES_A_DAY, Rate, Tariff, Unit};

/// What is wrong with a tariff.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", within(*.rate))]
pub struct TariffError {
    /// The number of the rate, from 0; `None` when it is about the tariff.
    pub rate: Option<usize>,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl Tariff {
    /// Refuses a tariff without rates, a rate that counts nothing, one that can never apply, and two alike that overlap.
    pub fn check(&self) -> Result<(), TariffError> {
        if self.rates.is_empty() {
            return Err(TariffError { rate: None, message: "rates: at least one is needed".to_owned() });
        }
        self.rates.iter().enumerate().try_for_each(|(n, rate)| {
            let earlier = &self.rates[..n];
            let problem = rate.own_problem().or_else(|| rate.problem_after(earlier));
            problem.map_or(Ok(()), |message| Err(TariffError { rate: Some(n), message }))
        })
    }
}

impl Rate {
    fn own_problem(&self) -> Option<String> {
        if self.name.is_empty() {
            return Some("name: a rate needs one; charging records carry it".to_owned());
        }
        let empty = match self.unit {
            Unit::Octets(octets) => octets == 0,
            Unit::Time(time) => time.as_micros() == 0,
        };
        if empty {
            return Some(format!("per: {} is no unit: at least 1B or 1us is needed", self.unit));
        }
        if self.price.micros() < 0 {
            return Some(format!("price: {} is negative", self.price));
        }
        if self.setup.micros() < 0 {
            return Some(format!("setup: {} is negative", self.setup));
        }
        if self.first.is_some() && self.first_units().is_none() {
            let first = self.first.map(|first| first.to_string()).unwrap_or_default();
            return Some(format!(
                "first: {first} is not a whole number of units of {}: such as 30s with per: 6s is accepted",
                self.unit
            ));
        }
        None
    }

    fn problem_after(&self, earlier: &[Self]) -> Option<String> {
        if let Some(n) = earlier.iter().position(|rate| rate.name == self.name) {
            return Some(format!("name: {:?} is the name of rates[{n}], too", self.name));
        }
        let alike =
            |rate: &&Self| (rate.serving, &rate.dnn, rate.scope) == (self.serving, &self.dnn, self.scope);
        if let Some(twin) =
            earlier.iter().filter(alike).find(|rate| (rate.hours, &rate.zone) == (self.hours, &self.zone))
        {
            return Some(format!("it overlaps {:?}, which is for the same use at the same hours", twin.name));
        }
        if self.is_covered_by(earlier) {
            let covering: Vec<&str> = earlier.iter().map(|rate| rate.name.as_str()).collect();
            return Some(format!(
                "{:?} can never apply: the rates before it ({}) fit wherever it does; put the special before the general",
                self.name,
                covering.join(", ")
            ));
        }
        // A rate for some hours before one for all of them is the special before the general.
        let overlapping = |rate: &&Self| match (rate.hours, self.hours) {
            // How hours of two zones lie to each other depends on the day.
            (Some(one), Some(other)) if rate.zone == self.zone => {
                minutes().any(|minute| one.hold(minute) && other.hold(minute))
            }
            _ => false,
        };
        let twin = earlier.iter().filter(alike).find(overlapping)?;
        let hours = |hours: Option<Hours>| hours.map(|hours| hours.to_string()).unwrap_or_default();
        Some(format!(
            "hours: {} overlap those of {:?}, {}, which is for the same use",
            hours(self.hours),
            twin.name,
            hours(twin.hours)
        ))
    }

    /// Whether one of these rates fits wherever and whenever this one does.
    fn is_covered_by(&self, earlier: &[Self]) -> bool {
        let wider: Vec<&Self> = earlier
            .iter()
            .filter(|rate| rate.serving.is_none() || rate.serving == self.serving)
            .filter(|rate| rate.dnn.is_none() || rate.dnn == self.dnn)
            .filter(|rate| rate.hours.is_none() || rate.zone == self.zone)
            .collect();
        let holds = |rate: &Self, roaming: bool, minute: u16| {
            rate.scope.holds(roaming) && rate.hours.is_none_or(|hours| hours.hold(minute))
        };
        [false, true].into_iter().all(|roaming| {
            minutes().all(|minute| {
                !holds(self, roaming, minute) || wider.iter().any(|rate| holds(rate, roaming, minute))
            })
        })
    }
}

fn minutes() -> impl Iterator<Item = u16> {
    0..u16::try_from(MINUTES_A_DAY).unwrap_or_default()
}

fn within(rate: Option<usize>) -> String {
    rate.map(|n| format!("rates[{n}]: ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rates: &str) -> Result<Tariff, String> {
        Tariff::from_yaml(&format!("name: eu\ncurrency: EUR\nrates:\n{rates}"), "tariff.yaml")
    }

    #[test]
    fn special_rates_before_general_ones_are_fine() {
        let tariff = checked(
            "- {name: day, dnn: internet, scope: roaming, per: 1MB, price: 0.0020, hours: \"08:00-20:00\"}\n\
             - {name: night, dnn: internet, scope: roaming, per: 1MB, price: '0.001', hours: 20:00-08:00}\n\
             - {name: home, serving: 001/01, scope: home, per: 1s, price: \"0\", rounding: nearest, free: 10}\n\
             - {name: rest, per: 100kB, price: 1}\n",
        )
        .unwrap();
        assert_eq!(tariff.rates[0].price.micros(), 2_000);
        let json = serde_json::to_string(&tariff).unwrap();
        assert_eq!(serde_json::from_str::<Tariff>(&json).unwrap(), tariff);
    }

    #[test]
    fn a_mistake_is_named_with_its_rate() {
        for (rates, expected) in [
            ("  []", "at least one"),
            ("- {name: a, per: 0MB, price: 1}", "rates[0]: per: 0B is no unit"),
            ("- {name: a, per: 1MB, price: -1}", "rates[0]: price: -1.000000 is negative"),
            ("- {name: a, per: 1MB, price: 1}\n- {name: a, per: 1kB, price: 1, dnn: x}", "rates[1]: name"),
            (
                "- {name: a, per: 1MB, price: 1}\n- {name: b, per: 1MB, price: 2}",
                "rates[1]: it overlaps \"a\"",
            ),
            ("- {name: a, per: 1MB, price: 1}\n- {name: b, per: 1MB, price: 1, dnn: x}", "can never apply"),
            (
                "- {name: a, per: 1MB, price: 1, scope: home}\n- {name: b, per: 1MB, price: 1, scope: roaming}\n\
                 - {name: c, per: 1MB, price: 1, dnn: x}",
                "\"c\" can never apply",
            ),
            (
                "- {name: a, per: 1MB, price: 1, hours: 08:00-20:00}\n\
                 - {name: b, per: 1MB, price: 1, hours: 19:00-21:00}",
                "rates[1]: hours: 19:00-21:00 overlap those of \"a\", 08:00-20:00",
            ),
            ("- {name: a, per: 1MB, price: 1, setup: -1}", "rates[0]: setup: -1.000000 is negative"),
            (
                "- {name: a, per: 7s, price: 1, first: 30s}",
                "rates[0]: first: 30s is not a whole number of units of 7s",
            ),
            ("- {name: a, per: 1MB, price: 1, first: 30s}", "rates[0]: first: 30s is not a whole number"),
            (
                "- {name: a, per: 1s, price: 1, hours: 08:00-20:00, zone: Berlin}",
                "\"Berlin\" is no time zone",
            ),
            ("- {name: a, per: 1MB, price: 1.0000001}", "tariff.yaml:4"),
            ("- {name: a, per: 1MB, prize: 1}", "prize"),
            ("- {name: a, per: 1XB, price: 1}", "is not a unit"),
            ("- {name: a, per: 1MB, price: 1, hours: 8-20}", "are no hours"),
        ] {
            let error = checked(rates).unwrap_err();
            assert!(error.contains(expected), "{rates}: {error}");
        }
    }
}
