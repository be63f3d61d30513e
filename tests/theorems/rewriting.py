"""Random rewrites of program texts that change how a program is written and not what it computes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tensorprog.kernel.ground.term import children, rebuild, shift_subs, transform, walk
from tensorprog.terms import App, Bind, Num, Sub, Term, Var, read, to_text

STATEMENT = re.compile(r"^([^\W\d]\w*)(?:\[([^\]]*)\])? = (.*)$")
COMMUTES = ("add", "mul", "max", "min")


@dataclass(frozen=True)
class Line:
    """A definition, or any other line as its text."""

    text: str = ""
    name: str = ""
    subs: tuple[Sub, ...] = ()
    body: Term | None = None

    def __str__(self) -> str:
        if self.body is None:
            return self.text
        return f"{self.name}{'[' + ','.join(map(str, self.subs)) + ']' if self.subs else ''} = {to_text(self.body)}"


def lines_of(text: str) -> list[Line]:
    """A lowered program, one definition a line."""
    out = []
    for text_line in text.splitlines():
        found = STATEMENT.match(text_line)
        first = text_line.split(" ", 1)[0]
        if first in ("claim", ""):
            continue
        if found is None or first in ("matrix", "param", "width", "const", "program"):
            out.append(Line(text_line))
            continue
        name, subs, body = found.groups()
        at = tuple(int(s) if s.lstrip("-").isdigit() else s for s in (subs or "").split(",") if s)
        out.append(Line("", name, at, read(body)))
    return out


class Rewriter:
    """Rewrites one program step by step."""

    def __init__(self, text: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines = lines_of(text)
        self.fresh = 0
        self.ranges = {
            m[1]: (int(m[2]), int(m[3]))
            for line in self.lines
            if (m := re.match(r"index (\w+) in (-?\d+)\.\.(-?\d+)", line.text))
        }

    @property
    def text(self) -> str:
        return "\n".join(map(str, self.lines)) + "\n"

    @property
    def families(self) -> set[str]:
        inputs = [m for line in self.lines if line.text.startswith("input") for m in re.findall(r"\w+", line.text)]
        return {line.name for line in self.lines if line.body is not None} | set(inputs)

    def step(self) -> str:
        """One rewrite; its name."""
        steps: list[Callable[[], bool]] = [
            self.commute, self.name_part, self.inline, self.distribute, self.unused_scores, self.true_mask,
            self.split, self.trivial, self.alias, self.multiply_out, self.associate,
        ]  # fmt: skip
        self.rng.shuffle(steps)
        steps.sort(
            key=lambda rewrite: rewrite in (self.distribute, self.multiply_out) and self.rng.random() < 0.5,
            reverse=True,
        )
        for rewrite in steps:
            before = list(self.lines)
            if rewrite() and self.lines != before:
                return rewrite.__name__
            self.lines = before
        return "nothing"

    # -- helpers -------------------------------------------------------------------------------------------------

    def pick(self, fine: Callable[[Line], bool]) -> int | None:
        found = [k for k, line in enumerate(self.lines) if line.body is not None and fine(line)]
        return self.rng.choice(found) if found else None

    def put(self, k: int, body: Term) -> bool:
        self.lines[k] = replace(self.lines[k], body=body)
        return True

    def somewhere(self, t: Term, rule: Callable[[Term], Term | None]) -> Term:
        """The rule applied at one random place where it applies."""
        places = [s for s in walk(t) if rule(s) is not None]
        if not places:
            return t
        chosen, done = self.rng.choice(places), False

        def once(s: Term) -> Term | None:
            nonlocal done
            if s == chosen and not done:
                done = True
                return rule(s)
            return None

        return transform(t, once)

    def new_name(self) -> str:
        self.fresh += 1
        return f"zz{self.fresh}"

    def free(self, t: Term) -> list[str]:
        """Index names free in t."""
        match t:
            case Var(name, subs):
                return [s for s in (name, *subs) if isinstance(s, str) and s in self.ranges]
            case Bind(head, _, over):
                inside = [i for c in children(t) for i in self.free(c)]
                return [i for i in inside if i not in over] + (list(over) if head == "softmax" else [])
            case _:
                return [i for c in children(t) for i in self.free(c)]

    def is_value(self, t: Term) -> bool:
        """Does t read a vector or scalar, and no width?"""
        names = {v.name for v in walk(t) if isinstance(v, Var)}
        return bool(names & self.families) and "n" not in names and "m" not in names

    # -- rewrites ------------------------------------------------------------------------------------------------

    def commute(self) -> bool:
        """a + b = b + a, a*b = b*a, dot(u, v) = dot(v, u)."""

        def rule(t: Term) -> Term | None:
            if isinstance(t, App) and (t.head in COMMUTES or t.head == "dot") and len(t.args) > 1:
                return App(t.head, (*t.args[1:], t.args[0]))
            return None

        k = self.pick(lambda line: any(rule(s) is not None for s in walk(line.body)))  # type: ignore[arg-type]
        return k is not None and self.put(k, self.somewhere(self.lines[k].body, rule))  # type: ignore[arg-type]

    def associate(self) -> bool:
        """(a + b) + c = a + b + c, a - (b - c) = (a - b) + c, sum(t for i, j) = sum(sum(t for j) for i)."""

        def rule(t: Term) -> Term | None:
            match t:
                case App("add" | "mul" | "max" | "min" as head, args):
                    for k, a in enumerate(args):
                        if isinstance(a, App) and a.head == head:
                            return App(head, (*args[:k], *a.args, *args[k + 1 :]))
                        if head == "add" and isinstance(a, App) and a.head == "neg" and len(args) == 2:
                            inside = a.args[0]
                            if isinstance(inside, App) and inside.head == "add":
                                return App("add", (*args[:k], *(App("neg", (b,)) for b in inside.args), *args[k + 1 :]))
                    if len(args) > 2:
                        k = len(self.lines) % (len(args) - 1)
                        return App(head, (*args[:k], App(head, args[k : k + 2]), *args[k + 2 :]))
                case Bind("sum", args, over, None) if len(over) > 1:
                    k = 1 + len(self.lines) % (len(over) - 1)
                    return Bind("sum", (Bind("sum", args, over[k:]),), over[:k])
                case Bind("sum", (Bind("sum", args, inner, None),), outer, None) if not set(inner) & set(outer):
                    return Bind("sum", args, (*inner, *outer))
            return None

        k = self.pick(lambda line: any(rule(s) is not None for s in walk(line.body)))  # type: ignore[arg-type]
        return k is not None and self.put(k, self.somewhere(self.lines[k].body, rule))  # type: ignore[arg-type]

    def name_part(self) -> bool:
        """A subexpression on a line of its own."""

        def parts(line: Line) -> list[Term]:
            assert line.body is not None
            below = [s for s in walk(line.body) if s != line.body and isinstance(s, App | Bind)]
            heads = ("matmul", "transpose", "lt", "le", "gt", "ge", "eq", "ne", "and")
            free = set(line.subs)
            return [
                s for s in below
                if s.head not in heads and self.is_value(s) and not (isinstance(s, Bind) and s.head == "attention")
                and (set(self.free(s)) <= free or not isinstance(s, Bind))
            ]  # fmt: skip

        k = self.pick(lambda line: bool(parts(line)))
        if k is None:
            return False
        part = self.rng.choice(parts(self.lines[k]))
        name, subs = self.new_name(), tuple(dict.fromkeys(self.free(part)))
        body = transform(self.lines[k].body, lambda s: Var(name, subs) if s == part else None)  # type: ignore[arg-type]
        self.put(k, body)
        self.lines.insert(k, Line("", name, subs, part))
        return True

    def inline(self) -> bool:
        """A name replaced by what it stands for, in one line that reads it."""

        def fine(line: Line) -> bool:
            pieces = [x for x in self.lines if x.name == line.name]
            return (
                len(pieces) == 1
                and all(isinstance(s, str) for s in line.subs)
                and len(set(line.subs)) == len(line.subs)
            )

        k = self.pick(fine)
        if k is None:
            return False
        source = self.lines[k]
        readers = [
            j for j, x in enumerate(self.lines) if x.body is not None and j > k and self._reads(x.body, source.name)
        ]
        if not readers:
            return False

        def rule(t: Term) -> Term | None:
            if isinstance(t, Var) and t.name == source.name and source.body is not None:
                return shift_subs(source.body, {str(a): b for a, b in zip(source.subs, t.subs, strict=True) if a != b})
            return None

        j = self.rng.choice(readers)
        return self.put(j, transform(self.lines[j].body, rule))  # type: ignore[arg-type]

    @staticmethod
    def _reads(t: Term, name: str) -> bool:
        return any(isinstance(s, Var) and s.name == name for s in walk(t))

    def distribute(self) -> bool:
        """W @ (a + b) = W @ a + W @ b, where the sum has a name; and the reverse."""
        sums = {x.name: x for x in self.lines if isinstance(x.body, App) and x.body.head == "add" and
                sum(y.name == x.name for y in self.lines) == 1}  # fmt: skip

        def rule(t: Term) -> Term | None:
            match t:
                case App("matmul", (w, Var(name, subs))) if name in sums:
                    at = {str(a): b for a, b in zip(sums[name].subs, subs, strict=True) if a != b}
                    body = shift_subs(sums[name].body, at)  # type: ignore[arg-type]
                    if all(self._is_vector(a) for a in children(body)):
                        return App("add", tuple(App("matmul", (w, a)) for a in children(body)))
                case App("add", (App("matmul", (w, a)), App("matmul", (v, b)))) if w == v:
                    return App("matmul", (w, App("add", (a, b))))
            return None

        k = self.pick(lambda line: any(rule(s) is not None for s in walk(line.body)))  # type: ignore[arg-type]
        return k is not None and self.put(k, self.somewhere(self.lines[k].body, rule))  # type: ignore[arg-type]

    def _is_vector(self, t: Term) -> bool:
        return isinstance(t, Var) and t.name in self.families

    def unused_scores(self) -> bool:
        """A score that nothing reads: a good one, or one that breaks Assumption 1."""
        member = next((m for line in self.lines if (m := re.match(r"input (\w+) ~", line.text))), None)
        if member is None:
            return False
        a, b, s = self.new_name(), self.new_name(), self.new_name()
        right = self.rng.choice([a, b])
        dot = f"dot({a} @ tanh({member[1]}), {right} @ tanh({member[1]}))/sqrt(n)"
        end = next(k for k, line in enumerate(self.lines) if line.text.startswith("output"))
        self.lines[end:end] = [Line(f"weight {a}, {b} ~ N(0, 1/n)"), Line("", s, (), read(dot))]
        return True

    def true_mask(self) -> bool:
        """softmax(p over j) = softmax(p over j, mask = j >= low)."""

        def rule(t: Term) -> Term | None:
            if isinstance(t, Bind) and t.head == "softmax" and t.mask is None and len(t.args) == 1:
                j = t.over[0]
                return Bind(t.head, t.args, t.over, App("ge", (Var(j), Num(self.ranges[j][0]))))
            return None

        k = self.pick(lambda line: any(rule(s) is not None for s in walk(line.body)))  # type: ignore[arg-type]
        return k is not None and self.put(k, self.somewhere(self.lines[k].body, rule))  # type: ignore[arg-type]

    def split(self) -> bool:
        """A family in pieces along its first index."""

        def fine(line: Line) -> bool:
            if not line.subs or not isinstance(line.subs[0], str) or line.subs.count(line.subs[0]) > 1:
                return False
            low, high = self.ranges[line.subs[0]]
            return high - low < 4

        k = self.pick(fine)
        if k is None:
            return False
        line = self.lines[k]
        low, high = self.ranges[str(line.subs[0])]
        assert line.body is not None
        self.lines[k : k + 1] = [
            replace(line, subs=(t, *line.subs[1:]), body=shift_subs(line.body, {str(line.subs[0]): t}))
            for t in range(low, high + 1)
        ]
        return True

    def trivial(self) -> bool:
        """x = 1*x = 2*x/2 = -(-x) = x + 0*x."""
        forms: list[Callable[[Term], Term]] = [
            lambda t: App("mul", (Num(1), t)),
            lambda t: App("mul", (Num(2), t, App("recip", (Num(2),)))),
            lambda t: App("neg", (App("neg", (t,)),)),
            lambda t: App("add", (t, App("mul", (Num(0), t)))),
        ]

        def rule(t: Term) -> Term | None:
            return t if isinstance(t, Var) and t.name in self.families else None

        k = self.pick(lambda line: any(rule(s) is not None for s in walk(line.body)))  # type: ignore[arg-type]
        form = self.rng.choice(forms)
        if k is None:
            return False
        seen = [s for s in walk(self.lines[k].body) if rule(s) is not None]  # type: ignore[arg-type]
        chosen = self.rng.choice(seen)
        return self.put(k, transform(self.lines[k].body, lambda s: form(s) if s == chosen else None))  # type: ignore[arg-type]

    def alias(self) -> bool:
        """Another name for a family, read in one line."""
        k = self.pick(lambda line: sum(x.name == line.name for x in self.lines) == 1 and line.body is not None)
        if k is None:
            return False
        line = self.lines[k]
        readers = [
            j for j, x in enumerate(self.lines) if x.body is not None and j > k and self._reads(x.body, line.name)
        ]
        if not readers or not all(isinstance(s, str) for s in line.subs):
            return False
        j, name = self.rng.choice(readers), self.new_name()
        body = transform(
            self.lines[j].body,  # type: ignore[arg-type]
            lambda t: Var(name, t.subs) if isinstance(t, Var) and t.name == line.name else None,
        )
        self.put(j, body)
        self.lines.insert(k + 1, Line("", name, line.subs, Var(line.name, line.subs)))
        return True

    def multiply_out(self) -> bool:
        """(a + b)*c = a*c + b*c."""

        def rule(t: Term) -> Term | None:
            match t:
                case App("mul", args):
                    for k, a in enumerate(args):
                        if isinstance(a, App) and a.head == "add" and self.is_value(t):
                            rest = (*args[:k], *args[k + 1 :])
                            return App("add", tuple(App("mul", (b, *rest)) for b in a.args))
            return None

        k = self.pick(lambda line: any(rule(s) is not None for s in walk(line.body)))  # type: ignore[arg-type]
        return k is not None and self.put(k, self.somewhere(self.lines[k].body, rule))  # type: ignore[arg-type]


__all__ = ["Line", "Rewriter", "lines_of", "rebuild"]
