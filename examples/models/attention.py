"""Attention with two heads that share their keys and values: the output is a mixture of Gaussians.

python examples/models/attention.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.attention(3, heads=2, kv_heads=1, causal=True, residual=True)
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    law = tp.derive(program).law("y[2]")
    print(law)
    found = tp.validate(program, widths=(64, 128, 256), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
