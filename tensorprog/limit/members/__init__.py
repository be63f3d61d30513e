"""One member written over independent Gaussians."""
