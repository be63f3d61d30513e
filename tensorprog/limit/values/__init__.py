"""The same quantities as formulas, arrays and balls."""
