"""Programs as LaTeX, in the notation of the papers; no sympy needed."""

from __future__ import annotations

from tensorprog.kernel.ground.nodes import Input, Node
from tensorprog.kernel.written.canonical import instruction_term
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import Var
from tensorprog.terms.latex import term_latex


def node_latex(node: Node) -> str:
    """Write one instruction as an equation with an alignment mark."""
    left = term_latex(Var(node.name, node.subs))
    if isinstance(node, Input):
        g = node.group
        mean, cov = term_latex(g.mean[node.position]), term_latex(g.cov[node.position][node.position])
        return rf"{left} &\sim \mathcal{{N}}\left({mean}, {cov}\right)"
    return f"{left} &= {term_latex(instruction_term(node))}"


def program_latex(program: Graph) -> str:
    """Write all instructions as an align* environment (needs amsmath)."""
    return "\n".join([r"\begin{align*}", " \\\\\n".join(node_latex(n) for n in program.nodes), r"\end{align*}"])
