"""One record for each named function: everything any other room asks of it."""
