"""A real headless Chromium, driven over its own protocol: open a page, ask it, click, and hear what it complains of."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "about:blank")  # fmt: skip


class Tab:
    """One tab: `ask` evaluates an expression in it; `complaints` are console messages and refused loads."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.count = socket, 0
        self.complaints: list[str] = []

    def call(self, method: str, **params: Any) -> Any:
        self.count += 1
        mine = self.count
        self.socket.send(json.dumps({"id": mine, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(60))
            if said.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(said["params"])[:500])
            if said.get("id") == mine:
                assert "error" not in said, said
                return said["result"]

    def open(self, url: str, width: int = 1200, dark: bool = False) -> None:
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        for _ in range(600):
            if self.ask("document.readyState") == "complete" and self.ask("location.href") != "about:blank":
                return
            time.sleep(0.05)
        raise AssertionError("the page did not load")

    def ask(self, expression: str) -> Any:
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of an element."""
        box = self.ask(
            f"(e => {{ e.scrollIntoView({{block: 'center', inline: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2]; }})(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Tab]:
    """A tab of a browser of its own, ended with the block."""
    from websockets.sync.client import connect

    assert CHROMIUM is not None
    process = subprocess.Popen([CHROMIUM, f"--user-data-dir={profile}", *FLAGS], stderr=subprocess.DEVNULL)
    try:
        port, path = _port(profile / "DevToolsActivePort", process)
        with connect(f"ws://127.0.0.1:{port}{path}") as whole:
            made = Tab(whole).call("Target.createTarget", url="about:blank")
        with connect(f"ws://127.0.0.1:{port}/devtools/page/{made['targetId']}", max_size=1 << 26) as page:
            yield Tab(page)
    finally:
        process.kill()
        process.wait()


def _port(file: Path, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    for _ in range(600):
        if file.exists() and len(lines := file.read_text().split()) == 2:
            return lines[0], lines[1]
        assert process.poll() is None, "the browser ended"
        time.sleep(0.05)
    raise AssertionError("the browser did not say where it listens")
