"""The server driven by a real client over pipes."""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tensorprog.cli import main
from tensorprog.editor.answers.analysis import analyse
from tensorprog.editor.command import lsp as command

lsp = pytest.importorskip("lsprotocol.types")
client_of = pytest.importorskip("pygls.lsp.client").LanguageClient
ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
TIED = re.search(r"```tp save tied.tp\n(.*?)```", TUTORIAL, re.DOTALL)[1]  # type: ignore[index]
MYNET = re.search(r"```tp save mynet.tp\n(.*?)```", TUTORIAL, re.DOTALL)[1]  # type: ignore[index]
MISTAKES = [
    ("tanh(W", "tnah(W", "TP002", "write tanh"),
    ("x[j]) for j)", "x[j]) for j", "TP001", "close with )"),
    ("output y", "", "TP007", "output y"),
    ("param r in (-1, 1) = 0.5", "", "TP002", None),
    ("Wk @ x[j]) / sqrt(n)", "Wq @ x[j]) / sqrt(n)", "TP102", "divide by n"),
    ("Wk @ x[j]) / sqrt(n)", "Wk @ x[j])", "TP302", "divide by sqrt(n)"),
    ("~ N(0, 1/n)", "~ N(0, 1)", "TP104", "write N(0, 1/n)"),
    ("input  u[i] ~", "input  u[i] =", "TP001", "write ~"),
]
"""A slip in the tutorial's network: what was typed in the place of what, the code, the quick fix."""


class Editor:
    """A client that types, and remembers the diagnostics of the last version."""

    def __init__(self, client: Any) -> None:
        self.client, self.uri, self.version = client, "file:///nowhere/net.tp", 0
        self.published: asyncio.Queue[Any] = asyncio.Queue()
        self.said: list[str] = []

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def on_published(params: Any) -> None:
            self.published.put_nowait(params)

        @client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def on_said(params: Any) -> None:
            self.said.append(params.message)

    async def open(self, text: str) -> list[Any]:
        self.version = 1
        item = lsp.TextDocumentItem(self.uri, "tensorprog", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return await self.diagnostics()

    async def type(self, text: str) -> list[Any]:
        self.send([lsp.TextDocumentContentChangeWholeDocument(text)])
        return await self.diagnostics()

    def send(self, changes: list[Any]) -> None:
        self.version += 1
        named = lsp.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri)
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(named, changes))

    async def diagnostics(self) -> list[Any]:
        while True:
            found = await asyncio.wait_for(self.published.get(), 30)
            if found.version == self.version:
                return list(found.diagnostics)

    @property
    def here(self) -> Any:
        return lsp.TextDocumentIdentifier(self.uri)


def edited(text: str, edits: list[Any]) -> str:
    lines = text.split("\n")
    for e in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character), reverse=True):
        a, b = e.range.start, e.range.end
        assert a.line == b.line
        lines[a.line] = lines[a.line][: a.character] + e.new_text + lines[a.line][b.character :]
    return "\n".join(lines)


def in_session(drive: Callable[[Editor], Awaitable[None]]) -> None:
    async def session() -> None:
        client = client_of("tests", "1")
        editor = Editor(client)
        await client.start_io(sys.executable, "-m", "tensorprog", "lsp", "--stdio")
        try:
            asked = lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), process_id=None)
            await asyncio.wait_for(client.initialize_async(asked), 30)
            client.initialized(lsp.InitializedParams())
            await drive(editor)
            await asyncio.wait_for(client.shutdown_async(None), 10)
            client.exit(None)
        finally:
            if sys.exc_info()[0] is not None:
                client._server.kill()  # a failed test must not wait for the server
            await client.stop()

    asyncio.run(session())


def test_the_mistake_of_the_tutorial_is_shown_at_its_place() -> None:
    async def drive(e: Editor) -> None:
        (d,) = await e.open(TIED)
        assert (d.code, d.range.start.line, d.range.start.character, d.range.end.character) == ("TP102", 5, 9, 12)
        assert "because: Assumption 1(b)" in d.message
        assert d.related_information[0].location.range.start.character == 13
        assert await e.type(MYNET) == []

    in_session(drive)


@pytest.mark.long
def test_slips_in_the_network_of_the_tutorial_are_shown_and_mended() -> None:
    async def drive(e: Editor) -> None:
        assert await e.open(MYNET) == []
        for right, wrong, code, title in MISTAKES:
            text = MYNET.replace(right, wrong)
            assert text != MYNET
            found = await e.type(text)
            assert [d.code for d in found][:1] == [code], text
            context = lsp.CodeActionContext(diagnostics=found)
            asked = lsp.CodeActionParams(e.here, found[0].range, context)
            actions = await e.client.text_document_code_action_async(asked)
            if title is None:
                continue
            (chosen,) = [a for a in actions if a.title == title]
            assert await e.type(edited(text, chosen.edit.changes[e.uri])) == [], title

    in_session(drive)


async def until(ask: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
    for _ in range(300):
        found = await ask()
        if good(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


@pytest.mark.long
def test_what_an_editor_shows_and_never_waits_for() -> None:
    slow = "\n".join(["index i, j in 1..6", "input u0[i] ~ N(0, 1)"] + [
        line for k in range(4) for line in (
            f"weight Q{k}, K{k}, V{k} ~ N(0, 1/n)",
            f"p{k}[i,j] = dot(Q{k} @ tanh(u{k}[i]), K{k} @ tanh(u{k}[j])) / sqrt(n)",
            f"u{k + 1}[i] = u{k}[i] + sum(softmax(p{k}[i,j] over j) * (V{k} @ u{k}[j]) for j)",
        )] + ["output u4", ""])  # fmt: skip

    async def drive(e: Editor) -> None:
        c, whole = e.client, lsp.Range(lsp.Position(0, 0), lsp.Position(999, 0))
        # A derivation that takes long is under way; what is typed into it is answered all the same.
        await e.open(slow)
        for k in range(3):
            e.send([lsp.TextDocumentContentChangePartial(lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0)), "#\n")])
            start = asyncio.get_running_loop().time()
            await e.diagnostics()
            assert asyncio.get_running_loop().time() - start < 5, k
        assert await e.type(MYNET) == []
        hints = await until(lambda: c.text_document_inlay_hint_async(lsp.InlayHintParams(e.here, whole)),
                            lambda found: any("var(y[1])" in h.label for h in found))  # fmt: skip
        assert any("var(u[1]) = 1" in h.label and h.position.line == 7 for h in hints)
        at = lsp.Position(MYNET.split("\n").index("output y"), 8)
        found = await c.text_document_hover_async(lsp.HoverParams(e.here, at))
        assert "hierarchical" in found.contents.value
        (target,) = await c.text_document_definition_async(lsp.DefinitionParams(e.here, at))
        assert MYNET.split("\n")[target.range.start.line].startswith("y[i]")
        edit = await c.text_document_rename_async(lsp.RenameParams(e.here, at, "out"))
        assert "output out" in edited(MYNET, edit.changes[e.uri])
        assert await c.text_document_rename_async(lsp.RenameParams(e.here, at, "x")) is None
        assert "already a name" in e.said[-1]
        lenses = await c.text_document_code_lens_async(lsp.CodeLensParams(e.here))
        assert [x.command.title for x in lenses] == ["valid by attention", "covariances", "validate"]
        run = lsp.ExecuteCommandParams(lenses[1].command.command, lenses[1].command.arguments)
        assert "cov(y[1], y[1])" in await c.workspace_execute_command_async(run)
        symbols = await c.text_document_document_symbol_async(lsp.DocumentSymbolParams(e.here))
        assert {"mynet", "K", "u", "Wq", "x", "p", "y"} <= {s.name for s in symbols}
        items = await c.text_document_completion_async(lsp.CompletionParams(e.here, at))
        assert {i.label for i in items} >= {"y", "x", "u"}

    in_session(drive)


@pytest.mark.parametrize(("units", "character"), [("utf-8", 21), ("utf-16", 19), ("utf-32", 18)])
def test_columns_are_counted_in_the_units_of_the_client(units: str, character: int) -> None:
    from pygls.workspace import PositionCodec

    from tensorprog.editor.server.protocol import Page

    page = Page("file:///net.tp", '# é\r\nmatrix K = file("\U0001d4a9") y\n', PositionCodec(units))
    assert page.position(2, 19) == lsp.Position(1, character)
    assert page.cursor(lsp.Position(1, character)) == (2, 19)
    assert page.cursor(lsp.Position(7, 3)) == (4, 1)
    assert page.position(99, 99).line == 2


def test_without_pygls_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lsp"]) == 2
    result = CliRunner().invoke(command, [])
    assert "tensorprog[editor]" in str(result.exception)


def test_a_process_that_ends_is_told_and_the_next_text_is_judged() -> None:
    """What the worker does when its process dies under it, and that a job that is superseded yields nothing more."""
    import os
    import signal

    from tensorprog.editor.server.worker import Worker

    async def drive() -> None:
        worker = Worker()
        worker.prepare()
        assert worker._ready is not None
        os.kill((await worker._ready).process.pid, signal.SIGKILL)
        assert [part async for part in worker.run("understand", MYNET, None)] == []
        slow = worker.run("understand", MYNET, None)
        first = await anext(slow)
        assert first.verdict == "valid"
        newer = [part async for part in worker.run("understand", TIED, None)]
        assert newer[0].verdict == "invalid"
        assert [part async for part in slow] == []
        worker.close()
        # A key that is pressed while the first process is still starting must not end the process.
        early = asyncio.ensure_future(anext(worker.run("understand", TIED, None)))
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.sleep(0)
        assert (await anext(worker.run("understand", MYNET, None))).verdict == "valid"
        worker.close()

    asyncio.run(drive())


@pytest.mark.long
def test_what_is_shown_in_the_end_is_what_the_last_text_says() -> None:
    """Random keys in two texts at once, one with Windows line ends, faster than they can be judged."""
    rng = random.Random(0)
    keys = [*"()[]=@*\n é", "\U0001d4a9", "tahn(", " over "]

    async def drive(e: Editor) -> None:
        last: dict[str, Any] = {}
        texts = {f"file:///nowhere/{k}.tp": text for k, text in enumerate((MYNET, TIED.replace("\n", "\r\n")))}
        for uri, text in texts.items():
            item = lsp.TextDocumentItem(uri, "tensorprog", 1, text)
            e.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        for version in range(2, 40):
            for uri, text in texts.items():
                lines = text.split("\n")
                line = rng.randrange(len(lines))
                at, key = rng.randrange(len(lines[line].rstrip("\r")) + 1), rng.choice(keys)
                units = len(lines[line][:at].encode("utf-16-le")) // 2
                lines[line] = lines[line][:at] + key + lines[line][at:]
                texts[uri] = "\n".join(lines) if version < 38 else text
                place = lsp.Range(lsp.Position(line, units), lsp.Position(line, units))
                change = lsp.TextDocumentContentChangePartial(place, key if version < 38 else "")
                named = lsp.VersionedTextDocumentIdentifier(version=version, uri=uri)
                e.client.text_document_did_change(lsp.DidChangeTextDocumentParams(named, [change]))
            await asyncio.sleep(rng.random() * 0.05)
        while {uri: d.version for uri, d in last.items()} != dict.fromkeys(texts, 39):
            found = await asyncio.wait_for(e.published.get(), 30)
            last[found.uri] = found
        for uri, text in texts.items():
            said = [(d.code, d.line) for d in analyse(text).diagnostics]
            assert [(d.code, d.range.start.line + 1) for d in last[uri].diagnostics] == said

    in_session(drive)
