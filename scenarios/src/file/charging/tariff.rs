//! A tariff as it is written: its prices, in order of precedence.

use std::fmt;

use billing::{Currency, Rate, Rounding, Scope, Tariff, Unit};
use identity::{Dnn, Plmn};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::file::at::{At, every};
use crate::units::{DurationText, HoursText, Price, Volume};
use crate::yaml::Complaint;

/// The prices of a run. The first rate that fits a part of a session is applied.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with rates")]
pub(super) struct TariffFile {
    /// For the report.
    #[serde(default = "default_name")]
    name: String,
    /// The currency of every price, ISO 4217.
    #[serde(default = "default_currency")]
    #[schemars(with = "String", regex(pattern = "^[A-Z]{3}$"))]
    currency: Currency,
    /// In order of precedence.
    #[schemars(length(min = 1))]
    rates: Vec<RateFile>,
}

/// One price.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with name, unit and price")]
struct RateFile {
    /// Its name in charging records.
    #[schemars(length(min = 1))]
    name: String,
    /// The serving network that it is for. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serving: Option<Plmn>,
    /// The data network that it is for. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dnn: Option<Dnn>,
    /// Whether the subscriber must be at home or roaming.
    #[serde(default)]
    scope: ScopeFile,
    /// What is counted: an amount of data, both directions together, or a time.
    unit: UnitFile,
    /// For each unit.
    price: Price,
    /// How a part of a unit is counted.
    #[serde(default)]
    rounding: RoundingFile,
    /// Units of each session that cost nothing.
    #[serde(default)]
    free_units: u64,
    /// The hours of the day, UTC, in which it holds. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours: Option<HoursText>,
}

/// Where a subscriber must be.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ScopeFile {
    /// Anywhere.
    #[default]
    Anywhere,
    /// In the home network.
    Home,
    /// In another one.
    Roaming,
}

/// How a part of a unit is counted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum RoundingFile {
    /// As a whole one.
    #[default]
    Up,
    /// Not at all.
    Down,
    /// To the nearest, a half as a whole one.
    Nearest,
}

/// An amount of data or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitFile {
    Data(Volume),
    Time(DurationText),
}

pub(super) fn check(file: TariffFile, at: &At<'_>) -> Result<Tariff, Complaint> {
    let TariffFile { name, currency, rates } = file;
    let rates =
        every(rates, &at.field("rates"), "rate such as {name: data, unit: 100kB, price: 0.001}", rate)?;
    for (index, rate) in rates.iter().enumerate() {
        let at = at.field("rates").item(index);
        let twice = rates[..index].iter().any(|earlier| earlier.name == rate.name);
        at.field("name").require(!twice, || {
            format!("two rates are called {:?}: a name of its own is expected for each", rate.name)
        })?;
    }
    super::coverage::without_overlap(&rates, &at.field("rates"))?;
    Ok(Tariff { name, currency, rates })
}

fn rate(file: RateFile, at: &At<'_>) -> Result<Rate, Complaint> {
    let RateFile { name, serving, dnn, scope, unit, price, rounding, free_units, hours } = file;
    // It goes into a column of the ledger.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._- /".contains(letter);
    at.field("name").require(!name.is_empty() && name.len() <= 64 && name.chars().all(plain), || {
        format!("{name:?} is no name: 1 to 64 letters, digits, blanks, dots, dashes, slashes and underscores")
    })?;
    let unit = match unit {
        UnitFile::Data(Volume(octets)) => Unit::Octets(octets),
        UnitFile::Time(time) => Unit::Time(time.0),
    };
    at.field("unit").require(
        !matches!(unit, Unit::Octets(0)) && !matches!(unit, Unit::Time(time) if time.is_zero()),
        || "nothing is counted: more is expected, such as 100kB or 60s".to_owned(),
    )?;
    let scope = match scope {
        ScopeFile::Anywhere => Scope::Anywhere,
        ScopeFile::Home => Scope::Home,
        ScopeFile::Roaming => Scope::Roaming,
    };
    let rounding = match rounding {
        RoundingFile::Up => Rounding::Up,
        RoundingFile::Down => Rounding::Down,
        RoundingFile::Nearest => Rounding::Nearest,
    };
    let (price, hours) = (price.0, hours.map(|hours| hours.0));
    Ok(Rate { name, serving, dnn, scope, unit, price, rounding, free_units, hours })
}

impl From<&Tariff> for TariffFile {
    fn from(tariff: &Tariff) -> Self {
        let rates = tariff.rates.iter().map(RateFile::from).collect();
        Self { name: tariff.name.clone(), currency: tariff.currency, rates }
    }
}

impl From<&Rate> for RateFile {
    fn from(rate: &Rate) -> Self {
        Self {
            name: rate.name.clone(),
            serving: rate.serving,
            dnn: rate.dnn.clone(),
            scope: match rate.scope {
                Scope::Anywhere => ScopeFile::Anywhere,
                Scope::Home => ScopeFile::Home,
                Scope::Roaming => ScopeFile::Roaming,
            },
            unit: match rate.unit {
                Unit::Octets(octets) => UnitFile::Data(Volume(octets)),
                Unit::Time(time) => UnitFile::Time(DurationText(time)),
            },
            price: Price(rate.price),
            rounding: match rate.rounding {
                Rounding::Up => RoundingFile::Up,
                Rounding::Down => RoundingFile::Down,
                Rounding::Nearest => RoundingFile::Nearest,
            },
            free_units: rate.free_units,
            hours: rate.hours.map(HoursText),
        }
    }
}

impl Serialize for UnitFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Data(volume) => volume.serialize(serializer),
            Self::Time(time) => time.serialize(serializer),
        }
    }
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for UnitFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(UnitVisitor)
    }
}

struct UnitVisitor;

impl Visitor<'_> for UnitVisitor {
    type Value = UnitFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of data such as 100kB, or a time such as 60s")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<UnitFile, E> {
        if text.ends_with('B') {
            return text.parse().map(UnitFile::Data).map_err(E::custom);
        }
        text.parse().map(UnitFile::Time).map_err(|_| {
            E::custom(format!("{text:?} is neither an amount of data such as 100kB nor a time such as 60s"))
        })
    }
}

impl JsonSchema for UnitFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Unit".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (data, time) = (generator.subschema_for::<Volume>(), generator.subschema_for::<DurationText>());
        json_schema!({ "description": "An amount of data or a time.", "anyOf": [data, time] })
    }
}

fn default_name() -> String {
    "inline".to_owned()
}

fn default_currency() -> Currency {
    Currency::EUR
}
