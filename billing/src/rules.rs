//! How much two records may differ and still agree: `rules.yaml`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Account, Money, Octets, Unit};

/// What is tolerated. Where a file says nothing of a rule, the default holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Of each direction's octets in a session; `0B` and `0%`: exact.
    pub volume: VolumeTolerance,
    /// Of a session's length; `10s` and `0%`.
    pub duration: DurationTolerance,
    /// How far the clocks of the two sides may be apart, where records without a charging identifier are matched by
    /// time; `5s`.
    #[serde(with = "text", alias = "clock-skew")]
    #[schemars(with = "String")]
    pub clock_skew: Duration,
    /// How long after the end of its part a record may be written; `5m`.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub lateness: Duration,
    /// What a T-PDU that went missing on its way may have held at most: so much of a difference is explained by each, where
    /// the traffic of the session can have carried it; `1500B`.
    #[serde(with = "text", alias = "lost-packet")]
    #[schemars(with = "String")]
    pub lost_packet: Octets,
    /// What part of all octets may be explained by packets that went missing.
    pub loss: LossRules,
    /// How amounts are recomputed.
    pub rating: RatingRules,
}

/// Octets: the larger of the two is tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeTolerance {
    /// So many octets.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub absolute: Octets,
    /// Such a part of what was used.
    pub relative: Ratio,
}

/// Time: the larger of the two is tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DurationTolerance {
    /// So long.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub absolute: Duration,
    /// Such a part of the session.
    pub relative: Ratio,
}

/// How amounts are recomputed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RatingRules {
    /// What is rounded, and given its free units.
    pub per: RatedPer,
    /// By how much the amount of a session may differ; `0`.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub tolerance: Money,
}

/// What is rounded, and given its free units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RatedPer {
    /// What a session used in one network at one rate.
    #[default]
    Session,
    /// Each record by itself, as some charging systems do.
    Record,
}

/// A part of the whole, in millionths. Written in percent: `0.5%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Default for Rules {
    fn default() -> Self {
        Self {
            volume: VolumeTolerance::default(),
            duration: DurationTolerance::default(),
            clock_skew: Duration::from_secs(5),
            lateness: Duration::from_secs(5 * 60),
            lost_packet: Octets(1_500),
            loss: LossRules::default(),
            rating: RatingRules::default(),
        }
    }
}

/// What part of all octets may be explained by packets that went missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LossRules {
    /// More is a warning; `1%`.
    pub warning: Ratio,
    /// With more nothing is proven of the billing; `10%`.
    pub limit: Ratio,
}

impl Default for LossRules {
    fn default() -> Self {
        Self { warning: Ratio(10_000), limit: Ratio(100_000) }
    }
}

/// What losses make of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossJudgement {
    /// They explain little, or nothing.
    Harmless,
    /// They explain so much that somebody should know.
    Noticeable,
    /// They explain so much that sessions which agree prove nothing.
    NotProvable,
}

impl LossRules {
    /// Judges what lost packets explain of an account.
    pub fn judge(self, account: &Account) -> LossJudgement {
        let share = account.loss_share();
        let above = |ratio: Ratio| share > f64::from(ratio.0) / 1e6;
        if above(self.limit) {
            LossJudgement::NotProvable
        } else if above(self.warning) {
            LossJudgement::Noticeable
        } else {
            LossJudgement::Harmless
        }
    }
}

/// None.
impl Default for VolumeTolerance {
    fn default() -> Self {
        Self { absolute: Octets(0), relative: Ratio(0) }
    }
}

/// Ten seconds: either side notices the other's end by messages and timers.
impl Default for DurationTolerance {
    fn default() -> Self {
        Self { absolute: Duration::from_secs(10), relative: Ratio(0) }
    }
}

impl Rules {
    /// Reads a rules file. The error names file, line and field.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        crate::yaml::read(text, file)
    }
}

impl VolumeTolerance {
    /// How many octets of so many may differ.
    pub(crate) fn of(self, octets: u64) -> u64 {
        self.absolute.0.max(self.relative.of(octets))
    }
}

impl DurationTolerance {
    /// How many µs of so many may differ.
    pub(crate) fn of(self, duration_us: u64) -> u64 {
        micros(self.absolute).max(self.relative.of(duration_us))
    }
}

impl Ratio {
    fn of(self, whole: u64) -> u64 {
        u64::try_from(u128::from(whole) * u128::from(self.0) / 1_000_000).unwrap_or(u64::MAX)
    }
}

impl FromStr for Ratio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is not a percentage from 0% to 100%, such as 0.5%");
        let number = text.trim().strip_suffix('%').ok_or_else(error)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || part.is_empty() || part.len() > 4 {
            return Err(error());
        }
        let millionths = format!("{whole}{part:0<4}");
        let millionths = millionths.parse().ok().filter(|millionths| *millionths <= 1_000_000);
        millionths
            .filter(|_| number.starts_with(|first: char| first.is_ascii_digit()))
            .map(Self)
            .ok_or_else(error)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, format!("{:04}", self.0 % 10_000));
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            part => write!(f, "{whole}.{part}%"),
        }
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BillingRatio".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,4})?%$" })
    }
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Values as text with their unit.
mod text {
    use super::{Deserialize, Deserializer, Duration, Money, Octets, Serializer, Unit};

    pub(super) trait Text: Sized {
        fn write(&self) -> String;
        fn read(text: &str) -> Result<Self, String>;
    }

    impl Text for Duration {
        fn write(&self) -> String {
            Unit::Time(*self).to_string()
        }
        fn read(text: &str) -> Result<Self, String> {
            let micros = crate::time::read(text);
            let micros = micros
                .ok_or_else(|| format!("{text:?} is not a duration such as 10s, 300ms, 1m30s or 5m"))?;
            Ok(Self::from_micros(micros))
        }
    }

    impl Text for Octets {
        fn write(&self) -> String {
            self.with_unit()
        }
        fn read(text: &str) -> Result<Self, String> {
            text.parse()
        }
    }

    impl Text for Money {
        fn write(&self) -> String {
            self.to_string()
        }
        fn read(text: &str) -> Result<Self, String> {
            text.parse()
        }
    }

    pub(super) fn serialize<T: Text, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.write())
    }

    pub(super) fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::read(String::deserialize(deserializer)?.trim()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_the_rest_is_default() {
        let rules = Rules::from_yaml(
            "volume: {absolute: 1kB, relative: 0.5%}\nlateness: 1h\nrating: {per: record, tolerance: 0.01}\n",
            "rules.yaml",
        )
        .unwrap();
        assert_eq!(rules.volume.of(100_000), 1_000);
        assert_eq!(rules.volume.of(1_000_000), 5_000);
        assert_eq!(rules.lateness, Duration::from_secs(3_600));
        assert_eq!(rules.clock_skew, Rules::default().clock_skew);
        assert_eq!(rules.rating.per, RatedPer::Record);
        let json = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), rules);
        assert_eq!(Rules::from_yaml("# nothing\n", "rules.yaml"), Ok(Rules::default()));
    }

    #[test]
    fn losses_are_judged_by_their_share() {
        let rules = Rules::from_yaml("loss: {warning: 2%, limit: 20%}\n", "rules.yaml").unwrap();
        for (explained, defaults, own) in [
            (100, LossJudgement::Harmless, LossJudgement::Harmless),
            (101, LossJudgement::Noticeable, LossJudgement::Harmless),
            (1_000, LossJudgement::Noticeable, LossJudgement::Noticeable),
            (1_001, LossJudgement::NotProvable, LossJudgement::Noticeable),
            (2_001, LossJudgement::NotProvable, LossJudgement::NotProvable),
        ] {
            let account = Account {
                used_uplink: 2_000,
                charged_uplink: 2_000,
                used_downlink: 8_000 - explained,
                charged_downlink: 8_000,
                explained_by_loss_downlink: explained,
                ..Account::default()
            };
            assert_eq!(LossRules::default().judge(&account), defaults, "{explained}");
            assert_eq!(rules.loss.judge(&account), own, "{explained}");
        }
        assert_eq!(LossRules::default().judge(&Account::default()), LossJudgement::Harmless);
    }

    #[test]
    fn a_mistake_in_the_rules_is_named() {
        assert_eq!(
            Rules::from_yaml("clock-skew: 1m30s\nlateness: 5m\nlost-packet: 1kB", "rules.yaml"),
            Rules::from_yaml("clock_skew: 1.5min\nlateness: 300s\nlost_packet: 1kB", "rules.yaml")
        );
        for (text, expected) in [
            ("volume: {relative: 1}", "rules.yaml:1:20: "),
            ("volume: {relative: 101%}", "not a percentage"),
            ("volumes: {}", "volumes"),
            ("lateness: 5", "\"5\" is not a duration such as 10s"),
        ] {
            let error = Rules::from_yaml(text, "rules.yaml").unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
