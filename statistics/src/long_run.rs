//! How much a sum over a run varies when neighbouring seconds resemble each other.

/// What a series says about the variance of its own sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRun {
    /// The variance of the sum of all its values.
    pub sum_variance: f64,
    /// Independent values that would say as much as the series does.
    pub independent: f64,
}

/// Estimates the variance of the sum of a series around its mean.
///
/// A few high values beside each other are one accident, not several: the variance of a sum is that of its values times
/// `1 + 2·Σ ρ(k)` over the autocorrelations. The sum of estimated ρ(k) is too small for short series, and a first-order model of
/// single seconds misses a slow movement below the noise. So the series is cut into batches of 1, 2, 4, … values, each
/// length is given a first-order model with Kendall's correction for the bias of ρ(1), and the largest variance counts.
/// That errs on the side of caution (ADR 15 has the figures).
pub fn long_run(series: &[f64]) -> LongRun {
    let n = series.len();
    let mean = series.iter().sum::<f64>() / n.max(1) as f64;
    let centred: Vec<f64> = series.iter().map(|value| value - mean).collect();
    let naive = centred.iter().map(|value| value * value).sum::<f64>();
    if n < 2 || naive <= 0.0 {
        return LongRun { sum_variance: 0.0, independent: n as f64 };
    }
    // An unbiased estimate divides by n − 1, for the sum of n values.
    let naive = naive * n as f64 / (n - 1) as f64;
    let (mut largest, mut length) = (naive, 1);
    while n / length >= FEWEST_BATCHES {
        largest = largest.max(of_batches(&centred, length));
        length *= 2;
    }
    LongRun { sum_variance: largest, independent: (n as f64 * naive / largest).max(1.0) }
}

/// The variance of the sum by batches of this length.
fn of_batches(centred: &[f64], length: usize) -> f64 {
    let sums: Vec<f64> = centred.chunks_exact(length).map(|batch| batch.iter().sum()).collect();
    let m = sums.len() as f64;
    let mean = sums.iter().sum::<f64>() / m;
    let squares = sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum::<f64>();
    if squares <= 0.0 {
        return 0.0;
    }
    let neighbours = sums.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>();
    let raw = neighbours / squares;
    // Kendall 1954, Marriott & Pope 1954: E[r] = ρ − (1 + 3ρ)/m.
    let rho = (raw + (1.0 + 3.0 * raw) / m).clamp(0.0, MOST_ALIKE);
    let whole = centred.len() as f64 / (m * length as f64);
    squares / (m - 1.0) * m * whole * (1.0 + rho) / (1.0 - rho)
}

/// Fewer batches say nothing about how alike neighbours are.
const FEWEST_BATCHES: usize = 8;
/// Beyond it the series hardly returns to its mean: the estimate would be infinite.
const MOST_ALIKE: f64 = 0.98;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draws;

    /// A first-order series of variance 1, with noise of variance `noise` on top.
    fn series(draws: &mut Draws, n: usize, rho: f64, noise: f64) -> Vec<f64> {
        let mut state = draws.normal();
        let next = |_| {
            state = rho * state + (1.0 - rho * rho).sqrt() * draws.normal();
            state + noise.sqrt() * draws.normal()
        };
        (0..n).map(next).collect()
    }

    #[test]
    fn a_sum_of_likes_varies_more_and_the_estimate_says_how_much() {
        let mut draws = Draws::new(11);
        for (rho, noise) in [(0.0, 0.0), (0.5, 0.0), (0.9, 0.0), (0.9, 3.0)] {
            let n = 300;
            let (mut estimates, mut sums) = (0.0, 0.0);
            for _ in 0..400 {
                let series = series(&mut draws, n, rho, noise);
                estimates += long_run(&series).sum_variance / 400.0;
                sums += series.iter().sum::<f64>().powi(2) / 400.0;
            }
            let ratio = estimates / sums;
            println!("rho {rho}, noise {noise}: estimated {estimates:.0}, true {sums:.0}, ratio {ratio:.2}");
            assert!((0.75..3.5).contains(&ratio), "rho {rho}, noise {noise}: {ratio}");
        }
    }

    #[test]
    fn series_without_variation_are_no_division_by_zero() {
        assert_eq!(long_run(&[]).sum_variance, 0.0);
        assert_eq!(long_run(&[1.0]).sum_variance, 0.0);
        assert_eq!(long_run(&[2.0; 50]), LongRun { sum_variance: 0.0, independent: 50.0 });
    }
}
