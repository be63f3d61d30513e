"""Numbers of laws, claims and simulations on inputs that none of their makers chose."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprog as tp

THREE_TOKENS = """
index i,j in 1..3
input u[i] ~ N(0,1)
weight Wq,Wk,Wv ~ N(0,1/n)
x[i] = hardtanh(u[i])
p[i,j] = dot(Wq@x[i], Wk@x[j])/sqrt(n)
y[i] = sum(softmax(p[i,j] over j)*(Wv@x[j]) for j)
output y
"""


class TestJointLaws:
    """The moments of a variable are those of its own law, whatever it is asked with."""

    limit = tp.derive(tp.loads(THREE_TOKENS))

    @pytest.mark.parametrize("names", [("y[1]", "y[2]"), ("y[2]", "y[1]"), ("y[3]", "y[1]", "y[2]")])
    def test_one_variable_has_one_value(self, names: tuple[str, ...]) -> None:
        joint = self.limit.law(*names)
        for k, name in enumerate(names):
            single = self.limit.law(name)
            assert joint.variance.value[k] == single.variance.value[0]
            assert joint.variance.error[k] == single.variance.error[0]
            assert joint.excess_kurtosis.value[k] == single.excess_kurtosis.value[0]
            powers = [2 * (k == m) for m in range(len(names))]
            assert joint.moment(*powers).value == single.moment(2).value

    def test_a_pair_has_one_value(self) -> None:
        one = self.limit.law("y[1]", "y[2]").covariance.value[0, 1]
        assert self.limit.law("y[2]", "y[1]").covariance.value[0, 1] == one
        assert self.limit.law("y[1]", "y[3]", "y[2]").covariance.value[0, 2] == one
        assert self.limit.cov("y[2]", "y[1]").value == one
        assert self.limit.matrix("y")[0, 1] == one

    def test_against_a_gauss_rule(self) -> None:
        """Var y = 3c E[softmax_1(c t)^2] with c = E hardtanh(u)^2 and three independent standard normals t."""
        from scipy.special import ndtr

        c = 2 * (ndtr(1.0) - 0.5 - np.exp(-0.5) / np.sqrt(2 * np.pi)) + 2 * ndtr(-1.0)
        t, w = np.polynomial.hermite_e.hermegauss(60)
        w = w / w.sum()
        a, b, d = np.meshgrid(t, t, t, indexing="ij")
        share = 1 / (1 + np.exp(c * (b - a)) + np.exp(c * (d - a)))
        value = 3 * c * np.einsum("i,j,k,ijk->", w, w, w, share**2)
        found = self.limit.law("y[1]").variance
        assert abs(found.value[0] - value) <= found.error[0] + 1e-14

    def test_what_a_grid_cuts_off_is_in_its_error(self) -> None:
        """Two rows of scores are four dimensions, where a grid ends nearest."""
        from tensorprog.limit.averaging import rule_for

        def probe(g: object) -> np.ndarray:
            points = g.points  # type: ignore[attr-defined]
            return np.atleast_1d(g.weights @ (points**2).sum(axis=1))  # type: ignore[attr-defined]

        for dimension in (1, 2, 3, 4):
            rule = rule_for(dimension, probe, 1e-3)
            found = rule.combine([probe(g) for g in rule.groups])
            assert abs(found.value[0] - dimension) <= found.error[0]
