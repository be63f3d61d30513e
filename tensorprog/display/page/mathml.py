"""Formulas as MathML: the LaTeX that this package writes, read back into presentation elements.

Only the commands that our own writers and sympy emit are known; anything else is shown as text, never dropped.
"""

from __future__ import annotations

import re

from tensorprog.display.page.markup import Markup, join, tag
from tensorprog.terms.latex import GREEK

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)
_LETTERS = {command: letter for letter, command in GREEK.items()} | {
    "epsilon": "ϵ", "phi": "ϕ", "varphi": "φ", "varepsilon": "ε", "Upsilon": "Υ", "ell": "ℓ", "infty": "∞",
}  # fmt: skip
_FUNCTIONS = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "asin", "acos",
                        "atan", "exp", "log",
                        "ln", "max", "min", "det", "sup", "inf", "arg", "erf", "Phi"})  # fmt: skip
_SIGNS = {"le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "cdot": "⋅", "times": "×", "to": "→",
          "wedge": "∧", "vee": "∨", "neg": "¬", "sim": "∼", "mid": "∣", "in": "∈", "langle": "⟨", "rangle": "⟩",
          "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "ldots": "…", "dots": "…", "cdots": "⋯",
          "top": "⊤", "pm": "±", "circ": "∘", "lvert": "|", "rvert": "|", "lt": "<", "gt": ">", "land": "∧",
          "infty": "∞", "prime": "′", "{": "{", "}": "}", "|": "‖", "%": "%", "&": "&", "#": "#", "$": "$",
          "_": "_"}  # fmt: skip
_SPACES = {",": "0.17em", ":": "0.22em", ";": "0.28em", " ": "0.25em", "quad": "1em", "qquad": "2em"}
_NOTHING = frozenset({"!", "displaystyle", "textstyle", "limits", "big", "Big", "bigl", "bigr"})
_FONTS = {"mathbb": {"E": "𝔼", "R": "ℝ", "P": "ℙ", "V": "𝕍", "N": "ℕ", "Z": "ℤ"}, "mathcal": {"N": "𝒩"}}
MAX_LENGTH = 20_000
MAX_DEPTH = 120


def mathml(latex: str, block: bool = False) -> Markup:
    """A formula as one `<math>` element; what is too long or too deep is shown as its source.

    >>> mathml("x_{1}^{2}")
    '<math><mrow><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup></mrow></math>'
    """
    display = "block" if block else None
    if len(latex) <= MAX_LENGTH:
        try:
            return tag("math", _Reader(latex).whole(), display=display)
        except RecursionError:
            pass
    return tag("math", tag("mtext", latex), display=display)


class _Reader:
    """A recursive reader over tokens; every group becomes one element."""

    def __init__(self, latex: str) -> None:
        self.tokens = [t for t in _TOKEN.findall(latex) if not t.isspace()]
        self.at = 0
        self.depth = 0

    def whole(self) -> Markup:
        out: list[Markup] = []
        while self.at < len(self.tokens):
            out.append(self.row(()))
            if self.at < len(self.tokens):  # a closing token without its opening one
                out.append(tag("mo", self.tokens[self.at]))
                self.at += 1
        return out[0] if len(out) == 1 else _row(out)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def row(self, ends: tuple[str, ...]) -> Markup:
        """Everything up to one of the tokens that end it, which is left to the caller."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RecursionError("a formula nested too deeply")
        out: list[Markup] = []
        while (t := self.peek()) and t not in ends and t not in ("}", r"\right", r"\end"):
            item = self.scripted()
            if item and out and _is_word(item) + _is_word(out[-1]) and _is_factor(item) and _is_factor(out[-1]):
                out.append(tag("mspace", width=_SPACES[","]))  # r times sw is not a name rsw
            if item:
                out.append(item)
        self.depth -= 1
        return _row(out)

    def scripted(self) -> Markup:
        """An atom with its subscript, superscript and primes."""
        base = tag("mrow") if self.peek() in ("^", "_", "'") else self.atom()
        if self.peek() == "'" and base.startswith("<mi>"):  # a primed index: a superscript inside one is too small
            while self.peek() == "'":
                self.at += 1
                base = join(base, tag("mtext", "\N{RIGHT SINGLE QUOTATION MARK}"))
            base = tag("mrow", base)
        below: Markup | None = None
        above: list[Markup] = []
        while (t := self.peek()) in ("^", "_", "'"):
            self.at += 1
            if t == "'":
                above.append(tag("mo", "′"))
            elif t == "^":
                above.append(self.argument())
            else:
                below = self.argument() if below is None else join(below, tag("mo", ","), self.argument())
        if not above and below is None:
            return base
        top = above[0] if len(above) == 1 else tag("mrow", *above)
        big = base in (tag("mo", "∑"), tag("mo", "∏"))
        if below is None:
            return tag("mover" if big else "msup", base, top)
        if not above:
            return tag("munder" if big else "msub", base, below)
        return tag("munderover" if big else "msubsup", base, below, top)

    def argument(self) -> Markup:
        """A braced group or one atom, as exactly one element."""
        if self.peek() == "{":
            self.at += 1
            inside = self.row(())
            self.close("}")
            return _single(inside)
        return self.atom() or tag("mrow")

    def close(self, expected: str) -> None:
        if self.peek() == expected:
            self.at += 1

    def atom(self) -> Markup:
        t = self.peek()
        self.at += 1
        if t == "{":
            self.at -= 1
            return self.argument()
        if t.startswith("\\"):
            return self.command(t[1:])
        if t[:1].isdigit():
            return tag("mn", t)
        if t.isalpha():
            return tag("mi", t)
        if t in ("(", ")", "[", "]", "|"):  # only what \left and \right enclose is stretched
            return tag("mo", t, stretchy="false")
        return tag("mo", {"-": "−", "*": "⋅", "~": " "}.get(t, t)) if t else Markup("")

    def command(self, name: str) -> Markup:
        if name in _FUNCTIONS:
            return tag("mi", "Φ" if name == "Phi" else name)
        if name in _LETTERS:
            capital = "normal" if name[0].isupper() else None
            return tag("mi", _LETTERS[name], mathvariant=capital)
        if name in _SIGNS:
            return tag("mo", _SIGNS[name])
        if name in _SPACES:
            return tag("mspace", width=_SPACES[name])
        if name in _NOTHING:
            return Markup("")
        match name:
            case "frac" | "tfrac" | "dfrac":
                above = self.argument()
                return tag("mfrac", above, self.argument())
            case "sqrt":
                if self.peek() != "[":
                    return tag("msqrt", self.argument())
                self.at += 1
                degree = self.row(("]",))
                self.close("]")
                return tag("mroot", self.argument(), degree)
            case "left":
                return self.fenced()
            case "operatorname" | "mathrm" | "text" | "texttt" | "mathit" | "operatorname*":
                return self.words(name)
            case "mathbb" | "mathcal":
                plain = self.plain()
                return tag("mi", "".join(_FONTS[name].get(c, c) for c in plain))
            case "mathring":
                return tag("mover", self.argument(), tag("mo", "˚"), accent="true")
            case "sum":
                return tag("mo", "∑")
            case "prod":
                return tag("mo", "∏")
            case "begin":
                return self.table(self.plain())
            case "\\":
                return tag("mspace", linebreak="newline")
        return tag("mtext", "\\" + name)

    def fenced(self) -> Markup:
        opening = self.delimiter()
        inside = self.row(())
        closing = ""
        if self.peek() == r"\right":
            self.at += 1
            closing = self.delimiter()
        fences = [tag("mo", f, fence="true", stretchy="true") if f else Markup("") for f in (opening, closing)]
        return tag("mrow", fences[0], inside, fences[1])

    def delimiter(self) -> str:
        t = self.peek()
        self.at += 1
        return "" if t == "." else _SIGNS.get(t[1:], t) if t.startswith("\\") else t

    def plain(self) -> str:
        """The characters of a braced group."""
        if self.peek() != "{":
            return ""
        self.at += 1
        out = ""
        while (t := self.peek()) and t != "}":
            self.at += 1
            out += _LETTERS.get(t[1:], t[1:]) if t.startswith("\\") else t
        self.close("}")
        return out

    def words(self, name: str) -> Markup:
        word = self.plain()
        if name in ("text", "texttt"):
            return join(tag("mspace", width="0.3em"), tag("mtext", word), tag("mspace", width="0.3em"))
        return tag("mi", word, mathvariant="normal")

    def table(self, kind: str) -> Markup:
        rows: list[list[Markup]] = [[]]
        while self.peek():
            rows[-1].append(tag("mtd", self.row(("&", r"\\"))))
            t = self.peek()
            self.at += 1
            if t == r"\\":
                rows.append([])
            elif t != "&":
                if t == r"\end":
                    self.plain()
                break
        body = tag("mtable", *(tag("mtr", *row) for row in rows), columnalign="left")
        return tag("mrow", tag("mo", "{", fence="true", stretchy="true"), body) if kind == "cases" else body


def _row(items: list[Markup]) -> Markup:
    return tag("mrow", *items)


def _is_word(item: Markup) -> bool:
    """Does an element start with a name of several letters?"""
    found = re.match(r"(?:<(?!mi)[a-z]+>)*<mi[^>]*>([^<]*)", item)
    return found is not None and len(found[1]) > 1


def _is_factor(item: Markup) -> bool:
    """Is it neither a sign, a space nor a bracketed argument?"""
    return not item.startswith(("<mo", "<mspace", "<mrow"))


def _single(row: Markup) -> Markup:
    """A row of one plain element is that element."""
    inside = row.removeprefix("<mrow>").removesuffix("</mrow>")
    return Markup(inside) if re.fullmatch(r"<(m[ino])[^<>]*>[^<]*</\1>", inside) else row
