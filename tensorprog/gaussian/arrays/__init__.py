"""Closed forms and series on whole matrices."""
