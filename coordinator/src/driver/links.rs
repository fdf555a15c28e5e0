//! The links of a run's agents: those that are let in, and those that have joined and are not yet.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use wire::AgentLink;

use crate::admission::{FromAgent, Outbox};
use crate::core::LinkId;

/// See the module. What comes on all of them waits in one inbox.
pub(super) struct Links {
    pub(super) open: BTreeMap<LinkId, Outbox>,
    /// Joined, and not yet let in.
    pub(super) arrived: BTreeMap<LinkId, AgentLink>,
    /// Those on which something waits for the disk that nothing may overtake: `Welcome`, `Pause`.
    pub(super) unheard: BTreeMap<LinkId, usize>,
    next: u64,
    to_inbox: mpsc::Sender<FromAgent>,
    pub(super) inbox: mpsc::Receiver<FromAgent>,
}

impl Links {
    pub(super) fn new() -> Self {
        let (to_inbox, inbox) = mpsc::channel(INBOX);
        let (open, arrived, unheard) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { open, arrived, unheard, next: 0, to_inbox, inbox }
    }

    /// Numbers one that has joined.
    pub(super) fn arrive(&mut self, joined: AgentLink) -> LinkId {
        let link = LinkId(self.next);
        self.next += 1;
        self.arrived.insert(link, joined);
        link
    }

    /// Lets one in: from now on it is read.
    pub(super) fn open(&mut self, link: LinkId, joined: AgentLink) {
        self.open.insert(link, Outbox::open(link, joined, self.to_inbox.clone()));
    }
}

/// Messages of all agents that wait for the event loop; beyond it, agents are read more slowly.
const INBOX: usize = 1024;
