"""Layer normalisation: the lengths of the inputs are forgotten, their angle is kept.

python examples/models/layer_normalisation.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.layernorm_mlp([[1, 1], [1, 4]], activation="erf")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).matrix("h[2,i]"))
    found = tp.validate(program, widths=(64, 256, 1024), samples=1000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
