"""Where a function is smooth, how large it is, and whether its expectation exists."""
