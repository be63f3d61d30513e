"""What the help says of a word of another library works when it is pasted."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.cli import main
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.named.library import library
from tensorprog.terms import read
from tensorprog.terms.idioms import FAMILIES, FORMS, LAYERS, OTHER_NAMES, idiom, meant, other_name

FRAME = """
index i, j, k in 1..4
input u[i] ~ N(0, 0.5^abs(i-i'))
weight A, B ~ N(0, 1/n)
h[i] = A @ u[i]
{lines}
x[i] = {call}
y[i] = B @ tanh(x[i])
output y
"""


def refusal(text: str) -> tp.TensorProgError:
    with pytest.raises(tp.TensorProgError) as found:
        tp.loads(text)
    return found.value


@pytest.mark.parametrize("word", [names.split()[0] for table in (FORMS, LAYERS, FAMILIES) for names in table])
def test_an_idiom_works_when_pasted(word: str) -> None:
    argument = "(2 + tanh(h[i]))/4" if word in ("logit", "log2", "log10", "rsqrt", "reciprocal", "inv", "inverse",
                                                "atanh", "arctanh") else "h[i]"  # fmt: skip
    call = f"{word}({argument}, u[i])" if word.startswith("con") or word == "cat" else f"{word}({argument})"
    (d,) = refusal(FRAME.format(lines="", call=call)).diagnostics
    assert d.code == "TP002"
    *lines, form = re.findall(r"`([^`]+)`", d.help)
    if word in " ".join(FAMILIES):
        lines = []  # the indices are declared
    form = f"{form}*h[i]" if word in ("rms", "variance") else form
    verdict = tp.check(tp.loads(FRAME.format(lines="\n".join(lines), call=form))).verdict
    assert verdict == ("invalid" if word == "cot" else "valid")  # a pole is no regularity


def test_every_name_of_an_idiom_says_the_same() -> None:
    for names in (*FORMS, *LAYERS, *FAMILIES):
        first, *others = names.split()
        assert {idiom(w.title(), ["h"]) for w in others} <= {idiom(first, ["h"])}


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6), ("tanhshrink", lambda x: x - np.tanh(x)),
        ("softshrink", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
        ("celu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))), ("expm1", np.expm1),
        ("sech", lambda x: 1 / np.cosh(x)), ("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6),
    ],
)  # fmt: skip
def test_an_expression_is_the_function(word: str, right: object) -> None:
    form = re.findall(r"`([^`]+)`", idiom(word) or "")[0]
    x = np.linspace(-4, 4, 81)
    np.testing.assert_allclose(compile_numpy(read(form), ["x"])(x), right(x), atol=1e-12)  # type: ignore[operator]


def test_other_names_are_of_functions_and_of_no_function_here() -> None:
    words = [w for names in OTHER_NAMES for w in names.split()]
    assert {*OTHER_NAMES.values()} <= {*library(), "dot", "mean"}
    assert not set(words) & {*library()}
    assert all(other_name(w.upper()) == other_name(w) for w in words)


@pytest.mark.parametrize(
    ("call", "help"),
    [("rleu(h[i])", "did you mean relu?"), ("Tanh(h[i])", "did you mean tanh?"), ("clamp(h[i], 0, 1)", "here it is "),
     ("W(h[i])", "products are written with *")],
)  # fmt: skip
def test_a_function_is_meant(call: str, help: str) -> None:
    (d,) = refusal(FRAME.format(lines="", call=call)).diagnostics
    assert d.help.startswith(help)


def test_a_far_name_is_not_suggested() -> None:
    assert meant("zebra", library()) == ""
    (d,) = refusal("input u ~ N(0, 1)\noutput v\n").diagnostics
    assert d.help == "define it first"


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ("wieght W ~ N(0, 1/n)", "did you mean weight?"), ("imput v ~ N(0, 1)", "did you mean input?"),
        ("weight W = N(0, 1/n)", "a law is written with ~"), ("v ~ tanh(u)", "a definition is written with ="),
        ("return u", "write output"), ("weight W ~ iid(radmacher, 1/n)", "did you mean rademacher?"),
        ("v = relu", "write relu(x)"), ("v = simga*u", "did you mean sigma?"), ("v = V @ u", "define it first"),
        ("v = Weyt @ u", "did you mean Weyl?"), ("let v = u", "a definition begins with its name"),
    ],
)  # fmt: skip
def test_a_word_of_a_statement_is_meant(line: str, help: str) -> None:
    (d,) = refusal(f"param sigma = 1\ninput u ~ N(0, 1)\nweight Weyl ~ N(0, 1/n)\n{line}\noutput u\n").diagnostics
    assert d.help.startswith(help)


PROGRAM = "param sigma > 0 = 1\ninput hidden ~ N(0, sigma)\noutput hidden\n"


@pytest.mark.parametrize(
    ("words", "help"),
    [
        (["chek", "FILE"], "did you mean check?"), (["check", "FILE", "--jsn"], "did you mean --json?"),
        (["derive", "FILE", "--set", "sgima=2"], "did you mean sigma?"), (["explain", "TP1O3"], "did you mean TP103?"),
        (["derive", "FILE", "--cov", "hiden,hidden"], "did you mean hidden?"),
        (["derive", "FILE", "--law", "hiddn"], "did you mean hidden?"),
        (["explain", "atention"], "did you mean attention?"), (["explain", "zzz"], "explained are"),
        (["check", "FILE", "--limit", "nestin=3"], "did you mean nesting?"),
        (["expect", "rleu(z)"], "did you mean relu?"), (["frobnicate"], "tensorprog --help lists"),
        (["function", "tanh(y)", "--vars", "x"], "if any real number may stand for it"),
    ],
)  # fmt: skip
def test_the_command_line_asks(
    words: list[str], help: str, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"{tmp_path}/p.tp"
    with open(path, "w") as file:
        file.write(PROGRAM)
    assert main([w.replace("FILE", path) for w in words]) == 2
    assert f"= help: {help}" in capsys.readouterr().err


def test_new_names_never_break_a_file() -> None:
    text = "input u ~ N(0, 1)\nweight W ~ N(0, 1/n)\nidentity = W @ u\nln = relu(identity)\noutput ln\n"
    assert tp.check(tp.loads(text)).verdict == "valid"
    (d,) = refusal(text.replace("relu(", "identity(")).diagnostics
    assert (d.code, d.help[:30]) == ("TP002", "identity is defined in this fi")


def test_functions_of_other_spelling_are_certified_and_claimed(tmp_path: object) -> None:
    text = """
input u ~ N(0, .5)
weight A, B ~ N(0, 1/n)
h = A @ u
x = relu6(h) + swish(h) + erfc(h) + logsigmoid(h) + sgn(h) + identity(h) + ln(1 + h^2)
y = B @ x
output y
claim E(erfc(h)) = 1
claim var(h) = 1/2
claim E(sgn(h)*identity(h)) = 1/sqrt(pi)
"""
    program = tp.loads(text)
    assert [c.status for c in tp.claims(program)] == ["proved"] * 3
    tp.verify(program, tp.prove(program))
    # E x^2 over h ~ N(0, 1/2) by an own rule: Gauss-Hermite is exact far beyond the kinks' error
    h = np.sqrt(0.5) * np.random.default_rng(0).standard_normal(2_000_000)
    from scipy import special

    x = (np.clip(h, 0, 6) + h * special.expit(h) + special.erfc(h) + special.log_expit(h) + np.sign(h) + h
         + np.log(1 + h**2))  # fmt: skip
    found = tp.derive(program).var("y")
    assert abs(found.value - np.mean(x**2)) < 5 * np.std(x**2) / np.sqrt(len(h)) + found.error
    tp.register("swish", "x*sigmoid(2*x)")  # a user's own function of the name goes first
    from tensorprog.functions.named.registry import registry

    try:
        assert tp.expect("swish(z)", [[1]]).value == pytest.approx(tp.expect("z*sigmoid(2*z)", [[1]]).value)
    finally:
        del registry()["swish"]
    with pytest.raises(tp.TensorProgError, match="TP016"):
        tp.loads("input u ~ N(0, 1)\nx = swish(u, u)\noutput x")
