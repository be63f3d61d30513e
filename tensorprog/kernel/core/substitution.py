"""The one substitution of the kernel, and which terms may have no value."""

from __future__ import annotations

from collections.abc import Mapping

from tensorprog.kernel.core.names import indices_in
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.ground.term import App, Bind, Term, children, rebuild


def substituted(t: Term, mapping: Mapping[Term, Term]) -> Term:
    """Replace subterms, all at once; a binder that catches an index of what is replaced, or of what takes its place,
    is refused."""

    def under(s: Term, bound: frozenset[str]) -> Term:
        if s in mapping:
            t = mapping[s]
            require(not bound & (indices_in(s) | indices_in(t)), "no index is caught by a binder")
            return t
        if isinstance(s, Bind):  # of a softmax the entry, its further arguments, stands outside
            inner = bound | set(s.over)
            args = tuple(under(a, bound if s.head == "softmax" and k else inner) for k, a in enumerate(s.args))
            return rebuild(s, args if s.mask is None else (*args, under(s.mask, inner)))
        parts = children(s)
        return rebuild(s, tuple(under(p, bound) for p in parts)) if parts else s

    return under(t, frozenset())


def part(t: Term) -> bool:
    """Return whether the term is a quotient, a logarithm, a broken power, ..., which may have no value."""
    match t:
        case App("recip" | "log" | "log1p" | "sqrt" | "asin" | "acos" | "tan" | "mod"):
            return True
        case App("pow", (_, e)):
            return not (hasattr(e, "value") and e.value.denominator == 1 and e.value >= 0)
    return False
