"""Where scalars go in the limit, which variances are positive, and what functions do there."""
