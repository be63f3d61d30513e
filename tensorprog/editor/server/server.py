"""The language server: keeps what is known of each open text, and passes questions on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer

from tensorprog import __version__
from tensorprog.editor.answers.analysis import Analysis
from tensorprog.editor.answers.complete import completions, signature
from tensorprog.editor.answers.hover import hover
from tensorprog.editor.answers.limits import ClaimFound, Found, NameLimit
from tensorprog.editor.server.protocol import LENSES, NAME, Page, completion, signature_help
from tensorprog.editor.server.worker import Worker
from tensorprog.editor.text import included
from tensorprog.editor.text.outline import Refused, outline, renaming
from tensorprog.editor.work.jobs import JOBS
from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.place import Place

PATIENCE = 1.0
"""Seconds that a hover waits for a limit that is being derived."""
MOST_SECONDS = 60.0
"""A text that is not touched is worked on for so long."""
PAUSE = 0.5
"""Seconds between two refreshments of the hints while limits arrive."""

ENDED = Diagnostic(
    "TP907",
    "this text could not be judged: the process that judges it has ended",
    Place(1, 1),
    help="use smaller families, or name parts of long expressions",
)


@dataclass
class State:
    """What is known of one open text; `limits` grow until `settled`."""

    worker: Worker = field(default_factory=Worker)
    analysis: Analysis = field(default_factory=lambda: Analysis(()))
    found: list[Found] = field(default_factory=list)
    settled: bool = False
    task: asyncio.Task[None] | None = None
    judged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        claims = (f.diagnostic for f in self.found if isinstance(f, ClaimFound))
        return [*self.analysis.diagnostics, *(d for d in claims if d is not None)]

    @property
    def limits(self) -> list[NameLimit]:
        return [f for f in self.found if isinstance(f, NameLimit)]

    def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
        self.worker.close()


class Server(LanguageServer):
    """A language server with the states of its texts."""

    def __init__(self) -> None:
        super().__init__(NAME, __version__)
        self.states: dict[str, State] = {}
        self.commander, self.mender = Worker(), Worker()
        self.shows = False
        """Does the client itself show what a command returns?"""

    def state(self, uri: str) -> State:
        return self.states.setdefault(uri, State())

    def page(self, uri: str) -> Page:
        document = self.workspace.get_text_document(uri)
        return Page(uri, document.source, self.workspace.position_codec)

    def changed(self, uri: str) -> None:
        """Start anew for a text that was opened or changed; what was being derived for the old one is dropped."""
        state = self.state(uri)
        if state.task is not None:
            state.task.cancel()
        state.found, state.settled = [], False
        state.judged.clear()
        state.task = asyncio.ensure_future(self.understand(state, self.page(uri)))

    async def understand(self, state: State, page: Page) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOST_SECONDS):
                await self.receive(state, page)
        if not state.judged.is_set():
            state.analysis = Analysis((ENDED,))
            state.judged.set()
            self.publish(page, state)
        state.worker.cancel()
        state.settled = True
        self.ask_again()

    async def receive(self, state: State, page: Page) -> None:
        """Take in what is found about a text, and show it."""
        refreshed = time.monotonic()
        async for part in state.worker.run("understand", page.text, page.path):
            if isinstance(part, Analysis):
                state.analysis = part
                state.judged.set()
                self.publish(page, state)
                self.ask_again(lenses=True)
                continue
            state.found.append(part)
            if isinstance(part, ClaimFound) and part.diagnostic is not None:
                self.publish(page, state)
            if time.monotonic() - refreshed > PAUSE:
                refreshed = time.monotonic()
                self.ask_again()

    def publish(self, page: Page, state: State) -> None:
        version = self.workspace.get_text_document(page.uri).version
        made = [page.diagnostic(d) for d in state.diagnostics]
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(page.uri, made, version))

    def ask_again(self, lenses: bool = False) -> None:
        """Tell a client that can do so to ask for hints (and lenses) again."""
        can = self.client_capabilities.workspace
        if can is not None and can.inlay_hint is not None and can.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)
        if lenses and can is not None and can.code_lens is not None and can.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)


def make_server() -> Server:
    """Return a server with all it can answer."""
    server = Server()

    @server.feature(lsp.INITIALIZE)
    def initialize(ls: Server, params: lsp.InitializeParams) -> None:
        options = params.initialization_options
        ls.shows = isinstance(options, dict) and bool(options.get("showsResults"))

    @server.feature(lsp.INITIALIZED)
    async def initialized(ls: Server, _: lsp.InitializedParams) -> None:
        ls.commander.prepare()  # the libraries are loaded before the first text is opened

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
        ls.changed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def did_change(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
        ls.changed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def did_save(ls: Server, params: lsp.DidSaveTextDocumentParams) -> None:
        """A saved file may be included in others."""
        for uri in ls.states:
            if uri != params.text_document.uri and "include" in ls.page(uri).text:
                ls.changed(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def did_close(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        if (state := ls.states.pop(uri, None)) is not None:
            state.close()
        ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))

    @server.feature(lsp.SHUTDOWN)
    async def shutdown(ls: Server, _: None) -> None:
        for state in ls.states.values():
            state.close()
        ls.commander.close()
        ls.mender.close()

    _questions(server)
    _edits(server)
    for name in LENSES:
        _command(server, name)
    return server


def _questions(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def on_hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
        uri = params.text_document.uri
        page, state = ls.page(uri), ls.state(uri)
        line, column = page.cursor(params.position)
        token = outline(page.text).token_at(line, column)
        if token is not None and token.role == "name":
            until = time.monotonic() + PATIENCE
            while not state.settled and time.monotonic() < until and token.text not in {f.name for f in state.limits}:
                await asyncio.sleep(0.02)
        found = await asyncio.to_thread(hover, page.text, line, column, state.analysis, list(state.limits))
        return None if found is None else page.hover(found)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def on_definition(ls: Server, params: lsp.DefinitionParams) -> list[lsp.Location]:
        uri = params.text_document.uri
        page = ls.page(uri)
        found = included.definitions(page.text, page.path, *page.cursor(params.position))
        return [(page if file is None else _other(ls, page, file)).declaration(d) for file, d in found]

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def on_references(ls: Server, params: lsp.ReferenceParams) -> list[lsp.Location]:
        page = ls.page(params.text_document.uri)
        found = outline(page.text)
        token = found.token_at(*page.cursor(params.position))
        uses = found.uses(token.text) if token is not None and token.role == "name" else []
        return [lsp.Location(page.uri, page.of_token(t)) for t in uses]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def on_symbols(ls: Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        page = ls.page(params.text_document.uri)
        return page.symbols(outline(page.text))

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["~", "@", "[", "("]))
    def on_completion(ls: Server, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        page = ls.page(params.text_document.uri)
        return [completion(i) for i in completions(page.text, *page.cursor(params.position))]

    @server.feature(lsp.TEXT_DOCUMENT_SIGNATURE_HELP, lsp.SignatureHelpOptions(trigger_characters=["(", ","]))
    def on_signature(ls: Server, params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        page = ls.page(params.text_document.uri)
        found = signature(page.text, *page.cursor(params.position))
        return None if found is None else signature_help(found)

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def on_hints(ls: Server, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        page, state = ls.page(params.text_document.uri), ls.state(params.text_document.uri)
        hints = page.hints(state.found)
        return [h for h in hints if params.range.start.line <= h.position.line <= params.range.end.line]

    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS)
    async def on_lenses(ls: Server, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        page, state = ls.page(params.text_document.uri), ls.state(params.text_document.uri)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(state.judged.wait(), PATIENCE)
        return page.lenses(state.analysis, outline(page.text)) if state.judged.is_set() else []


def _edits(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def on_prepare(ls: Server, params: lsp.PrepareRenameParams) -> lsp.Range | None:
        page = ls.page(params.text_document.uri)
        found = outline(page.text)
        token = found.token_at(*page.cursor(params.position))
        named = token is not None and token.role == "name" and token.text in found.by_name
        return page.of_token(token) if token is not None and named else None

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def on_rename(ls: Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        uri = params.text_document.uri
        page = ls.page(uri)
        others = included.included(page.text, page.path).values()
        try:
            tokens = renaming(page.text, *page.cursor(params.position), params.new_name, others)
        except Refused as why:
            ls.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, str(why)))
            return None
        made = [lsp.TextEdit(page.of_token(t), params.new_name) for t in tokens]
        return lsp.WorkspaceEdit(changes={uri: made})

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix]))
    async def on_action(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri = params.text_document.uri
        page, state = ls.page(uri), ls.state(uri)
        meant = [d for d in state.diagnostics if _meets(page.diagnostic(d).range, params.range)]
        out: list[lsp.CodeAction] = []
        if meant:
            async for d, found in ls.mender.run("mend", page.text, page.path, meant):
                out += [page.action(fix, page.diagnostic(d), k == 0) for k, fix in enumerate(found)]
        return out


def _meets(a: lsp.Range, b: lsp.Range) -> bool:
    return a.start.line <= b.end.line and b.start.line <= a.end.line


def _other(ls: Server, page: Page, file: str) -> Page:
    uri = uris.from_fs_path(file) or page.uri
    return ls.page(uri)


def _command(server: Server, name: str) -> None:
    assert name in JOBS

    @server.command(f"{NAME}.{name}")
    async def on_command(ls: Server, uri: str, *_: Any) -> str:
        page = ls.page(uri)
        said = ""
        async for said in ls.commander.run(name, page.text, page.path):
            if not ls.shows:
                ls.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Info, said))
        return said
