"""The cases that both sides measure: (name, activation here, activation there, depth, inputs)."""

CASES = [
    ("relu", "relu", "Relu", 3, 1000),
    ("relu", "relu", "Relu", 10, 1000),
    ("erf", "erf", "Erf", 3, 1000),
    ("erf", "erf", "Erf", 10, 1000),
    ("gelu", "gelu", "Gelu", 3, 1000),
    ("gelu", "gelu", "Gelu", 10, 1000),
    ("tanh", "tanh", "tanh", 3, 200),
]
SIGMA_W2, SIGMA_B2, DIMENSION, ROUNDS = 2.0, 0.1, 64, 5
