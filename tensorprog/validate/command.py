"""The commands `simulate` and `validate`."""

from __future__ import annotations

from tensorprog.language import read_program
from tensorprog.simulate.command import simulate_command

simulate = simulate_command(read_program)
