"""Where an expression jumps, whether the limit can stand there, and what holds at every width."""
