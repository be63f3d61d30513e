"""The law of some variables: Gaussian, mixture, other."""
