//! What the embedded simulator does. A real target ignores it.

use std::time::Duration;

use identity::{Dnn, Plmn, Snssai};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The behaviour of the simulated core network.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// From the receipt of a message to the answer, at least.
    pub processing_delay: Duration,
    /// Added to it: uniformly from zero to this.
    pub processing_jitter: Duration,
    /// When the simulator stops to answer, since the first InitialUEMessage.
    pub freezes: Vec<Freeze>,
    /// What is agreed for subscribers of other networks, one for each visited network. Without one, a visited network
    /// is served home-routed and every DNN keeps its name.
    pub roaming: Vec<Roaming>,
    /// Networks whose borders UEs cross without searching (TS 24.501 §5.5.1.2.4): all of the scenario, or none.
    pub equivalent_plmns: bool,
    /// How the policy control answers when a session is established or modified.
    pub policy: PolicyControl,
    /// Its access node of 5G.
    pub nr: Core5g,
}

/// The behaviour of the simulated AMF.
#[derive(Clone, Debug, PartialEq)]
pub struct Core5g {
    /// Refusal of registrations above a rate.
    pub congestion: Option<Congestion>,
    /// Whether the N1 connection is released after a registration without follow-on request.
    pub release_after_registration: bool,
    /// The slices that are allowed.
    pub accept_slices: Vec<Snssai>,
    /// The periodic registration timer that is assigned (TS 24.501 §10.2).
    pub t3512: Duration,
    /// How it treats handovers.
    pub handover: HandoverPolicy,
}

/// The agreement with one visited network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roaming {
    /// The visited network.
    pub visited: Plmn,
    /// Where sessions leave for the data network.
    pub breakout: Breakout,
    /// DNNs that have another name there: asked for, and given.
    pub dnns: Vec<(Dnn, Dnn)>,
    /// DNNs that are refused there (5GSM cause 27, missing or unknown DNN).
    pub refused_dnns: Vec<Dnn>,
    /// Whether handovers into this network are accepted: operators don't always agree.
    pub accepts_handovers: bool,
}

/// Where sessions of roamers leave for the data network (TS 23.501 §4.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Breakout {
    /// In the home network: the session survives a change of network.
    #[default]
    HomeRouted,
    /// In the visited network: the session ends with the stay in it.
    Local,
}

/// How the core treats handovers, each rate 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HandoverPolicy {
    /// N2 handovers whose preparation it refuses.
    pub refuse: f64,
    /// Path switches that it refuses.
    pub refuse_path_switch: f64,
}

/// How the policy control (PCF) answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyControl {
    /// Added to the time that a session's establishment or modification takes.
    pub delay: Duration,
    /// Requests that get no answer in time: the session is established with the default policy, 0 to 1.
    pub timeout: f64,
    /// Requests that are refused (5GSM cause 29, user authentication or authorization failed), 0 to 1.
    pub refuse: f64,
}

/// Registrations above a rate are rejected with cause 22, congestion, and a back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congestion {
    /// Registrations accepted in each second.
    pub max_registrations_per_s: u32,
    /// T3346 of the rejection (TS 24.501 §5.5.1.2.5).
    pub backoff: Duration,
}

/// A time in which the simulator answers nothing; afterwards it answers what has come meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Since the first InitialUEMessage.
    pub at: Duration,
    /// How long.
    pub for_: Duration,
}
