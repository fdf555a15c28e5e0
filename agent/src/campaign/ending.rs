//! How a campaign starts, stands still and comes to its end: the load, then handovers from elsewhere, then the sessions that are open
//! still. What is under way when nothing more is started may end until a time, and then it is given up for a reason.

use std::time::{Duration, Instant};

use identity::Procedure;

use super::Campaign;
use crate::measure::PartSet;
use crate::seam::{Activity, Letter, RadioNetwork, Stage};

/// How far the end has come, and when it is.
pub(super) struct Ending {
    progress: Progress,
    /// How long the schedules are.
    duration: Duration,
    /// How long after them what is in flight may take.
    grace: Duration,
    /// Then what is in flight is given up.
    end: Option<Instant>,
    /// Why nothing more is started.
    drained: Option<String>,
    /// Since when no attempt and no handover is under way.
    quiet_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The load runs, or UEs may still come from other shards.
    Running,
    /// The shard is to be exported, and what is in flight may end.
    Settling,
    /// The nodes have reset their interfaces, so that nothing more is sent to them; what is on its way is counted.
    Closing { until: Instant },
    /// Every usage record is made.
    Closed,
    /// The lease is over: the shard is another's, and does nothing more here.
    GivenUp,
}

impl Ending {
    pub(super) fn after(duration: Duration, grace: Duration) -> Self {
        Self { progress: Progress::Running, duration, grace, end: None, drained: None, quiet_since: None }
    }

    /// The load runs, or UEs may still come from other shards.
    pub(super) fn is_running(&self) -> bool {
        self.progress == Progress::Running
    }

    /// Whether nothing more is started here.
    pub(super) fn is_drained(&self) -> bool {
        self.drained.is_some()
    }

    /// When what is in flight is given up.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Whether anything from outside still counts.
    fn receives(&self) -> bool {
        matches!(self.progress, Progress::Running | Progress::Settling)
    }

    fn reason(&self) -> String {
        self.drained.clone().unwrap_or_else(|| END_OF_RUN.to_owned())
    }

    pub(super) fn rests(&mut self, now: Instant) {
        self.progress = Progress::Closing { until: now + CLOSING };
    }
}

impl Campaign {
    // The run's clock.

    /// The schedules begin at this instant, which the wall clock of the run calls `wall_us`, UNIX time in µs.
    pub fn start<R: RadioNetwork>(&mut self, at: Instant, wall_us: u64, ran: &mut R) {
        if self.clock.unbegun {
            return;
        }
        self.clock.start = Some(at);
        self.ending.end = Some(at + self.ending.duration + self.ending.grace);
        self.pacer.start(at);
        ran.begin(self.clock, wall_us);
    }

    /// Nothing is due from this instant on, and the UEs' traffic rests.
    pub fn pause<R: RadioNetwork>(&mut self, at: Instant, ran: &mut R) {
        self.clock.paused.get_or_insert(at);
        self.pacer.halt_at(at);
        ran.pause(self.clock);
    }

    /// The run's clock goes on at this instant, having stood still for so long: everything that is planned since the start
    /// of the run happens so much later. The wall clock of the usage records has gone on.
    pub fn resume<R: RadioNetwork>(&mut self, at: Instant, paused: Duration, ran: &mut R) {
        if self.clock.paused.take().is_none() {
            return;
        }
        self.clock.start = self.clock.start.map(|start| start + paused);
        if self.ending.is_running() {
            self.ending.end = self.ending.end.map(|end| end + paused);
        }
        self.pacer.go_on(paused);
        ran.resume(self.clock, at, paused);
    }

    // Nothing more is started.

    /// Starts nothing more. What is in flight may end until `until`; then it is abandoned for this reason.
    /// What a shard that is to be exported has not started stays planned all the same.
    pub fn drain<R: RadioNetwork>(
        &mut self,
        reason: &str,
        now: Instant,
        until: Instant,
        ran: &mut R,
        out: &mut Vec<R::Action>,
    ) {
        if self.ending.progress == Progress::Settling {
            let until = self.ending.end.map_or(until, |end| end.min(until));
            self.ending.end = Some(until);
            ran.enter(Stage::Settling { until }, now, out);
        }
        if !self.ending.is_running() || self.clock.unbegun {
            return;
        }
        if self.clock.start.is_none() && self.takeover.is_none() {
            return self.never_begin(reason, now, ran, out);
        }
        for (procedure, left) in self.pacer.cancel() {
            self.recorder.never_started(procedure.name(), PartSet::default(), reason, left);
        }
        self.ending.duration = Duration::ZERO;
        self.start_nothing_more(reason, now, until, Stage::Drained, ran, out);
    }

    /// The shard is to be exported: it starts nothing more. What is in flight may end until `until`; the rest is
    /// `abandoned(shard-moved)`. What it has not started stays planned.
    pub fn settle<R: RadioNetwork>(
        &mut self,
        now: Instant,
        until: Instant,
        ran: &mut R,
        out: &mut Vec<R::Action>,
    ) {
        if self.ending.is_running() {
            self.pacer.stop();
            self.ending.progress = Progress::Settling;
            self.start_nothing_more(MOVED, now, until, Stage::Settling { until }, ran, out);
        }
    }

    /// The run does not begin, or not here. What has been said with the core so far is reported; what becomes of what is
    /// planned is the business of who planned it.
    pub fn never_begin<R: RadioNetwork>(
        &mut self,
        reason: &str,
        now: Instant,
        ran: &mut R,
        out: &mut Vec<R::Action>,
    ) {
        if !self.ending.is_running() || self.clock.unbegun {
            return;
        }
        self.clock.unbegun = true;
        self.pacer.stop();
        self.takeover = None;
        self.ending.duration = Duration::ZERO;
        self.clock.start = Some(now);
        self.start_nothing_more(reason, now, now, Stage::Drained, ran, out);
    }

    /// The shard cannot be run here. It says so after what was said with the core until then is reported.
    pub(super) fn cannot_prepare<R: RadioNetwork>(
        &mut self,
        why: String,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        if !self.clock.unbegun {
            self.never_begin("cannot-prepare", now, ran, out);
            out.push(Letter::CannotPrepare(why).into());
        }
    }

    fn start_nothing_more<R: RadioNetwork>(
        &mut self,
        reason: &str,
        now: Instant,
        until: Instant,
        stage: Stage,
        ran: &mut R,
        out: &mut Vec<R::Action>,
    ) {
        self.ending.end = Some(until);
        self.ending.drained = Some(reason.to_owned());
        self.clock.start.get_or_insert(now);
        ran.keep_time(self.clock);
        ran.enter(stage, now, out);
    }

    /// Gives the shard up at once: what is in flight is abandoned for this reason, nothing is started or said any more. What
    /// it has not started stays planned, and what was used until now is in the next reports.
    pub fn give_up<R: RadioNetwork>(
        &mut self,
        reason: &'static str,
        now: Instant,
        ran: &mut R,
        out: &mut Vec<R::Action>,
    ) {
        self.pacer.stop();
        self.ending.drained = Some(reason.to_owned());
        self.abandon(ran);
        self.recovery.break_off();
        self.ending.progress = Progress::GivenUp;
        ran.enter(Stage::GivenUp, now, out);
    }

    // What is in flight is given up.

    /// What is in flight is given up by now.
    fn is_over(&self, now: Instant) -> bool {
        self.clock.paused.is_none() && self.ending.end.is_some_and(|end| end <= now)
    }

    pub(super) fn abandon<R: RadioNetwork>(&mut self, ran: &mut R) {
        self.abandon_here(ran);
        self.give_up_abroad(None, &self.ending.reason());
    }

    /// Each attempt by the timer that would have ended it, which the end of the run was too early for.
    fn abandon_here<R: RadioNetwork>(&mut self, ran: &mut R) {
        let drained = &self.ending.drained;
        let reason = |ue| match (drained, ran.awaits(ue)) {
            (Some(reason), _) => reason.clone(),
            (None, Some(timer)) => format!("{END_OF_RUN}-unanswered-{timer}"),
            (None, None) => END_OF_RUN.to_owned(),
        };
        for (ue, reason) in self.attempts.abandon_all(reason, &mut self.recorder) {
            ran.given_up(ue, &reason);
        }
    }

    // The end.

    /// Everything that was to start has started, every attempt has ended, the scenario's time is over, and every usage
    /// record is made and fits the next report.
    pub fn is_finished<R: RadioNetwork>(&self, ran: &R) -> bool {
        self.ending.progress == Progress::Closed && self.broken_off.is_none() && self.is_reportable(ran)
    }

    /// Whether the shard is at rest, and every usage record fits the next report.
    pub fn is_settled<R: RadioNetwork>(&self, ran: &R) -> bool {
        self.ending.progress == Progress::Closed && self.broken_off.is_some() && self.is_reportable(ran)
    }

    /// Whether a report should be made before the next is due: the end waits for the records to be reported.
    pub fn wants_report<R: RadioNetwork>(&self, ran: &R) -> bool {
        matches!(self.ending.progress, Progress::Closed | Progress::GivenUp) && !self.is_reportable(ran)
    }

    /// Whether all that has happened fits the next report.
    fn is_reportable<R: RadioNetwork>(&self, ran: &R) -> bool {
        ran.fits_one_report() && self.recorder.fits_one_report()
    }

    /// Whether the UEs are as they were when the shard came to rest, or was given up.
    pub fn is_at_rest(&self) -> bool {
        self.broken_off.is_some() || self.ending.progress == Progress::GivenUp
    }

    /// Gives up what has had its time, and lets the end come as far as it has.
    pub fn wind_down<R: RadioNetwork>(&mut self, ran: &mut R, now: Instant, out: &mut Vec<R::Action>) {
        if !self.is_at_rest() {
            self.tell_homes(ran, now, out);
            if self.is_over(now) && self.attempts.len() > 0 {
                self.abandon_here(ran);
                self.tell_homes(ran, now, out);
            }
            self.give_up_the_silent(now);
        }
        let under_way = self.attempts.len() + self.abroad.len() > 0;
        let quiet = !under_way && ran.activity().no_handovers;
        self.ending.quiet_since = quiet.then(|| self.ending.quiet_since.unwrap_or(now));
        if self.ending.is_running() && self.closes_at(&ran.activity()).is_some_and(|at| at <= now) {
            self.ending.rests(now);
            ran.enter(Stage::Closing, now, out);
            self.handle_events(ran, now, out);
        }
        if self.ending.progress == Progress::Settling {
            let over = self.ending.end.is_some_and(|end| end <= now);
            if over || self.answered_at(&ran.activity()).is_some_and(|at| at <= now) {
                self.come_to_rest(ran, now, out);
            }
        }
        if !self.ending.receives() && self.attempts.len() + self.abroad.len() > 0 {
            // What a UE begins by itself now would never be reported.
            self.abandon(ran);
        }
        if let Progress::Closing { until } = self.ending.progress {
            let activity = ran.activity();
            let silent = self.silent_at(&activity).is_none_or(|silent| silent <= now);
            if (activity.no_sessions && silent && activity.all_left) || until <= now {
                self.ending.progress = Progress::Closed;
            }
        }
    }

    /// When [`Self::wind_down`] and what is due have something to do by time alone.
    pub fn next_deadline<R: RadioNetwork>(&self, ran: &R) -> Option<Instant> {
        let ending = self.next_ending(&ran.activity());
        if self.is_at_rest() {
            return ending;
        }
        [
            self.takeover.as_ref().and(self.clock.start),
            self.recovery.next_deadline(),
            self.pacer.next_due(),
            self.next_silence(),
            ending,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether nothing is left to wait for.
    pub fn is_closed(&self) -> bool {
        self.ending.progress == Progress::Closed
    }

    fn next_ending(&self, activity: &Activity) -> Option<Instant> {
        match self.ending.progress {
            Progress::Running if self.attempts.len() > 0 => {
                self.ending.end.filter(|_| self.clock.paused.is_none())
            }
            Progress::Running if !self.abroad.is_empty() => None,
            Progress::Running => self.closes_at(activity),
            Progress::Settling => self.answered_at(activity).into_iter().chain(self.ending.end).min(),
            // The user plane knows by itself when it has something to do.
            Progress::Closing { until } if !activity.no_sessions || !activity.all_left => Some(until),
            Progress::Closing { until } => {
                Some(self.silent_at(activity).map_or(until, |silent| silent.min(until)))
            }
            Progress::Closed | Progress::GivenUp => None,
        }
    }

    /// When the last messages of UEs have left. A reset of the interface could overtake them, on another stream.
    fn answered_at(&self, activity: &Activity) -> Option<Instant> {
        let since = self.ending.quiet_since?;
        Some(activity.last_sent.map_or(since, |last| last.max(since)) + LAST_ANSWERS)
    }

    /// When the shard has come to its end, if nothing else happens until then.
    fn closes_at(&self, activity: &Activity) -> Option<Instant> {
        let over = self.clock.start.map(|start| start + self.ending.duration)?;
        if self.clock.unbegun {
            return Some(over);
        }
        // While the run's clock stands still, what is later is not reached.
        if !self.clock.reaches(over)
            || !self.pacer.is_exhausted()
            || self.attempts.len() + self.abroad.len() > 0
        {
            return None;
        }
        let out_of_time = over + LONGEST_WAIT;
        let latest = self.ending.end.map_or(out_of_time, |end| end.min(out_of_time));
        let answered = if activity.no_sessions {
            over
        } else {
            self.answered_at(activity).map_or(latest, |at| at.min(latest)).max(over)
        };
        if self.ending.is_drained() || !self.takes_visitors() {
            return Some(answered);
        }
        // Handovers of other shards may still be on their way here, and then their usage counts here.
        let quiet_since = activity.last_handover.map_or(over, |last| last.max(over));
        let quiet = if activity.no_handovers { quiet_since + QUIET } else { out_of_time };
        Some(answered.max(quiet.min(out_of_time)))
    }

    /// When nothing was said on any association for so long that the last command is answered: whoever shuts one down before
    /// leaves it unanswered, or uncounted. `None` where nothing ever was, or counts any more.
    fn silent_at(&self, activity: &Activity) -> Option<Instant> {
        let last = activity.last_sent.into_iter().chain(activity.last_received).max()?;
        self.broken_off.is_none().then_some(last + SILENCE)
    }

    /// Whether UEs may come from other shards.
    fn takes_visitors(&self) -> bool {
        let loads = &self.plan.scenario().load;
        self.plan.shards() > 1 && loads.iter().any(|load| load.procedure == Procedure::HandoverN2)
    }
}

/// The reason in the account for what a move has broken off.
const MOVED: &str = "shard-moved";
const END_OF_RUN: &str = "end-of-run";
/// How long the last messages take to leave.
const LAST_ANSWERS: Duration = Duration::from_millis(30);
/// Without a message for this long at the end, none is to be expected any more.
const SILENCE: Duration = Duration::from_millis(300);
/// Without a handover for this long after the end of the load, none comes any more.
const QUIET: Duration = Duration::from_secs(1);
/// What other shards do holds a shard up no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long usage records may take after the end.
const CLOSING: Duration = Duration::from_secs(6);
