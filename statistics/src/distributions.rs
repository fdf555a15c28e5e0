//! Quantiles and tails of the normal and of Student's distribution.

/// The value below which a standard normal variable lies with this probability: Acklam's rational approximation and one
/// step of Halley's method on [`normal_tail`], good to 1e-9.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let p = probability.clamp(1e-300, 1.0 - 1e-16);
    let tail = |q: f64| polynomial(&C, q) / (polynomial(&D, q) * q + 1.0);
    let x = if p < 0.02425 {
        tail((-2.0 * p.ln()).sqrt())
    } else if p > 1.0 - 0.02425 {
        -tail((-2.0 * (1.0 - p).ln()).sqrt())
    } else {
        let (q, r) = (p - 0.5, (p - 0.5) * (p - 0.5));
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    };
    let error = if x > 0.0 { (1.0 - p) - normal_tail(x) } else { normal_tail(-x) - p };
    let step = error * (2.0 * std::f64::consts::PI).sqrt() * (x * x / 2.0).exp();
    x - step / (1.0 + x * step / 2.0)
}

/// The probability that a standard normal variable is above `x`.
pub(crate) fn normal_tail(x: f64) -> f64 {
    upper_tail(x)
}

/// The probability that Student's t with `df` degrees of freedom is above `t`, for `t` of 0 or more.
pub(crate) fn student_tail(t: f64, df: f64) -> f64 {
    incomplete_beta(df / 2.0, 0.5, df / (df + t * t)) / 2.0
}

/// The value that Student's t with `df` degrees of freedom exceeds with this probability, which is at most a half.
pub(crate) fn student_quantile_above(probability: f64, df: f64) -> f64 {
    if df > 1e6 {
        return -normal_quantile(probability);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_tail(high, df) > probability && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if student_tail(middle, df) > probability { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// Complementary error function by its continued fraction far out, and by the series of erf near zero.
fn upper_tail(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - upper_tail(-x);
    }
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x < 3.0 {
        // Φ(x) − ½ = φ(x)·(x + x³/3 + x⁵/(3·5) + …)
        let (mut term, mut sum, mut k) = (x, x, 1.0);
        while term > 1e-17 * sum {
            k += 2.0;
            term *= x * x / k;
            sum += term;
        }
        return 0.5 - density * sum;
    }
    // 1 − Φ(x) = φ(x)/(x + 1/(x + 2/(x + 3/(…
    let fraction = (1..=60).rev().fold(x, |below, k| x + f64::from(k) / below);
    density / fraction
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// The regularised incomplete beta function, by Lentz's continued fraction (Numerical Recipes §6.4).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let far = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut d = 1.0 / far(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut h) = (1.0, d);
    for m in (1..500).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / far(1.0 + even * d);
        c = far(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / far(1.0 + odd * d);
        c = far(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    h
}

/// Lanczos' approximation, for arguments above zero.
fn log_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        1.208_650_973_866_179e-3,
        -5.395_239_384_953e-6,
    ];
    let base = x + 5.5;
    let series =
        COEFFICIENTS.iter().zip(1..).fold(1.000_000_000_190_015, |sum, (c, k)| sum + c / (x + f64::from(k)));
    (x + 0.5) * base.ln() - base + (2.506_628_274_631_000_5 * series / x).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (probability, quantile) in [
            (0.5, 0.0),
            (0.975, 1.959_964),
            (0.995, 2.575_829),
            (0.001, -3.090_232),
            (1e-6, -4.753_424),
            (0.84, 0.994_458),
        ] {
            let found = normal_quantile(probability);
            assert!((found - quantile).abs() < 2e-6, "{probability}: {found}");
            assert!((normal_tail(-found) - probability).abs() < 1e-9, "{probability}");
        }
    }

    #[test]
    fn student_quantiles_are_those_of_the_tables() {
        for (probability, df, quantile) in [
            (0.025, 1.0, 12.706_2),
            (0.025, 5.0, 2.570_58),
            (0.025, 30.0, 2.042_27),
            (0.005, 10.0, 3.169_27),
            (0.001, 4.0, 7.173_18),
            (0.025, 1e7, 1.959_96),
        ] {
            let found = student_quantile_above(probability, df);
            assert!((found / quantile - 1.0).abs() < 1e-4, "{probability} {df}: {found}");
        }
    }
}
