"""Terms as numpy functions: families, masks, undefined points."""

from fractions import Fraction

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.evaluate.balls import lower, upper
from tensorprog.terms import Num, Var, read
from tensorprog.terms.term import add


def test_masked_attention_is_the_loop() -> None:
    rng = np.random.default_rng(0)
    text = "sum(softmax(p[a,i,j] over j, mask = j <= i)*v[a,j] for a, j)/sqrt(2)"
    f = compile_numpy(read(text), ["p", "v"], {"i": (1, 3), "j": (1, 3), "a": (1, 2)})
    p, v = rng.standard_normal((2, 3, 3, 5)), rng.standard_normal((2, 3, 5))
    out = np.zeros((3, 5))
    for i in range(3):
        for a in range(2):
            w = np.exp(p[a, i, : i + 1])
            out[i] += (w / w.sum(0) * v[a, : i + 1]).sum(0) / np.sqrt(2)
    np.testing.assert_allclose(f(p, v), out, rtol=1e-13)


def test_members_fixed_and_repeated_indices() -> None:
    m = np.arange(9.0).reshape(3, 3)
    trace = compile_numpy(read("sum(m[i,i] for i)"), ["m"], {"i": (1, 3)})
    assert float(trace(m)) == 12.0
    row = compile_numpy(read("m[2,j]*x"), ["m", "x"], {"j": (1, 3)})
    assert row(m, np.array([1.0, 10.0])[None, :][0])[1].tolist() == [4.0, 40.0]
    late = compile_numpy(read("max(u[t] for t)"), ["u"], {"t": (2, 4)})
    assert float(late(np.array([1.0, 7.0, 3.0]))) == 7.0


@pytest.mark.parametrize("text", ["1/x", "log(x)", "x^-1", "0*(1/x)", "mod(1, x)", "tanh(1/x)", "log(x)*0"])
def test_undefined_is_nan(text: str) -> None:
    assert np.isnan(compile_numpy(read(text), ["x"])(0.0))


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [("log(1 + exp(x))", 800.0, 800.0), ("log(1 + exp(x))", -40.0, 4.248354255291589e-18), ("exp(x) - 1", 1e-12, 1e-12),
     ("log(1 + x)", 1e-14, 1e-14), ("1/(1 + exp(-x))", -800.0, 0.0), ("where(x > 0, log(x), 5)", -1.0, 5.0),
     ("x/3", 1.0, 1 / 3), ("abs(x)^0.5", -4.0, 2.0), ("0^0 + x", 0.0, 1.0), ("pi*x", 1.0, np.pi)],
)  # fmt: skip
def test_stable_forms(text: str, x: float, value: float) -> None:
    assert float(compile_numpy(read(text), ["x"])(x)) == pytest.approx(value, rel=1e-12)


def test_depth_is_no_limit() -> None:
    t = add(Var("x"), Num(1))
    for _ in range(3000):
        t = add(t, Num(1))
    assert float(compile_numpy(t, ["x"])(0.0)) == 3001.0


def test_errors_have_codes() -> None:
    with pytest.raises(TensorProgError, match="TP006"):
        compile_numpy(read("x + y"), ["x"])
    with pytest.raises(TensorProgError, match="TP004"):
        compile_numpy(read("x[i]"), ["x"])
    with pytest.raises(TensorProgError, match="TP014"):
        compile_numpy(read("softmax(p[j] over j, mask = j < 1)"), ["p"], {"j": (1, 2)})(np.zeros(2))
    with pytest.raises(TypeError):
        compile_numpy(read("x"), ["x"])(1.0, 2.0)


@pytest.mark.parametrize(
    ("man", "exp", "low", "high"),
    [
        (3, 4, 48, 48), (-3, -1, Fraction(-3, 2), Fraction(-3, 2)), (0, 0, 0, 0),
        (1, 10**12, 2**4096, None), (-1, 10**12, None, -(2**4096)),
        (1, -(10**12), 0, Fraction(1, 2**4096)), (-1, -(10**12), -Fraction(1, 2**4096), 0),
    ],
)  # fmt: skip
def test_bounds_of_balls_with_enormous_exponents(man: int, exp: int, low: object, high: object) -> None:
    from flint import arb, fmpz

    x = arb(man) * arb(2) ** arb(fmpz(exp))
    assert (lower(x), upper(x)) == (low, high)


@pytest.mark.parametrize("text", ["exp(-((exp(x))^3)^2)", "tanh(x)*exp(exp(exp(3)))", "exp(-exp(exp(30)))*x"])
def test_constants_with_enormous_exponents_are_judged(text: str) -> None:
    found = tp.facts(text, vars=["x"])
    assert found.controlled.status == "proved"
    assert str(found)
