"""Where an expression jumps, whether the limit can be there, and what holds at every width."""
