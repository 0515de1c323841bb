#!/usr/bin/env python3
"""The solver that halmos calls: solver.py QUERY.smt2 prints what the query's commands answer.

Bitwuzla answers; the package from PyPI is a library without a binary. Halmos first asks with multiplication and division left uninterpreted, and with
their real meaning only if that does not do. What most proofs need to know of them is added for each that occurs: that products commute,
as the compiler multiplies in either order, and what becomes of zero.
"""

import sys
import tempfile

import bitwuzla
import z3

PRODUCT = "f_evm_bvmul"
QUOTIENT = "f_evm_bvudiv"


def facts_of(query: str) -> str:
    """What is true of each uninterpreted product and quotient of the query."""
    if f"(declare-fun {PRODUCT}" not in query and f"(declare-fun {QUOTIENT}" not in query:
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
        if not z3.is_app(term) or term.num_args() != 2:
            continue
        a, b = term.children()
        if term.decl().name().startswith(PRODUCT):
            facts.append(term == term.decl()(b, a))
            facts.append(z3.Implies(z3.Or(a == 0, b == 0), term == 0))
        elif term.decl().name().startswith(QUOTIENT):
            # The EVM's division by zero.
            facts.append(z3.Implies(z3.Or(a == 0, b == 0), term == 0))
    return "".join(f"(assert {fact.sexpr()})\n" for fact in facts)


def main() -> None:
    with open(sys.argv[1], encoding="utf8") as file:
        query, check, rest = file.read().partition("(check-sat")
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    with tempfile.NamedTemporaryFile("w", suffix=".smt2", encoding="utf8") as file:
        file.write(query + facts_of(query) + check + rest)
        file.flush()
        bitwuzla.Parser(bitwuzla.TermManager(), options).parse(file.name, False, True)


if __name__ == "__main__":
    main()
