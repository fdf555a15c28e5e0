//! What is due for a subscriber happens where the subscriber is: after a handover to another shard, its home asks that shard for the
//! attempts that are due ([`wire::away`]). They stay in the home's account, which ends each of them once.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use identity::{Imsi, Procedure};
use wire::attempts::{AttemptRow, RowOutcome, RowUse};
use wire::away::{AwayEnd, AwayOutcome, DueAway, HandoverPhases};
use wire::bounds::LONGEST_CAUSE;
use wire::visitor_audit::{AWAY_FOR, MOST_GUESTS};

use super::{Campaign, DueAttempt, Ended, Owner};
use crate::measure::PartSet;
use crate::seam::{Letter, Loss, RadioNetwork, Start, StartCause};
use crate::time::micros;

/// The attempts that other shards were asked for, until they end.
#[derive(Default)]
pub(super) struct Abroad {
    asked: BTreeMap<u64, Asked>,
    /// The subscribers whom these ask for.
    ues: HashSet<u32>,
    next: u64,
}

/// One of them.
struct Asked {
    ue: u32,
    at: u32,
    what: What,
    /// When it was asked for.
    since: Instant,
    /// Whom this attempt has found not to be able to.
    tries: u32,
}

/// What is due, whoever is asked.
#[derive(Clone, Copy)]
struct What {
    procedure: Procedure,
    load: usize,
    due: Instant,
    /// The same by the run's clock.
    due_us: u64,
    /// The parts that it belongs to wherever it is made.
    parts: PartSet,
    /// It may have a row.
    row: Option<RowUse>,
}

impl Abroad {
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

impl Campaign {
    // At home.

    /// Asks the shard where a subscriber is for an attempt that is due. `false` where nobody is away who could.
    pub(super) fn ask_abroad<R: RadioNetwork>(
        &mut self,
        attempt: &DueAttempt,
        parts: PartSet,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) -> bool {
        let DueAttempt { procedure, load, index, due, .. } = *attempt;
        let since_due = now.saturating_duration_since(due);
        let due_us = self.clock.us(now).saturating_sub(micros(since_due));
        let row = self.recorder.rows.may_have(Some((load, index)));
        self.ask_for(What { procedure, load, due, due_us, parts, row }, 0, ran, now, out)
    }

    fn ask_for<R: RadioNetwork>(
        &mut self,
        what: What,
        tries: u32,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) -> bool {
        let over = self.ending.end().is_some_and(|end| end <= now);
        if over || !self.ending.is_running() || self.abroad.len() >= MOST_ASKED {
            return false;
        }
        let procedure = what.procedure;
        let ues = &self.abroad.ues;
        let is_asked = |ue: u32| ues.contains(&ue);
        let registered = procedure != Procedure::Registration;
        let away = ran.visitors().next_away(Some(registered), is_asked);
        // What is known of them may be out of date.
        let away = away.or_else(|| ran.visitors().next_away(None, is_asked));
        let Some((ue, at)) = away else { return false };
        self.abroad.next += 1;
        let number = self.abroad.next;
        self.abroad.asked.insert(number, Asked { ue, at, what, since: now, tries });
        self.abroad.ues.insert(ue);
        let due = DueAway { home: self.number, epoch: self.epoch, number, ue, procedure: procedure.place() };
        out.push(Letter::Ask { to: at, due }.into());
        true
    }

    /// Another shard says what became of an attempt.
    pub fn away_ended<R: RadioNetwork>(
        &mut self,
        end: &AwayEnd,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        if self.is_at_rest() || end.home != self.number {
            return;
        }
        if let Some(at) = end.at {
            ran.visitors().is_now_at(end.ue, at, end.registered);
        }
        if end.epoch != self.epoch {
            return;
        }
        let Some(Asked { what, tries, .. }) = self.abroad.asked.remove(&end.number) else { return };
        self.abroad.ues.remove(&end.ue);
        let What { procedure, load, due, due_us, parts: anywhere, .. } = what;
        let name = procedure.name();
        if end.outcome == AwayOutcome::NotBegun {
            if tries + 1 < MOST_TRIES && self.ask_for(what, tries + 1, ran, now, out) {
                return;
            }
            return self.recorder.never_started(name, anywhere, &end.cause, 1);
        }
        // Where it was made is known now, and with that what else it belongs to.
        let parts = self.parts_at(end.place, procedure, Some(load), due);
        self.recorder.due_in(name, parts.without(anywhere));
        let began_us = end.began_us.max(due_us);
        let ended_us = end.ended_us.max(began_us);
        // The latency counts from the due time, so that the way to the other shard is in it.
        self.recorder.started(name, parts);
        if let Some(for_what) = what.row {
            let supi = ran.subscriber(end.ue).0;
            self.recorder.rows.ended(row_of(what, for_what, supi, end));
        }
        match end.outcome {
            AwayOutcome::Succeeded => {
                let since = |us| Duration::from_micros(ended_us - us);
                self.recorder.succeeded(name, parts, since(due_us), since(began_us));
                self.record_phases(procedure, end.phases);
            }
            AwayOutcome::Failed => self.recorder.failed(name, parts, &end.cause),
            AwayOutcome::TimedOut => self.recorder.timed_out(name, parts, &end.cause),
            AwayOutcome::Abandoned | AwayOutcome::NotBegun => {
                self.recorder.abandoned(name, parts, &end.cause)
            }
        }
    }

    fn record_phases(&mut self, procedure: Procedure, phases: HandoverPhases) {
        let HandoverPhases { preparation_us, execution_us, completion_us } = phases;
        if !matches!(procedure, Procedure::HandoverN2 | Procedure::HandoverXn) {
            return;
        }
        let each =
            [("preparation", preparation_us), ("execution", execution_us), ("completion", completion_us)];
        for (phase, took_us) in each {
            if let Some(us) = took_us {
                self.recorder.phase(procedure.name(), phase, Duration::from_micros(us));
            }
        }
    }

    /// A handover has succeeded that took so long in its phases: they are counted where the attempt is.
    pub(super) fn tell_phases(&mut self, procedure: Procedure, phases: HandoverPhases, is_owned: bool) {
        if is_owned {
            self.attempts.tell_phases(phases);
        } else {
            self.record_phases(procedure, phases);
        }
    }

    /// What was asked of a shard that is lost, or of all of them, is given up.
    pub(super) fn give_up_abroad(&mut self, of: Option<u32>, reason: &str) {
        let those = self.abroad.asked.iter().filter(|(_, one)| of.is_none_or(|shard| shard == one.at));
        let numbers: Vec<u64> = those.map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(one) = self.abroad.asked.remove(&number) {
                self.end_silent(one, reason);
            }
        }
    }

    /// When the first of what other shards were asked for is given up. They give it up at the end, and say so a moment later.
    pub(super) fn next_silence(&self) -> Option<Instant> {
        let (_, first) = self.abroad.asked.first_key_value()?;
        let over = self.ending.end().filter(|_| self.clock.paused.is_none()).map(|end| end + LAST_WORDS);
        Some(over.map_or(first.since + LONGEST, |over| over.min(first.since + LONGEST)))
    }

    /// What nobody has said a word of for too long was lost on its way, and not by the target.
    pub(super) fn give_up_the_silent(&mut self, now: Instant) {
        while self.next_silence().is_some_and(|at| at <= now) {
            let Some((_, one)) = self.abroad.asked.pop_first() else { return };
            self.end_silent(one, SILENT);
        }
    }

    fn end_silent(&mut self, one: Asked, reason: &str) {
        self.abroad.ues.remove(&one.ue);
        let name = one.what.procedure.name();
        self.recorder.started(name, one.what.parts);
        self.recorder.abandoned(name, one.what.parts, reason);
        if let Some(for_what) = one.what.row {
            let supi =
                self.plan.shard(self.number).subscriber(one.ue.into()).map(|subscriber| subscriber.imsi);
            let end =
                AwayEnd { outcome: AwayOutcome::Abandoned, cause: reason.to_owned(), ..AwayEnd::default() };
            self.recorder.rows.ended(row_of(one.what, for_what, supi, &end));
        }
    }

    // Where the subscriber is.

    /// The home of a visiting UE asks for an attempt that is due. Where that visiting UE cannot, because an attempt of this shard has taken it,
    /// another UE that is here makes up for it.
    pub fn due_away<R: RadioNetwork>(
        &mut self,
        due: &DueAway,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        let owner = Owner { home: due.home, epoch: due.epoch, number: due.number, ue: due.ue, place: None };
        let (ue, procedure) = match self.whom_to_take(due, ran) {
            Ok((ue, procedure)) => (ue, procedure),
            Err(reason) => {
                let (outcome, cause) = (AwayOutcome::NotBegun, reason.to_owned());
                let phases = HandoverPhases::default();
                let ended = Ended { owner, outcome, cause, began: now, ended: now, phases };
                return out.push(self.answer(ended, ran, now).into());
            }
        };
        let owner = Owner { place: ran.place(ue, procedure), ..owner };
        self.attempts.begin_for(owner, ue, procedure, now, &mut self.recorder);
        ran.start(Start { ue, procedure, cause: StartCause::DueAtHome { home: due.home } }, now, out);
        self.handle_events(ran, now, out);
    }

    fn whom_to_take<R: RadioNetwork>(
        &mut self,
        due: &DueAway,
        ran: &mut R,
    ) -> Result<(u32, Procedure), &'static str> {
        let procedure = Procedure::at(due.procedure).filter(|procedure| procedure.is_of_scenarios());
        let procedure = procedure.ok_or("not-of-this-scenario")?;
        if !self.ending.is_running() || self.ending.is_drained() || self.takeover.is_some() {
            return Err("away-in-a-shard-that-ends");
        }
        let visitor = ran.visitors().visitor_of(due.home, due.ue);
        let visitor = visitor.filter(|ue| !self.is_busy(*ue) && self.ready.is_able(*ue, procedure));
        if let Some(ue) = visitor {
            return Ok((ue, procedure));
        }
        let attempts = &self.attempts;
        let ue = self.ready.next_for(procedure, |ue| attempts.contains(ue))?;
        Ok((ue, procedure))
    }

    /// The homes are told what became of their attempts.
    pub(super) fn tell_homes<R: RadioNetwork>(
        &mut self,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        for end in self.attempts.take_ended() {
            out.push(self.answer(end, ran, now).into());
        }
    }

    fn answer<R: RadioNetwork>(&self, end: Ended, ran: &mut R, now: Instant) -> Letter {
        let Ended { owner, outcome, cause, began, ended, phases } = end;
        let visitors = ran.visitors();
        let visitor = visitors.visitor_of(owner.home, owner.ue);
        let now_us = self.clock.us(now);
        let before = |at: Instant| now_us.saturating_sub(micros(now.saturating_duration_since(at)));
        Letter::Answer(AwayEnd {
            home: owner.home,
            epoch: owner.epoch,
            number: owner.number,
            ue: owner.ue,
            at: visitor.map(|_| self.number).or_else(|| visitors.went_to(owner.home, owner.ue)),
            registered: visitor.is_none_or(|ue| self.ready.standing(ue).registered),
            outcome,
            cause: cause.chars().take(LONGEST_CAUSE).collect(),
            began_us: before(began),
            ended_us: before(ended),
            place: owner.place,
            phases,
        })
    }

    // Other shards are lost, and visitors are looked for.

    /// Another shard was lost with its agent: who is at home there is registered anew there. Visiting UEs of this shard who were lost
    /// with it are found by a visitor audit.
    pub fn shard_lost<R: RadioNetwork>(
        &mut self,
        loss: Loss,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        // Who is on its way to the next holder has what was known before; that one is told the rest.
        let Loss { shard, number, .. } = loss;
        if self.is_at_rest() || !ran.visitors().learn(shard, number) || shard == self.number {
            return;
        }
        self.give_up_abroad(Some(shard), "agent-lost");
        ran.lose(loss, now, out);
        self.handle_events(ran, now, out);
    }

    /// Home shard and number there of each visiting UE that is here, or was lately. `None`: this is no time to ask.
    pub fn answer_visitor_audit<R: RadioNetwork>(
        &mut self,
        call: u64,
        ran: &mut R,
        now: Instant,
    ) -> Option<Vec<(u32, u32)>> {
        // Who was away when the shard was taken over is known to have arrived since then: a little later is time enough.
        let too_early = self.taken_over.is_some_and(|at| now < at + AWAY_FOR);
        if self.is_at_rest() || self.takeover.is_some() || too_early {
            return None;
        }
        let visitors = ran.visitors().named(now);
        self.audit_answered = Some((call, now));
        (visitors.len() <= MOST_GUESTS).then_some(visitors)
    }

    /// The subscribers of this shard that a visitor audit has found. Whoever else had arrived elsewhere before is at home again,
    /// switched off: it was lost with the agent that had it.
    pub fn found_away<R: RadioNetwork>(&mut self, call: u64, found: &[u32], ran: &mut R) {
        let Some((_, answered)) = self.audit_answered.take_if(|(answered, _)| *answered == call) else {
            return;
        };
        if self.is_at_rest() {
            return;
        }
        let found: HashSet<u32> = found.iter().copied().collect();
        for ue in ran.visitors().away() {
            let long = ran.visitors().away_since(ue).is_some_and(|since| since + AWAY_FOR <= answered);
            if long && !found.contains(&ue) {
                self.recorder.unexpected("ue-lost-elsewhere");
                ran.revive(ue);
            }
        }
    }
}

/// The row of an attempt that another shard was asked for. In which cell it was made that shard alone knows.
fn row_of(what: What, for_what: RowUse, supi: Option<Imsi>, end: &AwayEnd) -> AttemptRow {
    let outcome = match end.outcome {
        AwayOutcome::Succeeded => RowOutcome::Succeeded,
        AwayOutcome::Failed => RowOutcome::Failed,
        AwayOutcome::TimedOut => RowOutcome::TimedOut,
        AwayOutcome::Abandoned | AwayOutcome::NotBegun => RowOutcome::Abandoned,
    };
    let began_us = end.began_us.max(what.due_us);
    let ended_us = (outcome != RowOutcome::Abandoned).then_some(end.ended_us.max(began_us));
    AttemptRow {
        for_what,
        due_us: what.due_us,
        procedure: what.procedure.place(),
        self_started: false,
        supi,
        outcome,
        cause: if outcome == RowOutcome::Succeeded { String::new() } else { end.cause.clone() },
        latency_us: ended_us.map(|ended| ended - what.due_us),
        service_us: ended_us.map(|ended| ended - began_us),
        lateness_us: None,
        cell: None,
        target: None,
    }
}

/// Attempts that other shards are asked for at once.
const MOST_ASKED: usize = 65_536;
/// How long the word of another shard may be on its way that ends an attempt at the end of the run.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// No procedure takes longer than this with all its repetitions.
const LONGEST: Duration = Duration::from_secs(180);
/// Why such an attempt is given up.
const SILENT: &str = "other-shard-silent";
/// Subscribers who are asked for one attempt, one after another.
const MOST_TRIES: u32 = 8;
