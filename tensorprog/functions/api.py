"""`facts(...)`: what is known of a function given as text or as a sympy expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorprog.errors import fail, renamed
from tensorprog.functions.assume import Assumption, assumptions_of
from tensorprog.functions.decide.judge import judge
from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import expand, read_term
from tensorprog.functions.rules.facts import Facts
from tensorprog.kernel.ground.signatures import CONDITIONS
from tensorprog.kernel.ground.term import App, Bind, variables, walk
from tensorprog.terms import Term, Var
from tensorprog.terms.heads import LIMIT, VECTOR


@renamed(variables="vars", params="assume", assumptions="assume")
def facts(
    expr: Any,
    vars: Sequence[str] | None = None,
    assume: Mapping[str, Assumption] | str | Sequence[str] | None = None,
) -> Facts:
    """Decide what can be decided of a function: bounded, pseudo-Lipschitz and its order, continuous, controlled.

    `expr`: text in the language, a term, or a sympy expression, whose symbols' assumptions (positive, nonnegative,
    negative, integer) are assumptions on params. `vars`: the names that vary (default: every name
    without an assumption); the others are params, and what is proved holds for all their admissible values.
    Raises TP001 and its relatives for text that cannot be read.

    >>> f = facts("x*exp(-C*x^2)", vars=["x"], assume="C > 0")
    >>> f.bounded.status, f.pseudo_lipschitz.order
    ('proved', Fraction(1, 1))
    """
    assumptions = assumptions_of(assume, *(() if isinstance(expr, str | Term) else (expr,)))
    term = term_of(expr)
    names = dict.fromkeys(v.name for v in variables(term))
    chosen = [n for n in names if n not in assumptions] if vars is None else list(vars)
    for name in chosen:
        if name in assumptions:
            raise fail("TP005", f"{name} is both a variable and a param with an assumption")
    return judge(term, chosen, assumptions)


def term_of(expr: Any) -> Term:
    """Read text, a term or a sympy expression as a term, with registered functions replaced by their forms."""
    if isinstance(expr, str):
        return checked(read_term(expr))
    if isinstance(expr, Term):
        return checked(expand(expr))
    from tensorprog.functions.evaluate.sympy_bridge import from_sympy

    return checked(expand(from_sympy(expr)))


def checked(t: Term) -> Term:
    """Refuse what is no coordinatewise function: wrong numbers of arguments, matrices, statements about limits."""
    for u in walk(t):
        if isinstance(u, App) and u.head in library():
            least, most = library()[u.head].arity
            if not least <= len(u.args) <= most:
                count = str(least) if least == most else f"{least} or more"
                raise fail("TP016", f"{u.head} takes {count} argument(s), here {len(u.args)}", u.place)
            if u.head == "where" and not _is_condition(u.args[0]):
                raise fail("TP003", "the first argument of where is a condition", u.place, help="where(x > 0, a, b)")
        if isinstance(u, App) and u.head in (*VECTOR, *LIMIT, "gaussian", "ref"):
            raise fail("TP003", f"{u.head} is not allowed in a coordinatewise function", u.place)
        if isinstance(u, Bind) and u.head == "attention":
            raise fail("TP003", "attention is not allowed in a coordinatewise function", u.place)
        if isinstance(u, Var) and u.name == "n" and not u.subs:
            raise fail("TP012", "the width n is not allowed in a coordinatewise function", u.place)
    if _is_condition(t):
        raise fail("TP003", "this is a condition, not a function", getattr(t, "place", None))
    return t


def _is_condition(t: Term) -> bool:
    return isinstance(t, App) and t.head in CONDITIONS
