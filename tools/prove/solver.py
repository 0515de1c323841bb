#!/usr/bin/env python3
"""The solver that halmos calls: solver.py QUERY.smt2 prints what the query's commands answer.

Bitwuzla answers; the package from PyPI is a library without a binary. Halmos first asks with multiplication left uninterpreted, and with its real
meaning only if that does not do. That products commute is all that most proofs need to know of them, so it is added for each that occurs:
the compiler multiplies in either order.
"""

import sys
import tempfile

import bitwuzla
import z3

PRODUCT = "f_evm_bvmul"


def commutations(query: str) -> str:
    """One true fact for each uninterpreted product of the query."""
    if f"(declare-fun {PRODUCT}" not in query:
        return ""
    solver = z3.Solver()
    solver.from_string(query)
    pending, seen, facts = list(solver.assertions()), set(), []
    while pending:
        term = pending.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        pending += term.children()
        if z3.is_app(term) and term.decl().name().startswith(PRODUCT):
            swapped = term.decl()(term.arg(1), term.arg(0))
            facts.append(f"(assert {(term == swapped).sexpr()})")
    return "\n".join(facts) + "\n"


def main() -> None:
    with open(sys.argv[1], encoding="utf8") as file:
        query, check, rest = file.read().partition("(check-sat")
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    with tempfile.NamedTemporaryFile("w", suffix=".smt2", encoding="utf8") as file:
        file.write(query + commutations(query) + check + rest)
        file.flush()
        bitwuzla.Parser(bitwuzla.TermManager(), options).parse(file.name, False, True)


if __name__ == "__main__":
    main()
