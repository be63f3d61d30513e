"""The page that follows a file, asked over HTTP, and looked at in Chromium where there is one."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tensorprog.cli import main
from tensorprog.editor.watch.follow import Follower
from tensorprog.editor.watch.serve import Server, server
from tests.display.browser import CHROMIUM, browser

GOOD = "program net\ninput u ~ N(0, 1)\nweight W ~ N(0, 1/n)\ny = relu(W @ u)\noutput y\n"
BAD = GOOD.replace("relu(W", "rleu(W")
INVALID = GOOD.replace("relu(W @ u)", "sign(W @ u) * exp(exp(W @ u))")


class Watched:
    """A served file."""

    def __init__(self, path: Path) -> None:
        self.path, self.follower = path, Follower(path, samples=0, seconds=2.0)
        self.server: Server = server(self.follower, 0)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self.follower.follow, daemon=True).start()

    def get(self, path: str, host: str | None = None, method: str = "GET") -> tuple[int, str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, headers={"Host": host or f"127.0.0.1:{self.port}"})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, answer.headers

    def news(self) -> Iterator[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/news")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        try:
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            connection.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    path = tmp_path / "net.tp"
    path.write_text(GOOD)
    made = Watched(path)
    yield made
    made.follower.end()
    made.server.shutdown()
    made.server.server_close()


def next_whole(news: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return next(n for n in news if n["stage"] == "whole")


def test_the_page_follows_the_file(watched: Watched) -> None:
    news = watched.news()
    stages = []
    for n in news:
        stages.append(n["stage"])
        if n["stage"] == "part":
            body = watched.get("/report")[1]
            assert "<svg" in body  # the graph is there at once
        if n["stage"] == "whole":
            break
    assert (n["word"], n["name"]) == ("valid", "net.tp")
    assert stages[-1] == "whole"
    _, body, headers = watched.get(f"/report?{n['number']}")
    assert "<title>net: valid</title>" in body
    assert "Limits" in body
    assert headers["Cache-Control"] == "no-store"

    watched.path.write_text(BAD)
    assert next_whole(news)["word"] == "error"
    body = watched.get("/report")[1]
    assert "error[TP002]: there is no function named rleu" in body
    assert "4 | y = rleu(W @ u)" in body  # with its line and caret, as in the terminal
    assert "^^^^" in body


@pytest.mark.long
def test_the_page_follows_included_files_and_a_file_that_vanishes(watched: Watched) -> None:
    news = watched.news()
    assert next_whole(news)["word"] == "valid"
    watched.path.write_text(INVALID)
    assert next_whole(news)["word"] == "invalid"
    assert "TP20" in watched.get("/report")[1]
    watched.path.unlink()
    assert next_whole(news)["word"] == "error"
    assert "TP018" in watched.get("/report")[1]
    watched.path.write_text('include "part.tp"\noutput u\n')
    assert next_whole(news)["word"] == "error"
    (watched.path.parent / "part.tp").write_text("input u ~ N(0, 1)\n")  # an included file is followed too
    assert next_whole(news)["word"] == "valid"


def test_the_frame_is_for_this_machine_alone(watched: Watched) -> None:
    status, body, headers = watched.get("/")
    assert status == 200
    assert '<script src="/watch.js"></script>' in body
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "EventSource" in watched.get("/watch.js")[1]
    assert watched.get("/", host="evil.example")[0] == 403
    assert watched.get("/report", host=f"evil.example:{watched.port}")[0] == 403
    assert watched.get("/etc/passwd")[0] == 404
    assert watched.get("/../net.tp")[0] == 404
    assert watched.get("/", method="POST")[0] == 501
    assert watched.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("words", [["no such.tp"], ["."], ["-"]])
def test_what_cannot_be_watched_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", *words]) == 2
    assert "TP018" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_clear_error(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(watched.path), "--port", str(watched.port)]) == 2
    assert f"cannot serve on port {watched.port}" in capsys.readouterr().err


def test_a_file_that_is_replaced_is_not_missed_and_shows_no_error_between(watched: Watched, tmp_path: Path) -> None:
    news = watched.news()
    assert next_whole(news)["word"] == "valid"
    watched.path.unlink()
    time.sleep(0.03)  # shorter than two looks
    watched.path.write_text(INVALID)
    assert next_whole(news)["word"] == "invalid"


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """A process that does not outlive what is asked of it, whatever comes out."""
    try:
        yield
    finally:
        process.kill()


def test_the_command_says_where_and_ends_with_control_c(tmp_path: Path) -> None:
    path = tmp_path / "net.tp"
    path.write_text(GOOD)
    words = [sys.executable, "-m", "tensorprog", "watch", str(path), "--samples", "0"]

    def heard() -> None:  # a shell starts what runs in the background deaf to the signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    pipe = subprocess.PIPE
    started = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, preexec_fn=heard)  # noqa: PLW1509 (one call)
    with started as process, ended(process):
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
        assert found is not None, said
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=20)
        connection.request("GET", "/")
        assert "net.tp" in connection.getresponse().read().decode()
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page is not looked at")
def test_the_page_reloads_itself_in_a_browser(watched: Watched, tmp_path: Path) -> None:
    def titled(tab: Any, title: str) -> bool:
        for _ in range(200):
            if tab.ask("document.title") == title:
                return True
            time.sleep(0.05)
        raise AssertionError(tab.ask("document.title"), tab.complaints)

    with browser(tmp_path / "profile") as tab:
        tab.open(f"http://127.0.0.1:{watched.port}/")
        assert titled(tab, "net: valid")
        watched.path.write_text(BAD)
        assert titled(tab, "net.tp: error")
        seen = "[...document.querySelectorAll('iframe')].find(f => !f.classList.contains('waiting')).contentDocument"
        assert "rleu" in tab.ask(f"{seen}.body.innerText")
        watched.path.write_text(GOOD)
        assert titled(tab, "net: valid")
        assert tab.complaints == []
