"""Limit laws: what the vectors and scalars of a program become as the width goes to infinity."""
