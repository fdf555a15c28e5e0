//! One line of a ledger, its fields parsed and nothing allocated.

use std::str::FromStr;

use identity::{Imsi, PduSessionId, Plmn};

use super::form::digits;
use super::layout::{Layout, Place};
use super::mapping::plmn_digits;
use super::split::Fields;
use super::{Column, Form, Ledger};
use crate::reconcile::UnreadLine;
use crate::{ChargingId, ChargingRecord, Closing, Currency, Money, Octets, UsageRecord};

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub(crate) column: Option<Column>,
    pub(crate) message: String,
}

impl FieldError {
    pub(crate) fn new(column: Column, message: String) -> Self {
        Self { column: Some(column), message }
    }
}

/// A record of either ledger as it was read. A foreign ledger may lack what is optional here.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    /// Of the charging ledger.
    pub(crate) charging: bool,
    pub(crate) charging_id: Option<ChargingId>,
    pub(crate) supi: Imsi,
    pub(crate) session: PduSessionId,
    pub(crate) serving: Plmn,
    pub(crate) dnn: &'a str,
    pub(crate) sequence: Option<u32>,
    pub(crate) opened_us: Option<u64>,
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    pub(crate) recorded_us: u64,
    pub(crate) uplink: Octets,
    pub(crate) downlink: Octets,
    pub(crate) downlink_lost: u64,
    pub(crate) uplink_lost: u64,
    pub(crate) rate: &'a str,
    pub(crate) amount: Money,
    pub(crate) currency: Option<Currency>,
    pub(crate) closing: Closing,
}

/// A record that a ledger holds.
pub trait Record: Sized {
    /// Which ledger holds it.
    const LEDGER: Ledger;

    /// Its fields as text, in the order of the columns.
    fn write(&self, field: &mut dyn FnMut(std::fmt::Arguments<'_>));

    /// As if it had been read.
    #[doc(hidden)]
    fn with_row<R>(&self, take: impl FnOnce(RowRef<'_, '_>) -> R) -> R;

    /// From a line that was read.
    #[doc(hidden)]
    fn from_row(row: RowRef<'_, '_>) -> Result<Self, FieldError>;
}

/// A line that was read.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct RowRef<'r, 'a>(pub(crate) &'r Row<'a>);

impl<'a> Row<'a> {
    /// Reads the fields of one line.
    pub(crate) fn read(ledger: Ledger, layout: &'a Layout, fields: Fields<'a>) -> Result<Self, FieldError> {
        let read = Read { layout, fields };
        let charging = ledger == Ledger::Charging;
        let from_us = read.time(Column::FromUs)?.ok_or_else(|| empty(Column::FromUs))?;
        let to_us = read.time(Column::ToUs)?.ok_or_else(|| empty(Column::ToUs))?;
        if to_us < from_us {
            let message = format!("\"{to_us}\" is before from_us, {from_us}: a part ends after it began");
            return Err(FieldError { column: Some(Column::ToUs), message });
        }
        Ok(Self {
            charging,
            charging_id: read.optional(Column::ChargingId, charging_id)?,
            supi: read.required(Column::Supi, |text, _| parsed(text))?,
            session: read.required(Column::Session, |text, _| {
                let id = digits(text).and_then(|id| PduSessionId::new(u8::try_from(id).ok()?));
                id.ok_or_else(|| format!("{text:?} is not a PDU session identity: 1 to 15 are"))
            })?,
            serving: read.required(Column::Serving, |text, form| match plmn_digits(text) {
                Some(slashed) if form.foreign => parsed(&slashed),
                _ => parsed(text),
            })?,
            dnn: read.text(Column::Dnn)?,
            sequence: read.optional(Column::Sequence, |text, _| {
                number(text, u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or_default())
            })?,
            opened_us: read.time(Column::OpenedUs)?,
            from_us,
            to_us,
            recorded_us: if charging { read.time(Column::RecordedUs)?.unwrap_or(to_us) } else { to_us },
            uplink: read.required(Column::Uplink, volume)?,
            downlink: read.required(Column::Downlink, volume)?,
            downlink_lost: read
                .optional(Column::DownlinkLost, |text, _| number(text, LARGEST))?
                .unwrap_or_default(),
            uplink_lost: read
                .optional(Column::UplinkLost, |text, _| number(text, LARGEST))?
                .unwrap_or_default(),
            rate: read.text(Column::Rate)?,
            amount: read.optional(Column::Amount, amount)?.unwrap_or_default(),
            currency: read.optional(Column::Currency, |text, _| text.parse())?,
            closing: read.optional(Column::Closing, |text, _| text.parse())?.unwrap_or(Closing::Released),
        })
    }
}

impl Row<'_> {
    /// Whose a line is, as far as it can be read.
    pub(crate) fn identify(layout: &Layout, fields: Fields<'_>, line: u64) -> UnreadLine {
        let read = Read { layout, fields };
        let charging_id = read.optional(Column::ChargingId, charging_id);
        let supi = read.optional(Column::Supi, |text, _| parsed(text));
        UnreadLine { line, supi: supi.ok().flatten(), charging_id: charging_id.ok().flatten() }
    }

    /// T-PDUs that went missing, as the side of the ledger knows them.
    pub(crate) fn lost(&self) -> u64 {
        if self.charging { self.uplink_lost } else { self.downlink_lost }
    }
}

struct Read<'a> {
    layout: &'a Layout,
    fields: Fields<'a>,
}

impl<'a> Read<'a> {
    fn text(&self, column: Column) -> Result<&'a str, FieldError> {
        Ok(self.formed(column)?.0)
    }

    /// The text of a field and its form; empty where the ledger has no such field.
    fn formed(&self, column: Column) -> Result<(&'a str, &'a Form), FieldError> {
        match self.layout.place(column) {
            Place::Absent => Ok(("", &PLAIN)),
            Place::Constant(text) => Ok((text, &FOREIGN)),
            Place::Field(n, form) => {
                let text = self.fields.get(*n).unwrap_or_default();
                if !form.foreign {
                    return Ok((text, form));
                }
                let text = text.trim();
                let ours = form.values.iter().find(|(theirs, _)| **theirs == *text);
                Ok((ours.map_or(text, |(_, ours)| ours), form))
            }
        }
    }

    fn optional<T>(
        &self,
        column: Column,
        read: impl FnOnce(&str, &Form) -> Result<T, String>,
    ) -> Result<Option<T>, FieldError> {
        let (text, form) = self.formed(column)?;
        if text.is_empty() {
            return match (self.layout.place(column), column) {
                (Place::Field(_, form), column) if !form.foreign && column != Column::ChargingId => {
                    Err(empty(column))
                }
                _ => Ok(None),
            };
        }
        read(text, form).map(Some).map_err(|message| FieldError { column: Some(column), message })
    }

    fn required<T>(
        &self,
        column: Column,
        read: impl FnOnce(&str, &Form) -> Result<T, String>,
    ) -> Result<T, FieldError> {
        self.optional(column, read)?.ok_or_else(|| empty(column))
    }

    fn time(&self, column: Column) -> Result<Option<u64>, FieldError> {
        self.optional(column, |text, form| {
            let time = form.time.read(text).filter(|time| *time <= LATEST_US);
            time.ok_or_else(|| format!("{:?} is not {}", shown(text), form.time.expected()))
        })
    }
}

fn charging_id(text: &str, _: &Form) -> Result<ChargingId, String> {
    number(text, u64::from(u32::MAX)).map(|id| ChargingId(u32::try_from(id).unwrap_or_default()))
}

fn volume(text: &str, form: &Form) -> Result<Octets, String> {
    let unit = form.unit.unwrap_or(1);
    let octets = match digits(text) {
        Some(count) => count.checked_mul(unit),
        // A foreign system may write 1.5 kB.
        None if form.unit.is_some() => decimal(text, unit),
        None => None,
    };
    let octets = octets.filter(|octets| *octets <= LARGEST);
    octets.map(Octets).ok_or_else(|| {
        format!("{:?} is not a volume: whole octets from 0 to {LARGEST} are accepted", shown(text))
    })
}

fn amount(text: &str, form: &Form) -> Result<Money, String> {
    match form.unit {
        None => text.parse(),
        Some(unit) => {
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
            let micros = decimal(digits, unit).and_then(|micros| i64::try_from(micros).ok());
            let micros = micros.ok_or_else(|| format!("{:?} is not an amount", shown(text)))?;
            Ok(Money::from_micros(if negative { -micros } else { micros }))
        }
    }
}

/// A decimal number times a unit; `None` when that is not whole.
fn decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let power = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let all = u128::from(digits(whole)?).checked_mul(power)?.checked_add(u128::from(digits(part)?))?;
    let scaled = all.checked_mul(u128::from(unit))?;
    scaled.is_multiple_of(power).then(|| u64::try_from(scaled / power).ok()).flatten()
}

fn number(text: &str, largest: u64) -> Result<u64, String> {
    digits(text)
        .filter(|number| *number <= largest)
        .ok_or_else(|| format!("{:?} is not a number from 0 to {largest}", shown(text)))
}

fn parsed<T: FromStr<Err = identity::IdentityError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: identity::IdentityError| error.to_string())
}

fn empty(column: Column) -> FieldError {
    FieldError { column: Some(column), message: "it is empty".to_owned() }
}

/// As much of a text as an error shows.
fn shown(text: &str) -> &str {
    text.get(..text.len().min(60)).unwrap_or("…")
}

fn dnn(text: &str) -> Result<identity::Dnn, FieldError> {
    parsed(text).map_err(|message| FieldError { column: Some(Column::Dnn), message })
}

impl Record for UsageRecord {
    const LEDGER: Ledger = Ledger::Usage;

    fn write(&self, field: &mut dyn FnMut(std::fmt::Arguments<'_>)) {
        match self.charging_id {
            Some(id) => field(format_args!("{id}")),
            None => field(format_args!("")),
        }
        field(format_args!("{}", self.supi));
        field(format_args!("{}", self.session));
        field(format_args!("{}", self.serving));
        field(format_args!("{}", self.dnn));
        field(format_args!("{}", self.sequence));
        field(format_args!("{}", self.opened_us));
        field(format_args!("{}", self.from_us));
        field(format_args!("{}", self.to_us));
        field(format_args!("{}", self.uplink));
        field(format_args!("{}", self.downlink));
        field(format_args!("{}", self.downlink_lost));
        field(format_args!("{}", self.closing));
    }

    fn with_row<R>(&self, take: impl FnOnce(RowRef<'_, '_>) -> R) -> R {
        take(RowRef(&Row {
            charging: false,
            charging_id: self.charging_id,
            supi: self.supi,
            session: self.session,
            serving: self.serving,
            dnn: self.dnn.as_str(),
            sequence: Some(self.sequence),
            opened_us: Some(self.opened_us),
            from_us: self.from_us,
            to_us: self.to_us,
            recorded_us: self.to_us,
            uplink: self.uplink,
            downlink: self.downlink,
            downlink_lost: self.downlink_lost,
            uplink_lost: 0,
            rate: "",
            amount: Money::ZERO,
            currency: None,
            closing: self.closing,
        }))
    }

    fn from_row(row: RowRef<'_, '_>) -> Result<Self, FieldError> {
        let row = row.0;
        Ok(Self {
            charging_id: row.charging_id,
            supi: row.supi,
            session: row.session,
            serving: row.serving,
            dnn: dnn(row.dnn)?,
            sequence: row.sequence.unwrap_or_default(),
            opened_us: row.opened_us.unwrap_or(row.from_us),
            from_us: row.from_us,
            to_us: row.to_us,
            uplink: row.uplink,
            downlink: row.downlink,
            downlink_lost: row.downlink_lost,
            closing: row.closing,
        })
    }
}

impl Record for ChargingRecord {
    const LEDGER: Ledger = Ledger::Charging;

    fn write(&self, field: &mut dyn FnMut(std::fmt::Arguments<'_>)) {
        match self.charging_id {
            Some(id) => field(format_args!("{id}")),
            None => field(format_args!("")),
        }
        field(format_args!("{}", self.supi));
        field(format_args!("{}", self.session));
        field(format_args!("{}", self.serving));
        field(format_args!("{}", self.dnn));
        field(format_args!("{}", self.sequence));
        field(format_args!("{}", self.opened_us));
        field(format_args!("{}", self.from_us));
        field(format_args!("{}", self.to_us));
        field(format_args!("{}", self.recorded_us));
        field(format_args!("{}", self.uplink));
        field(format_args!("{}", self.downlink));
        field(format_args!("{}", self.uplink_lost));
        field(format_args!("{}", self.rate));
        field(format_args!("{}", self.amount));
        field(format_args!("{}", self.currency));
        field(format_args!("{}", self.closing));
    }

    fn with_row<R>(&self, take: impl FnOnce(RowRef<'_, '_>) -> R) -> R {
        take(RowRef(&Row {
            charging: true,
            charging_id: self.charging_id,
            supi: self.supi,
            session: self.session,
            serving: self.serving,
            dnn: self.dnn.as_str(),
            sequence: Some(self.sequence),
            opened_us: Some(self.opened_us),
            from_us: self.from_us,
            to_us: self.to_us,
            recorded_us: self.recorded_us,
            uplink: self.uplink,
            downlink: self.downlink,
            downlink_lost: 0,
            uplink_lost: self.uplink_lost,
            rate: &self.rate,
            amount: self.amount,
            currency: Some(self.currency),
            closing: self.closing,
        }))
    }

    fn from_row(row: RowRef<'_, '_>) -> Result<Self, FieldError> {
        let row = row.0;
        Ok(Self {
            charging_id: row.charging_id,
            supi: row.supi,
            session: row.session,
            serving: row.serving,
            dnn: dnn(row.dnn)?,
            sequence: row.sequence.unwrap_or_default(),
            opened_us: row.opened_us.unwrap_or(row.from_us),
            from_us: row.from_us,
            to_us: row.to_us,
            recorded_us: row.recorded_us,
            uplink: row.uplink,
            downlink: row.downlink,
            uplink_lost: row.uplink_lost,
            rate: row.rate.to_owned(),
            amount: row.amount,
            currency: row.currency.unwrap_or(Currency::NONE),
            closing: row.closing,
        })
    }
}

static PLAIN: Form = Form { time: super::TimeForm::Us, unit: None, values: Vec::new(), foreign: false };
static FOREIGN: Form = Form { time: super::TimeForm::Us, unit: None, values: Vec::new(), foreign: true };

/// More octets than this nobody sends in one session: 10¹⁸. Sums of many still fit.
const LARGEST: u64 = 1_000_000_000_000_000_000;
/// The year 10000.
const LATEST_US: u64 = 253_402_300_800_000_000;
