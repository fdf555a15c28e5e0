//! Shards and a whole core network in virtual time: N2 over a network that can be made bad, N3 over one that is good.

mod account;
mod holders;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{ShardAction, ShardRunner};
use billing::{ChargingRecord, UsageRecord};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use scenarios::{Plan, Scenario};
use sctp::NGAP_PPID;
use sctp::memory::{Conditions, Network, Packet};
use simulator::{AmfAction, AmfEvent, Core, Moment, Output};
use wire::away::{AwayEnd, DueAway};
use wire::to_coordinator::{FailedInto, Recovery};

use crate::mix_ups::MixUp;
use crate::n3::{N3, STRANGER};
use account::Account;
pub(crate) use account::Totals;
use holders::holder;

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
    /// Handovers into other shards that failed, as the shards tell them.
    pub(crate) failed_into: Vec<FailedInto>,
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
            failed_into: Vec::new(),
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
            let gnbs = self.plan.shard(u32::try_from(shard).unwrap()).nodes.len();
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

    pub(crate) fn upf_counters(&self) -> simulator::UpfCounters {
        self.core.upf.counters()
    }
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
