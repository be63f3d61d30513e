"""The plan of a simulation as text and as JSON."""

from __future__ import annotations

from typing import Any

from tensorprog.kernel.ground.text import member_text
from tensorprog.simulate.plan.job import Layout
from tensorprog.simulate.plan.plan import Plan

_MODES = {
    "once": "applied once: one fresh product",
    "many": "revealed product by product",
    "all": "more inputs than coordinates: revealed whole",
    "real": "built as a real matrix",
}


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return what is kept of every family, how every matrix is revealed, and what one draw costs."""
    vectors = []
    for k, node in enumerate(plan.uses.nodes):
        need = plan.need[k]
        layout = plan.layouts[k]
        entry: dict[str, Any] = {"of": member_text(node.name, node.subs)}
        if not need:
            entry |= {"kept": "nothing", "size": 0, "why": "no output depends on it"}
        elif layout is None:
            entry |= {"kept": "scalar", "size": 1, "why": ""}
        else:
            entry |= {"kept": layout.kind, "size": layout.size, "width": layout.width, "why": _why(plan, k, layout)}
        vectors.append(entry)
    return {
        "schema": "tensorprog/plan/1",
        "program": plan.job.program.name,
        "n": plan.job.n,
        "families": vectors,
        "matrices": [
            {
                "of": member_text(s.weight, [lo if lo == hi else f"{lo}..{hi}" for lo, hi in s.box]),
                "mode": s.mode,
                "inputs": s.forward,
                "transposed_inputs": s.backward,
            }
            for s in plan.slabs.values()
        ],
        "normals_per_draw": plan.normals_per_draw,
        "bytes_per_draw": plan.bytes_per_draw,
        "draws_per_block": plan.block,
    }


def _why(plan: Plan, k: int, layout: Layout) -> str:
    space = plan.spaces.get(("node", k))
    match layout.kind:
        case "pinned":
            return "only looked at"
        case "lazy":
            return "used in dot products and linear steps alone: its Gram is enough"
    return f"whole, because of {space.whole}" if space else "whole"


def plan_text(plan: Plan) -> str:
    """Return the plan, one family a line."""
    data = plan_json(plan)
    lines = [f"plan of {data['program']} at n = {data['n']}", "", "families (numbers kept for each member):"]
    label = max((len(v["of"]) for v in data["families"]), default=0)
    for v in data["families"]:
        kept = {"full": "coordinates", "lazy": "directions", "pinned": "coordinates"}.get(v["kept"], v["kept"])
        amount = f"{v['size']:>8} {kept}" if v["size"] else f"{'':>8} {kept}"
        lines.append(f"  {v['of']:<{label}} {amount:<22} {v['why']}".rstrip())
    lines += ["", "matrices:"]
    label = max((len(m["of"]) for m in data["matrices"]), default=0)
    for m in data["matrices"]:
        inputs = f"{m['inputs']} inputs" + (f", {m['transposed_inputs']} transposed" if m["transposed_inputs"] else "")
        lines.append(f"  {m['of']:<{label}}  {inputs:<14} {_MODES[m['mode']]}")
    lines += [
        "",
        f"one draw: at most {data['normals_per_draw']} normals and {_bytes(data['bytes_per_draw'])}",
        f"one block: {data['draws_per_block']} draws, {_bytes(data['draws_per_block'] * data['bytes_per_draw'])}",
    ]
    return "\n".join(lines)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError
