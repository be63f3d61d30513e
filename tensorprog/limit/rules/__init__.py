"""Quantities in terms of simpler quantities; no numbers."""
