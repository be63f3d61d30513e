"""What a certificate should prove beside validity: `--goals KIND`, or `KIND:NAME,NAME`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations_with_replacement, product

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.core.context import MAPS
from tensorprog.kernel.core.rates import ORDER, PROPERTIES
from tensorprog.kernel.core.refused import F1, Refused
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.term import shift_subs, variables, walk
from tensorprog.kernel.ground.text import claim_text
from tensorprog.kernel.limits.members import written
from tensorprog.numbers.progress import counted
from tensorprog.program import Program
from tensorprog.program.lowering.known import free_indices
from tensorprog.proof import moments
from tensorprog.proof.covariances import Means
from tensorprog.proof.functions import Functions
from tensorprog.proof.numbers import Numbers
from tensorprog.proof.refutations import Refutations
from tensorprog.proof.writer import Writer
from tensorprog.terms import Bind, Term, Var, read, to_text

MAX_MEMBERS = 64
MAX_FAMILY = 4096
MAX_JOINT = 12
"""Of how many members one joint law is stated."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One kind of goal and what it is about; without names it is about all that there is of the kind."""

    kind: str
    about: tuple[str, ...] = ()


def facts(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Properties of instructions as functions of inputs, products and moments: proved, or refuted by a witness."""
    out: list[int] = []
    sharp = Functions(writer, sharp=True)
    refutations = Refutations(writer)
    for k, n in enumerate(writer.context.program.nodes):
        for what in PROPERTIES if isinstance(n, MAPS) and (n.name in about or not about) else ():
            try:
                out.append(writer.step("has", [sharp.instruction(k, what, False)], node=str(k), what=what))
            except (Refused, CannotCompose):
                try:
                    out.append(refutations.refuted(k, what))
                except (Refused, CannotCompose):
                    writer.without.append(f"{n.name}: {what}, or not")
                continue
            if what == "pseudo-Lipschitz":
                step = sharp.instruction(k, what, False)
                order = max(F1, F1 + sharp.info(step).slope.power)
                out.append(writer.step("has", [step], node=str(k), what=f"{ORDER}{order}"))
    return out


def covariances(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Covariances of members, of each with each, in the limit; without names of those of the outputs."""
    means = Means(writer, functions)
    return _pairs(means, about, means.covariance)


def laws(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """The joint law of members that no score reaches, or of scores; of others their laws given the scores, Gaussian
    with which covariances. Without names of the outputs."""
    means, out, given = Means(writer, functions), list[int](), list[str]()
    for names in [about] if about else [(to_text(o.ref),) for o in writer.program.outputs]:
        found = list(dict.fromkeys(v for name in names for v in members_named(writer.program, name)))
        try:
            out += _with_names(means, [moments.law(means, found)]) if len(found) <= MAX_JOINT else []
            given += [] if len(found) <= MAX_JOINT else names
        except (Refused, CannotCompose):
            given += names
    return [*out, *(_pairs(means, tuple(given), means.law) if given else [])]


def expectations(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Means of members, or of functions of members: exact in the params, and as numbers where no closed form is known;
    without names of the outputs."""
    means, out = Means(writer, functions), dict[int, None]()
    numbers = Numbers(means)
    for name in about or tuple(to_text(o.ref) for o in writer.program.outputs):
        for t in _functions_of_members(means, name):
            try:
                found = _with_names(means, [means.expectation(t)])
            except (Refused, CannotCompose) as refused:
                out[_proved(numbers.expectation, t, because=refused)] = None
                continue
            out |= dict.fromkeys(found)
            if means.unevaluated(found[0]):
                with suppress(Refused, CannotCompose):
                    out[numbers.expectation(t)] = None
    return list(out)


def _functions_of_members(means: Means, name: str) -> list[Term]:
    """Return a function of members (`relu(h[1])^2`) at all values of its free indices, or the members of a name."""
    program = means.writer.program
    try:
        t = read(name)
    except (TensorProgError, ValueError):
        t = None
    if t is None or isinstance(t, Var):
        return list(members_named(program, name))
    for v in variables(t):
        if v.name in program.families and all(isinstance(s, int) for s in v.subs):
            members_named(program, to_text(v))
    names = (u.subs if isinstance(u, Var) else u.over for u in walk(t) if isinstance(u, Var | Bind))
    for s in (s for subs in names for s in subs if isinstance(s, str) and s not in program.indices):
        raise fail("TP018", f"--goals {name}: no index of the program: {s}")
    ranges = {s: program.range_of(s) for s in free_indices(program, t)}
    at = product(*(range(low, high + 1) for low, high in ranges.values()))
    if math.prod(high - low + 1 for low, high in ranges.values()) > MAX_MEMBERS:
        raise fail("TP018", f"--goals: too many members of {name}", help="name some of them: x[1]^2,x[2]^2")
    return [written(means.context, shift_subs(t, dict(zip(ranges, values, strict=True)))) for values in at]


def _pairs(means: Means, about: tuple[str, ...], prove: Callable[[Var, Var], int], numbers: bool = False) -> list[int]:
    """Return a statement for each pair, with what is said of means without a closed form on which one rests."""
    writer = means.writer
    groups = [about] if about else [(to_text(o.ref),) for o in writer.program.outputs]  # a theorem covers one output
    pairs = dict.fromkeys(pair for names in groups for pair in _members(writer.program, names))
    hard = sorted(pairs, key=lambda two: two[0] == two[1])  # what two outputs have in common may be too much
    steps = {pair: _proved(prove, *pair) for pair in (hard if numbers else pairs)}
    return _with_names(means, [steps[pair] for pair in pairs])


def _with_names(means: Means, steps: Iterable[int]) -> list[int]:
    """These steps, and the covariance of each pair of members in means without a closed form on which one rests."""
    out = dict.fromkeys(steps)
    queue = list(out)
    while queue:
        for members in means.unevaluated(queue.pop(0)):
            for pair in combinations_with_replacement(members, 2):
                step = _proved(means.covariance, *pair)
                queue += [] if step in out else [step]
                out[step] = None
    return list(out)


def _members(program: Program, names: Sequence[str]) -> Iterator[tuple[Var, Var]]:
    """Return the pairs of each member with each."""
    return combinations_with_replacement(_named(program, names), 2)


def _named(program: Program, names: Sequence[str]) -> list[Var]:
    """Return each member once, where they are not many."""
    found = dict.fromkeys(v for name in names for v in members_named(program, name))
    if len(found) > MAX_MEMBERS:
        because = f"{len(found)} members are {len(found) * (len(found) + 1) // 2} pairs"
        raise fail("TP018", "--goals: too many members", because=because, help="name some of them: x[1],x[2]")
    return list(found)


def _proved(prove: Callable[..., int], *about: Term, because: Exception | None = None) -> int:
    try:
        return prove(*about)
    except (Refused, CannotCompose) as refused:
        why = f"the calculus has no derivation: {f'{because}; as a number: ' if because else ''}{refused}"
        what, try_this = ", ".join(map(to_text, about)), "`tensorprog derive` may know it"
        raise fail("TP602", f"no certificate about {what}", because=why, help=try_this) from None


def members_named(program: Program, name: str) -> list[Var]:
    """Return members of a vector or scalar: one (x, x[1], p[1,2]), or those that an index runs through (x, p[1,j])."""
    try:
        v = read(name)
    except (TensorProgError, ValueError):
        v = None
    unknown = fail("TP018", f"--goals: not a member of the program: {name}", help="x, or x[1] with whole numbers")
    if not isinstance(v, Var) or v.name not in program.families:
        raise unknown
    family = program.families[v.name]
    subs = v.subs or tuple(f"#{k}" for k in range(family.arity))
    if len(subs) != family.arity:
        raise unknown
    boxes = [dict(zip(subs, sides, strict=True)) for sides in family.boxes]
    free = {
        s: sorted({k for box in boxes for k in range(box[s][0], box[s][1] + 1)}) for s in subs if isinstance(s, str)
    }
    if math.prod(map(len, free.values())) > MAX_FAMILY:
        raise fail("TP018", f"--goals: too many members of {v.name}", help="name some of them: x[1],x[2]")
    at = [dict(zip(free, values, strict=True)) for values in product(*free.values())]
    found = [Var(v.name, tuple(a[s] if isinstance(s, str) else s for s in subs)) for a in at]
    if not found or any(map(program.missing, found)):
        raise unknown
    return found


def numbers(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Covariances as numbers at the params' values; without names of those of the outputs."""
    means = Means(writer, functions)
    return _pairs(means, about, Numbers(means).covariance, numbers=True)


def kurtoses(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Kurtoses as numbers at the params' values; without names of the members of the outputs."""
    known, program = Numbers(Means(writer, functions)), writer.program
    return [_proved(known.kurtosis, v) for v in _named(program, about or [to_text(o.ref) for o in program.outputs])]


def claims(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Claims of the program, by their number or all: proved, or confirmed by numbers at the params' values."""
    means, out = Means(writer, functions), []
    known = Numbers(means)
    for k, claim in enumerate(writer.program.claims):
        if (not about or str(k + 1) in about) and claim.form != "valid":  # that is the first goal
            try:
                out.append(_claim(means, known, k))
            except (Refused, CannotCompose) as refused:
                writer.without.append(f"{claim_text(claim)}: {refused}")
    return out


def _claim(means: Means, known: Numbers, k: int) -> int:
    claim = means.writer.program.claims[k]
    if claim.tolerance is not None or claim.form == "not gaussian":
        return known.claim(k)
    try:
        return means.claim(k)
    except (Refused, CannotCompose) as refused:
        with suppress(Refused, CannotCompose):
            return known.claim(k)
        raise refused from None


Prover = Callable[[Writer, Functions, tuple[str, ...]], list[int]]
KINDS: dict[str, Prover] = {
    "facts": facts,
    "means": expectations,
    "covariances": covariances,
    "laws": laws,
    "claims": claims,
    "numbers": numbers,
    "kurtosis": kurtoses,
}
"""How the goals of each kind are proved; each gives the steps that conclude them."""


def parse(texts: Sequence[str], program: Program) -> list[Goal]:
    """The goals that are named: `validity` (always proved), a kind, a kind with names, or a vector (its facts)."""
    goals = []
    for text in texts:
        kind, _, names = text.partition(":")
        about = tuple(name.strip() for name in _split(names)) if names else ()
        if kind not in KINDS and program.role(kind) in ("vector", "scalar") and not names:
            kind, about = "facts", (text,)
        if kind == "validity" and not names:
            continue
        if kind not in KINDS:
            known = ", ".join(f"`{k}`" for k in ("validity", *KINDS))
            raise fail("TP018", f"--goals {text}: no such goal", help=f"{known}, `KIND:NAME,NAME`, or a vector's name")
        for name in about if kind == "facts" else ():
            if program.role(name) not in ("vector", "scalar"):
                raise fail("TP018", f"--goals {text}: not a vector or scalar of the program: {name}")
        goals.append(Goal(kind, about))
    return list(dict.fromkeys(goals))


def _split(names: str) -> list[str]:
    """At commas outside of brackets: `y[1,2],max(x,z)` has two parts."""
    parts, depth = [""], 0
    for c in names:
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def proved(writer: Writer, functions: Functions, goals: Sequence[Goal]) -> list[int]:
    """Return the steps that conclude the goals."""
    steps = counted((partial(KINDS[goal.kind], writer, functions, goal.about) for goal in goals), False, "goals")
    return list(chain.from_iterable(steps))
