//! When the packets of one flow are due, and how large they are.

use std::time::{Duration, Instant};

use scenarios::{Flow, stream_seed};

use crate::MOST_MISSING;

/// Paces one flow. The same seed gives the same sizes in the same order, and, when it is never late nor throttled, the
/// same times. No I/O: the driver asks when the next packet is due, and takes it then.
#[derive(Clone, Debug)]
pub struct TrafficSource {
    flow: Flow,
    seed: u64,
    /// When the next packet is due; `None` when none ever is, or none while it is paused.
    due: Option<Instant>,
    /// Of the time that it flows, what is left until it pauses.
    burst_left: Duration,
    /// 1 is the flow's own rate, 0 is nothing.
    throttle: f64,
    paused: bool,
    packets: u64,
    octets: u64,
    skipped: Skipped,
}

/// What was never sent, because its sender was too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How often.
    pub times: u64,
    /// About so many octets of T-PDUs. A flow with a volume sends them later.
    pub octets: u64,
}

impl TrafficSource {
    /// A flow that begins at `now`; its first packet comes within the time that one takes, so that flows that begin
    /// together do not march in step.
    pub fn new(flow: Flow, seed: u64, now: Instant) -> Self {
        let mut source = Self {
            flow,
            seed,
            due: None,
            burst_left: flow.burst.map_or(Duration::MAX, |burst| burst.on),
            throttle: 1.0,
            paused: false,
            packets: 0,
            octets: 0,
            skipped: Skipped::default(),
        };
        if source.flows() {
            let phase = unit(stream_seed(seed, &[PHASE]));
            let gap = source.gap(source.size()).mul_f64(phase);
            source.due = Some(now);
            source.postpone(gap);
        }
        source
    }

    /// When the next packet is due. `None`: none is, until the throttle opens or the pause ends, or ever.
    pub fn next_due(&self) -> Option<Instant> {
        if self.paused || self.throttle <= 0.0 { None } else { self.due }
    }

    /// The size of the T-PDU that is due, which counts as sent. `None` when none is due yet.
    ///
    /// When the driver is late it gets what was due in the last [`CATCH_UP`]; what was due before is skipped.
    pub fn packet(&mut self, now: Instant) -> Option<u16> {
        let due = self.next_due().filter(|due| *due <= now)?;
        let late = now.duration_since(due);
        if late > CATCH_UP {
            self.skip(late - CATCH_UP);
            if self.due.is_none_or(|due| due > now) {
                return None;
            }
        }
        let size = self.size();
        self.packets += 1;
        self.octets += u64::from(size);
        if self.flow.volume.is_some_and(|volume| self.octets >= volume.0) {
            self.due = None;
        } else {
            self.postpone(self.gap(size));
        }
        Some(size)
    }

    /// From now on it flows at this part of its rate: 0 is not at all, 1 is all of it.
    pub fn throttle(&mut self, now: Instant, factor: f64) {
        let factor = if factor.is_finite() { factor.clamp(0.0, 1.0) } else { 1.0 };
        let stood = self.throttle <= 0.0;
        // The gap that is running is stretched, or shrunk, in its part that is left.
        if let Some(due) = self.due.filter(|due| *due > now && !stood && factor > 0.0) {
            let left = due.duration_since(now).mul_f64((self.throttle / factor).min(MAX_STRETCH));
            self.due = now.checked_add(left);
        }
        self.throttle = factor;
        if stood {
            self.not_before(now);
        }
    }

    /// It stands still: there is nowhere to send to.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// It goes on, and does not make up for the pause.
    pub fn resume(&mut self, now: Instant) {
        self.paused = false;
        self.not_before(now);
    }

    /// Whether it will never send again.
    pub fn finished(&self) -> bool {
        self.due.is_none()
    }

    /// Packets that were taken.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Their octets.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// What was skipped.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The flow as the scenario has it.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    fn flows(&self) -> bool {
        self.flow.rate_bps > 0
            && self.flow.volume.is_none_or(|volume| volume.0 > 0)
            && self.flow.burst.is_none_or(|burst| !burst.on.is_zero())
    }

    fn not_before(&mut self, now: Instant) {
        self.due = self.due.map(|due| due.max(now));
    }

    /// The size of the next packet: drawn evenly, cut to what is left of the volume.
    fn size(&self) -> u16 {
        let (a, b) = self.flow.packet_octets;
        let (smallest, largest) = (a.min(b).clamp(SMALLEST, LARGEST), a.max(b).clamp(SMALLEST, LARGEST));
        let span = u64::from(largest - smallest) + 1;
        let offset = stream_seed(self.seed, &[SIZES, self.packets]) % span;
        let size = smallest + u16::try_from(offset).unwrap_or(0);
        let left = self.flow.volume.map_or(u64::MAX, |volume| volume.0.saturating_sub(self.octets));
        size.min(u16::try_from(left).unwrap_or(u16::MAX).max(SMALLEST))
    }

    /// The time that a packet takes at the present rate.
    fn gap(&self, size: u16) -> Duration {
        let seconds = f64::from(size) * 8.0 / (self.flow.rate_bps.max(1) as f64 * self.throttle.max(1e-6));
        Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER).min(FOREVER)
    }

    /// The next packet is due after `gap` of flowing; pauses come on top.
    fn postpone(&mut self, gap: Duration) {
        let (Some(due), mut wait) = (self.due, gap) else { return };
        if let Some(burst) = self.flow.burst {
            if gap < self.burst_left {
                self.burst_left -= gap;
            } else {
                let beyond = gap - self.burst_left;
                let on = burst.on.as_nanos().max(1);
                let whole = u32::try_from(beyond.as_nanos() / on).unwrap_or(u32::MAX);
                let part = u64::try_from(beyond.as_nanos() % on).unwrap_or(u64::MAX);
                self.burst_left = burst.on.saturating_sub(Duration::from_nanos(part));
                wait = wait.saturating_add(burst.off.saturating_mul(whole.saturating_add(1)));
            }
        }
        self.due = due.checked_add(wait.min(FOREVER));
    }

    /// Leaves out what was due in `time` from the next packet on.
    fn skip(&mut self, time: Duration) {
        let flowing = match self.flow.burst {
            None => time,
            // By its part of the time; exact to a turn.
            Some(burst) => {
                let turn = (burst.on + burst.off).as_secs_f64();
                time.mul_f64((burst.on.as_secs_f64() / turn.max(1e-9)).min(1.0))
            }
        };
        let octets = flowing.as_secs_f64() * self.flow.rate_bps as f64 * self.throttle / 8.0;
        self.skipped.times += 1;
        #[allow(clippy::cast_possible_truncation, reason = "far below 2⁶⁴, and it is an estimate")]
        #[allow(clippy::cast_sign_loss, reason = "no factor is negative")]
        {
            self.skipped.octets += octets as u64;
        }
        if self.flow.burst.is_some() {
            self.postpone(flowing);
        } else {
            self.due = self.due.and_then(|due| due.checked_add(time));
        }
    }
}

/// How many packets of a flow can have gone missing in a row, when the last one came `idle` ago, and so many octets came since
/// the first one, `since_first` ago. Where more came than the flow has, it is no measure.
pub fn most_missing(flow: &Flow, since_first: Duration, idle: Duration, octets: u64) -> u16 {
    let most = |time: Duration| flow.most_octets(time.saturating_add(UNEVEN));
    let Some(possible) = most(idle).filter(|_| most(since_first).is_some_and(|most| octets <= most)) else {
        return MOST_MISSING;
    };
    let packets = flow.most_packets(possible).saturating_add(A_FEW);
    u16::try_from(packets).unwrap_or(u16::MAX)
}

/// A number from 0 to before 1.
fn unit(value: u64) -> f64 {
    (value >> 11) as f64 / (1u64 << 53) as f64
}

/// How far ahead of its rate a flow may be, after it was held up.
const UNEVEN: Duration = Duration::from_secs(1);
/// Packets beside the flow: answers of a gateway, and the like.
const A_FEW: u64 = 16;
/// How much of what was due a late driver still gets.
const CATCH_UP: Duration = Duration::from_millis(200);
/// The headers of UDP in IPv6: nothing is smaller.
const SMALLEST: u16 = 48;
/// The largest T-PDU that a datagram has room for.
const LARGEST: u16 = 65_000;
/// No flow is so slow that its next packet is later than this.
const FOREVER: Duration = Duration::from_secs(24 * 3600);
const MAX_STRETCH: f64 = 1e6;
/// The streams of one seed.
const PHASE: u64 = 1;
const SIZES: u64 = 2;
