"""A long short-term memory: the forget gate carries the cell from one step to the next.

python examples/models/lstm.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.lstm(2, bias=0.1)
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).var("y[1]"))
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
