"""From expressions to instructions, with every check on the way."""
