"""A program as text, JSON, drawing, LaTeX."""
