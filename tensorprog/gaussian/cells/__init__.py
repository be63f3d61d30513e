"""Proved integrals in one or two dimensions: the line or the plane cut along the kinks of a function."""
