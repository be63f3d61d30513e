"""Labels keep their range, fields are added and multiplied by the names of their axes."""

from __future__ import annotations

import pickle

import numpy as np

from tensorprog.kernel.ground.term import shift_subs
from tensorprog.limit.rules.labels import Field, Label, range_of
from tensorprog.limit.rules.quantities import free_labels
from tensorprog.terms import Bind, Var

ROW, COLUMN = Label("#0", (1, 2)), Label("#1", (1, 3))


def test_a_bound_label_that_is_renamed_keeps_its_range() -> None:
    total = Bind("sum", (Var("x", (ROW, COLUMN)),), (ROW,))
    renamed = shift_subs(total, {COLUMN: ROW})
    assert isinstance(renamed, Bind)
    (bound,) = renamed.over
    assert bound != ROW
    assert range_of(bound) == range_of(ROW)
    assert set(free_labels(renamed)) == {ROW, bound}


def test_labels_of_other_ranges_are_others() -> None:
    assert Label("#0", (1, 2)) == ROW
    assert Label("#0", (1, 3)) != ROW
    copy = pickle.loads(pickle.dumps(ROW))
    assert copy == ROW
    assert copy.values == (1, 2)


def test_axes_are_matched_by_name() -> None:
    a, b = np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    one, two = Field((ROW,), a), Field((COLUMN, ROW), b)
    assert np.array_equal((one + two).to((ROW, COLUMN)), a[:, None] + b.T)
    assert np.array_equal((one * two).to((ROW, COLUMN)), a[:, None] * b.T)
    assert np.array_equal((two - one).to((COLUMN, ROW)), b - a)
    assert np.array_equal((3 * one).data, 3 * a)
