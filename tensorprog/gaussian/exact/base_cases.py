"""Expectations of products of signs, the bottom of every derivation.

For w jointly Gaussian with means m, variances v and covariances c:

    E sg(w)         = erf(m/√(2v))
    E sg(w1) sg(w2) = (2/π) asin(c/√(v1 v2))                                  when both means are 0
                    = sgn2(m1/√v1, m2/√v2, c/√(v1 v2)) = 4 Φ2 - 2Φ - 2Φ + 1   otherwise
    an odd number of centred signs: 0;   independent groups: the product of their expectations.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.gaussian.exact.element import Element, atom, imaginary_unit, number, one, pi, zero
from tensorprog.gaussian.exact.ground import MINUS_ONE, NoClosedForm

Matrix = tuple[tuple[Element, ...], ...]


def _is_complex(x: Element) -> bool:
    return any(MINUS_ONE in odd for odd, _, _ in x.terms)


def error_function(z: Element) -> Element:
    """erf(z): for z = x + iy by its real part, odd in x and even in y, and its imaginary part, the other way round."""
    if not z:
        return z
    if not _is_complex(z):
        return atom(z.ground, "erf", z)
    i = imaginary_unit(z.ground)
    y = z.imaginary()
    x = z - i * y
    if not x:
        return i * atom(z.ground, "erfi", y)
    real = imaginary = 1
    if x.leading_sign() < 0:
        x, real = -x, -1
    if y.leading_sign() < 0:
        y, imaginary = -y, -1
    return atom(z.ground, "erf_re", x, y).scale(real) + i * atom(z.ground, "erf_im", x, y).scale(imaginary)


def arcsine(x: Element) -> Element:
    """asin(x), exact at 0 and ±1."""
    g = x.ground
    if not x:
        return x
    if x == one(g):
        return pi(g).scale(Fraction(1, 2))
    if x == number(g, -1):
        return pi(g).scale(Fraction(-1, 2))
    return atom(g, "asin", x)


def two_signs(h: Element, k: Element, r: Element) -> Element:
    """E sg(X + h) sg(Y + k), X and Y standard normal with correlation r: even in (h, k), odd in (h, r), in (k, r)."""
    g = h.ground
    if any(_is_complex(x) for x in (h, k, r)):
        raise NoClosedForm("two signs under an oscillating factor")
    sign = 1
    if h and h.leading_sign() < 0:
        h, r, sign = -h, -r, -sign
    if k and k.leading_sign() < 0:
        k, r, sign = -k, -r, -sign
    if (not h or not k) and r.leading_sign() < 0:
        r, sign = -r, -sign
    if repr_key(k) > repr_key(h):
        h, k = k, h
    return atom(g, "sgn2", h, k, r).scale(sign)


def repr_key(x: Element) -> tuple[object, ...]:
    """Return an order of elements by their form."""
    return tuple(
        (key, tuple(sorted((m, str(c)) for m, c in num.terms())), den) for key, (num, den) in sorted(x.terms.items())
    )


def product_of_signs(mean: tuple[Element, ...], cov: Matrix) -> Element:
    """E Π sg(w_j), w ~ N(mean, cov)."""
    groups = blocks(cov)
    if len(groups) > 1:
        out = one(mean[0].ground)
        for group in groups:
            out = out * product_of_signs(
                tuple(mean[j] for j in group), tuple(tuple(cov[a][b] for b in group) for a in group)
            )
            if not out:
                return out
        return out
    centred = not any(mean)
    if centred and len(mean) % 2:
        return zero(mean[0].ground)
    if len(mean) == 1:
        return error_function(mean[0] * cov[0][0].scale(2).sqrt().inverse())
    if len(mean) == 2:
        s1, s2 = cov[0][0].sqrt().inverse(), cov[1][1].sqrt().inverse()
        r = cov[0][1] * s1 * s2
        if centred:
            return arcsine(r) * pi(r.ground).inverse().scale(2)
        return two_signs(mean[0] * s1, mean[1] * s2, r)
    if len(mean) == 4 and centred:
        return four_signs(cov)
    raise NoClosedForm(f"a product of {len(mean)} dependent {'' if centred else 'shifted '}signs")


def four_signs(cov: Matrix) -> Element:
    """E of four centred signs: the named orthant integral of their six correlations (a one-dimensional integral)."""
    g = cov[0][0].ground
    scale = [cov[j][j].sqrt().inverse() for j in range(4)]
    r = [cov[a][b] * scale[a] * scale[b] for a in range(4) for b in range(a + 1, 4)]
    return atom(g, "sgn4", *r)


def blocks(cov: Matrix) -> list[list[int]]:
    """Return the connected groups of a covariance: indices in different groups are independent."""
    left, out = list(range(len(cov))), []
    while left:
        group, front = [], [left.pop(0)]
        while front:
            j = front.pop()
            group.append(j)
            near = [k for k in left if cov[j][k]]
            left = [k for k in left if k not in near]
            front += near
        out.append(sorted(group))
    return out
