"""Which kind of law a variable has, told apart exactly; and the statement of a law given the scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorprog.errors import TensorProgError
from tensorprog.language import load, loads
from tensorprog.limit.derive import Limit, derive
from tensorprog.terms import to_text

TEXT = """
index i, j in 1..3
index a in 1..2
param C > 0 = 1
input u[i] ~ N(0, 1)
input c ~ N(0, 1)
matrix One = [[1, 1], [1, 1]]
index s in 1..2
input twin[s] ~ N(0, One[s,s'])
weight Wq[a], Wk[a], Wv, W2, Q2, K2 ~ N(0, 1/n)
x[i] = tanh(u[i])
same[i] = tanh(c)
one[s] = tanh(twin[s])
g[i] = Wv @ x[i]
p[a,i,j] = dot(Wq[a] @ x[i], Wk[a] @ x[j]) / sqrt(n)
t = dot(Wq[1] @ same[1], Wk[1] @ same[1]) / sqrt(n)
A[a,i,j] = softmax(p[a,i,j] over j)
z[i] = sum(softmax(p[1,i,j] over j) * g[j] for j)
first[i] = sum(softmax(p[1,i,j] over j, mask = j <= i) * g[j] for j)
equal[i] = sum(softmax(p[1,i,i] + 0*p[1,i,j] over j) * g[j] for j)
alike[i] = sum(softmax(p[1,i,j] over j) * (Wv @ same[j]) for j)
twins = sum(softmax(p[1,1,s] over s) * (Wv @ one[s]) for s)
cancelled[i] = (p[1,1,1] - p[1,1,1]) * g[1] + g[2]
zero[i] = 0 * (p[1,1,1] * g[i]) + g[i]
m[i] = mean(x[i]^2)
layer[i] = g[i] / sqrt(m[i] + 1)
next[i] = tanh(z[i])
r[i,j] = dot(Q2 @ next[i], K2 @ next[j]) / sqrt(n)
w[i] = W2 @ tanh(z[i])
alone[i] = W2 @ tanh(first[i])
late[i] = sum(softmax(r[i,j] over j) * (W2 @ next[j]) for j)
shifted[i] = z[i] + p[1,1,1]
biased[i] = g[i] + p[1,1,1]
output z
"""

KINDS = {
    "u[1]": "gaussian",
    "x[1]": "function-of-gaussian",
    "g[1]": "gaussian",
    "m[1]": "deterministic",
    "layer[1]": "gaussian",
    "p[1,1,2]": "gaussian",
    "A[1,1,2]": "function-of-gaussian",
    "z[1]": "hierarchical-gaussian",
    "first[1]": "gaussian",
    "first[2]": "hierarchical-gaussian",
    "equal[1]": "gaussian",
    "alike[1]": "gaussian",
    "twins": "gaussian",
    "cancelled[1]": "gaussian",
    "zero[1]": "gaussian",
    "next[1]": "function-of-hierarchical",
    "r[1,2]": "hierarchical-gaussian",
    "w[1]": "hierarchical-gaussian",
    "alone[1]": "gaussian",
    "late[1]": "hierarchical-gaussian",
    "shifted[1]": "hierarchical-gaussian",
    "biased[1]": "gaussian",
}


@pytest.fixture(scope="module")
def limit() -> Limit:
    return derive(loads(TEXT))


@pytest.mark.parametrize("member", KINDS)
def test_kind(limit: Limit, member: str) -> None:
    assert limit.law(member).kind == KINDS[member]


def test_a_row_that_sees_one_token_has_the_law_of_its_value(limit: Limit) -> None:
    row, value = limit.law("first[1]"), limit.law("g[1]")
    assert row.given == ()
    assert row.variance.value == pytest.approx(value.variance.value)
    assert float(row.excess_kurtosis.value[0]) == 0
    assert limit.law("equal[1]").variance.value == pytest.approx(value.variance.value / 3)


def test_statement_given_the_scores(limit: Limit) -> None:
    law = limit.law("z[1]")
    assert law.given == ("p[1,1,1]", "p[1,1,2]", "p[1,1,3]")
    assert law.conditional_variance == (
        "sum(softmax(p[1,1,j] over j)*softmax(p[1,1,j'] over j')*cov(g[j], g[j']) for j, j')"
    )
    assert r"\operatorname{softmax}_{j}" in (law.conditional_variance_latex or "")
    both = limit.law("z[1]", "z[2]")
    rows = both.conditional_covariance
    assert rows is not None
    assert [[to_text(x) for x in row] for row in rows] == [
        [f"sum(softmax(p[1,{i},j] over j)*softmax(p[1,{k},j'] over j')*cov(g[j], g[j']) for j, j')" for k in (1, 2)]
        for i in (1, 2)
    ]
    assert both.conditional_variance == "[" + ", ".join(f"[{', '.join(map(to_text, row))}]" for row in rows) + "]"
    assert "pmatrix" in both._repr_latex_()


def test_independent_heads_share_one_index_in_the_statement() -> None:
    text = TEXT.replace(
        "output z",
        "weight Wn[a] ~ N(0, 1/n)\nV[a,i] = Wn[a] @ x[i]\ny[i] = sum(A[a,i,j] * V[a,j] for a, j) / sqrt(2)\noutput y",
    )
    law = derive(loads(text)).law("y[2]")
    assert law.conditional_variance == (
        "1/2*sum(softmax(p[a,2,j] over j)*softmax(p[a,2,j'] over j')*cov(V[a,j], V[a,j']) for a, j, j')"
    )


def test_json_of_a_law(limit: Limit) -> None:
    (data,) = limit.law("z[1]").to_json()
    assert list(data) == [
        "of",
        "kind",
        "given",
        "conditional_variance",
        "supported_by",
        *(
            f"{number}{word}"
            for number in ("mean", "variance", "excess_kurtosis")
            for word in ("", "_error", "_error_kind")
        ),
    ]
    assert (data["of"], data["kind"], data["supported_by"]) == ("z[1]", "hierarchical-gaussian", "attention")
    assert data["excess_kurtosis"] > 10 * data["excess_kurtosis_error"]
    (plain,) = limit.law("g[1]").to_json()
    assert (plain["given"], plain["conditional_variance"], plain["excess_kurtosis"]) == ([], None, 0)


CORPUS = Path(__file__).parents[2] / "corpus"


@pytest.mark.parametrize(
    ("name", "kind", "theorem"),
    [
        ("valid/attention_over_n", "gaussian", "netsor-plus"),
        ("valid/attention_node_causal", "gaussian", "attention"),
        ("valid/position_bias", "hierarchical-gaussian", "attention"),
        ("valid/grouped_query_attention", "hierarchical-gaussian", "attention"),
        ("by-remark/stacked_linear_attention", "hierarchical-gaussian", "attention"),
        ("valid/parallel_block", "function-of-hierarchical", "attention"),
        ("undecided/layernorm_after_attention", "hierarchical-gaussian", "formal"),
    ],
)
def test_programs_of_the_corpus(name: str, kind: str, theorem: str) -> None:
    law = derive(load(CORPUS / f"{name}.tp")).law("y[1]")
    assert (law.kind, law.supported_by) == (kind, theorem)
    assert 0 <= float(law.variance.error[0]) < 1e-3 * float(law.variance.value[0])


BAD = {
    "one matrix on both sides": "p = dot(W @ x, W @ x) / sqrt(n)\ny = p * (V @ x)\n",
    "features as a side": "p = dot(tanh(W @ x), V @ x) / sqrt(n)\ny = p * (V @ x)\n",
    "an unscaled product": "p = dot(W @ x, V @ x)\ny = p * (V @ x)\n",
    "a transpose": "y = W' @ tanh(W @ x)\n",
    "a vector and its own readout": "y = dot(x, W @ x) / sqrt(n)\n",
}


@pytest.mark.parametrize("name", list(BAD)[:4])
def test_what_no_rule_gives_is_refused(name: str) -> None:
    text = f"input x0 ~ N(0, 1)\nweight W, V ~ N(0, 1/n)\nx = tanh(x0)\n{BAD[name]}output y\n"
    with pytest.raises(TensorProgError):
        derive(loads(text)).law("y")


def test_a_readout_is_gaussian_with_the_covariance_of_a_matmul() -> None:
    text = "input u, v ~ N(0, 2)\nweight W ~ N(0, 1/n)\nx = relu(W @ u)\nf = dot(v, x) / sqrt(n)\noutput f\n"
    law = derive(loads(text)).law("f")
    assert law.kind == "gaussian"
    assert float(law.variance.value[0]) == pytest.approx(2 * 2 / 2, rel=1e-12)


def test_a_function_of_a_gaussian_beside_an_attention_output_is_not_gaussian_given_scores() -> None:
    text = (
        "index i in 1..2\ninput u[i] ~ N(0, 1)\nweight Q, K, V ~ N(0, 1/n)\nx[i] = tanh(u[i])\n"
        "p[i] = dot(Q @ x[1], K @ x[i])/sqrt(n)\ny = sum(softmax(p[i] over i)*(V @ x[i]) for i)\noutput y, x, u\n"
    )
    limit = derive(loads(text))
    kinds = {names: limit.law(*names).kind for names in [("y", "x[1]"), ("y", "u[1]"), ("x[1]", "u[1]"), ("y",)]}
    assert [*kinds.values()] == [
        "function-of-hierarchical",
        "hierarchical-gaussian",
        "function-of-gaussian",
        "hierarchical-gaussian",
    ]
