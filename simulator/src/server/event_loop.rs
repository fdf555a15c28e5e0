//! The thread's loop: events of the endpoint and packets in, messages and packets out, and time.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sctp::{AssociationId, Endpoint, Event, NGAP_PPID};

use super::campaign::{Campaign, Campaigns, Step};
use super::clock::Clock;
use super::ledger::Ledger;
use super::n3::N3;
use super::newcomers::Newcomers;
use super::served::Counter;
use super::{Control, NetworkStatistics, statistics};
use crate::amf::{AmfAction, AmfEvent};
use crate::core::{Core, Moment, Output};

/// What the thread owns.
pub(super) struct EventLoop {
    core: Core,
    endpoint: Endpoint,
    n3: N3,
    ledger: Option<Ledger>,
    clock: Clock,
    campaign: Campaign,
    /// Of each run by itself.
    campaigns: Campaigns,
    /// In the order of their start.
    freezes: VecDeque<(Duration, Duration)>,
    first_ue: Option<Instant>,
    controls: Receiver<Control>,
    published: Arc<Mutex<NetworkStatistics>>,
    next_publication: Instant,
    /// Something happened since the last publication.
    changed: bool,
    /// When packets were last taken in.
    packets_came: Option<Instant>,
    sends_refused: u64,
    served: Counter,
    open: Vec<AssociationId>,
    newcomers: Newcomers,
    events: Vec<Event>,
    output: Output,
}

impl EventLoop {
    pub(super) fn new(
        core: Core,
        (endpoint, n3, ledger): (Endpoint, N3, Option<Ledger>),
        clock: Clock,
        mut freezes: Vec<(Duration, Duration)>,
        controls: Receiver<Control>,
        (published, served): (Arc<Mutex<NetworkStatistics>>, Counter),
    ) -> Self {
        freezes.sort_unstable();
        Self {
            core,
            endpoint,
            n3,
            ledger,
            campaign: Campaign::Over,
            campaigns: Campaigns::default(),
            freezes: freezes.into(),
            first_ue: None,
            controls,
            published,
            next_publication: clock.moment().now,
            changed: true,
            packets_came: None,
            clock,
            sends_refused: 0,
            served,
            open: Vec::new(),
            newcomers: Newcomers::default(),
            events: Vec::new(),
            output: Output::default(),
        }
    }

    pub(super) fn run(mut self) {
        if let Err(error) = self.endpoint.watch(self.n3.socket()) {
            tracing::error!(%error, "the user plane's socket cannot be watched; the simulator serves none");
        }
        loop {
            let now = self.clock.moment().now;
            let deadline = self.deadline(now).min(self.rest_of_packets(now));
            let due = self.core.next_send().filter(|due| *due >= deadline);
            if let Err(error) = self.endpoint.wait_until_due(due, deadline, &mut self.events) {
                tracing::error!(%error, "the simulator's endpoint failed; it stops serving");
                break;
            }
            // A freeze comes before what has just arrived.
            if !self.handle_controls() {
                break;
            }
            self.round();
            if let Some(for_) = self.freeze_due(self.clock.moment().now)
                && !self.frozen(for_)
            {
                break;
            }
        }
        self.close();
    }

    /// Takes in what arrived, runs the timers, sends what is due.
    fn round(&mut self) {
        self.changed |= !self.events.is_empty();
        // Packets first: what was sent before an event has arrived before it, and counts before it.
        self.take_packets();
        for (number, event) in std::mem::take(&mut self.events).into_iter().enumerate() {
            if number % EVENTS_BETWEEN_PACKETS == EVENTS_BETWEEN_PACKETS - 1 {
                self.take_packets();
            }
            self.handle(event);
        }
        let at = self.clock.moment();
        self.changed |= self.core.next_deadline().is_some_and(|due| due <= at.now);
        self.core.advance(at, &mut self.output);
        self.carry_out(at.now);
        if self.first_ue.is_none() && self.core.amf.has_received_a_ue() {
            self.first_ue = Some(at.now);
        }
        self.look_at_campaign(at);
        self.served.turn();
        if at.now >= self.next_publication {
            self.newcomers.end_overdue(&self.core.amf, &mut self.endpoint, at.now);
            if std::mem::take(&mut self.changed) {
                self.publish();
            }
            self.next_publication = at.now + PUBLICATION;
        }
    }

    /// What a run has left open is charged when its gNBs have gone, and the ledger is complete then.
    fn look_at_campaign(&mut self, at: Moment) {
        self.look_at_runs(at);
        let (gnbs, owes) = (self.core.amf.has_gnbs(), self.core.chf.owes_records());
        let step = self.campaign.look(at.now, gnbs, owes);
        if step == Some(Step::Ended) && owes {
            self.core.end_campaign(at, &mut self.output);
            self.carry_out(at.now);
        }
        if let (Some(step), Some(ledger)) = (step, &mut self.ledger) {
            ledger.campaign(step == Step::Ended, at.wall_us, self.core.chf.faults_injected());
        }
    }

    /// The same of each run, where several are made at once: its sessions are its own, and end with its gNBs.
    fn look_at_runs(&mut self, at: Moment) {
        for (run, name, step) in self.campaigns.look(at.now, &self.core) {
            if step == Step::Ended {
                self.core.end_run(run, at, &mut self.output);
                self.carry_out(at.now);
                self.core.amf.forget_run(run);
            }
            if let Some(ledger) = &mut self.ledger {
                ledger.run(&name, step == Step::Ended, at.wall_us, self.core.chf.faults_injected());
            }
        }
    }

    fn take_packets(&mut self) {
        let (at, core) = (self.clock.moment(), &mut self.core);
        let came = self.n3.drain(|from, octets| core.received(at, from, octets));
        if came {
            (self.changed, self.packets_came) = (true, Some(at.now));
        }
    }

    fn handle(&mut self, event: Event) {
        let at = self.clock.moment();
        match event {
            Event::Up { id, peer, .. } if !self.newcomers.up(id, peer.ip(), at.now) => {
                self.open.push(id);
                self.endpoint.abort(id, at.now);
                tracing::warn!(%peer, "association ended: its address has its share of them");
            }
            Event::Up { id, streams_out, .. } => {
                self.open.push(id);
                let event = AmfEvent::AssociationUp { association: id.0, streams_out };
                self.core.handle(at, event, &mut self.output);
            }
            Event::Received { id, stream, ppid, payload, .. } if ppid == NGAP_PPID => {
                self.served.message();
                let event = AmfEvent::Received { association: id.0, stream, octets: &payload };
                self.core.handle(at, event, &mut self.output);
            }
            Event::Received { id, ppid, .. } => {
                self.newcomers.turned.not_ngap += 1;
                tracing::warn!(association = id.0, ppid, "not NGAP; ignored");
            }
            Event::Down { id, reason } => {
                tracing::info!(association = id.0, %reason, "association down");
                self.open.retain(|open| *open != id);
                self.newcomers.down(id);
                let event = AmfEvent::AssociationDown { association: id.0 };
                self.core.handle(at, event, &mut self.output);
            }
        }
    }

    fn carry_out(&mut self, now: Instant) {
        for action in self.output.signalling.drain(..) {
            match action {
                AmfAction::Send { association, stream, octets } => {
                    self.served.message();
                    let sent = self.endpoint.send(AssociationId(association), stream, NGAP_PPID, octets);
                    self.sends_refused += u64::from(sent.is_err());
                }
                AmfAction::Close { association } => self.endpoint.shutdown(AssociationId(association), now),
            }
        }
        self.n3.send(self.output.datagrams.drain(..));
        self.write_records();
    }

    fn write_records(&mut self) {
        let at = self.clock.moment();
        let records = self.core.take_records(at.wall_us);
        match &mut self.ledger {
            Some(ledger) => ledger.write(at.now, records),
            None => records.for_each(drop),
        }
    }

    /// Until when nothing is to be done.
    fn deadline(&self, now: Instant) -> Instant {
        let freeze = self.first_ue.zip(self.freezes.front()).map(|(first, (at, _))| first + *at);
        let all = self.core.next_deadline().into_iter().chain(freeze);
        let publication = self.changed.then_some(self.next_publication);
        let all = all.chain(self.campaign.deadline()).chain(self.campaigns.deadline()).chain(publication);
        all.chain([now + IDLE]).min().unwrap_or(now)
    }

    /// When packets are to be looked for. While many come, every few milliseconds, so that one turn takes many; else the
    /// endpoint says when one comes.
    fn rest_of_packets(&mut self, now: Instant) -> Instant {
        if self.n3.is_behind() {
            return now + PACKETS;
        }
        match self.packets_came.map(|came| came + PACKETS).filter(|soon| *soon > now) {
            Some(soon) => soon,
            None if self.endpoint.arm().is_err() => now + PACKETS,
            None => now + IDLE,
        }
    }

    /// While no signalling is served nobody says when packets arrive.
    fn packets_looked_for(&self, now: Instant) -> Instant {
        let often = self.core.upf.sessions() > 0 || self.n3.is_behind();
        now + if often { PACKETS } else { PUBLICATION }
    }

    fn freeze_due(&mut self, now: Instant) -> Option<Duration> {
        let (first, (at, for_)) = self.first_ue.zip(self.freezes.front().copied())?;
        if now < first + at {
            return None;
        }
        self.freezes.pop_front();
        // One that started late ends when it was to end.
        Some((first + at + for_).saturating_duration_since(now))
    }

    /// Handles what has been asked of the thread. `false` to stop.
    fn handle_controls(&mut self) -> bool {
        while let Ok(control) = self.controls.try_recv() {
            match control {
                Control::Freeze(for_) if !self.frozen(for_) => return false,
                Control::Freeze(_) => {}
                Control::Command(command) => {
                    let at = self.clock.moment();
                    self.core.handle(at, AmfEvent::Command(command), &mut self.output);
                    self.carry_out(at.now);
                }
                Control::Stop => return false,
            }
        }
        true
    }

    /// Serves no signalling for a while. `false` when it is to stop meanwhile.
    fn frozen(&mut self, for_: Duration) -> bool {
        let mut end = self.clock.moment().now + for_;
        loop {
            let now = self.clock.moment().now;
            if now >= end {
                return true;
            }
            let wait = self.packets_looked_for(now).min(end).saturating_duration_since(now);
            match self.controls.recv_timeout(wait) {
                Ok(Control::Freeze(more)) => end = end.max(self.clock.moment().now + more),
                Ok(Control::Command(command)) => {
                    let at = self.clock.moment();
                    self.core.handle(at, AmfEvent::Command(command), &mut self.output);
                }
                Ok(Control::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    self.take_packets();
                    self.core.advance_user_plane(self.clock.moment(), &mut self.output);
                    self.n3.send(self.output.datagrams.drain(..));
                }
            }
        }
    }

    fn publish(&mut self) {
        let mut statistics = statistics(&self.core, &self.n3, self.ledger.as_ref());
        statistics.amf.sends_refused = self.sends_refused;
        statistics.turned = self.newcomers.turned;
        statistics.served = self.served.served();
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = statistics;
    }

    /// Shuts the associations down, waits for their ends a little, and charges what is left open.
    fn close(&mut self) {
        self.take_packets();
        let now = self.clock.moment().now;
        for id in &self.open {
            self.endpoint.shutdown(*id, now);
        }
        let end = now + CLOSING;
        while !self.open.is_empty() && self.clock.moment().now < end {
            if self
                .endpoint
                .wait(end.min(self.packets_looked_for(self.clock.moment().now)), &mut self.events)
                .is_err()
            {
                break;
            }
            self.take_packets();
            for event in self.events.drain(..) {
                if let Event::Down { id, .. } = event {
                    self.open.retain(|open| *open != id);
                }
            }
        }
        self.core.finish(self.clock.moment().wall_us);
        self.write_records();
        if let Some(ledger) = &mut self.ledger {
            ledger.campaign(true, self.clock.moment().wall_us, self.core.chf.faults_injected());
        }
        self.publish();
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.faults_injected = self.core.chf.faults_injected().to_vec();
    }
}

/// The longest sleep: nothing depends on its end.
const IDLE: Duration = Duration::from_secs(1);
/// How often the statistics are brought up to date, while anything happens.
const PUBLICATION: Duration = Duration::from_millis(100);
/// Packets that come within this time are taken in together.
const PACKETS: Duration = Duration::from_millis(5);
/// How many events come between two looks for packets, so that the kernel's buffer does not overflow meanwhile.
const EVENTS_BETWEEN_PACKETS: usize = 32;
/// How long the ends of the associations may take.
const CLOSING: Duration = Duration::from_secs(2);
