//! The radio leg between a UE and its gNB: delay, jitter, loss and order, from the scenario's profile.
//!
//! Signalling radio bearers are in order (RLC acknowledged mode, TS 38.322), so a message never overtakes the one
//! before it. A message that is lost stands for one that RLC gave up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use scenarios::{RadioProfile, stream_seed};
use signalling::{ConnectionRefusal, EstablishmentCause, STmsi};

/// What arrives at the other end of the radio leg.
pub(crate) enum Delivery {
    /// At the gNB: the first NAS message of a connection.
    Connect { nas: Vec<u8>, cause: EstablishmentCause, s_tmsi: Option<STmsi> },
    /// At the gNB.
    Uplink(Vec<u8>),
    /// At the UE.
    Downlink(Vec<u8>),
    /// At the UE: RRC release.
    Released,
    /// At the UE: RRC reject.
    Refused(ConnectionRefusal),
    /// At the UE.
    Paged,
}

/// One delivery, for one UE on one of its connections.
pub(crate) struct Arrival {
    pub(crate) ue: u32,
    /// The number of the connection; the delivery is void when the UE has another one by then.
    pub(crate) connection: u32,
    pub(crate) delivery: Delivery,
    /// When it was to arrive; known once it is in the air.
    pub(crate) at: Option<Instant>,
}

/// Every message in the air of one shard.
pub(crate) struct Radio {
    profile: RadioProfile,
    spread: Option<LogNormal<f64>>,
    seed: u64,
    air: BinaryHeap<Reverse<InFlight>>,
    next_number: u64,
    lost: u64,
}

struct InFlight {
    at: Instant,
    number: u64,
    arrival: Arrival,
}

/// What a cell suffers beyond the profile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Interference {
    pub(crate) loss: f64,
    pub(crate) latency: Duration,
}

/// The fate of one message, drawn from the seed, the UE and the number of the draw alone.
pub(crate) struct Draw(SmallRng);

impl Radio {
    pub(crate) fn new(profile: RadioProfile, seed: u64) -> Self {
        let spread = log_normal(profile.latency.as_secs_f64(), profile.jitter.as_secs_f64());
        Self { profile, spread, seed, air: BinaryHeap::new(), next_number: 0, lost: 0 }
    }

    pub(crate) fn draw(&self, ue: u32, number: u32) -> Draw {
        Draw(SmallRng::seed_from_u64(stream_seed(self.seed, &[u64::from(ue), u64::from(number)])))
    }

    /// Sends one message on its way, to arrive not before `in_order`, which moves on. Counts it when it is lost, and gives it back
    /// then; RRC messages of our own making (release, reject, page) are not lost, only late.
    pub(crate) fn carry(
        &mut self,
        now: Instant,
        draw: &mut Draw,
        in_order: &mut Instant,
        interference: Interference,
        arrival: Arrival,
    ) -> Option<Delivery> {
        let is_nas = !matches!(arrival.delivery, Delivery::Released | Delivery::Refused(_) | Delivery::Paged);
        let loss = (self.profile.loss + interference.loss).clamp(0.0, 1.0);
        if is_nas && loss > 0.0 && draw.0.random_bool(loss) {
            self.lost += 1;
            return Some(arrival.delivery);
        }
        let at = (now + self.one_way(draw) + interference.latency).max(*in_order);
        *in_order = at;
        self.deliver_at(at, arrival);
        None
    }

    /// Puts a delivery at an instant, with no loss.
    pub(crate) fn deliver_at(&mut self, at: Instant, arrival: Arrival) {
        let number = self.next_number;
        self.next_number += 1;
        self.air.push(Reverse(InFlight { at, number, arrival }));
    }

    /// How long RRC takes to set up a connection before the first NAS message leaves (TS 38.331 §5.3.3).
    pub(crate) fn setup_delay(&self, draw: &mut Draw) -> Duration {
        (0..2 * self.profile.setup_round_trips).map(|_| self.one_way(draw)).sum()
    }

    /// One way over the air.
    pub(crate) fn one_way(&self, draw: &mut Draw) -> Duration {
        match &self.spread {
            // A tail of ten times the median is as far as a bearer stays up.
            Some(spread) => {
                Duration::from_secs_f64(spread.sample(&mut draw.0)).min(10 * self.profile.latency)
            }
            None => self.profile.latency,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.air.peek().map(|Reverse(message)| message.at)
    }

    pub(crate) fn pop_arrived(&mut self, now: Instant) -> Option<Arrival> {
        if self.next_deadline()? > now {
            return None;
        }
        self.air.pop().map(|Reverse(message)| Arrival { at: Some(message.at), ..message.arrival })
    }

    /// Between leaving one cell and arriving in another, where this is the median: a handover's share of late ones is
    /// that of a message that takes as long.
    pub(crate) fn interruption(&self, median: Duration, draw: &mut Draw) -> Duration {
        let relative = self.profile.jitter.as_secs_f64() / self.profile.latency.as_secs_f64().max(1e-6);
        match log_normal(1.0, relative.min(1.0)) {
            Some(spread) => median.mul_f64(spread.sample(&mut draw.0).min(10.0)),
            None => median,
        }
    }

    /// Connections that one cell takes at once; `None` is no limit.
    pub(crate) fn capacity(&self) -> Option<u32> {
        self.profile.capacity
    }

    /// How many messages were lost since the last call.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

/// The log-normal distribution with this median and this standard deviation; `None` when either is zero.
fn log_normal(median: f64, deviation: f64) -> Option<LogNormal<f64>> {
    if median <= 0.0 || deviation <= 0.0 {
        return None;
    }
    // The variance is m²·x·(x−1) with x = exp(σ²); solved for σ.
    let x = f64::midpoint(1.0, (1.0 + 4.0 * (deviation / median).powi(2)).sqrt());
    LogNormal::new(median.ln(), x.ln().sqrt()).ok()
}

impl PartialEq for InFlight {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for InFlight {}

impl PartialOrd for InFlight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InFlight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_normal_has_the_median_and_the_deviation_asked_for() {
        let spread = log_normal(0.010, 0.003).unwrap();
        let mut rng = SmallRng::seed_from_u64(7);
        let mut samples: Vec<f64> = (0..20_000).map(|_| spread.sample(&mut rng)).collect();
        samples.sort_by(f64::total_cmp);
        let mean = samples.iter().sum::<f64>() / 20_000.0;
        let deviation = (samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 20_000.0).sqrt();
        assert!((samples[10_000] - 0.010).abs() < 0.0002, "median {}", samples[10_000]);
        assert!((deviation - 0.003).abs() < 0.0002, "deviation {deviation}");
    }
}
