"""The limit of a program's outputs as a person reads it: equal answers once, and one statement for a family's laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tensorprog.kernel.ground.nodes import MatMul
from tensorprog.kernel.ground.term import walk
from tensorprog.limit.laws.law import Law
from tensorprog.limit.laws.statement import Formula
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.show.results import Result
from tensorprog.limit.values.formulas import NoFormula
from tensorprog.numbers.estimate import shown
from tensorprog.terms import Var, to_text

MOST_NAMES = 10


def grouped(results: Sequence[Result]) -> Iterator[str]:
    """Write the results; those that say the same of several quantities once, with all their names.

    `E(y[1]), E(y[2]) = 0` means that each is 0.
    """
    same: dict[tuple[bool, str], list[str]] = {}
    for r in results:
        same.setdefault((r.of.startswith("E("), repr(r).removeprefix(r.of)), []).append(r.of)
    for (_, said), names in same.items():
        yield _listed(names) + said


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES - 1])}, ... ({len(names)} of them)"


def statements(laws: Sequence[Law], entries: Sequence[Mapping[str, Any]], rules: Rules) -> Iterator[str]:
    """Write the laws given the scores: one formula in the indices of a family, then a line for each member."""
    by_name = {e["of"]: e for e in entries}
    families: dict[tuple[str, str, str], list[Law]] = {}
    for law in laws:
        families.setdefault((law.structure.members[0].name, law.kind, law.supported_by), []).append(law)
    for (_, kind, supported), found in families.items():
        names = _listed([law.of[0] for law in found])
        if kind == "none":
            yield repr(found[0])
            continue
        yield f"law of {names}: {kind} ({supported})"
        yield f"  given {', '.join(found[0].given[:4])}{', ...' if len(found[0].given) > 4 or len(found) > 1 else ''}"
        yield from _formulas(found, rules)
        kurtoses = [by_name[law.of[0]] for law in found]
        told: dict[str, list[str]] = {}
        for e in kurtoses:
            told.setdefault(_kurtosis(e), []).append(e["of"])
        for said, of in told.items():
            yield f"  excess kurtosis {said}" + (f" of {_listed(of)}" if len(told) > 1 else "")


def _kurtosis(entry: Mapping[str, Any]) -> str:
    value = entry["excess_kurtosis"]
    if value is None:
        return f"unknown: ask for it with --law '{entry['of']}'"
    return f"{value:.10g}  ({shown(entry['excess_kurtosis_error'], entry['excess_kurtosis_error_kind'])})"


def _formulas(laws: Sequence[Law], rules: Rules) -> Iterator[str]:
    """Write Cov(y[i], y[i'] | scores) in indices if the family has one definition, else each member's variance."""
    generic = _generic(laws[0], rules) if len(laws) > 1 else None
    if generic is None:
        for law in laws:
            if law.conditional_covariance is not None:
                ((formula,),) = law.conditional_covariance
                yield f"  var({law.of[0]} | scores) = {to_text(formula)}"
                yield from _products(formula, rules)
        return
    left, formula = generic
    yield f"  cov({left} | scores) = {to_text(formula)}"
    yield from _products(formula, rules)


def _generic(law: Law, rules: Rules) -> tuple[str, Any] | None:
    (member,) = law.structure.members
    nodes = [n for n, _ in rules.program.resolve(member)]
    axes = nodes[0].subs if len(nodes) == 1 else ()
    if not axes or not all(isinstance(a, str) for a in axes):
        return None
    one, two = Var(member.name, tuple(axes)), Var(member.name, tuple(f"{a}'" for a in axes))
    try:
        return f"{to_text(one)}, {to_text(two)}", Formula(rules).covariance(one, two)
    except (NoFormula, KeyError):
        return None


def _products(formula: Any, rules: Rules) -> Iterator[str]:
    """Say what the names are that the program's own text does not have: `y_1[j] = Wv @ x[j]`."""
    names = {v.name for v in walk(formula) if isinstance(v, Var)}
    for node in rules.program.nodes:
        if isinstance(node, MatMul) and node.name in names:
            yield f"  where {to_text(Var(node.name, node.subs))} = {to_text(node.weight)} @ {to_text(node.arg)}"
