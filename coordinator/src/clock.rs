//! How far an agent's clock is from ours.

/// One round trip of a ping.
#[derive(Clone, Copy, Debug)]
struct Round {
    round_trip_us: u64,
    offset_us: i64,
}

/// The offset of one agent's clock, from the round with the shortest round trip of the last [`KEPT`]: the less time on
/// the way, the less of it can be lopsided.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClockOffset {
    rounds: Vec<Round>,
    next: usize,
}

impl ClockOffset {
    /// A ping sent at `sent_us` by our clock was answered at `agent_us` by the agent's and came back at `now_us`.
    pub(crate) fn add(&mut self, sent_us: u64, agent_us: u64, now_us: u64) {
        let Some(round_trip_us) = now_us.checked_sub(sent_us) else { return };
        let half_way = sent_us + round_trip_us / 2;
        let offset_us = i64::try_from(i128::from(agent_us) - i128::from(half_way)).unwrap_or_default();
        let round = Round { round_trip_us, offset_us };
        match self.rounds.get_mut(self.next) {
            Some(oldest) => *oldest = round,
            None => self.rounds.push(round),
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// How many rounds there were, at most [`KEPT`].
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The agent's clock minus ours, µs.
    pub(crate) fn offset_us(&self) -> i64 {
        self.best().map_or(0, |round| round.offset_us)
    }

    /// The shortest round trip, µs.
    pub(crate) fn round_trip_us(&self) -> u64 {
        self.best().map_or(0, |round| round.round_trip_us)
    }

    /// An instant of our clock, on the agent's, which it may have begun after: negative then.
    pub(crate) fn to_agent(&self, our_us: u64) -> i64 {
        i64::try_from(i128::from(our_us) + i128::from(self.offset_us())).unwrap_or_default()
    }

    fn best(&self) -> Option<&Round> {
        self.rounds.iter().min_by_key(|round| round.round_trip_us)
    }
}

const KEPT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_comes_from_the_shortest_round_trip() {
        let mut clock = ClockOffset::default();
        clock.add(1_000, 51_900, 3_000);
        clock.add(5_000, 55_100, 5_200);
        clock.add(8_000, 60_000, 9_000);
        assert_eq!((clock.offset_us(), clock.round_trip_us()), (50_000, 200));
        assert_eq!(clock.to_agent(10_000), 60_000);
    }

    #[test]
    fn an_instant_before_the_clock_of_an_agent_began_is_negative() {
        let mut clock = ClockOffset::default();
        clock.add(1_000_000, 10, 1_000_002);
        assert_eq!(clock.to_agent(5), 10 - 999_996);
        assert_eq!(clock.to_agent(1_000_100), 109);
    }
}
