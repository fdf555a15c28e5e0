//! One line of a ledger, its fields parsed and nothing allocated.

use std::borrow::Cow;
use std::sync::LazyLock;

use identity::{Imsi, Plmn, SessionId};

use super::escape::unescaped;
use super::form::bare;
use super::layout::{Layout, Place};
use super::number::is_floating;
use super::split::Fields;
use super::time::Fold;
use super::value::{LARGEST, amount, charging_id, imsi, network, number, parsed, session, shown, volume};
use super::{Column, Form, Ledger};
use crate::reconcile::UnreadLine;
use crate::{ChargingName, ChargingRecord, Closing, Currency, Money, Octets, UsageRecord};

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub(crate) column: Option<Column>,
    pub(crate) message: String,
    /// What a spreadsheet has made of it, where that is a floating-point number.
    pub(crate) floating: Option<String>,
}

impl FieldError {
    pub(crate) fn new(column: Column, message: String) -> Self {
        Self { column: Some(column), message, floating: None }
    }
}

/// A record of either ledger as it was read. A foreign ledger may lack what is optional here.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    /// Of the charging ledger.
    pub(crate) charging: bool,
    pub(crate) charging_id: Option<ChargingName>,
    pub(crate) supi: Imsi,
    pub(crate) session: SessionId,
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
    pub(crate) rate: Cow<'a, str>,
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

    /// Its times, UNIX time in µs, in the order of [`Ledger::readable_times`].
    fn times(&self) -> impl Iterator<Item = u64>;

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
    /// Reads the fields of one line. `lossy`: what was no text in it is U+FFFD.
    pub(crate) fn read(
        ledger: Ledger,
        layout: &'a Layout,
        fields: Fields<'a>,
        lossy: bool,
    ) -> Result<Self, FieldError> {
        let read = Read { layout, fields, lossy };
        let charging = ledger == Ledger::Charging;
        let from_us = read.time_after(Column::FromUs, 0)?.ok_or_else(|| empty(Column::FromUs))?;
        let to_us = read.time_after(Column::ToUs, from_us)?.ok_or_else(|| empty(Column::ToUs))?;
        if to_us < from_us {
            let message = format!("\"{to_us}\" is before from_us, {from_us}: a part ends after it began");
            return Err(FieldError::new(Column::ToUs, message));
        }
        Ok(Self {
            charging,
            charging_id: read.optional(Column::ChargingId, charging_id)?,
            supi: read.required(Column::Supi, imsi)?,
            session: read.required(Column::Session, |text, _| session(text))?,
            serving: read.required(Column::Serving, |text, form| network(text, form.foreign))?,
            dnn: read.text(Column::Dnn)?,
            sequence: read.optional(Column::Sequence, |text, _| {
                number(text, u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or_default())
            })?,
            opened_us: read.time_after(Column::OpenedUs, 0)?,
            from_us,
            to_us,
            recorded_us: if charging {
                read.time_after(Column::RecordedUs, to_us)?.unwrap_or(to_us)
            } else {
                to_us
            },
            uplink: read.required(Column::Uplink, volume)?,
            downlink: read.required(Column::Downlink, volume)?,
            downlink_lost: read
                .optional(Column::DownlinkLost, |text, _| number(text, LARGEST))?
                .unwrap_or_default(),
            uplink_lost: read
                .optional(Column::UplinkLost, |text, _| number(text, LARGEST))?
                .unwrap_or_default(),
            rate: read.name(Column::Rate)?,
            amount: read.optional(Column::Amount, amount)?.unwrap_or_default(),
            currency: read.optional(Column::Currency, |text, _| text.parse())?,
            closing: read.optional(Column::Closing, |text, _| text.parse())?.unwrap_or(Closing::Released),
        })
    }
}

impl Row<'_> {
    /// Whose a line is, as far as it can be read.
    pub(crate) fn identify(layout: &Layout, fields: Fields<'_>, line: u64) -> UnreadLine {
        let read = Read { layout, fields, lossy: true };
        let charging_id = read.optional(Column::ChargingId, charging_id);
        let supi = read.optional(Column::Supi, imsi);
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
    /// What was no text is U+FFFD.
    lossy: bool,
}

impl<'a> Read<'a> {
    fn text(&self, column: Column) -> Result<&'a str, FieldError> {
        Ok(self.formed(column)?.0)
    }

    /// A name, as it was before it was written.
    fn name(&self, column: Column) -> Result<Cow<'a, str>, FieldError> {
        let (text, form) = self.formed(column)?;
        Ok(if form.foreign { Cow::Borrowed(text) } else { unescaped(text) })
    }

    /// The text of a field and its form; empty where the ledger has no such field.
    fn formed(&self, column: Column) -> Result<(&'a str, &'a Form), FieldError> {
        match self.layout.place(column) {
            Place::Absent => Ok(("", &PLAIN)),
            Place::Constant(text) => Ok((text, &FOREIGN)),
            Place::Field(n, form) => {
                let text = self.fields.get(*n).unwrap_or_default();
                if self.lossy && text.contains(char::REPLACEMENT_CHARACTER) {
                    return Err(FieldError::new(column, NOT_UTF_8.to_owned()));
                }
                if !form.foreign {
                    return Ok((text, form));
                }
                let text = bare(text);
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
        let floating = || (form.foreign && is_floating(text)).then(|| shown(text).to_owned());
        read(text, form)
            .map(Some)
            .map_err(|message| FieldError { floating: floating(), ..FieldError::new(column, message) })
    }

    fn required<T>(
        &self,
        column: Column,
        read: impl FnOnce(&str, &Form) -> Result<T, String>,
    ) -> Result<T, FieldError> {
        self.optional(column, read)?.ok_or_else(|| empty(column))
    }

    /// A time. Of two that a clock shows alike, when summer time ends, it is the first, unless that is before `after_us`.
    fn time_after(&self, column: Column, after_us: u64) -> Result<Option<u64>, FieldError> {
        self.optional(column, |text, form| {
            let read = |fold| form.time.read(text, form.zone.as_ref(), fold);
            let earlier = read(Fold::Earlier);
            let later = earlier.filter(|time| *time < after_us).and_then(|_| read(Fold::Later));
            let time = later.or(earlier).filter(|time| *time <= LATEST_US);
            time.ok_or_else(|| format!("{:?} is not {}", shown(text), form.time.expected()))
        })
    }
}

fn empty(column: Column) -> FieldError {
    FieldError::new(column, "it is empty".to_owned())
}

fn dnn(text: &str) -> Result<identity::Dnn, FieldError> {
    parsed(text).map_err(|message| FieldError::new(Column::Dnn, message))
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

    fn times(&self) -> impl Iterator<Item = u64> {
        [self.opened_us, self.from_us, self.to_us].into_iter()
    }

    fn with_row<R>(&self, take: impl FnOnce(RowRef<'_, '_>) -> R) -> R {
        take(RowRef(&Row {
            charging: false,
            charging_id: self.charging_id.map(ChargingName::from),
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
            rate: Cow::Borrowed(""),
            amount: Money::ZERO,
            currency: None,
            closing: self.closing,
        }))
    }

    fn from_row(row: RowRef<'_, '_>) -> Result<Self, FieldError> {
        let row = row.0;
        Ok(Self {
            charging_id: own_id(row.charging_id)?,
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

    fn times(&self) -> impl Iterator<Item = u64> {
        [self.opened_us, self.from_us, self.to_us, self.recorded_us].into_iter()
    }

    fn with_row<R>(&self, take: impl FnOnce(RowRef<'_, '_>) -> R) -> R {
        take(RowRef(&Row {
            charging: true,
            charging_id: self.charging_id.map(ChargingName::from),
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
            rate: Cow::Borrowed(&self.rate),
            amount: self.amount,
            currency: Some(self.currency),
            closing: self.closing,
        }))
    }

    fn from_row(row: RowRef<'_, '_>) -> Result<Self, FieldError> {
        let row = row.0;
        Ok(Self {
            charging_id: own_id(row.charging_id)?,
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
            rate: row.rate.clone().into_owned(),
            amount: row.amount,
            currency: row.currency.unwrap_or(Currency::NONE),
            closing: row.closing,
        })
    }
}

/// Records of ours have numbers.
fn own_id(name: Option<ChargingName>) -> Result<Option<crate::ChargingId>, FieldError> {
    let number = |name: ChargingName| {
        let error =
            || FieldError::new(Column::ChargingId, format!("{name} is no number from 0 to {}", u32::MAX));
        name.number().ok_or_else(error)
    };
    name.map(number).transpose()
}

static PLAIN: LazyLock<Form> = LazyLock::new(Form::default);
static FOREIGN: LazyLock<Form> = LazyLock::new(|| Form { foreign: true, ..Form::default() });

const NOT_UTF_8: &str =
    "it is not UTF-8: where a spreadsheet has written it, encoding: windows-1252 in the mapping reads it";
/// The year 10000.
const LATEST_US: u64 = 253_402_300_800_000_000;
