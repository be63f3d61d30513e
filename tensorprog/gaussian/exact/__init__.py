"""The algebra of closed forms."""
