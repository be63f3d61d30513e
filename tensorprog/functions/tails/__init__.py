"""Behaviour at infinity, for one variable."""
