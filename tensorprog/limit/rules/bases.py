"""Functions of vectors as functions of as few Gaussian variables as their writing shows."""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.kernel.ground.signatures import CONDITIONS
from tensorprog.kernel.ground.term import ONE, ZERO, add, children, mul, rebuild, substitute, variables, walk
from tensorprog.limit.rules.forms import Form, Forms
from tensorprog.limit.rules.open import Summand, TooLarge
from tensorprog.limit.rules.quantities import Core, guarded, monomial, no_limit
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import App, Bind, Num, Term, Var


class Extraction:
    """Atoms as functions of as few Gaussian variables as their writing shows: maximal linear parts become variables."""

    def __init__(self, program: Analysis, of: Forms, atoms: Sequence[Term]) -> None:
        self.program, self.of = program, of
        self.composer = of.composer
        self.forms: list[Form] = []
        self.constants: list[Term] = []
        self.bodies = [self._body(a) for a in atoms]
        self._merge()

    def _merge(self) -> None:
        """Affine functions c*g + d of one base g become one variable where they are side by side."""
        groups: dict[Term, list[int]] = {}
        for k, form in enumerate(self.forms):
            moving = [s for s in form if s.atoms]
            if len(moving) == 1 and not any(s.over for s in form):
                groups.setdefault(moving[0].atoms[0], []).append(k)
        names: dict[Term, Term] = {}
        for base, members in groups.items():
            if len(members) < 2 or not self._may_merge(members):
                continue
            z = self._variable([Summand(ONE, (), (base,))])
            for k in members:
                parts = [mul(self._constant(s.coefficient), z) if s.atoms else self._constant(s.coefficient)
                         for s in self.forms[k]]  # fmt: skip
                names[Var(f"z{k + 1}")] = add(*parts)
        self.bodies = [substitute(b, names) for b in self.bodies]

    def _may_merge(self, members: list[int]) -> bool:
        """Numbers may always move into the function; params where one function needs all of these variables anyway.

        A factor of unknown sign, or one that varies with an index, is better kept in the variance.
        """
        coefficients = [s.coefficient for k in members for s in self.forms[k]]
        if all(isinstance(c, Num) for c in coefficients):
            return True
        plain = all(v.name in self.program.params for c in coefficients for v in variables(c))
        used = [_numbered(b, "z") for b in self.bodies]
        together = all(not zs & set(members) or zs >= set(members) for zs in used)
        return plain and together and not any(isinstance(s, Bind) for c in coefficients for s in walk(c))

    def _variable(self, form: list[Summand]) -> Term:
        key = tuple(form)
        if key not in self.forms:
            self.forms.append(key)
        return Var(f"z{self.forms.index(key) + 1}")

    def _constant(self, t: Term) -> Term:
        """Numbers and params stay; what varies with an index, or is the limit of a scalar, gets a name."""
        program = self.program
        if all(v.name in program.params and not v.subs for v in variables(t)) and not any(
            isinstance(s, Bind) for s in walk(t)
        ):
            return substitute(t, {v: Var(guarded(v.name)) for v in variables(t)})
        if t not in self.constants:
            self.constants.append(t)
        return Var(f"c{self.constants.index(t) + 1}")

    def _body(self, t: Term) -> Term:
        if isinstance(t, App) and t.head in CONDITIONS:
            return rebuild(t, tuple(self._body(a) for a in t.args))
        t = self.composer.head(t)
        if not self.composer.is_vector(t):
            return self._constant(t)
        try:
            form = self.composer.linear(t)
        except TooLarge:
            form = None
        if form is not None:
            if not any(s.atoms for s in form):
                return ZERO if not form else self._constant(_form_term(form))
            return self._variable(form)
        match t:
            case Var():
                return self._body(self.composer.open(t))
            case Bind():
                try:
                    return self._body(self.composer.expanded(t))
                except TooLarge:
                    raise no_limit("TP907", "an expectation over too many vectors", t.place,
                                   f"{t.head} over an index inside a function is written out member by member",
                                   "use fewer members") from None  # fmt: skip
            case App("add", args):
                straight = [a for a in args if self.composer.is_vector(a) and self.composer.linear(a) is not None]
                rest = [a for a in args if a not in straight]
                parts = [App("add", tuple(straight)) if len(straight) > 1 else a for a in straight[:1]] + rest
                return App("add", tuple(self._body(a) for a in parts)) if len(parts) > 1 else self._body(parts[0])
            case App("mul", args):
                fixed = [a for a in args if not self.composer.is_vector(a)]
                moving = [a for a in args if self.composer.is_vector(a)]
                if fixed:
                    return mul(self._constant(mul(*fixed)), *(self._body(a) for a in moving))
                return mul(*(self._body(a) for a in moving))
            case _:
                return rebuild(t, tuple(self._body(a) for a in children(t)))

    def cores(self) -> tuple[Core, ...]:
        """Return one core for each group of factors that share variables or depend on each other."""
        k = len(self.forms)
        group = list(range(k))

        def root(i: int) -> int:
            while group[i] != i:
                i = group[i]
            return i

        used = [sorted(_numbered(b, "z")) for b in self.bodies]
        for zs in used:
            for i in zs[1:]:
                group[root(i)] = root(zs[0])
        left = {z for zs in used for z in zs}
        for i in left:
            for j in left:
                if j < i and root(i) != root(j) and self._are_dependent(self.forms[i], self.forms[j]):
                    group[root(i)] = root(j)
        out: dict[int, list[Term]] = {}
        for body, zs in zip(self.bodies, used, strict=True):
            out.setdefault(root(zs[0]) if zs else -1, []).append(body)
        return tuple(self._core(mul(*bodies)) for bodies in out.values())

    def _are_dependent(self, one: Form, two: Form) -> bool:
        return any(
            self.of.dependent(s.atoms[0], t.atoms[0])  # type: ignore[arg-type]
            for s in one
            for t in two
            if s.atoms and t.atoms
        )

    def _core(self, body: Term) -> Core:
        zs = sorted(_numbered(body, "z"))
        cs = sorted(_numbered(body, "c"))
        names: dict[Term, Term] = {Var(f"z{z + 1}"): Var(f"z{k + 1}") for k, z in enumerate(zs)}
        names |= {Var(f"c{c + 1}"): Var(f"c{k + 1}") for k, c in enumerate(cs)}
        forms = [self.forms[z] for z in zs]
        body = substitute(body, names)
        powers = monomial(body, len(zs))
        return Core(
            body,
            len(zs),
            tuple(
                () if powers and i == j and powers[i] == 1 else self.of.cov(forms[i], forms[j])
                for i in range(len(zs))
                for j in range(i, len(zs))
            ),
            tuple(self.of.mean(f) for f in forms),
            tuple(self.constants[c] for c in cs),
            tuple(_form_term(f) for f in forms),
        )


def _form_term(form: Sequence[Summand]) -> Term:
    """Return a linear combination as a term."""
    parts = [mul(s.coefficient, *s.atoms) for s in form]
    return add(*(Bind("sum", (p,), s.over) if s.over else p for p, s in zip(parts, form, strict=True)))


def _numbered(t: Term, letter: str) -> set[int]:
    """Return the numbers k - 1 of the names z_k (or c_k) that occur."""
    return {int(v.name[1:]) - 1 for v in variables(t) if v.name[0] == letter and v.name[1:].isdigit() and not v.subs}
