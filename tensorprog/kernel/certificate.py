"""The format of a certificate, read strictly, and the loop that re-checks it step by step.

    {"schema": "tensorprog/certificate/1", "program": "<sha256>", "axioms": ["theorem attention"],
     "steps": [["rule", {params}, [premises], conclusion], ...], "goals": [6, 40]}

A premise is the number of an earlier step; each rule computes its conclusion, which must equal the written one. What
has to be concluded is computed here from the program: for each output, that a theorem covers it.
"""

# fmt: off
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, NoReturn

from tensorprog.kernel import rules
from tensorprog.kernel.functions import METER, Refused, require
from tensorprog.kernel.spelling import LEMMA, READ, T, legible, owned
from tensorprog.program.api import Program
from tensorprog.program.normal.normalize import normalize
from tensorprog.terms import App, Bind, Num, Term, Var, from_json
from tensorprog.terms.json_form import number_from_json

SCHEMA = "tensorprog/certificate/1"
FUEL = 2_500_000
MAX_BYTES = 10_000_000
ENTRIES = {"schema", "program", "axioms", "steps", "goals"}

def _word(data: Any) -> str:
    require(isinstance(data, str) and len(data) <= 40, "a word")
    return str(data)

def _whole(data: Any) -> int:
    x = number_from_json(data)
    require(x.denominator == 1, "a whole number")
    return int(x)

def _list(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def reader(data: Any) -> tuple[Any, ...]:
        require(isinstance(data, list), "a list")
        return tuple(map(read, data))

    return reader

def _term(data: Any) -> Term:
    return from_json(data, heads=READ)

def _value(data: Any) -> Term:
    return from_json(data, heads={**READ, "Phi2": (3, 3)})

READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("term", "mask", "var", "solve", "atom", "slope"), _term),
    **dict.fromkeys(("head", "what", "theorem", "method"), _word),
    **dict.fromkeys(("node", "output", "count"), _whole),
    **dict.fromkeys(("exponent", "strip", "spacing", "low", "high"), number_from_json),
    **dict.fromkeys(("over", "remarks"), _list(_word)),
    "value": _value, "weights": _list(_term), "assumed": _list(_term),
    "points": _list(number_from_json), "extra": _list(_whole),
    "at": _list(_term), "curve": _list(_list(_term)),
}
"""How each param is read, whatever the rule."""
BOOKS: dict[str, tuple[str, ...]] = {
    "rules": ("constant", "variable", "limit_scalar", "apply", "family", "definition", "norm", "share", "branches",
              "instruction", "has"),
    "premises": ("variance", "nonzero", "sign", "applies", "assumed"),
    "rewriting": ("equal", "clamped"),
    "refutations": ("tails", "refuted"),
    "expectations": ("gaussian_mean", "price", "heat", "rewritten", "smoothed"),
    "means": ("initial", "product", "linear", "instance", "still", "unevaluated", "alike", "closed", "independent",
              "limit", "score"),
    "laws": ("covariance", "conditional", "claimed"),
    "numbers": ("evaluated", "quadrature", "trusted", "located", "confirmed", "mixed"),
}
LAW = ("members", "expectations", "gaussian")
NEEDS = {"laws": LAW, "means": LAW, "expectations": LAW[2:], "numbers": (*LAW, "laws", "intervals")}
"""The files that a rule's own reads, beside the core and the algebra."""
RULES = {name: book for book, names in BOOKS.items() for name in names}  # each is read when it is first used

def rule(name: str) -> Callable[..., rules.Judgement]:
    """A rule under its name."""
    return getattr(import_module(f"tensorprog.kernel.{RULES[name]}"), name)  # type: ignore[no-any-return]

@cache
def _wanted(name: str) -> list[Parameter]:
    return list(signature(rule(name)).parameters.values())[2:]

def applied(ctx: rules.Context, name: str, before: list[rules.Judgement], params: dict[str, Any]) -> rules.Judgement:
    """What a rule concludes; its book and what that reads count among what the certificate rests on."""
    if (book := RULES[name]) not in ctx.books:
        assert ctx.algebra
        ctx.books.update((book, *NEEDS.get(book, ())))
    return rule(name)(ctx, before, **meant(ctx, name, params))

def meant(ctx: rules.Context, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """The params of a rule, read; their names are the program's, or the rule's own."""
    return {k: _meant(ctx, RULES[name], READERS[k](v)) for k, v in params.items()}

def _meant(ctx: rules.Context, book: str, x: Any, own: Any = None) -> Any:
    """A param whose names are the program's: beside them a lemma has its two variables, a point of a curve has t."""
    own = own if own is not None else LEMMA if book == "expectations" else {}
    if isinstance(x, tuple) and book == "refutations":
        return tuple(tuple(_meant(ctx, book, y, {"t": T} if k else {}) for k, y in enumerate(pair)) for pair in x)
    if isinstance(x, tuple):
        return tuple(_meant(ctx, book, y, own) for y in x)
    return owned(legible(x, ctx.program, own), own) if isinstance(x, Num | Var | App | Bind) else x

@dataclass(frozen=True)
class Accepted:
    """What an accepted certificate establishes."""

    steps: int
    axioms: tuple[str, ...]
    goals: tuple[tuple[str, ...], ...]
    judgements: tuple[rules.Judgement, ...]
    books: tuple[str, ...]
    """The files of the kernel that it rests on."""

def read(text: str | bytes) -> Any:
    """JSON without floats, constants or keys that stand twice."""

    def refuse(what: str) -> NoReturn:
        raise Refused(f"no floating-point numbers: {what[:20]}")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len(dict(items)) == len(items), "no key stands twice")
        return dict(items)

    require(len(text) <= MAX_BYTES, "a certificate of bounded size")
    return json.loads(text, parse_float=refuse, parse_constant=refuse, object_pairs_hook=pairs)

def verify(program: Program, certificate: str | bytes, fuel: int = FUEL) -> Accepted:
    """Accept a certificate for this program, or refuse it, with the step and the reason."""
    done: list[rules.Judgement] = []
    try:
        data = read(certificate)
        require(isinstance(data, dict) and set(data) == ENTRIES, "the five entries")
        require(data["schema"] == SCHEMA, f"the schema {SCHEMA}")
        require(data["program"] == program.hash, "the hash is that of this program")
        ctx = rules.Context(normalize(program), fuel)
        ctx.spend(len(certificate) // 5)
        require(isinstance(data["steps"], list) and isinstance(data["goals"], list), "lists of steps and goals")
        meter = METER.set(ctx.spend)
        try:
            for step in data["steps"]:
                done.append(_check(ctx, done, step))
        finally:
            METER.reset(meter)
        return _conclude(ctx, program, done, data["axioms"], data["goals"])
    except Exception as error:  # whatever goes wrong, nothing is accepted
        raise Refused(f"step {len(done)} is rejected: {str(error) or type(error).__name__}") from None

def _check(ctx: rules.Context, done: list[rules.Judgement], step: Any) -> rules.Judgement:
    name, params, before, conclusion = step
    require(isinstance(name, str) and name in RULES, "a rule of the calculus")
    require(isinstance(params, dict) and isinstance(before, list), "params and premises")
    wanted = _wanted(name)
    missing = [p.name for p in wanted if p.default is p.empty and p.name not in params]
    require(not missing and set(params) <= {p.name for p in wanted}, "the params of the rule")
    require(all(type(k) is int and 0 <= k < len(done) for k in before), "premises are earlier steps")
    ctx.spend({"applies": 2000 + 100 * len(ctx.program.nodes), "nonzero": 1000, "instruction": 100}.get(name, 50))
    out = applied(ctx, name, [done[k] for k in before], params)
    require(json.dumps(out.says()) == json.dumps(conclusion), "the conclusion is what the rule concludes")
    return out

def _conclude(ctx: rules.Context, program: Program, done: list[rules.Judgement], axioms: Any, goals: Any) -> Accepted:
    """The goals: every output is judged, once and in order; then properties of instructions, if any were asked for."""
    require(goals and len(set(goals)) == len(goals), "goals, each once")
    require(all(type(k) is int and 0 <= k < len(done) for k in goals), "goals are steps")
    said = [done[k].words for k in goals]
    n = len(program.outputs)
    judged = [w[2] for w in said[:n] if w[0] == "applies"]
    require(judged == [str(k) for k in range(n)], "the goals judge every output in order")
    more = ("property", "refuted", "covariance", "law given the scores", "covariance given the scores", "claim",
            "covariance number", "claim confirmed")
    require(all(w[0] in more for w in said[n:]), "every further goal is a property, a covariance or a claim")
    used = sorted({a for k in goals for a in done[k].axioms})
    require(axioms == used, "the axioms are those that were used")
    return Accepted(len(done), tuple(used), tuple(said), tuple(done), tuple(sorted(ctx.books)))
