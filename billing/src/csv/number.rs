//! Decimal numbers as people and systems write them: another decimal sign, groups of thousands, fractions that are rounded.

use crate::Rounding;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberForm {
    /// Stands before the fraction.
    pub(crate) decimal: char,
    /// Stands between groups of three digits; `None` for what cannot be taken for the decimal sign.
    pub(crate) thousands: Option<char>,
    /// What becomes of a fraction of what is counted.
    pub(crate) rounding: Rounding,
}

impl Default for NumberForm {
    fn default() -> Self {
        Self { decimal: '.', thousands: None, rounding: Rounding::Nearest }
    }
}

impl NumberForm {
    /// The number times `unit`, rounded; `None` when it is no number from 0, or does not fit.
    pub(crate) fn scaled(self, text: &str, unit: u64) -> Option<u64> {
        let (whole, part) = text.split_once(self.decimal).unwrap_or((text, "0"));
        let whole = self.ungrouped(whole)?;
        // A fraction beyond 18 places changes nothing that is rounded.
        let part = if part.bytes().all(|octet| octet.is_ascii_digit()) {
            part.get(..18).unwrap_or(part)
        } else {
            ""
        };
        let power = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let all = whole.checked_mul(power)?.checked_add(u128::from(digits(part)?))?;
        let scaled = all.checked_mul(u128::from(unit))?;
        let (whole, rest) = (scaled / power, scaled % power);
        let up = match self.rounding {
            Rounding::Up => rest > 0,
            Rounding::Down => false,
            Rounding::Nearest => rest * 2 >= power,
        };
        u64::try_from(whole + u128::from(up)).ok()
    }

    /// Digits, which may stand in groups of three.
    fn ungrouped(self, text: &str) -> Option<u128> {
        let separates = |letter: char| match self.thousands {
            Some(thousands) => letter == thousands,
            None => GROUPS.contains(&letter) || (letter == '.' && self.decimal == ','),
        };
        if !text.contains(separates) {
            return Some(u128::from(digits(text)?));
        }
        let mut groups = text.split(separates);
        let first = groups.next().filter(|first| (1..=3).contains(&first.len()))?;
        let mut all = u128::from(digits(first)?);
        for group in groups {
            let group = if group.len() == 3 { digits(group)? } else { return None };
            all = all.checked_mul(1_000)?.checked_add(u128::from(group))?;
        }
        Some(all)
    }
}

/// A number of nothing but digits.
pub(crate) fn digits(text: &str) -> Option<u64> {
    // `parse` alone would take a plus sign.
    if !text.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    text.parse().ok()
}

/// Whether a spreadsheet has made a floating-point number of it, such as `1.01E+13`.
pub(crate) fn is_floating(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['e', 'E']) else { return false };
    let (number, exponent) =
        (number.strip_prefix('-').unwrap_or(number), exponent.trim_start_matches(['+', '-']));
    let numeric = |text: &str| {
        !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit() || b".,".contains(&octet))
    };
    numeric(number) && numeric(exponent)
}

/// A space, the spaces that do not break a line, an apostrophe and a low line never stand for the decimal sign.
const GROUPS: [char; 6] = [' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}', '_'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let comma = NumberForm { decimal: ',', ..NumberForm::default() };
        let point = NumberForm::default();
        for (form, text, unit, expected) in [
            (point, "1581", 1, Some(1_581)),
            (point, "1.581", 1_000, Some(1_581)),
            (point, "1,581", 1_000, None),
            (NumberForm { thousands: Some(','), ..point }, "1,581", 1, Some(1_581)),
            (comma, "1,581", 1_000, Some(1_581)),
            (comma, "1.234.567,5", 2, Some(2_469_135)),
            (comma, "12.34", 1, None),
            (comma, "1 234", 1, Some(1_234)),
            (point, "1'234.5", 10, Some(12_345)),
            (point, "1\u{a0}234", 1, Some(1_234)),
            (point, "1.58", 1_024, Some(1_618)),
            (NumberForm { rounding: Rounding::Down, ..point }, "1.58", 1_024, Some(1_617)),
            (NumberForm { rounding: Rounding::Up, ..point }, "0.0000001", 1, Some(1)),
            (point, "0.12345650", 1_000_000, Some(123_457)),
            (point, "-1", 1, None),
            (point, "1.", 1, None),
            (point, ".5", 1, None),
            (point, "1.5.5", 1, None),
            (point, "", 1, None),
            (point, "1e3", 1, None),
            (point, "18446744073709551616", 1, None),
        ] {
            assert_eq!(form.scaled(text, unit), expected, "{text:?}");
        }
    }

    #[test]
    fn floating_point_numbers_are_known() {
        assert!(["1.01E+13", "1,01E+13", "1e5", "-2.5E-3"].into_iter().all(is_floating));
        assert!(!["", "e", "1e", "e5", "1a5", "cafe5"].into_iter().any(is_floating));
    }
}
