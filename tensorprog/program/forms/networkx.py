"""The DAG for graph algorithms and drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorprog.program.graph.graph import Graph


def program_graph(program: Graph) -> Any:
    """Return a networkx.DiGraph over instruction numbers; each node carries its instruction and text."""
    import networkx as nx

    from tensorprog.kernel.ground.nodes import Input, MatMul
    from tensorprog.kernel.ground.text import member_text
    from tensorprog.program.forms.text import instruction_text

    graph = nx.DiGraph(name=program.name)
    number = {id(node): k for k, node in enumerate(program.nodes)}
    for k, node in enumerate(program.nodes):
        text = "" if isinstance(node, Input) else instruction_text(node)
        graph.add_node(k, node=node, kind=type(node).__name__, label=member_text(node.name, node.subs), text=text)
    for k, node in enumerate(program.nodes):
        for ref, _ in program.references(node):
            for source, _ in program.resolve(ref):
                graph.add_edge(number[id(source)], k, weight=node.weight.name if isinstance(node, MatMul) else None)
    return graph
