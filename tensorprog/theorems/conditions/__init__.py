"""The premises that theorems share."""
