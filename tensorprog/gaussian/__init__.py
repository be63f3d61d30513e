"""Gaussian expectations: closed forms where the class has them, else numbers with bounds."""
