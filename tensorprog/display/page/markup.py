"""HTML and SVG elements in which every text is escaped unless it is an element itself."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is markup already; only `tag`, `math`, `join` and the renderers of this package make it."""

    __slots__ = ()


def visible(text: str) -> str:
    """Characters that XML forbids or that reorder a line become a replacement character."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """Return one element; a trailing or inner underscore of an attribute becomes nothing or a hyphen.

    >>> tag("p", "a < b", tag("b", "c"), class_="note")
    '<p class="note">a &lt; b<b>c</b></p>'
    """
    inside = join(*children)
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{shown}/>" if name in VOID else f"<{name}{shown}>{inside}</{name}>")


def math(formula: str, block: bool = False) -> Markup:
    """Return a formula in MathML as one element."""
    return tag("math", Markup(formula), display="block" if block else None)


def join(*children: str) -> Markup:
    """Elements and texts one after the other, texts escaped."""
    return Markup("".join(c if isinstance(c, Markup) else escape(visible(c), quote=False) for c in children))
