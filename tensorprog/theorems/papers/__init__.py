"""One file for each theorem, in the paper's words."""
