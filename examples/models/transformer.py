"""Two transformer blocks, scores scaled by 1/n: one limit kernel between all tokens.

python examples/models/transformer.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.transformer(2, depth=2, heads=2, scaling="1/n")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).matrix("x_f2"))
    found = tp.validate(program, widths=(64, 256, 1024), samples=1000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
