"""Gaussian laws given scores, and their averages over the scores."""
