"""The `.tp` language: a grammar file, statements with their places, and the road from text to a program."""

from __future__ import annotations

from tensorprog.language.build import Program as Program
from tensorprog.language.build import fn as fn
from tensorprog.language.load import load as load
from tensorprog.language.load import loads as loads

__all__ = ["Program", "fn", "load", "loads"]
