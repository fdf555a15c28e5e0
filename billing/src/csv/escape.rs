//! Cells that a spreadsheet would take for a formula, and control characters: they leave no ledger of ours as such.

use std::borrow::Cow;
use std::fmt::Write;

/// A cell as it is written: an apostrophe before what would be a formula, `\u001b` for a control character, `\\` for a
/// backslash. Numbers stay numbers.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|letter: char| is_written_out(letter)) && !is_formula(text) {
        return Cow::Borrowed(text);
    }
    let mut cell = String::with_capacity(text.len() + 8);
    if is_formula(text) {
        cell.push('\'');
    }
    for letter in text.chars() {
        match letter {
            '\\' => cell.push_str("\\\\"),
            _ if is_written_out(letter) => {
                let _ = write!(cell, "\\u{:04x}", u32::from(letter));
            }
            _ => cell.push(letter),
        }
    }
    Cow::Owned(cell)
}

/// The text of a cell that was [`escaped`]. What never was is left as it is.
pub(crate) fn unescaped(cell: &str) -> Cow<'_, str> {
    let text = cell.strip_prefix('\'').filter(|text| text.starts_with(FORMULA)).unwrap_or(cell);
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.strip_prefix('u').and_then(|digits| digits.get(..4));
        let letter = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        rest = match (after.strip_prefix('\\'), letter) {
            (Some(after), _) => {
                plain.push('\\');
                after
            }
            (None, Some(letter)) => {
                plain.push(letter);
                after.get(5..).unwrap_or_default()
            }
            (None, None) => {
                plain.push('\\');
                after
            }
        };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA) && !is_number(text)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, part]
        .into_iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()))
}

/// Control characters, also those that turn the direction of a text or break a line.
fn is_written_out(letter: char) -> bool {
    letter == '\\'
        || letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The apostrophe, so that one that stands there is not taken for ours.
const FORMULA: [char; 5] = ['=', '+', '-', '@', '\''];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_and_control_characters_are_written_out() {
        for (text, cell) in [
            ("everything", "everything"),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@SUM(1+9)*cmd|' /C calc'!A0", "'@SUM(1+9)*cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-x", "'-x"),
            ("-0.002500", "-0.002500"),
            ("-5", "-5"),
            ("'=x", "''=x"),
            ("\u{1b}]0;owned\u{7}", "\\u001b]0;owned\\u0007"),
            ("\t=1", "\\u0009=1"),
            ("\r\n", "\\u000d\\u000a"),
            ("a\\b", "a\\\\b"),
            ("\u{202e}x", "\\u202ex"),
        ] {
            assert_eq!(escaped(text), cell);
            assert_eq!(unescaped(cell), text);
        }
        assert_eq!(unescaped("'0017"), "'0017");
        assert_eq!(unescaped("a\\b\\u00"), "a\\b\\u00");
    }

    proptest! {
        /// What is written is read back, and no cell is a formula or has a control character.
        #[test]
        fn what_is_escaped_is_read_back(text in "[=+@'a0\\-\\\\u1\\t\\r\\n\\x1b\u{85}\u{202e}]{0,12}|\\PC*") {
            let cell = escaped(&text);
            prop_assert_eq!(unescaped(&cell), text.as_str());
            prop_assert!(!cell.contains(char::is_control));
            prop_assert!(!cell.starts_with(['=', '+', '@']) && (!cell.starts_with('-') || is_number(&cell)));
        }
    }
}
