"""Zeros, breaks and extremes, for one variable."""
