"""A dishonest prover for each side condition: without the condition a falsehood is accepted, with it it is refused.

Every `require` of the kernel is enumerated here. Those of FORMAT only keep malformed input out; those of DEFENCE guard
what other conditions already exclude, or what has no counterexample in today's calculus, each with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import add, neg, recip
from tensorprog.language import load, loads
from tensorprog.proof.functions import Functions
from tensorprog.proof.prover import Attempt, _discharged
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Bind, Num, Var, read
from tests.kernel.bench import CORPUS, Bench, conditions, lacking
from tests.kernel.dishonest.covariances import COVARIANCES, GUARDED
from tests.kernel.dishonest.expectations import DEFENDED, EXPECTATIONS
from tests.kernel.dishonest.moments import GUARDED_MOMENTS, MALFORMED_MOMENTS, MOMENTS
from tests.kernel.dishonest.normal_forms import GUARDED_NORMAL_FORMS, NORMAL_FORMS
from tests.kernel.dishonest.numbers import GUARDED_NUMBERS, NUMBERS

X, Y = Var("x"), Var("y")
F1 = Fraction(1)


def undefined_condition(b: Bench) -> Statement:
    gap = add(X, recip(Y), neg(recip(Y)))  # equal to x, but it has no value at y = 0
    term = App("where", (App("gt", (gap, Num(0))), X, Num(0)))
    unfolded = add(App("max", (X, Num(0))), Num(0), neg(Num(0)))
    return b.do("clamped", b.fact(unfolded), b.fact("x"), term=term, solve=X)


def where(yes: str, no: str, head: str = "gt") -> App:
    return App("where", (App(head, (X, Num(0))), read(yes), read(no)))


def refutes(body: str, what: str, params: str = "", **curve: str) -> Statement:
    """A refutation of the function `body`, whatever the curve."""
    b = Bench(f"param C > 0 = 1\n{params}\ninput x, y ~ N(0, 1)\nf = {body}\nh = f + x\noutput x\n")
    return b.do("refuted", node=b.node("f"), what=what, curve=tuple((Var(v), read(x)) for v, x in curve.items()))


def tails_of_a_defined_vector(b: Bench) -> Statement:
    b = Bench("input x ~ N(0, 1)\ng = exp(x)\nh = g + x\noutput x\n")
    g = b.do("variable", b.do("instruction", b.fact("exp(x)"), node=b.node("g")), var=Var("g"))
    return b.do("tails", g, var=Var("g"), what="growth")


def caught(b: Bench) -> Statement:
    """Two softmaxes in a `where`, as if the member s[j] of its condition were the bound s[j] of the softmax."""
    one, two = Var("s", ("j",)), Var("p", ("j",))

    def softmax(fact: Statement) -> Statement:
        return b.do("family", fact, head="softmax", over=("j",))

    most = b.do("apply", b.fact(one), b.fact(two), head="max")
    minus = b.do("apply", softmax(b.fact(two)), head="neg")
    body = b.do("apply", softmax(most), softmax(b.fact(two)), minus, head="add")
    gap = b.do("apply", b.fact(one), b.do("apply", b.fact(two), head="neg"), head="add")
    branches = (Bind("softmax", (v,), ("j",)) for v in (one, two))
    return b.do("clamped", body, gap, term=App("where", (App("gt", (one, two)), *branches)), solve=one)


def jump() -> Statement:
    b = Bench("input u ~ N(0, 1)\nm = mean(u)\ny = where(m > 0, 1, 0)*u\noutput y\n")
    return b.do("assumed", node=b.node("y"), what="pseudo-Lipschitz")


CASES: dict[str, Callable[[Bench], Statement]] = {
    **NORMAL_FORMS,
    # sqrt(x), 1/x and log(x) are not defined everywhere
    "the base of a fractional power is not negative": lambda b: b.do("apply", b.fact("x"), head="pow",
                                                                     exponent=Fraction(1, 2)),
    "the denominator is not 0": lambda b: b.do("apply", b.fact("x"), head="recip"),
    "the argument of the logarithm is positive": lambda b: b.do("apply", b.fact("x"), head="log"),
    # relu(x), by the facts of tanh(x), is bounded
    "one premise for each definition": lambda b: b.do(
        "variable", b.do("instruction", b.fact("tanh(x)"), node=b.node("t")), var=Var("f")),
    "the premise is about its right-hand side": lambda b: b.do("instruction", b.fact("tanh(x)"), node=b.node("f")),
    "the instruction has the property": lambda b: b.do(
        "has", b.do("instruction", b.fact("relu(x)"), node=b.node("f")), node=b.node("f"), what="bounded"),
    # a vector in a bounded neighbourhood of its limit; a moment positive because another is
    "a scalar that tends to a constant": lambda b: b.do("limit_scalar", var=X),
    "the sign of each definition, or none": lambda b: b.do(
        "limit_scalar", b.do("sign", b.fact("x^2"), b.nonzero("x", "x"), node=b.node("m2")), var=Var("m1")),
    # min(sigmoid(x), sigmoid(y), -1) >= 0
    "an exponent for a power": lambda b: b.do("apply", b.fact("sigmoid(x)"), b.fact("sigmoid(y)"), head="min",
                                              exponent=-F1),
    # a softmax over nothing is 0/0; the entry of a softmax at a random place is continuous
    "a mask leaves no row empty": lambda b: b.do(
        "family", b.fact(Var("s", ("j",))), head="softmax", over=("j",), mask=read("j < 1")),
    "the entry exists": lambda b: b.do(
        "family", b.fact(Var("s", ("j",))), head="softmax", over=("j",), at=(X,)),
    # where(s[j] > p[j], softmax(s), softmax(p)) is continuous; where(m > 0, 1, 0) u is pseudo-Lipschitz at m = 0
    "no index is caught by a binder": caught,
    "a jump in a scalar is not assumed away": lambda b: jump(),
    # log1p(x) is bounded; x is bounded
    "the premise is about the definition": lambda b: b.do("definition", b.fact("tanh(x)"), term=read("log1p(x)")),
    "the two terms are equal": lambda b: b.do("equal", b.fact("tanh(x)"), b.fact("x")),
    # a condition without a value; a jump called continuous; where(x > 0, x, 0) bounded
    "the condition is defined everywhere": undefined_condition,
    "the branches agree on the boundary": lambda b: b.do(
        "clamped", b.fact(add(Num(1), Num(0), Num(-1))), b.fact(add(X, Num(0))), term=where("1", "0"), solve=X),
    "the premise is about the term with max and min, defined everywhere": lambda b: b.do(
        "clamped", b.fact("tanh(x)"), b.fact(add(X, neg(Num(0)))), term=where("x", "0"), solve=X),
    # where(x^2 + 1 != 0, x, 0) is bounded; where(r > 0, 1, -1) <= 0 for every r
    "a comparison": lambda b: b.do("branches", b.fact("x^2 + 1"), b.fact("0"), b.fact("x"), b.fact("0"), head="ne"),
    "the condition is decided": lambda b: b.do("constant", term=App("where", (read("r > 0"), Num(1), Num(-1)))),
    # variances that are 0, or vanish with the width
    "the variance is positive": lambda b: b.varies("z"),
    "a constant over the width": lambda b: b.do("variance", b.nonzero("x", "x"), node=b.node("late")),
    "its vector is not 0": lambda b: b.do("variance", b.nonzero("x", "x"), node=b.node("k")),
    # 1 + sign(x) sign(-x) is 0 almost surely, and so are z, |x| - |x|, u + w and x (1 - one)
    "the term is continuous": lambda b: b.nonzero("1 + sign(x)*sign(-x)", "x", 0),
    "the atom varies": lambda b: b.do("nonzero", b.fact("z"), term=Var("z"), atom=Var("z"), points=(F1,)),
    "the term is not 0 at the point": lambda b: b.nonzero("abs(x) - abs(x)", "x"),
    "the values at the two points differ": lambda b: b.do(
        "nonzero", b.fact("abs(x) - abs(x)"), b.varies("x"), b.fact("1"), term=read("abs(x) - abs(x)"), atom=X,
        points=(F1, -F1)),
    "the atom is independent of the other vectors": lambda b: b.nonzero("u + w", "u"),
    "the others are centred": lambda b: b.nonzero("x*(1 - one)", "x"),
    # E x >= 0; E z^2 > 0
    "the values are not negative": lambda b: b.do("sign", b.fact("x"), node=b.node("m1")),
    "the values are not all 0": lambda b: b.do("sign", b.fact("z^2"), b.nonzero("x", "x"), node=b.node("m3")),
    # exp(r x), 1/(exp(-sqrt(1 + x^2)) + exp(-x^4)), exp(x (2 + sin x)), exp(x) and exp(x) under a name are bounded
    "the sign of the exponent is known": lambda b: b.do("tails", b.fact("exp(r*x)"), var=X, what="growth"),
    "a power of what may vanish is positive": lambda b: b.do(
        "tails", b.fact("1/(exp(-(1 + x^2)^(1/2)) + exp(-x^4))"), var=X, what="growth"),
    "the exponent is bounded above": lambda b: b.do("tails", b.fact("exp(x*(2 + sin(x)))"), var=X, what="growth"),
    "the tail is at most a power": lambda b: b.do("tails", b.fact("exp(x)"), var=X, what="growth"),
    "a basic vector or scalar": tails_of_a_defined_vector,
    # 0 is unbounded, by a branch that is never read and by a logarithm of 1; so is tanh(x), and no value of
    "the comparison is decided": lambda b: refutes("where(sin(x) < 2, 0*x, x)", "bounded", x="t"),
    "a logarithm of what has a simple positive tail": lambda b: refutes(
        "log(1 + exp(x)*max(sin(x) - 2, 0))", "bounded", x="t"),
    "the curve refutes the property": lambda b: refutes("tanh(x)", "bounded", x="t"),
    # sqrt(C) is undefined for some C > 0; x is not polynomially bounded, along x = exp(t)
    "admissible values": lambda b: refutes("sqrt(C)*tanh(x)", "total", C="-1", x="t"),
    "sums of powers of t": lambda b: refutes("1*x", "polynomially bounded", x="exp(t)"),
    **EXPECTATIONS,
    **COVARIANCES,
    **NUMBERS,
    **MOMENTS,
}  # fmt: skip

MOMENT_IN_OUTPUT = """
index i, j in 1..2
input h0 ~ N(0, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
h[i] = U[i] @ h0
x[i] = tanh(h[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
m = mean(h0)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j) + tanh(m) * h[i]
output y
"""

READ_OUT = """
input u ~ N(0, 1)
input (v, w) ~ N([0, 0], [[1, 1/2], [1/2, 1]])
weight A, B ~ N(0, 1/n)
x = relu(A @ {u})
r = dot(v, x) / sqrt(n)
z = {z}
y = B @ z
output y
"""

STRUCTURE = {
    "A1.matmul": ("invalid/score_of_features", "attention"),
    "A1.a-exclusive": ("invalid/key_makes_values", "attention"),
    "A1.b-distinct": ("invalid/tied_query_key", "attention"),
    "A1.no-moments": (MOMENT_IN_OUTPUT, "attention"),
    "A1.widths": ("by-remark/low_rank_heads", "attention"),
    "A1.scores": ("valid/mlp_relu", "attention"),
    "scores-last": ("undecided/values_after_nonlinearity", "attention"),
    "instructions": ("by-remark/attention_on_raw_inputs", "netsor"),
    "transposes": ("undecided/tied_autoencoder", "netsor"),
    "gaussian": ("undecided/rademacher_mlp", "netsor"),
    "variance": ("invalid/variance_without_n", "netsor"),
    "scaling": ("invalid/score_unscaled", "netsor-plus"),
    "readouts": ("invalid/readout_vector_in_other_output", "netsor"),
    "instruction *": ("invalid/exp_of_square", "netsor"),
    "a readout vector is centred": ("invalid/readout_scores_not_centred", "readout-scores"),
    "what is correlated with a readout vector is one": (READ_OUT.format(u="w", z="sigmoid(r) * x"), "readout-scores"),
    "readouts are read by functions alone": (READ_OUT.format(u="u", z="tanh(r * x)"), "readout-scores"),
}  # fmt: skip
"""Premises that a program breaks: without the condition the theorem is said to cover it."""

FORMAT = {
    *MALFORMED_MOMENTS,
    "names of the program",
    "a form stays small", "no wave in a wave",
    "expressions stay small", "powers stay small", "numbers stay small", "a word", "a whole number", "a list",
    "a certificate of bounded size", "a rule of the calculus", "params and premises", "the params of the rule",
    "premises are earlier steps",
    "premises are theorems", "lists of steps and goals", "an object", "the six entries", "the schema *",
    "no key stands twice",
    "the conclusion is what the rule concludes", "the hash is that of this program", "goals, each once",
    "goals are steps", "the goals judge every output in order",
    "every further goal is one of these kinds",
    "the axioms are those that were used", "the fuel lasts", "the instruction exists",
    "an instruction that is an expression", "a variable of the program", "the output exists", "no premise",
    "an input or a product", "one point or two", "premises that are facts, as many as needed",
    "as many arguments as the function has", "a binder; only a softmax has a mask", "indices of the program",
    "an instruction of the program", "a property that theorems ask for", "pairs of a variable and a term",
    "a property of functions", "two parts or more",
    "a list of instructions", "a name", "subscripts of a definition", "a weight and a vector",
    "few indices are bound in one product", "few products in an expression",
    "few members that are compared one by one",
}  # fmt: skip
"""What a certificate looks like and how large it may be; tests/kernel/test_format.py has a case for each."""

DEFENCE = {
    **DEFENDED,
    **GUARDED,
    **GUARDED_NUMBERS,
    **GUARDED_NORMAL_FORMS,
    **GUARDED_MOMENTS,
    "every part is defined everywhere": "no rule concludes a fact of a term that is undefined somewhere",
    "both are defined everywhere": "the same",
    "no negative power of 0": "without it Python raises StopIteration on the empty sum",
    "the denominator is continuous, or away from 0": "a discontinuous term that is `nowhere 0` has pieces away from 0",
    "the argument of the logarithm is continuous": "the same",
    "the condition is affine in the variable": "branches that agree identically in x are equal in today's normal form",
    "the atom stands in the term, outside of binders": "no family with members of opposite sign has a known variance",
    "the entry is one of the summands": "an entry that does not exist has no fact",
    "scores that are Gaussian": "no theorem covers a score that another score reaches",
    "a value has no index": "values are numbers, or terms in t",
    "sides of one width": "the language refuses a dot product of vectors of different widths",
    "a positive factor": "the language lowers a negative factor to a Scalar of its own",
    "the extra scores are scores of the program": "further roots only add obligations",
    "remarks of the theorem": "a remark only counts where a theorem's premises ask for it",
    "A1.bounded": "initial vectors and products have no facts that could say they are bounded",
    "a power that is a number": "exponents of log t are made of numbers alone",
    "a function of one variable": "another variable has no sign, and so no tail",
    "a term with a tail": "without it Python raises KeyError: the head is not in the table",
    "one premise for each obligation": "they are paired strictly, which refuses other lengths too",
}


def test_every_condition_is_listed_once() -> None:
    listed = [*CASES, *STRUCTURE, *FORMAT, *DEFENCE]
    assert len(set(listed)) == len(listed)
    assert set(listed) == conditions()


@pytest.mark.parametrize("condition", CASES)
def test_a_falsehood_is_refused_by_this_condition(condition: str) -> None:
    with pytest.raises(Refused) as refused:
        CASES[condition](Bench())
    assert str(refused.value) == condition
    with lacking(condition):
        assert isinstance(CASES[condition](Bench()), Statement)


def covers(path: str, theorem: str) -> None:
    """Have the theorem cover the first output, its obligations discharged as well as they can be."""
    writer = Writer(loads(path) if "\n" in path else load(CORPUS / f"{path}.tp"))
    functions = Functions(writer)
    attempt = Attempt(writer, 0, theorem)
    steps = [_weakly(writer, functions, what, k, attempt.base) for what, k in attempt.obligations()]
    assert not any(writer.steps[k][0] == "assumed" for k in steps)
    attempt.applied(steps)


def _weakly(writer: Writer, functions: Functions, what: str, k: int, theorem: str) -> int:
    """What the obligation asks for, or (for a kernel that does not look) any fact of the instruction."""
    step = _discharged(writer, functions, what, k, theorem)
    return functions.instruction(k, "total", False) if writer.steps[step][0] == "assumed" else step


@pytest.mark.parametrize("condition", STRUCTURE)
def test_a_broken_premise_is_refused_by_this_condition(condition: str) -> None:
    path, theorem = STRUCTURE[condition]
    with pytest.raises(Refused) as refused:
        covers(path, theorem)
    assert str(refused.value).startswith(condition.rstrip("*"))
    with lacking(condition):
        covers(path, theorem)
