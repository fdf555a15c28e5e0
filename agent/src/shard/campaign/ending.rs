//! How a shard comes to its end: the load, then handovers from elsewhere, then the sessions that are open still.

use std::time::{Duration, Instant};

use signalling::NodeEvent;

use crate::shard::{ShardAction, ShardRunner};
use identity::Procedure;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) enum Ending {
    /// The load runs, or UEs may still come from other shards.
    Running,
    /// The shard is to be exported, and what is in flight may end.
    Settling,
    /// The gNBs have reset their interfaces, so that nothing more is sent to them; what is on its way is counted.
    Closing { until: Instant },
    /// Every usage record is made.
    Closed,
    /// The lease is over: the shard is another's, and does nothing more here.
    GivenUp,
}

impl ShardRunner {
    /// Everything that was to start has started, every attempt has ended, the scenario's time is over, and every usage
    /// record is made and fits the next report.
    pub fn is_finished(&self, _now: Instant) -> bool {
        self.ending == Ending::Closed && self.at_rest.is_none() && self.is_reportable()
    }

    /// Whether a report should be made before the next is due: the end waits for the records to be reported.
    pub fn wants_report(&self) -> bool {
        matches!(self.ending, Ending::Closed | Ending::GivenUp) && !self.is_reportable()
    }

    /// Whether all that has happened fits the next report.
    pub(in crate::shard) fn is_reportable(&self) -> bool {
        self.user_plane.fits_one_report()
            && self.recorder.fits_one_report()
            && self.ran_events.fits_one_report()
    }

    /// Gives the shard up at once: what is in flight is abandoned for this reason, nothing is started or said any more. What
    /// it has not started stays planned, and what was used until now is in the next reports.
    pub fn give_up(&mut self, reason: &'static str, now: Instant) {
        self.pacer.stop();
        self.drained = Some(reason.to_owned());
        self.abandon();
        self.recovery.break_off();
        self.user_plane.close_at_once(now);
        self.unsent.clear();
        self.ending = Ending::GivenUp;
    }

    /// Whether the UEs are as they were when the shard came to rest, or was given up.
    pub(in crate::shard) fn is_at_rest(&self) -> bool {
        self.at_rest.is_some() || self.ending == Ending::GivenUp
    }

    /// Whether anything from outside still counts.
    pub(in crate::shard) fn receives(&self) -> bool {
        matches!(self.ending, Ending::Running | Ending::Settling)
    }

    pub(in crate::shard) fn wind_down(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        let quiet = self.attempts.len() + self.abroad.len() == 0 && self.handovers.is_quiet();
        self.quiet_since = quiet.then(|| self.quiet_since.unwrap_or(now));
        if self.ending == Ending::Running && self.may_close(now) {
            let open = !self.user_plane.is_settled();
            self.ending = Ending::Closing { until: now + CLOSING };
            if open {
                // A network that is not told goes on sending, and charges for it. NG RESET says that the UEs are gone.
                self.user_plane.close(now);
                for gnb in 0..self.gnbs.len() {
                    self.gnb(u16::try_from(gnb).unwrap_or(u16::MAX), NodeEvent::Reset, now, out);
                }
            }
        }
        if self.ending == Ending::Settling {
            let over = self.end.is_some_and(|end| end <= now);
            if over || self.last_answers_left(now) {
                self.come_to_rest(now, out);
            }
        }
        if !self.receives() && self.attempts.len() + self.abroad.len() > 0 {
            // What a UE begins by itself now would never be reported.
            self.abandon();
        }
        if let Ending::Closing { until } = self.ending {
            let silent = self.silent_at().is_none_or(|silent| silent <= now);
            if (self.user_plane.is_settled() && silent && self.departures.is_empty()) || until <= now {
                self.ending = Ending::Closed;
            }
        }
    }

    /// When [`Self::wind_down`] has something to do by time alone.
    pub(in crate::shard) fn next_ending(&self) -> Option<Instant> {
        match self.ending {
            Ending::Running if self.attempts.len() > 0 => self.end.filter(|_| self.paused.is_none()),
            Ending::Running if !self.abroad.is_empty() => None,
            Ending::Running => self.closes_at(),
            Ending::Settling => self.answered_at().into_iter().chain(self.end).min(),
            // The user plane knows by itself when it has something to do.
            Ending::Closing { until } if !self.user_plane.is_settled() || !self.departures.is_empty() => {
                Some(until)
            }
            Ending::Closing { until } => Some(self.silent_at().map_or(until, |silent| silent.min(until))),
            Ending::Closed | Ending::GivenUp => None,
        }
    }

    /// When the last messages of UEs have left. NG RESET could overtake them, on another SCTP stream.
    fn answered_at(&self) -> Option<Instant> {
        let since = self.quiet_since?;
        Some(self.last_sent.map_or(since, |last| last.max(since)) + LAST_ANSWERS)
    }

    fn last_answers_left(&self, now: Instant) -> bool {
        self.answered_at().is_some_and(|at| at <= now)
    }

    fn may_close(&self, now: Instant) -> bool {
        self.closes_at().is_some_and(|at| at <= now)
    }

    /// When the shard has come to its end, if nothing else happens until then.
    fn closes_at(&self) -> Option<Instant> {
        let over = self.start.map(|start| start + self.duration)?;
        if self.unbegun {
            return Some(over);
        }
        // While the run's clock stands still, what is later is not reached.
        if self.paused.is_some_and(|paused| paused < over)
            || !self.pacer.is_exhausted()
            || self.attempts.len() + self.abroad.len() > 0
        {
            return None;
        }
        let out_of_time = over + LONGEST_WAIT;
        let latest = self.end.map_or(out_of_time, |end| end.min(out_of_time));
        let answered = if self.user_plane.is_settled() {
            over
        } else {
            self.answered_at().map_or(latest, |at| at.min(latest)).max(over)
        };
        if self.drained.is_some() || !self.takes_visitors() {
            return Some(answered);
        }
        // Handovers of other shards may still be on their way here, and then their usage counts here.
        let quiet_since = self.handovers.last_touched().map_or(over, |last| last.max(over));
        let quiet = if self.handovers.is_quiet() { quiet_since + QUIET } else { out_of_time };
        Some(answered.max(quiet.min(out_of_time)))
    }

    /// When nothing was said on any association for so long that the last command is answered: whoever shuts one down before
    /// leaves it unanswered, or uncounted. `None` where nothing ever was, or counts any more.
    fn silent_at(&self) -> Option<Instant> {
        let last = self.last_sent.into_iter().chain(self.last_received).max()?;
        self.at_rest.is_none().then_some(last + SILENCE)
    }

    /// Whether UEs may come from other shards.
    fn takes_visitors(&self) -> bool {
        let loads = &self.plan.scenario().load;
        self.plan.shards() > 1 && loads.iter().any(|load| load.procedure == Procedure::HandoverN2)
    }
}

/// How long they take to leave.
const LAST_ANSWERS: Duration = Duration::from_millis(30);
/// Without a message for this long at the end, none is to be expected any more.
const SILENCE: Duration = Duration::from_millis(300);
/// Without a handover for this long after the end of the load, none comes any more.
const QUIET: Duration = Duration::from_secs(1);
/// What other shards do holds a shard up no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long usage records may take after the end.
pub(in crate::shard) const CLOSING: Duration = Duration::from_secs(6);
