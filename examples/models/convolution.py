"""A convolution over two images of 3 x 3 pixels, with stride, a bias and a global average.

python examples/models/convolution.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.convolution(18, shape=(3, 3), stride=2, activation="relu", bias=0.1, head="average")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).matrix("f"))
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
