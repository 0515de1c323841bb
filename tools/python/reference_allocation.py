"""Reference optima for the allocator's tests: the best objective of each instance, by scipy.

Reads a JSON list of instances from standard input, writes a JSON list of {"objective", "weights"} to standard output. It shares no code with the allocator:
rates are computed in floating point from the protocols' formulas, and the solvers are scipy's.
"""

import itertools
import json
import sys

import numpy as np
from scipy.optimize import linprog, minimize


def segments(venue):
    """The venue's range of positions, cut where utilisation passes the kink, each with borrow rate = a + b * u."""
    kink, low, high = venue["kink"], venue["low"], venue["high"]
    at_kink = venue["borrowed"] / kink - venue["others"]  # Above this position utilisation is below the kink.
    cuts = [
        (0.0, min(max(at_kink, 0.0), venue["most"]), high),
        (min(max(at_kink, 0.0), venue["most"]), venue["most"], low),
    ]
    return [cut for cut in cuts if cut[1] > cut[0]] or [(0.0, 0.0, low)]


def earned(venue, line, p):
    """A year's interest on a position p and its first two derivatives in p."""
    (a, b), beta, kept = line, venue["borrowed"], 1.0 - venue["fee"]
    s = venue["others"] + p
    if s <= 0.0:
        return 0.0, 0.0, 0.0
    other = venue["others"]
    value = kept * p * (a * beta / s + b * beta**2 / s**2)
    slope = kept * (a * beta * other / s**2 + b * beta**2 * (other - p) / s**3)
    curve = kept * (-2 * a * beta * other / s**3 + b * beta**2 * (2 * p - 4 * other) / s**4)
    return value, slope, curve


def convex(instance):
    """Each venue is one market. Where the yield has a kink, both sides of it are tried: each side is concave."""
    venues, budget = instance["venues"], instance["budget"]
    best = (-np.inf, None)
    for choice in itertools.product(*[segments(venue) for venue in venues]):
        low = np.array([part[0] for part in choice])
        high = np.array([part[1] for part in choice])
        if low.sum() > budget:
            continue
        for venue, part in zip(venues, choice):
            for p in np.linspace(part[0], part[1], 9):
                assert earned(venue, part[2], p)[2] <= 1e-12, "an instance is not concave between its kinks"

        # The multiplier of the budget, by bisection; each venue answers it with its own best position, by bisection as well.
        def answer(price):
            positions = []
            for venue, (first, last, line) in zip(venues, choice):
                below, above = first, last
                for _ in range(60):
                    middle = (below + above) / 2
                    if earned(venue, line, middle)[1] > price:
                        below = middle
                    else:
                        above = middle
                positions.append((below + above) / 2)
            return np.array(positions)

        positions = answer(0.0)
        if positions.sum() > budget:
            cheap, dear = 0.0, 1e3
            for _ in range(60):
                price = (cheap + dear) / 2
                if answer(price).sum() > budget:
                    cheap = price
                else:
                    dear = price
            positions = answer(dear)
        total = sum(earned(venue, part[2], p)[0] for venue, part, p in zip(venues, choice, positions))
        # scipy from the bisection's answer may only find the same.
        if instance["polish"]:
            free = [i for i in range(len(venues)) if high[i] > low[i]]
            if free:
                found = minimize(
                    lambda x: -sum(earned(v, part[2], p)[0] for v, part, p in zip(venues, choice, x)),
                    np.clip(positions, low, high),
                    jac=lambda x: [-earned(v, part[2], p)[1] for v, part, p in zip(venues, choice, x)],
                    bounds=list(zip(low, high)),
                    constraints=[{"type": "ineq", "fun": lambda x: budget - x.sum(), "jac": lambda x: -np.ones(len(x))}],
                    method="SLSQP",
                    options={"ftol": 1e-16, "maxiter": 500},
                )
                inside = np.clip(found.x, low, high)
                if inside.sum() <= budget * (1 + 1e-12) and -found.fun > total:
                    assert -found.fun <= total * (1 + 1e-9) + 1e-12, "scipy finds better than bisection"
        if total > best[0]:
            best = (total, positions)
    return best


def mean_variance(instance):
    mean, most = np.array(instance["mean"]), np.array(instance["most"])
    n, aversion, budget = len(mean), instance["risk_aversion"], instance["budget"]
    covariance = np.array(instance["covariance"]).reshape(n, n)
    objective = lambda w: mean @ w - aversion / 2 * w @ covariance @ w
    best = (-np.inf, None)
    for start in [np.zeros(n), most * min(1.0, budget / max(most.sum(), 1e-12))]:
        found = minimize(
            lambda w: -100.0 * objective(w),
            start,
            jac=lambda w: -100.0 * (mean - aversion * covariance @ w),
            bounds=[(0.0, m) for m in most],
            constraints=[{"type": "ineq", "fun": lambda w: budget - w.sum(), "jac": lambda w: -np.ones(n)}],
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 1000},
        )
        weights = np.clip(found.x, 0.0, most)
        weights *= min(1.0, budget / max(weights.sum(), 1e-12))
        if objective(weights) > best[0]:
            best = (objective(weights), weights)
    return best


def cvar(instance):
    """Rockafellar and Uryasev's program as they wrote it: weights, the threshold, and the excess of each scenario."""
    scenarios = np.array(instance["scenarios"])
    s, n = scenarios.shape
    aversion, tail = instance["risk_aversion"], (1.0 - instance["confidence"]) * s
    cost = np.concatenate([-scenarios.mean(axis=0), [aversion], np.full(s, aversion / tail)])
    rows = np.vstack(
        [np.hstack([-scenarios, -np.ones((s, 1)), -np.eye(s)]), np.concatenate([np.ones(n), np.zeros(s + 1)])[None, :]]
    )
    bounds = [(0.0, m) for m in instance["most"]] + [(None, None)] + [(0.0, None)] * s
    found = linprog(cost, A_ub=rows, b_ub=np.concatenate([np.zeros(s), [instance["budget"]]]), bounds=bounds)
    assert found.status == 0, found.message
    return -found.fun, found.x[:n]


SOLVERS = {"convex": convex, "mean_variance": mean_variance, "cvar": cvar}


def main():
    answers = []
    for instance in json.load(sys.stdin):
        objective, weights = SOLVERS[instance["kind"]](instance)
        answers.append({"objective": float(objective), "weights": [float(weight) for weight in weights]})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
