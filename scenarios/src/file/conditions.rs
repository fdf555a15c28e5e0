//! Radio conditions and other impairments, and the safety budget.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each, long};
use crate::conditions::{Breach, MOST_IMPAIRED, MOST_WINDOWS};
use crate::units::{DurationText, Ratio};
use crate::yaml::Complaint;
use crate::{Conditions, Impairment, ImpairmentKind, Override, Window};

/// What is made worse on purpose, and when not.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {impairments: [...]}"
)]
pub(super) struct ConditionsFile {
    /// What happens, when. At most 10 minutes of it in any hour.
    pub(super) impairments: Vec<ImpairmentFile>,
    /// No impairment may be active in these.
    pub(super) maintenance: Vec<WindowFile>,
    /// Who allowed more than the safety budget, and why.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub(super) override_: Option<OverrideFile>,
}

/// A span of the run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with at and for")]
pub(super) struct WindowFile {
    /// Since the start of the run.
    #[serde(default)]
    pub(super) at: DurationText,
    /// How long.
    #[serde(rename = "for")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) for_: DurationText,
}

/// Permission to break the safety budget.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with by and reason")]
pub(super) struct OverrideFile {
    /// Whose.
    #[schemars(length(min = 1))]
    pub(super) by: String,
    /// Why.
    #[schemars(length(min = 1))]
    pub(super) reason: String,
}

/// One impairment: exactly one kind, and when.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping such as {signal-loss: {share: 20%}, at: 10s, for: 3s}"
)]
#[schemars(extend("oneOf" = [
    {"required": ["signal-loss"]}, {"required": ["rrc-oscillation"]}, {"required": ["congestion"]},
    {"required": ["throttle"]}, {"required": ["interference"]}, {"required": ["signalling-storm"]},
]))]
pub(super) struct ImpairmentFile {
    /// For the report. Default: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// UEs lose their signal for the whole window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ShareFile")]
    pub(super) signal_loss: Option<ShareFile>,
    /// UEs are sent to idle and come back, again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PeriodicFile")]
    pub(super) rrc_oscillation: Option<PeriodicFile>,
    /// The cells take fewer connections; more are refused, or wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CrowdingFile")]
    pub(super) congestion: Option<CrowdingFile>,
    /// The traffic of all sessions flows at a part of its rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ThrottleFile")]
    pub(super) throttle: Option<ThrottleFile>,
    /// NAS messages are lost, and late, beyond what the radio profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "InterferenceFile")]
    pub(super) interference: Option<InterferenceFile>,
    /// UEs switch off and register again at once, again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PeriodicFile")]
    pub(super) signalling_storm: Option<PeriodicFile>,
    /// When it begins, since the start of the run.
    #[serde(default)]
    pub(super) at: DurationText,
    /// How long it lasts.
    #[serde(rename = "for")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) for_: DurationText,
    /// Begins again after this, counted from begin to begin, to the end of the run. Default: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) every: Option<DurationText>,
    /// How many of the cells are concerned.
    #[serde(default = "all")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) cells: Ratio,
}

/// How many UEs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {share: 20%}")]
pub(super) struct ShareFile {
    /// How many of the UEs in the cells.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) share: Ratio,
}

/// How many UEs, how often.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {share: 20%, period: 2s}")]
pub(super) struct PeriodicFile {
    /// How many of the UEs in the cells.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) share: Ratio,
    /// From one time to the next, for each of them.
    pub(super) period: DurationText,
}

/// How many connections a cell takes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {capacity: 50, wait: 2s}")]
pub(super) struct CrowdingFile {
    /// RRC connections at once in each cell.
    #[schemars(range(min = 1))]
    pub(super) capacity: u32,
    /// Attempts beyond it wait this long for a place. Default: they are refused at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<DurationText>,
}

/// How slowly traffic flows.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {factor: 20%}")]
pub(super) struct ThrottleFile {
    /// What is left of the rate.
    pub(super) factor: Ratio,
}

/// How bad the radio is, beyond its profile.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping such as {loss: 2%, latency: 30ms}")]
pub(super) struct InterferenceFile {
    /// Added to the loss of the profile.
    pub(super) loss: Ratio,
    /// Added to the latency of the profile.
    pub(super) latency: DurationText,
}

/// `end` is when the run ends at the latest.
pub(super) fn check(
    file: ConditionsFile,
    end: std::time::Duration,
    at: &At<'_>,
) -> Result<Conditions, Complaint> {
    let impairments = each(file.impairments, &at.field("impairments"), impairment)?;
    let maintenance = each(file.maintenance, &at.field("maintenance"), |file, at| {
        long(file.for_, &at.field("for"))?;
        Ok(Window { at: file.at.0, for_: file.for_.0 })
    })?;
    let override_ = match file.override_ {
        None => None,
        Some(OverrideFile { by, reason }) => {
            let at = at.field("override");
            for (field, text) in [("by", &by), ("reason", &reason)] {
                at.field(field)
                    .require(!text.trim().is_empty(), || "an empty text does not say it".to_owned())?;
            }
            Some(Override { by, reason })
        }
    };
    let conditions = Conditions { impairments, maintenance, override_ };
    within_budget(&conditions, end, at).map_err(Complaint::across)?;
    Ok(conditions)
}

fn impairment(file: ImpairmentFile, at: &At<'_>) -> Result<Impairment, Complaint> {
    let ImpairmentFile { name, at: begins, for_, every, cells, .. } = &file;
    let (begins, for_, every, cells) = (*begins, *for_, *every, *cells);
    let name = name.clone();
    let kind = kind(file, at)?;
    let name = name.unwrap_or_else(|| kind.as_str().to_owned());
    long(for_, &at.field("for"))?;
    if let Some(every) = every {
        at.field("every").require(every.0 > for_.0, || {
            format!(
                "every {every} begins again before {for_} are over: more is expected, or a longer \"for\" instead"
            )
        })?;
    }
    at.field("cells").require(cells.value() > 0.0, || {
        "0% of the cells are none: above 0% and at most 100% are accepted".to_owned()
    })?;
    let window = Window { at: begins.0, for_: for_.0 };
    Ok(Impairment { name, kind, window, every: every.map(|every| every.0), cells: cells.value() })
}

fn kind(file: ImpairmentFile, at: &At<'_>) -> Result<ImpairmentKind, Complaint> {
    let given = [
        ("signal-loss", file.signal_loss.is_some()),
        ("rrc-oscillation", file.rrc_oscillation.is_some()),
        ("congestion", file.congestion.is_some()),
        ("throttle", file.throttle.is_some()),
        ("interference", file.interference.is_some()),
        ("signalling-storm", file.signalling_storm.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let &[kind] = given.as_slice() else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        return at.wrong(format!(
            "an impairment has exactly one of signal-loss, rrc-oscillation, congestion, throttle, interference and \
             signalling-storm, found {found}"
        ));
    };
    let at = at.field(kind);
    let some = |share: Ratio| {
        at.field("share").require(share.value() > 0.0, || {
            "0% of the UEs are none: above 0% and at most 100% are accepted".to_owned()
        })?;
        Ok(share.value())
    };
    let period = |period: DurationText| {
        at.field("period").require(period.0 >= SHORTEST_PERIOD, || {
            format!("{period} is too short: at least {} is accepted", DurationText(SHORTEST_PERIOD))
        })?;
        Ok(period.0)
    };
    if let Some(ShareFile { share }) = file.signal_loss {
        return Ok(ImpairmentKind::SignalLoss { share: some(share)? });
    }
    if let Some(file) = file.rrc_oscillation {
        return Ok(ImpairmentKind::RrcOscillation { share: some(file.share)?, period: period(file.period)? });
    }
    if let Some(CrowdingFile { capacity, wait }) = file.congestion {
        at.field("capacity").require(capacity > 0, || {
            "0 connections let nobody in: 1 or more are accepted (signal-loss takes everybody's signal)"
                .to_owned()
        })?;
        return Ok(ImpairmentKind::Congestion { capacity, wait: wait.map(|wait| wait.0) });
    }
    if let Some(ThrottleFile { factor }) = file.throttle {
        return Ok(ImpairmentKind::Throttle { factor: factor.value() });
    }
    if let Some(file) = file.signalling_storm {
        return Ok(ImpairmentKind::SignallingStorm {
            share: some(file.share)?,
            period: period(file.period)?,
        });
    }
    let InterferenceFile { loss, latency } = file.interference.unwrap_or_default();
    at.require(loss.value() > 0.0 || !latency.0.is_zero(), || {
        "this changes nothing: a loss, a latency or both are expected, such as {loss: 2%, latency: 30ms}"
            .to_owned()
    })?;
    Ok(ImpairmentKind::Interference { loss: loss.value(), latency: latency.0 })
}

fn within_budget(conditions: &Conditions, end: std::time::Duration, at: &At<'_>) -> Result<(), Complaint> {
    if let Some(number) = conditions.too_many_windows(end) {
        return at.field("impairments").item(number).field("every").wrong(format!(
            "this makes the impairments begin more than {MOST_WINDOWS} times in the run: a longer time is expected"
        ));
    }
    let Some(breach) = conditions.breach(end).filter(|_| conditions.override_.is_none()) else {
        return Ok(());
    };
    let permission = "unless conditions.override says by whom and why";
    let name = |number: usize| conditions.impairments.get(number).map_or("", |one| one.name.as_str());
    let span = |window: Window| {
        let (at, to) = (DurationText(window.at), DurationText(window.at.saturating_add(window.for_)));
        format!("from {at} to {to}")
    };
    match breach {
        Breach::Maintenance { impairment, window, maintenance } => {
            let (name, window) = (name(impairment), span(window));
            let maintenance_window = conditions.maintenance.get(maintenance).copied().map(span);
            at.field("impairments").item(impairment).wrong(format!(
                "{name:?} is active {window}, within the maintenance window {}: nothing may be impaired then, \
                 {permission}",
                maintenance_window.unwrap_or_default()
            ))
        }
        Breach::Budget { impairment, window, used } => {
            let (name, window, used) = (name(impairment), span(window), DurationText(used));
            let most = DurationText(MOST_IMPAIRED);
            at.field("impairments").item(impairment).wrong(format!(
                "{name:?} {window} brings the hour before its end to {used} of impairment: at most {most} in any hour \
                 are allowed, {permission}"
            ))
        }
    }
}

impl From<&Conditions> for ConditionsFile {
    fn from(conditions: &Conditions) -> Self {
        let override_ = conditions.override_.as_ref();
        Self {
            impairments: conditions.impairments.iter().map(ImpairmentFile::from).collect(),
            maintenance: conditions.maintenance.iter().map(WindowFile::from).collect(),
            override_: override_
                .map(|given| OverrideFile { by: given.by.clone(), reason: given.reason.clone() }),
        }
    }
}

impl From<&Window> for WindowFile {
    fn from(window: &Window) -> Self {
        Self { at: DurationText(window.at), for_: DurationText(window.for_) }
    }
}

impl From<&Impairment> for ImpairmentFile {
    fn from(impairment: &Impairment) -> Self {
        let mut file = Self {
            name: Some(impairment.name.clone()),
            signal_loss: None,
            rrc_oscillation: None,
            congestion: None,
            throttle: None,
            interference: None,
            signalling_storm: None,
            at: DurationText(impairment.window.at),
            for_: DurationText(impairment.window.for_),
            every: impairment.every.map(DurationText),
            cells: Ratio::new(impairment.cells),
        };
        let periodic =
            |share, period| Some(PeriodicFile { share: Ratio::new(share), period: DurationText(period) });
        match impairment.kind {
            ImpairmentKind::SignalLoss { share } => {
                file.signal_loss = Some(ShareFile { share: Ratio::new(share) });
            }
            ImpairmentKind::RrcOscillation { share, period } => {
                file.rrc_oscillation = periodic(share, period);
            }
            ImpairmentKind::Congestion { capacity, wait } => {
                file.congestion = Some(CrowdingFile { capacity, wait: wait.map(DurationText) });
            }
            ImpairmentKind::Throttle { factor } => {
                file.throttle = Some(ThrottleFile { factor: Ratio::new(factor) });
            }
            ImpairmentKind::Interference { loss, latency } => {
                let (loss, latency) = (Ratio::new(loss), DurationText(latency));
                file.interference = Some(InterferenceFile { loss, latency });
            }
            ImpairmentKind::SignallingStorm { share, period } => {
                file.signalling_storm = periodic(share, period);
            }
        }
        file
    }
}

fn all() -> Ratio {
    Ratio::new(1.0)
}

/// Faster than this no UE goes to idle and comes back.
const SHORTEST_PERIOD: std::time::Duration = std::time::Duration::from_millis(10);
