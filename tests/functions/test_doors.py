"""The doors: facts, assumptions, signs, limit scalars, a user's own functions, the command."""

import json
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from click.testing import CliRunner

from tensorprog.errors import TensorProgError
from tensorprog.functions.api import facts
from tensorprog.functions.assume import assumptions_of
from tensorprog.functions.command import function
from tensorprog.functions.decide.positivity import nonzero_somewhere, parametric, sign_of
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.named.registry import register, registry
from tensorprog.functions.rules.facts import outline
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Var, read

POSITIVE, NONNEGATIVE = Interval(Fraction(0), None), Interval(Fraction(0), None, True)


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(function, args)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_command_json_has_the_shape_of_the_contract() -> None:
    code, out = run("tanh(x)", "--json")
    data = json.loads(out)
    assert code == 0
    assert (data["schema"], data["expr"], data["vars"]) == ("tensorprog/function/1", "tanh(x)", ["x"])
    bounded, order = data["facts"]["bounded"], data["facts"]["pseudo_lipschitz"]
    assert (bounded["status"], bounded["inf"], bounded["sup"]) == ("proved", -1.0, 1.0)
    assert (order["status"], order["order"], order["attained"]) == ("proved", 1, True)
    assert {"polynomially_bounded", "controlled", "continuous"} <= data["facts"].keys()
    unbounded = json.loads(run("relu(x)", "--json")[1])["facts"]["bounded"]
    assert (unbounded["status"], unbounded["inf"], unbounded["sup"]) == ("refuted", 0.0, None)


def test_command_exit_codes_and_text() -> None:
    code, out = run("x*exp(-C*x^2)", "--vars", "x", "--assume", "C>0")
    assert code == 0
    assert "order 1" in out
    assert "derivative:" in out
    assert run("asin(sin(x))")[0] == 3
    with pytest.raises(TensorProgError, match="TP001"):
        run("x +* y")
    with pytest.raises(TensorProgError, match="TP002"):
        run("foo(x)")


def test_hermite_coefficients_of_relu() -> None:
    from tensorprog.functions.summary import hermite_coefficients

    c = hermite_coefficients(read("relu(x)"), Var("x"), 3)
    assert c == pytest.approx([1 / np.sqrt(2 * np.pi), 0.5, 1 / np.sqrt(4 * np.pi)], abs=1e-12)


@pytest.mark.parametrize(
    ("text", "code"),
    [("relu(x, y)", "TP016"), ("W @ x", "TP003"), ("E(x)", "TP003"), ("x > 0", "TP003"), ("where(x, 1, 2)", "TP003"),
     ("n*x", "TP012"), ("__import__('os')", "TP0"), ("attention(q, k, v over j)", "TP003")],
)  # fmt: skip
def test_what_is_not_a_coordinatewise_function_is_refused(text: str, code: str) -> None:
    with pytest.raises(TensorProgError, match=code):
        facts(text)


def test_sympy_and_text_agree() -> None:
    x = sp.Symbol("x", real=True)
    assert facts(x * sp.tanh(x)).pseudo_lipschitz.order == facts("x*tanh(x)").pseudo_lipschitz.order == 1


def test_assumptions() -> None:
    known = assumptions_of("C > 0, a in (0, 1], 2 >= p and p > -1/2")
    assert {k: str(v) for k, v in known.items()} == {"C": "(0, oo)", "a": "(0, 1]", "p": "(-1/2, 2]"}
    for text, code in (("C > 0, C < 0", "TP017"), ("C", "TP001"), ("C > x", "TP001"), ("a in (1, 0)", "TP017")):
        with pytest.raises(TensorProgError, match=code):
            assumptions_of(text)
    with pytest.raises(TensorProgError, match="TP005"):
        facts("C*x", vars=["C"], assume="C > 0")
    assert facts("C*tanh(x)", vars=["x"], assume="C > 0").assumptions == ("C in (0, oo)",)


def test_facts_can_be_read() -> None:
    f = facts("x/(1 + x^2)")
    assert "sup = 0.5" in repr(f)
    assert "<table>" in f._repr_html_()
    assert outline(f.bounded.derivation).startswith("x/(1 + x^2)")
    assert json.loads(json.dumps(f.to_json()))["facts"]["bounded"]["derivation"]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("x^4 - x^2", -0.25, np.inf), ("x*exp(-x^2)", -np.exp(-0.5) / np.sqrt(2), np.exp(-0.5) / np.sqrt(2)),
     ("x^2 + 1", 1, np.inf),
     ("atan(x)", -np.pi / 2, np.pi / 2), ("(x^2 + x)/(1 + x^2)", 0.5 - np.sqrt(0.5), 0.5 + np.sqrt(0.5)),
     ("abs(x)", 0, np.inf),
     ("cos(3*x)", -1, 1), ("gelu(x)", -0.16997120747990365, np.inf), ("exp(x)", 0, np.inf), ("3", 3, 3),
     ("x*y", -np.inf, np.inf),
     ("tanh(x*y)", -1, 1), ("clip(x, -2, 3)", -2, 3), ("x*sin(x)", -np.inf, np.inf), ("1/(1 + x^2 + y^2)", 0, 1)],
)  # fmt: skip
def test_infimum_and_supremum(text: str, low: float, high: float) -> None:
    bounded = facts(text).bounded
    assert (bounded.inf, bounded.sup) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


@pytest.mark.parametrize(
    ("text", "assume", "sign"),
    [("sigma^2/4", "", "nonnegative"), ("sigma^2/4", "sigma > 0", "positive"), ("0.3", "", "positive"),
     ("a - a", "", "zero"),
     ("1 - exp(1)", "", "negative"), ("a", "", "unknown"), ("sqrt(2) - 1.4142135623730950488016", "", "positive"),
     ("1/a", "a > 0", "positive"), ("1/a", "", "unknown"), ("-relu(a)", "", "nonpositive"),
     ("log(a)", "a > 1", "positive")],
)  # fmt: skip
def test_signs(text: str, assume: str, sign: str) -> None:
    assert sign_of(read(text), assumptions_of(assume)) == sign


@pytest.mark.parametrize(
    ("text", "assume", "status"),
    [("tanh(x)", "", "proved"), ("x - x", "", "refuted"), ("0*x", "", "refuted"), ("step(x)", "", "proved"),
     ("floor(x)", "", "proved"), ("clip(x, -C, C)", "C > 0", "proved"), ("where(x > C, x, 0)", "", "proved"),
     ("a*tanh(x)", "", "unknown"), ("a*tanh(x)", "a > 0", "proved"), ("sin(x)^2 + cos(x)^2 - 1", "", "unknown"),
     ("sum(softmax(p[j] over j)*v[j] for j)", "", "proved"), ("x - C", "", "proved")],
)  # fmt: skip
def test_not_identically_zero(text: str, assume: str, status: str) -> None:
    assert nonzero_somewhere(read(text), ["x", "p", "v"], assumptions_of(assume)).status == status


@pytest.mark.parametrize(
    ("text", "limits", "status"),
    [("(x - m)/sqrt(v + e)", {"m": REALS, "v": NONNEGATIVE}, "proved"),
     ("(x - m)/sqrt(v)", {"m": REALS, "v": POSITIVE}, "proved"),
     ("(x - m)/sqrt(v)", {"m": REALS, "v": NONNEGATIVE}, "unknown"), ("sqrt(v)*x", {"v": NONNEGATIVE}, "unknown"),
     ("x/(1 + v*x^2)", {"v": NONNEGATIVE}, "unknown"), ("x/(1 + v*x^2)", {"v": POSITIVE}, "proved"),
     ("where(v >= 0, x, x^2)", {"v": NONNEGATIVE}, "unknown"), ("where(v > 0, x, floor(x))", {"v": POSITIVE}, "proved"),
     ("step(t*x)*x", {"t": NONNEGATIVE}, "unknown"), ("exp(-v*x^2)", {"v": NONNEGATIVE}, "unknown"),
     ("tanh(s*x)", {"s": REALS}, "proved"), ("x*log(v)", {"v": POSITIVE}, "proved"),
     ("v^1.5*x", {"v": NONNEGATIVE}, "unknown")],
)  # fmt: skip
def test_limit_scalars(text: str, limits: dict[str, Interval], status: str) -> None:
    assert parametric(read(text), ["x"], limits, {"e": POSITIVE}).status == status


def test_registered_functions() -> None:
    register("shrink", "x - tanh(x)")
    assert facts("shrink(2*y)").pseudo_lipschitz.order == 1
    register("mystery", bounded=True, lipschitz=True, numpy=np.tanh)
    found = facts("mystery(x)*x")
    assert found.pseudo_lipschitz.order == 2
    assert found.assumptions == ("mystery is bounded (declared)", "mystery is Lipschitz (declared)")
    assert facts("mystery(x)").bounded.proved
    assert float(compile_numpy(App("mystery", (Var("x"),)), ["x"])(0.5)) == np.tanh(0.5)
    register("steep", pseudo_lipschitz=3)
    assert facts("steep(x)").pseudo_lipschitz.order == 3
    assert facts("steep(x)").bounded.status == "unknown"
    for bad in ("relu", "sum", "1x", "n"):
        with pytest.raises(TensorProgError, match="TP005"):
            register(bad, "x")
    with pytest.raises(TensorProgError, match="TP016"):
        register("nothing")
    for name in ("shrink", "mystery", "steep"):
        del registry()[name]
