"""The judgements: proved, refuted, unknown."""
