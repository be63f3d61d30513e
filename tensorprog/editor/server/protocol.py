"""Our answers as the protocol's: places in the client's units, diagnostics, symbols, edits. It computes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris
from pygls.workspace import PositionCodec

from tensorprog.editor.answers.analysis import Analysis
from tensorprog.editor.answers.complete import Item, Signature
from tensorprog.editor.answers.hover import Hover, source
from tensorprog.editor.answers.limits import ClaimFound, Found, NameLimit
from tensorprog.editor.fixing.edits import Edit, Fix
from tensorprog.editor.text.included import included
from tensorprog.editor.text.outline import Declaration, Outline
from tensorprog.editor.text.tokens import Statement, Token
from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.place import Place

NAME = "tensorprog"
SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "note": lsp.DiagnosticSeverity.Information,
}
SYMBOLS = {
    "program": lsp.SymbolKind.Module, "width": lsp.SymbolKind.Constant, "const": lsp.SymbolKind.Constant,
    "index": lsp.SymbolKind.Enum, "param": lsp.SymbolKind.Number, "matrix": lsp.SymbolKind.Array,
    "input": lsp.SymbolKind.Field, "weight": lsp.SymbolKind.Object, "defined": lsp.SymbolKind.Variable,
    "loop": lsp.SymbolKind.Enum,
}  # fmt: skip
ITEMS = {
    "keyword": lsp.CompletionItemKind.Keyword, "function": lsp.CompletionItemKind.Function,
    "vector": lsp.CompletionItemKind.Variable, "weight": lsp.CompletionItemKind.Class,
    "constant": lsp.CompletionItemKind.Constant, "law": lsp.CompletionItemKind.Constructor,
}  # fmt: skip
LENSES = {"verdict": "", "covariances": "covariances", "validate": "validate"}


@dataclass(frozen=True)
class Page:
    """One text with the units in which a client counts its columns."""

    uri: str
    text: str
    codec: PositionCodec

    @property
    def path(self) -> str | None:
        """The file that the text is the content of, if it has one."""
        return uris.to_fs_path(self.uri) if self.uri.startswith("file:") else None

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def position(self, line: int, column: int) -> lsp.Position:
        """Turn a line and column from 1 into a position from 0."""
        line = min(max(line, 1), len(self.lines))
        before = self.lines[line - 1][: max(0, column - 1)]
        return lsp.Position(line - 1, self.codec.client_num_units(before))

    def cursor(self, at: lsp.Position) -> tuple[int, int]:
        """Turn a position into a line and column from 1."""
        if at.line >= len(self.lines):
            return len(self.lines) + 1, 1
        found = self.codec.position_from_client_units(self.lines, at)
        return at.line + 1, min(found.character, len(self.lines[at.line])) + 1

    def range(self, line: int, column: int, length: int) -> lsp.Range:
        return lsp.Range(self.position(line, column), self.position(line, column + length))

    def of_place(self, p: Place) -> lsp.Range:
        return self.range(p.line, p.column, p.length)

    def of_token(self, t: Token) -> lsp.Range:
        return self.range(t.line, t.column, len(t.text))

    def of_statement(self, s: Statement) -> lsp.Range:
        last = s[-1]
        end = self.position(last.line, last.column + len(last.text))
        return lsp.Range(self.position(s[0].line, s[0].column), end)

    def end_of_line(self, line: int) -> lsp.Position:
        """Return the end of what is written on a line, before a comment."""
        code = self.lines[line - 1].split("#")[0] if line <= len(self.lines) else ""
        return self.position(line, len(code.rstrip()) + 1)

    # -- answers -----------------------------------------------------------------------------------------------------

    def diagnostic(self, d: Diagnostic) -> lsp.Diagnostic:
        parts = (("because", d.because), ("then", d.consequence), ("help", d.help))
        said = [d.message, *(f"{word}: {text}" for word, text in parts if text)]
        places = [(self.location(p), label) for p, label in d.related]
        related = [lsp.DiagnosticRelatedInformation(at, label) for at, label in places if at is not None]
        return lsp.Diagnostic(
            range=self.of_place(d.place or Place(1, 1)),
            severity=SEVERITIES[d.severity],
            code=d.code,
            source=NAME,
            message="\n".join(said),
            related_information=related or None,
        )

    def location(self, p: Place) -> lsp.Location | None:
        """Return where a place is; None for one in an included file that is not found by the name it is given."""
        if p.file is None:
            return lsp.Location(self.uri, self.of_place(p))
        end = Path(p.file).parts
        files = included(self.text, self.path)
        meant = [file for file in files if Path(file).parts[-len(end) :] == end]
        uri = uris.from_fs_path(meant[0]) if len(meant) == 1 else None
        return None if uri is None else lsp.Location(uri, Page(uri, files[meant[0]], self.codec).of_place(p))

    def edit(self, edits: Iterable[Edit]) -> lsp.WorkspaceEdit:
        made = [lsp.TextEdit(self.range(e.line, e.column, e.length), e.text) for e in edits]
        return lsp.WorkspaceEdit(changes={self.uri: made})

    def action(self, fix: Fix, mended: lsp.Diagnostic, first: bool) -> lsp.CodeAction:
        return lsp.CodeAction(fix.title, lsp.CodeActionKind.QuickFix, [mended], first, edit=self.edit(fix.edits))

    def hover(self, h: Hover) -> lsp.Hover:
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, h.markdown), self.of_token(h.token))

    def symbols(self, outline: Outline) -> list[lsp.DocumentSymbol]:
        out, seen = [], set()
        for d in outline.declarations:
            if d.kind == "loop" or (d.kind == "defined" and d.name in seen):
                continue
            seen.add(d.name)
            whole, name = self.of_statement(d.statement), self.of_token(d.token)
            out.append(lsp.DocumentSymbol(d.name, SYMBOLS[d.kind], whole, name, source(self.text, d.statement)[:120]))
        return out

    def declaration(self, d: Declaration) -> lsp.Location:
        return lsp.Location(self.uri, self.of_token(d.token))

    def hints(self, found: Iterable[Found]) -> list[lsp.InlayHint]:
        out = []
        for f in found:
            label = f.hint if isinstance(f, NameLimit) else f.status if isinstance(f, ClaimFound) else ""
            if label and f.place is not None:
                tip = "\n".join(f.details) if isinstance(f, NameLimit) else None
                out.append(lsp.InlayHint(self.end_of_line(f.place.line), f"  {label}", tooltip=tip, padding_left=True))
        return out

    def lenses(self, analysis: Analysis, outline: Outline) -> list[lsp.CodeLens]:
        first = outline.statements[0][0] if outline.statements else None
        if first is None:
            return []
        at = self.of_token(first)
        titles = {**LENSES, "verdict": analysis.lens} if analysis.verdict else {"verdict": analysis.lens}
        return [lsp.CodeLens(at, lsp.Command(t, f"{NAME}.{k}", arguments=[self.uri])) for k, t in titles.items()]


def completion(item: Item) -> lsp.CompletionItem:
    return lsp.CompletionItem(item.label, kind=ITEMS[item.kind], detail=item.detail, documentation=item.says or None)


def signature_help(s: Signature) -> lsp.SignatureHelp:
    parameters = [lsp.ParameterInformation(p) for p in s.parameters]
    return lsp.SignatureHelp([lsp.SignatureInformation(s.form, s.says or None, parameters)], 0, s.active)
