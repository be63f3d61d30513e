"""From the caller's arguments to a reduced problem."""
