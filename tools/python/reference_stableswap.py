"""What a swap in a StableSwap pool gives, computed a second time.

Written from the invariant alone (Ann·Σx + D = Ann·D + D^(n+1) / (n^n · Πx), Ann = A·n), by bisection with 90 decimal digits instead of Newton's method
in integers. Takes a list of {"balances" (18 decimals), "amplification", "fee" (parts of 10^10), "from", "to", "amount" (6 decimals)} as JSON and prints a
list of {"invariant", "out", "price"} as decimal texts: 18 decimals, 6 decimals before rounding, 1.
"""

import json
import sys
from decimal import Decimal, getcontext

getcontext().prec = 90
HALVINGS = 220


def bisect(low, high, too_small):
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_small(middle) else (low, middle)
    return (low + high) / 2


def last_term(d, balances):
    term = d
    for balance in balances:
        term = term * d / (len(balances) * balance)
    return term


def excess(d, balances, ann):
    """Positive while d is below the invariant of the balances."""
    return ann * sum(balances) + d - ann * d - last_term(d, balances)


def invariant(balances, ann):
    return bisect(Decimal(0), 2 * sum(balances), lambda d: excess(d, balances, ann) > 0)


def answer(case):
    balances = [Decimal(balance) for balance in case["balances"]]
    ann = Decimal(case["amplification"]) * len(balances)
    source, target = case["from"], case["to"]
    d = invariant(balances, ann)

    def slope(index):
        return ann + last_term(d, balances) / balances[index]

    price = slope(source) / slope(target)
    after = list(balances)
    after[source] += Decimal(case["amount"]) * 10**12

    def too_small(left):
        after[target] = left
        return excess(d, after, ann) < 0

    left = bisect(Decimal(1) / 10**6, balances[target], too_small)
    out = (balances[target] - left) * (1 - Decimal(case["fee"]) / 10**10) / 10**12
    return {"invariant": str(d), "out": str(out), "price": str(price)}


print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
