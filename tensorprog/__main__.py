"""`python -m tensorprog` is the command line."""

import sys

from tensorprog.cli import main

sys.exit(main())
