"""Random networks as text: any function of the library, products, moments, attention."""

from __future__ import annotations

import random

FUNCTIONS = ("relu", "tanh", "gelu", "erf", "sigmoid", "silu", "softplus", "mish", "elu", "selu", "abs", "sign", "step",
             "sin", "cos", "exp", "softsign", "hardtanh", "atan", "Phi", "gelu_tanh", "cosh", "sinh")  # fmt: skip
NUMBERS = ("1", "2", "1/2", "0.3", "-1", "3", "0", "-0.7", "pi", "1e-3")


def expression(rng: random.Random, vectors: list[str], scalars: list[str], depth: int) -> str:
    """A vector as an expression in vectors, scalars and the param C."""

    def part() -> str:
        return expression(rng, vectors, scalars, depth - 1)

    def value() -> str:
        return rng.choice([*scalars, *scalars, rng.choice(NUMBERS), "C"])

    if depth <= 0 or rng.random() < 0.2:
        return rng.choice(vectors)
    made = [
        *[lambda: f"{rng.choice(FUNCTIONS)}({part()})"] * 3,
        lambda: f"({part()} + {part()})", lambda: f"({part()} * {part()})", lambda: f"({value()} * {part()})",
        lambda: f"({part()} - {value()})", lambda: f"({part()})^{rng.choice('223')}",
        lambda: f"max({part()}, {rng.choice([value(), part()])})", lambda: f"clip({part()}, -1, C + 1)",
        lambda: f"where({part()} {rng.choice(['>', '<=', '<', '>='])} {value()}, {part()}, {value()})",
        lambda: f"exp(-({part()})^2)", lambda: f"{part()}/(1 + ({part()})^2)",
        lambda: f"hermite({rng.choice('123')}, {part()})",
    ]  # fmt: skip
    return rng.choice(made)()


def network(rng: random.Random) -> str:
    """A program of one to five statements on inputs of one to three tokens."""
    tokens, family = rng.choice([1, 2, 2, 3]), rng.random() < 0.6
    s = "[i]" if family else ""
    lines = [f"param C > 0 = {rng.choice(['1', '0.5', '2'])}", f"index i, j in 1..{tokens}"]
    coupled = rng.choice(["1", "C", "C*0.5^abs(i - i')"]) if family else rng.choice(["1", "C"])
    lines.append(f"input x{s} ~ N({rng.choice(['0', '0', '0.3'])}, {coupled})")
    vectors, scalars = [f"x{s}"], list[str]()
    for k in range(rng.randint(1, 5)):
        kind = rng.random()
        if kind < 0.4:
            lines.append(f"weight W{k} ~ N(0, {rng.choice(['1', '2', 'C'])}/n)")
            lines.append(f"h{k}{s} = W{k} @ ({expression(rng, vectors, scalars, rng.choice([0, 0, 2]))})")
            vectors.append(f"h{k}{s}")
        elif kind < 0.8 or not family:
            lines.append(f"a{k}{s} = {expression(rng, vectors, scalars, rng.randint(1, 3))}")
            vectors.append(f"a{k}{s}")
        elif kind < 0.9:
            lines.append(f"m{k}{s} = mean({expression(rng, vectors, [], 2)})")
            scalars.append(f"m{k}{s}")
        else:
            v = rng.choice(vectors)
            at_j = v.replace("[i]", "[j]")
            lines.append(f"weight Q{k}, K{k}, V{k} ~ N(0, 1/n)")
            lines.append(f"p{k}[i,j] = dot(Q{k} @ {v}, K{k} @ {at_j}) / {rng.choice(['sqrt(n)', 'n'])}")
            lines.append(f"y{k}[i] = sum(softmax(p{k}[i,j] over j) * (V{k} @ {at_j}) for j)")
            vectors.append(f"y{k}[i]")
    lines.append(f"output {vectors[-1].replace('[i]', '')}")
    a, b = (v.replace("[i]", "[1]") for v in rng.choices(vectors, k=2))
    lines += [f"claim cov({a}, {b}) = cov({b}, {a})", f"claim var({a}) = {rng.choice(NUMBERS)} within 0.5"]
    return "\n".join([*lines, ""])
