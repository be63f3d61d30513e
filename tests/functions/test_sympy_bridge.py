"""Terms and sympy agree as functions, there and back."""

import math

import pytest
import sympy

from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.sympy_bridge import from_sympy, to_sympy
from tensorprog.terms import Var, read, to_text

X = sympy.Symbol("x", real=True)

# Values written out by hand with `math`, so that the table of named functions has an oracle.
BY_HAND = {
    "relu(x)": lambda x: max(x, 0),
    "leaky_relu(x, 0.1)": lambda x: x if x > 0 else 0.1 * x,
    "elu(x)": lambda x: x if x > 0 else math.expm1(x),
    "elu(x, 2)": lambda x: x if x > 0 else 2 * math.expm1(x),
    "selu(x)": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu(x)": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu(x)": lambda x: x / (1 + math.exp(-x)),
    "softplus(x)": lambda x: math.log1p(math.exp(x)),
    "mish(x)": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "sigmoid(x)": lambda x: 1 / (1 + math.exp(-x)),
    "Phi(x)": lambda x: math.erfc(-x / math.sqrt(2)) / 2,
    "hardtanh(x)": lambda x: min(max(x, -1), 1),
    "clip(x, -2, 1/2)": lambda x: min(max(x, -2), 0.5),
    "step(x)": lambda x: (x > 0) + (x == 0) / 2,
    "softsign(x)": lambda x: x / (1 + abs(x)),
    "hermite(3, x)": lambda x: (x**3 - 3 * x) / math.sqrt(6),
    "hermite(0, x)": lambda x: 1,
    "where(x < 1, x^2, 2 - x)": lambda x: x * x if x < 1 else 2 - x,
    "gelu_tanh(x)": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "exp(-x^2/2)/sqrt(2*pi)": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "min(x, 1, x^2)": lambda x: min(x, 1, x * x),
}


@pytest.mark.parametrize("text", BY_HAND)
def test_values_and_round_trip(text: str) -> None:
    term = read(text)
    there = to_sympy(term)
    back = to_sympy(from_sympy(there))
    for x in (-2.5, -0.75, 0.25, 1.5, 3.0):
        assert float(there.subs(X, x)) == pytest.approx(BY_HAND[text](x), rel=1e-13, abs=1e-13)
        assert float(back.subs(X, x)) == pytest.approx(BY_HAND[text](x), rel=1e-13, abs=1e-13)


def test_names_keep_their_subscripts() -> None:
    expr = to_sympy(Var("x", (1, "i'")))
    assert expr.name == "x[1,i']"
    assert from_sympy(expr) == Var("x", (1, "i'"))
    assert to_sympy(read("q[1,2]*C"), {"C": sympy.Integer(3)}) == 3 * sympy.Symbol("q[1,2]", real=True)


def test_numbers_stay_exact() -> None:
    assert to_text(from_sympy(sympy.Rational(-3, 7) * X)) == "-(3*x/7)"
    assert to_text(from_sympy(0.1)) == "1/10"


@pytest.mark.parametrize("expr", [sympy.gamma(X), sympy.I * X, sympy.zoo, sympy.Symbol("a b"), float("nan"), True])
def test_what_has_no_word_is_refused(expr: object) -> None:
    with pytest.raises(TensorProgError):
        from_sympy(expr)


def test_a_binder_has_no_sympy_form() -> None:
    with pytest.raises(TensorProgError, match="TP003"):
        to_sympy(read("sum(x[i] for i)"))
