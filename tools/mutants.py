#!/usr/bin/env python3
"""Changes the core contracts in one small place at a time and looks whether the tests notice.

    mutants.py list                            what could be changed, by kind
    mutants.py run [--count 200] [--jobs 2]   a seeded sample; resumes what target/mutants/report.json already holds
    mutants.py report                          the table for docs/MUTANTS.md, and the gate: exit code 1 below 90 % caught

A mutant is caught when a test fails or the tests take too long. One that does not compile counts for nothing and the next of the sample takes
its place. A survivor that docs/MUTANTS.md names by its id, with the reason why no test can tell it from the original, is taken out of the count.
Run from the root of the repository with forge in PATH.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

WORK = Path("target/mutants")
SEED = "ballast"
GATE = 90.0
TIMEOUT = 600

# The tests that have to notice, by part of the system; nothing else is copied, so that nothing else is parsed and compiled.
TESTS = {
    "vault": ["test/unit/vault", "test/unit/hub", "test/attacks", "test/fuzz/Erc4626Properties.t.sol"]
    + ["test/fuzz/VaultShares.t.sol"],
    "hub": ["test/unit/hub", "test/unit/types", "test/unit/libraries/TargetsCalldata.t.sol"],
    "switch": ["test/unit/killswitch", "test/fuzz/killswitch"],
}
NEEDED = ["BallastFixture", "HoldingAdapter", "HostileFeed", "KeeperActions", "LendingAdapter", "LendingVenue"]
NEEDED += ["Proofs", "ScriptedAdapter", "TestAsset"]
SHARED = [f"test/support/{name}.sol" for name in NEEDED] + ["script/protocols/ScriptedFeed.sol", "foundry.toml"]
# Of the adapters only the one that these tests use.
UNUSED = ["Aave*", "Compound*", "Curve*", "LadderExit*", "Pendle*", "Slippage*", "Swap*", "Uniswap*", "OracleSwapper*"]
# What is mutated.
TARGETS = {
    "contracts/Vault.sol": "vault",
    "contracts/SidePocket.sol": "vault",
    "contracts/libraries/ExitQueue.sol": "vault",
    "contracts/libraries/Nav.sol": "vault",
    "contracts/libraries/PositionList.sol": "vault",
    "contracts/libraries/Recovery.sol": "vault",
    "contracts/libraries/Reduction.sol": "vault",
    "contracts/libraries/VenueMover.sol": "vault",
    "contracts/StrategyHub.sol": "hub",
    "contracts/types/Lanes.sol": "hub",
    "contracts/types/RebalanceLog.sol": "hub",
    "contracts/KillSwitchManager.sol": "switch",
    "contracts/VenueTriggers.sol": "switch",
    "contracts/StablecoinPegMonitor.sol": "switch",
    "contracts/types/SizeHistory.sol": "switch",
}

# Comments, strings and directives: nothing in them is code.
INERT = re.compile(r'//[^\n]*|/\*.*?\*/|"[^"\n]*"|\b(?:pragma|import|using|error|event)\b[^;]*;', re.S)
# (kind, what to find, what to put in its place)
OPERATORS = [
    ("relation", r" (<=) ", ["<"]),
    ("relation", r" (>=) ", [">"]),
    ("relation", r" (<) ", ["<=", ">="]),
    ("relation", r" (>) ", [">=", "<="]),
    ("relation", r" (==) ", ["!="]),
    ("relation", r" (!=) ", ["=="]),
    ("arithmetic", r" (\+) ", ["-"]),
    ("arithmetic", r" (-) ", ["+"]),
    ("arithmetic", r" (\*) ", ["/"]),
    ("arithmetic", r" (/) ", ["*"]),
    ("arithmetic", r" (\+=) ", ["-=", "="]),
    ("arithmetic", r" (-=) ", ["+="]),
    ("logic", r" (&&) ", ["||"]),
    ("logic", r" (\|\|) ", ["&&"]),
    ("logic", r"(?<=[( ])(!)(?=[a-zA-Z_(])", [""]),
    ("logic", r"\b(true)\b", ["false"]),
    ("logic", r"\b(false)\b", ["true"]),
    ("rounding", r"Rounding\.(Floor)\b", ["Ceil"]),
    ("rounding", r"Rounding\.(Ceil)\b", ["Floor"]),
    ("bound", r"Math\.(min)\(", ["max"]),
    ("bound", r"Math\.(max)\(", ["min"]),
    ("bound", r"\.(saturatingSub)\(", ["saturatingAdd"]),
    ("guard", r"(?<= )(nonReentrant|nonReentrantView|whenNotPaused|onlyVault|onlyRole\(\w+\))(?=[ \n])", [""]),
    ("guard", r"\n +(if \([^;{}]+\) revert [^;]+;)", [""]),
    ("guard", r"\n +(_check\w+\([^;]*\);)", [""]),
    ("statement", r"\n +((?:emit )?[a-zA-Z_][\w.\[\]]*(?:\([^;{}]*\)| [+-]?= [^;{}]+);)(?=\n)", [""]),
    ("number", r"(?<![\w.])(\d[\d_]*)(?![\w.])(?! \w+ constant)", ["+1"]),
]
FUNCTION = re.compile(r"\b(?:function (\w+)|(constructor)|modifier (\w+))\s*\(")


@dataclass(frozen=True)
class Mutant:
    """One change: `after` in place of source[begin:end]."""

    file: str
    function: str
    line: int
    kind: str
    begin: int
    end: int
    before: str
    after: str
    id: str


def mutants_of(file: str) -> list[Mutant]:
    """Every change of one file, in the order of the text. Ids do not depend on line numbers."""
    source = Path(file).read_text()
    code = INERT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)
    functions = [(match.start(), next(filter(None, match.groups()))) for match in FUNCTION.finditer(code)]
    found: dict = {}
    for kind, pattern, replacements in OPERATORS:
        for match in re.finditer(pattern, code):
            begin, end = match.span(1)
            name = next((name for start, name in reversed(functions) if start <= begin), "")
            # Outside functions stand declarations: constants are what tests are written against.
            if not name:
                continue
            before = source[begin:end]
            for replacement in replacements:
                after = str(int(before.replace("_", "")) + 1) if replacement == "+1" else replacement
                found.setdefault((begin, end, after), (kind, name, before))
    counts: dict = {}
    mutants = []
    for (begin, end, after), (kind, name, before) in sorted(found.items()):
        key = (file, name, kind, before, after)
        counts[key] = counts.get(key, 0) + 1
        identity = hashlib.sha256(repr((*key, counts[key])).encode()).hexdigest()[:10]
        line = source.count("\n", 0, begin) + 1
        mutants.append(Mutant(file, name, line, kind, begin, end, before, after, identity))
    return mutants


def sample() -> list[Mutant]:
    """All mutants in a seeded order. A seed per mutant: a change of the source moves no other mutant."""
    everything = [mutant for file in TARGETS if Path(file).exists() for mutant in mutants_of(file)]
    return sorted(everything, key=lambda mutant: random.Random(SEED + mutant.id).random())


def prepare(part: str, job: int) -> Path:
    """A copy of what the tests of one part need, for each job, so that the repository is never in a mutated state."""
    work = WORK / f"{part}-{job}"
    for folder in ["contracts", "test", "script"]:
        shutil.rmtree(work / folder, ignore_errors=True)
    shutil.copytree("contracts", work / "contracts", ignore=shutil.ignore_patterns(*UNUSED))
    for name in [*TESTS[part], *SHARED]:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        if Path(name).is_dir():
            shutil.copytree(name, work / name)
        else:
            shutil.copy(name, work / name)
    (work / "target").mkdir(exist_ok=True)
    for name in ["node_modules", "tools"]:
        if not (work / name).exists():
            (work / name).symlink_to(Path(name).resolve())
    return work


def forge_test(work: Path) -> tuple[str, float]:
    """caught, survived, timeout or stillborn, and the seconds it took."""
    environment = os.environ | {
        "FOUNDRY_DENY": "never",
        "FOUNDRY_DYNAMIC_TEST_LINKING": "true",
        # Most of a compile is the optimizer.
        "FOUNDRY_OPTIMIZER": "false",
        "FOUNDRY_FUZZ_RUNS": "16",
        "FOUNDRY_INVARIANT_RUNS": "8",
        "FOUNDRY_OUT": "target/out",
        "FOUNDRY_CACHE_PATH": "target/cache",
        # A counterexample of one mutant must not be replayed against the next.
        "FOUNDRY_FUZZ_FAILURE_PERSIST_DIR": f"target/failures-{time.monotonic_ns()}",
    }
    # The one test that counts gas counts that of optimized code.
    command = ["forge", "test", "--no-match-contract", "StorageReadsTest", "--fail-fast", "--fuzz-seed", "1"]
    begin = time.monotonic()
    run = subprocess.Popen(
        command,
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = run.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        return "timeout", time.monotonic() - begin
    (work / "target" / "last.log").write_text(output)
    seconds = time.monotonic() - begin
    if run.returncode == 0:
        return "survived", seconds
    return ("caught" if "Suite result:" in output or "Failing tests:" in output else "stillborn"), seconds


def load() -> dict:
    path = WORK / "report.json"
    return json.loads(path.read_text()) if path.exists() else {}


def judge(work: Path, mutant: Mutant) -> dict:
    """Whether the tests notice one mutant."""
    path = work / mutant.file
    original = path.read_text()
    path.write_text(original[: mutant.begin] + mutant.after + original[mutant.end :])
    result, seconds = forge_test(work)
    path.write_text(original)
    return {
        "result": result,
        "seconds": round(seconds, 1),
        "file": mutant.file,
        "function": mutant.function,
        "line": mutant.line,
        "kind": mutant.kind,
        "before": mutant.before,
        "after": mutant.after,
    }


def run(count: int, jobs: int) -> int:
    report = load()
    everything = sample()
    judged = [mutant for mutant in everything if report.get(mutant.id, {}).get("result") not in (None, "stillborn")]
    done = len(judged[:count])
    for part in TESTS:
        works = [prepare(part, job) for job in range(jobs)]
        with ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(forge_test, works))
        print(f"unchanged {part}: {results[0][0]} after {results[0][1]:.0f} s", flush=True)
        if any(result != "survived" for result, _ in results):
            print((works[0] / "target" / "last.log").read_text()[-3000:])
            return 2
    waiting = [mutant for mutant in everything if mutant.id not in report]
    lock = Lock()

    def work_off(job: int) -> None:
        nonlocal done
        while True:
            with lock:
                if done >= count or not waiting:
                    return
                mutant = waiting.pop(0)
            entry = judge(WORK / f"{TARGETS[mutant.file]}-{job}", mutant)
            with lock:
                report[mutant.id] = entry
                (WORK / "report.json").write_text(json.dumps(report, indent=1))
                done += entry["result"] != "stillborn"
                where = f"{mutant.file}:{mutant.line} {mutant.kind}"
                print(f"{done}/{count} {mutant.id} {entry['result']} {entry['seconds']:.0f} s {where}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(work_off, range(jobs)))
    return 0


def summarise() -> int:
    report = load()
    present = {mutant.id for mutant in sample()}
    explained = set(re.findall(r"`([0-9a-f]{10})`", Path("docs/MUTANTS.md").read_text()))
    rows: dict = {}
    survivors = []
    for identity, entry in report.items():
        if identity not in present or entry["result"] == "stillborn":
            continue
        row = rows.setdefault(entry["file"], [0, 0, 0])
        if entry["result"] == "survived" and identity in explained:
            row[2] += 1
            continue
        row[0] += 1
        row[1] += entry["result"] != "survived"
        if entry["result"] == "survived":
            survivors.append((identity, entry))
    print("| file | mutants | caught | equivalent |\n|---|---|---|---|")
    for file, (judged, caught, equivalent) in sorted(rows.items()):
        print(f"| {file} | {judged} | {caught} | {equivalent} |")
    for identity, entry in survivors:
        change = f"{entry['before']!r} → {entry['after']!r}"
        print(f"survived: {identity} {entry['file']}:{entry['line']} {entry['function']} {entry['kind']} {change}")
    judged = sum(row[0] for row in rows.values())
    caught = sum(row[1] for row in rows.values())
    if not judged:
        print("no mutant has been judged")
        return 2
    print(f"{caught} of {judged} caught: {100 * caught / judged:.1f} % (gate {GATE:g} %)")
    return 0 if 100 * caught / judged >= GATE else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["list", "run", "report"])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.command == "run":
        return run(options.count, options.jobs)
    if options.command == "report":
        return summarise()
    kinds: dict = {}
    for mutant in sample():
        kinds[mutant.file, mutant.kind] = kinds.get((mutant.file, mutant.kind), 0) + 1
    for (file, kind), number in sorted(kinds.items()):
        print(f"{number:5} {kind:10} {file}")
    print(f"{sum(kinds.values()):5}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
