#!/usr/bin/env python3
"""Holds an lcov report against the coverage gate.

    coverage_gate.py LCOV [--lines 95] [--branches 90] [--prefix contracts/] [--uncovered]

Counts lines (DA) and branches (BRDA) itself, per file, merging records of the same file. Exit code 1 below a bound, 2 if the report holds
nothing.
"""

import argparse
import sys
from collections import defaultdict


def read(path: str, prefix: str) -> tuple[dict, dict]:
    """Hits by line and by branch, of each file under `prefix`."""
    lines: dict = defaultdict(lambda: defaultdict(int))
    branches: dict = defaultdict(lambda: defaultdict(int))
    source = ""
    with open(path, encoding="utf8") as report:
        for record in report:
            key, _, value = record.strip().partition(":")
            if key == "SF":
                source = value
            elif not source.startswith(prefix):
                continue
            elif key == "DA":
                number, hits = value.split(",")[:2]
                lines[source][int(number)] += int(hits)
            elif key == "BRDA":
                number, block, branch, hits = value.split(",")
                branches[source][int(number), block, branch] += 0 if hits == "-" else int(hits)
    return lines, branches


def share(hits: dict) -> float:
    return 100 * sum(1 for count in hits.values() if count) / len(hits) if hits else 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lcov")
    parser.add_argument("--lines", type=float, default=95)
    parser.add_argument("--branches", type=float, default=90)
    parser.add_argument("--prefix", default="contracts/")
    parser.add_argument("--uncovered", action="store_true", help="list what no test reaches")
    options = parser.parse_args()
    lines, branches = read(options.lcov, options.prefix)
    if not lines or not any(branches.values()):
        print(f"{options.lcov} holds no lines or no branches of {options.prefix}")
        return 2
    for source in sorted(lines):
        print(f"{share(lines[source]):6.1f} % lines {share(branches[source]):6.1f} % branches  {source}")
        if options.uncovered:
            missed = [str(number) for number, count in sorted(lines[source].items()) if not count]
            forks = sorted({str(key[0]) for key, count in branches[source].items() if not count}, key=int)
            if missed or forks:
                print(f"    lines {' '.join(missed) or '-'}; branches at {' '.join(forks) or '-'}")
    total = share({(source, key): count for source in lines for key, count in lines[source].items()})
    forked = share({(source, key): count for source in branches for key, count in branches[source].items()})
    print(f"{total:6.1f} % lines (bound {options.lines:g}) {forked:6.1f} % branches (bound {options.branches:g})")
    return 1 if total < options.lines or forked < options.branches else 0


if __name__ == "__main__":
    sys.exit(main())
