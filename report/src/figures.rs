//! Writes figures and texts of a run folder for people.

use std::collections::BTreeMap;

use maud::{Markup, html};
use results::{CountUnit, Counts};

use results::units::bits;
pub(super) use results::units::{count, decimal, decimal_octets, duration, latency, octets, percent};

pub(super) use results::units::UNKNOWN;

/// Longest text taken over from a run folder, in characters; names and causes come from the network.
const LONGEST_TEXT: usize = 400;

/// How a figure is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microseconds,
    Count,
    PerSecond,
    BitsPerSecond,
    Octets,
    Percent,
}

impl Unit {
    /// The name that `hover.js` knows it by.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Microseconds => "us",
            Self::Count => "count",
            Self::PerSecond => "per_s",
            Self::BitsPerSecond => "bit_s",
            Self::Octets => "octets",
            Self::Percent => "percent",
        }
    }

    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Microseconds => latency(value),
            Self::Count => decimal(value),
            Self::PerSecond => format!("{}/s", decimal(value)),
            Self::BitsPerSecond => bits(value),
            Self::Octets => octets(value),
            Self::Percent => percent(value, 100.0),
        }
    }

    /// As an axis and an objective have it: whole numbers without digits behind the point.
    pub(super) fn round(self, value: f64) -> String {
        match self {
            Self::Percent if value.fract() == 0.0 => format!("{value:.0} %"),
            _ => self.show(value),
        }
    }
}

/// A text, cut where it is too long to be shown; [`UNKNOWN`] where there is none.
pub(super) fn shown(text: &str) -> String {
    some(text).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// A text, cut where it is too long to be shown; nothing where there is none.
pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text))
}

/// How much of anything there is of each kind, largest first, and of all kinds together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) total: u64,
    pub(super) by_cause: Vec<(String, u64)>,
}

impl Tally {
    pub(super) fn of(causes: &BTreeMap<String, u64>) -> Self {
        let mut by_cause: Vec<(String, u64)> = causes.iter().map(|(cause, n)| (cut(cause), *n)).collect();
        by_cause.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let total = by_cause.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
        Self { total, by_cause }
    }
}

/// One fact of a list of them.
pub(super) fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Every count of a group that stands by itself, as facts.
pub(super) fn counts(of: &impl Counts) -> Markup {
    html! { @for (title, unit, value) in of.listed() {
        (fact(title, &match unit { CountUnit::Count => count(value), CountUnit::Octets => decimal_octets(value as f64) }))
    } }
}

/// `Some` figure as `show` writes it, or [`UNKNOWN`].
pub(super) fn known<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// `mobility-registration-update`, `in_flight` as people write them; the unit at the end is left out.
pub(super) fn title(key: &str) -> String {
    let key =
        ["_us", "_ms", "_s", "_octets"].iter().fold(key, |key, unit| key.strip_suffix(unit).unwrap_or(key));
    let words = cut(key).replace(['-', '_'], " ");
    let written: Vec<&str> = words.split(' ').map(abbreviation).collect();
    let words = written.join(" ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// As 3GPP writes it.
fn abbreviation(word: &str) -> &str {
    match word {
        "n2" => "N2",
        "xn" => "Xn",
        "pdu" => "PDU",
        "ue" => "UE",
        "ues" => "UEs",
        "sim" => "SIM",
        "plmn" => "PLMN",
        "rrc" => "RRC",
        other => other,
    }
}

/// At most [`LONGEST_TEXT`] characters.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tally_has_the_largest_first() {
        let causes = [("illegal-ue", 2), ("congestion", 3)].map(|(cause, n)| (cause.to_owned(), n));
        let tally = Tally::of(&BTreeMap::from(causes));
        assert_eq!((tally.total, tally.by_cause[0].0.as_str()), (5, "congestion"));
    }

    #[test]
    fn keys_are_written_as_3gpp_does() {
        assert_eq!(title("mobility-registration-update"), "Mobility registration update");
        assert_eq!(
            ["handover-n2", "pdu-session", "ue_octets"].map(title),
            ["Handover N2", "PDU session", "UE"]
        );
    }
}
