"""The one door: reference values, what it refuses, what it says where there is no formula."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.functions.evaluate.sympy_bridge import from_sympy
from tensorprog.gaussian.closed.special import ErfIm, ErfRe, OwenT, Phi2, Signs4
from tensorprog.gaussian.expect import Expectation, expect
from tensorprog.kernel.ground.term import mul, substitute
from tensorprog.terms import Term, Var, read

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "gaussian_expectations.json").read_text("utf-8"))
WITHOUT = ("tanh", "1+exp")  # tanh, silu, softplus, sigmoid
Z = sympy.Symbol("z", real=True)
NAMED = {f.__name__: f for f in (Phi2, OwenT, Signs4, ErfRe, ErfIm)}


def term_of(text: str, name: str) -> Term:
    return substitute(from_sympy(sympy.sympify(text, {"z": Z})), {Var("z"): Var(name)})


def ids(entry: dict[str, Any]) -> str:
    return f"{entry['f']} | {entry['g']} | {','.join(entry['K'])}"


@pytest.mark.parametrize("entry", REFERENCE, ids=ids)
def test_reference_value(entry: dict[str, Any]) -> None:
    k11, k12, k22 = entry["K"]
    product = mul(term_of(entry["f"], "a"), term_of(entry["g"], "b"))
    found = expect(product, [[k11, k12], [k12, k22]], vars=["a", "b"])
    truth = sympy.Rational(entry["value"])
    assert found.value is not None
    assert found.error is not None
    assert abs(sympy.Rational(found.value) - truth) <= sympy.Rational(found.error) + abs(truth) * sympy.Rational(
        "1e-24"
    )
    if any(word in entry["f"] for word in WITHOUT):
        assert found.method in ("quadrature", "series")
        assert found.expr is None
        assert found.error <= 1e-10
    else:
        assert found.method == "closed-form"
        assert found.error <= 2.0**-52 * abs(found.value)


def is_regular(entry: dict[str, Any]) -> bool:
    k11, k12, k22 = map(sympy.Rational, entry["K"])
    return k12**2 != k11 * k22 and not any(word in entry["f"] for word in WITHOUT)


@pytest.mark.parametrize("entry", [e for e in REFERENCE[::3] if is_regular(e)], ids=ids)
def test_the_general_formula_at_the_reference_point(entry: dict[str, Any]) -> None:
    """The formula in K11, K12, K22, printed and read back by sympy, has the reference value where it is regular."""
    k = dict(zip(("K11", "K12", "K22"), map(sympy.Rational, entry["K"]), strict=True))
    found = expect(mul(term_of(entry["f"], "a"), term_of(entry["g"], "b")), symbolic=True, vars=["a", "b"])
    back = sympy.sympify(str(found.expr), NAMED)
    back = back.xreplace({s: k[s.name] for s in back.free_symbols})
    assert found.expr.xreplace({s: k[s.name] for s in found.expr.free_symbols}) == back
    value = expect(
        mul(term_of(entry["f"], "a"), term_of(entry["g"], "b")),
        [[k["K11"], k["K12"]], [k["K12"], k["K22"]]],
        vars=["a", "b"],
        symbolic=True,
    ).value
    assert value == pytest.approx(float(entry["value"]), rel=1e-14, abs=1e-300)


def test_numbers_are_exact_decimals() -> None:
    text = expect("relu(a)*relu(b)", [["1", "0.5"], ["0.5", "1"]])
    floats = expect("relu(a)*relu(b)", [[1.0, 0.5], [0.5, 1.0]])
    assert text.expr == floats.expr == sympy.Rational(1, 6) + sympy.sqrt(3) / (4 * sympy.pi)
    assert expect("z^2", [[0.1]]).expr == sympy.Rational(1, 10)
    assert expect("z^2", [[0.5]]).error == 0.0


def test_params() -> None:
    found = expect("clip(z, -C, C)^2", [["v"]], assume="C > 0; v > 0", values={"C": "2.5", "v": 2})
    assert {s.name for s in found.expr.free_symbols} == {"C", "v"}
    c, s = 2.5, math.sqrt(2)
    density = math.exp(-(c**2) / 4) / math.sqrt(4 * math.pi)
    tail = math.erfc(c / s / math.sqrt(2)) / 2
    assert found.value == pytest.approx(2 * (1 - 2 * tail) - 2 * c * 2 * density + 2 * c**2 * tail, rel=1e-13)
    assert expect("clip(z, -C, C)^2", [["v"]], assume="C > 0").value is None


@pytest.mark.parametrize("text", ["relu(z - a)*relu(z - b)", "clip(z, a, b)"])
def test_what_the_assumptions_do_not_decide_has_no_formula(text: str) -> None:
    found = expect(text, [[1]], vars=["z"])
    assert found.expr is None
    assert "decide" in found.because
    ordered = expect(text, [[1]], vars=["z"], assume={"a": "< 0", "b": "> 0"})
    assert ordered.expr is not None
    number = expect(text, [[1]], vars=["z"], assume={"a": "< 0", "b": "> 0"}, values={"a": -1, "b": 2})
    other = expect(text.replace("a", "(-1)").replace("b", "2"), [[1]], vars=["z"])
    assert number.value == pytest.approx(other.value, rel=1e-14)


def test_breakpoints_that_may_meet() -> None:
    """C >= 0 orders -C and C well enough; the formula holds at C = 0 too."""
    found = expect("clip(z, -C, C)^2", [[1]], assume="C >= 0")
    strict = expect("clip(z, -C, C)^2", [[1]], assume="C > 0")
    assert found.expr == strict.expr
    assert found.expr.subs(sympy.Symbol("C", real=True), 0) == 0


def test_existence() -> None:
    """exp(z²/4) has a mean below variance 2 only; det(I - 2QK) = 1 is not enough; kinks may cut the exponential off."""
    assert expect("exp(z^2/4)", [["1.9"]]).expr == 2 * sympy.sqrt(5)
    for text, cov in (
        ("exp(z^2/4)", [[2]]),
        ("exp(z^2/4)", [[3]]),
        ("exp(a^2 + b^2)", [[1, 0], [0, 1]]),
        ("z*exp(z^2)", [[1]]),
        ("exp(a*b)", [[1, 0.5], [0.5, 1]]),
        ("relu(z)*exp(z^2)", [[1]]),
    ):
        with pytest.raises(DivergentError, match="TP501"):
            expect(text, cov)
    symbolic = expect("exp(z^2/4)", [["v"]])
    assert [str(c) for c in symbolic.conditions] == ["1 - v/2 > 0"]
    finite = expect("exp(z^2)*where(abs(z) < 1, 1, 0)", [[1]])
    assert finite.value == pytest.approx(2 * sum(0.5**n / (math.factorial(n) * (2 * n + 1)) for n in range(30))
                                         / math.sqrt(2 * math.pi), abs=1e-9)  # fmt: skip


@pytest.mark.parametrize(
    "text", ["sqrt(z)", "z^(1/2)", "sqrt(-2)*z", "log(-2)*z", "sqrt(-1 - z^2)", "(-2)^(1/2)*relu(z)", "log(z)", "1/z"]
)
def test_what_is_undefined_has_no_mean(text: str) -> None:
    with pytest.raises(DivergentError, match="TP501"):
        expect(text, [[1]])


def test_divergence_names_the_condition() -> None:
    with pytest.raises(DivergentError) as caught:
        expect("exp(z^2/4)", [[3]])
    (diagnostic,) = caught.value.diagnostics
    assert "Var(z) = 3" in diagnostic.because
    assert "-1/2" in diagnostic.because  # 1 - 2 · (1/4) · 3


@pytest.mark.parametrize(
    ("cov", "mean"),
    [
        ([[math.nan]], None),
        ([[math.inf]], None),
        ([[-1]], None),
        ([["-1/2"]], None),
        ([[1, 0], [0, 1]], None),
        ([1], None),
        ("1", None),
        ([[True]], None),
        ([[1]], [math.nan]),
        ([[1]], [0, 0]),
        ([[sympy.nan]], None),
    ],
)
def test_what_is_no_covariance(cov: Any, mean: Any) -> None:
    with pytest.raises(TensorProgError, match="TP008"):
        expect("relu(z)", cov, mean)


@pytest.mark.parametrize("cov", [[[1, 2], [2, 1]], [[1, 0.5], [0.4, 1]], [[0, 0.1], [0.1, 1]], [["v", 1], [2, "v"]]])
def test_what_is_no_covariance_of_two(cov: Any) -> None:
    with pytest.raises(TensorProgError, match="TP008"):
        expect("relu(a)*b", cov)


def test_rounding_in_a_covariance_passes() -> None:
    third = 1 / 3
    assert expect("a*b", [[third, third * (1 + 1e-13)], [third * (1 + 1e-13), third]]).value == pytest.approx(third)


def test_no_closed_form_is_said() -> None:
    found = expect("tanh(a)*tanh(b)", [[1, 0.5], [0.5, 1]])
    assert found.expr is None
    assert found.method in ("quadrature", "series")
    assert "tanh" in found.explain()
    assert found.to_json()["expr"] is None
    assert expect("tanh(a)*tanh(b)", symbolic=True).value is None


def test_values_where_a_formula_does_not_hold() -> None:
    """step(z)² has mean 1/2 at every variance but 0, where it is 1/4; sign(C z)² is 0 at C = 0."""
    assert expect("step(z)^2", [["v"]]).expr == sympy.Rational(1, 2)
    assert expect("step(z)^2", [["v"]], values={"v": 0}).value == 0.25
    assert expect("step(z)^2", [[0]], symbolic=True).value == 0.25
    squared = expect("sign(C*z)^2", [[1]], vars=["z"], values={"C": 0})
    assert squared.value == 0.0
    assert squared.conditions
    same = expect("relu(a)*sign(b)", [["v", "c"], ["c", "v"]], values={"v": 1, "c": -1})
    assert same.value == pytest.approx(-1 / math.sqrt(2 * math.pi), rel=1e-14)
    assert same.expr is not None


def test_values_that_contradict_an_assumption() -> None:
    with pytest.raises(TensorProgError, match="TP017"):
        expect("clip(z, -C, C)", [[1]], assume="C > 0", values={"C": -1})
    with pytest.raises(TensorProgError, match="TP008"):
        expect("relu(a)*b", [["v", "c"], ["c", "v"]], values={"v": 1, "c": 2})


def test_certified() -> None:
    formula = expect("relu(a)*relu(b)", [[1, 0.5], [0.5, 2]])
    assert formula.certified
    cov = [[1, 0.5], [0.5, 2]]
    assert not expect("tanh(a)*tanh(b)", cov, certified=False).certified
    assert expect("tanh(a)*tanh(b)", cov).error_kind == "bound"
    found = expect("tanh(a)*tanh(b)", cov, certified=True)
    assert found.certified
    assert found.value is not None
    assert found.error is not None
    assert abs(found.value - 0.1467541154603874242875994) <= found.error <= 1e-10


def test_numbers_at_the_ends_of_the_range() -> None:
    """Near perfect correlation, tiny and huge variances, underflow: finite numbers with true bounds."""
    near = expect("clip(a, -1, 1)*clip(b, -1, 1)", [[1, "0.999999999999"], ["0.999999999999", 1]])
    one = expect("clip(a, -1, 1)^2", [[1]])
    assert near.value == pytest.approx(one.value, abs=1e-11)
    assert near.value != one.value
    small = expect("elu(a)*elu(b)", [["1e-10", "1e-11"], ["1e-11", "1e-10"]])
    assert small.value == pytest.approx(1e-11, rel=1e-4)
    huge = expect("elu(a)*elu(b)", [["1e6", "1e5"], ["1e5", "1e6"]])
    assert huge.value is not None
    assert huge.error is not None
    assert huge.expr is not None
    relu = expect("relu(a)*relu(b)", [["1e6", "1e5"], ["1e5", "1e6"]]).value
    assert relu is not None
    assert math.isfinite(huge.value)
    assert abs(huge.value - relu) <= huge.error + 2000  # elu is relu up to 1, and E relu ~ 400
    assert huge.method in ("closed-form", "quadrature")
    tail = expect("exp(a)*step(b - 40)", [[1, 0.5], [0.5, 1]])
    assert tail.value == 0.0
    assert tail.error != 0.0


def test_result_object() -> None:
    found = expect("relu(a)*erf(b)", [[1, 0.5], [0.5, 1]])
    assert isinstance(found, Expectation)
    data = found.to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["schema"] == "tensorprog/expect/1"
    assert data["expr"] == "sqrt(3)/(6*sqrt(pi))"
    assert "closed-form" in repr(found)
    assert r"\sqrt{3}" in found._repr_latex_()
    story = found.explain()
    assert "Stein" in story
    assert "1." in story


def test_sources_of_a_term_agree() -> None:
    a, b = sympy.symbols("a b", real=True)
    cov = [[1, 0.5], [0.5, 1]]
    by_text = expect("relu(a)*erf(b)", cov, vars=["a", "b"])
    by_sympy = expect(sympy.Max(a, 0) * sympy.erf(b), cov, vars=["a", "b"])
    by_term = expect(read("relu(a)*erf(b)"), cov, vars=[Var("a"), Var("b")])
    assert by_text.expr == by_sympy.expr == by_term.expr


def test_order_of_the_variables() -> None:
    cov = [[1, 0.5], [0.5, 3]]
    assert expect("b^2*a", cov, [0, 1]).value == expect("b^2*a", cov, [0, 1], vars=["b", "a"]).value == 1.0
    assert expect("b^2*a", cov, [0, 1], vars=["a", "b"]).value == 1.0
    assert expect("b^2", [[1, 0], [0, 3]], vars=["a", "b"]).value == 3.0


def test_means() -> None:
    """E relu(m + sZ) = m Φ(m/s) + s φ(m/s)."""
    found = expect("relu(z)", [[4]], [1])
    phi = math.exp(-1 / 8) / math.sqrt(2 * math.pi)
    assert found.value == pytest.approx(math.erfc(-0.5 / math.sqrt(2)) / 2 + 2 * phi, rel=1e-14)
    m = sympy.Symbol("m", real=True)
    assert sympy.expand(expect("z^3", [["v"]], ["m"]).expr - m**3 - 3 * m * sympy.Symbol("v", real=True)) == 0


def test_denominators_that_are_constant_in_disguise() -> None:
    """1 + (0 x)^2 has no zeros that the strip would have to avoid."""
    plain, disguised = (expect(f"tanh(x)^2/({d})", [[1]]) for d in ("1", "1 + (0*x)^2"))
    assert plain.value is not None
    assert disguised.value == pytest.approx(plain.value, abs=1e-12)


def test_a_function_that_is_enormous_beside_the_real_axis() -> None:
    """exp(-x^6) off the axis: no step of a trapezoid rule is small enough, and panels give the number."""
    found = expect("exp(-(x^3)^2)^2", [[4]])
    x = np.linspace(-3, 3, 200_001)
    known = np.sum(np.exp(-2 * x**6 - x**2 / 8)) * (x[1] - x[0]) / np.sqrt(8 * np.pi)
    assert found.value == pytest.approx(known, abs=1e-9)
    assert found.error is not None
    assert found.error < 1e-8
