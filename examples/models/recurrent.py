"""A recurrent network on two sequences: tied weights make the states of all steps depend on one another.

python examples/models/recurrent.py
"""

from typing import Any

import tensorprog as tp
from tensorprog import models


def main() -> Any:
    program = models.rnn(5, lengths=[3, 2], activation="erf", bias=0.1)
    judged = tp.check(program)
    print(f"{judged.verdict}, covered by {', '.join(judged.covered_by)}")
    print(tp.derive(program).matrix("y"))
    found = tp.validate(program, widths=(64, 256, 1024), samples=2000)
    print(found)
    return judged, found


if __name__ == "__main__":
    main()
