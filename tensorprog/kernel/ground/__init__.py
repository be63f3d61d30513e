"""Terms and programs as data: what they are, how they are read and printed, who defines which member."""
