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
    /// How far the agent's wall clock is ahead of ours, µs, less what its word took to come here.
    wall_us: Option<i64>,
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

    /// The agent's wall clock said this when it spoke, and ours when it was heard, both in µs. What came fastest tells the most:
    /// every delay makes the agent's clock look late.
    pub(crate) fn add_wall(&mut self, agent_us: u64, our_us: u64) {
        let ahead = i64::try_from(i128::from(agent_us) - i128::from(our_us)).unwrap_or_default();
        self.wall_us = Some(self.wall_us.map_or(ahead, |known| known.max(ahead)));
    }

    /// The agent's wall clock minus ours, µs, as exact as half the shortest round trip; `None` where it never told.
    pub(crate) fn wall_offset_us(&self) -> Option<i64> {
        let on_its_way = i64::try_from(self.round_trip_us() / 2).unwrap_or_default();
        self.wall_us.map(|ahead| ahead.saturating_add(on_its_way))
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
    fn wall_clocks_are_compared_by_what_came_fastest() {
        let mut clock = ClockOffset::default();
        assert_eq!(clock.wall_offset_us(), None);
        // Agent clocks that began with their process are seconds apart, and say nothing of wall clocks.
        clock.add(1_000, 44_501_100, 1_200);
        clock.add_wall(2_000_000, 2_090_000);
        clock.add_wall(3_000_000, 2_999_900);
        clock.add_wall(4_000_000, 4_000_500);
        assert_eq!(clock.wall_offset_us(), Some(200));
    }

    #[test]
    fn an_instant_before_the_clock_of_an_agent_began_is_negative() {
        let mut clock = ClockOffset::default();
        clock.add(1_000_000, 10, 1_000_002);
        assert_eq!(clock.to_agent(5), 10 - 999_996);
        assert_eq!(clock.to_agent(1_000_100), 109);
    }
}
