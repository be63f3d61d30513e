"""A gated recurrent unit with erf gates: its covariances over two steps with a bound that is proved.

python examples/models/gru.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.gru(2, gate="(1 + erf(x))/2", activation="erf")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    result = tp.derive(program).cov("y[1]", "y[2]")
    print(result.value, "+-", result.error)
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
