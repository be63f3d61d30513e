"""Text -> program -> text -> JSON -> program keeps the hash; spelling does not count; names do not count in meaning."""

from __future__ import annotations

import json
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprog.language import loads
from tensorprog.program import Program
from tests.program.expansion import Expansion, Meaning
from tests.share import examples
from tests.strategies import programs, sketches, texts


@settings(max_examples=examples(120))
@given(programs)
def test_text_and_json_keep_the_hash(program: Program) -> None:
    text = program.to_text()
    again = loads(text)
    assert again.hash == program.hash
    data = json.loads(json.dumps(again.to_json()))
    from_json = Program.from_json(data)
    assert from_json.hash == program.hash
    assert from_json == program
    assert from_json.to_json() == data
    assert from_json.to_text() == text


@settings(max_examples=examples(60))
@given(programs)
def test_show_writes_one_instruction_a_line(program: Program) -> None:
    """The printed program is its own lowered form: nothing is left to extract."""
    lines = [line for line in program.to_text().splitlines() if " = " in line and line.split()[0] not in (
        "width", "param", "matrix", "claim")]  # fmt: skip
    inputs = sum(len(group.names) for group in program.groups)
    assert len(lines) == len(program.nodes) - inputs


def respell(text: str, rng: random.Random) -> str:
    """The same program with other spaces, comments, blank lines, line ends and spellings of operators."""
    out = []
    for line in text.splitlines():
        indent = re.match(r" *", line)[0]  # type: ignore[index]
        code = line[len(indent) :]
        code = re.sub(" ", lambda _: rng.choice([" ", "  ", "\t"]), code)
        code = code.replace("**", "^") if rng.random() < 0.5 else code.replace("^", "**")
        code = (
            code.replace("·", "*").replace("≤", "<=")
            if rng.random() < 0.5
            else code.replace("*", " * ").replace(" *  * ", "**")
        )
        if "(" in code and rng.random() < 0.3:
            code = code.replace("(", "(\n  # inside\n    ", 1)
        out.append(indent + code + rng.choice(["", "", "   ", "  # a comment; output z", " # 'x' [ ( \" "]))
        if rng.random() < 0.2:
            out.append(rng.choice(["", "    ", "# a line of its own", "      # (", "\t"]))
    return rng.choice(["\n", "\r\n"]).join(out) + rng.choice(["", "\n", "\n\n# the end"])


@settings(max_examples=examples(80))
@given(texts, st.integers(0, 2**32))
def test_comments_and_spaces_do_not_change_the_hash(text: str, seed: int) -> None:
    assert loads(respell(text, random.Random(seed))).hash == loads(text).hash


@settings(max_examples=examples(100))
@given(sketches())
def test_naming_a_subexpression_keeps_the_meaning(sketch) -> None:  # type: ignore[no-untyped-def]
    """Every output element, expanded to its inputs, is the same with subexpressions in place and with names."""
    meaning = Meaning()
    in_place, named = (Expansion(loads(sketch.text(named=k)), meaning) for k in (False, True))
    assert in_place.outputs() == named.outputs()


@settings(max_examples=examples(60))
@given(programs)
def test_printing_keeps_the_meaning(program: Program) -> None:
    """Not only the hash: the elements of the printed program, expanded, are those of the program."""
    meaning = Meaning()
    assert Expansion(loads(program.to_text()), meaning).outputs() == Expansion(program, meaning).outputs()


@settings(max_examples=examples(60))
@given(programs)
def test_every_reference_is_resolved_to_the_instructions_that_define_it(program: Program) -> None:
    expansion = Expansion(program, Meaning())
    for node in program.nodes:
        for ref, _ in program.references(node):
            claimed = {(id(n), m) for n, pattern in program.resolve(ref) for m in pattern.members()}
            names = [s for s in ref.subs if isinstance(s, str)]
            found = set()
            for at in expansion.assignments(names):
                definition, place = expansion.definition(ref.name, expansion.at(ref, at))
                found.add((id(definition), tuple(place[s] for s in definition.subs if isinstance(s, str))))
            assert claimed == found


@settings(max_examples=examples(60))
@given(programs)
def test_the_graph_has_one_edge_for_each_use(program: Program) -> None:
    graph = program.graph
    assert graph.number_of_nodes() == len(program.nodes)
    assert all(source < target for source, target in graph.edges), "arguments come first"
