//! A part of the run: `10s..40s`.

use std::fmt;
use std::str::FromStr;

use super::{
    Deserialize, Deserializer, DurationText, JsonSchema, Serialize, Serializer, duration_pattern, text_unit,
};
use crate::Window;

/// From a time of the run to another, which is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Window);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text
            .split_once("..")
            .ok_or_else(|| format!("{text:?} is not a part of the run such as 10s..40s"))?;
        let (from, to): (DurationText, DurationText) = (from.trim().parse()?, to.trim().parse()?);
        match to.0.checked_sub(from.0).filter(|length| !length.is_zero()) {
            Some(for_) => Ok(Self(Window { at: from.0, for_ })),
            None => Err(format!("{text:?} ends before it begins: a later end is expected, such as 10s..40s")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { at, for_ } = self.0;
        write!(f, "{}..{}", DurationText(at), DurationText(at.saturating_add(for_)))
    }
}

text_unit!(
    Span,
    "Span",
    concat!("^ *", duration_pattern!(), r" *\.\. *", duration_pattern!(), " *$"),
    "A part of the run, from a time since its start to another: 10s..40s."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_run_has_two_ends_and_some_length() {
        for text in ["0s..1s", "10s..40s", "90s..1h", "1500ms..2s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for (text, part) in [
            ("10s", "is not a part of the run such as 10s..40s"),
            ("10s..", "is not a duration"),
            ("40s..10s", "ends before it begins"),
            ("4s..4s", "ends before it begins"),
        ] {
            let error = text.parse::<Span>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
