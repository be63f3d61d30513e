"""Batch normalisation: each input is compared with the batch, so its output depends on the others.

python examples/models/batch_normalisation.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.batchnorm_mlp([[1, "1/2"], ["1/2", 1]], activation="erf", eps="1/10")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).matrix("h[2,i]"))
    found = tp.validate(program, widths=(32, 64, 128), samples=1000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
