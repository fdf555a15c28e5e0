//! How the columns of a lab's charging system stand for ours: `mapping.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::form::digits;
use super::layout::Place;
use super::{Column, Form, Ledger, TimeForm};
use crate::{Money, Octets};

/// How a foreign ledger is read: for each of our fields, their column or a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What stands between two fields; a comma where nothing is said.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Our field, and where it is found.
    pub columns: BTreeMap<String, Source>,
    /// Our field, and what it is in every record.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
}

/// Where a field is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Source {
    /// In this column, in our form.
    Column(String),
    /// In a column, in another form.
    Detailed(Detailed),
}

/// A column in another form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detailed {
    /// Their name of the column.
    pub column: String,
    /// How a time is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeForm>,
    /// How much one stands for: `1kB` for a volume in kilobytes, `0.01` for an amount in cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Their word, and ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// The mappings of both ledgers, as a file has them. A ledger without one has our own columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mappings {
    /// Of the usage ledger.
    #[serde(default)]
    pub usage: Option<Mapping>,
    /// Of the charging ledger.
    #[serde(default)]
    pub charging: Option<Mapping>,
}

impl Mappings {
    /// Reads a mapping file. The error names file, line and field.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, String> {
        let mappings: Self = crate::yaml::read(text, file)?;
        for (ledger, mapping) in [(Ledger::Usage, &mappings.usage), (Ledger::Charging, &mappings.charging)] {
            if let Some(mapping) = mapping {
                mapping.check(ledger).map_err(|error| format!("{file}: {ledger}.{error}"))?;
            }
        }
        Ok(mappings)
    }

    /// The mapping of one ledger.
    pub(crate) fn of(&self, ledger: Ledger) -> Option<&Mapping> {
        match ledger {
            Ledger::Usage => self.usage.as_ref(),
            Ledger::Charging => self.charging.as_ref(),
        }
    }
}

impl Mapping {
    pub(crate) fn delimiter(&self) -> u8 {
        u8::try_from(self.delimiter).unwrap_or(b',')
    }

    /// Checks what can be checked without the file. The error names the field.
    pub fn check(&self, ledger: Ledger) -> Result<(), String> {
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\n' | '\r') {
            return Err(format!(
                "delimiter: {:?} cannot be one: a single ASCII character such as ; is accepted",
                self.delimiter
            ));
        }
        for (name, source) in &self.columns {
            let column = named(ledger, "columns", name)?;
            if self.constants.contains_key(name) {
                return Err(format!("{name} has a column and a constant: one of them is accepted"));
            }
            source.form(column).map_err(|error| format!("columns.{name}: {error}"))?;
        }
        for name in self.constants.keys() {
            named(ledger, "constants", name)?;
        }
        let given = |column: &&Column| {
            self.columns.contains_key(column.as_str()) || self.constants.contains_key(column.as_str())
        };
        match REQUIRED.iter().find(|column| !given(column)) {
            Some(column) => Err(format!("the field {column} is missing: give it a column or a constant")),
            None => Ok(()),
        }
    }

    /// Fills in where each field stands. `find` tells the number of one of their columns.
    pub(crate) fn places(
        &self,
        ledger: Ledger,
        find: impl Fn(&str) -> Option<usize>,
        places: &mut [Place; Column::COUNT],
    ) -> Result<(), String> {
        self.check(ledger).map_err(|error| format!("the mapping's {ledger}.{error}"))?;
        for (name, source) in &self.columns {
            let column = named(ledger, "columns", name)?;
            let theirs = source.column();
            let n = find(theirs).ok_or_else(|| {
                format!("there is no column {theirs:?}, in which the mapping expects {name}")
            })?;
            places[column.number()] = Place::Field(n, source.form(column)?);
        }
        for (name, value) in &self.constants {
            places[named(ledger, "constants", name)?.number()] = Place::Constant(value.as_str().into());
        }
        Ok(())
    }
}

impl Source {
    fn column(&self) -> &str {
        match self {
            Self::Column(column) | Self::Detailed(Detailed { column, .. }) => column,
        }
    }

    fn form(&self, column: Column) -> Result<Form, String> {
        let mut form = Form { foreign: true, ..Form::default() };
        let Self::Detailed(detailed) = self else { return Ok(form) };
        form.time = detailed.time.unwrap_or_default();
        let pair = |(theirs, ours): (&String, &String)| (theirs.as_str().into(), ours.as_str().into());
        form.values = detailed.values.iter().map(pair).collect();
        let is_time = matches!(column, Column::OpenedUs | Column::FromUs | Column::ToUs | Column::RecordedUs);
        if detailed.time.is_some() && !is_time {
            return Err("time: this field is no time".to_owned());
        }
        let Some(unit) = &detailed.unit else { return Ok(form) };
        form.unit = Some(match column {
            Column::Uplink | Column::Downlink => unit.parse::<Octets>()?.0,
            Column::Amount => {
                let micros = unit.parse::<Money>()?.micros();
                u64::try_from(micros).map_err(|_| format!("unit: {unit} is negative"))?
            }
            _ => return Err("unit: only volumes and the amount have one".to_owned()),
        });
        match form.unit {
            Some(0) => Err(format!("unit: {unit} is nothing")),
            _ => Ok(form),
        }
    }
}

fn named(ledger: Ledger, place: &str, name: &str) -> Result<Column, String> {
    ledger.columns().iter().copied().find(|column| column.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = ledger.columns().iter().map(|column| column.as_str()).collect();
        format!("{place}.{name}: a {ledger} record has no such field: {} are", names.join(", "))
    })
}

/// A PLMN without a slash, as many systems write it: the first three digits are the MCC.
pub(crate) fn plmn_digits(text: &str) -> Option<String> {
    digits(text)?;
    let (mcc, mnc) = text.split_at_checked(3)?;
    Some(format!("{mcc}/{mnc}"))
}

fn comma() -> char {
    ','
}

/// What a record cannot be understood without.
const REQUIRED: [Column; 8] = [
    Column::Supi,
    Column::Session,
    Column::Serving,
    Column::Dnn,
    Column::FromUs,
    Column::ToUs,
    Column::Uplink,
    Column::Downlink,
];
