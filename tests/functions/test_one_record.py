"""What is known of a named function is in its record: no other file lists functions or matches their names."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

import tensorprog
from tensorprog.functions.evaluate.arrays import numpy_form
from tensorprog.functions.named import ball_forms, numpy_forms, rounded_forms, strip_forms
from tensorprog.functions.named.library import library
from tests.definitions import EXACT

PACKAGE = Path(tensorprog.__file__).parent
HOME = PACKAGE / "functions" / "named"
TRUSTED = PACKAGE / "kernel"
"""The kernel has its own statement of each function: it believes no record."""

DEFINED = {name for name, r in library().items() if r.definition is not None and not r.bare} - {"sqrt"}
"""Functions with a simpler definition, which a room that knows nothing of them reads.

The others (exp, log, erf, sin, max, ...) and the root sign are what definitions are written in: every calculus has a
rule for each of them, as for a sum and a product.
"""

OTHERS = {
    # not the function of that name
    "display/sections.py": "step",
    # what a notation, a word list that the kernel reads, or a library calls a function
    "functions/evaluate/sympy_bridge.py": "step",
    "gaussian/closed/value.py": "acos cosh sinh tan tanh",
    "limit/claims/zero.py": "acos",
    "numbers/rounded.py": "cosh sinh tanh",
    "program/graph/constants.py": "acos cosh log1p sinh tan tanh",
    "terms/formula.py": "acos",
    "terms/mathml.py": "Phi",
    "terms/reserved.py": "ceil mod",
    # what a mistyped word may have meant, in a text
    "editor/fixing/mend_network.py": "clip sigmoid step tanh",
    "terms/idioms.py": "Phi acos clip gelu_tanh hardtanh leaky_relu mod relu sigmoid softplus step",
    # programs that are built with these functions
    "models/conv.py": "relu",
    "models/graph.py": "relu",
    "models/mlp.py": "relu",
    "models/norm.py": "relu",
    "models/recurrent.py": "sigmoid tanh",
    "models/transformer.py": "gelu",
    "nngp/mlp.py": "relu step",
    "nngp/scikit.py": "relu",
    "program/lowering/bernoulli.py": "Phi",
    "simulate/draw/engine.py": "clip relu tanh",
    "simulate/draw/evaluate.py": "clip",
    # closed formulas and steps of proofs that are about one function
    "functions/rules/heads.py": "mod",
    "nngp/duals.py": "gelu leaky_relu relu",
    "proof/expectations.py": "Phi step",
    "proof/functions.py": "sigmoid softplus softsign step",
    "theorems/limits/exact.py": "relu",
    "theorems/limits/near.py": "relu",
}
"""Files that name a function with a definition all the same, and which; the list only shrinks."""


def _named(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [n.value.split() for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {word for words in texts if library().keys() >= set(words) for word in words} & DEFINED


def test_no_other_file_lists_functions_or_matches_their_names() -> None:
    files = [p for p in PACKAGE.rglob("*.py") if HOME not in p.parents and TRUSTED not in p.parents]
    found = {p.relative_to(PACKAGE).as_posix(): _named(p) for p in files}
    assert {name: " ".join(sorted(heads)) for name, heads in sorted(found.items()) if heads} == dict(
        sorted((name, " ".join(sorted(heads.split()))) for name, heads in OTHERS.items())
    )


def test_a_form_is_of_a_function_of_the_library() -> None:
    tables = (ball_forms.FORMS, numpy_forms.FORMS, numpy_forms.COMPLEX.named, rounded_forms.ROUNDED.named,
              strip_forms.SIZE, strip_forms.BESIDE)  # fmt: skip
    for table in tables:
        assert table.keys() <= library().keys()


@pytest.mark.parametrize("name", [n for n, r in library().items() if r.below_line is not None])
def test_a_line_is_above_the_function(name: str) -> None:
    slope, offset = library()[name].below_line
    x = np.concatenate([np.linspace(-30, 30, 6001), [-1e6, 1e6]])
    assert (np.abs(numpy_form(name)(x)) <= slope * np.abs(x) + offset + 1e-12).all()


@pytest.mark.parametrize("name", [n for n, r in library().items() if r.exponential])
def test_an_exponential_function_grows_like_one(name: str) -> None:
    x = np.linspace(-700, 700, 1401)
    size = np.abs(numpy_form(name)(x))
    assert (size <= np.exp(np.abs(x)) * (1 + 1e-12)).all()
    far = np.abs(x) > 5
    assert (np.abs(np.log(size[far]) - np.abs(x[far])) < 1).all()


@pytest.mark.parametrize("name", [n for n, r in library().items() if r.constant_between])
def test_a_function_that_is_constant_between_jumps_is(name: str) -> None:
    record = library()[name]
    x = np.linspace(-3.9, 3.9, 200)
    x = x[np.abs(x - np.rint(x)) > 0.01]
    same = np.floor(x[1:]) == np.floor(x[:-1])
    assert (np.diff(numpy_form(name)(x))[same] == 0).all()
    assert {b.kind for b in record.breaks} == {"jump"}


@pytest.mark.parametrize("name", sorted(strip_forms.SIZE))
def test_bounds_beside_the_real_line_hold(name: str) -> None:
    f = EXACT[name] if name != "Phi" else lambda z: mp.erfc(-z / mp.sqrt(2)) / 2  # mpmath's is real
    for y in (0.0, 0.3, 1.0, 1.5):
        slope, offset = strip_forms.SIZE[name](y)
        beside = strip_forms.BESIDE.get(name, lambda y: math.inf)(y)
        for x in np.linspace(-8, 8, 81):
            for s in (y, y / 2, -y):
                with mp.workdps(30):
                    value = mp.mpmathify(f(mp.mpc(float(x), s)))
                assert abs(value) <= slope * abs(complex(x, s)) + offset + 1e-12
                assert abs(mp.im(value)) <= beside + 1e-12
