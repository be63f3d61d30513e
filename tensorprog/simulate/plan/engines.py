"""The engines that draw, and whether one is there."""

from __future__ import annotations

from tensorprog.errors import fail

ENGINES = ("numpy", "fast")


def check_engine(engine: str) -> None:
    """TP018 for an engine that is not there."""
    if engine not in ENGINES:
        raise fail("TP018", f"there is no engine {engine}", help=f"the engines are {' and '.join(ENGINES)}")
    if engine == "fast":
        try:
            import numba  # noqa: F401  (is it installed?)
        except ImportError:
            raise fail(
                "TP018", "the engine fast needs numba", help="pip install 'tensorprog[fast]', or use the engine numpy"
            ) from None
