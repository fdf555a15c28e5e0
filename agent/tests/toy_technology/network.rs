//! The toy: its messages, the two procedures of its UE, its node, and the network of them that a campaign runs in.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use agent::seam::{
    Activity, Encryption, End, Item, Letter, Loss, RadioEvent, RadioNetwork, Resumption, ScheduleClock,
    ShardUe, Stage, Standing, Start, Visitors,
};
use identity::{CellId, Imsi, Procedure};
use scenarios::Plan;
use serde::{Deserialize, Serialize};
use wire::away::AwayPlace;
use wire::to_agent::Lease;
use wire::to_coordinator::IntervalReport;

/// What the UE or the core says: an octet, and then the UE's number.
pub(crate) const HELLO: u8 = 1;
pub(crate) const GOODBYE: u8 = 2;
pub(crate) const YES: u8 = 3;
pub(crate) const NO: u8 = 4;

/// A UE of the toy: it says hello or goodbye, and waits for an answer.
#[derive(Clone, Default)]
struct ToyUe {
    is_in: bool,
    procedure: Option<ToyProcedure>,
    told: Standing,
}

/// Saying hello, or goodbye.
#[derive(Clone, Copy)]
struct ToyProcedure {
    what: Procedure,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    ExpectAnswer { until: Instant },
}

impl ToyProcedure {
    fn begin(what: Procedure, now: Instant) -> (Self, u8) {
        let says = if what == Procedure::Registration { HELLO } else { GOODBYE };
        (Self { what, state: State::ExpectAnswer { until: now + PATIENCE } }, says)
    }

    fn received(self, answer: u8) -> Option<End> {
        match (self.state, answer) {
            (State::ExpectAnswer { .. }, YES) => Some(End::Succeeded),
            (State::ExpectAnswer { .. }, NO) => Some(End::Failed("toy-no".to_owned())),
            _ => None,
        }
    }
}

/// The node of the toy: it writes who speaks before what is said.
struct ToyNode;

impl ToyNode {
    fn frame(says: u8, ue: u32) -> Vec<u8> {
        [&[says][..], &ue.to_be_bytes()].concat()
    }

    pub(crate) fn read(frame: &[u8]) -> Option<(u8, u32)> {
        let (says, ue) = frame.split_first()?;
        Some((*says, u32::from_be_bytes(ue.try_into().ok()?)))
    }
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum ToyAction {
    Send(Vec<u8>),
    Letter(Letter),
}

impl From<Letter> for ToyAction {
    fn from(letter: Letter) -> Self {
        Self::Letter(letter)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ToyContext {
    is_in: bool,
}

pub(crate) struct ToyNetwork {
    ues: Vec<ToyUe>,
    visitors: Visitors,
    encryption: Encryption,
    events: VecDeque<RadioEvent>,
    tickets: u64,
    sent: u64,
    received: u64,
}

impl ToyNetwork {
    pub(crate) fn new(plan: &Plan, lease: &Lease) -> Self {
        let count = u32::try_from(plan.shard(lease.shard).subscriber_count()).unwrap();
        let one = ToyUe { told: Standing::SWITCHED_OFF, ..ToyUe::default() };
        Self {
            ues: vec![one; count as usize],
            visitors: Visitors::new(lease.shard, count, lease.takeover.as_ref()),
            encryption: Encryption::new(&lease.key, &lease.run, lease.shard, lease.epoch),
            events: VecDeque::new(),
            tickets: 0,
            sent: 0,
            received: 0,
        }
    }

    pub(crate) fn registered(&self) -> usize {
        self.ues.iter().filter(|ue| ue.is_in).count()
    }

    /// A frame from the core.
    pub(crate) fn received(&mut self, frame: &[u8]) {
        self.received += 1;
        let Some((answer, ue)) = ToyNode::read(frame) else { return };
        let Some(procedure) = self.ues.get(ue as usize).and_then(|ue| ue.procedure) else { return };
        if let Some(end) = procedure.received(answer) {
            self.ends(ue, procedure, end);
        }
    }

    fn ends(&mut self, ue: u32, ToyProcedure { what: procedure, .. }: ToyProcedure, end: End) {
        let known = &mut self.ues[ue as usize];
        known.procedure = None;
        if end == End::Succeeded {
            known.is_in = procedure == Procedure::Registration;
        }
        self.note(ue);
        self.events.push_back(RadioEvent::Finished { ue, procedure, end });
    }

    fn note(&mut self, ue: u32) {
        let known = &mut self.ues[ue as usize];
        let (registered, idle) = (known.is_in, known.procedure.is_none());
        let standing =
            Standing { registered, idle, connected: registered, is_here: true, ..Standing::default() };
        if std::mem::replace(&mut known.told, standing) != standing {
            self.events.push_back(RadioEvent::Changed { ue, standing });
        }
    }

    fn deadlines(&self) -> BTreeMap<(Instant, u32), ToyProcedure> {
        let running = (0..).zip(&self.ues).filter_map(|(ue, known)| Some((ue, known.procedure?)));
        let until = |(ue, procedure): (u32, ToyProcedure)| {
            let State::ExpectAnswer { until } = procedure.state;
            ((until, ue), procedure)
        };
        running.map(until).collect()
    }
}

impl RadioNetwork for ToyNetwork {
    type Context = ToyContext;
    type Action = ToyAction;

    fn start(&mut self, start: Start, now: Instant, out: &mut Vec<ToyAction>) {
        let Start { ue, procedure, .. } = start;
        let (procedure, says) = ToyProcedure::begin(procedure, now);
        self.ues[ue as usize].procedure = Some(procedure);
        self.note(ue);
        self.tickets += 1;
        self.sent += 1;
        let (ticket, at) = (self.tickets, Some(now));
        self.events.push_back(RadioEvent::Spoke { ue, ticket, planned: now });
        self.events.push_back(RadioEvent::Departed { ticket, at });
        out.push(ToyAction::Send(ToyNode::frame(says, ue)));
    }

    fn next_event(&mut self) -> Option<RadioEvent> {
        self.events.pop_front()
    }

    fn set_aside(&mut self, _: u32, _: bool) {}

    fn enter(&mut self, stage: Stage, _: Instant, _: &mut Vec<ToyAction>) {
        if stage >= Stage::AtRest {
            self.ues.iter_mut().for_each(|ue| ue.procedure = None);
        }
    }

    fn given_up(&mut self, ue: u32, _: &str) {
        self.ues[ue as usize].procedure = None;
        self.note(ue);
    }

    fn begin(&mut self, _: ScheduleClock, _: u64) {}
    fn keep_time(&mut self, _: ScheduleClock) {}
    fn pause(&mut self, _: ScheduleClock) {}
    fn resume(&mut self, _: ScheduleClock, _: Instant, _: Duration) {}
    fn change_conditions(&mut self, _: Instant, _: &mut Vec<ToyAction>) {}

    fn advance(&mut self, now: Instant, _: &mut Vec<ToyAction>) {
        let over = self.deadlines().into_iter().take_while(|((until, _), _)| *until <= now);
        for ((_, ue), procedure) in over {
            self.ends(ue, procedure, End::TimedOut("toy-timer".to_owned()));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadlines().keys().next().map(|(until, _)| *until)
    }

    fn activity(&self) -> Activity {
        Activity { no_handovers: true, no_sessions: true, all_left: true, ..Activity::default() }
    }

    fn place(&self, _: u32, _: Procedure) -> Option<AwayPlace> {
        None
    }

    fn subscriber(&self, _: u32) -> (Option<Imsi>, Option<CellId>) {
        (None, None)
    }

    fn awaits(&self, _: u32) -> Option<&'static str> {
        Some("toy-timer")
    }

    fn report(&mut self, report: &mut IntervalReport) {
        report.registered = self.registered() as u64;
        report.messages_sent = std::mem::take(&mut self.sent);
        report.messages_received = std::mem::take(&mut self.received);
    }

    fn fits_one_report(&self) -> bool {
        true
    }

    fn visitors(&mut self) -> &mut Visitors {
        &mut self.visitors
    }

    fn revive(&mut self, _: u32) {}
    fn lose(&mut self, _: Loss, _: Instant, _: &mut Vec<ToyAction>) {}

    fn encryption(&mut self) -> &mut Encryption {
        &mut self.encryption
    }

    fn export(&mut self, _: Instant) -> Vec<Item<ToyContext>> {
        let travels = (0..).zip(&self.ues).map(|(ue, known)| {
            let ue_context = ToyContext { is_in: known.is_in };
            let (place, out_of_signal, handovers, draws, recovers) = ((0, 0), false, 0, 0, None);
            Item::ShardUe(Box::new(ShardUe {
                ue,
                place,
                out_of_signal,
                handovers,
                draws,
                recovers,
                ue_context,
            }))
        });
        travels.collect()
    }

    fn adopt(&mut self, item: Item<ToyContext>) -> bool {
        if let Item::ShardUe(shard_ue) = item {
            self.ues[shard_ue.ue as usize].is_in = shard_ue.ue_context.is_in;
            self.note(shard_ue.ue);
        }
        true
    }

    fn go_on(&mut self, _: Resumption, _: Instant, _: &mut Vec<ToyAction>) {}
}

const PATIENCE: Duration = Duration::from_millis(300);
