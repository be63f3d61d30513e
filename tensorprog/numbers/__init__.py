"""Numbers that carry their error: one record, one order of methods, intervals, bounded floats, points for sampling."""
