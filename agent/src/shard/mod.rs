//! One shard as two values: its campaign, and the radio network that it runs in. Sans-IO: events and time in, actions out.
//!
//! ```text
//! campaign: pacer ──► ready UEs ──► Start ──► UE ──► radio ──► node ──► ShardAction::Send       (the driver owns the associations)
//!           attempts ◄── Finished ◄────────── UE ◄── radio ◄── node ◄── received()
//!           └──► recorder ──► report()         └──► user plane ──► ShardAction::SendGtpu         (and the driver owns the socket)
//! ```
//! What they say to each other is in [`crate::seam`]; a [`Shard`] passes it on, and knows the order of things within an instant.

mod on_network;

use std::time::{Duration, Instant};

use wire::away::{AwayEnd, DueAway};
use wire::to_agent::UeBatch;
use wire::to_coordinator::IntervalReport;

use crate::campaign::Campaign;
use crate::ran::Ran;
use crate::seam::{Loss, RadioNetwork};
use crate::transfer::AdoptError;

/// One leased shard. The driver carries out each [`RadioNetwork::Action`].
pub struct Shard<R: RadioNetwork> {
    campaign: Campaign,
    ran: R,
    /// What is to be done at the next [`Self::advance`].
    unsent: Vec<R::Action>,
}

/// A shard with an agent's own UEs and nodes. The driver says what happens to the associations.
pub type ShardRunner = Shard<Ran>;

impl<R: RadioNetwork> Shard<R> {
    /// A campaign over a radio network, of the same lease.
    pub fn over(campaign: Campaign, ran: R) -> Self {
        Self { campaign, ran, unsent: Vec::new() }
    }

    /// Shard number.
    pub fn number(&self) -> u32 {
        self.campaign.number()
    }

    /// The lease's epoch.
    pub fn epoch(&self) -> u64 {
        self.campaign.epoch()
    }

    /// The radio network.
    pub fn ran(&self) -> &R {
        &self.ran
    }

    /// The same, for its driver: what it has to tell is listened to at once.
    pub fn drive(
        &mut self,
        now: Instant,
        out: &mut Vec<R::Action>,
        what: impl FnOnce(&mut R, &mut Vec<R::Action>),
    ) {
        what(&mut self.ran, out);
        self.campaign.handle_events(&mut self.ran, now, out);
    }

    /// The schedules begin at this instant, which the wall clock of the run calls `wall_us`, UNIX time in µs.
    pub fn start(&mut self, at: Instant, wall_us: u64) {
        self.campaign.start(at, wall_us, &mut self.ran);
    }

    /// Starts what is due, delivers what has arrived, expires timers. At most a few dozen attempts and packets leave at
    /// one call, so that the driver's clock, and with it the lateness, stays true: call again while `next_deadline` has
    /// passed.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<R::Action>) {
        let Self { campaign, ran, unsent } = self;
        out.append(unsent);
        if !campaign.is_at_rest() {
            campaign.take_over(ran, now, out);
            ran.change_conditions(now, out);
            campaign.handle_events(ran, now, out);
            campaign.recover(ran, now, out);
            for _ in 0..BATCH {
                if !campaign.begin_due(ran, now, out) {
                    break;
                }
            }
        }
        ran.advance(now, out);
        campaign.handle_events(ran, now, out);
        campaign.wind_down(ran, now, out);
    }

    /// When `advance` has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.campaign.is_at_rest() && self.campaign.is_closed() {
            return None;
        }
        let unsent = (!self.unsent.is_empty()).then_some(self.campaign.clock().start()).flatten();
        let deadlines = [unsent, self.campaign.next_deadline(&self.ran), self.ran.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// How many attempts of each load are started, or accounted for otherwise.
    pub fn progress(&self) -> Vec<u64> {
        self.campaign.progress()
    }

    /// When the next attempt is due: its lateness is measured.
    pub fn next_due(&self) -> Option<Instant> {
        self.campaign.next_due()
    }

    /// The instant that the traces' times count from, once the run has started.
    pub fn run_start(&self) -> Option<Instant> {
        self.campaign.clock().start()
    }

    // The run's clock.

    /// Nothing is due from this instant on, and the UEs' traffic rests.
    pub fn pause(&mut self, at: Instant) {
        self.campaign.pause(at, &mut self.ran);
    }

    /// The run's clock goes on at this instant, having stood still for so long: everything that is planned since the start
    /// of the run happens so much later. The wall clock of the usage records has gone on.
    pub fn resume(&mut self, at: Instant, paused: Duration) {
        self.campaign.resume(at, paused, &mut self.ran);
    }

    /// The process did not run for so long, until this instant: the next report says it.
    pub fn stood_still(&mut self, until: Instant, lasted: Duration) {
        self.campaign.stood_still(until, lasted);
    }

    // Reports.

    /// What happened since the last report. `None` before the start.
    pub fn report(&mut self, now: Instant) -> Option<IntervalReport> {
        self.campaign.report(&mut self.ran, now)
    }

    /// There was no room for this report: the next one says so.
    pub fn report_dropped(&mut self, report: &IntervalReport) {
        self.campaign.report_dropped(report);
    }

    /// How many attempts left later than the scenario allows, since the last call.
    pub fn take_late(&mut self) -> u64 {
        self.campaign.take_late()
    }

    // The end.

    /// Starts nothing more. What is in flight may end until `until`; then it is abandoned for this reason.
    /// What a shard that is to be exported has not started stays planned all the same.
    pub fn drain(&mut self, reason: &str, now: Instant, until: Instant) {
        self.campaign.drain(reason, now, until, &mut self.ran, &mut self.unsent);
    }

    /// The run does not begin, or not here. What has been said with the core so far is reported; what becomes of what is
    /// planned is the business of who planned it.
    pub fn never_begin(&mut self, reason: &str, now: Instant) {
        self.campaign.never_begin(reason, now, &mut self.ran, &mut self.unsent);
    }

    /// Everything that was to start has started, every attempt has ended, the scenario's time is over, and every usage
    /// record is made and fits the next report.
    pub fn is_finished(&self, _now: Instant) -> bool {
        self.campaign.is_finished(&self.ran)
    }

    /// Whether a report should be made before the next is due: the end waits for the records to be reported.
    pub fn wants_report(&self) -> bool {
        self.campaign.wants_report(&self.ran)
    }

    /// Gives the shard up at once: what is in flight is abandoned for this reason, nothing is started or said any more. What
    /// it has not started stays planned, and what was used until now is in the next reports.
    pub fn give_up(&mut self, reason: &'static str, now: Instant) {
        self.campaign.give_up(reason, now, &mut self.ran, &mut self.unsent);
        self.unsent.clear();
    }

    // From one holder to the next.

    /// The shard is to be exported: it starts nothing more. What is in flight may end until `until`; the rest is
    /// `abandoned(shard-moved)`. What it has not started stays planned.
    pub fn settle(&mut self, now: Instant, until: Instant) {
        self.campaign.settle(now, until, &mut self.ran, &mut self.unsent);
    }

    /// Whether the shard is at rest, and every usage record fits the next report.
    pub fn is_settled(&self, _now: Instant) -> bool {
        self.campaign.is_settled(&self.ran)
    }

    /// The UEs of the shard, sealed, once it is settled. The next report is the last.
    pub fn export(&mut self, now: Instant) -> Vec<UeBatch> {
        self.campaign.export(&mut self.ran, now)
    }

    /// UEs that the last holder of the shard hands over, before the start. Returns how many it were.
    ///
    /// # Errors
    /// They are not what this holder was to get.
    pub fn adopt(&mut self, batch: &UeBatch) -> Result<u64, AdoptError> {
        self.campaign.adopt(batch, &mut self.ran)
    }

    // Other shards.

    /// Another shard was lost with its agent: who is at home there is registered anew there. Visiting UEs of this shard who were lost
    /// with it are found by a visitor audit.
    pub fn shard_lost(&mut self, lost: u32, number: u64, late: bool, now: Instant) {
        let loss = Loss { shard: lost, number, late };
        self.campaign.shard_lost(loss, &mut self.ran, now, &mut self.unsent);
    }

    /// Home shard and number there of each visiting UE that is here, or was lately. `None`: this is no time to ask.
    pub fn answer_visitor_audit(&mut self, call: u64, now: Instant) -> Option<Vec<(u32, u32)>> {
        self.campaign.answer_visitor_audit(call, &mut self.ran, now)
    }

    /// The subscribers of this shard that a visitor audit has found. Whoever else had arrived elsewhere before is at home again,
    /// switched off: it was lost with the agent that had it.
    pub fn found_away(&mut self, call: u64, found: &[u32]) {
        self.campaign.found_away(call, found, &mut self.ran);
    }

    /// The home of a visiting UE asks for an attempt that is due. Where that visiting UE cannot, because an attempt of this shard has taken it,
    /// another UE that is here makes up for it.
    pub fn due_away(&mut self, due: &DueAway, now: Instant) {
        self.campaign.due_away(due, &mut self.ran, now, &mut self.unsent);
    }

    /// Another shard says what became of an attempt.
    pub fn away_ended(&mut self, end: &AwayEnd, now: Instant) {
        self.campaign.away_ended(end, &mut self.ran, now, &mut self.unsent);
    }
}

/// Attempts that leave at one reading of the clock.
const BATCH: usize = 16;
