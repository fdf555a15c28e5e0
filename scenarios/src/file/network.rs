//! What the embedded simulator does.

use std::time::Duration;

use identity::{Snssai, Technology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each, long};
use super::roaming::{self, RoamingFile};
use super::technology::{Unbuilt, refuse_unbuilt};
use crate::units::{DurationText, Ratio};
use crate::yaml::Complaint;
use crate::{Cells, Congestion, Core5g, Freeze, HandoverPolicy, Network, PolicyControl, SubscriberGroup};

/// What the embedded simulator does.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {processing-delay: 1ms}"
)]
pub(super) struct NetworkFile {
    /// From a message to the answer, at least.
    pub(super) processing_delay: DurationText,
    /// Added to it: uniformly from zero to this.
    pub(super) processing_jitter: DurationText,
    /// When the simulator stops to answer.
    pub(super) freezes: Vec<FreezeFile>,
    /// What is agreed for subscribers of other networks. Without it a visited network is served home-routed.
    pub(super) roaming: Vec<RoamingFile>,
    /// Whether UEs cross the borders between all networks of the scenario without searching.
    pub(super) equivalent_plmns: bool,
    /// How the policy control answers when a session is established or modified.
    pub(super) policy: PolicyFile,
    /// What its AMF does: the access node of 5G.
    pub(super) nr: Core5gFile,
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub(super) lte: Option<Unbuilt>,
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub(super) umts: Option<Unbuilt>,
}

/// What the simulated AMF does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {t3512: 10m}"
)]
pub(super) struct Core5gFile {
    /// Refuses registrations above a rate. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) congestion: Option<CongestionFile>,
    /// Whether the connection is released after a registration.
    pub(super) release_after_registration: bool,
    /// The slices that are allowed. Default: those of the cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept_slices: Option<Vec<Snssai>>,
    /// The periodic registration timer that is assigned.
    pub(super) t3512: DurationText,
    /// How it treats handovers.
    pub(super) handover: HandoverFile,
}

/// Refusal of registrations above a rate.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with max-registrations-per-s")]
pub(super) struct CongestionFile {
    /// Registrations accepted in each second.
    pub(super) max_registrations_per_s: u32,
    /// T3346 of the refusal.
    #[serde(default = "default_backoff")]
    pub(super) backoff: DurationText,
}

/// A time in which the simulator answers nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with at and for")]
pub(super) struct FreezeFile {
    /// Since the first UE's first message.
    pub(super) at: DurationText,
    /// How long.
    #[serde(rename = "for")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) for_: DurationText,
}

/// How the core treats handovers.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {refuse: 1%}"
)]
pub(super) struct HandoverFile {
    /// N2 handovers whose preparation it refuses.
    pub(super) refuse: Ratio,
    /// Path switches that it refuses.
    pub(super) refuse_path_switch: Ratio,
}

/// How the policy control answers.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping such as {delay: 50ms, refuse: 1%}")]
pub(super) struct PolicyFile {
    /// Added to the time that a session's establishment or modification takes.
    pub(super) delay: DurationText,
    /// Requests that get no answer in time: the default policy is taken.
    pub(super) timeout: Ratio,
    /// Requests that are refused (5GSM cause 29).
    pub(super) refuse: Ratio,
}

impl Default for Core5gFile {
    fn default() -> Self {
        Self {
            congestion: None,
            release_after_registration: true,
            accept_slices: None,
            // TS 24.501 table 10.2.1: the default value.
            t3512: DurationText(Duration::from_secs(54 * 60)),
            handover: HandoverFile::default(),
        }
    }
}

fn default_backoff() -> DurationText {
    DurationText(Duration::from_secs(15))
}

pub(super) fn check(
    file: NetworkFile,
    cells: &Cells,
    subscribers: &[SubscriberGroup],
    at: &At<'_>,
) -> Result<Network, Complaint> {
    refuse_unbuilt([(Technology::Lte, &file.lte), (Technology::Umts, &file.umts)], at)?;
    let freezes = each(file.freezes, &at.field("freezes"), |freeze, at| {
        long(freeze.for_, &at.field("for"))?;
        Ok(Freeze { at: freeze.at.0, for_: freeze.for_.0 })
    })?;
    Ok(Network {
        processing_delay: file.processing_delay.0,
        processing_jitter: file.processing_jitter.0,
        freezes,
        roaming: roaming::check(file.roaming, cells, subscribers, &at.field("roaming"))
            .map_err(Complaint::across)?,
        equivalent_plmns: file.equivalent_plmns,
        policy: policy(&file.policy, &at.field("policy"))?,
        nr: core5g(file.nr, cells),
    })
}

fn core5g(file: Core5gFile, cells: &Cells) -> Core5g {
    Core5g {
        congestion: file.congestion.map(|congestion| Congestion {
            max_registrations_per_s: congestion.max_registrations_per_s,
            backoff: congestion.backoff.0,
        }),
        release_after_registration: file.release_after_registration,
        accept_slices: file.accept_slices.unwrap_or_else(|| cells.slices.clone()),
        t3512: file.t3512.0,
        handover: HandoverPolicy {
            refuse: file.handover.refuse.value(),
            refuse_path_switch: file.handover.refuse_path_switch.value(),
        },
    }
}

fn policy(file: &PolicyFile, at: &At<'_>) -> Result<PolicyControl, Complaint> {
    let (timeout, refuse) = (file.timeout.value(), file.refuse.value());
    at.require(timeout + refuse <= 1.0, || {
        "a request is either refused or not answered: timeout and refuse come to more than 100% together"
            .to_owned()
    })?;
    Ok(PolicyControl { delay: file.delay.0, timeout, refuse })
}

impl From<&Network> for NetworkFile {
    fn from(network: &Network) -> Self {
        let freeze =
            |freeze: &Freeze| FreezeFile { at: DurationText(freeze.at), for_: DurationText(freeze.for_) };
        Self {
            processing_delay: DurationText(network.processing_delay),
            processing_jitter: DurationText(network.processing_jitter),
            freezes: network.freezes.iter().map(freeze).collect(),
            roaming: network.roaming.iter().map(RoamingFile::from).collect(),
            equivalent_plmns: network.equivalent_plmns,
            policy: PolicyFile {
                delay: DurationText(network.policy.delay),
                timeout: Ratio::new(network.policy.timeout),
                refuse: Ratio::new(network.policy.refuse),
            },
            nr: Core5gFile::from(&network.nr),
            ..Self::default()
        }
    }
}

impl From<&Core5g> for Core5gFile {
    fn from(core: &Core5g) -> Self {
        Self {
            congestion: core.congestion.map(|congestion| CongestionFile {
                max_registrations_per_s: congestion.max_registrations_per_s,
                backoff: DurationText(congestion.backoff),
            }),
            release_after_registration: core.release_after_registration,
            accept_slices: Some(core.accept_slices.clone()),
            t3512: DurationText(core.t3512),
            handover: HandoverFile {
                refuse: Ratio::new(core.handover.refuse),
                refuse_path_switch: Ratio::new(core.handover.refuse_path_switch),
            },
        }
    }
}
