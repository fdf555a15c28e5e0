//! Counter-based randomness: any value of any stream is a pure function of its place, so a shard can be taken up
//! anywhere in its schedule.

/// The seed of an independent random stream: the run's `seed`, and the place of the stream (purpose, shard, UE …).
///
/// Streams of different `parts`, also of different lengths, are independent for all that load generation can see.
pub fn stream_seed(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(mix(seed ^ STREAM_DOMAIN), |state, part| {
        mix(state.rotate_left(17) ^ mix(part.wrapping_add(GOLDEN_GAMMA)))
    })
}

/// SplitMix64 (Steele, Lea, Flood 2014): value number `counter` of the stream `seed`, without the ones before it.
#[derive(Clone, Debug)]
pub(crate) struct CounterRng {
    seed: u64,
    counter: u64,
}

impl CounterRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    /// The same stream from its beginning.
    pub(crate) fn restarted(&self) -> Self {
        Self::new(self.seed)
    }

    fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        mix(self.seed.wrapping_add(self.counter.wrapping_mul(GOLDEN_GAMMA)))
    }

    /// A standard exponential variable: the gap between two arrivals of a Poisson process of rate 1.
    pub(crate) fn next_exponential(&mut self) -> f64 {
        // 53 bits, half a step above zero: never 0, never 1, so that the logarithm is finite and the gap positive.
        let uniform = ((self.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -uniform.ln()
    }
}

/// The finaliser of SplitMix64: a bijection which spreads every bit of its input over all bits.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// 2⁶⁴ divided by the golden ratio, odd: successive multiples are spread evenly.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Keeps `stream_seed(seed, &[])` apart from the seed itself.
const STREAM_DOMAIN: u64 = 0x524f_414d_5354_524d;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence() {
        // SplitMix64 seeded with 1234567, as published with Vigna's reference implementation (Rosetta Code's check).
        let mut rng = CounterRng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
        assert_eq!(rng.next_u64(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn streams_of_different_places_differ() {
        let places: [&[u64]; 7] = [&[], &[0], &[1], &[0, 0], &[0, 1], &[1, 0], &[0, 0, 0]];
        let mut seeds: Vec<u64> = places.iter().map(|parts| stream_seed(7, parts)).collect();
        seeds.extend(places.iter().map(|parts| stream_seed(8, parts)));
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 2 * places.len());
    }

    #[test]
    fn exponential_gaps_have_mean_one() {
        let mut rng = CounterRng::new(stream_seed(1, &[2, 3]));
        let mean = (0..100_000).map(|_| rng.next_exponential()).sum::<f64>() / 100_000.0;
        assert!((mean - 1.0).abs() < 0.02, "mean {mean}");
    }
}
