"""A residual network of depth L whose branches are scaled by 1/sqrt(L): its variance stays bounded as L grows.

python examples/models/residual.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.residual_mlp(2, depth=3, activation="erf", branch="1/sqrt(3)", bias=0.1)
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    for depth in (1, 4, 16):
        deep = models.residual_mlp(2, depth=depth, activation="erf", branch=f"1/sqrt({depth})", bias=0.1)
        print(depth, tp.derive(deep).var(f"r[{depth},1]").value)
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
