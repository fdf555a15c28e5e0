//! Who holds the shards of a world: each is released, lost, given up, and taken over.

use std::time::Duration;

use agent::{ShardRunner, UserPlaneEnd};
use scenarios::Plan;
use simulator::AmfEvent;
use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, Takeover, TracePolicy, UeBatch};

use super::{WALL_US, World, address, association, micros};

impl World {
    /// The holder of a shard is to give it back; what is in flight has so long.
    pub(crate) fn release(&mut self, shard: usize, settle: Duration) {
        let now = self.now;
        self.shards[shard].settle(now, now + settle);
        self.releasing.insert(shard);
    }

    /// Whether an agent has the shard and is not about to give it back.
    pub(crate) fn holds(&self, shard: usize) -> bool {
        !self.done[shard] && !self.releasing.contains(&shard)
    }

    /// The agent that holds a shard is gone, with all that it did not report.
    pub(crate) fn lose(&mut self, shard: usize) {
        let progress = self.progress[shard].clone();
        let schedules = self.plan.shard(u32::try_from(shard).unwrap()).schedules();
        let at = self.now - self.start;
        let resume_at: Vec<u64> = schedules.iter().map(|schedule| schedule.first_at_or_after(at)).collect();
        for ((schedule, from), to) in schedules.iter().zip(&progress).zip(&resume_at) {
            let lost = to - from;
            let totals = self.totals.entry(schedule.procedure().name().into()).or_default();
            (totals.due, totals.started) = (totals.due + lost, totals.started + lost);
            *totals.abandoned.entry("agent-lost".into()).or_default() += lost;
        }
        for (procedure, account) in std::mem::take(&mut self.accounts[shard]) {
            // What other shards were asked for has begun only when they say so.
            let lost = account.due - account.ended - account.never_started;
            let totals = self.totals.entry(procedure).or_default();
            totals.started += lost - (account.started - account.ended);
            *totals.abandoned.entry("agent-lost".into()).or_default() += lost;
        }
        let (registered, sessions) = (self.registered[shard], self.sessions[shard]);
        self.shards_lost.push(u32::try_from(shard).unwrap());
        let takeover = Takeover { registered, sessions, ..self.takeover() };
        let losses = takeover.losses;
        let from_us = WALL_US + self.reported_us[shard];
        self.close_associations(shard);
        self.succeed(shard, resume_at, takeover, Vec::new());
        let (number, to_us) = (u32::try_from(shard).unwrap(), self.moment().wall_us);
        self.lost.push(billing::LostUsage { shard: number, from_us, to_us });
        for other in (0..self.shards.len()).filter(|other| *other != shard) {
            self.shards[other].shard_lost(number, losses, false, self.now);
        }
    }

    /// A shard is taken over now.
    pub(super) fn takeover(&self) -> Takeover {
        Takeover {
            from_us: micros(self.now - self.start),
            lost: self.shards_lost.clone(),
            losses: self.shards_lost.len() as u64,
            ..Takeover::default()
        }
    }

    /// The roll is called: these shards answer now, and home is told later.
    pub(crate) fn ask(&mut self, shards: std::ops::Range<usize>) {
        let (call, now) = (self.call, self.now);
        for shard in &mut self.shards[shards] {
            self.found.extend(shard.answer_visitor_audit(call, now).unwrap());
        }
    }

    /// Every shard has answered.
    pub(crate) fn tell_who_was_found(&mut self) {
        let found = std::mem::take(&mut self.found);
        for (home, shard) in (0u32..).zip(&mut self.shards) {
            let of_home: Vec<u32> = found.iter().filter(|(of, _)| *of == home).map(|(_, ue)| *ue).collect();
            shard.found_away(self.call, &of_home);
        }
        self.call += 1;
    }

    /// The lease of a shard has lapsed, and nobody else gets it. How much it still wants to send.
    pub(crate) fn give_up(&mut self, shard: usize, reason: &'static str) -> usize {
        let now = self.now;
        self.shards[shard].give_up(reason, now);
        let report = self.shards[shard].report(now).unwrap();
        self.merge(report);
        let mut actions = Vec::new();
        for ms in 0..5_000 {
            self.shards[shard].advance(now + Duration::from_millis(ms), &mut actions);
        }
        self.close_associations(shard);
        self.done[shard] = true;
        actions.len()
    }

    pub(super) fn export_settled(&mut self) {
        for shard in self.releasing.clone() {
            if !self.shards[shard].is_settled(self.now) {
                continue;
            }
            self.releasing.remove(&shard);
            let mut batches = self.shards[shard].export(self.now);
            let report = self.shards[shard].report(self.now).unwrap();
            self.merge(report);
            self.close_associations(shard);
            if std::mem::take(&mut self.tamper) {
                let middle = batches[0].sealed.len() / 2;
                batches[0].sealed[middle] ^= 0x40;
            }
            let takeover = Takeover { batches: u32::try_from(batches.len()).unwrap(), ..self.takeover() };
            self.succeed(shard, self.progress[shard].clone(), takeover, batches);
        }
    }

    pub(super) fn close_associations(&mut self, shard: usize) {
        for gnb in 0..u16::try_from(self.plan.shard(u32::try_from(shard).unwrap()).nodes.len()).unwrap() {
            let association = association(shard, self.generations[shard], gnb);
            self.core_handles(AmfEvent::AssociationDown { association });
        }
    }

    /// Another agent holds the shard, as soon as its gNBs are set up.
    pub(super) fn succeed(
        &mut self,
        shard: usize,
        resume_at: Vec<u64>,
        takeover: Takeover,
        batches: Vec<UeBatch>,
    ) {
        self.generations[shard] += 1;
        let (number, generation) = (u32::try_from(shard).unwrap(), self.generations[shard]);
        self.accounts[shard].clear();
        self.shards[shard] =
            holder(&self.plan, self.plan.seed(), number, generation, resume_at, Some(takeover));
        for batch in batches {
            let relayed = UeBatch { epoch: u64::from(generation) + 1, ..batch };
            let _ = self.shards[shard].adopt(&relayed);
        }
        self.shards[shard].prepare(&mut self.shard_actions);
        self.carry_out(shard);
        let ready = self.ready + 1;
        for _ in 0..10_000 {
            if self.ready == ready {
                self.shards[shard].start(self.start, WALL_US);
                return;
            }
            self.step();
        }
        panic!("the gNBs were not set up");
    }
}

pub(super) fn holder(
    plan: &Plan,
    seed: u64,
    shard: u32,
    generation: u32,
    resume_at: Vec<u64>,
    takeover: Option<Takeover>,
) -> ShardRunner {
    let lease = Lease {
        run: "test".into(),
        scenario: String::new(),
        seed,
        shard,
        shards: plan.shards(),
        epoch: u64::from(generation) + 1,
        asked_us: 0,
        valid_us: 30_000_000,
        target: "memory://amf".into(),
        resume_at,
        trace: TracePolicy::Failed,
        key: [7; 32],
        takeover,
        rows: RowsWanted::default(),
        trace_id: [0; 16],
    };
    let key = identity::TeidKey::of_secret(&lease.key);
    let end = UserPlaneEnd { address: address(shard, generation), slot: 3, key };
    ShardRunner::new(plan, &lease, Some(end))
}
