//! A seeded message network in virtual time: messages are lost, delayed, doubled and overtaken; no I/O.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

/// What the network does to a message; probabilities are in 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// Never arrives.
    pub loss: f64,
    /// Arrives twice.
    pub duplicate: f64,
    /// May be overtaken by messages sent later on its stream.
    pub reorder: f64,
    /// Shortest time on the way.
    pub delay_min: Duration,
    /// Longest time on the way.
    pub delay_max: Duration,
}

impl Default for Conditions {
    /// A perfect network with a delay of 1 ms.
    fn default() -> Self {
        let delay = Duration::from_millis(1);
        Self { loss: 0.0, duplicate: 0.0, reorder: 0.0, delay_min: delay, delay_max: delay }
    }
}

/// A message between two nodes, which the test numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub from: u32,
    pub to: u32,
    pub stream: u16,
    pub ppid: u32,
    pub payload: Vec<u8>,
}

/// The network: the same seed, conditions and calls give the same deliveries.
#[derive(Debug)]
pub struct Network {
    rng: ChaCha8Rng,
    conditions: Conditions,
    in_flight: BTreeMap<u64, Packet>,
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Until when the stream of a pair of nodes is busy with earlier messages.
    ordered_until: BTreeMap<(u32, u32, u16), Instant>,
    next: u64,
    lost: u64,
}

impl Network {
    /// A network without messages in it.
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            conditions,
            in_flight: BTreeMap::new(),
            due: BinaryHeap::new(),
            ordered_until: BTreeMap::new(),
            next: 0,
            lost: 0,
        }
    }

    /// Changes what happens to messages sent from now on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Sends a message at `now`.
    pub fn send(&mut self, now: Instant, packet: Packet) {
        if self.happens(self.conditions.loss) {
            self.lost += 1;
            return;
        }
        if self.happens(self.conditions.duplicate) {
            self.schedule(now, packet.clone());
        }
        self.schedule(now, packet);
    }

    /// The next message that has arrived by `now`, in order of arrival.
    pub fn receive(&mut self, now: Instant) -> Option<Packet> {
        let Reverse((at, number)) = *self.due.peek()?;
        if at > now {
            return None;
        }
        self.due.pop();
        self.in_flight.remove(&number)
    }

    /// When the next message arrives; `None` when nothing is on the way.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Messages lost so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn schedule(&mut self, now: Instant, packet: Packet) {
        let (min, max) =
            (self.conditions.delay_min, self.conditions.delay_max.max(self.conditions.delay_min));
        let mut at = now + min + (max - min).mul_f64(self.rng.random::<f64>());
        if !self.happens(self.conditions.reorder) {
            let until = self.ordered_until.entry((packet.from, packet.to, packet.stream)).or_insert(at);
            at = at.max(*until);
            *until = at;
        }
        self.in_flight.insert(self.next, packet);
        self.due.push(Reverse((at, self.next)));
        self.next += 1;
    }

    fn happens(&mut self, probability: f64) -> bool {
        // Always draws, so that changing one probability leaves the other decisions alone.
        self.rng.random::<f64>() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(number: u32) -> Packet {
        Packet { from: 0, to: 1, stream: 0, ppid: 60, payload: number.to_be_bytes().to_vec() }
    }

    fn run(seed: u64, conditions: Conditions, count: u32) -> (Vec<Vec<u8>>, u64) {
        let start = Instant::now();
        let mut network = Network::new(seed, conditions);
        for number in 0..count {
            network.send(start + Duration::from_micros(u64::from(number)), packet(number));
        }
        let mut received = Vec::new();
        while let Some(at) = network.next_deadline() {
            assert!(network.receive(at - Duration::from_nanos(1)).is_none(), "nothing arrives early");
            received.push(network.receive(at).unwrap().payload);
        }
        (received, network.lost())
    }

    #[test]
    fn network_without_faults_keeps_every_message_in_order() {
        let slow = Conditions { delay_max: Duration::from_millis(50), ..Conditions::default() };
        let (received, lost) = run(1, slow, 100);
        assert_eq!(lost, 0);
        assert_eq!(received, (0..100u32).map(|n| n.to_be_bytes().to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn network_with_reordering_lets_messages_overtake() {
        let conditions =
            Conditions { reorder: 0.5, delay_max: Duration::from_millis(50), ..Conditions::default() };
        let (received, _) = run(2, conditions, 100);
        assert_eq!(received.len(), 100);
        assert!(received.windows(2).any(|pair| pair[0] > pair[1]));
    }

    proptest! {
        /// Sent + doubled = received + lost, and a seed replays itself.
        #[test]
        fn network_accounts_for_every_message(seed: u64, loss in 0.0..1.0f64, reorder in 0.0..1.0f64) {
            let conditions = Conditions { loss, reorder, delay_max: Duration::from_millis(9), ..Conditions::default() };
            let (received, lost) = run(seed, conditions.clone(), 50);
            prop_assert_eq!(received.len() as u64 + lost, 50);
            prop_assert_eq!(run(seed, conditions.clone(), 50), (received, lost));
            let doubled = run(seed, Conditions { loss: 0.0, duplicate: 1.0, ..conditions }, 50);
            prop_assert_eq!(doubled.0.len(), 100);
        }
    }
}
