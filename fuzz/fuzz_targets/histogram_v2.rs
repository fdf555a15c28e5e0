#![no_main]
//! Histograms of agents: what is accepted holds as many samples as its buckets say, and can be added.

use coordinator::{Histogram, decode_v2};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut whole = HEAD.to_vec();
    whole[4..8].copy_from_slice(&u32::try_from(input.len()).expect("a short input").to_be_bytes());
    whole.extend_from_slice(input);
    for octets in [input, &whole] {
        let Ok(samples) = decode_v2(octets) else { continue };
        assert_eq!(samples.pairs().iter().map(|(_, count)| count).sum::<u64>(), samples.total());
        let mut histogram = Histogram::default();
        histogram.add_samples(&samples);
        assert_eq!(histogram.len(), samples.total());
        assert!(histogram.value_at_quantile(0.5) <= histogram.max());
    }
});

/// The head of HdrHistogram V2 with 3 digits from 1 µs to 600 s, so that the input gets further than it.
const HEAD: [u8; 40] = {
    let mut head = [0; 40];
    (head[0], head[1], head[2], head[3]) = (0x1c, 0x84, 0x93, 0x13);
    head[15] = 3;
    head[23] = 1;
    (head[28], head[29], head[30], head[31]) = (0x23, 0xc3, 0x46, 0x00);
    (head[32], head[33]) = (0x3f, 0xf0);
    head
};
