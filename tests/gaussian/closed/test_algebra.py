"""The exact algebra under the engine, checked by numbers and by sympy's factoring."""

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tensorprog.gaussian.closed.render import Renderer
from tensorprog.gaussian.exact.element import Element, atom, exponential, from_poly, generator, number, one, pi, root
from tensorprog.gaussian.exact.ground import POSITIVE, Ground, NoClosedForm, exact_quotient
from tensorprog.numbers.interval import REALS, Interval
from tests.gaussian.calculus import differentiate, substitute

NAMES = {"v": POSITIVE, "c": REALS, "w": POSITIVE, "u": Interval(Fraction(0), Fraction(1))}
POINT = {"v": 1.3, "c": -0.4, "w": 0.7, "u": 0.25}


def fresh() -> Ground:
    g = Ground(NAMES)
    v, c, w = g.gens[:3]
    g.declare_positive(v * w - c**2)
    return g


def value(x: Element, **changes: float) -> float:
    """The number an element stands for, by its rendered form."""
    import sympy

    names = [sympy.Symbol(n, real=True) for n in NAMES]
    expr = Renderer(x.ground, (*names, sympy.pi)).expression(x)
    at = {s: (POINT | changes)[s.name] for s in expr.free_symbols}
    return float(expr.subs(at))


polynomials = st.dictionaries(
    st.tuples(*(st.integers(0, 2) for _ in range(3))), st.integers(-3, 3).filter(bool), min_size=1, max_size=4
)


def poly(g: Ground, terms: dict[tuple[int, ...], int]) -> object:
    out = g.ring.zero
    for powers, c in terms.items():
        m = g.one * c
        for x, n in zip(g.gens, powers, strict=False):
            m *= x**n
        out = out + m
    return out


@given(polynomials, polynomials)
def test_factors_are_those_of_sympy(p: dict[tuple[int, ...], int], q: dict[tuple[int, ...], int]) -> None:
    g = fresh()
    f = poly(g, p) * poly(g, q)
    content, factors = g.factor(f)
    truth = f.factor_list()
    assert Fraction(int(truth[0].numerator), int(truth[0].denominator)) == content
    assert sorted((str(h), m) for h, m in truth[1]) == sorted((str(h), m) for h, m in factors)
    assert exact_quotient(f, poly(g, p)) == poly(g, q)
    for h, _ in factors:  # equal polynomials are one key, whatever made them
        assert hash(h) == hash(g.ring.from_dict(dict(h)))


@given(polynomials, polynomials)
def test_quotients_exist_only_when_exact(p: dict[tuple[int, ...], int], q: dict[tuple[int, ...], int]) -> None:
    g = fresh()
    quotient = exact_quotient(poly(g, p), poly(g, q))
    assert (quotient is not None) == (not poly(g, p).rem(poly(g, q)))
    if quotient is not None:
        assert quotient * poly(g, q) == poly(g, p)


@given(polynomials)
def test_a_decided_sign_is_the_sign(p: dict[tuple[int, ...], int]) -> None:
    g = fresh()
    f = poly(g, p)
    sign = g.sign(f)
    for v, c, w in product((0.01, 0.7, 30), (-0.05, 0.0, 0.06), (0.02, 1.1, 25)):
        if c * c >= v * w:
            continue
        number_there = float(sum(k * v ** m[0] * c ** m[1] * w ** m[2] for m, k in p.items()))
        if sign is not None and abs(number_there) > 1e-12:
            assert math.copysign(1, number_there) == sign


def test_signs_from_bounds() -> None:
    g = fresh()
    v, c, w, u = g.gens[:4]
    assert g.sign(v * w + c**2) == 1
    assert g.sign(v * w - c**2) == 1  # declared
    assert g.sign(1 - u) == 1
    assert g.sign(u - 1) == -1
    assert g.sign(u * (1 - u)) == 1
    assert g.sign(c) is None
    assert g.sign(c**2) is None  # it may be 0
    assert g.sign(2 * u - 1) is None
    assert g.sign(g.ring.zero) == 0
    assert Interval(Fraction(0)).contains(Fraction(1, 9))
    assert not Interval(Fraction(0)).contains(Fraction(0))


@st.composite
def elements(draw: st.DrawFn) -> Element:
    """Sums of products of the kinds that derivations meet, over one ground."""
    g = fresh()
    v, c, w, u = (generator(g, n) for n in "vcwu")
    det = v * w - c * c
    pieces = [
        v, c, w, u, one(g), v.sqrt(), w.sqrt(), (v * w).sqrt(), det.sqrt(), det.inverse(), v.inverse(), pi(g).sqrt(),
        number(g, Fraction(3, 8)).sqrt(), (v + one(g)).sqrt().inverse(), exponential(c * v.inverse()),
        atom(g, "erf", u * v.sqrt()), atom(g, "asin", c * (v * w).sqrt().inverse()), atom(g, "sgn2", u, v, c),
    ]  # fmt: skip
    out = number(g, 0)
    for _ in range(draw(st.integers(1, 3))):
        term = number(g, draw(st.sampled_from([Fraction(1), Fraction(-2, 3)])))
        for k in draw(st.lists(st.integers(0, len(pieces) - 1), min_size=1, max_size=3)):
            term = term * pieces[k]
        out = out + term
    return out


@settings(max_examples=40)
@given(elements())
def test_arithmetic(x: Element) -> None:
    assert not x - x
    assert x + x == x.scale(2)
    assert (x * x) - x**2 == number(x.ground, 0)
    assert value(x * x) == pytest.approx(value(x) ** 2, rel=1e-10, abs=1e-12)
    assert value(x + x * x) == pytest.approx(value(x) + value(x) ** 2, rel=1e-10, abs=1e-12)


@settings(max_examples=40)
@given(elements(), st.sampled_from("vcwu"))
def test_derivative_and_substitution(x: Element, name: str) -> None:
    h = 1e-5
    slope = (value(x, **{name: POINT[name] + h}) - value(x, **{name: POINT[name] - h})) / (2 * h)
    assert value(differentiate(x, name)) == pytest.approx(slope, rel=1e-5, abs=1e-5)
    at = Fraction(1, 2) if name != "c" else Fraction(0)
    assert value(substitute(x, name, at)) == pytest.approx(value(x, **{name: float(at)}), rel=1e-10, abs=1e-12)


@settings(max_examples=40)
@given(elements())
def test_inverse_and_root_of_products(x: Element) -> None:
    g = x.ground
    assume(len(x.terms) == 1)
    try:
        inverse = x.inverse()
    except NoClosedForm:
        return
    assert x * inverse == one(g)
    square = x * x
    back = square.sqrt()
    assert back * back == square


def test_roots_of_an_unknown_sign() -> None:
    """√(c²) is |c|, √(c² v) = |c|√v, and 1/√(c² w) its like."""
    g = fresh()
    v, c, w = (generator(g, n) for n in "vcw")
    for x in (c * c, c * c * v, (c * c * w).inverse(), c**4 * v * w):
        assert value(x.sqrt()) == pytest.approx(math.sqrt(value(x)), rel=1e-14)
        assert x.sqrt() * x.sqrt() == x


def test_the_imaginary_unit() -> None:
    g = fresh()
    i = root(g, 0)
    c = generator(g, "c")
    assert i * i == number(g, -1)
    wave = exponential(i * c)
    assert (wave + exponential(-(i * c))).scale(Fraction(1, 2)).real() == atom(g, "cos", c)
    assert (i * wave).real() == -atom(g, "sin", c)
    assert value(wave.real()) == pytest.approx(math.cos(POINT["c"]))


def test_numbers_under_roots() -> None:
    g = fresh()
    assert number(g, Fraction(9, 4)).sqrt() == number(g, Fraction(3, 2))
    assert number(g, 12).sqrt() == number(g, 3).sqrt().scale(2)
    assert number(g, 2).sqrt() * number(g, 3).sqrt() == number(g, 6).sqrt()
    large = (10**9 + 7) * (10**9 + 9)
    assert number(g, large).sqrt() ** 2 == number(g, large)
    with pytest.raises(NoClosedForm):
        number(g, -2).sqrt()
    assert (number(g, 2).sqrt() - number(g, 3).sqrt()).sign() == -1
    assert from_poly(g, g.ring.zero).sign() == 0
