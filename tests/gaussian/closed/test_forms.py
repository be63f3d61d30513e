"""Closed forms: the textbook ones as textbooks print them, random ones against nested quadrature."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprog.gaussian.expect import expect
from tensorprog.gaussian.integrate.quadrature import expectation as quadrature
from tensorprog.terms import Var, read
from tests.gaussian.oracle import Function, erf, pair_mean
from tests.share import examples

K11, K12, K22, C, v, m = sympy.symbols("K11 K12 K22 C v m", real=True)
D = K11 * K22 - K12**2
RHO = K12 / sympy.sqrt(K11 * K22)
pi, sqrt, asin, exp = sympy.pi, sympy.sqrt, sympy.asin, sympy.exp
P = (K11 + 1) * (K22 + 1)

TEXTBOOK = {
    "relu(a)*relu(b)": sqrt(D) / (2 * pi) + K12 * asin(RHO) / (2 * pi) + K12 / 4,
    "step(a)*step(b)": asin(RHO) / (2 * pi) + sympy.Rational(1, 4),
    "sign(a)*sign(b)": 2 * asin(RHO) / pi,
    "abs(a)*abs(b)": 2 * K12 * asin(RHO) / pi + 2 * sqrt(D) / pi,
    "erf(a)*erf(b)": 2 * asin(2 * K12 / sqrt((2 * K11 + 1) * (2 * K22 + 1))) / pi,
    "relu(a)*erf(b)": K12 / (sqrt(pi) * sqrt(2 * K22 + 1)),
    "gelu(a)*gelu(b)": K12 / 4
    + K12 * asin(K12 / sqrt(P)) / (2 * pi)
    + K11 * K22 * sqrt(P - K12**2) / (2 * pi * (K11 + 1) * (K22 + 1))
    + K12**2 / (2 * pi * (K11 + 1) * (K22 + 1) * sqrt(P - K12**2)),
    "a*exp(-a^2)*b*exp(-b^2)": K12 / (-4 * K12**2 + (2 * K11 + 1) * (2 * K22 + 1)) ** sympy.Rational(3, 2),
    "cos(a)*cos(b)": exp(-K11 / 2 - K12 - K22 / 2) / 2 + exp(-K11 / 2 + K12 - K22 / 2) / 2,
    "exp(a)*exp(b)": exp(K11 / 2 + K12 + K22 / 2),
    "a^2*b^2": K11 * K22 + 2 * K12**2,
}


@pytest.mark.parametrize("text", TEXTBOOK)
def test_textbook_form(text: str) -> None:
    found = expect(text, symbolic=True)
    assert found.expr == TEXTBOOK[text]
    assert found.method == "closed-form"
    assert found.value is None


def test_absolute_powers() -> None:
    """The known constants: E|Z|^p, and p = q = 1 gives the arcsine law of abs."""
    p = sympy.Symbol("p", real=True)
    assert expect("abs(z)^p", [["v"]], assume={"p": "> 0"}).expr == (2 * v) ** (p / 2) * sympy.gamma(
        p / 2 + sympy.Rational(1, 2)
    ) / sqrt(pi)
    general = expect("abs(a)^p*abs(b)^q", symbolic=True, assume={"p": "> 0", "q": "> 0"}).expr
    at = {K11: 1.3, K12: -0.7, K22: 0.9, p: 1, sympy.Symbol("q", real=True): 1}
    known = expect("abs(a)*abs(b)", symbolic=True).expr.subs(at)
    assert float(general.subs(at)) == pytest.approx(float(known), rel=1e-14)
    odd = expect("sign(a)*abs(a)^(1/2)*relu(b)^(3/2)", [[1, 0.3], [0.3, 2]])
    f = Function("", lambda z: np.sign(z) * np.sqrt(abs(z)), (0.0, -1e-3, 1e-3, -1e-6, 1e-6))
    g = Function("", lambda z: np.maximum(z, 0) ** 1.5, (0.0, 1e-3, 1e-6))
    assert odd.method == "closed-form"
    assert odd.value == pytest.approx(pair_mean(f, g, (1, 0.3, 2)), rel=1e-5)


def test_variables_of_one_dimension() -> None:
    """Identical and proportional variables are one variable; constants are none."""
    assert expect("relu(a)*relu(b)", [["v", "v"], ["v", "v"]]).expr == v / 2
    assert expect("relu(a)*relu(b)", [["v", "2*v"], ["2*v", "4*v"]]).expr == v
    assert expect("relu(a)*relu(b)", [["v", "-v"], ["-v", "v"]]).expr == 0
    assert expect("clip(z, -C, C)^2", [[1]], assume={"C": "> 0"}).expr.subs(C, 2).evalf(20) == pytest.approx(
        1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) + 3 * math.erfc(math.sqrt(2)), abs=1e-15
    )
    assert expect("relu(a)*b + 2", [[0, 0], [0, 1]]).expr == 2
    assert expect("step(a)", [[0]]).expr == sympy.Rational(1, 2)


def test_affine_arguments_are_one_variable() -> None:
    """relu(a+b) relu(a-b) depends on two independent Gaussians when the variances agree."""
    found = expect("relu(a + b)*relu(a - b)", [[1, "r"], ["r", 1]])
    r = sympy.Symbol("r", real=True)
    assert sympy.simplify(found.expr**2 - (1 - r**2) / pi**2) == 0
    assert any(s.rule == "collapse" for s in found.steps) is False  # two directions of two variables
    collapsed = expect("relu(a + b - c)^2", symbolic=True)
    assert any(s.rule == "collapse" for s in collapsed.steps)
    total = sum(s * t * sympy.Symbol(f"K{min(i, j)}{max(i, j)}", real=True)
                for i, s in ((1, 1), (2, 1), (3, -1)) for j, t in ((1, 1), (2, 1), (3, -1)))  # fmt: skip
    assert sympy.expand(collapsed.expr - total / 2) == 0


def test_independent_blocks_factorise() -> None:
    whole = expect("relu(a)*gelu(b)*relu(c)*erf(d)",
                   [[1, 0.5, 0, 0], [0.5, 2, 0, 0], [0, 0, 1, -0.3], [0, 0, -0.3, 1.5]]).value  # fmt: skip
    left = expect("relu(a)*gelu(b)", [[1, 0.5], [0.5, 2]]).value
    right = expect("relu(a)*erf(b)", [[1, -0.3], [-0.3, 1.5]]).value
    assert whole is not None
    assert left is not None
    assert right is not None
    assert whole == pytest.approx(left * right, rel=1e-14)


def test_isserlis() -> None:
    k = {(i, j): sympy.Symbol(f"K{i}{j}", real=True) for i in range(1, 5) for j in range(i, 5)}
    found = expect("a*b*c*d", symbolic=True).expr
    assert sympy.expand(found - (k[1, 2] * k[3, 4] + k[1, 3] * k[2, 4] + k[1, 4] * k[2, 3])) == 0


def test_four_signs() -> None:
    """Orthant probabilities that are known: equal correlations 1/2 give 1/5; independent pairs give products."""
    half = [[1 if i == j else 0.5 for j in range(4)] for i in range(4)]
    assert expect("step(a)*step(b)*step(c)*step(d)", half).value == pytest.approx(0.2, abs=1e-15)
    assert expect("step(a)*step(b)*step(c)", [row[:3] for row in half[:3]]).expr == sympy.Rational(1, 4)


DENSITY = math.exp(-1 / 2) / math.sqrt(2 * math.pi)
TAIL = math.erfc(1 / math.sqrt(2)) / 2
NESTED = {  # at variance 1; TAIL = P(Z > 1), DENSITY = the density at 1
    "where(z < max(z, 1), z, 2)": -DENSITY + 2 * TAIL,
    "where(z <= max(z, 1), z, 2)": 0,
    "where(step(z) == 1, 3, 5)": 4,
    "where(step(z) < step(z - 1), 1, 0)": 0,
    "where(step(z) > step(z - 1), 1, 0)": 1 / 2 - TAIL,
    "where(z == 1, 7, 2)": 2,
    "where(z > -1 and z < 1, 1, 0)": 1 - 2 * TAIL,
    "relu(clip(z, -1, 1))": 1 / math.sqrt(2 * math.pi) - DENSITY + TAIL,
    "relu(relu(z) - 1)": DENSITY - TAIL,
    "abs(z^2 - 1)": 4 * DENSITY,
    "sign(z^2 - 1)": 4 * TAIL - 1,
    "max(z, z^2)": 1 - (1 / 2 - TAIL - DENSITY) + (1 / math.sqrt(2 * math.pi) - DENSITY),
    "max(0, min(z, 1))": 1 / math.sqrt(2 * math.pi) - DENSITY + TAIL,
    "step(z)*step(z)": 1 / 2,
    "step(z - 1)*step(1 - z)": 0,
    "where(z^2 < 1, 1, 0)": 1 - 2 * TAIL,
    "min(abs(z), 1)": 2 * (1 / math.sqrt(2 * math.pi) - DENSITY) + 2 * TAIL,
}


@pytest.mark.parametrize("text", NESTED)
def test_kinks_within_kinks(text: str) -> None:
    found = expect(text, [[1]])
    assert found.method == "closed-form"
    assert found.value == pytest.approx(NESTED[text], rel=1e-14, abs=1e-15)


COV3 = [["1.2", "0.3", "-0.4"], ["0.3", "0.8", "0.2"], ["-0.4", "0.2", "1.5"]]


@pytest.mark.parametrize(
    "text",
    ["relu(a)*relu(b)*c", "erf(a)*erf(b)*c^2", "max(a, b)*c", "gelu(2*a - b)*erf(c + a)", "exp(a*b/4)*c^2",
     "where(a < b, c, a)*relu(b)", "sign(a*b)*c^2", "relu(a)*sin(b)*c", "step(a)*step(b)*step(a + b)"],
)  # fmt: skip
def test_three_variables_against_quadrature(text: str) -> None:
    """The engine against the package's own quadrature, which shares no code with it and has a bound of its own."""
    found = expect(text, COV3, vars=["a", "b", "c"])
    assert found.method == "closed-form"
    assert found.value is not None
    names = [Var(x) for x in "abc"]
    cov = [[Fraction(x) for x in row] for row in COV3]
    number = quadrature(read(text), names, cov, tolerance=1e-6)
    assert abs(found.value - number.value) <= number.error + 1e-15
    assert number.error < 1e-5


def affine(a: float, b: float) -> str:
    return f"({a!r}*Z + {b!r})"


numbers = st.integers(-8, 8).map(lambda n: n / 4)
nonzero = numbers.filter(bool)


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """A random member of the class: relu, abs, step, erf, Phi, gelu, sin, clip, exp, Gaussian, power, elu, pieces."""
    a, b = draw(nonzero), draw(numbers)
    low, width = draw(numbers), draw(st.sampled_from([0.25, 1.0, 2.5]))
    n = draw(st.integers(1, 3))
    text, kink = affine(a, b), (-b / a,)

    def u(z: np.ndarray) -> np.ndarray:
        return a * z + b

    return draw(
        st.sampled_from(
            [
                Function(f"relu{text}", lambda z: np.maximum(u(z), 0), kink),
                Function(f"abs{text}", lambda z: abs(u(z)), kink),
                Function(f"step{text}", lambda z: (u(z) > 0) * 1.0, kink),
                Function(f"erf{text}", lambda z: erf(u(z))),
                Function(f"Phi{text}", lambda z: (1 + erf(u(z) / math.sqrt(2))) / 2),
                Function(f"gelu{text}", lambda z: u(z) * (1 + erf(u(z) / math.sqrt(2))) / 2),
                Function(f"sin{text}", lambda z: np.sin(u(z))),
                Function(
                    f"clip(Z, {low!r}, {low + width!r})", lambda z: np.clip(z, low, low + width), (low, low + width)
                ),
                Function(f"exp({a / 2!r}*Z)", lambda z: np.exp(a / 2 * z)),
                Function(f"exp(-{abs(a)!r}*Z^2)", lambda z: np.exp(-abs(a) * z * z)),
                Function(f"Z^{n}", lambda z: z**n),
                Function(f"elu{text}", lambda z: np.where(u(z) > 0, u(z), np.expm1(np.minimum(u(z), 0))), kink),
                Function(f"where(Z < {b!r}, {a!r}*Z^2, 1 - Z)", lambda z: np.where(z < b, a * z * z, 1 - z), (b,)),
                Function(f"exp(-abs{text})", lambda z: np.exp(-abs(u(z))), kink),
            ]
        )
    )


@st.composite
def covariances(draw: st.DrawFn) -> tuple[float, float, float]:
    k11, k22 = (draw(st.integers(10, 250)) / 100 for _ in range(2))
    rho = draw(st.sampled_from([-1, -0.8, -0.3, 0, 0.5, 0.95, 1]))
    if abs(rho) == 1:
        return k11, rho * k11, k11
    return k11, round(rho * math.sqrt(k11 * k22), 3), k22


combined = st.one_of(
    functions(),
    st.tuples(functions(), functions()).map(lambda p: p[0] + p[1]),
    st.tuples(functions(), functions()).map(lambda p: p[0] * p[1]),
)


@settings(max_examples=examples(40), deadline=None, derandomize=True)
@given(combined, functions(), covariances(), st.tuples(numbers, numbers) | st.just((0.0, 0.0)))
def test_random_functions_against_quadrature(
    f: Function, g: Function, cov: tuple[float, float, float], mean: tuple[float, float]
) -> None:
    text = f"{f.at('z1')}*{g.at('z2')}"
    found = expect(text, [[cov[0], cov[1]], [cov[1], cov[2]]], mean, vars=["z1", "z2"])
    assert found.value is not None
    assert found.error is not None
    scale = pair_mean(f, g, cov, mean, absolute=True)
    assert abs(found.value - pair_mean(f, g, cov, mean)) <= 1e-10 * scale + found.error


@settings(max_examples=25, deadline=None, derandomize=True)
@given(functions(), functions(), covariances())
def test_symmetry(f: Function, g: Function, cov: tuple[float, float, float]) -> None:
    k11, k12, k22 = cov
    one = expect(f"{f.at('a')}*{g.at('b')}", [[k11, k12], [k12, k22]], vars=["a", "b"])
    other = expect(f"{g.at('a')}*{f.at('b')}", [[k22, k12], [k12, k11]], vars=["a", "b"])
    assert (one.value, one.method) == (pytest.approx(other.value, rel=1e-13, abs=1e-300), other.method)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(functions(), functions())
def test_the_general_formula_has_the_numbers_of_the_special_one(f: Function, g: Function) -> None:
    text = f"{f.at('a')}*{g.at('b')}"
    general = expect(text, [["1.3", "-0.7"], ["-0.7", "0.9"]], vars=["a", "b"], symbolic=True)
    special = expect(text, [["1.3", "-0.7"], ["-0.7", "0.9"]], vars=["a", "b"])
    assert general.value == pytest.approx(special.value, rel=1e-14, abs=1e-300)
    if general.expr is not None:
        assert {s.name for s in general.expr.free_symbols} <= {"K11", "K12", "K22"}


def test_covariances_with_irrational_coefficients() -> None:
    """sqrt(2) C and cosh(1/2)^2 C are no polynomials with rational coefficients, and are entries like others."""
    c = sympy.Symbol("C", positive=True)
    for factor in (sympy.sqrt(2), (sympy.exp(sympy.S.Half) + sympy.exp(-sympy.S.Half)) ** 2 / 4, sympy.pi):
        variance = sympy.expand(c * factor)
        found = expect(read("relu(z)^2"), [[variance]], vars=["z"])
        gap = (found.expr - variance / 2).subs({s: 2 for e in (found.expr, variance) for s in e.free_symbols})
        assert abs(float(gap)) < 1e-14
