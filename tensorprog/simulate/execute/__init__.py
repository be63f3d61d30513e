"""Many blocks: where they run, what is kept."""
