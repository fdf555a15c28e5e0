//! What the text of one field says, in a ledger of ours and in a foreign one.

use std::str::FromStr;

use identity::{Imsi, Plmn, SessionId};

use super::number::{digits, is_floating};
use super::{Column, Form, subscriber};
use crate::{ChargingId, ChargingName, Closing, Currency, Money, Octets};

/// Whether a text can stand for this field of ours.
pub(super) fn check_value(column: Column, text: &str) -> Result<(), String> {
    let form = Form { foreign: true, ..Form::default() };
    match column {
        Column::ChargingId => charging_id(text, &form).map(drop),
        Column::Supi => imsi(text, &form).map(drop),
        Column::Session => session(text).map(drop),
        Column::Serving => network(text, true).map(drop),
        Column::Dnn => parsed::<identity::Dnn>(text).map(drop),
        Column::Currency => text.parse::<Currency>().map(drop),
        Column::Closing => text.parse::<Closing>().map(drop),
        Column::Amount => text.parse::<Money>().map(drop),
        Column::Rate => Ok(()),
        _ => number(text, u64::MAX).map(drop),
    }
}

pub(super) fn charging_id(text: &str, form: &Form) -> Result<ChargingName, String> {
    if !form.foreign {
        let id = number(text, u64::from(u32::MAX))?;
        return Ok(ChargingId(u32::try_from(id).unwrap_or_default()).into());
    }
    not_floating(text)?;
    ChargingName::read(text, form.hexadecimal)
}

pub(super) fn imsi(text: &str, form: &Form) -> Result<Imsi, String> {
    if !form.foreign {
        return parsed(text);
    }
    not_floating(text)?;
    subscriber::imsi(text).map_or_else(|| parsed(text), Ok)
}

pub(super) fn session(text: &str) -> Result<SessionId, String> {
    let id = digits(text).and_then(|id| SessionId::new(u8::try_from(id).ok()?));
    id.ok_or_else(|| format!("{text:?} is not a PDU session identity: 1 to 15 are"))
}

pub(super) fn network(text: &str, foreign: bool) -> Result<Plmn, String> {
    match foreign.then(|| subscriber::plmn(text)).flatten() {
        Some(slashed) => parsed(&slashed),
        None => parsed(text),
    }
}

pub(super) fn not_floating(text: &str) -> Result<(), String> {
    if is_floating(text) {
        return Err(format!(
            "a spreadsheet has made the floating-point number {:?} of it, and its digits are lost: export the column as text",
            shown(text)
        ));
    }
    Ok(())
}

pub(super) fn volume(text: &str, form: &Form) -> Result<Octets, String> {
    let unit = form.unit.unwrap_or(1);
    let octets = if form.foreign { form.number.scaled(text, unit) } else { digits(text) };
    let octets = octets.filter(|octets| *octets <= LARGEST);
    octets.map(Octets).ok_or_else(|| {
        let accepted = match (form.foreign, form.unit) {
            (false, _) => format!("whole octets from 0 to {LARGEST} are accepted"),
            (true, _) => {
                format!("a number from 0 is accepted, with {:?} before a fraction", form.number.decimal)
            }
        };
        format!("{:?} is not a volume: {accepted}", shown(text))
    })
}

pub(super) fn amount(text: &str, form: &Form) -> Result<Money, String> {
    if !form.foreign {
        return text.parse();
    }
    // Some systems write the sign behind.
    let (negative, digits) = match (text.strip_prefix(['-', '\u{2212}']), text.strip_suffix('-')) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest.trim()),
        (None, None) => (false, text),
    };
    let micros = form.number.scaled(digits, form.unit.unwrap_or(1_000_000));
    let micros = micros.and_then(|micros| i64::try_from(micros).ok()).ok_or_else(|| {
        let decimal = form.number.decimal;
        format!(
            "{:?} is not an amount: a decimal number is accepted, with {decimal:?} before a fraction",
            shown(text)
        )
    })?;
    Ok(Money::from_micros(if negative { -micros } else { micros }))
}

pub(super) fn number(text: &str, largest: u64) -> Result<u64, String> {
    digits(text)
        .filter(|number| *number <= largest)
        .ok_or_else(|| format!("{:?} is not a number from 0 to {largest}", shown(text)))
}

pub(super) fn parsed<T: FromStr<Err = identity::IdentityError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: identity::IdentityError| error.to_string())
}

/// As much of a text as an error shows.
pub(super) fn shown(text: &str) -> &str {
    text.get(..text.len().min(60)).unwrap_or("…")
}

/// More octets than this nobody sends in one session: 10¹⁸. Sums of many still fit.
pub(super) const LARGEST: u64 = 1_000_000_000_000_000_000;
