//! Figures as people read them, each with its unit: on the terminal, in the report, in `junit.xml`.

mod beside;

pub use beside::beside;

/// Shown where there is no figure.
pub const UNKNOWN: &str = "—";

/// Counts of a run are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53, and ratios need no more")]
pub fn float(n: u64) -> f64 {
    n as f64
}

/// A number in the unit that a condition is written in: `%`, a unit of time, `/s`, `/min`, `/h`, or none for a count.
pub fn in_unit(value: f64, unit: &str) -> String {
    match unit {
        "%" => percent(value, 100.0),
        "us" | "µs" => latency(value),
        "ms" => latency(value * 1e3),
        "s" => latency(value * 1e6),
        "m" => latency(value * 60e6),
        "h" => latency(value * 3600e6),
        "" => decimal(value),
        rate if rate.starts_with('/') => format!("{}{rate}", decimal(value)),
        other => format!("{} {other}", decimal(value)),
    }
}

/// `1234567` as `1,234,567`.
pub fn count(n: u64) -> String {
    group(&n.to_string())
}

/// A number with at most three decimals, its thousands grouped.
pub fn decimal(n: f64) -> String {
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

/// The same; a percentile of nothing is no zero.
pub fn latency_if_any(us: u64) -> String {
    if us == 0 { "–".to_owned() } else { latency(float(us)) }
}

/// Microseconds with three significant digits: `850 µs`, `12.3 ms`, `1.40 s`.
pub fn latency(us: f64) -> String {
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
pub fn octets(n: f64) -> String {
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
pub fn decimal_octets(n: f64) -> String {
    scaled(n, &["octets", "kB", "MB", "GB", "TB"])
}

/// Bits a second in decimal multiples: `12.5 Mbit/s`.
pub fn bits(n: f64) -> String {
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
pub fn percent(part: f64, all: f64) -> String {
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
pub fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{} s", decimal((seconds * 10.0).round() / 10.0));
    }
    let all = seconds.round();
    let (hours, minutes, rest) = ((all / 3600.0).floor(), (all % 3600.0 / 60.0).floor(), all % 60.0);
    if hours > 0.0 { format!("{hours} h {minutes} min") } else { format!("{minutes} min {rest} s") }
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

    #[test]
    fn value_is_written_in_its_unit() {
        let shown = |value, unit| in_unit(value, unit);
        assert_eq!(shown(99.9, "%"), "99.90 %");
        assert_eq!(shown(12.34, "ms"), "12.3 ms");
        assert_eq!(shown(0.0012, "s"), "1.20 ms");
        assert_eq!(shown(6.095, "s"), "6.09 s");
        assert_eq!(shown(0.5, "m"), "30.0 s");
        assert_eq!(shown(120.0, "/min"), "120/min");
        assert_eq!(shown(3.0, ""), "3");
    }

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
    fn numbers_and_durations_read_well() {
        assert_eq!(
            [0.0, 5.0, 999.0, 1000.0, 1234567.0, 0.25].map(decimal),
            ["0", "5", "999", "1,000", "1,234,567", "0.25"]
        );
        assert_eq!([12.44, 150.0, 28_800.0].map(duration), ["12.4 s", "2 min 30 s", "8 h 0 min"]);
        assert_eq!([512.0, 2048.0, 5e8].map(octets), ["512 octets", "2.0 KiB", "476.8 MiB"]);
    }
}
