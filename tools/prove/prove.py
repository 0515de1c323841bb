#!/usr/bin/env python3
"""Runs the proofs of test/symbolic: arithmetic/*.smt2 with z3, everything else with halmos.

    prove.py            every proof must hold
    prove.py --teeth    every mutation of teeth.json must be caught by the proof that it names
    --contract NAME     only that proof contract, or the mutations that it must catch

Run from the root of the repository with forge, halmos and z3 in PATH. Exit code 0: all as expected.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROOFS = Path("test/symbolic")
WORK = Path("target/prove")
MODEL = "contracts/:@openzeppelin/contracts/utils/math/Math.sol=test/symbolic/model/Math.sol"
QUERY = re.compile(r"^; query ([a-z0-9-]+): (sat|unsat)", re.M)
COUNTEREXAMPLE = 1


def arithmetic(root: Path) -> bool:
    """Each query of each file must be answered as its heading says, in order."""
    good = True
    for path in sorted((root / PROOFS / "arithmetic").glob("*.smt2")):
        expected = QUERY.findall(path.read_text())
        run = subprocess.run(["z3", "-T:120", str(path)], capture_output=True, text=True, check=False)
        answers = run.stdout.split()
        if len(answers) != len(expected) or not expected:
            print(f"FAIL {path.name}: {len(expected)} queries, answers: {run.stdout} {run.stderr}")
            good = False
            continue
        for (name, want), answer in zip(expected, answers):
            good &= answer == want
            print(f"{'ok  ' if answer == want else 'FAIL'} {path.stem}/{name}: {answer}")
    return good


def environment() -> dict[str, str]:
    """Foundry's settings: nothing but the proofs is built, against the model of the library."""
    return os.environ | {
        # Elsewhere the proofs are left out of the build.
        "FOUNDRY_SKIP": "[]",
        "FOUNDRY_SRC": str(PROOFS),
        "FOUNDRY_TEST": str(PROOFS),
        "FOUNDRY_SCRIPT": str(PROOFS),
        "FOUNDRY_OUT": str(WORK / "out"),
        "FOUNDRY_CACHE_PATH": str(WORK / "cache"),
        "FOUNDRY_REMAPPINGS": MODEL,
    }


def fuzzed(root: Path) -> bool:
    """The tests of test/symbolic: of what the proofs assume and no solver shows."""
    return subprocess.run(["forge", "test"], cwd=root, env=environment(), check=False).returncode == 0


def halmos(root: Path, contract: str | None, function: str | None = None) -> dict[str, dict]:
    """The result of each check, by Contract.function; of a single one up to its first counterexample."""
    out = (root / WORK / "result.json").resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    solver = f"{sys.executable} {Path('tools/prove/solver.py').resolve()}"
    command = ["halmos", "--forge-build-out", str(WORK / "out"), "--no-status", "--loop", "17"]
    command += ["--solver-timeout-branching", "20ms", "--solver-timeout-assertion", "300s"]
    command += ["--solver-command", solver, "--json-output", str(out)]
    if contract:
        command += ["--contract", contract]
    if function:
        command += ["--match-test", rf"^{function}\(", "--early-exit"]
    log = root / WORK / "halmos.log"
    with open(log, "w", encoding="utf8") as file:
        subprocess.run(command, cwd=root, env=environment(), stdout=file, stderr=subprocess.STDOUT, check=False)
    if not out.exists():
        sys.exit(f"halmos gave no result:\n{log.read_text(errors='replace')[-4000:]}")
    results = {}
    for where, checks in json.loads(out.read_text())["test_results"].items():
        for check in checks:
            results[f"{where.split(':')[-1]}.{check['name'].split('(')[0]}"] = check
    return results


def written(root: Path, contract: str | None) -> int:
    """How many checks the sources hold: a check that was not run proves nothing."""
    count = 0
    for path in (root / PROOFS).glob("*.sol"):
        for body in re.split(r"\n(?=(?:abstract )?contract )", path.read_text())[1:]:
            name = re.match(r"(?:abstract )?contract (\w+)", body)
            if contract in (None, name.group(1)):
                count += len(re.findall(r"function check_", body))
    return count


def prove(contract: str | None) -> bool:
    good = True
    if contract is None:
        good = arithmetic(Path("."))
        good &= fuzzed(Path("."))
    results = halmos(Path("."), contract)
    for name, check in sorted(results.items()):
        held = check["exitcode"] == 0 and not check["num_bounded_loops"]
        good &= held
        print(f"{'ok  ' if held else 'FAIL'} {name} ({check['num_paths'][0]} paths, {check['time'][0]:.0f} s)")
    if len(results) != written(Path("."), contract):
        print(f"FAIL {len(results)} checks were run, {written(Path('.'), contract)} are written")
        good = False
    return good


def damaged(contract: str) -> Path:
    """A copy of the contracts with the one proof file that `contract` is in: only that is built."""
    sources = sorted((PROOFS).glob("*.symbolic.sol"))
    wanted = next(path for path in sources if re.search(rf"^contract {contract} ", path.read_text(), re.M))
    root = WORK / "teeth" / wanted.name.split(".")[0]
    others = [path.name for path in sources if path != wanted]
    for folder in ["contracts", "test/symbolic", "test/support", "script/protocols"]:
        shutil.rmtree(root / folder, ignore_errors=True)
        shutil.copytree(folder, root / folder, ignore=shutil.ignore_patterns("*.t.sol", *others))
    shutil.copy("foundry.toml", root)
    for link in ["node_modules", "tools"]:
        if not (root / link).exists():
            (root / link).symlink_to(Path(link).resolve())
    return root


def teeth(only: str | None) -> bool:
    """Applies each mutation to a copy of the contracts and expects a counterexample."""
    good = True
    for mutation in json.loads((PROOFS / "teeth.json").read_text()):
        contract, function = mutation["caught_by"].split(".")
        if only not in (None, contract):
            continue
        root = damaged(contract)
        path = root / mutation["file"]
        original = path.read_text()
        if original.count(mutation["from"]) != 1:
            print(f"FAIL {mutation['file']}: not found exactly once: {mutation['from']}")
            good = False
            continue
        path.write_text(original.replace(mutation["from"], mutation["to"]))
        begin = time.monotonic()
        check = halmos(root, contract, function).get(mutation["caught_by"])
        caught = check is not None and check["exitcode"] == COUNTEREXAMPLE
        good &= caught
        seconds = f"{time.monotonic() - begin:.0f} s"
        print(f"{'ok  ' if caught else 'FAIL'} {mutation['caught_by']} against: {mutation['what']} ({seconds})", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teeth", action="store_true")
    parser.add_argument("--contract")
    options = parser.parse_args()
    begin = time.monotonic()
    good = teeth(options.contract) if options.teeth else prove(options.contract)
    print(f"{'All as expected' if good else 'NOT as expected'} after {time.monotonic() - begin:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
