"""Terms as numpy functions: members of families, undefined points."""

from fractions import Fraction

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.evaluate.balls import lower, upper
from tensorprog.kernel.ground.term import add
from tensorprog.terms import Num, Var, read


def test_members_are_read_from_arrays() -> None:
    m = np.arange(9.0).reshape(3, 3)
    assert float(compile_numpy(read("m[1,1] + m[2,2] + m[3,3]"), ["m"])(m)) == 12.0
    row = compile_numpy(read("m[2,3]*x"), ["m", "x"])
    assert row(np.stack([m, 2 * m], axis=-1), [1.0, 10.0]).tolist() == [5.0, 100.0]


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
    with pytest.raises(TensorProgError, match="TP004"):
        compile_numpy(read("sum(p[j] for j)"), ["p"])
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
