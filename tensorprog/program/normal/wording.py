"""Messages in the user's words: names that no user wrote are replaced by their expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tensorprog.kernel.ground.nodes import Attention, Dot, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.term import mul, shift_subs, transform
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Sub, Term, Var, to_text

MOST_CHARACTERS = 90
_WORD = r"\b(?P<name>[^\W\d]\w*)(?:\[(?P<subs>[^\[\]]*)\])?(?!\w)"
_NAMES = re.compile(r"[^\W\d]\w*")


class Wording:
    """The names that were made while a program was read and brought to normal form, and what they stand for."""

    def __init__(self, written: Graph, judged: Graph) -> None:
        self.graphs = (written, judged)
        self.made = {*written.made, *judged.made}
        self.words = re.compile(_WORD) if self.made else None
        self._known: dict[tuple[str, str | None], tuple[str, bool]] = {}

    def said(self, text: str) -> str:
        """Return a message without made names."""
        if self.words is None or self.made.isdisjoint(_NAMES.findall(text)):
            return text
        return self.words.sub(self._meaning, text)

    def _meaning(self, found: re.Match[str]) -> str:
        name, inside = found["name"], found["subs"]
        if name not in self.made:
            return found[0]
        if (name, inside) not in self._known:
            self._known[name, inside] = self._expression(name, inside)
        text, open_ = self._known[name, inside]
        before, after = found.string[: found.start()].rstrip()[-1:], found.string[found.end() :].lstrip()[:1]
        within = before in ("*", "/", "^", "-", "@", "+") or after in ("*", "/", "^", "@", "'")
        return f"({text})" if within and open_ else text or found[0]

    def _expression(self, name: str, inside: str | None) -> tuple[str, bool]:
        """What a made name stands for, nothing where that is unknown; and whether it wants brackets in a product."""
        subs = () if inside is None else tuple(_sub(s.strip()) for s in inside.split(","))
        node = self._node(name, subs)
        if node is None:
            return "", False
        term = self._opened(_term(node), 40) if not subs else self._opened(Var(name, subs), 40)
        text = "" if term is None else to_text(term)
        if not text or len(text) > MOST_CHARACTERS:
            what = "the dot product" if isinstance(node, Dot) else "a part"
            return f"{what} of line {node.place.line}" if node.place else "", False
        return text, isinstance(term, App) and term.head in ("add", "mul", "neg", "recip", "matmul", "pow")

    def _node(self, name: str, subs: Sequence[Sub]) -> Node | None:
        """The definition of some members, or of a whole family that has one."""
        for graph in self.graphs:
            family = graph.families.get(name)
            if family is None:
                continue
            if not subs and len(family.pieces) == 1:
                return family.pieces[0]
            if len(subs) == family.arity:
                found = [node for node, _ in graph.resolve(Var(name, tuple(subs)))]
                if len(found) == 1:
                    return found[0]
        return None

    def _opened(self, t: Term | None, depth: int) -> Term | None:
        """The term with made names opened; None where one cannot be."""
        if t is None or depth == 0:
            return None
        failed = False

        def leaf(v: Term) -> Term | None:
            nonlocal failed
            if not isinstance(v, Var) or v.name not in self.made:
                return None
            node = self._node(v.name, v.subs)
            body = None if node is None else _term(node)
            if node is None or body is None:
                failed = True
                return None
            at = {s: to for s, to in zip(node.subs, v.subs, strict=False) if isinstance(s, str) and s != to}
            new = self._opened(shift_subs(body, at), depth - 1)
            failed = failed or new is None
            return new

        out = transform(t, leaf)
        return None if failed else out


def _sub(text: str) -> Sub:
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _term(node: Node) -> Term | None:
    """The right-hand side of an instruction."""
    match node:
        case LinComb(body=body) | Nonlin(body=body) | Scalar(body=body):
            return body
        case Moment(body=body):
            return App("mean", (body,))
        case MatMul(weight=weight, arg=arg, transposed=transposed):
            return App("matmul", (App("transpose", (weight,)) if transposed else weight, arg))
        case Dot(left=left, right=right, factor=factor):
            return mul(App("dot", (left, right)), factor)
        case Attention():
            return Bind("attention", (node.query, node.key, node.value, node.scale), node.over, node.mask)
        case _:
            return None
