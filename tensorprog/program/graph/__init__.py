"""The program as data: families, indices, queries."""
