"""How large a program may be: every bound is named here, checked before work starts, and can be raised."""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.place import Place


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on untrusted input; raise one with `--limit NAME=VALUE` or `tp.load(..., limits=Limits(...))`."""

    file_bytes: int = 8_000_000
    statement_chars: int = 20_000
    nesting: int = 100
    statements: int = 50_000
    index_value: int = 10**9
    family_members: int = 10**10
    matrix_entries: int = 20_000_000
    expression_size: int = 50_000
    product_terms: int = 10_000
    includes: int = 100

    def exceeded(self, code: str, name: str, found: object, what: str, place: Place | None = None) -> TensorProgError:
        """Return the error for a bound that was passed."""
        bound = getattr(self, name)
        return fail(
            code,
            f"{what}: {found}, and the limit is {bound}",
            place,
            because="sizes are bounded before work starts, so that no input can exhaust the machine",
            help=f"raise the limit with --limit {name}={_enough(found, bound)}",
        )


def _enough(found: object, bound: int) -> int:
    return found if isinstance(found, int) and 0 < found < 10**15 else 10 * bound


DEFAULT_LIMITS = Limits()
