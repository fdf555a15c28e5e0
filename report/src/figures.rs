//! Reads figures out of a summary that may be older than this program, and writes them for people.
//! A figure that is missing, or of another type than expected, is shown as [`UNKNOWN`], never as zero.

use serde_json::Value;

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
}

/// A finite number under `key`.
pub(super) fn number(of: &Value, key: &str) -> Option<f64> {
    of.get(key).and_then(Value::as_f64).filter(|n| n.is_finite())
}

/// A count under `key`.
pub(super) fn whole(of: &Value, key: &str) -> Option<u64> {
    of.get(key).and_then(Value::as_u64)
}

/// A text under `key`, cut where it is too long to be shown.
pub(super) fn text(of: &Value, key: &str) -> Option<String> {
    of.get(key).and_then(scalar)
}

/// The entries of the list under `key`; none if there is no such list.
pub(super) fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entries of the object under `key`; none if there is no such object.
pub(super) fn entries<'a>(of: &'a Value, key: &str) -> Vec<(&'a str, &'a Value)> {
    of.get(key)
        .and_then(Value::as_object)
        .map_or_else(Vec::new, |object| object.iter().map(|(name, value)| (name.as_str(), value)).collect())
}

/// A single value as text; nothing for lists, objects and null.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(cut(text)),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A count with its parts by cause: both `5` and `{"congestion": 3, "illegal-ue": 2}` are 5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) total: u64,
    /// Largest first; empty where only the total is known.
    pub(super) by_cause: Vec<(String, u64)>,
}

impl Tally {
    pub(super) fn read(of: &Value, key: &str) -> Option<Self> {
        match of.get(key)? {
            Value::Object(causes) => {
                let mut by_cause: Vec<(String, u64)> =
                    causes.iter().filter_map(|(cause, n)| Some((cut(cause), n.as_u64()?))).collect();
                by_cause.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                let total = by_cause.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
                Some(Self { total, by_cause })
            }
            other => other.as_u64().map(|total| Self { total, by_cause: Vec::new() }),
        }
    }
}

/// `Some` figure as `show` writes it, or [`UNKNOWN`].
pub(super) fn known<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// A figure of a key this version does not know, by the unit its name ends in.
pub(super) fn by_suffix(key: &str, value: &Value) -> Option<String> {
    let Some(n) = value.as_f64() else { return scalar(value) };
    Some(match key {
        _ if key.ends_with("_us") => latency(n),
        _ if key.ends_with("_ms") => latency(n * 1e3),
        _ if key.contains("octets") => octets(n),
        _ if key.ends_with("_per_s") => Unit::PerSecond.show(n),
        _ if key.ends_with("_s") => duration(n),
        _ => decimal(n),
    })
}

/// Whatever else is under `of` than `shown`, as name and value: later versions may add figures.
pub(super) fn others(of: &Value, shown: &[&str]) -> Vec<(String, String)> {
    let object = of.as_object().into_iter().flatten();
    let others = object.filter(|(key, _)| !shown.contains(&key.as_str()));
    others.filter_map(|(key, value)| Some((title(key), by_suffix(key, value)?))).take(30).collect()
}

/// True when `key` of any of `values` is there.
pub(super) fn any_has(values: &[Value], key: &str) -> bool {
    values.iter().any(|value| whole(value, key).is_some() || number(value, key).is_some())
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

/// How many attempts a figure of the summary is of, where it says so.
pub(super) fn coverage(of: &Value) -> Option<results::Coverage> {
    serde_json::from_value(of.get("coverage")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tally_reads_a_number_and_a_map_alike() {
        let summary = json!({"timed_out": 5, "failed": {"illegal-ue": 2, "congestion": 3, "odd": "x"}});
        assert_eq!(Tally::read(&summary, "timed_out").unwrap().total, 5);
        let failed = Tally::read(&summary, "failed").unwrap();
        assert_eq!((failed.total, failed.by_cause[0].0.as_str()), (5, "congestion"));
        assert_eq!(Tally::read(&summary, "abandoned"), None);
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
