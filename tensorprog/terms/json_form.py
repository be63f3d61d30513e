"""Terms as JSON arrays (`kernel.ground.json_form`), with the errors of a file that a user wrote."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground import json_form
from tensorprog.kernel.ground.json_form import Unreadable
from tensorprog.kernel.ground.term import Term
from tensorprog.terms.heads import HEADS


def from_json(data: object, heads: Mapping[str, tuple[int, int]] = HEADS) -> Term:
    """Read a term of these heads; anything malformed is a TP001 error, never another exception."""
    try:
        return json_form.from_json(data, heads=heads)
    except Unreadable as error:
        raise _refused(error) from None


def number_from_json(text: object) -> Fraction:
    """Return an exact rational from its canonical string."""
    try:
        return json_form.number_from_json(text)
    except Unreadable as error:
        raise _refused(error) from None


def _refused(error: Unreadable) -> TensorProgError:
    if error.too_deep:
        return fail("TP902", str(error), help="name subexpressions")
    return fail("TP001", f"the JSON is not a term: {error}")
