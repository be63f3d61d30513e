"""Every pair of library functions satisfies the two identities that determine a formula, exactly, in the algebra.

Price: ∂E[f(Z1) g(Z2)]/∂K12 = E[f'(Z1) g'(Z2)] with distributional derivatives; at K12 = 0 the mean factorises.
"""

import itertools
from fractions import Fraction

import pytest
import sympy

from docs.formula_gallery import FUNCTIONS
from tensorprog.gaussian.closed.engine import Problem, Setting, setting
from tensorprog.gaussian.exact.element import Element, generator, number, zero
from tensorprog.gaussian.exact.ground import POSITIVE, NoClosedForm
from tensorprog.gaussian.exact.normal_form import Normaliser
from tensorprog.gaussian.exact.recursion import Engine, Law
from tensorprog.gaussian.exact.shapes import summands
from tensorprog.kernel.ground import term as terms
from tensorprog.terms import App, Term, Var, read
from tests.gaussian.calculus import derivative, differentiate, substitute

LIBRARY = (*FUNCTIONS, "selu(z)", "where(z < 1, z, 2*z - 1)", "erf(z + 1)")
K11, K12, K22 = sympy.symbols("K11 K12 K22", real=True)
Z1, Z2 = Var("z1"), Var("z2")


def at(f: str, v: Var) -> Term:
    return terms.substitute(read(f), {Var("z"): v})


def pair(f: str, g: str) -> Setting:
    term = App("mul", (at(f, Z1), at(g, Z2)))
    return setting(Problem(term, (Z1, Z2), ((K11, K12), (K12, K22)), (sympy.S.Zero,) * 2, {"C": POSITIVE}))


def product_of_means(s: Setting, f: str, g: str) -> Element:
    """E f(Z1) · E g(Z2), each derived alone, under independent variables."""
    ground, law = s.engine.ground, s.engine.law
    none = zero(ground)
    alone = Law(law.mean, ((law.cov[0][0], none), (none, law.cov[1][1])))
    constants = {Var(p): generator(ground, p) for p in "abC" if p in ground.names}
    normal = Normaliser(s.space, {Z1: 0, Z2: 1}, constants)
    left, right = (Engine(ground, alone).expect(summands(normal.form(at(x, v)))) for x, v in ((f, Z1), (g, Z2)))
    return left * right


@pytest.mark.parametrize("f", LIBRARY)
def test_price_and_factorisation(f: str) -> None:
    for g in LIBRARY[LIBRARY.index(f) :]:
        s = pair(f, g)
        found = s.engine.expect(summands(s.form))
        twice = derivative(s.space, derivative(s.space, s.form, 0), 1)
        assert not (differentiate(found, "K12") - s.engine.expect(summands(twice))).real(), (f, g)
        assert not (substitute(found, "K12", 0) - product_of_means(s, f, g)).real(), (f, g)


@pytest.mark.parametrize(("f", "g"), [*itertools.product(["relu(z)", "gelu(z)", "clip(z, -C, C)"], repeat=2)])
def test_the_identities_refuse_a_wrong_formula(f: str, g: str) -> None:
    s = pair(f, g)
    found = s.engine.expect(summands(s.form))
    ground = s.engine.ground
    twice = s.engine.expect(summands(derivative(s.space, derivative(s.space, s.form, 0), 1)))
    wrong = found + (generator(ground, "K12") * generator(ground, "K11")).scale(Fraction(1, 1000))
    assert differentiate(wrong, "K12") != twice
    shifted = found + number(ground, Fraction(1, 1000))
    assert differentiate(shifted, "K12") == differentiate(found, "K12")
    assert substitute(shifted, "K12", 0) != product_of_means(s, f, g)


def test_price_for_second_derivatives_of_four_factors() -> None:
    """∂E[relu(a) relu(b) c d]/∂K12 = E[step(a) step(b) c d], with four variables and all covariances free."""
    names = tuple(Var(x) for x in "abcd")
    cov = [[sympy.Symbol(f"K{min(i, j)}{max(i, j)}", real=True) for j in range(4)] for i in range(4)]
    s = setting(Problem(read("relu(a)*relu(b)*c*d"), names, tuple(map(tuple, cov)), (sympy.S.Zero,) * 4))
    found = s.engine.expect(summands(s.form))
    twice = derivative(s.space, derivative(s.space, s.form, 0), 1)
    assert differentiate(found, "K01") == s.engine.expect(summands(twice))


def test_the_derivative_of_a_dirac_factor_is_refused() -> None:
    s = pair("sign(z)", "z")
    once = derivative(s.space, s.form, 0)
    with pytest.raises(NoClosedForm):
        derivative(s.space, once, 0)
