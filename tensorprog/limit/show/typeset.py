"""Terms in LaTeX, as a paper writes them: Greek names, subscripts, fractions, brackets where they are needed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tensorprog.terms import App, Bind, Num, Term, Var

_LETTERS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta",
    "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_GREEK = frozenset(_LETTERS.values())
_SIGNS = {"lt": "<", "le": r"\le ", "gt": ">", "ge": r"\ge ", "eq": "=", "ne": r"\ne "}
_KNOWN = {"exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "tanh": r"\tanh",
          "max": r"\max", "min": r"\min", "Phi": r"\Phi", "sinh": r"\sinh", "cosh": r"\cosh"}  # fmt: skip
SUM, PRODUCT, ATOM = 0, 1, 2


def name(text: str) -> str:
    """A name: a letter as it is, a Greek one as its command, a word upright; a number at its end becomes an index."""
    if text.endswith("~"):
        return name(text.rstrip("~")) + "'" * text.count("~")
    if text in _GREEK:
        return "\\" + text
    if all(c in _LETTERS for c in text):
        return "".join("\\" + _LETTERS[c] + " " for c in text).strip()
    stem = text.rstrip("0123456789")
    digits = text[len(stem) :]
    if digits and stem and not stem.endswith("_") and len(stem) == 1:
        return f"{stem}_{{{digits}}}"
    if len(text) == 1:
        return text
    plain = "".join(rf"\{_LETTERS[c]} " if c in _LETTERS else c for c in text)
    return rf"\mathrm{{{plain.replace('_', chr(92) + '_')}}}"


def formula(expr: Any) -> str:
    """A sympy expression, its symbols named as everywhere here; what holds a brace is LaTeX already."""
    import sympy

    return str(sympy.latex(expr, symbol_names={s: symbol(s.name) for s in expr.free_symbols}))


def symbol(text: str) -> str:
    """The name of a sympy symbol: a param, a member such as p[1,2], or LaTeX."""
    if "{" in text:
        return text
    head, bracket, subs = text.partition("[")
    if not bracket:
        return name(text)
    return variable(Var(head, tuple(int(s) if s.strip().isdigit() else s.strip() for s in subs[:-1].split(","))))


def variable(v: Var) -> str:
    """A member with its subscripts."""
    if not v.subs:
        return name(v.name)
    head = name(v.name)
    subs = ",".join(index(s) for s in v.subs)
    return f"{{{head}}}_{{{subs}}}" if "_{" in head else f"{head}_{{{subs}}}"


def index(s: int | str) -> str:
    """A subscript."""
    if isinstance(s, int):
        return str(s)
    stem = s.rstrip("'")
    return name(stem.rstrip("~")) + "'" * (len(s) - len(stem) + stem.count("~"))


def number(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value)
    return rf"{'-' if value < 0 else ''}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def typeset(t: Term, tightness: int = SUM) -> str:
    """The term in LaTeX; bracketed if it binds less tightly than `tightness`.

    >>> from tensorprog.terms import read
    >>> print(typeset(read("-(x[1] + y)*sigma/2")))
    -\\left(x_{1} + y\\right)\\,\\sigma\\,\\frac{1}{2}
    """
    text, own = _parts(t)
    return text if own >= tightness else rf"\left({text}\right)"


def _parts(t: Term) -> tuple[str, int]:
    match t:
        case Num(value):
            return number(value), ATOM if value >= 0 else SUM
        case Var():
            return variable(t), ATOM
        case App("pi"):
            return r"\pi", ATOM
        case App("add", args):
            text = typeset(args[0])
            for a in args[1:]:
                piece = typeset(a, PRODUCT if isinstance(a, App) and a.head == "add" else SUM)
                text += f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
            return text, SUM
        case App("neg", (a,)):
            return f"-{typeset(a, PRODUCT)}", SUM
        case App("mul", args):
            first = typeset(args[0], SUM if isinstance(args[0], App) and args[0].head == "neg" else PRODUCT)
            rest = [typeset(a, PRODUCT) for a in args[1:]]
            return r"\,".join([first, *rest]), SUM if first.startswith("-") else PRODUCT
        case App("recip", (a,)):
            return rf"\frac{{1}}{{{typeset(a)}}}", ATOM
        case App("sqrt", (a,)):
            return rf"\sqrt{{{typeset(a)}}}", ATOM
        case App("pow", (a, b)):
            return rf"{{{typeset(a, ATOM)}}}^{{{typeset(b)}}}", PRODUCT
        case App("abs", (a,)):
            return rf"\left|{typeset(a)}\right|", ATOM
        case App("and", args):
            return r"\wedge ".join(typeset(a) for a in args), SUM
        case App(head, (a, b)) if head in _SIGNS:
            return f"{typeset(a)} {_SIGNS[head]} {typeset(b)}", SUM
        case App("matmul", (w, x)):
            return rf"{typeset(w, PRODUCT)}\,{typeset(x, PRODUCT)}", PRODUCT
        case App("transpose", (w,)):
            return rf"{{{typeset(w, ATOM)}}}^{{\top}}", PRODUCT
        case App("dot", (u, v)):
            return rf"\langle {typeset(u)}, {typeset(v)}\rangle", ATOM
        case App("mean", (f,)):
            return rf"\frac{{1}}{{n}}\sum_{{\alpha}}\left({typeset(f)}\right)_{{\alpha}}", PRODUCT
        case App(head, args):
            upright = r"\operatorname{" + head.replace("_", r"\_") + "}"
            inner = ", ".join(typeset(a) for a in args)
            return _KNOWN.get(head, upright) + rf"\left({inner}\right)", ATOM
        case Bind("softmax", (body, *at), over, mask):
            where = "" if mask is None else rf":\, {typeset(mask)}"
            entry = f"_{{{','.join(typeset(a) for a in at)}}}" if at else ""
            inside = ",".join(map(index, over))
            return rf"\operatorname{{softmax}}_{{{inside}{where}}}\left({typeset(body)}\right){entry}", ATOM
        case Bind(head, (body, *_), over):
            sign = r"\sum" if head == "sum" else rf"\{head}"
            return rf"{sign}_{{{','.join(map(index, over))}}} {typeset(body, PRODUCT)}", SUM
    raise AssertionError(t)
