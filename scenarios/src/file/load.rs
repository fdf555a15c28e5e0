//! What is attempted, how often.

use std::time::Duration;

use identity::Procedure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::at::{At, every, long};
use crate::load::{MAX_ROUNDS, MAX_STEPS};
use crate::units::{DurationText, LONGEST, Rate};
use crate::yaml::Complaint;
use crate::{Arrivals, Load, Phase, Repeat, RepeatEnds, Shape};

/// One stream of attempts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with procedure and phases")]
pub(super) struct LoadFile {
    /// What is attempted.
    pub(super) procedure: Procedure,
    /// How attempts are spread around the rate.
    #[serde(default)]
    pub(super) arrivals: Arrivals,
    /// The first phase begins this long after the start of the run.
    #[serde(default)]
    pub(super) starts_after: DurationText,
    /// One after another.
    #[schemars(length(min = 1))]
    pub(super) phases: Vec<PhaseFile>,
    /// Plays all of its phases again, and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) repeat: Option<RepeatFile>,
}

/// How often phases are played: exactly one of times and until.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {every: 10m, until: 8h}")]
#[schemars(extend("oneOf" = [{"required": ["times"]}, {"required": ["until"]}]))]
pub(super) struct RepeatFile {
    /// From the begin of one round to that of the next.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) every: DurationText,
    /// How many rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 10_000))]
    pub(super) times: Option<u32>,
    /// Until this time since the start of the run; a round that would not be over by then is not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DurationText")]
    pub(super) until: Option<DurationText>,
}

/// A part of a load: exactly one of rate, ramp, steps, spike and hold.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {rate: 1000/s, for: 10s}"
)]
#[schemars(extend("oneOf" = one_shape()))]
pub(super) struct PhaseFile {
    /// For the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The same rate throughout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rate", extend("default" = "1000/s", "not" = super::schema::zero()))]
    pub(super) rate: Option<Rate>,
    /// Linear from one rate to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RampFile")]
    pub(super) ramp: Option<RampFile>,
    /// A staircase.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StepsFile")]
    pub(super) steps: Option<StepsFile>,
    /// A base rate with one peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SpikeFile")]
    pub(super) spike: Option<SpikeFile>,
    /// No arrivals for this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DurationText", extend("not" = super::schema::zero()))]
    pub(super) hold: Option<DurationText>,
    /// How long, for rate, ramp and spike.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DurationText", extend("not" = super::schema::zero()))]
    pub(super) for_: Option<DurationText>,
    /// Whether it is what --duration makes longer or shorter: of rate and hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) stretch: bool,
}

/// The schemas of which a phase meets exactly one.
fn one_shape() -> Vec<Value> {
    const SHAPES: [(&str, bool); 5] =
        [("rate", true), ("ramp", true), ("steps", false), ("spike", true), ("hold", false)];
    let of = |(shape, has_length): (&str, bool)| {
        let others = SHAPES.iter().map(|(other, _)| *other).filter(|other| *other != shape);
        let mut without: serde_json::Map<String, Value> =
            others.map(|other| (other.to_owned(), Value::Bool(false))).collect();
        if !has_length {
            without.insert("for".to_owned(), Value::Bool(false));
        }
        let required = if has_length { vec![shape, "for"] } else { vec![shape] };
        json!({"required": required, "properties": without})
    };
    SHAPES.into_iter().map(of).collect()
}

/// Linear from one rate to another.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with from and to")]
pub(super) struct RampFile {
    /// At the beginning.
    pub(super) from: Rate,
    /// At the end.
    pub(super) to: Rate,
}

/// A staircase from one rate to another, both included.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with from, to, by and each")]
pub(super) struct StepsFile {
    /// The first step.
    pub(super) from: Rate,
    /// The last step.
    pub(super) to: Rate,
    /// The height of a step, also when it goes down.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) by: Rate,
    /// How long each step lasts.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) each: DurationText,
}

/// A base rate with one rectangular peak.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with base, peak, after and lasts")]
pub(super) struct SpikeFile {
    /// Before and after the peak.
    pub(super) base: Rate,
    /// In the peak.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) peak: Rate,
    /// When the peak begins, since the start of the phase.
    pub(super) after: DurationText,
    /// How long the peak lasts.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) lasts: DurationText,
}

pub(super) fn check(file: LoadFile, at: &At<'_>) -> Result<Load, Complaint> {
    let LoadFile { procedure, arrivals, starts_after, phases, repeat } = file;
    let repeat_at = at.field("repeat");
    let at = at.field("phases");
    let phases = every(phases, &at, "phase such as {rate: 10/s, for: 10s}", phase)?;
    let mut load = Load { procedure, arrivals, starts_after: starts_after.0, phases, repeat: None };
    if let Some(repeat) = repeat {
        for (index, phase) in load.phases.iter().enumerate() {
            at.item(index).field("stretch").require(!phase.stretch, || {
                "a phase that is repeated keeps its length: --duration changes how often, or how long, it is repeated".to_owned()
            })?;
        }
        load.repeat = Some(repetition(&repeat, &load, &repeat_at)?);
    }
    let load = load;
    at.require(load.ends_after() <= LONGEST, || "the phases last longer than 366 days together".to_owned())?;
    at.require(load.planned() > 0, || {
        "the phases plan no attempt at all: the rate times the time must come to 1 or more".to_owned()
    })?;
    Ok(load)
}

fn repetition(file: &RepeatFile, load: &Load, at: &At<'_>) -> Result<Repeat, Complaint> {
    let RepeatFile { every, times, until } = file;
    let round = load.round();
    at.field("every").require(every.0 >= round, || {
        format!(
            "every {every} begins again before the phases are over, which last {} together",
            DurationText(round)
        )
    })?;
    let ends = match (times, until) {
        (Some(times), None) => {
            at.field("times")
                .require((1..=MAX_ROUNDS).contains(times), || format!("1 to {MAX_ROUNDS} are accepted"))?;
            RepeatEnds::After(*times)
        }
        (None, Some(until)) => {
            let rounds = load.rounds_until(every.0, until.0);
            at.field("until").require(rounds > 0, || {
                let first = DurationText(load.starts_after.saturating_add(round));
                format!("{until} is before the first round is over, at {first}: more is expected")
            })?;
            at.field("every").require(rounds <= MAX_ROUNDS, || {
                format!("this makes {rounds} rounds until {until}: at most {MAX_ROUNDS} are accepted")
            })?;
            RepeatEnds::At(until.0)
        }
        (given, _) => {
            let found = if given.is_some() { "both" } else { "none" };
            return at.wrong(format!(
                "a repetition has exactly one of times and until, such as {{every: 10m, until: 8h}}, found {found}"
            ));
        }
    };
    Ok(Repeat { every: every.0, ends })
}

fn phase(file: PhaseFile, at: &At<'_>) -> Result<Phase, Complaint> {
    let given = [
        ("rate", file.rate.is_some()),
        ("ramp", file.ramp.is_some()),
        ("steps", file.steps.is_some()),
        ("spike", file.spike.is_some()),
        ("hold", file.hold.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let &[kind] = given.as_slice() else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        return at
            .wrong(format!("a phase has exactly one of rate, ramp, steps, spike and hold, found {found}"));
    };
    let shape = match (file.rate, file.ramp, file.steps, file.spike, file.hold) {
        (Some(rate), ..) => {
            positive(rate, &at.field("rate"))?;
            Shape::Constant { rate_per_s: rate.per_s(), for_: lasting(file.for_, kind, at)? }
        }
        (_, Some(ramp), ..) => {
            positive(Rate::new(ramp.from.per_s().max(ramp.to.per_s())), &at.field("ramp"))?;
            let (from_per_s, to_per_s) = (ramp.from.per_s(), ramp.to.per_s());
            Shape::Ramp { from_per_s, to_per_s, for_: lasting(file.for_, kind, at)? }
        }
        (_, _, Some(steps), ..) => {
            let at = at.field("steps");
            positive(Rate::new(steps.from.per_s().max(steps.to.per_s())), &at)?;
            positive(steps.by, &at.field("by"))?;
            long(steps.each, &at.field("each"))?;
            let (from_per_s, to_per_s) = (steps.from.per_s(), steps.to.per_s());
            let shape = Shape::Steps { from_per_s, to_per_s, by_per_s: steps.by.per_s(), each: steps.each.0 };
            at.field("by").require(shape.steps() <= MAX_STEPS, || {
                format!("more than {MAX_STEPS} steps: take a ramp instead, or higher steps")
            })?;
            shape
        }
        (_, _, _, Some(spike), _) => {
            let for_ = lasting(file.for_, kind, at)?;
            let at = at.field("spike");
            positive(spike.peak, &at.field("peak"))?;
            long(spike.lasts, &at.field("lasts"))?;
            at.require(spike.after.0 + spike.lasts.0 <= for_, || {
                let (after, lasts, for_) = (spike.after, spike.lasts, DurationText(for_));
                format!(
                    "the peak does not fit into the phase: after {after} and lasts {lasts} exceed for {for_}"
                )
            })?;
            Shape::Spike {
                base_per_s: spike.base.per_s(),
                peak_per_s: spike.peak.per_s(),
                after: spike.after.0,
                lasts: spike.lasts.0,
                for_,
            }
        }
        (_, _, _, _, hold) => {
            let hold = hold.unwrap_or_default();
            long(hold, &at.field("hold"))?;
            Shape::Hold { for_: hold.0 }
        }
    };
    at.field("for").require(file.for_.is_none() || !["steps", "hold"].contains(&kind), || match kind {
        "steps" => "\"for\" does not go with steps: \"each\" says how long a step lasts".to_owned(),
        _ => "\"for\" does not go with hold, which says itself how long: {hold: 5s}".to_owned(),
    })?;
    at.field("stretch").require(!file.stretch || ["rate", "hold"].contains(&kind), || {
        format!("a phase of {kind} cannot be stretched: rate and hold can")
    })?;
    Ok(Phase { name: file.name, shape, stretch: file.stretch })
}

fn positive(rate: Rate, at: &At<'_>) -> Result<(), Complaint> {
    at.require(rate.per_s() > 0.0, || {
        "0/s is an impossible rate here: above 0/s and at most 1000000/s are accepted (without arrivals: {hold: 5s})"
            .to_owned()
    })
}

fn lasting(for_: Option<DurationText>, kind: &str, at: &At<'_>) -> Result<Duration, Complaint> {
    let Some(for_) = for_ else {
        return at.wrong(format!("the field \"for\" is missing: how long the {kind} lasts, such as 10s"));
    };
    long(for_, &at.field("for"))?;
    Ok(for_.0)
}

impl From<&Load> for LoadFile {
    fn from(load: &Load) -> Self {
        Self {
            procedure: load.procedure,
            arrivals: load.arrivals,
            starts_after: DurationText(load.starts_after),
            phases: load.phases.iter().map(PhaseFile::from).collect(),
            repeat: load.repeat.as_ref().map(RepeatFile::from),
        }
    }
}

impl From<&Repeat> for RepeatFile {
    fn from(repeat: &Repeat) -> Self {
        let (times, until) = match repeat.ends {
            RepeatEnds::After(times) => (Some(times), None),
            RepeatEnds::At(end) => (None, Some(DurationText(end))),
        };
        Self { every: DurationText(repeat.every), times, until }
    }
}

impl From<&Phase> for PhaseFile {
    fn from(phase: &Phase) -> Self {
        let named = Self { name: phase.name.clone(), stretch: phase.stretch, ..Self::default() };
        match phase.shape {
            Shape::Constant { rate_per_s, for_ } => {
                Self { rate: Some(Rate::new(rate_per_s)), for_: Some(DurationText(for_)), ..named }
            }
            Shape::Ramp { from_per_s, to_per_s, for_ } => {
                let ramp = RampFile { from: Rate::new(from_per_s), to: Rate::new(to_per_s) };
                Self { ramp: Some(ramp), for_: Some(DurationText(for_)), ..named }
            }
            Shape::Steps { from_per_s, to_per_s, by_per_s, each } => {
                let (from, to, by) = (Rate::new(from_per_s), Rate::new(to_per_s), Rate::new(by_per_s));
                Self { steps: Some(StepsFile { from, to, by, each: DurationText(each) }), ..named }
            }
            Shape::Spike { base_per_s, peak_per_s, after, lasts, for_ } => {
                let spike = SpikeFile {
                    base: Rate::new(base_per_s),
                    peak: Rate::new(peak_per_s),
                    after: DurationText(after),
                    lasts: DurationText(lasts),
                };
                Self { spike: Some(spike), for_: Some(DurationText(for_)), ..named }
            }
            Shape::Hold { for_ } => Self { hold: Some(DurationText(for_)), ..named },
        }
    }
}
