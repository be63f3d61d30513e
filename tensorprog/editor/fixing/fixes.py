"""Quick fixes: the edits that a diagnostic's help means, each tried before it is offered.

Candidates are proposed by code; what is offered is only what mends: the diagnostic is gone from the edited text,
and the text is no worse off otherwise.
"""

from __future__ import annotations

from tensorprog.editor.answers.analysis import Analysis, analyse
from tensorprog.editor.fixing import mend_network, mend_text
from tensorprog.editor.fixing.edits import Fix, Spot, applied
from tensorprog.editor.text.outline import outline
from tensorprog.errors import Diagnostic
from tensorprog.theorems.verdict import ORDER

CANDIDATES = {**mend_text.CANDIDATES, **mend_network.CANDIDATES}


def fixes(text: str, diagnostic: Diagnostic, path: str | None = None) -> list[Fix]:
    """Return the quick fixes of a diagnostic that mend it.

    >>> from tensorprog.editor.answers.analysis import analyse
    >>> text = "input u ~ N(0, 1)\\nweight W ~ N(0, 1)\\ny = W @ tahn(u)\\noutput y"
    >>> fixes(text, analyse(text).diagnostics[0])[0].title
    'write tanh'
    """
    find = CANDIDATES.get(diagnostic.code)
    if find is None or diagnostic.place is None:
        return []
    before = analyse(text, path)
    found: dict[str, Fix] = {}
    for fix in find(Spot(text, outline(text), diagnostic)):
        edited = applied(text, fix.edits)
        added = edited.count("\n") - text.count("\n")
        if fix.title not in found and _mends(diagnostic, before, analyse(edited, path), added):
            found[fix.title] = fix
    return list(found.values())


def _mends(d: Diagnostic, before: Analysis, after: Analysis, added: int) -> bool:
    if any((e.code, e.message) == (d.code, d.message) for e in after.diagnostics):
        return False
    if not after.verdict:  # the next error of a text that has several
        first = after.diagnostics[0].place
        if before.verdict or first is None or d.place is None:
            return False
        return (first.line - added, first.column) > (d.place.line, d.place.column)
    return not before.verdict or _worth(after) < _worth(before)


def _worth(a: Analysis) -> tuple[int, int]:
    return ORDER.index(a.verdict), len(a.diagnostics)
