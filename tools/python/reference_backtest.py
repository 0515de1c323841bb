"""The equity curves of `hold` and `best-single`, computed a second time.

Written from docs/BACKTEST.md alone, with pandas and Python's integers, and none of the keeper's code. Takes {"data", "start", "end",
"capital"} as JSON and prints {"hold": [NAV in USDC at each day's end], "best-single": [...]}.
"""

import json
import math
import sys
from pathlib import Path

import pandas as pd

WAD = 10**18
YEAR = 365 * 86400
SIMPLE = {"dobbo_aave_usdc", "ccw_aave", "viet_compound_v2", "viet_aave_v2", "theo_aavescan", "theo_morpho"}
SLUGS = {"aave": "aave-v3", "compound": "compound-v3", "morpho": "morpho-blue", "sky": "sky-lending"}
GAS = [362_181, 537_582, 739_862, 845_208]


def table(directory, name):
    for ending in (".csv.gz", ".csv"):
        path = Path(directory) / (name + ending)
        if path.exists():
            return pd.read_csv(path)
    return None


def simple(frame, column):
    """Percent a year as the source gives it to a simple daily-compounding rate, a fraction."""
    values = frame[column] / 100.0
    compounded = values.map(lambda apy: 365.0 * math.expm1(math.log1p(apy) / 365.0) if apy == apy else apy)
    return values.where(frame["source_id"].isin(SIMPLE), compounded)


def by_day(frame, column, days):
    """Day by day the value of the source that had the most values by then; among equals of one that has a borrow rate, then the first by name."""
    frame = frame[frame[column].notna()].sort_values("date_utc").copy()
    frame["before"] = frame.groupby(["source_id", "pool"]).cumcount()
    frame["both"] = frame["borrow"].notna()
    best = frame.sort_values(["date_utc", "before", "both", "source_id", "pool"], ascending=[True, False, False, True, True])
    return best.drop_duplicates("date_utc").set_index("date_utc")[column].reindex(days)


class Day:
    """A lending market that pays what was observed."""

    def __init__(self, supply, borrow, tvl, borrowed, liquidity, aave_v2):
        if not math.isnan(tvl) and not math.isnan(borrowed):
            supplied, lent = tvl, min(borrowed, tvl * 0.98)
        else:
            if not math.isnan(borrow) and borrow > 0 and aave_v2:
                u = min(0.9 * borrow / 0.04 if borrow <= 0.04 else 0.9 + (borrow - 0.04) / 0.6 * (1.0 - 0.9), 0.98)
            elif not math.isnan(borrow) and borrow > 0:
                u = min(supply / (borrow * 0.9), 0.98)
            else:
                u = 0.8
            supplied = liquidity / (1.0 - u)
            lent = supplied * u
        self.supplied, self.lent = int(supplied * 1e6), int(lent * 1e6)
        self.optimal, self.fee = WAD // 10 * 9, WAD // 10
        self.slope1 = self.slope2 = 0
        rate, u = int(supply * 1e18), self.used(0)
        if rate and u:
            borrow_rate = (rate * WAD // (WAD - self.fee) + 1) * WAD // u + 1
            if u <= self.optimal:
                self.slope1 = borrow_rate * self.optimal // u + 1
                self.slope2 = max(WAD // 10 * 6, self.slope1)
            else:
                self.slope1 = min(borrow_rate, WAD // 1000 * 55)
                self.slope2 = (borrow_rate - self.slope1) * (WAD - self.optimal) // (u - self.optimal) + 1

    def used(self, ours):
        supplied = self.supplied + ours
        return WAD if self.lent >= supplied else self.lent * WAD // supplied

    def rate(self, ours):
        u = self.used(ours)
        rate = self.slope1 * min(u, self.optimal) // self.optimal
        if u > self.optimal:
            rate += self.slope2 * (u - self.optimal) // (WAD - self.optimal)
        return rate * u // WAD * (WAD - self.fee) // WAD

    def earns(self, ours):
        gross = ours * (self.rate(0) * 86400) // (WAD * YEAR)
        return min(gross, ours * (self.rate(ours) * 86400) // (WAD * YEAR))


def read(directory, days):
    rates = table(directory, "lending_rates_daily")
    rates = rates[(rates["chain"] == "ethereum") & rates["asset"].isin(["USDC", "SUSDS"])].copy()
    rates["pool"] = rates["pool"].fillna("")
    rates["supply"], rates["borrow"] = simple(rates, "supply_apy_pct"), simple(rates, "borrow_apy_pct")
    tokens, protocols = table(directory, "aave_tvl_by_token_daily"), table(directory, "protocol_tvl_daily")
    venues = {}
    for (protocol, asset), rows in rates.groupby(["protocol", "asset"]):
        column = {name: by_day(rows, name, days) for name in ("supply", "borrow", "tvl_usd", "borrowed_usd")}
        liquidity = column["tvl_usd"].copy()
        if protocol == "aave" and tokens is not None:
            known = tokens[tokens["asset"] == "USDC"].set_index("date_utc")["tvl_usd"]
            liquidity = liquidity.combine_first(known.reindex(days))
        if protocol in SLUGS and protocols is not None:
            known = protocols[protocols["protocol_slug"] == SLUGS[protocol]].set_index("date_utc")["tvl_usd"]
            liquidity = liquidity.combine_first(known.reindex(days) * 0.037)
        liquidity = liquidity.fillna(50e6)
        venues[f"{protocol}/ethereum/{asset.lower()}"] = [
            None
            if math.isnan(column["supply"][day])
            else Day(column["supply"][day], column["borrow"][day], column["tvl_usd"][day], column["borrowed_usd"][day], liquidity[day], protocol == "aave" and day < "2023-07-01")
            for day in days
        ]
    return dict(sorted(venues.items()))


def prices(directory, days):
    """Wei per gas, ETH/USD and USDC/USD of each day, in integers."""
    gas = table(directory, "eth_gas_daily").set_index("date_utc").reindex(days)
    coins = table(directory, "stablecoin_prices_daily")
    usdc = coins[coins["symbol"] == "USDC"].copy()
    usdc["date_utc"] = usdc["date_utc"].str[:10]
    usdc = usdc.set_index("date_utc")["close_usd"].reindex(days)
    rounds = table(directory, "chainlink_stablecoin_rounds")
    if rounds is not None:
        rounds = rounds[rounds["symbol"] == "USDC"]
        usdc = usdc.combine_first(rounds.groupby(rounds["timestamp_utc"].str[:10])["price_usd"].last().reindex(days))
    hourly = table(directory, "stablecoin_prices_hourly")
    if hourly is not None:
        hourly = hourly[hourly["pair"] == "USDCUSDT"]
        usdc = usdc.combine_first(hourly.groupby(hourly["timestamp_utc"].str[:10])["close"].last().reindex(days))
    gwei, ether = gas["avg_gas_price_gwei"].ffill().fillna(30.0), gas["eth_price_usd"].ffill().fillna(3000.0)
    return [(int(g * 1e9), int(e * 1e18), int(u * 1e18)) for g, e, u in zip(gwei, ether, usdc.fillna(1.0))]


def gas_cost(legs, price):
    gas = GAS[legs - 1] if legs <= 4 else GAS[3] + (GAS[3] - GAS[2]) * (legs - 4)
    wei, ether, usdc = price
    return -(-(gas * wei * ether * 10**6) // (WAD * usdc))


def run(venues, price, first, choose):
    """`choose(known, positions, nav, idle, ended)` gives the goals, or None; equity in base units by day from `first` on."""
    names = list(venues)
    idle, held = 10**6 * CAPITAL, {name: 0 for name in names}
    silence, last, equity = {name: None for name in names}, {name: None for name in names}, []
    for day in range(first, len(price)):
        ended = False
        for name in names:
            before = venues[name][day - 1]
            if before is not None:
                silence[name], last[name] = 0, before
            elif silence[name] is not None:
                silence[name] += 1
                if silence[name] > 3:
                    ended = ended or held[name] > 0
                    idle, held[name], silence[name], last[name] = idle + held[name], 0, None, None
        known = {name: last[name] if silence[name] == 0 else None for name in names}
        nav = idle + sum(held.values())
        goals = choose(known, held, nav, idle, ended)
        if goals is not None:
            legs = sum(goals[name] != held[name] for name in names)
            idle -= sum(goals[name] - held[name] for name in names)
            held = dict(goals)
            if legs:
                idle -= gas_cost(legs, price[day])
                assert idle >= 0
        for name in names:
            market = venues[name][day] or last[name]
            if market is not None and held[name]:
                held[name] += market.earns(held[name])
        equity.append(idle + sum(held.values()))
    return equity


def hold(known, held, nav, idle, ended):
    reserve = nav * 500 // 10_000
    if not any(held.values()):
        there = [name for name in known if known[name] is not None]
        part = (nav - reserve) // len(there) if there else None
        return None if part is None else {name: part if name in there else 0 for name in known}
    if not ended:
        return None
    still = [name for name in held if held[name] and known[name] is not None]
    if not still:
        return None
    part = (idle - reserve) // len(still)
    return {name: held[name] + (part if name in still else 0) for name in held}


def single(chosen):
    def choose(known, held, nav, idle, ended):
        if any(held.values()) or known[chosen] is None:
            return None
        return {name: nav - nav * 500 // 10_000 if name == chosen else 0 for name in held}

    return choose


if __name__ == "__main__":
    request = json.load(sys.stdin)
    directory, start, end, CAPITAL = request["data"], request["start"], request["end"], request["capital"]
    days = [str(day)[:10] for day in pd.date_range(pd.Timestamp(start) - pd.Timedelta(days=90), end)]
    market, cost = read(directory, days), prices(directory, days)
    first = days.index(start)
    singles = [run(market, cost, first, single(name)) for name in market]
    best = max(singles, key=lambda equity: equity[-1])
    curves = {"hold": run(market, cost, first, hold), "best-single": best}
    print(json.dumps({name: [nav / 10**6 for nav in equity] for name, equity in curves.items()}))
