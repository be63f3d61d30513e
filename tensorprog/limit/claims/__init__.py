"""Equations decided."""
