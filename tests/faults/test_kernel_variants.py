"""The kinds behind the false certificates: each hole again, with other functions, indices, widths, names and orders."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as pairs
from typing import Any

import pytest

from tensorprog.errors import TensorProgError
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.json_form import Unreadable
from tensorprog.kernel.ground.term import ONE, add, mul, neg
from tensorprog.kernel.limits.statements import Mean
from tensorprog.kernel.numbers.statements import Number
from tensorprog.language import loads
from tensorprog.proof import prove
from tensorprog.terms import App, Bind, Num, Term, Var, read
from tests.kernel.bench import Bench, concluded
from tests.kernel.dishonest.test_dishonest import covers

pytestmark = pytest.mark.long

S, P = Var("s", ("j",)), Var("p", ("j",))


def number(term: Term, low: str, high: str = "") -> Number:
    return Number(term, low, high or low)


def every(*sides: Any) -> list[Any]:
    return list(pairs(*sides))


def refused(condition: str, act: Any) -> None:
    with pytest.raises((Refused, TensorProgError, Unreadable)) as said:
        act()
    assert condition in str(said.value)


# -- 1: a moment in a second width -------------------------------------------------------------------------------------

RATIOS = ("2", "3", "1/2", "5/3", "7")
DOTS = (("dot(u, u)/m", 1, 0), ("dot(u, u)/n", 1, 1), ("3*dot(u, u)/m", 3, 0), ("dot(2*u, u)/n", 2, 1))


@pytest.mark.parametrize(("ratio", "dot"), every(RATIOS, DOTS))
def test_a_moment_counts_the_entries_of_its_width(ratio: str, dot: tuple[str, int, int]) -> None:
    """(c/n) <u, u> of width r n tends to c r E u^2: the law of large numbers, by hand."""
    text, factor, exponent = dot
    truth = factor * Fraction(ratio) ** exponent
    wrong = factor if exponent else factor / Fraction(ratio)  # what counts no entries of the width
    program = f"width m = {ratio}*n\ninput u, v: m ~ N(0, 1)\nA = {text}\ny = A*v\noutput y\n"
    claims = f"claim var(y) = ({truth})^2\nclaim var(y) = ({wrong})^2\n"
    found = prove(loads(program + claims), ["claims"])
    assert [g[1] for g in found.goals[1:]] == ["0"]
    assert "claim var(y) = " in found.without[0]


# -- 2: a moment stands for no entry -----------------------------------------------------------------------------------

AVERAGED = ("u", "u^2", "u^4", "abs(u)", "tanh(u)", "relu(u)", "u*v", "exp(u)", "sin(u)^2", "u^2*v^2", "max(u, v)")


@pytest.mark.parametrize(("body", "term"), every(AVERAGED, ("m", "m*m")))
def test_only_its_limit_opens_a_moment(body: str, term: str) -> None:
    b = Bench(f"input u, v ~ N(0, 1)\nm = mean({body})\ny = m*u\noutput y\n")
    one = b.do("initial", term=ONE)
    refused("an instruction of another kind",
            lambda: b.do("linear", one, term=read(term), weights=(ONE,), at=(Var("m"),)))  # fmt: skip


# -- 3: capture --------------------------------------------------------------------------------------------------------


def bound(head: str, t: Term, *at: Term) -> Term:
    return Bind(head, (t, *at), ("j",))


@pytest.mark.parametrize(
    ("head", "kind"), every(("softmax", "sum", "max", "min"), ("gt", "ge", "lt", "le", "sign", "step"))
)
def test_no_binder_catches_what_is_replaced(head: str, kind: str) -> None:
    b = Bench()
    gap = b.do("apply", b.fact(S), b.do("apply", b.fact(P), head="neg"), head="add")
    if kind in ("sign", "step"):
        term: Term = mul(bound(head, S), App(kind, (add(S, neg(P)),)))
    else:
        term = App("where", (App(kind, (S, P)), bound(head, S), bound(head, P)))
    refused("no index is caught by a binder", lambda: b.do("clamped", gap, gap, term=term, solve=S))


@pytest.mark.parametrize("head", ["sum", "max", "min"])
def test_nor_the_tail_of_many_variables_along_one(head: str) -> None:
    """sum s[j]^2 - (sum s[j])^2/3 is 0 along the diagonal, and is not bounded."""
    b = Bench()
    squares = b.do("family", b.do("apply", b.fact(S), head="pow", exponent=Fraction(2)), head=head, over=("j",))
    refused("no index is caught by a binder", lambda: b.do("tails", squares, var=S, what="growth"))


# -- 4: members and families -------------------------------------------------------------------------------------------

SPLIT = "input u, x0 ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\n"
PARTIAL = {
    "pieces": "index i in 1..2\n" + SPLIT + "h[1] = B @ u\nh[2] = A @ u\ny = tanh(h[1])\noutput y\n",
    "one of a family": "index i in 1..2\n" + SPLIT + "weight C[i] ~ N(0, 1/n)\nh[i] = C[i] @ u\ny = h[1]\noutput y\n",
    "unused": "index i in 1..3\n" + SPLIT + "h[i] = B @ u\ny = h[1] + h[3]\noutput y\n",
    "transposed": "index i in 1..2\n" + SPLIT + "h[1] = B @ u\nh[2] = A' @ (A @ u)\ny = h[1]\noutput y\n",
    "an input": "index i in 1..2\ninput h[i] ~ N(0, 1)\ny = relu(h[1])\noutput y\n",
}
ABOUT = ("gaussian(h[2])", "var(h[2]) = 1", "cov(h[1], h[2]) = 0", "E(h[2]) = 0", "cov(y, h[2]) = 0")


@pytest.mark.parametrize(("name", "claim"), every(PARTIAL, ABOUT))
def test_a_claim_is_about_members_that_an_output_needs(name: str, claim: str) -> None:
    found = prove(loads(PARTIAL[name] + f"claim {claim}\n"), ["claims"])
    assert len(found.goals) == 1
    b = Bench(PARTIAL[name] + f"claim {claim}\n")
    if "gaussian" in claim:
        refused("members below one output", lambda: b.do("claimed", node=0))


def test_members_of_two_outputs_are_below_none() -> None:
    text = "input u ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\nh = A @ u\nk = B @ u\noutput h\noutput k\n"
    b = Bench(text)
    means = [b.do("product", term=Var(v)) for v in ("h", "k")]
    both = b.do("product", term=read("h*k"))
    refused("members below one output", lambda: b.do("covariance", both, *means, at=(Var("h"), Var("k"))))


# -- 5: names and text -------------------------------------------------------------------------------------------------

UNKNOWN: list[Any] = [
    ["var", name] for name in ("pi", "n", "K11", "z1", "K12", "E", "W", "nothing0", "j~", "x~", "x'", "t0")
]
UNKNOWN += [["var", "x", 1], ["var", "s"], ["var", "s", 1, 1], ["var", "s", "k"], ["var", "j", 1], ["var", "C", 1]]
UNKNOWN += [["bind", "sum", [["var", "x"]], ["k"], None], ["bind", "softmax", [["var", "x"]], ["n"], None]]
MASKED: list[Any] = [
    ["bind", head, [["var", "x"]], ["j"], ["le", ["var", "j"], ["num", "1"]]] for head in ("sum", "max", "min")
]
STRANGE: list[Any] = [
    ["E", ["var", "x"]],
    ["mean", ["var", "x"]],
    ["transpose", ["var", "W"]],
    ["dot", *[["var", "x"]] * 2],
]


@pytest.mark.parametrize(("data", "rule"), every([*UNKNOWN, *MASKED, *STRANGE], ("constant", "initial", "trusted")))
def test_a_step_uses_the_names_of_the_program(data: Any, rule: str) -> None:
    b = Bench()
    more = {"low": "0", "high": "1", "method": "series"} if rule == "trusted" else {}
    params = {"term": data, **more}
    refused("", lambda: concluded(b.context, rule, (), params))  # whatever is said, nothing is concluded
    if data in UNKNOWN and data not in (["var", "j~"], ["var", "x'"], ["var", "x~"]):
        refused("names of the program", lambda: concluded(b.context, rule, (), params))


# -- 6 and 7: the strip, and names of the quadrature -------------------------------------------------------------------

INSIDE = ("exp(3*tanh(g))", "exp(2*Phi(g))", "3*exp(cos(g))", "2*exp(tanh(g))", "9*tanh(g)*Phi(g)")
AROUND = ("tanh({})", "sigmoid(2*{})", "tanh({})^2", "tanh(2*{})*cos(g)")


def along(b: Bench, term: str, strip: str) -> Statement:
    known = [number(Var("g"), "0"), number(read("g*g"), "1")]
    return b.do(
        "quadrature", *known, term=read(term), at=(Var("g"),), strip=Fraction(strip), spacing=Fraction(1), count=20
    )


@pytest.mark.parametrize(("inside", "around"), every(INSIDE, AROUND))
def test_a_strip_ends_before_the_poles(inside: str, around: str) -> None:
    b = Bench("input x ~ N(0, 1)\nweight A ~ N(0, 1/n)\ng = A @ x\noutput g\n")
    refused("no pole in the strip", lambda: along(b, around.replace("{}", inside), "3/2"))


@pytest.mark.parametrize(
    ("name", "term"), every(("z1", "z2", "K11", "K22", "t"), ("abs(g)", "max(g, 0)", "relu(g)", "abs(g - 1)*tanh(g)"))
)
def test_a_param_is_no_variable_of_the_kernel(name: str, term: str) -> None:
    """A param with such a name gives no value to a function that is not analytic, and no sign to a radicand."""
    b = Bench(f"param {name} = 1\ninput x ~ N(0, 1)\nweight A ~ N(0, 1/n)\ng = A @ x\noutput g\n")
    refused("", lambda: along(b, term, "6"))
    refused("the two terms are equal", lambda: b.do("equal", b.fact(f"abs({name})"), b.fact(name)))
    square = App("pow", (read(f"{name}^2"), Num(Fraction(1, 2))))
    refused("", lambda: b.do("equal", b.fact(square), b.fact(name)))


# -- 8: near a limit ---------------------------------------------------------------------------------------------------

SCORES = {
    "score": "p = dot(Wq @ x, Wk @ x) / sqrt(n)\n",
    "scaled": "p = 3 * dot(Wq @ x, Wk @ x) * n^(-1/2)\n",
    "readout": "input r ~ N(0, 1)\np = dot(r, x) / sqrt(n)\n",
    "features": "p = dot(Wq @ x, x) / sqrt(n)\n",
}
FUNCTIONS = ("exp(p^4)", "p^2", "1/(1 + p^2)", "tanh(p)", "softplus(p)")


@pytest.mark.parametrize(("score", "f"), every(SCORES, FUNCTIONS))
def test_a_score_has_no_limit_near_which_a_fact_holds(score: str, f: str) -> None:
    text = f"input u ~ N(0, 1)\nweight E0, Wq, Wk ~ N(0, 1/n)\nx = tanh(E0 @ u)\n{SCORES[score]}s = {f}\n"
    b = Bench(text + "y = s*u\noutput y\n")
    p = next(n.name for n in b.program.nodes if b.context.powers.is_score(n))
    refused("a scalar that tends to a constant", lambda: b.do("limit_scalar", var=Var(p)))


# -- functions of scalars at the limit of each member ------------------------------------------------------------------

MOMENTS = ("mean(u)", "mean(A @ tanh(u))", "mean(u^3)", "dot(u, v)/n")
JUMPS = ("where({} > 0, 10, -10)", "step({})", "sign({})", "floor({})", "ceil({})", "where({} <= 0, {}, 1)")


@pytest.mark.parametrize(("moment", "jump"), every(MOMENTS, JUMPS))
def test_no_theorem_covers_a_jump_at_a_limit(moment: str, jump: str) -> None:
    """As an output, inside a vector, and by a member of a family whose other members are harmless."""
    start = "index i in 1..2\ninput u, v ~ N(0, 1)\nweight A ~ N(0, 1/n)\n"
    one, many = jump.format("m", "m"), jump.format("m[i]", "m[i]")
    for rest in (
        f"m = {moment}\ns = {one}\noutput s\n",
        f"m = {moment}\ny = ({one})*u\noutput y\n",
        f"m[1] = {moment}\nm[2] = mean(u^2)\ny[i] = ({many})*u\noutput y\n",
    ):
        with pytest.raises(Refused):
            covers(start + rest, "netsor-plus")


def test_a_continuous_function_of_a_limit_is_covered() -> None:
    for text in (
        "input e ~ N(0, 1)\nc = 1/sqrt(mean(e^2))\noutput c\n",
        "input e ~ N(0, 1)\nm = mean(e^2)\nc = log(m) + exp(m^4)\noutput c\n",
        "index i in 1..2\ninput e[i] ~ N(0, 1)\nm[i] = mean(e[i]^2)\nc[i] = 1/m[i]\noutput c\n",
    ):
        covers(text, "netsor-plus")


# -- goals as they are printed -----------------------------------------------------------------------------------------


def test_goals_speak_of_the_program_as_it_is_written() -> None:
    text = (
        "index i in 1..2\ninput u ~ N(0, 1)\nweight A, Wq, Wk, Wv ~ N(0, 1/n)\nx[i] = tanh(A @ u)\n"
        "p[i] = dot(Wq @ x[1], Wk @ x[i]) / sqrt(n)\nk = Wv @ x[1]\ny = sum(softmax(p[i] over i) * k for i)\noutput y\n"
    )
    found = prove(loads(text), ["facts:x"])
    said = repr(found)
    assert "goal: the theorem attention covers the output y" in said
    assert "goal: x[i] = tanh(x_1), where x_1 = A @ u, is bounded" in said.replace("x_1[i]", "x_1")
    assert "property" not in said


# -- the edges of params: zero variances, exponents that may be 1/2, quotients that may be 0/0 -------------------------

EDGES = "param z >= 0 = 1\nparam q in (0, 1/2) = 0.3\nparam w in (-1, 1) = 0.2\ninput e ~ N(0, z)\ninput a ~ N(0, 1)\n"
JUMPING = ("sign(z1)^2", "step(z1) + step(-z1)", "where(z1 > 0, 1, 1)", "sign(z1)*sign(z1)", "2*step(z1)", "abs(z1)")
HEAVY = ("exp(q*z1^2)", "exp(z*z1^2)", "exp(w*z1^2)", "exp(z1^2/2)", "exp(z1^2 + z)", "exp(q*z1^2)*relu(z1)")
SINGULAR = ("sqrt(z)*relu(z1)", "abs(z1/z)", "Phi(z1/z)", "relu(z*z1)", "exp(z1)/z", "relu(w*z1)", "step(z1)*log(z)")
EMPTY = ("e/e", "sqrt(e)*sqrt(e)/abs(e)", "relu(e)/relu(e)", "(e^2)^(1/2)*(e^2)^(-1/2)", "sign(e)^2", "abs(e)/abs(e)",
         "(1 - z)/(1 - z)", "w/w", "e^2*e^(-2)", "exp(log(e))/e")  # fmt: skip


def lemma_at(b: Bench, h: str, v: str) -> Statement:
    known = [b.do("initial", term=mul(Var(v), Var(v))), b.do("initial", term=Var(v))]
    lemma = b.do("gaussian_mean", term=read(h))
    return b.do("instance", lemma, *known, term=read(h.replace("z1", v)), at=(Var(v),))


@pytest.mark.parametrize(("h", "v"), [*every(JUMPING, ("e",)), *every(HEAVY, ("a", "e")), *every(SINGULAR, ("a", "e"))])
def test_a_lemma_is_not_used_at_the_edge_of_its_domain(h: str, v: str) -> None:
    b = Bench(EDGES + "output e\noutput a\n")
    with pytest.raises(Refused) as said:
        lemma_at(b, h, v)
    assert str(said.value) in (
        "the law lies in the domain of the lemma", "the sign is decided by what is assumed", "a radicand is positive",
        "a value of the calculus",
    )  # fmt: skip


@pytest.mark.parametrize("term", EMPTY)
def test_what_may_have_no_value_is_not_one(term: str) -> None:
    b = Bench(EDGES + "output e\noutput a\n")
    one = b.do("initial", term=ONE)
    refused("", lambda: b.do("linear", one, term=read(term), weights=(ONE,)))
    if "e" in term.replace("exp", ""):
        given = {"low": Fraction(1), "high": Fraction(1), "method": "series"}
        refused("every part has a value", lambda: b.do("trusted", term=read(f"1/({term})"), **given))


WIDE = (
    ("m x n", "1/n", "1"),
    ("n x m", "1/n", "2"),
    ("n x m", "1/m", "1"),
    ("m x n", "1/m", "1/2"),
    ("m x m", "3/m", "3"),
)


@pytest.mark.parametrize(("rows", "variance", "truth"), WIDE)
def test_a_product_counts_the_entries_of_its_vector(rows: str, variance: str, truth: str) -> None:
    width = "m" if rows.endswith("m") else "n"
    b = Bench(f"width m = 2*n\ninput u: {width} ~ N(0, 1)\nweight A: {rows} ~ N(0, {variance})\ng = A @ u\noutput g\n")
    square = b.do("product", b.do("initial", term=read("u*u")), term=read("g*g"))
    assert isinstance(square, Mean)
    assert square.value == Num(Fraction(truth))
