"""Theory against simulation, honestly: the draw is the unit, the limit is what is tested."""

from __future__ import annotations
