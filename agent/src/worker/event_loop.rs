//! The worker's thread: it goes around its shards, its associations and its orders.
//!
//! It reads the clock again after every few messages, so that an attempt that is due meanwhile leaves on time. It looks
//! at the end of each lease when a turn of the loop begins, before it lets a shard send, and before what is queued leaves; so after
//! a stop of the process (SIGSTOP, a host that was suspended) nothing leaves under a lease that has ended meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sctp::{AssociationId, Endpoint, Event, SendError, Waker};

use super::leased_shard::{LeasedShard, Stage};
use super::messages::{Command, Notice, Order};
use super::n3::N3;
use super::outbox::Outbox;
use super::reporter::Reporter;
use super::{Expected, FromWorker, ToWorker};
use crate::ran::ShardAction;
use crate::shard::ShardRunner;
use crate::user_plane::Datagram;

/// What the thread owns.
pub(super) struct EventLoop {
    number: usize,
    priority: host::Priority,
    messages: Receiver<ToWorker>,
    waker: Arc<Mutex<Option<Waker>>>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) shards: BTreeMap<u32, LeasedShard>,
    associations: HashMap<AssociationId, (u32, u16)>,
    /// Associations of shards that are gone, on their way down.
    parting: HashSet<AssociationId>,
    n3: N3,
    outbox: Outbox,
    pub(super) reporter: Reporter,
    actions: Vec<ShardAction>,
    /// The shards' numbers, for a way around on which they may go.
    numbers: Vec<u32>,
}

impl EventLoop {
    pub(super) fn new(
        number: usize,
        priority: host::Priority,
        messages: Receiver<ToWorker>,
        reporter: Reporter,
        waker: Arc<Mutex<Option<Waker>>>,
    ) -> Self {
        Self {
            number,
            priority,
            messages,
            endpoint: None,
            shards: BTreeMap::new(),
            associations: HashMap::new(),
            parting: HashSet::new(),
            n3: N3::new(number, Arc::clone(&waker)),
            waker,
            outbox: Outbox::default(),
            reporter,
            actions: Vec::new(),
            numbers: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Vec::new();
        while self.listen() {
            self.notice_standstills();
            self.drain_user_plane();
            let now = Instant::now();
            self.advance(now);
            self.report_if_due(now, &mut events);
            self.dispatch(&mut events);
            self.part(now);
            let mut deadline = self.next_deadline(now);
            if let Some(endpoint) = &mut self.endpoint {
                deadline = deadline.min(self.n3.rest(now, endpoint).unwrap_or(deadline));
            }
            let due = self.next_due(deadline);
            self.give_up_lapsed();
            let Some(endpoint) = &mut self.endpoint else { continue };
            if let Err(error) = endpoint.wait_until_due(due, deadline, &mut events) {
                let what = format!("worker {}: SCTP failed: {error}", self.number);
                return self.reporter.send(FromWorker::Died(what));
            }
            // What has come meanwhile came long ago, where the process did not run.
            self.notice_standstills();
            self.note_departures();
            self.dispatch(&mut events);
        }
        self.close();
    }

    /// Takes what was told. Waits for it where there is nothing else to do. False when the worker is to stop.
    fn listen(&mut self) -> bool {
        if self.endpoint.is_none() {
            match self.messages.recv() {
                Ok(ToWorker::Stop) | Err(_) => return false,
                Ok(message) => self.handle(message),
            }
        }
        loop {
            match self.messages.try_recv() {
                Ok(ToWorker::Stop) | Err(TryRecvError::Disconnected) => return false,
                Ok(message) => self.handle(message),
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn handle(&mut self, message: ToWorker) {
        let now = Instant::now();
        match message {
            ToWorker::Expect(expected) => self.expect(*expected),
            ToWorker::Built(runner) => self.prepare(runner, now),
            ToWorker::Order(Command { shard, epoch, order }) => {
                let held = self.shards.get_mut(&shard).filter(|held| held.epoch == epoch);
                let Some(held) = held else { return };
                self.reporter.follow(&order, now);
                match order {
                    Order::Revoke => self.forget(shard),
                    Order::Renew { until } => held.renew(until),
                    order => {
                        held.handle(order, now).into_iter().for_each(|answer| self.reporter.notify(answer))
                    }
                }
            }
            ToWorker::Stop => {}
        }
    }

    fn expect(&mut self, expected: Expected) {
        let shard = expected.shard;
        // An older lease of it has ended, or this one would not have been given.
        self.forget(shard);
        if let Some((port, slot)) = &expected.user_plane {
            self.n3.route(port.clone(), *slot, shard);
            self.n3.watch(self.endpoint.as_mut());
        }
        self.shards.insert(shard, LeasedShard::new(expected));
    }

    /// The shard is built: opens its associations.
    fn prepare(&mut self, mut runner: Box<ShardRunner>, now: Instant) {
        let (shard, epoch) = (runner.number(), runner.epoch());
        let known = self.shards.get_mut(&shard).filter(|held| held.epoch == epoch);
        // It may be another's by now.
        let Some(held) = known else { return };
        let Stage::Expected(orders) = &mut held.stage else { return };
        let orders = std::mem::take(orders);
        if self.endpoint.is_none() {
            let priority = (self.priority, host::Role::Generator);
            let options = sctp::Options { priority, departures: true, ..sctp::Options::default() };
            match Endpoint::client(held.targets.transport(), &options) {
                Ok(endpoint) => {
                    if let Ok(mut waker) = self.waker.lock() {
                        *waker = Some(endpoint.waker());
                    }
                    self.endpoint = Some(endpoint);
                    self.n3.watch(self.endpoint.as_mut());
                }
                Err(error) => {
                    held.stage = Stage::Unprepared(error.to_string());
                    return self.part(now);
                }
            }
        }
        let mut actions = Vec::new();
        runner.prepare(&mut actions);
        held.stage = Stage::Runs(runner);
        let answers = orders.into_iter().filter_map(|order| held.handle(order, now));
        answers.for_each(|answer| self.reporter.notify(answer));
        self.perform(shard, &mut actions);
    }

    /// Runs every shard until it has nothing more to do at this instant, reading the clock as it goes.
    fn advance(&mut self, mut now: Instant) {
        self.give_up_lapsed();
        let mut actions = std::mem::take(&mut self.actions);
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.extend(self.shards.keys());
        for shard in numbers.drain(..) {
            // What is left when a shard has had its turns waits until the others and the associations have had theirs.
            for _ in 0..MOST_ADVANCES {
                let Some(runner) = self.shards.get_mut(&shard).and_then(LeasedShard::runner) else { break };
                runner.advance(now, &mut actions);
                self.reporter.late(runner.take_late());
                let more = runner.next_deadline().is_some_and(|deadline| deadline <= now);
                self.perform(shard, &mut actions);
                if !more {
                    break;
                }
                now = Instant::now();
            }
        }
        (self.actions, self.numbers) = (actions, numbers);
    }

    /// Takes in what has come on N3, for shards of this worker; what is for others goes on to theirs.
    fn drain_user_plane(&mut self) {
        let Some(port) = self.n3.port() else { return };
        let mut actions = std::mem::take(&mut self.actions);
        let now = Instant::now();
        for Datagram { slot, from, octets } in self.n3.take_queued() {
            self.received_gtpu(slot, from, &octets, now, &mut actions);
        }
        let drained = port.drain(self.number, |slot, from, octets| {
            self.received_gtpu(slot, from, octets, now, &mut actions);
        });
        if drained > 0 {
            self.n3.came(now);
        }
        self.actions = actions;
    }

    fn received_gtpu(
        &mut self,
        slot: u32,
        from: SocketAddr,
        octets: &[u8],
        now: Instant,
        actions: &mut Vec<ShardAction>,
    ) {
        let any = || self.shards.keys().next().copied();
        let Some(shard) = self.n3.shard(slot).or_else(any) else { return };
        if let Some(runner) = self.shards.get_mut(&shard).and_then(LeasedShard::runner) {
            runner.received_gtpu(from, octets, now, actions);
            self.perform(shard, actions);
        }
    }

    /// Tells the shards what has left.
    pub(super) fn note_departures(&mut self) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let (associations, shards) = (&self.associations, &mut self.shards);
        self.outbox.look(endpoint, |id, ticket, at| {
            let shard = associations.get(&id).map(|(shard, _)| *shard);
            if let Some(runner) = shard.and_then(|shard| shards.get_mut(&shard)).and_then(LeasedShard::runner)
            {
                runner.departed(ticket, at);
            }
        });
    }

    fn dispatch(&mut self, events: &mut Vec<Event>) {
        let mut actions = std::mem::take(&mut self.actions);
        let mut now = Instant::now();
        for (number, event) in events.drain(..).enumerate() {
            if number % EVENTS_PER_CLOCK == EVENTS_PER_CLOCK - 1 {
                self.drain_user_plane();
                now = Instant::now();
                self.advance(now);
            }
            let (Event::Up { id, .. } | Event::Received { id, .. } | Event::Down { id, .. }) = event;
            if matches!(event, Event::Down { .. }) {
                self.parting.remove(&id);
            }
            let Some(&(shard, gnb)) = self.associations.get(&id) else { continue };
            let Some(held) = self.shards.get_mut(&shard) else { continue };
            if matches!(event, Event::Down { .. }) {
                self.associations.remove(&id);
                self.outbox.forget(id);
                held.associations.remove(&gnb);
                if matches!(held.stage, Stage::Parts { .. }) {
                    continue;
                }
            }
            let Some(runner) = held.runner() else { continue };
            match event {
                Event::Up { streams_out, .. } => {
                    let ends = self.endpoint.as_ref().and_then(|endpoint| endpoint.ends(id));
                    runner.association_up(gnb, streams_out, ends, now, &mut actions);
                }
                Event::Received { stream, ppid, payload, at, .. } => {
                    runner.received(gnb, stream, ppid, payload, at, &mut actions);
                }
                Event::Down { reason, .. } => {
                    runner.association_down(gnb, &reason.to_string(), now, &mut actions);
                }
            }
            self.perform(shard, &mut actions);
        }
        self.actions = actions;
    }

    /// Carries out what a shard wants, unless its lease has ended.
    fn perform(&mut self, shard: u32, actions: &mut Vec<ShardAction>) {
        if actions.is_empty() {
            return;
        }
        let Some(endpoint) = &mut self.endpoint else { return actions.clear() };
        let Some(held) = self.shards.get_mut(&shard).filter(|held| !held.has_lapsed()) else {
            return actions.clear();
        };
        let epoch = held.epoch;
        let (mut unprepared, mut undialled) = (None, Vec::new());
        for action in actions.drain(..) {
            match action {
                ShardAction::Send { gnb, stream, ppid, octets, ticket } => {
                    let id = held.associations.get(&gnb).copied();
                    let send = |id| endpoint.send(id, stream, ppid, octets);
                    // A message that the association does not take is lost with it; its attempt will time out.
                    match id.ok_or(SendError::Gone).and_then(|id| send(id).map(|()| id)) {
                        Ok(id) => self.outbox.took(id, ticket),
                        Err(error) => {
                            tracing::debug!(%error, shard, gnb, "message not sent");
                            held.runner().into_iter().for_each(|runner| runner.not_sent(ticket));
                        }
                    }
                }
                ShardAction::SendGtpu { to, octets } => {
                    if !self.n3.send(to, &octets)
                        && let Some(runner) = held.runner()
                    {
                        runner.gtpu_not_sent();
                    }
                }
                ShardAction::Connect { gnb } => match held.connect(gnb, endpoint) {
                    Ok(id) => {
                        held.associations.insert(gnb, id);
                        self.associations.insert(id, (shard, gnb));
                    }
                    Err(error) => undialled.push((gnb, error)),
                },
                ShardAction::Ready => self.reporter.notify(Notice::Ready { shard, epoch }),
                ShardAction::CannotPrepare(error) => unprepared = Some(error),
                ShardAction::Ask { to, due } => self.reporter.notify(Notice::Ask { to, due }),
                ShardAction::Answer(end) => self.reporter.notify(Notice::Answer(end)),
                ShardAction::Waits(why) => self.reporter.notify(Notice::Waits { shard, epoch, why }),
            }
        }
        // A dial that comes to nothing at once is as one that is refused.
        for (gnb, error) in undialled {
            if let Some(runner) = held.runner() {
                runner.association_down(gnb, &error, Instant::now(), actions);
            }
        }
        if let Some(error) = unprepared {
            held.unprepared.get_or_insert(error);
        }
        if !actions.is_empty() {
            self.perform(shard, actions);
        }
    }

    /// What a shard does after a standstill is not reported before the standstill is.
    pub(super) fn notice_standstills(&mut self) {
        for (until, lasted) in self.reporter.standstills() {
            tracing::warn!(worker = self.number, seconds = lasted.as_secs_f64(), "this process stood still");
            let runners = self.shards.values_mut().filter_map(LeasedShard::runner);
            runners.for_each(|runner| runner.stood_still(until, lasted));
        }
    }

    /// Gives up every shard whose lease has ended: nothing of it that is queued leaves any more.
    pub(super) fn give_up_lapsed(&mut self) {
        while let Some(shard) = self.shards.values().find(|held| held.has_lapsed()).map(|held| held.shard) {
            self.notice_standstills();
            let Some(held) = self.remove(shard, Closing::Abort) else { continue };
            tracing::warn!(shard, "the lease has lapsed: the shard is given up");
            let (now, epoch) = (Instant::now(), held.epoch);
            match held.stage {
                // All is said.
                Stage::Finished(_) => {}
                Stage::Closes { ues, .. } => self.send_released(shard, epoch, ues, false),
                Stage::Unprepared(error) => {
                    self.reporter.notify(Notice::CannotPrepare { shard, epoch, error, own: false });
                }
                Stage::Expected(_) => self.send_released(shard, epoch, Vec::new(), true),
                Stage::Runs(mut runner) | Stage::Settles(mut runner) | Stage::Parts { mut runner, .. } => {
                    runner.give_up("lease-lapsed", now);
                    while runner.wants_report() && self.reporter.report(&mut runner, now, false) {}
                    self.reporter.report(&mut runner, now, true);
                    self.send_released(shard, epoch, Vec::new(), true);
                }
            }
        }
    }

    /// Says goodbye to the shards whose associations are closed, and to those that cannot be run.
    fn part(&mut self, now: Instant) {
        let gone = |held: &&LeasedShard| match &held.stage {
            Stage::Unprepared(_) => true,
            Stage::Closes { until, .. } => held.associations.is_empty() || *until <= now,
            _ => false,
        };
        while let Some(shard) = self.shards.values().find(gone).map(|held| held.shard) {
            let Some(held) = self.remove(shard, Closing::Abort) else { continue };
            match held.stage {
                Stage::Closes { ues, .. } => self.send_released(shard, held.epoch, ues, false),
                Stage::Unprepared(error) => {
                    self.reporter.notify(Notice::CannotPrepare {
                        shard,
                        epoch: held.epoch,
                        error,
                        own: false,
                    });
                }
                _ => {}
            }
        }
    }

    fn send_released(&self, shard: u32, epoch: u64, ues: Vec<wire::to_agent::UeBatch>, lapsed: bool) {
        ues.into_iter().for_each(|part| self.reporter.notify(Notice::Ues(Box::new(part))));
        self.reporter.notify(Notice::Released { shard, epoch, lapsed });
    }

    /// The shard is nobody's, or another's: it stops at once.
    fn forget(&mut self, shard: u32) {
        let finished = self.shards.get(&shard).is_some_and(|held| matches!(held.stage, Stage::Finished(_)));
        self.remove(shard, if finished { Closing::Shutdown } else { Closing::Abort });
    }

    /// Takes a shard out, with its associations and its tunnels.
    fn remove(&mut self, shard: u32, closing: Closing) -> Option<LeasedShard> {
        let held = self.shards.remove(&shard)?;
        let now = Instant::now();
        for &id in held.associations.values() {
            self.associations.remove(&id);
            self.outbox.forget(id);
            let Some(endpoint) = &mut self.endpoint else { continue };
            match closing {
                Closing::Abort => endpoint.abort(id, now),
                Closing::Shutdown => {
                    endpoint.shutdown(id, now);
                    self.parting.insert(id);
                }
            }
        }
        if let Some(slot) = held.slot {
            self.n3.forget(slot);
        }
        Some(held)
    }

    fn next_deadline(&self, now: Instant) -> Instant {
        let shards = self.shards.values().filter_map(LeasedShard::next_deadline);
        let longest = now + IDLE;
        shards.chain(self.reporter.next_deadline()).min().unwrap_or(longest).min(longest)
    }

    /// When the next attempt is due, of those that no shard wants to be called for before `deadline`.
    fn next_due(&self, deadline: Instant) -> Option<Instant> {
        let running = self.shards.values().filter_map(LeasedShard::runner_ref);
        running.filter_map(ShardRunner::next_due).filter(|due| *due >= deadline).min()
    }

    /// Shuts the associations down, and gives the shutdown a moment to reach the core.
    fn close(&mut self) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let now = Instant::now();
        for &id in self.associations.keys() {
            endpoint.shutdown(id, now);
            self.parting.insert(id);
        }
        let (deadline, mut events) = (now + CLOSE, Vec::new());
        while !self.parting.is_empty() && Instant::now() < deadline {
            if endpoint.wait(deadline, &mut events).is_err() {
                return;
            }
            for event in events.drain(..) {
                if let Event::Down { id, .. } = event {
                    self.parting.remove(&id);
                }
            }
        }
    }
}

/// How associations are closed.
#[derive(Clone, Copy)]
enum Closing {
    /// What is queued does not leave.
    Abort,
    /// What is queued is delivered first.
    Shutdown,
}

/// The longest sleep: nothing depends on its end.
const IDLE: Duration = Duration::from_secs(1);
/// How often one shard may go on at once.
const MOST_ADVANCES: usize = 16;
/// Messages handled before the clock is read again.
const EVENTS_PER_CLOCK: usize = 16;
/// How long closing associations may take.
pub(super) const CLOSE: Duration = Duration::from_millis(500);
