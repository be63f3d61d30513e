"""The limits of a text's names, one after another: what an editor shows when it has had the time to derive them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tensorprog.editor.answers.analysis import here, program_of
from tensorprog.errors import Diagnostic, TensorProgError
from tensorprog.kernel.ground.nodes import SCALAR_NODES, Node
from tensorprog.kernel.ground.place import Place
from tensorprog.numbers.estimate import is_rigorous, shown
from tensorprog.terms import Var

if TYPE_CHECKING:
    from tensorprog.limit.derive import Limit
    from tensorprog.limit.show.results import Result

SECONDS = 2.0
"""The search for one number: a hint is worth no more."""
MOST_NAMES = 60
"""Instructions whose limits are derived."""
MOST_SECONDS = 30.0
"""After so long no further instruction is begun: a machine whose editor rests should rest too."""
FEW_DIGITS = 1e-3
SHORT = 24


@dataclass(frozen=True, slots=True)
class NameLimit:
    """The limit of one instruction: a hint for the end of its line, and lines for a hover."""

    name: str
    place: Place | None
    hint: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimFound:
    """What became of one claim."""

    place: Place | None
    status: str
    diagnostic: Diagnostic | None


Found = NameLimit | ClaimFound


def limits(text: str, path: str | None = None, seconds: float = SECONDS) -> Iterator[Found]:
    """Derive the limits of a text, name by name, then decide its claims; nothing for a text that is no program.

    >>> [f.hint for f in limits("input u ~ N(0, 1)\\nx = relu(u)\\noutput x")]
    ['var(u) = 1', 'var(x) = 1/2 - 1/(2*pi)']
    """
    from tensorprog.limit.derive import derive
    from tensorprog.limit.show.derivation import Derivation
    from tensorprog.limit.show.style import TEXT

    try:
        program = program_of(text, path)
        limit = derive(program, seconds=seconds)
    except TensorProgError:
        return
    derivation = Derivation(limit, TEXT)
    lowered = {(node.place.line, node.place.file): node for node in limit.engine.program.nodes if node.place}
    until = time.monotonic() + MOST_SECONDS
    for node in list(lowered.values())[:MOST_NAMES]:
        if time.monotonic() > until:
            return
        if node.place is not None and node.place.file is None:
            yield _of_instruction(limit, derivation, node)
    yield from _claims(text, path, seconds)


def _of_instruction(limit: Limit, derivation: object, node: Node) -> NameLimit:
    from tensorprog.limit.show.derivation import Derivation

    assert isinstance(derivation, Derivation)
    member = limit.lookup.members(Var(node.name, node.subs), 1)[0]
    constant = isinstance(node, SCALAR_NODES) and not limit.engine.scores([member])
    details: list[str] = []
    hint = ""
    try:
        found = limit.mean(member) if constant else limit.var(member)
        hint = _hint(found)
        details += repr(found).split("\n")
    except TensorProgError as error:
        details.append(error.diagnostics[0].message)
    try:
        entry = derivation.entry(node)
        details += [f"{entry.rule}  [{entry.source}]", *(f"  {left} = {right}" for left, right in entry.equations)]
        if limit.engine.scores([member]):
            law = limit.law(member)
            details.append(f"law: {law.kind}" + (f", given {', '.join(law.given)}" if law.given else ""))
    except TensorProgError as error:
        details.append(error.diagnostics[0].message)
    return NameLimit(node.name, node.place, hint, tuple(details))


def _hint(found: Result) -> str:
    """`var(x) = 1/2`, or the first digits where there is no short formula; ≈ unless the digits are proved."""
    of = f"{found.of.replace('cov', 'var', 1).split(',')[0]})" if found.of.startswith("cov") else found.of
    formal = "  (formal)" if found.supported_by == "formal" else ""
    if found.expr is not None and len(found.expr) <= SHORT:
        return f"{of} = {found.expr}{formal}"
    if found.number is None or found.value is None or found.error is None:
        return ""
    value, error = found.value, found.error
    if is_rigorous(found.error_kind) and error <= FEW_DIGITS * abs(value):
        return f"{of} ≈ {value:.4g}{formal}"
    return f"{of} ≈ {value:.4g}  ({shown(error, found.error_kind)}){formal}"


def _claims(text: str, path: str | None, seconds: float) -> Iterator[ClaimFound]:
    from tensorprog.limit.claims.decide import claims

    program = program_of(text, path)
    if not program.claims:
        return
    try:
        decided = list(claims(program, seconds=seconds))
    except TensorProgError as error:
        yield from (ClaimFound(d.place, "undecided", here(d, text)) for d in error.diagnostics)
        return
    for d in decided:
        diagnostic = d.diagnostic()
        yield ClaimFound(d.claim.place, d.status, None if diagnostic is None else here(diagnostic, text))
