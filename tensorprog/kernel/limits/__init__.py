"""Covariances and laws in the limit: exact algebra, Gaussian lemmas, means."""
