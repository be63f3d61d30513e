"""MathML as a notation for formulas: presentation elements, each part one element."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_SIGNS = {"-": "−", "-.": "−", ", ": ","}
_THIN = '<mspace width="0.17em"></mspace>'


def _tag(name: str, *inside: str, **attributes: str) -> str:
    shown = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{shown}>{''.join(inside)}</{name}>"


class MathML:
    """Formulas as the content of `<math>`."""

    space = _THIN

    def letter(self, c: str) -> str:
        return _tag("mi", escape(c), **({"mathvariant": "normal"} if c in "ΓΔΘΛΞΠΣΥΦΨΩ" else {}))

    def word(self, text: str) -> str:
        return _tag("mi", escape(text), mathvariant="normal")

    def function(self, name: str) -> str:
        return _tag("mi", "Φ" if name == "Phi" else escape(name), mathvariant="normal")

    def number(self, digits: str) -> str:
        return _tag("mn", digits)

    def sign(self, c: str) -> str:
        return _tag("mo", escape(_SIGNS.get(c, c)))

    def text(self, words: str) -> str:
        return _tag("mtext", escape(words))

    def raw(self, written: str) -> str:
        return written[1:-1] if "<" in written else self.number(written[1:-1])

    def row(self, *parts: str) -> str:
        return _tag("mrow", *parts)

    def below(self, base: str, index: str) -> str:
        return _tag("msub", base, index)

    def above(self, base: str, exponent: str) -> str:
        return _tag("msup", base, exponent)

    def primed(self, base: str, count: int) -> str:  # a superscript inside an index would be too small
        return _tag("mrow", base, _tag("mtext", "\N{RIGHT SINGLE QUOTATION MARK}" * count)) if count else base

    def ringed(self, base: str) -> str:
        return _tag("mover", base, _tag("mo", "˚"), accent="true")

    def fraction(self, top: str, bottom: str) -> str:
        return _tag("mfrac", top, bottom)

    def root(self, inside: str) -> str:
        return _tag("msqrt", inside)

    def fenced(self, left: str, inside: str, right: str) -> str:
        one, two = (_tag("mo", c, fence="true", stretchy="true") if c else "" for c in (left, right))
        return _tag("mrow", one, inside, two)

    def big(self, sign: str, below: str, above: str = "") -> str:
        base = _tag("mo", sign)
        return _tag("munderover", base, below, above) if above else _tag("munder", base, below)

    def rows(self, rows: Sequence[Sequence[str]], left: str, right: str) -> str:
        table = (_tag("mtr", *(_tag("mtd", cell) for cell in row)) for row in rows)
        return self.fenced(left, _tag("mtable", *table, columnalign="left"), right)


MATHML = MathML()
