//! The clock of a run: µs since its start, standing still while it is paused; and what the agents' clocks say about it.

use std::time::{Duration, Instant};

use serde_json::json;
use wire::lease::DRIFT_PPM;
use wire::to_agent::ToAgent;

use super::{Core, Presence, Record, micros};
use results::Phase;

impl Core {
    /// Whether the run's clock stands still.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// µs since the start of the run; 0 before it.
    pub(super) fn run_us(&self) -> u64 {
        self.run_us_at(self.now)
    }

    pub(super) fn run_us_at(&self, at: Instant) -> u64 {
        let until = self.paused.map_or(at, |paused| paused.min(at));
        let elapsed = self.start.map_or(0, |start| micros(until.saturating_duration_since(start)));
        elapsed.saturating_sub(self.state.paused_us).max(self.floor_us)
    }

    /// Our clock, µs.
    pub(super) fn us(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.base))
    }

    /// What the run's clock shows at most where this agent is: its own clock goes a little faster or slower than ours, and
    /// it may not know of a pause.
    pub(super) fn run_us_of(&self, agent: usize) -> u64 {
        let ours = self.run_us();
        let (Some(member), Some(presence)) = (self.state.agents.get(agent), self.presence.get(agent)) else {
            return ours;
        };
        let Some(start_at_us) = member.start_at_us else { return ours };
        let known_us = member.paused_us.saturating_sub(presence.unheard_us);
        let unknown_us = self.state.paused_us.saturating_sub(known_us);
        let heard = presence.pause_known.unwrap_or(self.now);
        let unknown_us = unknown_us
            .saturating_add(self.paused.map_or(0, |paused| micros(heard.saturating_duration_since(paused))));
        let most = ours.saturating_add(drift_us(ours)).saturating_add(unknown_us);
        if presence.clock.rounds() == 0 || self.start_is_unsure() {
            return most;
        }
        let shown = presence.clock.to_agent(self.us(self.now)).saturating_sub(start_at_us);
        let shown = u64::try_from(shown).unwrap_or_default();
        let shown = shown.saturating_sub(known_us).saturating_add(presence.clock.round_trip_us());
        // The round trip that the offset is from may be as old as the oldest that is kept.
        let shown = shown.saturating_add(drift_us(ours.min(OLDEST_ROUND_US)));
        let error_us = CLOCK_ERROR_US.saturating_add(micros(self.start_error));
        shown.clamp(ours, most.saturating_add(error_us))
    }

    /// What the run's clock shows at most anywhere: an agent may have heard of no pause at all.
    pub(super) fn most_us(&self) -> u64 {
        let ours = self.run_us();
        let standing = self.paused.map_or(0, |paused| micros(self.now.saturating_duration_since(paused)));
        ours.saturating_add(drift_us(ours)).saturating_add(self.state.paused_us).saturating_add(standing)
    }

    /// An agent answered a ping.
    pub(super) fn pong(&mut self, agent: usize, sent_us: u64, agent_us: u64) {
        let now_us = self.us(self.now);
        let Some(presence) = self.presence.get_mut(agent) else { return };
        presence.clock.add(sent_us, agent_us, now_us);
        // Messages keep their order: who answers what was asked after the pause was told knows of the pause.
        if presence.pause_told_us.is_some_and(|told_us| sent_us >= told_us) {
            presence.pause_known.get_or_insert(self.now);
        }
        if presence.resume_told_us.is_some_and(|told_us| sent_us >= told_us) {
            (presence.unheard_us, presence.resume_told_us) = (0, None);
        }
        let known = presence.clock.rounds() >= CLOCK_ROUNDS;
        self.correct_start(agent);
        if !known {
            return self.ping(agent);
        }
        let member = &self.state.agents[agent];
        let untold = member.start_at_us.is_none() && !member.held.is_empty();
        if self.start.is_some()
            && (untold || (self.presence[agent].start_due && member.start_at_us.is_some()))
        {
            self.tell_start(agent);
        }
    }

    pub(super) fn ping(&mut self, agent: usize) {
        let sent_us = self.us(self.now);
        self.send(agent, ToAgent::Ping { sent_us });
    }

    pub(super) fn ping_all(&mut self) {
        self.pinged = self.now;
        let connected: Vec<usize> = self.connected().collect();
        connected.into_iter().for_each(|agent| self.ping(agent));
    }

    pub(super) fn clock_is_known(&self, agent: usize) -> bool {
        self.presence.get(agent).is_some_and(|presence| presence.clock.rounds() >= CLOCK_ROUNDS)
    }

    /// After a restart the start is known by the wall clock, which may have been set. The first agent that comes back
    /// knows better: it was told the start on its own clock, which only ever goes on.
    fn correct_start(&mut self, agent: usize) {
        let Some(start_at_us) = self.state.agents.get(agent).and_then(|member| member.start_at_us) else {
            return;
        };
        let Some(until) = self.unsure_until else { return };
        // A few round trips are better than one, while there is time.
        let presence = &self.presence[agent];
        let rounds = if self.now < until { CLOCK_ROUNDS } else { 1 };
        if !presence.knows_start || presence.clock.rounds() < rounds {
            return;
        }
        let round_trip = Duration::from_micros(presence.clock.round_trip_us());
        let shown = self.presence[agent].clock.to_agent(self.us(self.now));
        let elapsed = u64::try_from(shown.saturating_sub(start_at_us)).unwrap_or_default();
        if elapsed < self.floor_us.saturating_add(self.state.paused_us) {
            // Others have reported later instants already.
            return;
        }
        self.start_error = round_trip;
        if let Some(start) = self.now.checked_sub(Duration::from_micros(elapsed)) {
            self.start = Some(start);
            self.unsure_until = None;
            self.paused =
                self.state.paused_at_us.map(|at| start + Duration::from_micros(at + self.state.paused_us));
            let agent = self.name(agent);
            self.decide(
                "took the start from the clock of an agent",
                json!({"agent": agent, "elapsed_us": elapsed}),
            );
            self.resume_if_wanted();
        }
    }

    /// After a restart, until an agent has come back that knows the start by its own clock: the wall clock may have been set.
    /// Meanwhile nothing is decided that depends on the run's clock.
    pub(super) fn start_is_unsure(&self) -> bool {
        self.unsure_until.is_some()
    }

    /// Nobody has come back who would know: the wall clock it is.
    pub(super) fn trust_the_wall_clock(&mut self) {
        let Some(until) = self.unsure_until.filter(|until| *until <= self.now) else { return };
        let here = |presence: &Presence| presence.knows_start && presence.link.is_some();
        let knowing: Vec<usize> =
            (0..self.presence.len()).filter(|agent| here(&self.presence[*agent])).collect();
        knowing.iter().for_each(|agent| self.correct_start(*agent));
        let patient = self.now < until + self.settings.lease && !knowing.is_empty();
        if self.start_is_unsure() && !patient {
            self.unsure_until = None;
            self.decide("took the start from the wall clock", json!({}));
        }
    }

    /// Everybody begins at one instant, each by its own clock.
    pub(super) fn begin(&mut self) {
        let longest = self.presence.iter().map(|presence| presence.clock.round_trip_us()).max();
        let lead = START_LEAD + Duration::from_micros(longest.unwrap_or_default());
        let wall_us = crate::time::unix_us(self.wall + lead);
        self.start = Some(self.now + lead);
        self.record(Record::Started { wall_us });
        self.phase_since = self.now;
        let wall = crate::time::rfc3339(self.wall + lead);
        self.decide("agreed on the start", json!({"start": wall, "lead_us": micros(lead)}));
        let told: Vec<usize> = self.connected().filter(|agent| self.clock_is_known(*agent)).collect();
        told.into_iter().for_each(|agent| self.tell_start(agent));
    }

    /// Says when the run started, or will. Said again it is the same.
    pub(super) fn tell_start(&mut self, agent: usize) {
        let (Some(start), Some(start_wall_us)) = (self.start, self.state.start_wall_us) else { return };
        if self.start_is_unsure() {
            self.presence[agent].start_due = true;
            return;
        }
        if self.state.agents[agent].start_at_us.is_none() {
            let at_us = self.on_clock_of(agent, start).cast_signed();
            // Who comes after a pause never knew of it: for it, the run began so much later.
            self.record(Record::StartTold { agent, at_us, stood_us: self.state.paused_us });
        }
        let member = &self.state.agents[agent];
        let at_us = member.start_at_us.unwrap_or_default().saturating_add_unsigned(member.stood_us);
        let at_us = at_us.cast_unsigned();
        let wall_us = start_wall_us.saturating_add(member.stood_us);
        self.presence[agent].start_due = false;
        // With the start, or what came due during the pause would be started before it is heard of.
        let paused_at_us = self.paused.map(|at| self.on_clock_of(agent, at));
        self.send(agent, ToAgent::Start { run: self.state.run.clone(), at_us, wall_us, paused_at_us });
        self.tell_missed_pauses(agent);
        self.tell_pause(agent);
    }

    /// An agent that was away while the run stood still went on: now it waits for the others.
    fn tell_missed_pauses(&mut self, agent: usize) {
        let missed_us = self.state.paused_us.saturating_sub(self.state.agents[agent].paused_us);
        if missed_us > 0 && self.state.agents[agent].start_at_us.is_some() {
            self.record(Record::PausesTold { agents: vec![agent], paused_us: missed_us });
            let at_us = self.on_clock_of(agent, self.now);
            let run = self.state.run.clone();
            self.send(agent, ToAgent::Pause { run: run.clone(), at_us });
            self.send(agent, ToAgent::Resume { run, at_us, paused_us: missed_us });
            self.resume_is_told(agent, missed_us);
        }
    }

    /// The run's clock stops, a moment from now, so that it does so everywhere at once.
    pub(super) fn pause(&mut self) {
        if self.state.phase != Phase::Running || self.paused.is_some() || self.state.drain.is_some() {
            return;
        }
        if self.start_is_unsure() {
            return self.warn(
                "not paused: the coordinator was just started again, and waits for its agents".to_owned(),
            );
        }
        let at = self.now.max(self.start.unwrap_or(self.now)) + self.lead();
        let run_us = self.run_us_at(at);
        self.paused = Some(at);
        self.record(Record::Paused { run_us });
        self.decide("paused the run", json!({"at_us": run_us}));
        let told: Vec<usize> = self.connected().filter(|agent| self.hears_of_pauses(*agent)).collect();
        told.into_iter().for_each(|agent| self.tell_pause(agent));
    }

    /// Whether it has been told the start on this connection: whoever has not yet, hears of every pause with it.
    fn hears_of_pauses(&self, agent: usize) -> bool {
        self.state.agents[agent].start_at_us.is_some() && !self.presence[agent].start_due
    }

    /// An instant by the clock of an agent, µs; in two's complement where it lies before that clock began. It may lie before our own,
    /// too, after a restart: so it is counted from now.
    fn on_clock_of(&self, agent: usize, at: Instant) -> u64 {
        let now_us = self.presence[agent].clock.to_agent(self.us(self.now));
        let ago_us = micros(self.now.saturating_duration_since(at));
        let ahead_us = micros(at.saturating_duration_since(self.now));
        now_us.saturating_sub_unsigned(ago_us).saturating_add_unsigned(ahead_us).cast_unsigned()
    }

    fn tell_pause(&mut self, agent: usize) {
        if let (Some(at), Some(_)) = (self.paused, self.state.agents[agent].start_at_us) {
            let at_us = self.on_clock_of(agent, at);
            let run = self.state.run.clone();
            self.send(agent, ToAgent::Pause { run, at_us });
            self.presence[agent].pause_told_us = Some(self.us(self.now));
            self.ping(agent);
        }
    }

    /// The run's clock goes on, a moment from now.
    pub(super) fn resume(&mut self) {
        self.resume_wanted = self.paused.is_some();
        self.resume_if_wanted();
    }

    /// After a restart the agents know how long the run stood still, and the wall clock may not: so they are waited for,
    /// for as long as their leases may last.
    pub(super) fn resume_if_wanted(&mut self) {
        if !self.resume_wanted || self.start_is_unsure() {
            return;
        }
        self.resume_wanted = false;
        let Some(paused) = self.paused else { return };
        let at = self.now.max(paused) + self.lead();
        let paused_us = micros(at.saturating_duration_since(paused));
        self.floor_us = self.state.paused_at_us.unwrap_or_default();
        self.paused = None;
        self.record(Record::Resumed { paused_us });
        self.decide("resumed the run", json!({"paused_us": paused_us}));
        let told: Vec<usize> = self.connected().filter(|agent| self.hears_of_pauses(*agent)).collect();
        self.record(Record::PausesTold { agents: told.clone(), paused_us });
        for presence in &mut self.presence {
            (presence.pause_told_us, presence.pause_known) = (None, None);
        }
        for agent in told {
            let at_us = self.on_clock_of(agent, at);
            let run = self.state.run.clone();
            self.send(agent, ToAgent::Resume { run, at_us, paused_us });
            self.resume_is_told(agent, paused_us);
        }
    }

    /// Until it answers, it may have gone on as if there had been no such pause: what was told waits for the disk, and an agent may be
    /// lost before it hears it.
    fn resume_is_told(&mut self, agent: usize, paused_us: u64) {
        let told_us = self.us(self.now);
        let presence = &mut self.presence[agent];
        presence.unheard_us = presence.unheard_us.saturating_add(paused_us);
        presence.resume_told_us = Some(told_us);
        self.ping(agent);
    }

    /// Long enough for a message to be everywhere.
    pub(super) fn lead(&self) -> Duration {
        let longest = self.presence.iter().map(|presence| presence.clock.round_trip_us()).max();
        LEAD + self.start_error
            + Duration::from_micros(longest.unwrap_or_default().min(LONGEST_ROUND_TRIP_US))
    }
}

/// How far two clocks may have come apart since the start.
pub(super) fn drift_us(run_us: u64) -> u64 {
    run_us / 1_000_000 * 2 * u64::from(DRIFT_PPM) + u64::from(DRIFT_PPM)
}

/// Between `Start` and the start, beside the longest round trip.
const START_LEAD: Duration = Duration::from_millis(300);
/// Between a decision and the instant that it is about.
const LEAD: Duration = Duration::from_millis(100);
const LONGEST_ROUND_TRIP_US: u64 = 500_000;
pub(super) const CLOCK_ROUNDS: usize = 5;
const CLOCK_ERROR_US: u64 = 1_000_000;
/// Sixteen rounds are kept, one every five seconds.
const OLDEST_ROUND_US: u64 = 80_000_000;
