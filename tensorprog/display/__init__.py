"""Programs and results for the eye."""
