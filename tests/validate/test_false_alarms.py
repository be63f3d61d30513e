"""How often a true theory is called wrong: the derived limits of programs of every kind, over many seeds.

A few minutes a hundred seeds: `TENSORPROG_FALSE_ALARMS=200 pytest -s tests/validate/test_false_alarms.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scipy import stats

from tensorprog.language import load
from tensorprog.limit.derive import derive
from tensorprog.validate.result import conclude
from tensorprog.validate.run import LEVEL, validate
from tensorprog.validate.theory import LimitTheory

SEEDS = int(os.environ.get("TENSORPROG_FALSE_ALARMS", "0"))
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.skipif(not SEEDS, reason="a few minutes; set TENSORPROG_FALSE_ALARMS to a number of seeds")
@pytest.mark.parametrize("name", ["mlp", "rnn", "layernorm", "attention", "relu_attention"])
def test_false_alarms_of_derived_limits(name: str) -> None:
    """At most as many as the level allows (99.9 % of the binomial), at the stated level and at 5 %."""
    program = load(EXAMPLES / f"{name}.tp")
    theory = LimitTheory(derive(program))
    levels = (LEVEL, 0.05)
    alarms = dict.fromkeys(levels, 0)
    tests = 0
    for seed in range(SEEDS):
        found = validate(program, widths=[64, 256, 1024], samples=500, rng=seed, theory=theory)
        tests = len(found.tests)
        for level in levels:
            alarms[level] += conclude(found.tests, level)[0] == "disagrees"
    print(f"{name}: {tests} tests, {SEEDS} seeds: " + ", ".join(f"{alarms[a]} alarms at {a}" for a in levels))
    for level in levels:
        assert alarms[level] <= stats.binom.ppf(0.999, SEEDS, level)
