"""Serves a page to this machine alone: a frame around the report, its script, the report, and a stream of news."""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tensorprog.display.page.markup import Markup, tag
from tensorprog.editor.watch.follow import Follower

HERE = "127.0.0.1"
HEARTBEAT = 10.0
"""Seconds after which a stream says that it is alive."""
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src 'self'; style-src 'unsafe-inline'"
STYLE = """
:root{color-scheme:light dark}html,body{margin:0;height:100%}body{display:flex;flex-direction:column;
font:16px/1.5 system-ui,sans-serif}p{margin:0;padding:.2rem 1rem;background:#111827;color:#f9fafb}
div{position:relative;flex:1}iframe{position:absolute;inset:0;width:100%;height:100%;border:0}
iframe.waiting{visibility:hidden}
"""
SCRIPT = """
const said = document.querySelector("p"), frames = [...document.querySelectorAll("iframe")];
const words = {computing: "computing …", part: "limits are being derived …", whole: "up to date"};
let front = 0, shown = -1;
function show(number) {
  const old = frames[front], next = frames[1 - front];
  next.onload = () => {
    next.onload = null;
    const hash = old.contentWindow ? old.contentWindow.location.hash : "";
    const top = old.contentWindow ? old.contentWindow.scrollY : 0;
    next.contentWindow.scrollTo(0, top);
    next.classList.remove("waiting");
    old.classList.add("waiting");
    document.title = next.contentDocument.title;
    front = 1 - front;
  };
  next.src = "/report?" + number;
}
const news = new EventSource("/news");
news.onmessage = (event) => {
  const {number, stage, word, name} = JSON.parse(event.data);
  said.textContent = [name, word, words[stage]].filter(Boolean).join(" · ");
  document.documentElement.dataset.stage = stage;
  if (stage !== "computing" && number !== shown) {
    shown = number;
    show(number);
  }
};
news.onerror = () => { said.textContent = "the server has ended; start tensorprog watch again"; };
"""


def frame(name: str) -> str:
    """Return the page around the report: two frames, so that one can load while the other is seen."""
    head = tag("head", tag("meta", charset="utf-8"), tag("title", name), Markup(f"<style>{STYLE}</style>"))
    frames = tag("div", tag("iframe", title="report"), tag("iframe", title="next report", class_="waiting"))
    script = tag("script", "", src="/watch.js")
    body = tag("body", tag("p", f"{name} · starting …", role="status"), frames, script)
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


class Handler(BaseHTTPRequestHandler):
    """Answers GET from this machine."""

    protocol_version = "HTTP/1.1"

    def __init__(self, follower: Follower, *given: object) -> None:
        self.follower = follower
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer one request; a name that is not this machine's is refused, so that no other site can read here."""
        assert isinstance(self.server, Server)
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HERE}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN, "this page is for this machine alone")
            return
        match self.path.partition("?")[0]:
            case "/":
                self._send(frame(self.follower.path.name), "text/html", POLICY)
            case "/watch.js":
                self._send(SCRIPT, "text/javascript")
            case "/report":
                self._send(self.follower.shown.html, "text/html")
            case "/news":
                self._stream()
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, content: str, kind: str, policy: str | None = None) -> None:
        body = content.encode()
        self.send_response(HTTPStatus.OK)
        self._headers(kind)
        self.send_header("Content-Length", str(len(body)))
        if policy is not None:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def _headers(self, kind: str) -> None:
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")

    def _stream(self) -> None:
        """Send news as they come, for as long as somebody reads them."""
        self.send_response(HTTPStatus.OK)
        self._headers("text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        number = -1
        try:
            while not self.follower.ended:
                shown = self.follower.wait(number, HEARTBEAT)
                if shown is None:
                    self.wfile.write(b": \n\n")
                    continue
                number = shown.number
                news = {"number": number, "stage": shown.stage, "word": shown.word, "name": self.follower.path.name}
                self.wfile.write(f"data: {json.dumps(news)}\n\n".encode())
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Say nothing for each request."""


class Server(ThreadingHTTPServer):
    """A server whose streams end with it."""

    daemon_threads = True
    block_on_close = False


def server(follower: Follower, port: int) -> Server:
    """Return the server, listening on this machine alone; port 0 is any free one. OSError if it is taken."""
    return Server((HERE, port), partial(Handler, follower))
