"""The figures of keeper/risk computed by numpy and scipy, for keeper/risk/tests/risk_reference.

Reads one JSON object on standard input and writes one with the same keys on standard output: for each question its answers, in order.
"""

import json
import sys

import numpy as np
from scipy import integrate, optimize, stats


def expansion(skewness, kurtosis):
    """Cornish and Fisher's, as a function of the normal quantile."""
    return lambda z: (
        z
        + (z**2 - 1) * skewness / 6
        + (z**3 - 3 * z) * kurtosis / 24
        - (2 * z**3 - 5 * z) * skewness**2 / 36
    )


def portfolio(case):
    returns, tail = np.array(case["returns"]), case["tail"]
    mean, deviation = returns.mean(), returns.std(ddof=1)
    skewness, kurtosis = stats.skew(returns), stats.kurtosis(returns)
    # Acerbi and Tasche: integral of the step function of order statistics over the tail.
    count = len(returns)
    weights = np.clip(max(count * tail, 1.0) - np.arange(count), 0.0, 1.0)
    shortfall = -np.average(np.sort(returns), weights=weights)
    z = stats.norm.ppf(tail)
    bent = expansion(skewness, kurtosis)
    # The mean over the tail by quadrature, not by the moments of a truncated normal.
    in_tail, _ = integrate.quad(lambda x: bent(x) * stats.norm.pdf(x), -40, z, epsabs=0, epsrel=1e-12, limit=500)
    values = np.cumprod(1 + returns)
    high = np.maximum.accumulate(values)
    losses = np.sort(-returns[returns < 0])[::-1]
    worst = case["worst"]
    return {
        "mean": mean,
        "deviation": deviation,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "value_at_risk": -np.quantile(returns, tail),
        "expected_shortfall": shortfall,
        "bent_value_at_risk": -(mean + deviation * bent(z)),
        "bent_expected_shortfall": -(mean + deviation * in_tail / tail),
        "volatility": deviation * np.sqrt(365),
        "drawdown": ((high - values) / high).max(),
        "correlation": np.corrcoef(returns, np.array(case["other"]))[0, 1],
        "tail_index": 1 / np.mean(np.log(losses[:worst] / losses[worst])),
        "tail_ratio": np.quantile(returns, 0.95) / -np.quantile(returns, 0.05),
        "variation": values.std(ddof=1) / values.mean(),
    }


def tail(case):
    """Pareto's law by maximum likelihood beyond a fixed beginning, which is Hill's estimator, and its quantiles."""
    sizes = np.sort(np.abs(case["values"]))[::-1]
    largest = int(len(sizes) * case["share"])
    begins = sizes[largest]
    index, _, _ = stats.pareto.fit(sizes[:largest], floc=0, fscale=begins)
    exceeded = [stats.pareto.isf(p * len(sizes) / largest, index, scale=begins) for p in case["exceeded"]]
    return {"from": begins, "index": index, "exceeded": exceeded}


def kelly(case):
    mean, variance = case
    return optimize.minimize_scalar(lambda f: 0.5 * variance * f * f - mean * f, tol=1e-12).x


def main():
    asked = json.load(sys.stdin)
    json.dump(
        {
            "portfolio": [portfolio(case) for case in asked["portfolio"]],
            "normal": [stats.norm.ppf(p) for p in asked["normal"]],
            "student": [stats.t.isf(p, freedom) for p, freedom in asked["student"]],
            "kelly": [kelly(case) for case in asked["kelly"]],
            "tails": [tail(case) for case in asked.get("tails", [])],
        },
        sys.stdout,
    )


main()
