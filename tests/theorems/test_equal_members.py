"""Members of families with one definition are one scalar, or one product, whatever their subscripts are."""

import pytest

import tensorprog as tp

HEAD = "index i, j in 1..3\ninput x[i] ~ N(0, 1)\nweight W[i] ~ N(0, 1/n)\n"


@pytest.mark.parametrize(
    ("body", "verdict", "code"),
    [
        ("m[i] = mean(abs(tanh(x[2])))\ns = 1/(m[1] - m[3])\noutput s", "invalid", "TP205"),
        ("m[i] = mean(abs(tanh(x[2])))\ns[j] = 1/(m[j] - m[1])\noutput s", "invalid", "TP205"),
        ("m[i] = mean(abs(tanh(x[1])))\nd = m[1] - m[2]\ns = log(d)\noutput s", "invalid", "TP205"),
        ("m[i,j] = mean(tanh(x[i])^6)\ns[i] = 1/(sum(m[i,j] for j) - 3*m[i,2])\noutput s", "invalid", "TP205"),
        ("m[i] = mean(abs(tanh(x[i])))\na = mean(abs(tanh(x[2])))\ny = x[1]/(a - m[2])\noutput y", "invalid", "TP205"),
        ("h[i] = tanh(x[3])\nm[i] = mean(h[i]^6)\ny = x[1]*sqrt(m[1] - m[2] - 1)\noutput y", "invalid", "TP205"),
        ("g[i] = W[2] @ tanh(x[1])\ny = x[1]/(g[1] - g[3])\noutput y", "invalid", "TP205"),
        # 0 at every n, where a jump at 0 does no harm
        ("m[i] = mean(abs(tanh(x[i])))\na = mean(abs(tanh(x[2])))\ny = sign(m[2] - a)*x[1]\noutput y", "valid", None),
        ("m[i,j] = mean(abs(tanh(x[i])))\ny[i] = floor(m[i,1] - m[i,2])*x[i]\noutput y", "valid", None),
        # other definitions: other values
        ("m[i] = mean(abs(tanh(x[i])))\ns = 1/(m[1] - m[3])\noutput s", "undecided", "TP203"),
        ("g[i] = W[i] @ x[1]\nm[i] = mean(cos(g[i])^3)\ns = 1/(m[1] - m[3])\noutput s", "undecided", "TP203"),
    ],
)
def test_equal_members_are_one(body: str, verdict: str, code: str | None) -> None:
    found = tp.check(tp.loads(HEAD + body))
    codes = {d.code for d in found.diagnostics}
    assert found.verdict == verdict
    assert code is None or code in codes


def test_an_index_bound_elsewhere_is_not_borrowed() -> None:
    """sum(m[j] for j) beside m[i]: E cos(z)^3 > 0, under a name that is free outside the sum."""
    found = tp.check(tp.loads(HEAD + "m[i] = mean(cos(x[2])^3)\ns[i] = 1/(sum(m[j] for j) - 2*m[i])\noutput s"))
    assert found.verdict == "valid"


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        # a sum of equal terms is a multiple of one
        ("r = dot(x[1], v)/sqrt(n)\ny[i] = exp(r)/sum(exp(r) for j) * (W[1] @ x[2])\noutput y", "valid"),
        ("m[i] = mean(cos(x[2])^3)\ns[i] = 1/(sum(m[j] for j) - 3*m[i])\noutput s", "invalid"),
        ("y[i] = max(tanh(x[1]) for j) + x[i]\noutput y", "valid"),
        # scalars leave a product as factors: W (m x) = m (W x), though m -> 0, beside a mask, which jumps
        ("m[i] = mean(x[i])\ny = W[1] @ sum(m[j]*b*x[1] for j)\noutput y", "valid"),
        ("m = mean(x[1])\ny = (W[1] @ (m*x[1]))*b\noutput y", "valid"),
        ("m = mean(x[1])\ny = (W[1] @ (tanh(x[2]) - m*x[1]))*b\noutput y", "valid"),
        ("m = mean(x[1])\ny = m*(W[1] @ x[1])*b\noutput y", "valid"),
        # and what jumps at such a product is not one of Netsor's: sign(m g) is sign(m) sign(g), m -> 0
        ("m = mean(x[1])\ny = sign(W[1] @ (m*x[1]))*b\noutput y", "undecided"),
        ("m = mean(x[1])\ny = step(W[1] @ (m*x[1] + tanh(x[2])))\noutput y", "undecided"),
        ("m = mean(x[1])\ny = b*(W[1] @ tanh(m*x[1]))\noutput y", "undecided"),
        ("m = mean(x[1])\ng = W[1] @ (m*x[1])\ny = b*(W[2] @ tanh(g))\noutput y", "undecided"),
    ],
)
def test_a_factor_in_a_sum_or_a_product_changes_no_verdict(body: str, verdict: str) -> None:
    head = HEAD + "input v ~ N(0, 1)\ninput b ~ bernoulli(1/2)\n"
    assert tp.check(tp.loads(head + body)).verdict == verdict


def test_a_jump_behind_a_sum_is_found_as_where_the_sum_is_written_out() -> None:
    head = "index j in 1..2\ninput u[j] ~ N(0, 1)\nweight Q, K, V[j] ~ N(0, 1/n)\n"
    head += "p[j] = dot(Q @ tanh(u[j]), K @ tanh(u[1]))/sqrt(n)\nw = V[1] @ tanh(u[2])\n"
    whole = "sum(sigmoid(p[j])*(V[j] @ tanh(u[1])) for j)"
    written = "sigmoid(p[1])*(V[1] @ tanh(u[1])) + sigmoid(p[2])*(V[2] @ tanh(u[1]))"
    for gap in (whole, written):
        verdict = tp.check(tp.loads(f"{head}y = 1/(1 + where({gap} <= 0, 2*w, 1/10)^2)\noutput y\n"))
        assert (verdict.verdict, [d.code for d in verdict.diagnostics]) == ("invalid", ["TP204"])
