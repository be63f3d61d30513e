"""The normal form in which a program is judged."""
