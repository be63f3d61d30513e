"""Values of a term: on arrays, on balls, its derivative, its normal form."""
