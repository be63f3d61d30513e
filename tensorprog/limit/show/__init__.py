"""Derivations and results for readers."""
