"""A command keeps its time: numbers that are asked for together share it, and equal questions are asked once."""

import time

import pytest
from click.testing import CliRunner

import tensorprog as tp
from tensorprog.display.command import report as report_command
from tensorprog.limit.claims.command import claims as claims_command
from tensorprog.limit.claims.decide import claims
from tensorprog.limit.command import derive as derive_command
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.particles import sampling
from tensorprog.numbers import budget
from tensorprog.numbers.budget import Budget, request, search, spent, suffices, together
from tensorprog.terms import read
from tensorprog.validate.command import validate as validate_command

GATES = """index i in 1..3
input u[i] ~ N(0, 1)
input b[i] ~ bernoulli(1/2)
weight W[i] ~ N(0, 2/n)
g[i] = (W[i] @ u[i]) + (W[i] @ b[i])
x[i] = step(g[i] - where(u[i] > 0, 3, 2)*b[i])
output x
"""


class Clock:
    """A time that passes only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(budget.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def _works(clock: Clock, wanted: float, aim: Budget, log: list[float]):
    """A search that needs so many seconds, and looks at the clock each second."""

    def ask() -> float:
        done = 0.0
        with search(aim):
            while done < wanted and not spent():
                done += 1
                clock.now += 1
        log.append(done)
        return done

    return ask


def test_many_slow_numbers_take_no_longer_than_two(clock):
    aim, log = Budget(seconds=20), []
    start = clock.now
    with request(aim, 10) as mine:
        found = together(aim, [_works(clock, 1000, aim, log)] * 10)
    assert clock.now - start <= 2 * 20 + 10  # each may go one step beyond
    assert all(x >= 1 for x in found)
    assert mine.cut == 10


def test_quick_numbers_leave_their_time_to_the_slow_one(clock):
    aim, log = Budget(seconds=20), []
    found = together(aim, [_works(clock, 18, aim, log)] + [_works(clock, 1, aim, log)] * 9)
    assert log[0] == 4  # its share at first, and the whole when the others are done
    assert found == [18] + [1] * 9


def test_one_number_has_its_own_time(clock):
    aim, log = Budget(seconds=20), []
    assert together(aim, [_works(clock, 1000, aim, log)]) == [20]


def test_a_request_within_another_is_a_part_of_it(clock):
    aim = Budget(seconds=20)
    with request(aim, 1):
        clock.now += 35
        with request(aim, 1), search(aim):
            assert suffices(4)
            assert not suffices(6)


def _sample(program: str, names: tuple[str, ...], aim: Budget):
    u = Unfolding(tp.loads(program))
    terms = [u.expression(read(name)) for name in names]
    with search(aim):
        return [sampling.sampled(u, [t, t], {}, lambda: [terms]) for t in terms]


def test_one_population_answers_for_all_members(monkeypatch):
    drawn, real = [], sampling.Run.advance
    monkeypatch.setattr(sampling.Run, "advance", lambda run: drawn.append(run) or real(run))
    a, b, c = _sample(GATES, ("x[1]", "x[2]", "x[3]"), Budget(0.05, 60))
    assert len(set(map(id, drawn))) == 1
    assert abs(a.value - b.value) <= a.error + b.error
    assert abs(a.value - c.value) <= a.error + c.error


@pytest.mark.parametrize("change", ["N(0, i/n)", "N(0, 1/n)"])
def test_members_with_other_matrices_have_other_numbers(change):
    a, b = _sample(GATES.replace("N(0, 2/n)", change), ("x[1]", "x[2]"), Budget(0.02, 60))
    assert (abs(a.value - b.value) <= a.error + b.error) == ("i" not in change)


def test_a_sample_that_was_cut_is_drawn_anew_with_more_time():
    u = Unfolding(tp.loads(GATES))
    x = u.expression(read("x[1]"))
    found = []
    for seconds in (1e-3, 1e-3, 60):
        with search(Budget(1e-4, seconds)):
            found.append(sampling.sampled(u, [x, x], {}))
    assert found[0].value == found[1].value
    assert found[2].error < found[0].error
    assert abs(found[2].value - found[0].value) <= found[2].error + found[0].error


def test_derive_says_how_many_numbers_were_cut():
    limit = tp.derive(tp.loads(GATES), tolerance=1e-6, seconds=0.02)
    start = time.process_time()
    found = limit.to_json()
    assert found["cut"] >= 2
    assert "stopped by the time" in repr(limit)
    assert time.process_time() - start < 10


CLAIMED = GATES + "claim E(x[1]) = 0.4 within 1e-9\n"


def test_claims_take_a_budget():
    (d,) = claims(tp.loads(CLAIMED), tolerance=0.1, seconds=0.05)
    assert d.status == "undecided"
    with pytest.raises(tp.TensorProgError, match="seconds = 0"):
        claims(tp.loads(CLAIMED), seconds=0)


@pytest.mark.parametrize("command", [claims_command, validate_command, report_command, derive_command])
def test_every_command_that_searches_refuses_a_budget_of_nothing(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gates.tp").write_text(CLAIMED)
    for option in (["--seconds", "0"], ["--tolerance", "nan"]):
        with pytest.raises(tp.TensorProgError) as refused:
            CliRunner().invoke(command, ["gates.tp", *option], standalone_mode=False, catch_exceptions=False)
        assert refused.value.diagnostics[0].code == "TP018"
