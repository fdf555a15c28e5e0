//! What is due for a subscriber happens where the subscriber is: after a handover to another shard, its home asks that shard for the
//! attempts that are due ([`wire::away`]). They stay in the home's account, which ends each of them once.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use identity::Procedure;
use wire::away::{AwayEnd, AwayOutcome, DueAway};
use wire::bounds::LONGEST_CAUSE;

use super::ending::Ending;
use super::{ShardAction, ShardRunner};
use crate::attempts::{Ended, Owner};
use crate::pacer::DueAttempt;
use crate::parts::PartSet;
use crate::tracer::Comment;

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
    procedure: Procedure,
    parts: PartSet,
    due_us: u64,
    /// Whom this attempt has found not to be able to.
    tries: u32,
}

impl Abroad {
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }
}

impl ShardRunner {
    // At home.

    /// Asks the shard where a subscriber is for an attempt that is due. `false` where nobody is away who could.
    pub(super) fn ask_abroad(
        &mut self,
        attempt: &DueAttempt,
        parts: PartSet,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) -> bool {
        let since_due = now.saturating_duration_since(attempt.due);
        let due_us = self.run_us(now).saturating_sub(super::micros(since_due));
        self.ask_for(attempt.procedure, parts, due_us, 0, out)
    }

    fn ask_for(
        &mut self,
        procedure: Procedure,
        parts: PartSet,
        due_us: u64,
        tries: u32,
        out: &mut Vec<ShardAction>,
    ) -> bool {
        if self.ending != Ending::Running || self.abroad.len() >= MOST_ASKED {
            return false;
        }
        let ues = &self.abroad.ues;
        let is_asked = |ue: u32| ues.contains(&ue);
        let registered = procedure != Procedure::Registration;
        let away = self.population.next_away(Some(registered), is_asked);
        // What is known of them may be out of date.
        let away = away.or_else(|| self.population.next_away(None, is_asked));
        let Some((ue, at)) = away else { return false };
        self.abroad.next += 1;
        let number = self.abroad.next;
        self.abroad.asked.insert(number, Asked { ue, at, procedure, parts, due_us, tries });
        self.abroad.ues.insert(ue);
        let due = DueAway { home: self.number, epoch: self.epoch, number, ue, procedure: procedure.place() };
        out.push(ShardAction::Ask { to: at, due });
        true
    }

    /// Another shard says what became of an attempt.
    pub fn away_ended(&mut self, end: &AwayEnd) {
        if self.is_at_rest() || end.home != self.number {
            return;
        }
        if let Some(at) = end.at {
            self.population.is_now_at(end.ue, at, end.registered);
        }
        if end.epoch != self.epoch {
            return;
        }
        let Some(Asked { procedure, parts, due_us, tries, .. }) = self.abroad.asked.remove(&end.number)
        else {
            return;
        };
        self.abroad.ues.remove(&end.ue);
        let name = procedure.name();
        if end.outcome == AwayOutcome::NotBegun {
            let mut out = Vec::new();
            if tries + 1 < MOST_TRIES && self.ask_for(procedure, parts, due_us, tries + 1, &mut out) {
                return self.unsent.append(&mut out);
            }
            return self.recorder.never_started(name, parts, &end.cause, 1);
        }
        let began_us = end.began_us.max(due_us);
        let ended_us = end.ended_us.max(began_us);
        // The latency counts from the due time, so that the way to the other shard is in it.
        self.recorder.started(name, parts);
        match end.outcome {
            AwayOutcome::Succeeded => self.recorder.succeeded(
                name,
                parts,
                Duration::from_micros(ended_us - due_us),
                Duration::from_micros(ended_us - began_us),
            ),
            AwayOutcome::Failed => self.recorder.failed(name, parts, &end.cause),
            AwayOutcome::TimedOut => self.recorder.timed_out(name, parts, &end.cause),
            AwayOutcome::Abandoned | AwayOutcome::NotBegun => {
                self.recorder.abandoned(name, parts, &end.cause)
            }
        }
    }

    /// What was asked of a shard that is lost, or of all of them, is given up.
    pub(super) fn give_up_abroad(&mut self, of: Option<u32>, reason: &str) {
        let those = self.abroad.asked.iter().filter(|(_, one)| of.is_none_or(|shard| shard == one.at));
        let numbers: Vec<u64> = those.map(|(number, _)| *number).collect();
        for one in
            numbers.into_iter().filter_map(|number| self.abroad.asked.remove(&number)).collect::<Vec<_>>()
        {
            self.abroad.ues.remove(&one.ue);
            let name = one.procedure.name();
            self.recorder.started(name, one.parts);
            self.recorder.abandoned(name, one.parts, reason);
        }
    }

    // Where the subscriber is.

    /// The home of a guest asks for an attempt that is due. Where that guest cannot, because an attempt of this shard has taken it,
    /// another UE that is here makes up for it.
    pub fn due_away(&mut self, due: &DueAway, now: Instant) {
        let owner = Owner { home: due.home, epoch: due.epoch, number: due.number, ue: due.ue };
        let (ue, procedure) = match self.whom_to_take(due) {
            Ok((ue, procedure)) => (ue, procedure),
            Err(reason) => {
                let (outcome, cause) = (AwayOutcome::NotBegun, reason.to_owned());
                return self.tell_home(Ended { owner, outcome, cause, began: now, ended: now }, now);
            }
        };
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
        let guest = self.population.guest_of(due.home, due.ue).filter(|ue| {
            let idle = self.population.peek(*ue).is_some_and(|slot| slot.ue.is_idle_for_attempts());
            idle && !self.is_busy(*ue) && self.population.is_able(*ue, procedure)
        });
        if let Some(ue) = guest {
            return Ok((ue, procedure));
        }
        let (attempts, handovers) = (&self.attempts, &self.handovers);
        let is_busy = |ue| attempts.contains(ue) || handovers.departure(ue).is_some();
        let ue = self.population.next_for(procedure, is_busy)?;
        Ok((ue, procedure))
    }

    /// The homes are told what became of their attempts.
    pub(super) fn tell_homes(&mut self, now: Instant) {
        for end in self.attempts.take_ended() {
            self.tell_home(end, now);
        }
    }

    fn tell_home(&mut self, end: Ended, now: Instant) {
        let Ended { owner, outcome, cause, began, ended } = end;
        let guest = self.population.guest_of(owner.home, owner.ue).and_then(|ue| self.population.peek(ue));
        let now_us = self.run_us(now);
        let before = |at: Instant| now_us.saturating_sub(super::micros(now.saturating_duration_since(at)));
        let end = AwayEnd {
            home: owner.home,
            epoch: owner.epoch,
            number: owner.number,
            ue: owner.ue,
            at: guest.map(|_| self.number).or_else(|| self.population.went_to(owner.home, owner.ue)),
            registered: guest.is_none_or(|slot| slot.ue.is_registered()),
            outcome,
            cause: cause.chars().take(LONGEST_CAUSE / 4).collect(),
            began_us: before(began),
            ended_us: before(ended),
        };
        self.unsent.push(ShardAction::Answer(end));
    }
}

/// Attempts that other shards are asked for at once.
const MOST_ASKED: usize = 65_536;
/// Subscribers who are asked for one attempt, one after another.
const MOST_TRIES: u32 = 8;
