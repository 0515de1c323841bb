#!/usr/bin/env python3
"""What each limit costs by itself: the moves of test/gas/Comparison.t.sol with one limit taken out of the contracts at a time.

    limit_prices.py            the table for docs/GAS.md

Run from the root of the repository with forge in PATH. The repository itself is never changed: everything happens in target/limit-prices.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

WORK = Path("target/limit-prices")
NEEDED = ["contracts", "test/gas/Comparison.t.sol", "test/gas/NoChecks.sol", "test/support/KeeperActions.sol"]
NEEDED += ["test/support/Proofs.sol", "test/support/TestAsset.sol", "script/protocols/ScriptedFeed.sol", "foundry.toml"]
MOVES = ["idle->2", "2->2", "1->3"]

HUB, VAULT = "contracts/StrategyHub.sol", "contracts/Vault.sol"
# (limit, file, what is taken out, what stands there instead, and so on)
LIMITS = [
    ("keeper's role", HUB, "bytes calldata proof) external onlyRole(KEEPER_ROLE) {", "bytes calldata proof) external {"),
    (
        "kill switch: mode, peg and oracle of the asset",
        HUB,
        "if (!killSwitch_.isOperational()) {",
        "if (address(killSwitch_) == address(0)) {",
    ),
    ("cooldown, four a day", HUB, "if (block.timestamp < allowedAt) revert CooldownActive(allowedAt);", ""),
    (
        "attestor's signature",
        HUB,
        "(address recovered,,) = ECDSA.tryRecover(digest, signature);",
        "address recovered = digest == 0 || signature.length == 0 ? address(0) : signer;",
    ),
    ("reserve", HUB, "if (report.idleAfter * BPS < report.navAfter * policy.reserveBps) {", "if (report.navAfter == 0) {"),
    (
        "bounds and step of each target, stored targets",
        HUB,
        "_checkTarget(instruction, adapter, id, bps, change.valueBefore(), policy);",
        "",
    ),
    (
        "flow bucket of each venue",
        HUB,
        "_lanes[word].drained(instruction.flowBps, block.timestamp);",
        "_lanes[word];",
        "if (used > instruction.flowBps) revert FlowExceeded(adapter, used, instruction.flowBps);",
        "",
        "instruction.lanes = instruction.lanes.withBucket(id, used);",
        "",
    ),
    ("venue's own triggers, settled size", HUB, "uint256 settled = killSwitch_.addableSize(adapter);",
     "uint256 settled = address(killSwitch_) == address(0) ? 0 : type(uint256).max;"),
    (
        "liquidity and utilisation of each venue",
        HUB,
        "(, uint256 liquidity) = VenueReader.exitLiquidity(adapter, direct, address(vault));",
        "uint256 liquidity = value;",
    ),
    ("1 % of each venue", HUB, "(, uint256 size) = VenueReader.size(adapter, direct);", "uint256 size = type(uint128).max;"),
    ("Safe's approval of what is large", HUB, "        _checkApproval(instruction, report.navBefore, pace);\n", ""),
    (
        "loss of one move and of a day: every position read again",
        VAULT,
        "report.navAfter = held.readAgain(available, missing);",
        "report.navAfter = navBefore;",
    ),
    ("cap and minimum of each addition", VAULT, "if (leg.goal <= before) continue;\n            uint256 cap",
     "if (leg.goal != type(uint256).max) continue;\n            uint256 cap"),
    (
        "idle is really here, no allowance left",
        VAULT,
        "uint256 balance = _balance();\n        if (balance < available)",
        "uint256 balance = available;\n        if (balance < available)",
    ),
    ("events", HUB, "        emit RebalanceExecuted(", "        if (report.navAfter == 1) emit RebalanceExecuted("),
]


def prepare() -> None:
    for name in NEEDED:
        target = WORK / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(name).is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(name, target, ignore=shutil.ignore_patterns("adapters", "OracleSwapper.sol"))
        else:
            shutil.copy(name, target)
    for name in ["node_modules", "tools"]:
        if not (WORK / name).exists():
            (WORK / name).symlink_to(Path(name).resolve())
    for name in ["target", "snapshots"]:
        (WORK / name).mkdir(exist_ok=True)


def measure() -> dict:
    """Gas of each move, as the contracts in the work folder stand."""
    environment = os.environ | {"FOUNDRY_DENY": "never", "FOUNDRY_DYNAMIC_TEST_LINKING": "true"}
    (WORK / "snapshots/comparison.json").unlink(missing_ok=True)
    command = ["forge", "test", "--match-path", "test/gas/Comparison.t.sol"]
    run = subprocess.run(command, cwd=WORK, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(run.stdout[-3000:] + run.stderr[-1000:])
    gas = json.loads((WORK / "snapshots/comparison.json").read_text())
    return {move: int(gas[move]) for move in MOVES}


def main() -> int:
    prepare()
    whole = measure()
    print("| limit | " + " | ".join(f"`{move}`" for move in MOVES) + " |")
    print("| --- |" + " --- |" * len(MOVES), flush=True)
    print("| all of them on | " + " | ".join(f"{whole[move]:,}" for move in MOVES) + " |")
    for name, file, *changes in LIMITS:
        path = WORK / file
        original = changed = path.read_text()
        for before, after in zip(changes[::2], changes[1::2], strict=True):
            if changed.count(before) != 1:
                print(f"{file} has {changed.count(before)} places for “{name}”, expected one: {before!r}")
                return 2
            changed = changed.replace(before, after)
        path.write_text(changed)
        gas = measure()
        path.write_text(original)
        print(f"| {name} | " + " | ".join(f"−{whole[move] - gas[move]:,}" for move in MOVES) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
