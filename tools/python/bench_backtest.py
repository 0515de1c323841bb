"""Hold, one venue, and the rate that was best the day before: with vectorbt, and with pandas and a plain loop.

Takes as JSON {"rates": [by day [by venue a yearly rate or null]], "first": the first day of the period, "single": a venue, "capital", "max_gap", "portfolios": how
many of vectorbt at once, "runs"} and prints {"versions", "curves": {program: {plan: [NAV at each day's end]}}, "seconds": {program: {plan: [of each run]}}}.

A day's rate is paid at its end: growth 1 + rate / 365, and on a day without a rate that of the last one. 5 % of NAV stay idle at every move. A venue that has
been without a rate for more than `max_gap` days pays out. Moves cost nothing and change no rate. The rules are those of `ballast_backtest::Plan`.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt

RESERVE = 0.05


class World:
    """What both programs start from: rates as they were read, by day and venue."""

    def __init__(self, request):
        rates = np.array([[np.nan if rate is None else rate for rate in row] for row in request["rates"]], dtype=float)
        first = request["first"]
        # The day before the period is what is known at its beginning.
        self.rates = pd.DataFrame(rates[first - 1 :])
        self.single, self.capital, self.max_gap = request["single"], request["capital"], request["max_gap"]


# ------------------------------------------------------------------------------------------------- vectorbt


def prepared(world):
    """Prices at the beginning of each day and after the last, what is known then, and who has just paid out."""
    known = world.rates.notna()
    ended = gaps(known) == world.max_gap + 1
    paid = world.rates.ffill(limit=world.max_gap + 1).fillna(0.0).iloc[1:]
    prices = pd.concat([pd.DataFrame(np.ones((1, paid.shape[1]))), (1.0 + paid / 365.0).cumprod()], ignore_index=True)
    return prices, known.reset_index(drop=True), ended.reset_index(drop=True)


def gaps(known):
    """Days since the last rate."""
    at = pd.DataFrame(np.broadcast_to(np.arange(len(known))[:, None], known.shape), index=known.index, columns=known.columns)
    return at - at.where(known).ffill()


def portfolio(world, prices, targets, portfolios):
    count = prices.shape[1]
    if portfolios > 1:
        prices, targets = (pd.concat([frame] * portfolios, axis=1, ignore_index=True) for frame in (prices, targets))
    return vbt.Portfolio.from_orders(
        prices,
        targets,
        size_type="targetpercent",
        group_by=np.repeat(np.arange(portfolios), count),
        cash_sharing=True,
        call_seq="auto",
        init_cash=[world.capital + index for index in range(portfolios)],
        freq="1D",
    ).value()


def vectorbt_hold(world, portfolios=1):
    prices, known, ended = prepared(world)
    targets = pd.DataFrame(np.nan, index=prices.index, columns=prices.columns)
    start = int(known.any(axis=1).to_numpy().argmax())
    held = known.loc[start]
    targets.loc[start] = np.where(held, (1.0 - RESERVE) / held.sum(), 0.0)
    # As parts of the NAV at the beginning: what is held, and what is idle.
    parts = targets.loc[start] / prices.loc[start]
    idle = RESERVE
    for day in ended.index[(ended & held).any(axis=1)]:
        worth = parts * prices.loc[day]
        idle += worth[ended.loc[day]].sum()
        worth[ended.loc[day]] = 0.0
        nav = worth.sum() + idle
        still = (worth > 0.0) & known.loc[day]
        if still.any():
            added = (idle - nav * RESERVE) / still.sum()
            worth, idle = worth + added * still, nav * RESERVE
        targets.loc[day] = worth / nav
        parts, held = worth / prices.loc[day], worth > 0.0
    return portfolio(world, prices, targets, portfolios)


def vectorbt_single(world, portfolios=1):
    prices, known, ended = prepared(world)
    there = known[world.single].to_numpy()
    targets = pd.DataFrame(np.nan, index=prices.index, columns=prices.columns)
    targets.loc[int(there.argmax()), world.single] = 1.0 - RESERVE
    for day in ended.index[ended[world.single]]:
        targets.loc[day, world.single] = 0.0
        again = there[day:].argmax() + day
        if there[again]:
            targets.loc[again, world.single] = 1.0 - RESERVE
    return portfolio(world, prices, targets, portfolios)


def vectorbt_best_rate(world, portfolios=1):
    prices, known, _ = prepared(world)
    best = world.rates.fillna(-1.0).to_numpy().argmax(axis=1)
    best = pd.Series(best).where(known.any(axis=1)).ffill()
    moves = best.ne(best.shift()) & best.notna()
    columns = np.arange(prices.shape[1])
    aims = np.where(columns[None, :] == best.to_numpy()[:, None], 1.0 - RESERVE, 0.0)
    targets = pd.DataFrame(np.where(moves.to_numpy()[:, None], aims, np.nan))
    # The last row is the evening of the last day, on which nothing is decided any more.
    targets.iloc[-1] = np.nan
    return portfolio(world, prices, targets, portfolios)


# --------------------------------------------------------------------------------------- pandas, a plain loop


def loop(world, choose):
    """Day by day over the rows of a frame, as one writes it down first."""
    venues = list(world.rates.columns)
    idle, held = world.capital, {venue: 0.0 for venue in venues}
    silence, last = {venue: None for venue in venues}, {}
    equity, before = [], None
    for _, today in world.rates.iterrows():
        if before is None:
            before = today
            continue
        ended = False
        for venue in venues:
            if not np.isnan(before[venue]):
                silence[venue], last[venue] = 0, before[venue]
            elif silence[venue] is not None:
                silence[venue] += 1
                if silence[venue] > world.max_gap:
                    ended = ended or held[venue] > 0.0
                    idle, held[venue], silence[venue] = idle + held[venue], 0.0, None
        known = {venue: before[venue] for venue in venues if silence[venue] == 0}
        goals = choose(known, held, idle, ended)
        if goals is not None:
            idle += sum(held.values()) - sum(goals.values())
            held = goals
        for venue in venues:
            if held[venue] > 0.0:
                rate = last[venue] if np.isnan(today[venue]) else today[venue]
                held[venue] *= 1.0 + rate / 365.0
        equity.append(idle + sum(held.values()))
        before = today
    return equity


def pandas_hold(world):
    def choose(known, held, idle, ended):
        nav = idle + sum(held.values())
        if not any(held.values()):
            part = nav * (1.0 - RESERVE) / len(known) if known else 0.0
            return {venue: part if venue in known else 0.0 for venue in held} if known else None
        still = [venue for venue in held if held[venue] > 0.0 and venue in known]
        if not ended or not still:
            return None
        part = (idle - nav * RESERVE) / len(still)
        return {venue: held[venue] + (part if venue in still else 0.0) for venue in held}

    return loop(world, choose)


def pandas_single(world):
    def choose(known, held, idle, ended):
        if any(held.values()) or world.single not in known:
            return None
        return {venue: idle * (1.0 - RESERVE) if venue == world.single else 0.0 for venue in held}

    return loop(world, choose)


def pandas_best_rate(world):
    def choose(known, held, idle, ended):
        if not known:
            return None
        best = max(known, key=known.get)
        present = next((venue for venue in held if held[venue] > 0.0), None)
        if best == present or (present in known and known[best] <= known[present]):
            return None
        nav = idle + sum(held.values())
        return {venue: nav * (1.0 - RESERVE) if venue == best else 0.0 for venue in held}

    return loop(world, choose)


def timed(run, runs):
    """Seconds of each run; the first, in which numba compiles, is not among them."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    request = json.load(sys.stdin)
    world, many, runs = World(request), request["portfolios"], request["runs"]
    plans = {
        "hold": (vectorbt_hold, pandas_hold),
        "best-single": (vectorbt_single, pandas_single),
        "best-rate": (vectorbt_best_rate, pandas_best_rate),
    }
    curves, seconds = {"vectorbt": {}, "pandas": {}}, {"vectorbt": {}, "vectorbt, many": {}, "pandas": {}}
    for name, (fast, plain) in plans.items():
        curves["vectorbt"][name] = [float(nav) for nav in np.asarray(fast(world)).reshape(-1)[1:]]
        curves["pandas"][name] = [float(nav) for nav in plain(world)]
        fast(world, many)
        seconds["vectorbt"][name] = timed(lambda: fast(world), runs)
        seconds["vectorbt, many"][name] = timed(lambda: fast(world, many), max(runs // 4, 3))
        seconds["pandas"][name] = timed(lambda: plain(world), max(runs // 4, 3))
    versions = {"vectorbt": vbt.__version__, "pandas": pd.__version__, "numpy": np.__version__}
    print(json.dumps({"versions": versions, "curves": curves, "seconds": seconds}))
