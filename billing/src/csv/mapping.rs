//! How the columns of a lab's charging system stand for ours: `mapping.yaml`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::Place;
use super::number::NumberForm;
use super::source::{Detailed, Source};
use super::{Column, Encoding, Form, Ledger, time, value};
use crate::{Money, Octets, Rounding};

/// How a foreign ledger is read: for each of our fields, their column or a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What stands between two fields; a comma where nothing is said.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// How its octets stand for text; UTF-8 where nothing is said.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands before a fraction; a point where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// What stands between groups of three digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// What becomes of a fraction of an octet, or of a millionth of a currency: the nearest where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// The zone of times that do not say how far they are ahead of UTC, such as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Our field, and where it is found.
    pub columns: BTreeMap<String, Source>,
    /// Our field, and what it is in every record.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
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

/// What is wrong with a mapping, and the word of the file where that is.
#[derive(Debug)]
struct Mistake {
    message: String,
    word: String,
}

impl Mappings {
    /// Reads a mapping file. The error names file, line and field.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, String> {
        let mappings: Self = crate::yaml::read(text, file)?;
        for (ledger, mapping) in [(Ledger::Usage, &mappings.usage), (Ledger::Charging, &mappings.charging)] {
            let Some(mapping) = mapping else { continue };
            mapping.find_mistake(ledger).map_err(|mistake| {
                let place =
                    line_of(text, ledger, &mistake.word).map_or_else(String::new, |line| format!(":{line}"));
                format!("{file}{place}: {ledger}.{}", mistake.message)
            })?;
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

/// The line of the mapping of a ledger that has this word, from 1.
fn line_of(text: &str, ledger: Ledger, word: &str) -> Option<usize> {
    let begins = |line: &str| line.starts_with(ledger.as_str());
    let from = text.lines().position(begins)?;
    let found = text.lines().skip(from).position(|line| !word.is_empty() && line.contains(word));
    Some(from + found.unwrap_or(0) + 1)
}

impl Mapping {
    pub(crate) fn delimiter(&self) -> u8 {
        u8::try_from(self.delimiter).unwrap_or(b',')
    }

    /// Checks what can be checked without the file. The error names the field.
    ///
    /// # Errors
    /// What is wrong with it, and what is accepted.
    pub fn check(&self, ledger: Ledger) -> Result<(), String> {
        self.find_mistake(ledger).map_err(|mistake| mistake.message)
    }

    fn find_mistake(&self, ledger: Ledger) -> Result<(), Mistake> {
        let mistake = |word: &str, message: String| Mistake { message, word: word.to_owned() };
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\n' | '\r') {
            return Err(mistake(
                "delimiter",
                format!(
                    "delimiter: {:?} cannot be one: a single ASCII character such as ; is accepted",
                    self.delimiter
                ),
            ));
        }
        self.number().map_err(|message| mistake("decimal", message))?;
        self.time_zone().map_err(|message| mistake("zone", message))?;
        for (name, source) in &self.columns {
            let column = named(ledger, "columns", name).map_err(|message| mistake(name, message))?;
            if self.constants.contains_key(name) {
                let message = format!("{name} has a column and a constant: one of them is accepted");
                return Err(mistake(name, message));
            }
            let form = source.form(self, column);
            let form = form.map_err(|message| mistake(name, format!("columns.{name}: {message}")))?;
            for (theirs, ours) in &form.values {
                let found = value::check_value(column, ours);
                found.map_err(|why| mistake(ours, format!("columns.{name}.values.{theirs}: {why}")))?;
            }
        }
        for (name, value) in &self.constants {
            let column = named(ledger, "constants", name).map_err(|message| mistake(name, message))?;
            let found = value::check_value(column, value);
            found.map_err(|why| mistake(name, format!("constants.{name}: {why}")))?;
        }
        let given = |column: &&Column| {
            self.columns.contains_key(column.as_str()) || self.constants.contains_key(column.as_str())
        };
        match REQUIRED.iter().find(|column| !given(column)) {
            Some(column) => Err(mistake(
                "",
                format!("columns: the field {column} is missing: give it a column or a constant"),
            )),
            None => Ok(()),
        }
    }

    /// How its numbers are written, as far as no column says otherwise.
    pub(super) fn number(&self) -> Result<NumberForm, String> {
        number_form(self.decimal, self.thousands, self.rounding, NumberForm::default())
    }

    pub(super) fn time_zone(&self) -> Result<Option<TimeZone>, String> {
        self.zone.as_deref().map(time::zone).transpose().map_err(|error| format!("zone: {error}"))
    }

    /// Fills in where each field stands. `find` tells the number of one of their columns, or why it has none.
    pub(crate) fn places(
        &self,
        ledger: Ledger,
        find: impl Fn(&str) -> Result<Option<usize>, String>,
        places: &mut [Place; Column::COUNT],
    ) -> Result<(), String> {
        self.check(ledger).map_err(|error| format!("the mapping's {ledger}.{error}"))?;
        for (name, source) in &self.columns {
            let column = named(ledger, "columns", name)?;
            let theirs = source.column();
            let n = find(theirs)?.ok_or_else(|| {
                format!("there is no column {theirs:?}, in which the mapping expects {name}")
            })?;
            places[column.number()] = Place::Field(n, Box::new(source.form(self, column)?));
        }
        for (name, value) in &self.constants {
            places[named(ledger, "constants", name)?.number()] = Place::Constant(value.as_str().into());
        }
        Ok(())
    }
}

impl Source {
    /// Their name of the column.
    pub(crate) fn column(&self) -> &str {
        match self {
            Self::Column(column) | Self::Detailed(Detailed { column, .. }) => column,
        }
    }

    fn form(&self, mapping: &Mapping, column: Column) -> Result<Form, String> {
        let number = mapping.number()?;
        let mut form = Form { foreign: true, number, zone: mapping.time_zone()?, ..Form::default() };
        let Self::Detailed(detailed) = self else { return Ok(form) };
        form.number = number_form(detailed.decimal, detailed.thousands, detailed.rounding, number)?;
        let pair = |(theirs, ours): (&String, &String)| (theirs.as_str().into(), ours.as_str().into());
        form.values = detailed.values.iter().map(pair).collect();
        let is_time = matches!(column, Column::OpenedUs | Column::FromUs | Column::ToUs | Column::RecordedUs);
        if (detailed.time.is_some() || detailed.zone.is_some()) && !is_time {
            return Err("time: this field is no time".to_owned());
        }
        form.time = detailed.time.clone().unwrap_or_default();
        if let Some(name) = &detailed.zone {
            form.zone = Some(time::zone(name).map_err(|error| format!("zone: {error}"))?);
        }
        let pattern_without_zone = matches!(form.time, time::TimeForm::Pattern(_) | time::TimeForm::Compact)
            && form.time.may_be_local();
        if pattern_without_zone && form.zone.is_none() && !matches!(form.time, time::TimeForm::Compact) {
            return Err(format!(
                "time: {} says no offset from UTC: give a zone beside it, such as zone: Europe/Berlin or zone: UTC",
                form.time
            ));
        }
        form.hexadecimal = match (detailed.radix, column) {
            (None | Some(10), _) => false,
            (Some(16), Column::ChargingId) => true,
            (Some(radix), _) => {
                return Err(format!(
                    "radix: {radix}: a charging identifier may have 16, everything else has 10"
                ));
            }
        };
        let Some(unit) = &detailed.unit else { return Ok(form) };
        form.unit = Some(match column {
            Column::Uplink | Column::Downlink => {
                unit.parse::<Octets>().map_err(|error| format!("unit: {error}"))?.0
            }
            Column::Amount => {
                let micros = unit.parse::<Money>().map_err(|error| format!("unit: {error}"))?.micros();
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

fn number_form(
    decimal: Option<char>,
    thousands: Option<char>,
    rounding: Option<Rounding>,
    otherwise: NumberForm,
) -> Result<NumberForm, String> {
    let decimal = decimal.unwrap_or(otherwise.decimal);
    let thousands = thousands.or(otherwise.thousands).filter(|thousands| *thousands != decimal);
    if !matches!(decimal, '.' | ',') {
        return Err(format!("decimal: {decimal:?} stands before no fraction: \".\" or \",\" does"));
    }
    if let Some(thousands) = thousands.filter(char::is_ascii_alphanumeric) {
        return Err(format!(
            "thousands: {thousands:?} cannot stand between digits: such as \".\" or \" \" can"
        ));
    }
    Ok(NumberForm { decimal, thousands, rounding: rounding.unwrap_or(otherwise.rounding) })
}

fn named(ledger: Ledger, place: &str, name: &str) -> Result<Column, String> {
    ledger.columns().iter().copied().find(|column| column.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = ledger.columns().iter().map(|column| column.as_str()).collect();
        format!("{place}.{name}: a {ledger} record has no such field: {} are", names.join(", "))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: &str = "charging:\n  delimiter: ';'\n  decimal: ','\n  zone: Europe/Berlin\n  columns:\n    supi: IMSI\n\
                           \x20   serving: VPLMN\n    dnn: APN\n    from_us: {column: Start, time: '%d.%m.%Y %H:%M:%S'}\n\
                           \x20   to_us: {column: End, time: compact}\n    uplink: {column: UL, unit: 1KiB, rounding: up}\n\
                           \x20   downlink: DL\n    closing: {column: Cause, values: {NORMAL: released}}\n\
                           \x20 constants: {session: '1', currency: EUR}\n";

    #[test]
    fn a_mistake_in_a_mapping_is_named_with_its_line_and_what_is_accepted() {
        assert!(Mappings::from_yaml(MAPPING, "map.yaml").is_ok());
        for (right, wrong, expected) in [
            (
                "NORMAL: released",
                "NORMAL: relesed",
                "map.yaml:13: charging.columns.closing.values.NORMAL: \"relesed\" is not a reason",
            ),
            ("time: compact", "time: european", "map.yaml:10:"),
            ("time: compact", "time: european", "\"european\" is no form of a time: us, ms, s"),
            ("Europe/Berlin", "Berlin", "map.yaml:4: charging.zone: \"Berlin\" is no time zone"),
            (
                "unit: 1KiB",
                "unit: 1XB",
                "map.yaml:11: charging.columns.uplink: unit: \"1XB\" is not a volume",
            ),
            ("rounding: up", "rounding: off", "map.yaml:11:"),
            (
                "  zone: Europe/Berlin\n",
                "",
                "map.yaml:8: charging.columns.from_us: time: %d.%m.%Y %H:%M:%S says no offset",
            ),
            ("session: '1'", "session: '16'", "map.yaml:14: charging.constants.session: \"16\" is not"),
            ("currency: EUR", "currency: euro", "\"euro\" is not a currency"),
            (
                "supi: IMSI",
                "imsi: IMSI",
                "map.yaml:6: charging.columns.imsi: a charging record has no such field",
            ),
            (
                "supi: IMSI",
                "supi: [IMSI]",
                "expected the name of a column, or a mapping such as {column: Start",
            ),
            ("supi: IMSI", "supi: {colunm: IMSI}", "colunm"),
            ("dnn: APN\n", "rate: Plan\n", "charging.columns: the field dnn is missing"),
            ("decimal: ','", "decimal: ';'", "charging.decimal: ';' stands before no fraction"),
        ] {
            assert!(MAPPING.contains(right), "{right}");
            let error = Mappings::from_yaml(&MAPPING.replace(right, wrong), "map.yaml").unwrap_err();
            assert!(error.contains(expected) && !error.contains("untagged"), "{wrong}: {error}");
        }
    }
}
