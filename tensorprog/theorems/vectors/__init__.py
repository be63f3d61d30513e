"""What the vectors of a program are made of: their functions, their slices, their linear combinations."""
