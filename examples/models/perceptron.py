"""A perceptron with GELU and biases: the covariance of its outputs as a formula, and draws at three widths.

python examples/models/perceptron.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.mlp([[1, "1/2"], ["1/2", 1]], depth=2, activation="gelu", weights="he", bias=0.1)
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).cov("h[2,1]", "h[2,2]").formula)
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
