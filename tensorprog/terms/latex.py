"""Terms as LaTeX, in the notation of the papers; no sympy needed."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.terms import App, Bind, Num, Term, Var

_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
_SPELLED = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi chi"
    " psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = dict(zip(_LETTERS, _SPELLED.split(), strict=True))
WORDS = {*GREEK.values(), "epsilon", "phi"}
FUNCTIONS = {"sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "exp": r"\exp", "log": r"\log", "tanh": r"\tanh",
             "sinh": r"\sinh", "cosh": r"\cosh", "min": r"\min", "max": r"\max", "Phi": r"\Phi",
             "E": r"\mathbb{E}", "cov": r"\operatorname{Cov}", "var": r"\operatorname{Var}"}  # fmt: skip
COMPARE = {"lt": "<", "le": r"\le", "gt": ">", "ge": r"\ge", "eq": "=", "ne": r"\ne"}
_SUM, _PRODUCT, _UNARY, _ATOM = range(4)


def name_latex(name: str) -> str:
    """A name: Greek words and letters as symbols, digits behind a letter as an index, long names upright."""
    base, primes = name.rstrip("'~"), name.count("'") + name.count("~")
    head = base.rstrip("0123456789")
    tail = base[len(head) :]
    stem, _, rest = head.partition("_")
    if stem in WORDS:
        out = "\\" + stem
    elif len(stem) == 1:
        out = "\\" + GREEK[stem] if stem in GREEK else stem
    else:
        out = r"\mathrm{" + "".join("\\" + GREEK[c] if c in GREEK else c for c in stem) + "}" if stem else ""
    below = ",".join(p.replace("_", r"\_") for p in (rest.rstrip("_"), tail) if p)
    return (out or r"\mathrm{\_}") + (f"_{{{below}}}" if below else "") + "'" * primes


def _number(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _sub(s: int | str) -> str:
    return str(s) if isinstance(s, int) else name_latex(s)


def term_latex(t: Term) -> str:
    """A term in LaTeX."""
    return _tex(t)[0]


def _at_least(t: Term, least: int) -> str:
    text, strength = _tex(t)
    return text if strength >= least else rf"\left({text}\right)"


def _tex(t: Term) -> tuple[str, int]:
    match t:
        case Num(value):
            return _number(value), _ATOM if value >= 0 else _UNARY
        case Var(name, subs):
            base = name_latex(name)
            if not subs:
                return base, _ATOM
            return (base if "_" not in base else "{" + base + "}") + f"^{{{','.join(map(_sub, subs))}}}", _ATOM
        case App("pi"):
            return r"\pi", _ATOM
        case App("add", args):
            out = _at_least(args[0], _PRODUCT)
            for a in args[1:]:
                if isinstance(a, App) and a.head == "neg":
                    out += " - " + _at_least(a.args[0], _PRODUCT)
                elif isinstance(a, Num) and a.value < 0:
                    out += " - " + _number(-a.value)
                else:
                    out += " + " + _at_least(a, _PRODUCT)
            return out, _SUM
        case App("mul" | "recip"):
            return _fraction(t.args if t.head == "mul" else (t,)), _PRODUCT
        case App("neg", (a,)):
            return "-" + _at_least(a, _PRODUCT), _UNARY
        case App("pow", (a, b)):
            base = _at_least(a, _ATOM)
            if isinstance(a, Var) and a.subs:
                base = rf"\left({base}\right)"
            return f"{{{base}}}^{{{term_latex(b)}}}", _ATOM
        case App("sqrt", (a,)):
            return rf"\sqrt{{{term_latex(a)}}}", _ATOM
        case App("abs", (a,)):
            return rf"\left|{term_latex(a)}\right|", _ATOM
        case App("matmul", (w, x)):
            return f"{_at_least(w, _ATOM)} {_at_least(x, _ATOM)}", _PRODUCT
        case App("transpose", (w,)):
            return f"{{{term_latex(w)}}}^{{\\top}}", _ATOM
        case App("dot", (u, v)):
            return rf"\left\langle {term_latex(u)}, {term_latex(v)} \right\rangle", _ATOM
        case App("mean", (f,)):
            return rf"\frac{{1}}{{n}}\sum_{{\alpha=1}}^{{n}} {_at_least(f, _PRODUCT)}", _PRODUCT
        case App("where", (c, a, b)):
            rows = rf"{term_latex(a)} & {term_latex(c)} \\ {term_latex(b)} & \text{{otherwise}}"
            return rf"\begin{{cases}} {rows} \end{{cases}}", _ATOM
        case App("and", args):
            return r" \wedge ".join(map(term_latex, args)), _SUM
        case App(head, (a, b)) if head in COMPARE:
            return f"{term_latex(a)} {COMPARE[head]} {term_latex(b)}", _SUM
        case App("hermite", (k, x)):
            return rf"h_{{{term_latex(k)}}}\left({term_latex(x)}\right)", _ATOM
        case App(head, args):
            name = FUNCTIONS.get(head) or r"\operatorname{" + head.replace("_", r"\_") + "}"
            return rf"{name}\left({', '.join(map(term_latex, args))}\right)", _ATOM
        case Bind():
            return _bind(t)
    raise AssertionError(t)


def _fraction(factors: tuple[Term, ...]) -> str:
    above = [f for f in factors if not (isinstance(f, App) and f.head == "recip")]
    below = [f.args[0] for f in factors if isinstance(f, App) and f.head == "recip"]
    top = r" \, ".join(_at_least(f, _PRODUCT if len(above) == 1 and below else _UNARY) for f in above) or "1"
    if not below:
        return top
    bottom = r" \, ".join(_at_least(f, _SUM if len(below) == 1 else _UNARY) for f in below)
    long = any(isinstance(f, Bind) for f in above)
    return rf"\frac{{1}}{{{bottom}}} {top}" if long else rf"\frac{{{top}}}{{{bottom}}}"


def _bind(t: Bind) -> tuple[str, int]:
    over = ",".join(map(name_latex, t.over))
    body = term_latex(t.args[0])
    mask = "" if t.mask is None else rf",\, {term_latex(t.mask)}"
    match t.head:
        case "softmax":
            at = "" if len(t.args) == 1 else "_{" + ",".join(map(term_latex, t.args[1:])) + "}"
            return rf"\operatorname{{softmax}}_{{{over}{mask}}}\left({body}\right){at}", _ATOM
        case "attention":
            q, k, v, scale = map(term_latex, t.args)
            score = rf"{scale}\left\langle {q}, {k} \right\rangle"
            return rf"\sum_{{{over}}} \operatorname{{softmax}}_{{{over}{mask}}}\left({score}\right) {v}", _PRODUCT
        case "sum":
            return rf"\sum_{{{over}}} {_at_least(t.args[0], _PRODUCT)}", _PRODUCT
        case head:
            return rf"\{head}_{{{over}}} {_at_least(t.args[0], _PRODUCT)}", _PRODUCT
