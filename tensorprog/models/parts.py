"""What the builders share: numbers as exact text, initialisations by name, activations, inputs with a Gram matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import unknown_activation, words
from tensorprog.kernel.ground.term import substitute
from tensorprog.language import Program
from tensorprog.language.build import Expr, term_of
from tensorprog.terms import App, Term, Var, to_text
from tensorprog.terms.reader import read_raw

Number: TypeAlias = int | float | Fraction | str
Activation: TypeAlias = str | Callable[[Expr], Any]
Gram: TypeAlias = int | Sequence[Sequence[Any]] | Any
"""A number of independent inputs, or a matrix (nested lists of numbers or texts, or a numpy array)."""

INITIALISATIONS = ("glorot", "he", "lecun", "ntk")


def number(value: Number | Expr) -> str:
    """Return a constant as text of the language; a float is written as its shortest decimal.

    >>> number(0.1), number("2/3"), number(2)
    ('1/10', '2/3', '2')
    """
    return to_text(term_of(value))


def weight_variance(init: Number, fan_out: Number = 1) -> str:
    """σ² of an initialisation, W ~ N(0, σ²/n), by name or number; `fan_out` is the output width over the input width.

    he: 2 (He et al. 2015). lecun: 1 (LeCun et al. 1998). ntk: 1 (entries N(0, 1), the product divided by √n: the same
    law; Jacot et al. 2018). glorot: 2/(1 + fan_out), which is 2/(n_in + n_out) (Glorot & Bengio 2010).

    >>> weight_variance("he"), weight_variance("glorot"), weight_variance("glorot", 3), weight_variance(1.5)
    ('2', '1', '1/2', '3/2')
    """
    if init == "he":
        return "2"
    if init in ("lecun", "ntk"):
        return "1"
    if init == "glorot":
        return number(2 / (1 + Fraction(fan_out)))
    if isinstance(init, str) and init.isidentifier() and init not in ("pi",):
        raise ValueError(f"no initialisation {init!r}: one of {', '.join(INITIALISATIONS)}, or a number")
    return number(init)


def law(init: Number, width: str = "n", fan_out: Number = 1) -> str:
    """N(0, σ²/width)."""
    return f"N(0, ({weight_variance(init, fan_out)})/{width})"


def activation(given: Activation) -> Callable[[Any], Expr]:
    """Return a function of expressions from a name (`relu`), an expression in x (`x*exp(-x^2)`), or a Python function.

    >>> activation("relu")("h"), activation("clip(x, -1, 1)")("h")
    (Expr(relu(h)), Expr(clip(h, -1, 1)))
    """
    if not isinstance(given, str):
        return lambda e: Expr(term_of(given(Expr(term_of(e)))))
    if given in library():
        return lambda e: Expr(App(given, (term_of(e),)))
    body = read_raw(given, words())
    if given.isidentifier() and given != "x":
        raise unknown_activation(given)
    return lambda e: Expr(_placed(body, term_of(e)))


def _placed(body: Term, at: Term) -> Term:
    return substitute(body, {Var("x"): at})


def size_of(gram: Gram) -> int:
    """Return the number of inputs."""
    size = gram if isinstance(gram, int) else len(gram)
    if isinstance(gram, bool) or size < 1:
        raise ValueError("give a positive number of inputs, or their Gram matrix")
    if not isinstance(gram, int) and (ragged := next((row for row in gram if _length(row) != size), None)) is not None:
        raise ValueError(
            f"a Gram matrix of {size} inputs has {size} columns, and this has {_length(ragged)}: of data X, whose rows"
            " are the inputs, it is X @ X.T / X.shape[1]"
        )
    return size


def _length(row: Any) -> int:
    return len(row) if hasattr(row, "__len__") and not isinstance(row, str) else 0


def inputs(p: Program, gram: Gram, name: str = "x", indices: str = "i", suffix: str = "") -> Expr:
    """Declare `indices in 1..s` and the inputs, iid over coordinates with the Gram matrix as covariance."""
    p.index(f"{indices} in 1..{size_of(gram)}")
    first = indices.split(",", 1)[0].strip()
    if isinstance(gram, int):
        (x,) = p.input(f"{name}[{first}]{suffix} ~ N(0, 1)")
    else:
        p.matrix("K", gram)
        (x,) = p.input(f"{name}[{first}]{suffix} ~ N(0, K)")
    return x


def biases(p: Program, name: str, variance: Number) -> Callable[[Any], Any]:
    """Declare bias vectors `name` ~ N(0, variance), unless it is 0; what adds one to an expression."""
    if number(variance) == "0":
        return lambda subs: 0
    (b,) = p.input(f"{name} ~ N(0, {number(variance)})")
    return lambda subs: b if subs is None else b[subs]


def dropout(p: Program, name: str, keep: Number) -> Callable[[Any, Any], Any]:
    """Declare masks `name` ~ bernoulli(keep), unless keep is 1; what multiplies an expression by a mask over keep."""
    probability = Expr(term_of(keep))
    if number(keep) == "0":
        raise ValueError("keep is a probability above 0: units that are all dropped leave nothing")
    if number(keep) == "1":
        return lambda subs, e: e
    (m,) = p.input(f"{name} ~ bernoulli({number(keep)})")
    return lambda subs, e: m[subs] / probability * e


def plus(a: Any, b: Any) -> Any:
    """a + b, without a zero being written."""
    return a if isinstance(b, int) and b == 0 else b if isinstance(a, int) and a == 0 else a + b


def total(parts: Sequence[Any]) -> Any:
    """Return the sum of expressions."""
    out: Any = 0
    for part in parts:
        out = plus(out, part)
    return out
