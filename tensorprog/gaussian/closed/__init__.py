"""One closed form from start to end, and how it is written."""
