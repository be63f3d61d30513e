"""One block of draws."""
