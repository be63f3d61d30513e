"""Numbers that carry their error: one record, one order of methods, and points for sampling."""
