"""The `.tp` language: a grammar file, statements with their places, and the road from text to a program."""

from __future__ import annotations

from tensorprog.language.load import load as load
from tensorprog.language.load import loads as loads

__all__ = ["load", "loads"]
