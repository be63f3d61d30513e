"""A number with a bound where there is no closed form."""
