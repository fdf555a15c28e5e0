//! When a worker's shards report, and how the account of one that has ended is closed: after the last octet, both ways.

use std::time::{Duration, Instant};

use sctp::Event;

use super::event_loop::{CLOSE, EventLoop};
use super::leased_shard::{LeasedShard, Stage};
use super::messages::Notice;

impl EventLoop {
    pub(super) fn report_if_due(&mut self, now: Instant, events: &mut Vec<Event>) {
        let due = self.reporter.is_due(now);
        let ends = |held: &LeasedShard| match &held.stage {
            Stage::Runs(runner) | Stage::Settles(runner) => {
                runner.is_finished(now) || runner.is_settled(now) || runner.wants_report()
            }
            Stage::Parts { until, .. } => held.associations.is_empty() || *until <= now,
            _ => false,
        };
        if !due && !self.shards.values().any(ends) {
            return;
        }
        // What is queued leaves first: a report tells what has left. What has come meanwhile is taken in after it.
        self.give_up_lapsed();
        if let Some(endpoint) = &mut self.endpoint
            && let Err(error) = endpoint.poll(now, events)
        {
            tracing::warn!(%error, "SCTP failed while a report was made");
        }
        self.note_departures();
        self.notice_standstills();
        // First how the worker is doing, so that it has arrived when a shard says that it is finished.
        let sctp = self.endpoint.as_ref().map(sctp::Endpoint::overview).unwrap_or_default();
        self.reporter.health(now, self.shards.values().filter_map(LeasedShard::runner_ref), sctp);
        for (&shard, held) in &mut self.shards {
            if held.reporting().is_none() || !(due || ends(held)) {
                continue;
            }
            let epoch = held.epoch;
            let stage = std::mem::replace(&mut held.stage, Stage::Expected(Vec::new()));
            held.stage = match stage {
                // Also one that is to settle: it may have come to its end before.
                Stage::Runs(runner) | Stage::Settles(runner) if runner.is_finished(now) => {
                    if let Some(endpoint) = &mut self.endpoint {
                        held.associations.values().for_each(|id| endpoint.shutdown(*id, now));
                    }
                    Stage::Parts { runner, until: now + PART }
                }
                Stage::Parts { mut runner, until } if held.associations.is_empty() || until <= now => {
                    // The account is closed: what would come now would be in no account.
                    if let Some(endpoint) = &mut self.endpoint {
                        held.associations.values().for_each(|id| endpoint.abort(*id, now));
                    }
                    self.reporter.report(&mut runner, now, true);
                    match held.unprepared.take() {
                        Some(error) => Stage::Unprepared(error),
                        None => {
                            self.reporter.notify(Notice::Finished { shard, epoch });
                            Stage::Finished(runner)
                        }
                    }
                }
                Stage::Parts { mut runner, until } => {
                    self.reporter.report(&mut runner, now, false);
                    Stage::Parts { runner, until }
                }
                Stage::Settles(mut runner) if runner.is_settled(now) => {
                    let ues = runner.export(now);
                    self.reporter.report(&mut runner, now, true);
                    for &id in held.associations.values() {
                        if let Some(endpoint) = &mut self.endpoint {
                            endpoint.shutdown(id, now);
                        }
                    }
                    Stage::Closes { until: now + CLOSE, ues }
                }
                Stage::Runs(mut runner) => {
                    self.reporter.report(&mut runner, now, false);
                    Stage::Runs(runner)
                }
                Stage::Settles(mut runner) => {
                    self.reporter.report(&mut runner, now, false);
                    Stage::Settles(runner)
                }
                other => other,
            };
        }
        if due {
            self.reporter.made(now);
        }
    }
}

/// How long the associations of a shard that has ended may take to close, so that its account has their last messages.
const PART: Duration = Duration::from_secs(1);
