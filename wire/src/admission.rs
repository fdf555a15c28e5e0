//! Who is let in next, and who is not: joins wait in a queue for each address, and the queues take turns.
//!
//! ```text
//! ask ──► refused, or asked to show that its address is its own (Retry)
//!       └─► waits, in its address's queue ──► next ──► at work ──► left
//!                                       └─► too old: forgotten
//! ```
//! An address that floods the admission so waits for itself alone. Its allowance shrinks with each join, and faster with one
//! that failed; when it is used up, its queue moves no faster than the allowance grows.
//!
//! A queue that moves too slowly must not serve only those who are about to give up, or nobody is ever served: then the
//! last one to come goes first, who has most of its patience left. One that had to wait may fail for that, and pays no more
//! than for a join.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::Settings;
use crate::settings::Allowance;

/// Whose joins take turns as one: an IPv4 address, or the /64 of an IPv6 address, all of which one host may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(IpAddr);

impl Origin {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                Self(Ipv6Addr::from(network).into())
            }
        }
    }
}

/// Why one that asks does not get into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It has to show first that its address is its own.
    Retry,
    /// There is no place left.
    Refused,
}

/// Joins that wait and joins that are worked on.
pub struct Admission<T> {
    /// Joins at work at once; half of them of one origin.
    places: usize,
    /// Joins that wait; three quarters of them of one origin.
    waiting_places: usize,
    /// How long one waits before it is forgotten: as long as an agent does.
    patience: Duration,
    of_one: Allowance,
    of_all: Bucket,
    origins: BTreeMap<Origin, Place<T>>,
    /// Origins with a queue, in the order of their turns.
    turns: VecDeque<Origin>,
    waiting: usize,
    at_work: usize,
}

/// Who has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    origin: Origin,
    /// It waited so long that it may have given up by now.
    late: bool,
}

struct Place<T> {
    queue: VecDeque<(Instant, T)>,
    at_work: usize,
    bucket: Bucket,
}

impl<T> Admission<T> {
    pub fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            places: settings.pending_joins.max(1),
            waiting_places: settings.waiting_joins.max(1),
            patience: settings.join,
            of_one: settings.joins,
            of_all: Bucket::full(settings.all_joins, now),
            origins: BTreeMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            at_work: 0,
        }
    }

    /// Somebody wants to join: it waits until [`Admission::next`] gives it back, or is given back at once.
    pub fn ask(&mut self, origin: Origin, validated: bool, join: T, now: Instant) -> Result<(), (Denied, T)> {
        // Nobody can fill the queue in another's name.
        if !validated && self.waiting + self.at_work >= self.places.div_ceil(4) {
            return Err((Denied::Retry, join));
        }
        let most_of_one = self.waiting_places - self.waiting_places / 4;
        let of_one = self.origins.get(&origin).map_or(0, |place| place.queue.len());
        if self.waiting >= self.waiting_places || of_one >= most_of_one || self.is_crowded(origin) {
            return Err((Denied::Refused, join));
        }
        let bucket = Bucket::full(self.of_one, now);
        let place = self.origins.entry(origin).or_insert_with(|| Place {
            queue: VecDeque::new(),
            at_work: 0,
            bucket,
        });
        if place.queue.is_empty() {
            self.turns.push_back(origin);
        }
        place.queue.push_back((now, join));
        self.waiting += 1;
        Ok(())
    }

    /// The next one that may go on, if there is a place at work; call [`Admission::left`] when it is done.
    pub fn next(&mut self, now: Instant) -> Option<(Turn, T)> {
        if self.at_work >= self.places || !self.of_all.has_one(now) {
            return None;
        }
        for _ in 0..self.turns.len() {
            let origin = self.turns.pop_front()?;
            let most = self.places.div_ceil(2);
            let Some(place) = self.origins.get_mut(&origin) else { continue };
            if place.at_work >= most || !place.bucket.has_one(now) {
                self.turns.push_back(origin);
                continue;
            }
            let waits = |(since, _): &(Instant, T)| now.saturating_duration_since(*since);
            let slow = place.queue.front().is_some_and(|first| waits(first) > self.patience / 2);
            let next = if slow { place.queue.pop_back() } else { place.queue.pop_front() };
            let Some(next) = next else { continue };
            let late = waits(&next) > self.patience / 4;
            place.at_work += 1;
            place.bucket.take(1, now);
            if !place.queue.is_empty() {
                self.turns.push_back(origin);
            }
            self.of_all.take(1, now);
            (self.waiting, self.at_work) = (self.waiting - 1, self.at_work + 1);
            return Some((Turn { origin, late }, next.1));
        }
        None
    }

    /// A join that [`Admission::next`] gave is done.
    pub fn left(&mut self, Turn { origin, late }: Turn, failed: bool, now: Instant) {
        self.at_work = self.at_work.saturating_sub(1);
        let failed = failed && !late;
        if failed {
            self.of_all.take(FAILURE - 1, now);
        }
        if let Some(place) = self.origins.get_mut(&origin) {
            place.at_work = place.at_work.saturating_sub(1);
            if failed {
                place.bucket.take(FAILURE - 1, now);
            }
        }
    }

    /// Forgets joins that have waited for too long, whose agents have given up, and origins that nothing is known of
    /// any more but that they were well-behaved. Says how many joins were forgotten.
    pub fn forget_the_old(&mut self, now: Instant) -> usize {
        let mut gone = 0;
        for place in self.origins.values_mut() {
            while place.queue.front().is_some_and(|(since, _)| now.duration_since(*since) > self.patience) {
                place.queue.pop_front();
                gone += 1;
            }
        }
        self.waiting -= gone;
        if gone > 0 {
            let origins = &self.origins;
            self.turns.retain(|origin| origins.get(origin).is_some_and(|place| !place.queue.is_empty()));
        }
        if self.origins.len() > MOST_ORIGINS / 2 {
            self.origins.retain(|_, place| {
                place.at_work > 0 || !place.queue.is_empty() || !place.bucket.is_full(now)
            });
        }
        gone
    }

    /// Whether this is a new origin, and there are too many.
    fn is_crowded(&self, origin: Origin) -> bool {
        self.origins.len() >= MOST_ORIGINS && !self.origins.contains_key(&origin)
    }
}

/// An allowance that is used up and grows again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    allowance: Allowance,
    /// May be below nothing: a debt.
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(allowance: Allowance, at: Instant) -> Self {
        Self { allowance, left: f64::from(allowance.at_once), at }
    }

    fn has_one(&mut self, now: Instant) -> bool {
        self.grow(now);
        self.left >= 1.0
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.grow(now);
        self.left >= f64::from(self.allowance.at_once)
    }

    fn take(&mut self, count: u32, now: Instant) {
        self.grow(now);
        self.left = (self.left - f64::from(count)).max(-f64::from(self.allowance.at_once));
    }

    fn grow(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(self.allowance.per_s);
        self.left = (self.left + grown).min(f64::from(self.allowance.at_once));
        self.at = self.at.max(now);
    }
}

/// A join that failed counts as so many.
const FAILURE: u32 = 20;
/// Origins that are remembered at most.
const MOST_ORIGINS: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(n: u8) -> Origin {
        Origin::of([127, 0, 0, n].into())
    }

    fn turn(n: u8) -> Turn {
        Turn { origin: origin(n), late: false }
    }

    fn admission(now: Instant) -> Admission<u32> {
        let settings = Settings {
            pending_joins: 8,
            waiting_joins: 100,
            join: Duration::from_secs(5),
            joins: Allowance { at_once: 40, per_s: 2 },
            all_joins: Allowance { at_once: 400, per_s: 20 },
            ..Settings::default()
        };
        Admission::new(&settings, now)
    }

    #[test]
    fn addresses_of_one_network_are_one_origin() {
        let of = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    #[test]
    fn crowd_from_one_address_keeps_no_other_waiting() {
        let now = Instant::now();
        let mut admission = admission(now);
        for join in 0..75 {
            admission.ask(origin(1), true, join, now).unwrap();
        }
        assert_eq!(admission.ask(origin(1), true, 75, now), Err((Denied::Refused, 75)));
        let at_work: Vec<_> = std::iter::from_fn(|| admission.next(now)).collect();
        assert_eq!(at_work.len(), 4, "half of the places");
        admission.ask(origin(2), true, 100, now).unwrap();
        assert_eq!(admission.next(now), Some((turn(2), 100)));
    }

    #[test]
    fn failures_use_an_allowance_up_and_it_grows_again() {
        let now = Instant::now();
        let mut admission = admission(now);
        let fails = |admission: &mut Admission<u32>, at| {
            let mut failed = 0;
            loop {
                admission.ask(origin(1), true, 0, at).unwrap();
                let Some((turn, _)) = admission.next(at) else { break failed };
                admission.left(turn, true, at);
                failed += 1;
            }
        };
        assert_eq!(fails(&mut admission, now), 2);
        // Nine seconds later: 18 joins more, or one that fails.
        assert_eq!(fails(&mut admission, now + Duration::from_secs(9)), 1);
    }

    #[test]
    fn busy_admission_asks_for_a_proof_of_the_address() {
        let now = Instant::now();
        let mut admission = admission(now);
        admission.ask(origin(1), false, 0, now).unwrap();
        admission.ask(origin(2), false, 1, now).unwrap();
        assert_eq!(admission.ask(origin(3), false, 2, now), Err((Denied::Retry, 2)));
        admission.ask(origin(3), true, 2, now).unwrap();
    }

    #[test]
    fn one_that_waited_too_long_is_forgotten() {
        let now = Instant::now();
        let mut admission = admission(now);
        admission.ask(origin(1), true, 0, now).unwrap();
        let later = now + Duration::from_secs(6);
        admission.ask(origin(1), true, 1, later).unwrap();
        assert_eq!(admission.forget_the_old(later), 1);
        assert_eq!(admission.next(later), Some((turn(1), 1)));
        assert_eq!(admission.next(later), None);
    }

    /// Seconds until all agents of one address are in. Each waits 5 s and asks again at once; one that is let in after it
    /// has given up fails, and keeps its place until that is noticed.
    fn seconds_until_all_are_in(agents: usize, used_up: u32) -> Option<u64> {
        let (settings, start) = (Settings::default(), Instant::now());
        let mut admission = Admission::new(&settings, start);
        let mut bucket = Bucket::full(settings.joins, start);
        bucket.take(used_up, start);
        admission.origins.insert(origin(1), Place { queue: VecDeque::new(), at_work: 0, bucket });
        // Until when each waits; of one that is in, nothing.
        let mut waiting = vec![Some(start); agents];
        let mut at_work: Vec<(Instant, Turn, Option<usize>)> = Vec::new();
        for step in 0..12_000 {
            let now = start + step * Duration::from_millis(10);
            for (agent, until) in waiting.iter_mut().enumerate() {
                let asks = until.is_some_and(|until| until <= now);
                let join = (agent, now + settings.join);
                if asks && admission.ask(origin(1), true, join, now).is_ok() {
                    *until = Some(join.1);
                }
            }
            admission.forget_the_old(now);
            while let Some((turn, (agent, until))) = admission.next(now) {
                let done = now + HANDSHAKE;
                let gets_in = until > done;
                let done = if gets_in { done } else { now + settings.join };
                at_work.push((done, turn, gets_in.then_some(agent)));
            }
            at_work.retain(|(done, turn, agent)| {
                if *done <= now {
                    admission.left(*turn, agent.is_none(), now);
                    agent.iter().for_each(|agent| waiting[*agent] = None);
                }
                *done > now
            });
            if waiting.iter().all(Option::is_none) {
                return Some(u64::from(step) / 100);
            }
        }
        None
    }

    const HANDSHAKE: Duration = Duration::from_millis(100);

    #[test]
    fn fleet_behind_one_address_gets_in_also_when_its_allowance_is_used_up() {
        assert!(seconds_until_all_are_in(1_000, 0).is_some_and(|seconds| seconds <= 5));
        let slow = seconds_until_all_are_in(1_000, 4_000);
        assert!(slow.is_some_and(|seconds| seconds <= 90), "{slow:?}");
    }

    proptest! {
        /// Whatever comes and goes: nobody is counted twice or for ever, and the places are kept.
        #[test]
        fn counts_hold_whatever_happens(steps in proptest::collection::vec((0u8..4, 0u8..4, any::<bool>(), 0u64..3_000), 0..300)) {
            let mut now = Instant::now();
            let mut admission = admission(now);
            let mut inside = Vec::new();
            for (what, who, flag, ms) in steps {
                now += Duration::from_millis(ms);
                match what {
                    0 => drop(admission.ask(origin(who), flag, 0, now)),
                    1 => inside.extend(admission.next(now).map(|(turn, _)| turn)),
                    2 => { admission.forget_the_old(now); },
                    _ => if let Some(turn) = inside.pop() { admission.left(turn, flag, now) },
                }
                prop_assert!(inside.len() <= 8);
                prop_assert_eq!(admission.at_work, inside.len());
                prop_assert_eq!(admission.waiting, admission.origins.values().map(|place| place.queue.len()).sum::<usize>());
                let queues = admission.origins.values().filter(|place| !place.queue.is_empty()).count();
                prop_assert_eq!(admission.turns.len(), queues);
            }
        }
    }
}
