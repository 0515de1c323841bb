"""Areas under the curve and exact intervals by scipy, for keeper/backtest/tests/validity.

Reads one JSON object on standard input and writes one with the same keys on standard output: for each question its answers, in order.
"""

import json
import sys

from scipy import stats


def area(case):
    """Mann and Whitney's U of those that it happened to, over the number of pairs."""
    happened, others = case["happened"], case["others"]
    return stats.mannwhitneyu(happened, others).statistic / (len(happened) * len(others))


def rate(case):
    seen, of = case
    found = stats.binomtest(seen, of).proportion_ci(confidence_level=0.95, method="exact")
    return [found.low, found.high]


asked = json.load(sys.stdin)
json.dump({"area": [area(case) for case in asked["area"]], "rate": [rate(case) for case in asked["rate"]]}, sys.stdout)
