"""Attacks on single rules that once succeeded, or that a reader would try first: each is refused, by its condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tensorprog.errors import TensorProgError
from tensorprog.kernel.core.rates import FLAT, Info
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Fact
from tensorprog.kernel.ground.term import mul
from tensorprog.kernel.limits.statements import Mean
from tensorprog.kernel.numbers.statements import Number
from tensorprog.language import loads
from tensorprog.proof import prove
from tensorprog.terms import Bind, Num, Term, Var, read
from tests.kernel.bench import Bench, lacking
from tests.kernel.dishonest.moments import GRID, SHARES

MIXTURE = """
index i in 1..2
input u ~ N(0, 1)
weight Wq, Wk, Wv, Wo ~ N(0, 1/n)
x[i] = sin(u)
p = dot(Wq @ x[1], Wk @ x[2]) / sqrt(n)
y = p * (Wv @ x[1])
z = Wo @ x[1]
o = y + z
output o
"""
CONSTANTS = "index j in 1..2\nmatrix M = [1, 2]\nparam C in (-2, 2) = 1\ninput u ~ N(0, 1)\noutput u\n"


def mean(term: str, value: str) -> Mean:
    return Mean(read(term), read(value))


def fourth(of: str, to: str) -> Any:
    """E z^4 = E y^4 for a mixture y of Gaussian laws and a Gaussian z of the same variance."""
    b = Bench(MIXTURE)
    known = [mean(f"{v}*{v}*{v}*{v}"[: 2 * k - 1], value) for v in (of, to) for k, value in ((1, "0"), (2, "1"))]
    first = mean(f"{of}*{of}*{of}*{of}", "9" if of == "y" else "3")
    return b.do("alike", first, *known, term=read(f"{to}*{to}*{to}*{to}"), at=(Var(to),))


@pytest.mark.parametrize(("of", "to"), [("y", "z"), ("z", "y")])
def test_a_mixture_has_not_the_law_of_a_gaussian_vector(of: str, to: str) -> None:
    with pytest.raises(Refused, match="a law that no score changes"):
        fourth(of, to)
    if of == "y":
        with lacking("a law that no score changes"):
            assert fourth(of, to).value == Num(9)


def softmax(*entry: Term, mask: Term | None = None) -> Bind:
    return Bind("softmax", (Var("M", ("j",)), *entry), ("j",), mask)


ENTRIES: list[tuple[Term, ...]] = [(), (Var("j"),), (Num(0),), (Num(3),), (read("1/2"),), (Num(1), Num(1)), (Var("C"),)]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_a_softmax_does_not_have_is_not_zero(entry: tuple[Term, ...]) -> None:
    b = Bench(CONSTANTS)
    square = b.do("initial", term=read("u*u"))
    for weight in (softmax(*entry), softmax(*entry, mask=read("j < 3"))):
        with pytest.raises(Refused, match="an entry of a softmax"):
            b.do("linear", square, term=mul(weight, read("u*u")), weights=(weight,))


def test_what_a_mask_leaves_of_a_softmax() -> None:
    b = Bench(CONSTANTS)
    square = b.do("initial", term=read("u*u"))

    def first(mask: str) -> Any:
        weight = softmax(Num(1), mask=read(mask))
        return b.do("linear", square, term=mul(weight, read("u*u")), weights=(weight,)).value

    assert (first("j < 2"), first("j > 1")) == (Num(1), Num(0))
    with pytest.raises(Refused, match="an entry of a softmax"):
        first("j < 1")


UNDEFINED = ("asin(u)", "acos(u)", "tan(u)", "mod(1, u)", "asin(2)", "acos(-3)", "asin(C)", "tan(C)", "mod(u, 0)",
             "mod(u, C)", "log(u)", "sqrt(u)", "u^(-1)", "u^(1/3)", "log1p(u)", "asin(1 + C^2)")  # fmt: skip


@pytest.mark.parametrize("term", UNDEFINED)
def test_what_may_have_no_value_has_no_mean(term: str) -> None:
    """E 0 asin(u) = 0, though asin(u) is no number where |u| > 1; and so in claims."""
    b = Bench(CONSTANTS)
    for spelled in (f"0*{term}", f"{term} - {term}"):
        with pytest.raises(Refused, match="the term is the combination"):
            b.do("linear", term=read(spelled), weights=())
    if "u" not in term:
        with pytest.raises((Refused, TensorProgError)) as said:
            Bench(f"{CONSTANTS}claim 0*{term} = 0\n").do("claimed", node=0)
        assert isinstance(said.value, TensorProgError) or str(said.value) == "every part has a value"


@pytest.mark.parametrize(
    "claim", ["asin(1/2) = asin(1/2)", "0*acos(-1) = 0", "tan(2) = tan(2)", "mod(3, 2) = mod(3, 2)"]
)
def test_what_has_a_value_is_proved(claim: str) -> None:
    assert len(prove(loads(f"{CONSTANTS}claim {claim}\n"), ["claims"]).goals) == 2


@pytest.mark.parametrize("claim", ["asin(2) = pi/2", "0*asin(E(u*u) + 1) = 0", "asin(1 + 1/10^20) = pi/2",
                                   "asin(-2) = -pi/2", "sqrt(E(u*u) - 2)*0 = 0"])  # fmt: skip
def test_a_number_that_does_not_exist_is_not_confirmed(claim: str) -> None:
    b = Bench(f"{CONSTANTS}claim {claim}\n")
    with pytest.raises(Refused, match=r"a sine lies between -1 and 1|a root of what is not negative"):
        b.do("confirmed", Number(read("u*u"), "1", "1"), node=0)


LOST = """
input x ~ N(0, 1)
input z ~ N(0, 0)
weight A, B, C, D ~ N(0, 1/n)
f = tanh(x)
p = dot(A @ f, B @ f) / sqrt(n)
q = dot(C @ z, D @ f) / sqrt(n)
l = x*z/z
y = where(z > 1, l, x) + sin(p)*q
output y
claim gaussian(l)
"""
"""Of z, which is 0 at every width, z/z is no number; so is q/q."""


@pytest.mark.parametrize(
    ("rule", "params", "condition"),
    [
        ("isserlis", {"term": read("x*z/z")}, "a product of members"),
        ("over_scores", {"term": read("x*z/z")}, "a product of members"),
        ("conditional", {"at": (Var("l"), Var("l"))}, "every part has a value"),
        ("claimed", {"node": 0}, "Gaussian members"),
        ("quadrature_over_scores", {"term": read("tanh(p*q/q)"), **GRID}, "every part has a value"),
        ("shares_over_scores", {"term": read("1/(1 + exp(p*q/q))"), **SHARES}, "every part has a value"),
    ],
)
def test_what_cancels_in_a_normal_form_has_a_value(rule: str, params: dict[str, Any], condition: str) -> None:
    """Normal forms are equal where both are defined: a rule that reads one off asks that its term is."""
    b = Bench(LOST)
    known: list[Any] = []
    if rule in ("isserlis", "conditional"):
        known = [b.do("initial", term=read("x*x")), b.do("initial", term=Var("x"))]
    elif rule.endswith("ure_over_scores") or rule == "shares_over_scores":
        known = [Number(Var("p"), "0", "0"), Number(mul(Var("p"), Var("p")), "1", "1")]
    with pytest.raises(Refused) as refused:
        b.do(rule, *known, **params)
    assert str(refused.value) == condition


def test_a_gaussian_vector_has_a_mean() -> None:
    """x/m has no limit where m tends to 0, though it is x times a constant."""
    b = Bench("input x ~ N(0, 1)\ninput z ~ N(0, 0)\nm = mean(z^2)\nl = x/m\ny = where(m > 1, l, x)\noutput y\n"
              "claim gaussian(l)\n")  # fmt: skip
    with pytest.raises(Refused, match="the mean is known"):
        b.do("claimed", node=0)


def test_what_is_normalised_is_gaussian() -> None:
    """A quotient that the normal form still has, by what tends to a positive number."""
    text = "input x ~ N(0, 1)\nweight W, V ~ N(0, 1/n)\ng = W @ x\nm = mean(g)\ny = (g - m)/sqrt(mean(g^2) - m^2)\n"
    found = prove(loads(f"{text}o = V @ relu(y)\noutput o\nclaim gaussian(y)\n"), ["covariances:o", "claims"])
    assert "the limit covariance of o and o is 1/2" in found.statements
    assert "claim gaussian(y) holds" in found.statements


@pytest.mark.parametrize("text", ["x ~ N(1/t, 1)\ny = x", "x ~ N(0, 1)\nm = dot(x, x)/(t*n)\ny = tanh(m)*x"])
def test_a_program_has_a_value_at_every_param(text: str) -> None:
    """Means and factors of dot products at t = 0."""
    with pytest.raises(TensorProgError, match="TP602"):
        prove(loads(f"param t = 1\ninput {text}\noutput y\n"))
    assert prove(loads(f"param t > 0 = 1\ninput {text}\noutput y\n")).axioms


LAYERS: dict[str, Callable[[int], str]] = {
    "vectors": lambda k: f"y{k + 1} = y{k} + p*y{k}\n",
    "scalars": lambda k: f"s{k + 1} = tanh(s{k})*t{k}\nt{k + 1} = sin(t{k})*s{k}\n",
}
HEAD = """
input u ~ N(0, 1)
weight Wq, Wk, Wv ~ N(0, 1/n)
x = sin(u)
p = dot(Wq @ x, Wk @ x) / sqrt(n)
s0 = tanh(p)
t0 = sin(p)
y0 = p * (Wv @ x)
"""


@pytest.mark.parametrize("name", LAYERS)
def test_what_doubles_with_each_instruction_ends(name: str) -> None:
    """Definitions that read their predecessors twice: 2^24 parts once written out."""
    text = HEAD + "".join(map(LAYERS[name], range(24)))
    b = Bench(text + ("output y24\n" if name == "vectors" else "y = s24*y0\noutput y\n"))
    if name == "vectors":
        with pytest.raises(Refused, match="the fuel lasts"):
            b.do("conditional", at=(Var("y24"), Var("y24")))
    else:
        fact = Fact(Var("s24"), Info(3, FLAT, FLAT))
        assert b.do("unevaluated", fact, term=Var("s24")).term == Var("s24")
