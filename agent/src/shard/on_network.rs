//! A shard with an agent's own radio network, as the driver of its associations sees it.

use std::net::SocketAddr;
use std::time::Instant;

use scenarios::Plan;
use wire::to_agent::Lease;
use wire::to_coordinator::Trace;

use super::ShardRunner;
use crate::campaign::Campaign;
use crate::ran::{Ran, ShardAction};
use crate::user_plane::UserPlaneEnd;

impl ShardRunner {
    /// The shard of a lease. Without an end for its tunnels its nodes refuse every session's resources.
    ///
    /// # Panics
    /// When the plan does not have that shard: check it first.
    pub fn new(plan: &Plan, lease: &Lease, user_plane: Option<UserPlaneEnd>) -> Self {
        Self::over(Campaign::new(plan, lease), Ran::new(plan, lease, user_plane))
    }

    /// Opens the associations. `Ready` or `CannotPrepare` comes later.
    pub fn prepare(&mut self, out: &mut Vec<ShardAction>) {
        out.extend(self.ran.interfaces().map(|gnb| ShardAction::Connect { gnb }));
    }

    /// The place among the targets of the one that an NG interface is with.
    pub fn target_of(&self, interface: u16) -> usize {
        self.ran.target_of(interface)
    }

    /// The association of an NG interface is up.
    pub fn association_up(
        &mut self,
        gnb: u16,
        streams_out: u16,
        ends: Option<(SocketAddr, SocketAddr)>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.drive(now, out, |ran, out| ran.association_up(gnb, streams_out, ends, now, out));
    }

    /// The association of an NG interface did not come up, or is gone. During a run the gNB dials again after one to two seconds, each
    /// gNB at another instant: a core that comes back is neither waited for long nor met by all at once.
    pub fn association_down(&mut self, gnb: u16, reason: &str, now: Instant, out: &mut Vec<ShardAction>) {
        self.drive(now, out, |ran, out| ran.association_down(gnb, reason, now, out));
    }

    /// A message arrived on a gNB's association.
    pub fn received(
        &mut self,
        gnb: u16,
        stream: u16,
        ppid: u32,
        octets: Vec<u8>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.drive(now, out, |ran, out| ran.received(gnb, stream, ppid, octets, now, out));
    }

    /// The first octet of a message was given to the kernel, at this instant. Only then it counts as sent.
    pub fn departed(&mut self, ticket: u64, at: Instant) {
        self.ran.departed(ticket, at);
        self.campaign.handle_events(&mut self.ran, at, &mut self.unsent);
    }

    /// A message never leaves: its association does not take it.
    pub fn not_sent(&mut self, ticket: u64) {
        self.ran.not_sent(ticket);
    }

    /// A GTP-U message arrived for a tunnel of this shard, or for none.
    pub fn received_gtpu(
        &mut self,
        from: SocketAddr,
        octets: &[u8],
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.ran.received_gtpu(from, octets, now, out);
    }

    /// A GTP-U message could not be sent.
    pub fn gtpu_not_sent(&mut self) {
        self.ran.gtpu_not_sent();
    }

    /// Whether there are sessions, so that user data may come at any time.
    pub fn has_user_plane(&self) -> bool {
        self.ran.has_user_plane()
    }

    /// UEs of the shard.
    pub fn ues(&self) -> u64 {
        self.ran.count()
    }

    /// Octets of all that is held for the UEs: state, queues, timers, connections, sessions.
    pub fn ue_octets(&self) -> u64 {
        self.ran.octets() + self.campaign.octets() as u64
    }

    /// The traces that are complete.
    pub fn take_traces(&mut self) -> Vec<Trace> {
        self.ran.take_traces()
    }

    /// The traces of everything, also of UEs that are still connected.
    pub fn take_last_traces(&mut self) -> Vec<Trace> {
        self.ran.take_last_traces()
    }

    /// Packets that a limit kept out of the traces since the last call.
    pub fn take_trace_dropped(&mut self) -> u64 {
        self.ran.take_trace_dropped()
    }
}
