"""Reads functions as forms, sums of products of pieces (`limits.pieces`); the means that need no search."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tensorprog.kernel.core.refused import HALF, Refused, require
from tensorprog.kernel.core.table import IMAGINARY, unfolded
from tensorprog.kernel.ground.term import ONE, ZERO, App, Num, Term, Var, add, mul, neg, recip, sub, variables, walk
from tensorprog.kernel.limits.algebra import (
    IDENTITY,
    K11,
    K22,
    NIL,
    Element,
    as_term,
    normal,
    plus,
    positive,
    product,
    root,
    scaled,
    times,
    to_the,
    together,
)
from tensorprog.kernel.limits.pieces import SMOOTH, TWO_PI, UNIT, Z1, Z2, Form, Piece, clean, plain, scale, total


class Reader:
    """Reads a function of z1 and z2; `assumed` are params taken to be positive, `kinks` variances of what has steps."""

    def __init__(self, assumed: Collection[Term] = ()) -> None:
        self.assumed = assumed
        self.kinks: set[Term] = set()
        self._forms: dict[Term, Form] = {}

    def above(self, a: Element) -> bool:
        """Whether a > 0; refused unless a > 0 or a < 0 is plain."""
        up = positive(a, self.assumed)
        require(up or positive(scaled(a, -1), self.assumed), "the sign is decided by what is assumed")
        return up

    def defined(self, t: Term) -> None:
        """Refuse a constant or value that is not plainly a smooth function of what it contains, wherever that is."""
        for s in walk(t):
            match s:
                case Num() | Var(_, ()):
                    continue
                case App(head) if head in SMOOTH:
                    continue
                case App("pow", (_, Num(e))) if e.denominator == 1 and e >= 0:
                    continue
                case App("recip", (a,)):
                    self.above(normal(plain(a)))
                case App("pow", (a, Num(e))) if e.denominator == 1:
                    self.above(normal(plain(a)))
                case App("pow" | "sqrt", (a, *e)) if not e or isinstance(e[0], Num):
                    require(s == IMAGINARY or positive(normal(plain(a)), self.assumed), "a radicand is positive")
                case App("asin", (x,)) | App("Phi2", (_, _, x)):
                    inside = positive(normal(sub(ONE, mul(x, x))), self.assumed)
                    require(inside, "a correlation lies between -1 and 1")
                case _:
                    raise Refused("a value of the calculus")

    def joined(self, f: Form, g: Form) -> Form:
        """The product of two forms."""
        require(len(f) * len(g) <= 400, "a form stays small")
        return total(
            *(
                {(self._merged(a, c), self._merged(b, d)): times(x, y)}
                for (a, b), x in f.items()
                for (c, d), y in g.items()
            )
        )

    def _merged(self, a: Piece, b: Piece) -> Piece:
        signs = [s for s in a.signs if s[0] != "step"] + [s for s in b.signs if s[0] != "step"]
        steps = {s for s in (*a.signs, *b.signs) if s[0] == "step"}
        while len(steps) > 1:  # step(z - a) step(z - b) is the one with the larger place
            x, y, *_ = sorted(steps, key=str)
            steps.discard(y if self.above(normal(sub(x[1], y[1]))) else x)
        require(a.n + b.n <= 24 and len(signs) <= 4, "a form stays small")
        return Piece(a.n + b.n, clean(add(a.l, b.l)), clean(add(a.q, b.q)), tuple(sorted([*signs, *steps], key=str)))

    def form(self, t: Term) -> Form:
        """The form of a term, almost everywhere."""
        if t not in self._forms:
            self._forms[t] = self._form(t)
        return self._forms[t]

    def _form(self, t: Term) -> Form:
        if not {Z1, Z2} & set(variables(t)):
            self.defined(t)
            return {(UNIT, UNIT): c} if (c := normal(plain(t))) else {}
        match t:
            case Var():
                return {(Piece(1), UNIT) if t == Z1 else (UNIT, Piece(1)): IDENTITY}
            case App("add", args):
                return total(*map(self.form, args))
            case App("neg", (a,)):
                return scale(self.form(a), scaled(IDENTITY, -1))
            case App("mul", (a, *rest)):
                return self.joined(self.form(a), self.form(mul(*rest)))
            case App("pow", (a, Num(e))) if e.denominator == 1 and 1 <= e <= 24:
                return self.joined(self.form(a), self.form(App("pow", (a, Num(e - 1))))) if e > 1 else self.form(a)
            case App("recip", (App("exp", (u,)),)):
                return self.form(App("exp", (neg(u),)))
            case App("exp" | "step" | "Phi" as head, (u,)):
                return self._over(self.form(u), {"exp": self._exp, "step": self._step, "Phi": self._phi}[head])
            case App():
                return self.form(unfolded(t))
        raise Refused("a function of the calculus")

    def _over(self, u: Form, act: Callable[[Form], Form]) -> Form:
        """f(u), branch by branch of the steps in u."""
        found = [(k, s) for key in u for k in (0, 1) for s in key[k].signs if s[0] == "step"]
        if not found:
            return act(u)
        k, s = found[0]
        inside: Form = {(Piece(signs=(s,)), UNIT) if k == 0 else (UNIT, Piece(signs=(s,))): IDENTITY}
        yes, no = Form(), Form()
        for key, c in u.items():
            bare = key[k]._replace(signs=tuple(x for x in key[k].signs if x != s))
            one = {(bare, key[1]) if k == 0 else (key[0], bare): c}
            yes, no = total(yes, one), no if s in key[k].signs else total(no, one)
        outside = total({(UNIT, UNIT): IDENTITY}, scale(inside, scaled(IDENTITY, -1)))
        return total(self.joined(inside, self._over(yes, act)), self.joined(outside, self._over(no, act)))

    def _affine(self, u: Form, degree: int) -> tuple[int, list[Element]]:
        """u as a polynomial in one variable: which, and its coefficients."""
        k = 0 if all(b == UNIT for _, b in u) else 1
        require(
            all(key[1 - k] == UNIT and key[k] == Piece(key[k].n) and key[k].n <= degree for key in u),
            "the argument is a polynomial of low degree in one variable",
        )
        return k, [plus(*(c for key, c in u.items() if key[k].n == n)) for n in range(degree + 1)]

    def _exp(self, u: Form) -> Form:
        if all(b == UNIT for _, b in u) or all(a == UNIT for a, _ in u):
            k, (c, slope, q) = self._affine(u, 2)
            require(IMAGINARY not in walk(as_term(q)), "a real quadratic exponent")
            piece = Piece(0, as_term(slope), as_term(q))
            return {(piece, UNIT) if k == 0 else (UNIT, piece): normal(App("exp", (as_term(c),)))}
        left = {key: c for key, c in u.items() if key[1] == UNIT}
        require(left, "the argument is a polynomial of low degree in one variable")
        return self.joined(self._exp(left), self._exp({key: c for key, c in u.items() if key not in left}))

    def _step(self, u: Form) -> Form:
        k, (b, a) = self._affine(u, 1)
        if not a:
            return {(UNIT, UNIT): IDENTITY} if self.above(b) else {}
        piece = Piece(signs=(("step", clean(neg(mul(as_term(b), recip(as_term(a))))), ZERO),))
        inside: Form = {(piece, UNIT) if k == 0 else (UNIT, piece): IDENTITY}
        require(IMAGINARY not in walk(piece.signs[0][1]), "a real argument")
        self.kinks.add((K11, K22)[k])
        return inside if self.above(a) else total({(UNIT, UNIT): IDENTITY}, scale(inside, scaled(IDENTITY, -1)))

    def _phi(self, u: Form) -> Form:
        k, (b, a) = self._affine(u, 1)
        if not a:
            return {(UNIT, UNIT): normal(App("Phi", (as_term(b),)))}
        require(IMAGINARY not in (*walk(as_term(a)), *walk(as_term(b))), "a real argument")
        flip = positive(scaled(a, -1), self.assumed)
        a, b = (scaled(a, -1), scaled(b, -1)) if flip else (a, b)
        piece = Piece(signs=(("Phi", as_term(a), as_term(b)),))
        inside: Form = {(piece, UNIT) if k == 0 else (UNIT, piece): IDENTITY}
        return total({(UNIT, UNIT): IDENTITY}, scale(inside, scaled(IDENTITY, -1))) if flip else inside

    def slope(self, p: Piece) -> list[tuple[Element, Piece]]:
        """The derivative of a piece, in the sense of distributions."""
        require(p.delta is None, "no derivative of a Dirac factor")
        out = [(scaled(IDENTITY, p.n), p._replace(n=p.n - 1))] if p.n else []
        out += [(normal(p.l), p)] if p.l != ZERO else []
        out += [(scaled(normal(p.q), 2), p._replace(n=p.n + 1))] if p.q != ZERO else []
        for s in p.signs:
            rest = p._replace(signs=tuple(x for x in p.signs if x != s))
            if s[0] == "step":
                out.append((self.at(rest, s[1]), Piece(signs=(("delta", s[1], ZERO),))))
            else:  # Phi(c z + b)' = c exp(-(c z + b)^2/2)/sqrt(2 pi)
                _, c, b = s
                count = p.signs.count(s)
                rest = p._replace(signs=tuple(x for x in p.signs if x != s) + (s,) * (count - 1))
                bump = rest._replace(l=clean(sub(p.l, mul(c, b))), q=clean(sub(p.q, mul(Num(HALF), c, c))))
                density = product(normal(c), normal(App("exp", (mul(Num(-HALF), b, b),))), to_the(root(TWO_PI), -1))
                out.append((density, bump))
        return [(c, x) for c, x in out if c]

    def at(self, p: Piece, a: Term) -> Element:
        """The value of a piece at z = a."""
        out = times(to_the(normal(a), p.n), normal(App("exp", (add(mul(p.l, a), mul(p.q, a, a)),))))
        for kind, x, b in p.signs:
            if kind == "step":
                out = out if self.above(normal(sub(a, x))) else NIL
            else:
                out = times(out, normal(App("Phi", (add(mul(x, a), b),))))
        return out

    def derivative(self, f: Form, k: int) -> Form:
        """The derivative of a form in its variable k."""
        return total(
            *({(x, b) if k == 0 else (a, x): times(c, d)} for (a, b), c in f.items() for d, x in self.slope((a, b)[k]))
        )

    # -- means -------------------------------------------------------------------------------------------------------

    def mean(self, law: tuple[Element, ...], a: Piece, b: Piece) -> Element:
        """E a(z1) b(z2) for means m1, m2, variances v, w and covariance c, if one of the pieces has no sign."""
        m1, m2, v, c, w = law
        if a.delta is not None:  # density at the place, and z2 given z1
            gap = plus(normal(a.delta), scaled(m1, -1))
            slope = times(c, to_the(v, -1))
            given = (NIL, plus(m2, times(slope, gap)), NIL, NIL, together(plus(w, scaled(times(slope, c), -1))))
            exponent = scaled(product(gap, gap, to_the(v, -1)), -HALF)
            density = times(normal(App("exp", (as_term(exponent),))), to_the(root(times(TWO_PI, v)), -1))
            return times(density, self.mean(given, UNIT, b))
        if a.signs or b.delta is not None:
            require(not b.signs or b.delta is not None, "a mean with a sign in one variable only")
            return self.mean((m2, m1, w, c, v), b, a)
        if (a.l, a.q, b.l, b.q) != (ZERO,) * 4:
            return self._tilted(law, a, b)
        if a.n:
            low = a._replace(n=a.n - 1)
            out = times(m1, self.mean(law, low, b)) if m1 else NIL
            if a.n > 1:
                out = plus(out, scaled(times(v, self.mean(law, a._replace(n=a.n - 2), b)), a.n - 1))
            more = [product(c, d, self.mean(law, low, x)) for d, x in self.slope(b)] if c else []
            return plus(out, *more)
        if b.n:
            low = b._replace(n=b.n - 1)
            out = times(m2, self.mean(law, UNIT, low)) if m2 else NIL
            return plus(out, *(product(w, d, self.mean(law, UNIT, x)) for d, x in self.slope(low)))
        require(len(b.signs) <= 1, "a mean of one sign")
        for kind, x, y in b.signs:
            top, spread = (
                (plus(m2, scaled(normal(x), -1)), w)
                if kind == "step"
                else (plus(times(normal(x), m2), normal(y)), plus(IDENTITY, product(normal(x), normal(x), w)))
            )
            return normal(App("Phi", (as_term(times(top, to_the(root(together(spread)), -1))),)))
        return IDENTITY

    def _tilted(self, law: tuple[Element, ...], a: Piece, b: Piece) -> Element:
        """exp(l z + z'Qz) under N(m, K): with l' = l + 2Qm, K' = K (1 - 2QK)^-1, the law becomes N(m + K'l', K'), and
        the factor is det(1 - 2QK)^(-1/2) exp(l m + m'Qm + l'K'l'/2)."""
        m1, m2, v, c, w = law
        l1, q1, l2, q2 = map(normal, (a.l, a.q, b.l, b.q))
        det, over = self.spread(law, a, b), IDENTITY
        if set(det) != {()}:
            over = to_the(det, -1)
        minor = plus(times(v, w), scaled(times(c, c), -1))
        v, w = plus(v, scaled(times(q2, minor), -2)), plus(w, scaled(times(q1, minor), -2))
        v, c, w = (together(times(x, over)) for x in (v, c, w))
        s1, s2 = plus(l1, scaled(times(q1, m1), 2)), plus(l2, scaled(times(q2, m2), 2))
        exponent = plus(
            times(l1, m1),
            times(l2, m2),
            product(q1, m1, m1),
            product(q2, m2, m2),
            scaled(product(v, s1, s1), HALF),
            product(c, s1, s2),
            scaled(product(w, s2, s2), HALF),
        )
        m1, m2 = plus(m1, times(v, s1), times(c, s2)), plus(m2, times(c, s1), times(w, s2))
        factor = times(normal(App("exp", (as_term(exponent),))), to_the(root(det), -1))
        flat = (a._replace(l=ZERO, q=ZERO), b._replace(l=ZERO, q=ZERO))
        return times(factor, self.mean((together(m1), together(m2), v, c, w), *flat))

    def spread(self, law: tuple[Element, ...], a: Piece, b: Piece) -> Element:
        """det(1 - 2QK)."""
        _, _, v, c, w = law
        q1, q2 = normal(a.q), normal(b.q)
        minor = plus(times(v, w), scaled(times(c, c), -1))
        return together(plus(IDENTITY, scaled(plus(times(q1, v), times(q2, w)), -2), scaled(product(q1, q2, minor), 4)))
