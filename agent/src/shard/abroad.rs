//! What is due for a subscriber happens where the subscriber is: after a handover to another shard, its home asks that shard for the
//! attempts that are due ([`wire::away`]). They stay in the home's account, which ends each of them once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::away::{AwayEnd, AwayOutcome, DueAway, LONGEST_CAUSE};

use super::ending::Ending;
use super::{ShardAction, ShardRunner};
use crate::attempts::{Ended, Owner};
use crate::pacer::DueAttempt;
use crate::population::procedure_of;

/// The attempts that other shards were asked for, until they end.
#[derive(Default)]
pub(super) struct Abroad {
    asked: BTreeMap<u64, Asked>,
    next: u64,
}

/// One of them.
struct Asked {
    ue: u32,
    at: u32,
    procedure: scenarios::Procedure,
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
    pub(super) fn ask_abroad(&mut self, attempt: &DueAttempt, now: Instant, out: &mut Vec<ShardAction>) -> bool {
        let since_due = now.saturating_duration_since(attempt.due);
        let due_us = self.run_us(now).saturating_sub(super::micros(since_due));
        self.ask_for(attempt.procedure, due_us, 0, out)
    }

    fn ask_for(
        &mut self,
        procedure: scenarios::Procedure,
        due_us: u64,
        tries: u32,
        out: &mut Vec<ShardAction>,
    ) -> bool {
        if self.ending != Ending::Running || self.abroad.len() >= MOST_ASKED {
            return false;
        }
        let asked = &self.abroad.asked;
        let is_asked = |ue: u32| asked.values().any(|one| one.ue == ue);
        let registered = procedure != scenarios::Procedure::Registration;
        let Some((ue, at)) = self.population.next_away(registered, is_asked) else { return false };
        self.abroad.next += 1;
        let number = self.abroad.next;
        self.abroad.asked.insert(number, Asked { ue, at, procedure, due_us, tries });
        let place = scenarios::Procedure::ALL.iter().position(|one| *one == procedure).unwrap_or_default();
        let due = DueAway {
            home: self.number,
            epoch: self.epoch,
            number,
            ue,
            procedure: u8::try_from(place).unwrap_or(u8::MAX),
        };
        out.push(ShardAction::Ask { to: at, due });
        true
    }

    /// Another shard says what became of an attempt, or where a subscriber of this one is now.
    pub fn away_ended(&mut self, end: &AwayEnd) {
        if self.is_at_rest() || end.home != self.number {
            return;
        }
        self.population.is_now_at(end.ue, end.at, end.registered);
        if end.epoch != self.epoch {
            return;
        }
        let Some(Asked { procedure, due_us, tries, .. }) = self.abroad.asked.remove(&end.number) else { return };
        let name = procedure_of(procedure).as_str();
        if end.outcome == AwayOutcome::NotBegun {
            let mut out = Vec::new();
            if tries + 1 < MOST_TRIES && self.ask_for(procedure, due_us, tries + 1, &mut out) {
                return self.unsent.append(&mut out);
            }
            return self.recorder.never_started(name, &end.cause, 1);
        }
        let began_us = end.began_us.max(due_us);
        let ended_us = end.ended_us.max(began_us);
        // What the way there has cost is the generator's lateness, and in the latency.
        self.late.push(Duration::from_micros(began_us - due_us));
        self.recorder.started(name);
        match end.outcome {
            AwayOutcome::Succeeded => self.recorder.succeeded(
                name,
                Duration::from_micros(ended_us - due_us),
                Duration::from_micros(ended_us - began_us),
            ),
            AwayOutcome::Failed => self.recorder.failed(name, &end.cause),
            AwayOutcome::TimedOut => self.recorder.timed_out(name, &end.cause),
            AwayOutcome::Abandoned | AwayOutcome::NotBegun => self.recorder.abandoned(name, &end.cause, 1),
        }
    }

    /// What was asked of a shard that is lost, or of all of them, is given up.
    pub(super) fn give_up_abroad(&mut self, of: Option<u32>, reason: &str) {
        let given_up = |_: &u64, one: &mut Asked| of.is_none_or(|shard| shard == one.at);
        let given_up: Vec<Asked> = self.abroad.asked.extract_if(.., given_up).map(|(_, one)| one).collect();
        for one in given_up {
            let name = procedure_of(one.procedure).as_str();
            self.recorder.started(name);
            self.recorder.abandoned(name, reason, 1);
        }
    }

    // Where the subscriber is.

    /// The home of a guest asks for an attempt that is due.
    pub fn due_away(&mut self, due: &DueAway, now: Instant) {
        let procedure = scenarios::Procedure::ALL.get(usize::from(due.procedure)).copied();
        let guest = self.population.guest_of(due.home, due.ue);
        let refusal = match (procedure, guest) {
            (None, _) => Some("not-of-this-scenario"),
            _ if self.ending != Ending::Running || self.drained.is_some() || self.takeover.is_some() => {
                Some("away-in-a-shard-that-ends")
            }
            (_, None) => Some("away-in-another-shard"),
            (Some(procedure), Some(ue)) if !self.population.is_able(ue, procedure) => {
                Some(crate::population::nobody(procedure))
            }
            (_, Some(ue)) => {
                let idle = self.population.peek(ue).is_some_and(|slot| slot.ue.is_idle_for_attempts());
                (self.is_busy(ue) || !idle).then_some("busy")
            }
        };
        let owner = Owner { home: due.home, epoch: due.epoch, number: due.number, ue: due.ue };
        let (None, Some(procedure), Some(ue)) = (refusal, procedure, guest) else {
            let end = Ended { owner, outcome: AwayOutcome::NotBegun, cause: refusal.unwrap_or_default().to_owned(), began: now, ended: now };
            return self.tell_home(end, now);
        };
        let procedure = procedure_of(procedure);
        self.attempts.begin_for(owner, ue, procedure, now, &mut self.recorder);
        self.tracer.begins(ue, || format!("{} begins, due for its home, shard {}", procedure.as_str(), due.home));
        let mut out = Vec::new();
        self.start_procedure(ue, procedure, now, &mut out);
        self.unsent.append(&mut out);
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
            at: self.number,
            registered: guest.is_none_or(|slot| slot.ue.is_registered()),
            outcome,
            cause: cause.chars().take(LONGEST_CAUSE / 4).collect(),
            began_us: before(began),
            ended_us: before(ended),
        };
        self.unsent.push(ShardAction::Answer(end));
    }

    /// A guest has arrived in another shard: its home is told where.
    pub(super) fn tell_whereabouts(&mut self, home: u32, ue: u32, at: u32) {
        let end = AwayEnd { home, ue, at, registered: true, ..AwayEnd::default() };
        self.unsent.push(ShardAction::Answer(end));
    }
}

/// Attempts that other shards are asked for at once.
const MOST_ASKED: usize = 65_536;
/// Subscribers who are asked for one attempt, one after another.
const MOST_TRIES: u32 = 4;
