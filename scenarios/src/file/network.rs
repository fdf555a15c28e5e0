//! What the embedded simulator does.

use std::time::Duration;

use identity::Snssai;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each, long};
use crate::units::DurationText;
use crate::yaml::Complaint;
use crate::{Cells, Congestion, Freeze, HandoverPolicy, Network, PolicyControl};

/// What the embedded simulator does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Refuses registrations above a rate. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) congestion: Option<CongestionFile>,
    /// Whether the connection is released after a registration.
    pub(super) release_after_registration: bool,
    /// When the simulator stops to answer.
    pub(super) freezes: Vec<FreezeFile>,
    /// The slices that are allowed. Default: those of the cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept_slices: Option<Vec<Snssai>>,
    /// The periodic registration timer that is assigned.
    pub(super) t3512: DurationText,
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
    pub(super) for_: DurationText,
}

impl Default for NetworkFile {
    fn default() -> Self {
        Self {
            processing_delay: DurationText::default(),
            processing_jitter: DurationText::default(),
            congestion: None,
            release_after_registration: true,
            freezes: Vec::new(),
            accept_slices: None,
            // TS 24.501 table 10.2.1: the default value.
            t3512: DurationText(Duration::from_secs(54 * 60)),
        }
    }
}

fn default_backoff() -> DurationText {
    DurationText(Duration::from_secs(15))
}

pub(super) fn check(file: NetworkFile, cells: &Cells, at: &At<'_>) -> Result<Network, Complaint> {
    let freezes = each(file.freezes, &at.field("freezes"), |freeze, at| {
        long(freeze.for_, &at.field("for"))?;
        Ok(Freeze { at: freeze.at.0, for_: freeze.for_.0 })
    })?;
    Ok(Network {
        processing_delay: file.processing_delay.0,
        processing_jitter: file.processing_jitter.0,
        congestion: file.congestion.map(|congestion| Congestion {
            max_registrations_per_s: congestion.max_registrations_per_s,
            backoff: congestion.backoff.0,
        }),
        release_after_registration: file.release_after_registration,
        freezes,
        accept_slices: file.accept_slices.unwrap_or_else(|| cells.slices.clone()),
        t3512: file.t3512.0,
        roaming: Vec::new(),
        equivalent_plmns: false,
        handover: HandoverPolicy::default(),
        policy: PolicyControl::default(),
    })
}

impl From<&Network> for NetworkFile {
    fn from(network: &Network) -> Self {
        Self {
            processing_delay: DurationText(network.processing_delay),
            processing_jitter: DurationText(network.processing_jitter),
            congestion: network.congestion.map(|congestion| CongestionFile {
                max_registrations_per_s: congestion.max_registrations_per_s,
                backoff: DurationText(congestion.backoff),
            }),
            release_after_registration: network.release_after_registration,
            freezes: network
                .freezes
                .iter()
                .map(|freeze| FreezeFile { at: DurationText(freeze.at), for_: DurationText(freeze.for_) })
                .collect(),
            accept_slices: Some(network.accept_slices.clone()),
            t3512: DurationText(network.t3512),
        }
    }
}
