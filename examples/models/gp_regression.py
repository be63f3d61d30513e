"""From a CSV of features to a fitted Gaussian process with the kernel of an infinitely wide network.

    python examples/models/gp_regression.py [data.csv]

The last column is the target. Without a file: the diabetes data that ships with scikit-learn (442 patients, 10
features; Efron et al. 2004). Needs scikit-learn.
"""

import sys
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

import tensorprog as tp
from tensorprog import models
from tensorprog.nngp.scikit import LimitKernel


def read(path: str) -> tuple[Any, Any]:
    """The features and the target of a CSV file with one line of column names; else what is wrong, and exit code 2."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty file is told below
            table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, encoding="utf-8-sig")
        if len(table) < 6 or table.shape[1] < 2:
            raise ValueError(
                f"{len(table)} rows of {table.shape[1]} columns; it takes 6 rows, a feature and the target"
            )
        if not np.isfinite(table).all():
            raise ValueError("an entry is not a finite number; drop its row or fill it in")
    except (OSError, ValueError) as error:
        print(f"error: {path} is not a table of numbers after one line of names: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    return table[:, :-1], table[:, -1]


def main(path: str | None = None) -> dict[str, float]:
    X, y = load_diabetes(return_X_y=True) if path is None else read(path)
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[: 2 * len(X) // 3], order[2 * len(X) // 3 :]
    X, y = ((z - z[train].mean(axis=0)) / np.where((s := z[train].std(axis=0)) > 0, s, 1.0) for z in (X, y))

    # Is the Gaussian process the limit of the network? The program's text and its verdict say so.
    program = models.mlp((X[:2] @ X[:2].T / X.shape[1]).tolist(), depth=2, activation="erf", weights=1, bias="1/10")
    print(program.to_text())
    print(f"{tp.check(program).verdict}, covered by {tp.check(program).covered_by[0]}\n")

    # σ_w², σ_b² and the noise are found by the marginal likelihood.
    kernel = LimitKernel("erf", depth=2, weights=1.0, bias=0.1) + WhiteKernel(0.5)
    model = GaussianProcessRegressor(kernel).fit(X[train], y[train])
    mean, deviation = model.predict(X[test], return_std=True)
    found = {
        "R2": float(model.score(X[test], y[test])),
        "log marginal likelihood": float(model.log_marginal_likelihood_value_),
        "within two deviations": float(np.mean(np.abs(mean - y[test]) < 2 * deviation)),
    }
    print(model.kernel_)
    for what, value in found.items():
        print(f"{what}: {value:.3f}")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
