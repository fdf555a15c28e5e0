//! What a unit of use costs, where, when, and for whom.

use std::time::Duration;

use identity::{Dnn, Plmn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv::network_identifier;
use crate::{Currency, Money};

mod check;
mod text;
mod zone;

pub use check::TariffError;
pub use zone::Zone;

/// The prices of one run. The first rate that fits a part of a session is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// For the report.
    pub name: String,
    /// The currency of every price.
    pub currency: Currency,
    /// The zone of the rates' hours; UTC where it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// In order of precedence.
    pub rates: Vec<Rate>,
}

/// One price for everything: 0.001 EUR for each 100,000 octets or part of them.
impl Default for Tariff {
    fn default() -> Self {
        let everything = Rate {
            name: "everything".to_owned(),
            serving: None,
            dnn: None,
            scope: Scope::Anywhere,
            unit: Unit::Octets(100_000),
            price: Money::from_micros(1_000),
            rounding: Rounding::Up,
            free_units: 0,
            setup: Money::ZERO,
            first: None,
            hours: None,
            zone: None,
        };
        Self { name: "default".to_owned(), currency: Currency::EUR, zone: None, rates: vec![everything] }
    }
}

/// One price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Its name in charging records.
    pub name: String,
    /// The serving networks that it is for; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Plmn>,
    /// The data networks that it is for; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnn: Option<Dnn>,
    /// Whether the subscriber must be at home or roaming.
    #[serde(default)]
    pub scope: Scope,
    /// What is counted.
    #[serde(rename = "per")]
    pub unit: Unit,
    /// For each unit.
    #[serde(with = "text::money")]
    #[schemars(schema_with = "text::price_schema")]
    pub price: Money,
    /// How a part of a unit is counted.
    #[serde(default)]
    pub rounding: Rounding,
    /// Units of each session, in each serving network, that cost nothing.
    #[serde(default, rename = "free")]
    pub free_units: u64,
    /// What a session costs by itself, once, at the rate at which it begins.
    #[serde(default, with = "text::money", skip_serializing_if = "Money::is_zero")]
    #[schemars(schema_with = "text::price_schema")]
    pub setup: Money,
    /// What is counted at least of a session that begins at this rate and uses anything: 30s, where it then goes on in steps of
    /// 6s. A whole number of units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Unit>,
    /// The hours of the day in which it holds; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The zone of its hours; that of the tariff where it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// Where a subscriber must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Anywhere.
    #[default]
    Anywhere,
    /// In the home network.
    Home,
    /// In another one.
    Roaming,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many octets, both directions together.
    Octets(u64),
    /// So much time.
    Time(Duration),
}

/// How a part of a unit is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// As a whole one.
    #[default]
    Up,
    /// Not at all.
    Down,
    /// To the nearest, a half as a whole one.
    Nearest,
}

/// A time of the day, from one minute to before another, over midnight when `to` is not later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Minutes since midnight, in the zone of the rate.
    pub from_min: u16,
    /// Minutes since midnight, likewise.
    pub to_min: u16,
}

/// A tariff has no price for a use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tariff {tariff} has no rate for DNN {dnn} in network {serving} ({})", place(*.roaming))]
pub struct NoRate {
    /// The tariff's name.
    pub tariff: String,
    /// The data network.
    pub dnn: Dnn,
    /// The serving network.
    pub serving: Plmn,
    /// Whether the subscriber was not at home.
    pub roaming: bool,
}

impl Tariff {
    /// Reads a tariff file. The error names file, line and field.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, String> {
        let tariff: Self = crate::yaml::read(text, file)?;
        tariff.check().map_err(|error| format!("{file}: {error}"))?;
        Ok(tariff)
    }

    /// The rate for a use that began at this time (UNIX time in µs), and its number.
    pub fn rate_for(&self, serving: Plmn, home: Plmn, dnn: &Dnn, at_us: u64) -> Option<(usize, &Rate)> {
        self.rate_at(serving, serving != home, dnn, at_us)
    }

    /// The same where only roaming or not is known.
    pub(crate) fn rate_at(
        &self,
        serving: Plmn,
        roaming: bool,
        dnn: &Dnn,
        at_us: u64,
    ) -> Option<(usize, &Rate)> {
        self.rates.iter().enumerate().find(|(_, rate)| {
            rate.serving.is_none_or(|plmn| plmn == serving)
                && rate.dnn.as_ref().is_none_or(|name| name == dnn || same_network(name, dnn))
                && rate.scope.holds(roaming)
                && rate.hours.is_none_or(|hours| hours.hold(self.minute_at(rate, at_us)))
        })
    }

    /// The minute of the day by which a rate's hours are judged.
    fn minute_at(&self, rate: &Rate, at_us: u64) -> u16 {
        let zone = rate.zone.as_ref().or(self.zone.as_ref());
        let utc = || u16::try_from(at_us / MINUTE_US % MINUTES_A_DAY).unwrap_or_default();
        zone.and_then(|zone| zone.minute_at(at_us)).unwrap_or_else(utc)
    }

    /// The error for a use without a rate.
    pub(crate) fn no_rate(&self, serving: Plmn, roaming: bool, dnn: &Dnn) -> NoRate {
        NoRate { tariff: self.name.clone(), dnn: dnn.clone(), serving, roaming }
    }

    /// When, after this time, another rate may hold: the next of all the rates' hours. `None` when they hold all day.
    pub fn next_change_us(&self, after_us: u64) -> Option<u64> {
        let day_us = 24 * 60 * MINUTE_US;
        let midnight = after_us - after_us % day_us;
        let rates = self.rates.iter().filter_map(|rate| Some((rate.hours?, rate)));
        let times = rates.filter_map(|(hours, rate)| {
            let minutes = [hours.from_min, hours.to_min];
            if let Some(zone) = rate.zone.as_ref().or(self.zone.as_ref()) {
                return zone.next_us(after_us, &minutes);
            }
            let of_day = minutes.map(|min| midnight.saturating_add(u64::from(min) * MINUTE_US));
            let times = of_day.into_iter().flat_map(|today| [today, today.saturating_add(day_us)]);
            times.filter(|time| *time > after_us).min()
        });
        times.min()
    }
}

impl Scope {
    pub(crate) fn holds(self, roaming: bool) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Home => !roaming,
            Self::Roaming => roaming,
        }
    }
}

impl Hours {
    /// Whether they hold in this minute of the day.
    pub(crate) fn hold(self, minute: u16) -> bool {
        if self.from_min < self.to_min {
            (self.from_min..self.to_min).contains(&minute)
        } else {
            minute >= self.from_min || minute < self.to_min
        }
    }
}

/// Whether two names are of one data network, with its operator identifier or without.
fn same_network(one: &Dnn, other: &Dnn) -> bool {
    let (one, other) = (network_identifier(one.as_str()), network_identifier(other.as_str()));
    one.eq_ignore_ascii_case(other)
}

fn place(roaming: bool) -> &'static str {
    if roaming { "roaming" } else { "at home" }
}

const MINUTE_US: u64 = 60_000_000;
const MINUTES_A_DAY: u64 = 24 * 60;
