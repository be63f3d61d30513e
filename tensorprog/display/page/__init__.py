"""Pages made of escaped elements: HTML, MathML, plots."""
