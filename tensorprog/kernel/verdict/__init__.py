"""That a theorem covers an output: facts of functions, and the premises."""
