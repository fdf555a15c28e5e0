//! Shards and a whole core network in virtual time: N2 over a network that can be made bad, N3 over one that is good.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{ShardAction, ShardRunner, UserPlaneEnd};
use billing::{ChargingRecord, UsageRecord};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use scenarios::{Plan, Scenario};
use sctp::NGAP_PPID;
use sctp::memory::{Conditions, Network, Packet};
use simulator::{AmfAction, AmfEvent, Core, Moment, Output};
use wire::away::{AwayEnd, DueAway};
use wire::to_agent::{Lease, Takeover, TracePolicy, UeBatch};
use wire::to_coordinator::{IntervalReport, ProcedureInterval, Recovery};

use crate::mix_ups::MixUp;
use crate::n3::{N3, STRANGER};

const AMF: u32 = 0;
const STREAMS: u16 = 8;
/// Associations of one shard: its gNBs' numbers follow.
const SHARD: u32 = 1000;
/// Associations of all shards: those of their next holders follow.
const GENERATION: u32 = 1_000_000;
const WALL_US: u64 = 1_800_000_000_000_000;
const CORE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 2, 0, 1));

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Instant,
    start: Instant,
    shards: Vec<ShardRunner>,
    /// How often each shard has changed its holder: each holder is an agent of its own.
    pub(crate) generations: Vec<u32>,
    done: Vec<bool>,
    pub(crate) core: Core,
    pub(crate) network: Network,
    packets: VecDeque<(Instant, SocketAddr, SocketAddr, Vec<u8>)>,
    pub(crate) mutation: f64,
    pub(crate) mix_up: Option<MixUp>,
    rng: SmallRng,
    shard_actions: Vec<ShardAction>,
    ready: usize,
    releasing: BTreeSet<usize>,
    /// How far the schedules have come, by the last report of each shard.
    progress: Vec<Vec<u64>>,
    /// The attempts of each shard, by its reports.
    accounts: Vec<BTreeMap<String, Account>>,
    /// What shards say to each other of attempts for UEs that are elsewhere, on its way.
    letters: VecDeque<(Instant, Letter)>,
    pub(crate) mail: Mail,
    /// Sessions in each shard, by its last report.
    pub(crate) sessions: Vec<u64>,
    pub(crate) shifted: u64,
    pub(crate) recovery: Recovery,
    /// When the usage of a shard was lost with its agent.
    lost: Vec<billing::LostUsage>,
    /// Every loss of a shard, in order.
    shards_lost: Vec<u32>,
    /// The present visitor audit, and whom it has found: home and number there.
    call: u64,
    found: Vec<(u32, u32)>,
    /// Until when each shard has reported, µs since the start.
    reported_us: Vec<u64>,
    /// The next UEs that travel are changed on their way.
    pub(crate) tamper: bool,
    pub(crate) totals: BTreeMap<String, Totals>,
    pub(crate) unexpected: BTreeMap<String, u64>,
    pub(crate) handovers: u64,
    /// Samples of each phase.
    pub(crate) phases: BTreeMap<String, u64>,
    /// What was counted apart, by the number of the part.
    pub(crate) parts: BTreeMap<(u32, String), Totals>,
    /// Attempts that other shards were asked for.
    pub(crate) asked: u64,
    pub(crate) used: Vec<UsageRecord>,
    pub(crate) charged: Vec<ChargingRecord>,
    /// UEs registered in each shard, by its last report.
    pub(crate) registered: Vec<u64>,
    pub(crate) user_plane: wire::to_coordinator::UserPlaneInterval,
    pub(crate) n3: N3,
    /// When [`World::settled`] is looked at, after the start.
    pub(crate) look_after: Option<Duration>,
    pub(crate) settled: Option<Standing>,
}

/// Who is registered, and who has which sessions, as each side sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) registered: [u64; 2],
    /// UEs, SMF, UPF, CHF.
    pub(crate) sessions: [u64; 4],
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) due: u64,
    pub(crate) self_started: u64,
    pub(crate) started: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) timed_out: BTreeMap<String, u64>,
    pub(crate) abandoned: BTreeMap<String, u64>,
    pub(crate) never_started: BTreeMap<String, u64>,
}

/// The attempts of a shard.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    due: u64,
    started: u64,
    never_started: u64,
    ended: u64,
}

/// What one shard says to another.
enum Letter {
    Due { to: u32, due: DueAway },
    Ended(AwayEnd),
}

/// How letters between shards fare.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    pub(crate) delay: Duration,
    pub(crate) lost: f64,
    /// Shards that no letter leaves or reaches.
    pub(crate) cut: BTreeSet<usize>,
}

fn add(map: &mut BTreeMap<String, u64>, list: Vec<(String, u64)>) {
    for (key, count) in list {
        *map.entry(key).or_default() += count;
    }
}

fn samples_of(histogram: &[u8]) -> u64 {
    let mut reader = hdrhistogram::serialization::Deserializer::new();
    let read: hdrhistogram::Histogram<u64> = reader.deserialize(&mut &*histogram).unwrap();
    read.len()
}

impl Totals {
    fn add(&mut self, interval: ProcedureInterval) {
        self.due += interval.due;
        self.self_started += interval.self_started;
        self.started += interval.started;
        self.succeeded += interval.succeeded;
        add(&mut self.failed, interval.failed);
        add(&mut self.timed_out, interval.timed_out);
        add(&mut self.abandoned, interval.abandoned);
        add(&mut self.never_started, interval.never_started);
    }

    pub(crate) fn ended(&self) -> u64 {
        let sum = |map: &BTreeMap<String, u64>| map.values().sum::<u64>();
        self.succeeded + sum(&self.failed) + sum(&self.timed_out) + sum(&self.abandoned)
    }
}

pub(crate) fn plan(yaml: &str, seed: u64, shards: u32) -> Plan {
    Plan::with_shards(Arc::new(Scenario::from_yaml(yaml, "roaming.yaml").unwrap()), seed, shards).unwrap()
}

impl World {
    pub(crate) fn new(plan: &Plan, seed: u64) -> Self {
        let shards = (0..plan.shards()).map(|shard| holder(plan, seed, shard, 0, Vec::new(), None));
        let now = Instant::now();
        Self {
            now,
            start: now,
            shards: shards.collect(),
            generations: vec![0; plan.shards() as usize],
            done: vec![false; plan.shards() as usize],
            releasing: BTreeSet::new(),
            progress: vec![Vec::new(); plan.shards() as usize],
            accounts: vec![BTreeMap::new(); plan.shards() as usize],
            letters: VecDeque::new(),
            mail: Mail::default(),
            parts: BTreeMap::new(),
            asked: 0,
            sessions: vec![0; plan.shards() as usize],
            shifted: 0,
            recovery: Recovery::default(),
            lost: Vec::new(),
            shards_lost: Vec::new(),
            call: 1,
            found: Vec::new(),
            reported_us: vec![0; plan.shards() as usize],
            tamper: false,
            core: Core::of(plan.scenario(), seed, CORE),
            network: Network::new(seed, Conditions::default()),
            packets: VecDeque::new(),
            mutation: 0.0,
            mix_up: None,
            rng: SmallRng::seed_from_u64(seed),
            shard_actions: Vec::new(),
            ready: 0,
            totals: BTreeMap::new(),
            unexpected: BTreeMap::new(),
            handovers: 0,
            phases: BTreeMap::new(),
            used: Vec::new(),
            charged: Vec::new(),
            registered: vec![0; plan.shards() as usize],
            n3: N3::default(),
            user_plane: wire::to_coordinator::UserPlaneInterval::default(),
            look_after: None,
            settled: None,
            plan: plan.clone(),
        }
    }

    /// Sets every gNB up over a good network.
    pub(crate) fn prepare(&mut self) {
        for shard in 0..self.shards.len() {
            self.shards[shard].prepare(&mut self.shard_actions);
            self.carry_out(shard);
        }
        for _ in 0..10_000 {
            if self.ready == self.shards.len() {
                return;
            }
            self.step();
        }
        panic!("the gNBs were not set up");
    }

    fn moment(&self) -> Moment {
        let us = u64::try_from(self.now.saturating_duration_since(self.start).as_micros()).unwrap();
        Moment { now: self.now, wall_us: WALL_US + us }
    }

    fn carry_out(&mut self, shard: usize) {
        while !self.shard_actions.is_empty() {
            for action in std::mem::take(&mut self.shard_actions) {
                let generation = self.generations[shard];
                let id = |gnb: u16| association(shard, generation, gnb);
                match action {
                    ShardAction::Connect { gnb } => {
                        let event = AmfEvent::AssociationUp { association: id(gnb), streams_out: STREAMS };
                        self.core_handles(event);
                        let now = self.now;
                        self.shards[shard].association_up(gnb, STREAMS, None, now, &mut self.shard_actions);
                    }
                    ShardAction::Send { gnb, stream, octets, ticket, .. } => {
                        self.shards[shard].departed(ticket, self.now);
                        self.send(id(gnb), AMF, stream, octets);
                    }
                    ShardAction::SendGtpu { to, octets } => {
                        let from = SocketAddr::new(address(u32::try_from(shard).unwrap(), generation), 2152);
                        self.packets.push_back((self.now + N3_DELAY, from, to, octets));
                    }
                    ShardAction::Ready => self.ready += 1,
                    ShardAction::CannotPrepare(error) => panic!("cannot prepare: {error}"),
                    ShardAction::Ask { to, due } => {
                        self.asked += 1;
                        self.post(shard, to as usize, Letter::Due { to, due });
                    }
                    ShardAction::Answer(end) => self.post(shard, end.home as usize, Letter::Ended(end)),
                    ShardAction::Waits(why) => panic!("the core makes it wait: {why}"),
                }
            }
        }
    }

    /// A letter of one shard to another.
    fn post(&mut self, from: usize, to: usize, letter: Letter) {
        let Mail { delay, lost, cut } = &self.mail;
        let is_lost = *lost > 0.0 && self.rng.random_bool(*lost);
        if is_lost || cut.contains(&from) || cut.contains(&to) {
            return;
        }
        // Of one connection, so they stay in order.
        self.letters.push_back((self.now + *delay, letter));
    }

    fn deliver_letters(&mut self) {
        while self.letters.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, letter) = self.letters.pop_front().unwrap();
            match letter {
                Letter::Due { to, due } => self.shards[to as usize].due_away(&due, self.now),
                Letter::Ended(end) => self.shards[end.home as usize].away_ended(&end, self.now),
            }
        }
    }

    fn core_handles(&mut self, event: AmfEvent<'_>) {
        let mut out = Output::default();
        let moment = self.moment();
        self.core.handle(moment, event, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Output) {
        for action in out.signalling {
            if let AmfAction::Send { association, stream, octets } = action {
                self.send(AMF, association, stream, octets);
            }
        }
        let from = SocketAddr::new(CORE, 2152);
        let at = self.now + N3_DELAY;
        self.packets.extend(out.datagrams.into_iter().map(|(to, octets)| (at, from, to, octets)));
        let wall_us = self.moment().wall_us;
        self.charged.extend(self.core.take_records(wall_us));
    }

    fn send(&mut self, from: u32, to: u32, stream: u16, mut payload: Vec<u8>) {
        if self.mutation > 0.0 && self.rng.random_bool(self.mutation) && !payload.is_empty() {
            let at = self.rng.random_range(0..payload.len());
            payload[at] ^= 1 << self.rng.random_range(0..8);
        }
        if let Some(mix_up) = self.mix_up.as_mut().filter(|_| from == AMF)
            && !mix_up.meddle(to, &mut payload)
        {
            return;
        }
        self.network.send(self.now, Packet { from, to, stream, ppid: NGAP_PPID, payload });
    }

    /// Goes to the next instant at which something happens.
    fn step(&mut self) {
        let shards = self.shards.iter().filter_map(ShardRunner::next_deadline);
        let others = [
            self.core.next_deadline(),
            self.network.next_deadline(),
            self.packets.front().map(|(at, ..)| *at),
            self.letters.front().map(|(at, _)| *at),
        ];
        let next = shards.chain(others.into_iter().flatten()).min();
        let longest = self.now + Duration::from_millis(100);
        self.now = next.unwrap_or(longest).clamp(self.now, longest);
        self.deliver_packets();
        self.deliver_letters();
        while let Some(packet) = self.network.receive(self.now) {
            if packet.to == AMF {
                self.core_handles(AmfEvent::Received {
                    association: packet.from,
                    stream: packet.stream,
                    octets: &packet.payload,
                });
            } else {
                let (shard, gnb) = ((packet.to - 1) % GENERATION / SHARD, (packet.to - 1) % SHARD);
                let (now, gnb) = (self.now, u16::try_from(gnb).unwrap());
                let shard = shard as usize;
                if packet.to / GENERATION != self.generations[shard] {
                    // The association has gone with its agent.
                    continue;
                }
                let actions = &mut self.shard_actions;
                self.shards[shard].received(gnb, packet.stream, packet.ppid, packet.payload, now, actions);
                self.carry_out(shard);
            }
        }
        for shard in 0..self.shards.len() {
            self.shards[shard].advance(self.now, &mut self.shard_actions);
            self.carry_out(shard);
        }
        let mut out = Output::default();
        let moment = self.moment();
        self.core.advance(moment, &mut out);
        self.take(out);
    }

    fn deliver_packets(&mut self) {
        while self.packets.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, from, to, octets) = self.packets.pop_front().unwrap();
            if self.n3.loses(&octets, self.now - self.start) {
                continue;
            }
            let forged = self.n3.forged(&octets, to).into_iter().map(|octets| (STRANGER, octets));
            for (from, octets) in std::iter::once((from, octets)).chain(forged) {
                if to.ip() == CORE {
                    let moment = self.moment();
                    self.core.received(moment, from, &octets);
                } else if let Some(shard) = self.held_at(to.ip()) {
                    self.shards[shard].received_gtpu(from, &octets, self.now, &mut self.shard_actions);
                    self.carry_out(shard);
                }
            }
        }
    }

    /// Runs the whole schedule, in reports of one second, until the shards are finished and the core has closed its books.
    pub(crate) fn run(&mut self) {
        self.run_with(|_, _| {});
    }

    /// The network starts something by itself.
    pub(crate) fn command(&mut self, command: simulator::Command) {
        self.core_handles(AmfEvent::Command(command));
    }

    /// The network says something to every gNB.
    pub(crate) fn tell_gnbs(&mut self, command: impl Fn(u32) -> simulator::Command) {
        for shard in 0..self.shards.len() {
            let gnbs = self.plan.shard(u32::try_from(shard).unwrap()).gnbs.len();
            for gnb in 0..u16::try_from(gnbs).unwrap() {
                self.command(command(association(shard, self.generations[shard], gnb)));
            }
        }
    }

    /// The AMF resets its NG interface with a gNB.
    pub(crate) fn reset(&mut self, shard: usize, gnb: u16) {
        let association = association(shard, self.generations[shard], gnb);
        self.command(simulator::Command::Reset { association });
    }

    /// The association of a gNB breaks, and both ends see it.
    pub(crate) fn lose_association(&mut self, shard: usize, gnb: u16) {
        let association = association(shard, self.generations[shard], gnb);
        self.core_handles(AmfEvent::AssociationDown { association });
        let now = self.now;
        self.shards[shard].association_down(gnb, "lost", now, &mut self.shard_actions);
        self.carry_out(shard);
    }

    fn held_at(&self, address_of: IpAddr) -> Option<usize> {
        let shards = (0..self.plan.shards()).zip(&self.generations);
        let mut held = shards.filter(|(shard, generation)| address(*shard, **generation) == address_of);
        held.next().map(|(shard, _)| shard as usize)
    }

    // Shards that change their holder.

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
    fn takeover(&self) -> Takeover {
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

    /// The clock of the run stands still.
    pub(crate) fn pause(&mut self) {
        let now = self.now;
        self.shards.iter_mut().for_each(|shard| shard.pause(now));
    }

    /// It has stood still for so long.
    pub(crate) fn resume(&mut self, paused: Duration) {
        let now = self.now;
        self.shards.iter_mut().for_each(|shard| shard.resume(now, paused));
    }

    /// How long the run took.
    pub(crate) fn length(&self) -> Duration {
        self.now - self.start
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

    fn export_settled(&mut self) {
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

    fn close_associations(&mut self, shard: usize) {
        for gnb in 0..u16::try_from(self.plan.shard(u32::try_from(shard).unwrap()).gnbs.len()).unwrap() {
            let association = association(shard, self.generations[shard], gnb);
            self.core_handles(AmfEvent::AssociationDown { association });
        }
    }

    /// Another agent holds the shard, as soon as its gNBs are set up.
    fn succeed(&mut self, shard: usize, resume_at: Vec<u64>, takeover: Takeover, batches: Vec<UeBatch>) {
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

    fn look(&mut self, sessions: u64) {
        let statistics = self.core.statistics();
        let count = |n: usize| u64::try_from(n).unwrap();
        self.settled = Some(Standing {
            registered: [self.registered.iter().sum(), count(statistics.registered)],
            sessions: [
                sessions,
                count(statistics.sessions),
                count(self.core.upf.sessions()),
                count(self.core.chf.open_sessions().len()),
            ],
        });
    }

    /// As [`World::run`]; `meanwhile` is called with the time since the start before each step.
    pub(crate) fn run_with(&mut self, mut meanwhile: impl FnMut(&mut Self, Duration)) {
        self.start = self.now;
        for shard in &mut self.shards {
            shard.start(self.now, WALL_US);
        }
        let mut report_at = self.now + Duration::from_secs(1);
        while !self.done.iter().all(|done| *done) {
            meanwhile(self, self.now - self.start);
            self.step();
            self.export_settled();
            let mut sessions = 0;
            let due = self.now >= report_at;
            if due {
                report_at += Duration::from_secs(1);
            }
            for number in 0..self.shards.len() {
                let finished = !self.done[number] && self.shards[number].is_finished(self.now);
                if (due && !self.done[number]) || finished {
                    let report = self.shards[number].report(self.now).unwrap();
                    sessions += report.sessions;
                    self.merge(report);
                    self.done[number] = finished;
                }
            }
            if due && self.settled.is_none() && self.look_after.is_some_and(|at| self.start + at <= self.now)
            {
                self.look(sessions);
            }
            assert!(self.now < self.start + Duration::from_secs(600), "the shards do not finish");
        }
        let wall_us = self.moment().wall_us;
        self.core.finish(wall_us);
        self.charged.extend(self.core.take_records(wall_us));
    }

    fn merge(&mut self, report: IntervalReport) {
        let shard = report.shard as usize;
        self.registered[shard] = report.registered;
        self.sessions[shard] = report.sessions;
        self.reported_us[shard] = report.to_us;
        self.progress[shard].clone_from(&report.progress);
        self.shifted += report.shifted;
        self.recovery.registrations += report.recovery.registrations;
        self.recovery.sessions += report.recovery.sessions;
        self.recovery.succeeded += report.recovery.succeeded;
        self.recovery.failed += report.recovery.failed;
        for interval in report.procedures {
            let sum = |list: &[(String, u64)]| list.iter().map(|(_, count)| count).sum::<u64>();
            let account = self.accounts[shard].entry(interval.procedure.clone()).or_default();
            account.due += interval.due;
            account.started += interval.started;
            account.never_started += sum(&interval.never_started);
            account.ended += interval.succeeded
                + [&interval.failed, &interval.timed_out, &interval.abandoned]
                    .map(|list| sum(list))
                    .iter()
                    .sum::<u64>();
            for (phase, samples) in &interval.phases {
                *self.phases.entry(phase.clone()).or_default() += samples_of(samples);
            }
            self.totals.entry(interval.procedure.clone()).or_default().add(interval);
        }
        for part in report.parts {
            let key = (part.part, part.procedure.procedure.clone());
            self.parts.entry(key).or_default().add(part.procedure);
        }
        add(&mut self.unexpected, report.unexpected);
        self.handovers += report.handovers.iter().map(|pair| pair.succeeded + pair.failed).sum::<u64>();
        self.used.extend(report.usage);
        self.user_plane.uplink_packets += report.user_plane.uplink_packets;
        self.user_plane.downlink_packets += report.user_plane.downlink_packets;
        self.user_plane.downlink_lost += report.user_plane.downlink_lost;
        self.user_plane.strays += report.user_plane.strays;
        self.user_plane.end_markers += report.user_plane.end_markers;
        self.user_plane.foreign_source += report.user_plane.foreign_source;
    }

    pub(crate) fn succeeded(&self, procedure: &str) -> u64 {
        self.totals.get(procedure).map_or(0, |totals| totals.succeeded)
    }

    pub(crate) fn assert_balanced(&self) {
        for (procedure, totals) in &self.totals {
            let ended = totals.ended();
            assert_eq!(totals.started, ended, "{procedure}: every attempt ends once: {totals:?}");
            let never: u64 = totals.never_started.values().sum();
            assert_eq!(totals.due, ended + never, "{procedure}: {totals:?}");
        }
        for (procedure, planned) in self.plan.planned() {
            let due = self.totals.get(procedure.name()).map_or(0, |totals| totals.due - totals.self_started);
            assert_eq!(due, planned, "{}: everything planned became due", procedure.name());
        }
    }

    /// A UE says that it is registered where the AMF says so, and every side has the same sessions.
    pub(crate) fn assert_nobody_is_half_attached(&self) {
        let Some(Standing { registered: [ues, amf], sessions: [of_ues, smf, upf, chf] }) = self.settled
        else {
            panic!("nobody has looked: {:?}", self.totals)
        };
        assert_eq!(ues, amf, "registered: {:?} {:?}", self.totals, self.unexpected);
        assert_eq!([of_ues, smf, upf, chf], [of_ues; 4], "sessions of UEs, SMF, UPF, CHF: {:?}", self.totals);
    }

    pub(crate) fn assert_all_that_started_succeeded(&self) {
        for (procedure, totals) in &self.totals {
            assert_eq!(totals.started, totals.succeeded, "{procedure}: {totals:?}; {:?}", self.unexpected);
        }
    }

    pub(crate) fn upf_counters(&self) -> simulator::UpfCounters {
        self.core.upf.counters()
    }

    /// What the reconciliation makes of the two ledgers.
    pub(crate) fn reconcile(&self) -> (billing::Account, Vec<billing::Difference>) {
        self.reconcile_with(None)
    }

    /// The same, where it is known what the traffic can have carried.
    pub(crate) fn reconcile_with(
        &self,
        traffic: Option<&billing::Traffic<'_>>,
    ) -> (billing::Account, Vec<billing::Difference>) {
        let rules = billing::Rules::default();
        let plan = &self.plan;
        let shard_of = |supi| plan.shard_of_subscriber(supi);
        let losses = billing::Losses { gaps: &self.lost, shard_of: Some(&shard_of), has: None, traffic };
        let settings = billing::Settings { losses, ..billing::Settings::new(None, &rules) };
        let mut reconciler = billing::Reconciler::new(settings);
        self.used.iter().for_each(|record| reconciler.used(record).unwrap());
        self.charged.iter().for_each(|record| reconciler.charged(record).unwrap());
        let mut differences = Vec::new();
        let account = reconciler.finish(&mut |difference| {
            differences.push(difference.clone());
            Ok(())
        });
        (account.unwrap(), differences)
    }

    /// What the UEs used in each session is what was charged for it, and neither side has one that the other lacks.
    pub(crate) fn assert_charged_as_used(&self) {
        self.assert_charged_but_for(0);
    }

    /// The same, but so many octets of a session may have gone down into a tunnel that its gNB had no more.
    pub(crate) fn assert_charged_but_for(&self, lost: u64) {
        let mut sessions: BTreeMap<_, [(u64, u64); 2]> = BTreeMap::new();
        for used in &self.used {
            let sums = sessions.entry((used.supi, used.charging_id)).or_default();
            sums[0].0 += used.uplink.0;
            sums[0].1 += used.downlink.0;
        }
        for charged in &self.charged {
            let sums = sessions.entry((charged.supi, charged.charging_id)).or_default();
            sums[1].0 += charged.uplink.0;
            sums[1].1 += charged.downlink.0;
        }
        assert!(!sessions.is_empty(), "no session: {:?}", self.totals);
        for (session, [used, charged]) in sessions {
            let (mine, theirs): (Vec<_>, Vec<_>) = (
                self.used.iter().filter(|record| record.supi == session.0).collect(),
                self.charged.iter().filter(|record| record.supi == session.0).collect(),
            );
            let agree = used.0 == charged.0 && used.1 <= charged.1 && charged.1 <= used.1 + lost;
            assert!(
                agree,
                "{session:?}: used {used:?}, charged {charged:?}, up and down\n{mine:#?}\n{theirs:#?}"
            );
        }
    }
}

fn holder(
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
    };
    let key = identity::TeidKey::of_secret(&lease.key);
    let end = UserPlaneEnd { address: address(shard, generation), slot: 3, key };
    ShardRunner::new(plan, &lease, Some(end))
}

fn address(shard: u32, generation: u32) -> IpAddr {
    Ipv4Addr::new(127, 1, u8::try_from(generation).unwrap(), u8::try_from(shard + 1).unwrap()).into()
}

fn association(shard: usize, generation: u32, gnb: u16) -> u32 {
    generation * GENERATION + u32::try_from(shard).unwrap() * SHARD + u32::from(gnb) + 1
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap()
}

const N3_DELAY: Duration = Duration::from_micros(100);
