"""The frame of a report: one HTML file with its style inside, no script, and a policy that forbids loading anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.display.page.markup import Markup, tag
from tensorprog.display.page.plots import DARK, STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
CSS = """
:root{--ink:#1f2937;--soft:#4b5563;--paper:#ffffff;--page:#f3f4f6;--rule:#d1d5db;--link:#1d4ed8;--good:#047857;
--bad:#b91c1c;--open:#92400e;--badpage:#fee2e2;--mark:#fef3c7;--s0:#1d4ed8;--s1:#b45309;--s2:#047857;--s3:#a21caf;
--s4:#475569;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{DARK--soft:#9ca3af;--page:#030712;--link:#93c5fd;--good:#6ee7b7;
--bad:#fca5a5;--open:#fcd34d;--badpage:#450a0a;--mark:#422006}}
*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:76rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
header,section{background:var(--paper);border:1px solid var(--rule);border-radius:8px;
padding:1rem 1.25rem;margin:0 0 1rem}
h1{margin:.2rem 0;font-size:1.6rem}h2{margin:.1rem 0 .6rem;font-size:1.25rem}h3{margin:1rem 0 .3rem;font-size:1.05rem}
a{color:var(--link)}nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.5rem 0 0;padding:0;list-style:none}
.word{display:inline-block;padding:.1rem .7rem;border:2px solid;border-radius:999px;font-weight:700}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}.soft{color:var(--soft)}
.beside{display:grid;gap:1rem;grid-template-columns:minmax(0,1fr)}
@media (min-width:62rem){.beside{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}}
.status{white-space:nowrap}
.laws{display:grid;gap:0 1.5rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr))}
.laws>*{min-width:0}
.scroll{overflow-x:auto;max-width:100%}code,pre,.code{font:13px/1.5 ui-monospace,Consolas,monospace}
pre{margin:.4rem 0;white-space:pre;overflow-wrap:normal}
.code{border-collapse:collapse;white-space:pre;overflow-wrap:normal}
.code td{padding:0 .5rem;border:0;vertical-align:top}
.code td:first-child{color:var(--soft);text-align:right;user-select:none}.code tr.hit{background:var(--badpage)}
.key{white-space:nowrap}
.code tr:target,.step:target{background:var(--mark);outline:2px solid var(--open)}
.graph>svg{background:#fff;border-radius:6px;display:block}.plots{display:flex;flex-wrap:wrap;gap:1rem}
.plots svg,.plot{max-width:100%;height:auto}figure{margin:0}
table{border-collapse:collapse}.table th,.table td{border-bottom:1px solid var(--rule);padding:.3rem .6rem;
text-align:left;vertical-align:top}.table .num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.diagnostic{border-left:4px solid;padding:.2rem 0 .2rem 1rem;margin:.8rem 0}.diagnostic>*{color:var(--ink)}
.step{padding:.3rem .5rem;border-radius:6px}.step math{max-width:100%}
math{font-size:1.1em}.table math{font-size:1em}math mfrac>*{math-depth:inherit}
dt{font-weight:600}dd{margin:0 0 .4rem 1rem}
@media (max-width:40rem){body{padding:.4rem}header,section{padding:.7rem .8rem}
.stack thead{position:absolute;clip-path:inset(50%)}.stack tr{display:block;
border-bottom:1px solid var(--rule);padding:.3rem 0}
.stack td,.stack th{display:block;border:0;padding:.05rem .2rem;text-align:left!important}
.stack td[data-label]::before{content:attr(data-label) ": ";color:var(--soft)}}
@media print{body{background:#fff;max-width:none;font-size:11pt}section{break-inside:auto;border:0}nav{display:none}
figure,.diagnostic,.step{break-inside:avoid}.graph>svg{max-width:100%;height:auto}.scroll{overflow:visible}
pre,.code{white-space:pre-wrap}}
""".replace("DARK", DARK)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page, with the name that links lead to."""

    id: str
    title: str
    body: Markup


def page(title: str, lead: Markup, sections: Sequence[Section], foot: str) -> str:
    """Return the whole document."""
    links = [tag("li", tag("a", s.title, href=f"#{s.id}")) for s in sections]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        Markup(f"<style>{CSS}{STYLE}</style>"),
    )
    parts = [
        tag("section", tag("h2", s.title, id=f"{s.id}-title"), s.body, id=s.id, aria_labelledby=f"{s.id}-title")
        for s in sections
    ]
    nav = tag("nav", tag("ul", *links), aria_label="sections")
    body = tag("body", tag("header", lead, nav), tag("main", *parts), tag("footer", tag("p", foot, class_="soft")))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, numbers: Sequence[int] = ()) -> Markup:
    """Return a table that becomes a list of cards on a phone; the columns in `numbers` are aligned to the right."""

    def look(k: int) -> str | None:
        return "num" if k in numbers else None

    top = tag("tr", *(tag("th", h, scope="col", class_=look(k)) for k, h in enumerate(head)))
    lines = [
        tag("tr", *(tag("td", c, class_=look(k), data_label=head[k] or None) for k, c in enumerate(row)))
        for row in rows
    ]
    whole = tag("table", tag("caption", caption, class_="soft"), tag("thead", top), tag("tbody", *lines),
                class_="table stack")  # fmt: skip
    return tag("div", whole, class_="scroll")


def status(word: str) -> Markup:
    """Return a word of judgement with a sign, so that colour is not all that tells it."""
    good = ("proved", "confirmed", "applies", "applies-by-remark", "valid", "valid-by-remark", "agrees", "accepted")
    bad = ("refuted", "fails", "invalid", "disagrees", "rejected")
    look, sign = ("good", "✓") if word in good else ("bad", "✗") if word in bad else ("open", "?")
    return tag("span", f"{sign} {word}", class_=f"{look} status")
