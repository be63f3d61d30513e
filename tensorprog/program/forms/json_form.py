"""A program as JSON, both ways. Reading goes through the same door as text, so every check is made again."""

from __future__ import annotations

import base64
import binascii
import re
from fractions import Fraction
from typing import Any, TypeVar

from tensorprog.errors import fail
from tensorprog.kernel.ground.nodes import Claim, Matrix, Param
from tensorprog.kernel.written.canonical import SCHEMA
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.claims import add_claim
from tensorprog.program.lowering.declare import declare_input, declare_matrix, declare_param, declare_weight
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.terms import Sub, Term, from_json
from tensorprog.terms.json_form import number_from_json

G = TypeVar("G", bound=Graph)

_NAME = re.compile(r"[^\W\d]\w*\Z")


def program_from_json(data: object, program: G) -> G:
    """Read a program into an empty one; anything malformed is a TensorProgError, never another exception."""
    try:
        return _read(data, program)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise fail("TP001", "the JSON is not a program", because=f"{type(error).__name__}: {error}") from None
    except RecursionError:
        raise fail("TP902", "the JSON is nested too deep") from None


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.match(value):
        raise fail("TP001", f"the JSON is not a program: {str(value)[:40]!r} is not a name")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise fail("TP001", "the JSON is not a program: an integer was expected")
    return value


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise fail("TP001", "the JSON is not a program: true or false was expected")
    return value


def _number(value: object) -> Fraction | None:
    return None if value is None else number_from_json(value)


def _term(value: object) -> Term | None:
    return None if value is None else from_json(value)


def _read(data: Any, program: G) -> G:
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise fail("TP001", f"the JSON is not a program: its schema is not {SCHEMA}")
    program.name = _name(data["name"])
    for name, ratio in data["widths"]:
        program.add_width(_name(name), number_from_json(ratio))
    for name, low, high in data["indices"]:
        program.add_index(_name(name), _int(low), _int(high))
    for p in data["params"]:
        opens = _bool(p["low_open"]), _bool(p["high_open"])
        declare_param(
            program, Param(_name(p["name"]), _number(p["low"]), _number(p["high"]), *opens, _term(p["default"]))
        )
    for m in data["matrices"]:
        declare_matrix(program, _read_matrix(m))
    lowering = Lowering(program)
    for g in data["inputs"]:
        names = tuple(_name(n) for n in g["names"])
        subs = tuple(_name(s) for s in g["subs"])
        cov = [[from_json(t) for t in row] for row in g["cov"]]
        declare_input(lowering, names, subs, _name(g["width"]), [from_json(t) for t in g["mean"]], cov, None)
    for w in data["weights"]:
        subs = tuple(_name(s) for s in w["subs"])
        shape = _name(w["rows"]), _name(w["cols"])
        declare_weight(
            lowering, _name(w["name"]), subs, shape, from_json(w["variance"]), w["law"], _term(w["freedom"]), None
        )
    for node in data["nodes"]:
        subs_any: tuple[Sub, ...] = tuple(s if isinstance(s, str) else _int(s) for s in node["subs"])
        before = len(program.nodes)
        lowering.define(_name(node["name"]), subs_any, from_json(node["term"]), None)
        if len(program.nodes) != before + 1 or type(program.nodes[-1]).__name__ != node["op"]:
            raise fail("TP001", f"the JSON is not a lowered program: {node['name']} is not one {node['op']}")
    for o in data["outputs"]:
        lowering.output(from_json(o), None)
    for c in data["claims"]:
        add_claim(
            lowering,
            Claim(c["form"], _term(c["left"]), _term(c["right"]), _term(c["tolerance"]), _term(c["condition"])),
        )
    return program.finish()


def _read_matrix(m: Any) -> Matrix:
    shape = tuple(_int(s) for s in m["shape"])
    if "entries" in m:
        return Matrix(_name(m["name"]), shape, tuple(from_json(t) for t in m["entries"]))
    raw = base64.b64decode(m["data"], validate=True)
    if not isinstance(m["file"], str) or any(c in m["file"] for c in '"\n\\'):
        raise fail("TP001", "the JSON is not a program: a bad file name")
    return Matrix(_name(m["name"]), shape, None, m["file"], "", raw)
