"""One set of keywords over the whole API: `values` are numbers of params, `assume` assumptions, `vars` what varies."""

import inspect
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tensorprog as tp
from tensorprog.functions.api import facts
from tensorprog.functions.assume import assumptions_of
from tensorprog.functions.command import function
from tensorprog.functions.summary import plot
from tensorprog.gaussian.arrays.duals import pair_kernel
from tensorprog.gaussian.command import command as expect_command
from tensorprog.gaussian.expect import expect
from tensorprog.numbers.interval import Interval
from tensorprog.simulate.run import plan, simulate, statistics
from tensorprog.terms import Var, read
from tensorprog.validate.run import validate

OLD = {"params", "param", "numbers", "variables", "variable", "assumptions", "settings", "names"}
DOORS = (tp.claims, tp.derive, tp.prove, tp.check, tp.register, expect, facts, pair_kernel, plan, plot, simulate,
         statistics, validate)  # fmt: skip
PROGRAM = "param C = 1\ninput u ~ N(0, C)\noutput u"


@pytest.mark.parametrize("door", DOORS, ids=lambda f: f.__name__)
def test_no_function_has_a_word_of_its_own(door: Callable[..., Any]) -> None:
    assert not OLD & inspect.signature(door).parameters.keys()


@pytest.mark.parametrize(
    ("old", "new", "call"),
    [
        ("variables", "vars", lambda k: expect("a*z^2", [[1]], **{k: ["z"]})),
        ("params", "assume", lambda k: expect("C*z^2", [[1]], **{k: "C > 0"})),
        ("assumptions", "assume", lambda k: expect("C*z^2", [[1]], **{k: {"C": "in [0, 1]"}})),
        ("variables", "vars", lambda k: facts("a*tanh(x)", **{k: ["x"]}).vars),
        ("params", "assume", lambda k: facts("C*tanh(x)", **{k: "C > 0"}).vars),
        ("assumptions", "assume", lambda k: facts("C*tanh(x)", **{k: {"C": Interval(Fraction(0))}}).vars),
        ("params", "values", lambda k: simulate(tp.loads(PROGRAM), n=4, samples=3, **{k: {"C": 2}})["u"].tolist()),
        ("params", "values", lambda k: validate(tp.loads(PROGRAM), (4, 8), 20, **{k: {"C": 2}}).tests),
        ("params", "values", lambda k: plan(tp.loads(PROGRAM), 4, **{k: {"C": 2}}).numbers.params),
    ],
)
def test_old_words_are_understood_and_warn(old: str, new: str, call: Callable[[str], object]) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}"):
        before = call(old)
    assert repr(before) == repr(call(new))


def test_a_picture_takes_values(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = facts("C*tanh(x)", vars=["x"])
    with pytest.warns(DeprecationWarning, match="params is now called values"):
        plot(found, tmp_path / "old.svg", params={"C": 2.0})
    plot(found, tmp_path / "new.svg", values={"C": 2.0})
    assert (tmp_path / "new.svg").stat().st_size > 0


WRITTEN = ["C > 0, a in [0, 1]", "C > 0; a in [0, 1]", "C>0 and 0 <= a and a <= 1", "0 < C; a in [0, oo), 1 >= a",
           ["C > 0", "a in [0, 1]"], {"C": "> 0", "a": "in [0, 1]"}, {"C": "in (0, oo)", "a": "in [0, 1]"},
           {"C": Interval(Fraction(0)), "a": Interval(Fraction(0), Fraction(1), True, True)},
           {"C": (0, None), "a": "in [0, 1]"}]  # fmt: skip


@pytest.mark.parametrize("assume", WRITTEN, ids=repr)
def test_every_door_reads_every_way_of_writing_assumptions(assume: Any) -> None:
    assert {k: str(v) for k, v in assumptions_of(assume).items()} == {"C": "(0, oo)", "a": "[0, 1]"}
    assert facts("exp(-C*x^2)*a", assume=assume).bounded.proved
    assert str(expect("abs(C*z)*a", assume=assume).expr) == "sqrt(2)*C*sqrt(K11)*a/sqrt(pi)"
    assert str(pair_kernel(read("abs(C*z)"), read("abs(z)"), Var("z"), assume).diagonal) == "C*K11"
    if not isinstance(assume, dict):
        words = [w for text in ([assume] if isinstance(assume, str) else assume) for w in ("--assume", text)]
        one, two = (CliRunner().invoke(c, [f, *words, "--json"]) for c, f in
                    ((function, "exp(-C*x^2)*a"), (expect_command, "abs(C*z)*a")))  # fmt: skip
        assert '"assumptions": ["C in (0, oo)", "a in [0, 1]"]' in one.output
        assert two.exit_code == 0


@pytest.mark.parametrize(
    "assume",
    [
        5,
        ["C > 0", 3],
        "C in [oo, 1]",
        "C in (0, -oo)",
        "C = 1",
        "C > x",
        "x + 1",
        "C in [0, 1",
        {"C": "> 0 > 1"},
        {"C": 3},
        ["C >"],
    ],
)
@pytest.mark.parametrize("door", [facts, expect])
def test_every_door_refuses_what_is_no_assumption(door: Callable[..., Any], assume: Any) -> None:
    with pytest.raises(tp.TensorProgError, match="TP00"):
        door("C*tanh(x)", assume=assume)


@pytest.mark.parametrize("door", [facts, expect])
def test_every_door_refuses_contradictions(door: Callable[..., Any]) -> None:
    for assume in ("C > 0; C < 0", "C in [2, 1]", {"C": (1, 1)}):
        with pytest.raises(tp.TensorProgError, match="TP017"):
            door("C*tanh(x)", assume=assume)


def test_the_dual_of_a_function_knows_what_is_assumed() -> None:
    from tensorprog.cli.mounts import function as with_dual

    said = CliRunner().invoke(with_dual, ["abs(C*x)", "--assume", "C in [1, 2]"]).output
    assert "E[f(Z)^2]      = C**2*K11" in said
    assert "dual E[f(Z1) f(Z2)] = 2*C**2*" in said
