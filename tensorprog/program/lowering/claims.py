"""Claims: statements about limits, over names that the program defines."""

from __future__ import annotations

from dataclasses import replace

from tensorprog.errors import fail
from tensorprog.kernel.ground.nodes import Claim
from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.program.lowering.lowered import CONST
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.terms import App, Bind, Num, Term, Var


class ClaimLowering:
    """Expressions of claims: names must be defined, and no instruction may be needed to state them."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering

    def side(self, raw: Term, variable: bool) -> Term:
        match raw:
            case App("E" | "var" | "cov" as head, args) if len(args) == (2 if head == "cov" else 1):
                return App(head, tuple(map(self._inside, args)), raw.place)
            case Var() | App("ref"):
                low = self.lowering.expression(raw)
                if low.kind != CONST and not variable:
                    raise fail("TP003", "a claim is about limits: write E(x), var(x) or cov(x, y)", raw.place)
                return low.term
            case Num():
                return raw
            case Bind(head, args, over, None) if head in ("sum", "max", "min"):
                self.lowering.open_binder(raw)
                inner = tuple(self.side(a, False) for a in args)
                self.lowering.close_binder(over)
                return Bind(head, inner, over, None, raw.place)
            case App(head, args) if head in FUNCTIONS or head in ("add", "mul", "neg", "recip", "pow", "pi"):
                return App(head, tuple(self.side(a, False) for a in args), raw.place)
            case _:
                raise fail("TP003", "this is not allowed in a claim", raw.place)

    def _inside(self, raw: Term) -> Term:
        before = len(self.lowering.program.nodes)
        low = self.lowering.expression(raw)
        if len(self.lowering.program.nodes) != before:
            raise fail("TP003", "a claim is about variables of the program", raw.place,
                       help="give the product a name on a separate line, and claim about that name")  # fmt: skip
        return low.term

    def condition(self, raw: Term) -> Term:
        low = self.lowering.over_indices(raw)
        if not low.condition or low.kind > CONST:
            raise fail("TP003", "`for` must be followed by a comparison of indices", raw.place)
        return low.term


def add_claim(lowering: Lowering, claim: Claim) -> None:
    """Append a claim; its sides speak of limits: E, cov, var of vectors, params, constants."""
    if claim.form not in ("equal", "valid", "invalid", "gaussian", "not gaussian"):
        raise fail("TP001", f"there is no claim of the form {str(claim.form)[:20]}", claim.place)
    claims = ClaimLowering(lowering)
    left = None if claim.left is None else claims.side(claim.left, "gaussian" in claim.form)
    right = None if claim.right is None else claims.side(claim.right, False)
    if (claim.form == "equal") != (right is not None) or (claim.form in ("valid", "invalid")) != (left is None):
        raise fail("TP001", "the claim is not complete", claim.place)
    tolerance = None if claim.tolerance is None else lowering.constant(claim.tolerance, "a tolerance")
    condition = None if claim.condition is None else claims.condition(claim.condition)
    new = replace(claim, left=left, right=right, tolerance=tolerance, condition=condition)
    lowering.program.claims.append(new)
