"""Numbers that several forms of one named function share."""

from __future__ import annotations

from fractions import Fraction

SELU_SCALE = Fraction("1.0507009873554804934193349852946")
SELU_ALPHA = Fraction("1.6732632423543772848170429916717")
