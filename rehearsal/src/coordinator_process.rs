//! The coordinator as a process: the core, the disk it commits to, and what waits for the disk. It dies at any moment; what
//! was committed is there when it comes back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use coordinator::core::{Close, Core, CoreSettings, End, Input, LinkId, Output, Record};
use rand::Rng;
use rand::rngs::SmallRng;
use scenarios::Plan;
use wire::to_agent::ToAgent;

use crate::clock::{Clock, Time};

pub(crate) struct CoordinatorProcess {
    core: Option<Core>,
    settings: CoreSettings,
    plan: Arc<Plan>,
    pub(crate) clock: Clock,
    committed: Vec<Record>,
    waiting: VecDeque<Waiting>,
    /// Until when the disk is slow, and how long a commit takes then.
    slow: Option<(Time, Time)>,
    /// Until when the disk is full.
    full: Option<Time>,
    /// How often it was started.
    pub(crate) incarnation: u64,
    seed: u64,
    rng: SmallRng,
    tell: bool,
}

/// What must be durable, and what leaves then.
struct Waiting {
    durable_at: Time,
    records: Vec<Record>,
    emissions: Vec<Emission>,
}

/// Something leaves the coordinator.
pub(crate) enum Emission {
    Send(LinkId, ToAgent),
    Close(LinkId, Close),
}

impl CoordinatorProcess {
    pub(crate) fn new(
        settings: CoreSettings,
        plan: &Arc<Plan>,
        clock: Clock,
        seed: u64,
        rng: SmallRng,
    ) -> Self {
        Self {
            core: None,
            settings,
            plan: Arc::clone(plan),
            clock,
            committed: Vec::new(),
            waiting: VecDeque::new(),
            slow: None,
            full: None,
            incarnation: 0,
            seed,
            rng,
            tell: false,
        }
    }

    /// What it decides is written to standard error.
    pub(crate) fn telling(mut self, tell: bool) -> Self {
        self.tell = tell;
        self
    }

    pub(crate) fn is_up(&self) -> bool {
        self.core.is_some()
    }

    /// The process starts: for the first time, or where the last one was killed.
    pub(crate) fn start(&mut self, at: Time) -> Vec<Emission> {
        self.incarnation += 1;
        let (now, wall) = (self.clock.instant(at), self.clock.wall(at));
        let plan = Plan::clone(&self.plan);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        seed[8..16].copy_from_slice(&self.incarnation.to_be_bytes());
        let mut core = Core::new(self.settings.clone(), plan, seed, now, wall);
        if !self.committed.is_empty() {
            for record in &self.committed {
                core.apply(record);
            }
            core.handle(Input::Restarted, now, wall);
        }
        self.core = Some(core);
        self.put_out(at)
    }

    /// The process is killed. The disk may have been about to confirm what was being written.
    pub(crate) fn kill(&mut self) {
        self.core = None;
        if self.rng.random_bool(0.5)
            && let Some(writing) = self.waiting.pop_front()
        {
            self.committed.extend(writing.records);
        }
        self.waiting.clear();
    }

    pub(crate) fn slow_down(&mut self, until: Time, commit: Time) {
        self.slow = Some((until, commit));
    }

    pub(crate) fn fill_disk(&mut self, until: Time) {
        self.full = Some(until);
    }

    /// Takes something in. What may leave at once is returned; the rest waits for the disk.
    pub(crate) fn handle(&mut self, input: Input, at: Time) -> Vec<Emission> {
        let (now, wall) = (self.clock.instant(at), self.clock.wall(at));
        let Some(core) = &mut self.core else { return Vec::new() };
        core.handle(input, now, wall);
        self.put_out(at)
    }

    pub(crate) fn joined(
        &mut self,
        link: LinkId,
        hello: wire::to_coordinator::Hello,
        at: Time,
    ) -> Vec<Emission> {
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        self.handle(Input::Joined { link, hello: Box::new(hello), peer }, at)
    }

    /// When the disk confirms the next commit.
    pub(crate) fn next_commit(&self) -> Option<Time> {
        self.waiting.front().map(|waiting| waiting.durable_at)
    }

    /// The disk confirms what it has, or has no room: then the process ends, and this is when there is room again.
    pub(crate) fn confirm(&mut self, at: Time) -> Result<Vec<Emission>, Time> {
        if let Some(until) = self.full.filter(|until| *until > at)
            && self.next_commit().is_some_and(|durable_at| durable_at <= at)
        {
            self.core = None;
            self.waiting.clear();
            return Err(until);
        }
        let mut released = Vec::new();
        while self.waiting.front().is_some_and(|waiting| waiting.durable_at <= at) {
            let Some(durable) = self.waiting.pop_front() else { break };
            self.committed.extend(durable.records);
            released.extend(durable.emissions);
        }
        Ok(released)
    }

    /// The run is over, and that is durable.
    pub(crate) fn end(&self) -> Option<End> {
        self.core.as_ref().filter(|_| self.waiting.is_empty())?.end()
    }

    pub(crate) fn core(&self) -> Option<&Core> {
        self.core.as_ref()
    }

    pub(crate) fn committed(&self) -> &[Record] {
        &self.committed
    }

    /// A core of the committed records alone.
    pub(crate) fn replay(&self) -> Core {
        let mut core = Core::new(
            self.settings.clone(),
            Plan::clone(&self.plan),
            [0; 32],
            self.clock.instant(0),
            self.clock.wall(0),
        );
        self.committed.iter().for_each(|record| core.apply(record));
        core
    }

    fn put_out(&mut self, at: Time) -> Vec<Emission> {
        let Some(core) = &mut self.core else { return Vec::new() };
        let Output { records, sends, closes, .. } = core.take_output();
        if self.tell {
            for record in &records {
                if let Record::Decision { decision, details, run_us, .. } = record {
                    eprintln!("{:>12.6} coordinator at {run_us:?}: {decision} {details}", at as f64 / 1e6);
                }
            }
        }
        let sends = sends.into_iter().map(|(link, message)| Emission::Send(link, message));
        let closes = closes.into_iter().map(|(link, close)| Emission::Close(link, close));
        let emissions: Vec<Emission> = sends.chain(closes).collect();
        if records.is_empty() && self.waiting.is_empty() {
            return emissions;
        }
        let takes = match self.slow {
            Some((until, commit)) if at < until => commit,
            _ => self.rng.random_range(200..6_000),
        };
        let after = self.waiting.back().map_or(0, |waiting| waiting.durable_at);
        self.waiting.push_back(Waiting { durable_at: after.max(at + takes), records, emissions: Vec::new() });
        // As the driver does it: what rests on no record overtakes the disk, but not what must come first on its link.
        let (mut overtaking, mut held) = (Vec::new(), Vec::new());
        for emission in emissions {
            let may = match &emission {
                Emission::Send(link, ToAgent::Ping { .. } | ToAgent::Renew { .. }) => {
                    let waits = |other: &Emission| matches!(other, Emission::Send(on, ToAgent::Welcome(_) | ToAgent::Pause { .. } | ToAgent::Resume { .. }) if on == link);
                    !held.iter().any(waits)
                        && !self.waiting.iter().flat_map(|waiting| &waiting.emissions).any(waits)
                }
                _ => false,
            };
            if may { &mut overtaking } else { &mut held }.push(emission);
        }
        if let Some(last) = self.waiting.back_mut() {
            last.emissions = held;
        }
        overtaking
    }
}
