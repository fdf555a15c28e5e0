//! From a decision to the world: files and store first, and only when its records are durable, its messages.
//!
//! ```text
//! handle ──► files ──► group of records ──► store's thread ──┐
//!              └────── messages wait: pending ◄── durable ───┘──► links
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wire::AgentLink;
use wire::to_agent::ToAgent;

use super::Run;
use crate::admission::Outbox;
use crate::core::{Close, Input, LinkId, Output, StoreError};
use crate::folder::{FilesSoFar, RunFolder};
use crate::store::{Committed, Committer, sealed};
use crate::time::SteadyClock;

/// Messages that wait until the records of their group, and of all before it, are durable.
pub(super) struct Pending {
    /// None without records.
    group: Option<u64>,
    /// The records are durable, or there are none.
    durable: bool,
    /// They are not, or the files cannot be written: nothing is said that rests on them.
    failed: bool,
    sends: Vec<(LinkId, ToAgent)>,
    closes: Vec<(LinkId, Close)>,
}

/// A run's records on their way to the disk, and what waits for them.
pub(super) struct Durability {
    pub(super) store: Option<Committer>,
    pub(super) committed: mpsc::UnboundedReceiver<Committed>,
    /// What waits for its records to be durable, in order.
    pub(super) pending: VecDeque<Pending>,
    /// Groups of records so far.
    groups: u64,
    /// Records since the last checkpoint, and when it was made.
    since_checkpoint: (u64, Instant),
    /// The run is over: what is decided now is decided again after a restart.
    concluding: bool,
}

impl Durability {
    pub(super) fn new(store: Committer, committed: mpsc::UnboundedReceiver<Committed>) -> Self {
        let since_checkpoint = (0, Instant::now());
        let pending = VecDeque::new();
        Self { store: Some(store), committed, pending, groups: 0, since_checkpoint, concluding: false }
    }
}

/// What `journal.sqlite` holds in place of the records before it.
#[derive(Serialize, Deserialize)]
pub(super) struct Checkpoint {
    #[serde(with = "serde_bytes")]
    pub(super) core: Vec<u8>,
    pub(super) files: FilesSoFar,
}

impl Run {
    /// Writes down what was decided, and has it made durable; what is to be said waits for that.
    pub(super) fn carry_out(&mut self) {
        loop {
            let out = self.core.take_output();
            let arrived = std::mem::take(&mut self.links.arrived);
            if out.is_empty() && arrived.is_empty() {
                return;
            }
            let Output { records, seconds, traces, sends, closes } = out;
            let written = self.files.write(&records, &seconds, &traces);
            self.let_in(arrived, &closes);
            for (link, _) in sends.iter().filter(|(_, said)| goes_first(said)) {
                *self.links.unheard.entry(*link).or_insert(0) += 1;
            }
            let (needed, rests): (Vec<_>, Vec<_>) = sends
                .into_iter()
                .partition(|(link, said)| rests_on_nothing(said) && !self.links.unheard.contains_key(link));
            needed.into_iter().for_each(|(link, message)| self.send(link, message));
            let durable = records.is_empty() || self.durability.concluding;
            let group = (!durable).then_some(self.durability.groups);
            let failed = written.is_err();
            self.durability.pending.push_back(Pending { group, durable, failed, sends: rests, closes });
            if let (Some(group), Some(store)) = (group, &self.durability.store) {
                self.durability.groups += 1;
                self.durability.since_checkpoint.0 += records.len() as u64;
                store.commit(group, records);
            }
            if let Err(what) = written {
                self.handle(Input::FolderFailed(what), Instant::now());
            }
            self.release();
        }
    }

    /// A group of records is on the disk, or is not.
    pub(super) fn durable(&mut self, Committed { group, result }: Committed) {
        for pending in self.durability.pending.iter_mut().filter(|pending| pending.group == Some(group)) {
            pending.durable = true;
            pending.failed |= result.is_err();
        }
        if let Err(what) = result {
            self.handle(Input::FolderFailed(what), Instant::now());
        }
        self.release();
    }

    /// Waits until everything is durable that was decided, and said what waited for it.
    pub(super) async fn settle(&mut self) {
        self.carry_out();
        while !self.durability.pending.is_empty() {
            let Some(committed) = self.durability.committed.recv().await else { return };
            self.durable(committed);
            self.carry_out();
        }
        self.durability.concluding = true;
    }

    /// Replaces the records by the state now and then, so that a restart takes no longer the longer the run is.
    pub(super) fn checkpoint_when_due(&mut self) {
        let (records, at) = self.durability.since_checkpoint;
        let due = at.elapsed() >= CHECKPOINT_INTERVAL || records >= CHECKPOINT_RECORDS;
        let Some(store) = self.durability.store.as_ref().filter(|_| due && records > 0) else { return };
        self.durability.since_checkpoint = (0, Instant::now());
        let core = self.core.snapshot().map_err(|error| error.to_string());
        let files = self.files.so_far().map_err(|error| error.to_string());
        let octets = core
            .and_then(|core| sealed(&Checkpoint { core, files: files? }).map_err(|error| error.to_string()));
        match octets {
            Ok(octets) => store.checkpoint(octets, self.files.paths()),
            Err(error) => tracing::warn!(error, "no checkpoint was made; the next one is tried"),
        }
    }

    fn release(&mut self) {
        while self.durability.pending.front().is_some_and(|next| next.durable) {
            let Some(next) = self.durability.pending.pop_front() else { return };
            for (link, message) in next.sends {
                if goes_first(&message)
                    && let Some(waiting) = self.links.unheard.get_mut(&link)
                {
                    *waiting -= 1;
                    if *waiting == 0 {
                        self.links.unheard.remove(&link);
                    }
                }
                if !next.failed || matches!(message, ToAgent::Drain { .. } | ToAgent::RunOver { .. }) {
                    self.send(link, message);
                }
            }
            for (link, _) in next.closes {
                if let Some(outbox) = self.links.open.remove(&link) {
                    drop(outbox.close());
                }
            }
        }
    }

    fn let_in(&mut self, arrived: BTreeMap<LinkId, AgentLink>, closes: &[(LinkId, Close)]) {
        for (link, joined) in arrived {
            let refused = closes.iter().find_map(|(closed, how)| match how {
                Close::Refuse(reason) if *closed == link => Some(reason.clone()),
                _ => None,
            });
            if let Some(reason) = refused {
                tokio::spawn(async move { joined.refuse(&reason).await });
            } else {
                self.links.open(link, joined);
            }
        }
    }

    fn send(&mut self, link: LinkId, message: ToAgent) {
        if self.links.open.get(&link).is_some_and(|outbox| !outbox.send(message)) {
            self.links.open.remove(&link).map(Outbox::close);
            self.handle(
                Input::Gone { link, why: "does not read what is sent to it".to_owned() },
                Instant::now(),
            );
        }
    }
}

/// The run has its verdict, or never began: nothing is left to restart.
pub(super) fn finish_store(store: Option<Committer>, folder: &RunFolder) -> Result<(), StoreError> {
    SteadyClock::forget(&folder.path);
    store.map_or(Ok(()), |store| store.finish()?.finish())
}

/// What may overtake the disk. A restart counts every lease as renewed at its moment, so a renewal needs no record: a slow disk
/// ends no lease.
fn rests_on_nothing(message: &ToAgent) -> bool {
    matches!(message, ToAgent::Renew { .. } | ToAgent::Ping { .. })
}

/// What nothing may overtake on its link: the first that an agent hears is that it is let in, and who answers a ping that was
/// decided after a pause, or its end, knows of it.
fn goes_first(message: &ToAgent) -> bool {
    matches!(message, ToAgent::Welcome(_) | ToAgent::Pause { .. } | ToAgent::Resume { .. })
}

const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);
/// So many are applied in less than a second.
const CHECKPOINT_RECORDS: u64 = 50_000;
