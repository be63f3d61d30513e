"""A sum of like scalars with several powers of n is judged and derived like the factored form."""

import math

import pytest

import tensorprog as tp

HEAD = """index i in 1..3
input u, d[i] ~ N(0, 1)
weight W, V ~ N(0, 1/n)
h = W @ u
k = V @ u
m = mean(u*u)
r[i] = mean(d[i]*d[i])
p = dot(h, k)/sqrt(n)
"""

SAME = [
    ("m + 1/(2*n)*m", "(1 + 1/(2*n))*m", 1),
    ("m - 3*m/n + 2*m/n^2", "(1 - 3/n + 2/n^2)*m", 1),
    ("m*r[1] + r[1]*m/n", "(1 + 1/n)*m*r[1]", 1),
    ("sqrt(m) + sqrt(m)/sqrt(n)", "(1 + 1/sqrt(n))*sqrt(m)", 1),
    ("sum(r[i] + r[i]/n for i)", "(1 + 1/n)*sum(r[i] for i)", 9),
    ("sum(r[i] for i) + sum(r[i]/n for i)", "(1 + 1/n)*sum(r[i] for i)", 9),
    ("m + n*m - n*m", "m", 1),
    ("exp(-(p + p/n)^2)", "exp(-((1 + 1/n)*p)^2)", 1 / math.sqrt(5)),
]


@pytest.mark.parametrize(("written", "factored", "variance"), SAME)
@pytest.mark.parametrize("form", ["s = {0}\ny = s*h", "y = ({0})*h", "b = {0}\ns = b\ny = h*s"])
def test_the_form_of_a_sum_does_not_change_the_verdict(written: str, factored: str, variance: float, form: str) -> None:
    seen = [tp.loads(f"{HEAD}{form.format(text)}\noutput y") for text in (written, factored)]
    verdicts = [tp.check(p).verdict for p in seen]
    values = [tp.derive(p).var("y").value for p in seen]
    assert verdicts[0] == verdicts[1] != "invalid"
    assert values[0] == values[1] == pytest.approx(variance, rel=1e-9)


def test_a_summand_behind_a_name_is_collected() -> None:
    p = tp.loads(f"{HEAD}b = 1/(2*n)*m\nc = b + r[1]\ns = c + m\ny = s*h\noutput y")
    assert tp.check(p).verdict == "valid"
    assert tp.derive(p).var("y").value == pytest.approx(4)


@pytest.mark.parametrize(
    ("text", "code"),
    [("m + n*m", "TP302"), ("m/n + m/n^2", "TP301"), ("m + r[1]/n", "TP301"), ("n*m - n*m + m/n", "TP301")],
)
def test_what_diverges_or_degenerates_is_still_said(text: str, code: str) -> None:
    found = tp.check(tp.loads(f"{HEAD}y = ({text})*h\noutput y"))
    assert found.verdict == "invalid"
    assert code in {d.code for d in found.diagnostics}
