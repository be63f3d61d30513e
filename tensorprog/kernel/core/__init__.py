"""The statements, the names, the table of functions and the loop that alone makes theorems."""
