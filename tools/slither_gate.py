#!/usr/bin/env python3
"""Holds Slither's findings against docs/STATIC_ANALYSIS.md: each must be explained there, and each explanation still needed.

    slither_gate.py RESULT.json docs/STATIC_ANALYSIS.md

An explanation is a table row | `detector` | where | why |, where `where` names functions, events or variables as Contract.name, separated by
commas, or is * for all findings of a detector. Exit code 1 if a finding has no row or a row has no finding.
"""

import json
import re
import sys
from pathlib import Path

ROW = re.compile(r"^\| `([a-z0-9-]+)` \| ([^|]+) \| ([^|]+) \|$", re.M)


def place(finding: dict) -> str:
    """Contract.name of the first element, without parameters."""
    element = finding["elements"][0]
    names = [element["name"]]
    parent = element.get("type_specific_fields", {}).get("parent")
    while parent:
        if parent["type"] != "file":
            names.append(parent["name"])
        parent = parent.get("type_specific_fields", {}).get("parent")
    return ".".join(reversed(names))


def main() -> int:
    result = json.loads(Path(sys.argv[1]).read_text())
    if not result["success"]:
        print(f"Slither failed: {result['error']}")
        return 1
    findings = {(finding["check"], place(finding)) for finding in result["results"].get("detectors", [])}
    explained = set()
    for check, where, _ in ROW.findall(Path(sys.argv[2]).read_text()):
        explained |= {(check, name.strip(" `")) for name in where.split(",")}
    missing = {(check, name) for check, name in findings if not {(check, name), (check, "*")} & explained}
    stale = {(check, name) for check, name in explained if name != "*" and (check, name) not in findings}
    stale |= {(check, "*") for check, name in explained if name == "*" and check not in {found for found, _ in findings}}
    for check, name in sorted(missing):
        print(f"not explained: {check} at {name}")
    for check, name in sorted(stale):
        print(f"explained but not found: {check} at {name}")
    print(f"{len(findings)} findings, {len(missing)} of them not explained, {len(stale)} explanations without a finding")
    return 1 if missing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
