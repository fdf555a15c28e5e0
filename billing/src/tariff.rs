//! What a unit of use costs, where, when, and for whom.

use std::time::Duration;

use identity::{Dnn, Plmn};

use crate::{Currency, Money};

/// The prices of one run. The first rate that fits a part of a session is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// For the report.
    pub name: String,
    /// The currency of every price.
    pub currency: Currency,
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
            hours: None,
        };
        Self { name: "default".to_owned(), currency: Currency::EUR, rates: vec![everything] }
    }
}

/// One price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Its name in charging records.
    pub name: String,
    /// The serving networks that it is for; `None` for any.
    pub serving: Option<Plmn>,
    /// The data networks that it is for; `None` for any.
    pub dnn: Option<Dnn>,
    /// Whether the subscriber must be at home or roaming.
    pub scope: Scope,
    /// What is counted.
    pub unit: Unit,
    /// For each unit.
    pub price: Money,
    /// How a part of a unit is counted.
    pub rounding: Rounding,
    /// Units of each session that cost nothing.
    pub free_units: u64,
    /// The hours of the day (UTC) in which it holds; `None` for all.
    pub hours: Option<Hours>,
}

/// Where a subscriber must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Minutes since midnight, UTC.
    pub from_min: u16,
    /// Minutes since midnight, UTC.
    pub to_min: u16,
}
