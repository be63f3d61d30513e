"""A program as canonical JSON and its hash; right-hand sides as they are written."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from tensorprog.kernel.ground.nodes import Attention, Claim, Dot, Input, MatMul, Matrix, Moment, Node, Param
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import ONE, App, Bind, Num, Term, Var, mul

SCHEMA = "tensorprog/program/1"


def to_json(t: Term) -> list[Any]:
    """The JSON form of a term."""
    match t:
        case Num(value):
            return ["num", str(value)]
        case Var(name, subs):
            return ["var", str(name), *subs]
        case App(head, args):
            return [head, *(to_json(a) for a in args)]
        case Bind(head, args, over, mask):
            return ["bind", head, [to_json(a) for a in args], list(over), None if mask is None else to_json(mask)]
    raise AssertionError(t)


def digest(program: Instructions) -> str:
    """sha256 of the canonical JSON of a program; matrices from files stand by their own digest."""
    text = json.dumps(program_to_json(program, data=False), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def program_to_json(program: Instructions, data: bool) -> dict[str, Any]:
    """The lowered program; with `data`, entries read from files are included (else their digest stands for them)."""
    return {
        "schema": SCHEMA,
        "name": program.name,
        "widths": [[k, str(v)] for k, v in program.widths.items() if k != "n"],
        "indices": [[k, lo, hi] for k, (lo, hi) in program.indices.items()],
        "params": [_param(p) for p in program.params.values()],
        "matrices": [_matrix(m, data) for m in program.matrices.values()],
        "inputs": [
            {
                "names": list(g.names),
                "subs": list(g.subs),
                "width": g.width,
                "mean": [to_json(t) for t in g.mean],
                "cov": [[to_json(t) for t in row] for row in g.cov],
            }
            for g in program.groups
        ],
        "weights": [
            {
                "name": w.name,
                "subs": list(w.subs),
                "rows": w.rows,
                "cols": w.cols,
                "variance": to_json(w.variance),
                "law": w.law,
                "freedom": _opt(w.freedom),
            }
            for w in program.weights.values()
        ],
        "nodes": [_node(node) for node in program.nodes if not isinstance(node, Input)],
        "outputs": [to_json(o.ref) for o in program.outputs],
        "claims": [_claim(c) for c in program.claims],
    }


def _opt(t: Term | None) -> Any:
    return None if t is None else to_json(t)


def _param(p: Param) -> dict[str, Any]:
    return {
        "name": p.name,
        "low": None if p.low is None else str(p.low),
        "high": None if p.high is None else str(p.high),
        "low_open": p.low_open,
        "high_open": p.high_open,
        "default": _opt(p.default),
    }


def _matrix(m: Matrix, data: bool) -> dict[str, Any]:
    out: dict[str, Any] = {"name": m.name, "shape": list(m.shape)}
    if m.entries is not None:
        return {**out, "entries": [to_json(t) for t in m.entries]}
    out |= {"file": m.file, "digest": m.digest}
    return {**out, "data": base64.b64encode(m.data).decode()} if data else out


def _node(node: Node) -> dict[str, Any]:
    term = to_json(instruction_term(node))
    return {"op": type(node).__name__, "name": node.name, "subs": list(node.subs), "term": term}


def _claim(c: Claim) -> dict[str, Any]:
    return {
        "form": c.form,
        "left": _opt(c.left),
        "right": _opt(c.right),
        "tolerance": _opt(c.tolerance),
        "condition": _opt(c.condition),
    }


def instruction_term(node: Node) -> Term:
    """The right-hand side as a term of the language."""
    match node:
        case MatMul(weight=w, transposed=tr, arg=x):
            return App("matmul", (App("transpose", (w,)) if tr else w, x))
        case Dot(left=u, right=v, factor=f):
            dot = App("dot", (u, v))
            if f == ONE:
                return dot
            match f:
                case App("mul", args):
                    return mul(args[0], dot, *args[1:]) if isinstance(args[0], Num) else mul(dot, *args)
                case _:
                    return mul(dot, f) if not isinstance(f, Num) else mul(f, dot)
        case Moment(body=body):
            return App("mean", (body,))
        case Attention(query=q, key=k, value=v, over=over, scale=s, mask=m):
            return Bind("attention", (q, k, v, s), over, m)
        case Input():
            raise ValueError("an input has no right-hand side")
        case _:
            return node.body
