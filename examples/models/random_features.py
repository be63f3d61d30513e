"""Random Fourier features: a random phase makes the Gaussian kernel exp(-|x - y|^2/2) out of cosines.

python examples/models/random_features.py
"""

import math
from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.random_features([[1, "1/2"], ["1/2", 1]], "sqrt(2)*cos(x)", phase=True)
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).cov("f[1]", "f[2]").value, math.exp(-1 / 2))  # |x - y|^2 = 1 + 1 - 2/2
    found = tp.validate(program, widths=(64, 256, 1024), samples=9000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
