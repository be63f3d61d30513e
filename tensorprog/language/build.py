"""Programs written in Python, with operators; declarations read like the language's own statements.

p = Program("mlp")
i, = p.index("i in 1..3")
x, = p.input("x[i] ~ N(0, 1)")
W, = p.weight("W ~ N(0, 2/n)")
h = p.define("h[i]", W @ fn.relu(x[i]))
p.output(h)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from tensorprog.errors import TensorProgError, fail
from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import expand, registry, words
from tensorprog.kernel.ground.nodes import Matrix
from tensorprog.language import syntax as s
from tensorprog.language.load import Loader
from tensorprog.program.api import Program as CoreProgram
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.program.lowering.declare import declare_matrix
from tensorprog.terms import App, Bind, Num, Term, Var, to_text
from tensorprog.terms.operators import Operators
from tensorprog.terms.reader import read_raw

T = TypeVar("T")


class Expr(Operators):
    """An expression over a program's names: + - * / ** @, [subscripts], .T for a transpose, comparisons."""

    __slots__ = ()

    @staticmethod
    def term_of(value: Any) -> Term:
        return term_of(value)

    def __getitem__(self, subs: Any) -> Expr:
        parts = subs if isinstance(subs, tuple) else (subs,)
        return Expr(App("ref", (self.term, *(term_of(p) for p in parts))))

    @property
    def T(self) -> Expr:
        """The transpose of a weight."""
        return Expr(App("transpose", (self.term,)))

    def __matmul__(self, other: Any) -> Expr:
        return Expr(App("matmul", (self.term, term_of(other))))

    def __lt__(self, other: Any) -> Expr:
        return Expr(App("lt", (self.term, term_of(other))))

    def __le__(self, other: Any) -> Expr:
        return Expr(App("le", (self.term, term_of(other))))

    def __gt__(self, other: Any) -> Expr:
        return Expr(App("gt", (self.term, term_of(other))))

    def __ge__(self, other: Any) -> Expr:
        return Expr(App("ge", (self.term, term_of(other))))

    def __repr__(self) -> str:
        return f"Expr({to_text(self.term)})"


def term_of(value: Any) -> Term:
    """A raw term from an expression, text of the language, or a number (a float is read as its shortest decimal)."""
    match value:
        case Expr():
            return value.term
        case str():
            return read_raw(value, words())
        case bool():
            raise TypeError("a truth value is not an expression")
        case int() | Fraction():
            return Num(Fraction(value))
        case float():
            return Num(Fraction(repr(value)))
        case Num() | Var() | App() | Bind():
            return value
    raise TypeError(f"cannot read {type(value).__name__} as an expression")


class Functions:
    """The functions of the language for Python: fn.relu(x), fn.sum(f, over=j), fn.softmax(p, over=j, mask=j <= i)."""

    def __getattr__(self, name: str) -> Any:
        if name not in library() and name not in registry():
            raise AttributeError(f"the language has no function {name}")
        return lambda *args: Expr(App(name, tuple(term_of(a) for a in args)))

    def dot(self, u: Any, v: Any) -> Expr:
        """Return the plain sum over coordinates of u times v."""
        return Expr(App("dot", (term_of(u), term_of(v))))

    def mean(self, f: Any) -> Expr:
        """Return the average over coordinates."""
        return Expr(App("mean", (term_of(f),)))

    def sum(self, f: Any, over: Any) -> Expr:
        """Return the sum over finite indices."""
        return Expr(Bind("sum", (term_of(f),), _indices(over)))

    def softmax(self, p: Any, over: Any, mask: Any = None) -> Expr:
        """exp(p_j) / sum_j exp(p_j) over an index, where the mask holds."""
        return Expr(Bind("softmax", (term_of(p),), _indices(over), None if mask is None else term_of(mask)))

    def attention(self, q: Any, k: Any, v: Any, over: Any, scale: Any = "1/sqrt(n)", mask: Any = None) -> Expr:
        """sum_j softmax_j(scale <q, k_j>) v_j."""
        args = (term_of(q), term_of(k), term_of(v), term_of(scale))
        return Expr(Bind("attention", args, _indices(over), None if mask is None else term_of(mask)))


def _indices(over: Any) -> tuple[str, ...]:
    parts = over if isinstance(over, tuple | list) else (over,)
    names = [term_of(p) for p in parts]
    return tuple(v.name for v in names if isinstance(v, Var))


fn = Functions()


class Program(CoreProgram):
    """A Tensor Program that is written statement by statement; what is written is never changed.

    >>> p = Program("mlp")
    >>> (x,), (W,) = p.input("x ~ N(0, 1)"), p.weight("W ~ N(0, 2/n)")
    >>> h = p.define("h", W @ fn.relu(x))
    >>> p.output(h)
    >>> print(p.to_text())
    program mlp
    input x ~ N(0, 1)
    weight W ~ N(0, 2/n)
    h_1 = relu(x)
    h = W @ h_1
    output h
    <BLANKLINE>
    """

    def __init__(self, name: str = "program", limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(name, limits)
        self._loader = Loader(limits, None, "<python>", self)

    def add(self, text: str) -> None:
        """Append statements written in the language."""
        self._guard(lambda: self._loader.read(text, None))

    def _declare(self, word: str, text: str) -> tuple[Expr, ...]:
        statements = self._guard(lambda: self._loader.read(f"{word} {text}\n", None))
        match statements[0]:
            case s.IndexDef(names=names):
                return tuple(Expr(Var(name)) for name, _ in names)
            case s.InputDef(refs=refs) | s.BernoulliDef(refs=refs) | s.WeightDef(refs=refs):
                return tuple(Expr(_base(r)) for r in refs)
            case s.ParamDef(name=name) | s.WidthDef(name=name) | s.ConstDef(name=name):
                return (Expr(Var(name)),)
        raise AssertionError(word)

    def index(self, text: str) -> tuple[Expr, ...]:
        """`i, j in 1..4`: index names over one range."""
        return self._declare("index", text)

    def param(self, text: str) -> tuple[Expr, ...]:
        """`C > 0 = 1.0`: a real symbol with an assumption and a default."""
        return self._declare("param", text)

    def width(self, text: str) -> tuple[Expr, ...]:
        """`m = 2*n`: another width."""
        return self._declare("width", text)

    def input(self, text: str) -> tuple[Expr, ...]:
        """`u[i] ~ N(0, K)`: initial vectors."""
        return self._declare("input", text)

    def weight(self, text: str) -> tuple[Expr, ...]:
        """`W[a] ~ N(0, 1/n)`: families of matrices."""
        return self._declare("weight", text)

    def matrix(self, name: str, rows: Sequence[Any]) -> Expr:
        """Return a constant array from numbers (nested lists or a numpy array), kept as exact decimals."""
        listed: Any = rows.tolist() if hasattr(rows, "tolist") else list(rows)
        if listed and isinstance(listed[0], list | tuple):
            shape: tuple[int, ...] = (len(listed), len(listed[0]))
            entries = tuple(term_of(v) for row in listed for v in row)
        else:
            shape, entries = (len(listed),), tuple(term_of(v) for v in listed)
        self._guard(lambda: declare_matrix(self, Matrix(name, shape, entries)))
        return Expr(Var(name))

    def define(self, left: str, right: Any) -> Expr:
        """`left` = `right`; the family as an expression."""

        def append() -> None:
            self._loader.lowering.names.env = self._loader.env
            self._loader.define(read_raw(left), expand(term_of(right)), None)

        self._guard(append)
        return Expr(_base(read_raw(left)))

    def output(self, *wanted: Any) -> None:
        """Declare what the limit is wanted of: families or members."""

        def put_out() -> None:
            for w in wanted:
                self._loader.lowering.output(term_of(w), None)

        self._guard(put_out)

    def claim(self, text: str) -> None:
        """`cov(x[1], x[2]) = 0`, `valid`, `gaussian(y[1])`."""
        self.add(f"claim {text}\n")

    def _guard(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except TensorProgError as error:
            raise TensorProgError(error.diagnostics, dict(self.sources), self.path) from None
        except RecursionError:
            raise fail("TP902", "the expression is nested too deep", help="name subexpressions") from None


def _base(t: Term) -> Term:
    match t:
        case App("ref", (Var() as name, *_)):
            return name
        case _:
            return t
