//! A measured value beside the condition that judges it: never rounded to the other side.

use super::in_unit;

/// The value, in the unit of the condition's `target` (such as `>= 99.5%`), with as many digits as it takes to be on the side
/// that `holds` says. What rounds to `99.50 %` and misses `>= 99.5%` is shown as `99.499 %`.
pub fn beside(value: f64, unit: &str, target: &str, holds: bool) -> String {
    let usual = in_unit(value, unit);
    let Some(condition) = Condition::read(target, unit) else { return usual };
    if condition.reads(&usual, unit) == Some(holds) {
        return usual;
    }
    let (scaled, name) = scaled(value, unit);
    let exact = (1..=MOST_DECIMALS).map(|decimals| format!("{scaled:.decimals$}{name}"));
    // What is nearly all must not read as all, nor what is hardly anything as nothing.
    let rounds_away = |shown: &str| {
        unit == "%" && number(shown).is_some_and(|(read, _)| (read == 0.0 || read == 100.0) && read != value)
    };
    let fits = |shown: &String| condition.reads(shown, unit) == Some(holds) && !rounds_away(shown);
    let shown = exact.filter(fits).map(shortened).next();
    // A value that is the limit itself but for the noise of binary fractions.
    shown.unwrap_or(usual)
}

/// A comparison with a limit, in µs, in per cent, or in the unit itself.
struct Condition {
    op: String,
    limit: f64,
}

impl Condition {
    fn read(target: &str, unit: &str) -> Option<Self> {
        let target = target.trim();
        let end = target.find(|letter: char| !matches!(letter, '<' | '>' | '='))?;
        let (op, limit) = target.split_at(end);
        let limit = limit.trim();
        let limit = match unit {
            "%" => match limit.strip_suffix('%') {
                Some(percent) => percent.trim().parse().ok()?,
                None => limit.parse::<f64>().ok()? * 100.0,
            },
            time if micros_of(time).is_some() => duration(limit)?,
            _ => number(limit)?.0,
        };
        Some(Self { op: op.to_owned(), limit })
    }

    /// Whether a reader of this text would say that the condition holds. `None`: the text leaves it open.
    fn reads(&self, shown: &str, unit: &str) -> Option<bool> {
        let (from, to) = match (shown.strip_prefix("< "), shown.strip_prefix("> ")) {
            (Some(upper), _) => (0.0, number(upper)?.0),
            (_, Some(lower)) => (number(lower)?.0, 100.0),
            _ => {
                let (value, rest) = number(shown)?;
                let factor = micros_of(unit).map_or(Some(1.0), |_| micros_of(rest.trim()))?;
                (value * factor, value * factor)
            }
        };
        let (from, to) = (self.holds(from), self.holds(to));
        (from == to).then_some(from)
    }

    fn holds(&self, value: f64) -> bool {
        let same = (value - self.limit).abs() <= NOISE * value.abs().max(self.limit.abs());
        match self.op.as_str() {
            "<" => value < self.limit && !same,
            "<=" => value < self.limit || same,
            ">" => value > self.limit && !same,
            ">=" => value > self.limit || same,
            _ => same,
        }
    }
}

/// The value in the unit that it is shown in, and that unit as it is written.
fn scaled(value: f64, unit: &str) -> (f64, String) {
    match micros_of(unit) {
        Some(micros) => match value * micros {
            us if us < 999.5 => (us, " µs".to_owned()),
            us if us < 999_500.0 => (us / 1e3, " ms".to_owned()),
            us => (us / 1e6, " s".to_owned()),
        },
        None if unit == "%" => (value, " %".to_owned()),
        None => (value, unit.to_owned()),
    }
}

/// Zeros at the end say nothing.
fn shortened(shown: String) -> String {
    let end = shown.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(shown.len());
    let (number, name) = shown.split_at(end);
    let number = number.trim_end_matches('0');
    format!("{}{name}", number.strip_suffix('.').unwrap_or(number))
}

/// The number at the beginning, its thousands grouped or not, and what follows.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | ',' | '-')));
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    Some((number.replace(',', "").parse().ok()?, rest))
}

/// `1m30s` in µs.
fn duration(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let (value, after) = number(rest)?;
        let end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        sum += value * micros_of(unit.trim())?;
        rest = next;
    }
    Some(sum)
}

/// How many µs a unit of time is.
fn micros_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-3,
        "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3600e6,
        _ => return None,
    })
}

/// Doubles have no more.
const MOST_DECIMALS: usize = 15;
/// Values that differ by less are equal: the rest is the noise of binary fractions.
const NOISE: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_round_to_the_limit_gets_more_digits() {
        for (value, unit, target, holds, shown) in [
            (99.998, "/s", ">= 100/s", false, "99.998/s"),
            (100.0, "/s", ">= 100/s", true, "100/s"),
            (99.4999, "%", ">= 99.5%", false, "99.4999 %"),
            (99.5, "%", ">= 99.5%", true, "99.50 %"),
            (99.99999, "%", ">= 99.9999%", true, "99.99999 %"),
            (99.9999, "%", "< 100%", true, "99.9999 %"),
            (0.001, "%", "<= 0.002%", true, "0.001 %"),
            (300.4, "ms", "<= 300ms", false, "300.4 ms"),
            (299.9, "ms", "< 300ms", true, "299.9 ms"),
            (300.0, "ms", "< 300ms", false, "300 ms"),
            (1.5004, "s", "<= 1500ms", false, "1.5004 s"),
            (90.0001, "s", "<= 1m30s", false, "90.0001 s"),
            (1.0000001, "m", "<= 1m", false, "60.00001 s"),
            (0.99949, "ms", ">= 1ms", false, "999 µs"),
            (3.0, "", "== 0", false, "3"),
            (119.9999, "/min", ">= 120/min", false, "119.9999/min"),
        ] {
            assert_eq!(beside(value, unit, target, holds), shown, "{value} {unit} {target}");
        }
    }

    fn in_micros(number: f64, unit: &str) -> f64 {
        match unit {
            "us" | "µs" => number,
            "ms" => number * 1e3,
            "s" => number * 1e6,
            "m" => number * 60e6,
            _ => number * 3600e6,
        }
    }

    fn compare(op: &str, value: f64, limit: f64) -> bool {
        match op {
            "<" => value < limit,
            "<=" => value <= limit,
            ">" => value > limit,
            ">=" => value >= limit,
            _ => value == limit,
        }
    }

    proptest! {
        /// What is shown is on the side of the limit that the judgement says, whatever is measured, in every unit.
        #[test]
        fn no_display_contradicts_its_verdict(
            hundredths in 1u32..1_000_000,
            near in -1000i64..1000,
            shrink in 0i32..7,
            op in prop::sample::select(vec!["<", "<=", ">", ">=", "=="]),
            unit in prop::sample::select(vec!["%", "us", "ms", "s", "m", "h", "/s", "/min", "/h", ""]),
        ) {
            let hundredths = if unit == "%" { hundredths.min(10_000) } else { hundredths };
            let limit = f64::from(hundredths) / 100.0;
            // As near to the limit as one attempt of some millions makes it.
            let value = (limit + near as f64 / 10f64.powi(shrink)).max(0.0);
            let value = if unit == "%" { value.min(100.0) } else { value };
            let target = format!("{op} {limit}{unit}");
            let holds = compare(op, value, limit);
            let shown = beside(value, unit, &target, holds);
            let end = shown.trim_start_matches(['<', '>', ' ']).to_owned();
            let split = end.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(end.len());
            let (number, name) = end.split_at(split);
            let number: f64 = number.replace(',', "").parse().unwrap();
            let (read, limit) = if matches!(unit, "us" | "ms" | "s" | "m" | "h") {
                (in_micros(number, name.trim()), in_micros(limit, unit))
            } else {
                (number, limit)
            };
            let equal = (read - limit).abs() <= 1e-11 * limit;
            let reads = compare(op, if equal { limit } else { read }, limit);
            prop_assert!(shown.starts_with(['<', '>']) || reads == holds, "{value} {unit} {target} is shown as {shown}");
        }
    }
}
