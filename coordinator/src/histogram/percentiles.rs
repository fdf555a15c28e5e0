//! What a summary says of a histogram.

use results::Percentiles;

use super::Histogram;

/// The percentiles that are shown; zeros when the histogram is empty.
pub(crate) fn percentiles(histogram: &Histogram) -> Percentiles {
    let at = |quantile| if histogram.is_empty() { 0 } else { histogram.value_at_quantile(quantile) };
    Percentiles::read(histogram.len(), at)
}

/// The curve of a distribution: denser where it matters, and only as far as the samples reach.
pub(crate) fn curve(histogram: &Histogram) -> Vec<(f64, u64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    CURVE.iter().map(|percent| (*percent, histogram.value_at_quantile(percent / 100.0))).collect()
}

const CURVE: [f64; 24] = [
    0.0, 5.0, 10.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.0, 98.0,
    99.0, 99.5, 99.9, 99.99, 99.999, 100.0,
];
