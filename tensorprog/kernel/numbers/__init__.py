"""Numbers in exact interval arithmetic."""
