//! Tails of the normal and of Student's distribution, through a pure-Rust libm: the same bits on every CPU.

use core::f64::consts::{PI, SQRT_2};

/// Density of the standard normal distribution.
#[must_use]
pub fn normal_density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt()
}

/// P(Z ≤ x) of a standard normal Z. Relative precision also far in the lower tail.
#[must_use]
pub fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// P(Z > x) of a standard normal Z.
#[must_use]
pub fn normal_above(x: f64) -> f64 {
    normal_below(-x)
}

/// The x with P(Z ≤ x) = p; `None` unless 0 < p < 1.
///
/// Acklam's rational approximation (relative error 1.15e-9), then two steps of Halley's method on the complementary error function, which leaves
/// the rounding of the last.
#[must_use]
pub fn normal_quantile(p: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    if p > 0.5 {
        // Exact: p is in [0.5, 1].
        return normal_quantile(1.0 - p).map(|x| -x);
    }
    let mut x = acklam(p);
    for _ in 0..2 {
        let u = (normal_below(x) - p) / normal_density(x);
        x -= u / (1.0 + 0.5 * x * u);
    }
    Some(x)
}

/// P. J. Acklam, "An algorithm for computing the inverse normal cumulative distribution function" (2003), for p ≤ 1/2.
fn acklam(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p < 0.024_25 {
        let q = (-2.0 * libm::log(p)).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    } else {
        let q = p - 0.5;
        polynomial(&A, q * q) * q / polynomial(&B, q * q)
    }
}

/// P(T > t) of Student's T with `freedom` degrees of freedom, for t ≥ 0. Relative error below 1e-9 up to 10⁵ degrees of freedom; it grows in
/// proportion to them, since two logarithms of gamma functions are subtracted.
#[must_use]
pub fn student_above(t: f64, freedom: f64) -> f64 {
    0.5 * incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5)
}

/// The t ≥ 0 with P(T > t) = p; `None` unless 0 < p ≤ 1/2 and the degrees of freedom are positive. By bisection, to the last bits.
#[must_use]
pub fn student_upper(p: f64, freedom: f64) -> Option<f64> {
    if !(p > 0.0 && p <= 0.5 && freedom > 0.0 && freedom.is_finite()) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_above(high, freedom) > p {
        if high > 1e150 {
            return None;
        }
        (low, high) = (high, high * 2.0);
    }
    loop {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            return Some(high);
        }
        if student_above(middle, freedom) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22) after Lentz.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front =
        libm::exp(a * libm::log(x) + b * libm::log1p(-x) + libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b));
    // The fraction converges quickly on the left of the mean.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let held = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / held(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..500 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / held(1.0 + even * d);
        c = held(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / held(1.0 + odd * d);
        c = held(1.0 + odd / c);
        result *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_probability_has_no_quantile() {
        for p in [0.0, 1.0, -0.1, 1.1, f64::NAN] {
            assert_eq!(normal_quantile(p), None);
            assert!(p == 1.0 || student_upper(p, 5.0).is_none());
        }
        assert_eq!(normal_quantile(0.5), Some(0.0));
        assert!(student_upper(0.5, 5.0).unwrap() < 1e-7);
    }

    #[test]
    fn one_degree_of_freedom_is_cauchys_and_many_are_normal() {
        // P(T > 1) = 1/4 of Cauchy's distribution.
        assert!((student_above(1.0, 1.0) - 0.25).abs() < 1e-15);
        assert!((student_upper(0.25, 1.0).unwrap() - 1.0).abs() < 1e-14);
        assert!((student_above(2.0, 1e5) - normal_above(2.0)).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn the_quantile_inverts_the_distribution(exponent in -300.0..-0.302f64) {
            let p = libm::pow(10.0, exponent);
            let x = normal_quantile(p).unwrap();
            prop_assert!((normal_below(x) / p - 1.0).abs() < 1e-12);
        }

        #[test]
        fn students_quantile_inverts_its_tail(exponent in -12.0..-0.302f64, freedom in 2.0..2_000.0f64) {
            let p = libm::pow(10.0, exponent);
            let t = student_upper(p, freedom).unwrap();
            prop_assert!((student_above(t, freedom) / p - 1.0).abs() < 1e-10);
        }
    }
}
