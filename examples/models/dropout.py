"""Dropout: a mask for each input, or one for all; the second leaves the outputs more alike.

python examples/models/dropout.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    alike = models.dropout_mlp([[1, "1/2"], ["1/2", 1]], keep="4/5", shared_mask=True)
    program = models.dropout_mlp([[1, "1/2"], ["1/2", 1]], keep="4/5")
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    for title, network in ("masks of their own", program), ("one mask", alike):
        print(f"{title:20}", tp.derive(network).cov("h[2,1]", "h[2,2]").value)
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
