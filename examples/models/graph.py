"""A graph convolution on a path of four nodes: neighbours are more alike than nodes far apart.

python examples/models/graph.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.graph_convolution(4, edges=[(1, 2), (2, 3), (3, 4)], depth=2, activation="relu")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).matrix("h[3,v]"))
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
