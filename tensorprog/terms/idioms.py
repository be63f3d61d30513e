"""What is one word elsewhere, as it is written in this language: other names, expressions, lines to put in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tensorprog.errors import did_you_mean

OTHER_NAMES = {
    "logistic expit sigm": "sigmoid",
    "heaviside unitstep unit_step": "step",
    "signum": "sign",
    "normcdf ndtr cdf normal_cdf gaussian_cdf": "Phi",
    "arctan": "atan",
    "arcsin": "asin",
    "arccos": "acos",
    "softrelu smooth_relu": "softplus",
    "clamp": "clip",
    "rectifier ramp": "relu",
    "leakyrelu lrelu prelu": "leaky_relu",
    "hard_tanh": "hardtanh",
    "gelu_new gelu_approx": "gelu_tanh",
    "fabs absolute": "abs",
    "inner inner_product dot_product": "dot",
    "average avg": "mean",
    "maximum": "max",
    "minimum": "min",
    "fmod remainder": "mod",
}
"""Functions of the language, under the names that they have elsewhere."""

FORMS = {
    "square sqr": "{x}^2",
    "cube": "{x}^3",
    "relu2 squared_relu": "relu({x})^2",
    "rsqrt": "1/sqrt({x})",
    "reciprocal inv inverse": "1/{x}",
    "expm1": "exp({x}) - 1",
    "log2": "log({x})/log(2)",
    "log10": "log({x})/log(10)",
    "logit": "log({x}/(1 - {x}))",
    "sech": "1/cosh({x})",
    "cot": "1/tan({x})",
    "atanh arctanh": "log((1 + {x})/(1 - {x}))/2",
    "tanhshrink": "{x} - tanh({x})",
    "softshrink soft_threshold": "{x} - clip({x}, -1/2, 1/2)",
    "hardsigmoid hard_sigmoid": "clip({x}/6 + 1/2, 0, 1)",
    "hardswish hard_swish": "{x}*clip({x}/6 + 1/2, 0, 1)",
    "quick_gelu quickgelu": "{x}*sigmoid(1.702*{x})",
    "rbf": "exp(-{x}^2)",
    "celu": "max({x}, 0) + min(exp({x}) - 1, 0)",
    "rms": "sqrt(mean({x}^2))",
    "variance": "mean(({x} - mean({x}))^2)",
    "layernorm layer_norm layernormalization layer_normalization groupnorm group_norm instancenorm instance_norm": (
        "({x} - mean({x})) / sqrt(mean(({x} - mean({x}))^2) + 1e-5)"
    ),
    "rmsnorm rms_norm l2norm l2_norm l2_normalize normalize normalise scalenorm": "{x} / sqrt(mean({x}^2) + 1e-5)",
}
"""Expressions of an argument, under the names of the functions that they are elsewhere."""

LAYERS = {
    "linear dense fc fully_connected mm projection linear_layer": ("weight W_new ~ N(0, 1/n)", "W_new @ {x}"),
    "affine": ("weight W_new ~ N(0, 1/n)", "input b_new ~ N(0, 1)", "W_new @ {x} + b_new"),
    "mlp ffn feedforward feed_forward": ("weight W_new, V_new ~ N(0, 1/n)", "V_new @ relu(W_new @ {x})"),
    "dropout": ("input keep_new ~ bernoulli(4/5)", "keep_new/(4/5) * {x}"),
    "concat concatenate cat": ("weight A_new, B_new ~ N(0, 1/(2*n))", "A_new @ {x} + B_new @ {y}"),
    "glu": ("weight A_new, B_new ~ N(0, 1/n)", "(A_new @ {x}) * sigmoid(B_new @ {x})"),
    "swiglu": ("weight A_new, B_new ~ N(0, 1/n)", "(A_new @ {x}) * silu(B_new @ {x})"),
    "geglu": ("weight A_new, B_new ~ N(0, 1/n)", "(A_new @ {x}) * gelu(B_new @ {x})"),
    "reglu": ("weight A_new, B_new ~ N(0, 1/n)", "(A_new @ {x}) * relu(B_new @ {x})"),
    "maxout": ("weight A_new, B_new ~ N(0, 1/n)", "max(A_new @ {x}, B_new @ {x})"),
}
"""Layers: the statements that come before, and the expression."""

REMARKS = {
    "concat": "a matrix times joined vectors is the sum of a matrix times each, of input width 2*n",
    "dropout": "keep_new carries the index of the inputs if each has a mask of its own",
}

FAMILIES = {
    "batchnorm batch_norm batchnormalization batch_normalization": (
        "({m}[i] - sum({m}[j] for j)/4) / sqrt(sum(({m}[j] - sum({m}[k] for k)/4)^2 for j)/4 + 1e-5)"
    ),
    "maxpool max_pool maxpool1d maxpool2d max_pooling globalmaxpool": "max({m}[j] for j)",
    "avgpool avg_pool avgpool1d avgpool2d mean_pool average_pool globalavgpool": "sum({m}[j] for j)/4",
    "sumpool sum_pool": "sum({m}[j] for j)",
}
"""Functions of a whole family of four members, with j and k further names of its index i."""


def _entry(name: str, names: Iterable[str]) -> str | None:
    folded = name.lower()
    return next((key for key in names if folded in key.split()), None)


def other_name(name: str) -> str | None:
    """Return the function of the language that has this name elsewhere.

    >>> other_name("clamp")
    'clip'
    """
    return _value(OTHER_NAMES, name)


def _value(table: Mapping[str, str], name: str) -> str | None:
    entry = _entry(name, table)
    return None if entry is None else table[entry]


def idiom(name: str, arguments: Sequence[str] = ()) -> str | None:
    """Return how something is written that is one word elsewhere, with the arguments that it was given.

    >>> idiom("rmsnorm", ["h[i]"])
    'write it out: `h[i] / sqrt(mean(h[i]^2) + 1e-5)`'
    >>> idiom("linear", ["x"])
    'put `weight W_new ~ N(0, 1/n)` on a line above, and write `W_new @ x`'
    """
    x, y = (_operand(arguments[k]) if k < len(arguments) else "xy"[k] for k in range(2))
    if (form := _value(FORMS, name)) is not None:
        return f"write it out: `{form.format(x=x)}`"
    if (entry := _entry(name, LAYERS)) is not None:
        *above, form = LAYERS[entry]
        lines = " and ".join(f"`{line}`" for line in above)
        remark = next((f"; {REMARKS[word]}" for word in entry.split() if word in REMARKS), "")
        return f"put {lines} on a line above, and write `{form.format(x=x, y=y)}`{remark}"
    if (form := _value(FAMILIES, name)) is not None:
        member = x.partition("[")[0]
        return f"with `index i, j, k in 1..4` for the members, write `{form.format(m=member)}`"
    return None


def meant(name: str, words: Iterable[str], arguments: Sequence[str] = (), otherwise: str = "") -> str:
    """Return what a call of a function that does not exist may mean; `words` are the functions that do.

    >>> meant("clamp", ["clip"]), meant("rleu", ["relu"]), meant("f", ["relu"], otherwise="define it")
    ('here it is called clip', 'did you mean relu?', 'define it')
    """
    if (ours := other_name(name)) is not None:
        return f"here it is called {ours}"
    return idiom(name, arguments) or did_you_mean(name, words, otherwise)


def _operand(text: str) -> str:
    plain = text.replace("[", "").replace("]", "").replace(",", "").replace("_", "")
    return text if plain.isalnum() else f"({text})"
