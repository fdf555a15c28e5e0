//! What is due for a subscriber happens where the subscriber is: after a handover to another shard, its home asks that shard for the
//! attempts that are due ([`wire::away`]). They stay in the home's account, which ends each of them once.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use identity::Procedure;
use wire::away::{AwayEnd, AwayOutcome, DueAway, HandoverPhases};
use wire::bounds::LONGEST_CAUSE;

use super::ending::Ending;
use crate::campaign::{DueAttempt, Ended, Owner};
use crate::measure::{Comment, PartSet};
use crate::shard::{ShardAction, ShardRunner};

/// The attempts that other shards were asked for, until they end.
#[derive(Default)]
pub(in crate::shard) struct Abroad {
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
}

impl Abroad {
    pub(in crate::shard) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(in crate::shard) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

impl ShardRunner {
    // At home.

    /// Asks the shard where a subscriber is for an attempt that is due. `false` where nobody is away who could.
    pub(in crate::shard) fn ask_abroad(
        &mut self,
        attempt: &DueAttempt,
        parts: PartSet,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) -> bool {
        let DueAttempt { procedure, load, due, .. } = *attempt;
        let since_due = now.saturating_duration_since(due);
        let due_us = self.run_us(now).saturating_sub(crate::time::micros(since_due));
        self.ask_for(What { procedure, load, due, due_us, parts }, 0, now, out)
    }

    fn ask_for(&mut self, what: What, tries: u32, now: Instant, out: &mut Vec<ShardAction>) -> bool {
        let over = self.end.is_some_and(|end| end <= now);
        if over || self.ending != Ending::Running || self.abroad.len() >= MOST_ASKED {
            return false;
        }
        let procedure = what.procedure;
        let ues = &self.abroad.ues;
        let is_asked = |ue: u32| ues.contains(&ue);
        let registered = procedure != Procedure::Registration;
        let away = self.population.next_away(Some(registered), is_asked);
        // What is known of them may be out of date.
        let away = away.or_else(|| self.population.next_away(None, is_asked));
        let Some((ue, at)) = away else { return false };
        self.abroad.next += 1;
        let number = self.abroad.next;
        self.abroad.asked.insert(number, Asked { ue, at, what, since: now, tries });
        self.abroad.ues.insert(ue);
        let due = DueAway { home: self.number, epoch: self.epoch, number, ue, procedure: procedure.place() };
        out.push(ShardAction::Ask { to: at, due });
        true
    }

    /// Another shard says what became of an attempt.
    pub fn away_ended(&mut self, end: &AwayEnd, now: Instant) {
        if self.is_at_rest() || end.home != self.number {
            return;
        }
        if let Some(at) = end.at {
            self.population.is_now_at(end.ue, at, end.registered);
        }
        if end.epoch != self.epoch {
            return;
        }
        let Some(Asked { what, tries, .. }) = self.abroad.asked.remove(&end.number) else { return };
        self.abroad.ues.remove(&end.ue);
        let What { procedure, load, due, due_us, parts: anywhere } = what;
        let name = procedure.name();
        if end.outcome == AwayOutcome::NotBegun {
            let mut out = Vec::new();
            if tries + 1 < MOST_TRIES && self.ask_for(what, tries + 1, now, &mut out) {
                return self.unsent.append(&mut out);
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
    pub(in crate::shard) fn tell_phases(
        &mut self,
        procedure: Procedure,
        phases: HandoverPhases,
        is_owned: bool,
    ) {
        if is_owned {
            self.attempts.tell_phases(phases);
        } else {
            self.record_phases(procedure, phases);
        }
    }

    /// What was asked of a shard that is lost, or of all of them, is given up.
    pub(in crate::shard) fn give_up_abroad(&mut self, of: Option<u32>, reason: &str) {
        let those = self.abroad.asked.iter().filter(|(_, one)| of.is_none_or(|shard| shard == one.at));
        let numbers: Vec<u64> = those.map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(one) = self.abroad.asked.remove(&number) {
                self.end_silent(one, reason);
            }
        }
    }

    /// When the first of what other shards were asked for is given up. They give it up at the end, and say so a moment later.
    pub(in crate::shard) fn next_silence(&self) -> Option<Instant> {
        let (_, first) = self.abroad.asked.first_key_value()?;
        let over = self.end.filter(|_| self.paused.is_none()).map(|end| end + LAST_WORDS);
        Some(over.map_or(first.since + LONGEST, |over| over.min(first.since + LONGEST)))
    }

    /// What nobody has said a word of for too long was lost on its way, and not by the target.
    pub(in crate::shard) fn give_up_the_silent(&mut self, now: Instant) {
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
    }

    // Where the subscriber is.

    /// The home of a visiting UE asks for an attempt that is due. Where that visiting UE cannot, because an attempt of this shard has taken it,
    /// another UE that is here makes up for it.
    pub fn due_away(&mut self, due: &DueAway, now: Instant) {
        let owner = Owner { home: due.home, epoch: due.epoch, number: due.number, ue: due.ue, place: None };
        let (ue, procedure) = match self.whom_to_take(due) {
            Ok((ue, procedure)) => (ue, procedure),
            Err(reason) => {
                let (outcome, cause) = (AwayOutcome::NotBegun, reason.to_owned());
                let phases = HandoverPhases::default();
                return self.tell_home(Ended { owner, outcome, cause, began: now, ended: now, phases }, now);
            }
        };
        let owner = Owner { place: self.place_of(ue, procedure), ..owner };
        self.attempts.begin_for(owner, ue, procedure, now, &mut self.recorder);
        let name = procedure.name();
        let comment = || Comment::Begins(format!("{name} begins, due at its home, shard {}", due.home));
        self.tracer.begins(ue, comment);
        let mut out = Vec::new();
        self.start_procedure(ue, procedure, now, &mut out);
        self.unsent.append(&mut out);
    }

    fn whom_to_take(&mut self, due: &DueAway) -> Result<(u32, Procedure), &'static str> {
        let procedure = Procedure::at(due.procedure).filter(|procedure| procedure.is_of_scenarios());
        let procedure = procedure.ok_or("not-of-this-scenario")?;
        if self.ending != Ending::Running || self.drained.is_some() || self.takeover.is_some() {
            return Err("away-in-a-shard-that-ends");
        }
        let visitor = self.population.visitor_of(due.home, due.ue).filter(|ue| {
            let idle = self.population.peek(*ue).is_some_and(|slot| slot.ue.is_idle_for_attempts());
            idle && !self.is_busy(*ue) && self.population.is_able(*ue, procedure)
        });
        if let Some(ue) = visitor {
            return Ok((ue, procedure));
        }
        let (attempts, handovers) = (&self.attempts, &self.handovers);
        let is_busy = |ue| attempts.contains(ue) || handovers.departure(ue).is_some();
        let ue = self.population.next_for(procedure, is_busy)?;
        Ok((ue, procedure))
    }

    /// The homes are told what became of their attempts.
    pub(in crate::shard) fn tell_homes(&mut self, now: Instant) {
        for end in self.attempts.take_ended() {
            self.tell_home(end, now);
        }
    }

    fn tell_home(&mut self, end: Ended, now: Instant) {
        let Ended { owner, outcome, cause, began, ended, phases } = end;
        let visitor =
            self.population.visitor_of(owner.home, owner.ue).and_then(|ue| self.population.peek(ue));
        let now_us = self.run_us(now);
        let before =
            |at: Instant| now_us.saturating_sub(crate::time::micros(now.saturating_duration_since(at)));
        let end = AwayEnd {
            home: owner.home,
            epoch: owner.epoch,
            number: owner.number,
            ue: owner.ue,
            at: visitor.map(|_| self.number).or_else(|| self.population.went_to(owner.home, owner.ue)),
            registered: visitor.is_none_or(|slot| slot.ue.is_registered()),
            outcome,
            cause: cause.chars().take(LONGEST_CAUSE).collect(),
            began_us: before(began),
            ended_us: before(ended),
            place: owner.place,
            phases,
        };
        self.unsent.push(ShardAction::Answer(end));
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
