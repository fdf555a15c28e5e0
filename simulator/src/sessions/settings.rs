//! What sessions there are, and how they are served.

use std::time::Duration;

use identity::{Dnn, Plmn};
use scenarios::{Flow, PolicyControl, Roaming};

/// The configuration of [`Sessions`](super::Sessions). [`SessionSettings::default`] serves the DNN `internet`.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The data networks that there are.
    pub data_networks: Vec<DataNetwork>,
    /// What is agreed for subscribers of other networks.
    pub roaming: Vec<Roaming>,
    /// How policy control answers.
    pub policy: PolicyControl,
    /// Session AMBR in bit/s by policy, up and down.
    pub ambr_bps: (u64, u64),
    /// Session AMBR of the default policy, which holds where policy control does not answer.
    pub default_ambr_bps: (u64, u64),
    /// PDU SESSION MODIFICATION COMMAND (TS 24.501 table 10.3.2).
    pub t3591: Duration,
    /// PDU SESSION RELEASE COMMAND (TS 24.501 table 10.3.2).
    pub t3592: Duration,
    /// How often each is sent again: 4.
    pub max_retransmissions: u8,
    /// How long the RAN may take to set up the resources of a session.
    pub resources_guard: Duration,
    /// Sessions at once; as many addresses are there.
    pub sessions: u32,
    /// Sessions of one UE at once, up to 15.
    pub sessions_per_ue: usize,
    /// The answers of policy control come from it.
    pub seed: u64,
}

/// A data network, and what flows from it to each UE.
#[derive(Clone, Debug, PartialEq)]
pub struct DataNetwork {
    /// Its name.
    pub dnn: Dnn,
    /// What flows from the UE, as far as the network side cares.
    pub uplink: Option<Flow>,
    /// What flows to the UE.
    pub downlink: Flow,
}

impl SessionSettings {
    /// The data network of this name.
    pub(crate) fn data_network(&self, dnn: &Dnn) -> Option<&DataNetwork> {
        self.data_networks.iter().find(|network| network.dnn == *dnn)
    }

    /// What is agreed with `visited` for who is not at home there.
    pub(crate) fn agreement(&self, home: Plmn, visited: Plmn) -> Option<&Roaming> {
        self.roaming.iter().find(|roaming| roaming.visited == visited && home != visited)
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        let sixteen_seconds = Duration::from_secs(16);
        let internet = "internet".parse().ok();
        let network = |dnn| DataNetwork { dnn, uplink: None, downlink: Flow::NONE };
        Self {
            data_networks: internet.into_iter().map(network).collect(),
            roaming: Vec::new(),
            policy: PolicyControl::default(),
            ambr_bps: (100_000_000, 1_000_000_000),
            default_ambr_bps: (1_000_000, 10_000_000),
            t3591: sixteen_seconds,
            t3592: sixteen_seconds,
            max_retransmissions: 4,
            resources_guard: Duration::from_secs(10),
            sessions: 1_000_000,
            sessions_per_ue: 15,
            seed: 0,
        }
    }
}
