//! In which form a foreign system writes a field; our own ledgers use the plain ones.

use jiff::tz::TimeZone;

use super::TimeForm;
use super::number::NumberForm;

/// How the text of a field is to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    pub(crate) time: TimeForm,
    /// Of local times.
    pub(crate) zone: Option<TimeZone>,
    /// How much one stands for: octets for a volume, micro-units for an amount. `None`: a volume in octets, an amount in
    /// whole currency units.
    pub(crate) unit: Option<u64>,
    pub(crate) number: NumberForm,
    /// The digits of a charging identifier are hexadecimal.
    pub(crate) hexadecimal: bool,
    /// Their word for ours.
    pub(crate) values: Vec<(Box<str>, Box<str>)>,
    /// Not our own ledger: what can be understood is.
    pub(crate) foreign: bool,
}

/// A field of a foreign file without what a spreadsheet puts round it: `="0017"`, `'0017`, spaces.
pub(crate) fn bare(text: &str) -> &str {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{a0}');
    let text = text.strip_prefix('=').map_or(text, |formula| {
        formula.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
    });
    text.strip_prefix('\'').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_puts_round_a_field_is_taken_off() {
        for text in ["0017", " 0017\u{a0}", "=\"0017\"", "'0017", "\t0017"] {
            assert_eq!(bare(text), "0017", "{text:?}");
        }
        assert_eq!(bare("=SUM(1)"), "=SUM(1)");
    }
}
