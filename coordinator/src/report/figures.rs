//! Reads figures out of a summary that may be older than this program, and writes them for people.
//! A figure that is missing, or of another type than expected, is shown as [`UNKNOWN`], never as zero.

use serde_json::Value;

/// Shown where a run folder does not have the figure.
pub(super) const UNKNOWN: &str = "—";

/// Longest text taken over from a run folder, in characters; names and causes come from the network.
const LONGEST_TEXT: usize = 400;

/// How a figure is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microseconds,
    Count,
    PerSecond,
    BitsPerSecond,
}

impl Unit {
    /// The name that `hover.js` knows it by.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Microseconds => "us",
            Self::Count => "count",
            Self::PerSecond => "per_s",
            Self::BitsPerSecond => "bit_s",
        }
    }

    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Microseconds => latency(value),
            Self::Count => decimal(value),
            Self::PerSecond => format!("{}/s", decimal(value)),
            Self::BitsPerSecond => bits(value),
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

/// `1234567` as `1,234,567`.
pub(super) fn count(n: u64) -> String {
    group(&n.to_string())
}

/// A number with at most three decimals, its thousands grouped.
pub(super) fn decimal(n: f64) -> String {
    let digits = if n.abs() >= 100.0 {
        0
    } else if n.abs() >= 10.0 {
        1
    } else {
        3
    };
    let written = format!("{n:.digits$}");
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { group(whole) } else { format!("{}.{fraction}", group(whole)) }
}

/// Microseconds with three significant digits: `850 µs`, `12.3 ms`, `1.40 s`.
pub(super) fn latency(us: f64) -> String {
    let (value, unit) = match us.abs() {
        below if below < 999.5 => return format!("{} µs", decimal(us.round())),
        below if below < 999_500.0 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    };
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    let written = format!("{value:.digits$}");
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction} {unit}", group(whole))
}

/// Octets in binary multiples.
pub(super) fn octets(n: f64) -> String {
    const STEPS: [&str; 4] = ["octets", "KiB", "MiB", "GiB"];
    let (mut value, mut step) = (n, 0);
    while value >= 1024.0 && step + 1 < STEPS.len() {
        value /= 1024.0;
        step += 1;
    }
    let unit = STEPS.get(step).copied().unwrap_or_default();
    if step == 0 { format!("{} {unit}", decimal(value.round())) } else { format!("{value:.1} {unit}") }
}

/// Octets in decimal multiples, as volumes are billed: `1.25 MB`.
pub(super) fn decimal_octets(n: f64) -> String {
    scaled(n, &["octets", "kB", "MB", "GB", "TB"])
}

/// Bits a second in decimal multiples: `12.5 Mbit/s`.
fn bits(n: f64) -> String {
    scaled(n, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

fn scaled(n: f64, units: &[&str]) -> String {
    let (mut value, mut step) = (n, 0);
    while value.abs() >= 1000.0 && step + 1 < units.len() {
        value /= 1000.0;
        step += 1;
    }
    let digits = if step == 0 || value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {}", units.get(step).copied().unwrap_or_default())
}

/// `part` of `all` in per cent: enough digits that 99.99 % does not read as 100 %.
pub(super) fn percent(part: f64, all: f64) -> String {
    if all <= 0.0 {
        return UNKNOWN.to_owned();
    }
    let percent = part / all * 100.0;
    if percent == 0.0 || percent == 100.0 {
        return format!("{percent:.0} %");
    }
    if percent < 0.005 {
        return "< 0.01 %".to_owned();
    }
    let shown = format!("{percent:.2}");
    if shown == "100.00" { "> 99.99 %".to_owned() } else { format!("{shown} %") }
}

/// A length of time in words: `12.4 s`, `2 min 30 s`, `8 h 0 min`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{} s", decimal((seconds * 10.0).round() / 10.0));
    }
    let all = seconds.round();
    let (hours, minutes, rest) = ((all / 3600.0).floor(), (all % 3600.0 / 60.0).floor(), all % 60.0);
    if hours > 0.0 { format!("{hours} h {minutes} min") } else { format!("{minutes} min {rest} s") }
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

fn group(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut grouped = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn latency_has_three_digits_and_a_fitting_unit() {
        let shown = [850.0, 999.4, 12_345.0, 131_072.0, 999_499.0, 1_400_000.0, 2_000_000_000.0].map(latency);
        assert_eq!(shown, ["850 µs", "999 µs", "12.3 ms", "131 ms", "999 ms", "1.40 s", "2,000 s"]);
    }

    #[test]
    fn percent_just_below_all_does_not_read_as_all() {
        assert_eq!(percent(10_000.0, 10_000.0), "100 %");
        assert_eq!(percent(999_999.0, 1_000_000.0), "> 99.99 %");
        assert_eq!(percent(1.0, 1_000_000.0), "< 0.01 %");
        assert_eq!(percent(0.0, 0.0), UNKNOWN);
    }

    #[test]
    fn tally_reads_a_number_and_a_map_alike() {
        let summary = json!({"timed_out": 5, "failed": {"illegal-ue": 2, "congestion": 3, "odd": "x"}});
        assert_eq!(Tally::read(&summary, "timed_out").unwrap().total, 5);
        let failed = Tally::read(&summary, "failed").unwrap();
        assert_eq!((failed.total, failed.by_cause[0].0.as_str()), (5, "congestion"));
        assert_eq!(Tally::read(&summary, "abandoned"), None);
    }

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!(
            [0.0, 5.0, 999.0, 1000.0, 1234567.0, 0.25].map(decimal),
            ["0", "5", "999", "1,000", "1,234,567", "0.25"]
        );
        assert_eq!([12.44, 150.0, 28_800.0].map(duration), ["12.4 s", "2 min 30 s", "8 h 0 min"]);
        assert_eq!([512.0, 2048.0, 5e8].map(octets), ["512 octets", "2.0 KiB", "476.8 MiB"]);
        assert_eq!(title("mobility-registration-update"), "Mobility registration update");
        assert_eq!(
            ["handover-n2", "pdu-session", "ue_octets"].map(title),
            ["Handover N2", "PDU session", "UE"]
        );
    }
}
