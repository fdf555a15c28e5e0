//! What a shard reports of an interval.

use std::time::Instant;

use wire::to_coordinator::IntervalReport;

use super::export::AtRest;
use crate::shard::ShardRunner;
use crate::time::micros;

impl ShardRunner {
    /// What happened since the last report. `None` before the start.
    pub fn report(&mut self, now: Instant) -> Option<IntervalReport> {
        // The first interval of a successor begins where it was taken over, also where that lies ahead.
        let elapsed = self.of_run(now).checked_duration_since(self.start?)?;
        // Where nothing began no time of the run has passed.
        let to = if self.unbegun { self.reported_to } else { elapsed.max(self.reported_to) };
        self.attempts.record_lateness(&mut self.recorder);
        let (procedures, mut unexpected) = self.recorder.take();
        unexpected.extend(self.user_plane.take_strays().map(|(kind, count)| (kind.to_owned(), count)));
        let (events, events_left_out) = self.ran_events.take();
        let from = std::mem::replace(&mut self.reported_to, to);
        let sequence = self.sequence;
        self.sequence += 1;
        Some(IntervalReport {
            run: self.run.clone(),
            shard: self.number,
            epoch: self.epoch,
            sequence,
            from_us: micros(from),
            to_us: micros(to),
            progress: self.pacer.progress(),
            procedures,
            in_flight: (self.attempts.own() + self.abroad.len()) as u64,
            registered: self.registered,
            unexpected,
            messages_sent: std::mem::take(&mut self.sent),
            messages_received: std::mem::take(&mut self.received),
            radio_lost: self.access.take_lost(),
            sessions: self.at_rest.as_ref().map_or_else(|| self.user_plane.sessions(), AtRest::sessions),
            usage: self.user_plane.take_usage(),
            handovers: self.recorder.take_handovers(),
            user_plane: self.user_plane.take_counters(),
            shifted: std::mem::take(&mut self.shifted),
            recovery: self.recovery.take_counts(),
            events,
            events_left_out,
            amfs: self.take_amfs(),
            parts: self.recorder.take_parts(),
            standstills: self.take_standstills(),
            dropped: std::mem::take(&mut self.reports_dropped),
            failed_into: self.recorder.take_failed_into(),
        })
    }

    /// There was no room for this report: the next one says so.
    pub fn report_dropped(&mut self, report: &IntervalReport) {
        self.reports_dropped += report.dropped + 1;
    }
}
