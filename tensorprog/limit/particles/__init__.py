"""The limit itself sampled, for numbers that neither formulas nor quadrature give."""
