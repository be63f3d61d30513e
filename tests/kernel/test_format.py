"""What a certificate may look like: a case for each condition on its form, hostile inputs, the same bytes anywhere."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tensorprog.kernel.certificate import FUEL, MAX_BYTES, verify
from tensorprog.kernel.core.rates import FLAT, ORDER, Info
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Fact
from tensorprog.kernel.limits.algebra import normal
from tensorprog.kernel.rules import READERS
from tensorprog.kernel.verdict.expansion import Expansion
from tensorprog.kernel.verdict.normal_form import Validation
from tensorprog.kernel.verdict.normal_form import read as read_normal
from tensorprog.language import loads
from tensorprog.proof import prove, trusted
from tensorprog.terms import App, Bind, Num, Term, Var, read
from tests.kernel.bench import CORPUS, Bench, derived
from tests.kernel.bench import HOME as KERNEL
from tests.kernel.dishonest.moments import MALFORMED_MOMENTS
from tests.kernel.dishonest.normal_forms import normal_form
from tests.kernel.dishonest.test_dishonest import FORMAT

TEXT = "input x ~ N(0, 1)\nweight W ~ N(0, 1/n)\nf = W @ relu(x)\ng = W @ tanh(x)\noutput f\noutput g\n"
PROGRAM = loads(TEXT)
WHOLE: dict[str, Any] = prove(PROGRAM, ["f"]).to_json()
ONE = ["num", "1"]
VERDICT = ("verdict.facts", "verdict.premises")
LIMITS = ("limits.laws", "limits.lemmas", "limits.means", *VERDICT, "verdict.variance")
TREE: Term = App("add", tuple(Var(f"a{k}") for k in range(140)))


def check(data: Any = None, fuel: int = FUEL, **changed: Any) -> object:
    """Verify the certificate of the program with some entries changed, or other text."""
    text = data if isinstance(data, str) else json.dumps(data or {**WHOLE, **changed})
    return verify(PROGRAM, text, fuel)


def step(rule: Any, params: Any = None, before: Any = (), said: Any = ()) -> object:
    return check(steps=[[rule, {} if params is None else params, list(before), list(said)]])


class Forged:
    """What looks like the theorem that x is bounded."""

    statement, axioms = Fact(Var("x"), Info(3, FLAT, FLAT)), ()


def unconcluded() -> object:
    """The goals of a program whose steps conclude other things as well."""
    k = next(i for i, s in enumerate(WHOLE["steps"]) if s[3][0] == "instruction")
    return check(goals=[*WHOLE["goals"][:2], k])


def expanded(text: str, sum_over: int = 0) -> object:
    """A right-hand side in its fixed form, below so many sums."""
    program = loads("index i in 1..2\ninput x ~ N(0, 1)\nweight W ~ N(0, 1/n)\ng = W @ x\noutput g")
    t: Term = read(text)
    for k in range(sum_over):
        t = Bind("sum", (t,), (f"i{'~' * k}",))
    return Expansion(program, lambda v, spans: None).form(t)


def many_members() -> object:
    """A definition in pieces, for more members than may be compared one by one."""
    program = loads("index i in 1..2\ninput q ~ N(0, 1)\nh[1] = q\nh[2] = 2*q\nz[i] = h[i] + q\noutput z")
    q, twice = ["var", "q"], ["mul", ["num", "2"], ["var", "q"]]
    pieces = [["LinComb", name, [k], t] for name in "hr" for k, t in ((1, q), (2, twice))]
    new = read_normal(program, [*pieces, ["LinComb", "z", ["i"], ["add", ["var", "r", "i"], q]]])
    Validation(program, new).check()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tensorprog.kernel.verdict.normal_form.MAX_MEMBERS", 1)
        return Validation(program, new).check()


CASES: dict[str, Callable[[Bench], object]] = {
    "a list of instructions": lambda b: read_normal(b.program, {}),
    "a name": lambda b: normal_form(["LinComb", "1x", [], ["var", "q"]]),
    "subscripts of a definition": lambda b: normal_form(["LinComb", "z", ["l"], ["var", "q"]]),
    "a weight and a vector": lambda b: normal_form(["MatMul", "z", [], ["var", "W"], ["var", "p", 1]]),
    "few indices are bound in one product": lambda b: expanded("x", sum_over=6),
    "few products in an expression": lambda b: expanded("*".join(["(x + g)^4"] * 4)),
    "few members that are compared one by one": lambda b: many_members(),
    "expressions stay small": lambda b: normal(App("mul", (TREE, App("add", tuple(map(Var, "bcdefghijklmnop")))))),
    "powers stay small": lambda b: normal(read("x^65")),
    "no wave in a wave": lambda b: b.do("price", term=read("z1*z2"), value=read("sin(sin(K12))"), weights=(Num(0),)),
    "a form stays small": lambda b: b.do("gaussian_mean", term=read("(z1 + z2 + 1)^20*(z1 + z2 + 2)^20")),
    "numbers stay small": lambda b: normal(read("(9^64)^64")),
    "a word": lambda b: READERS["head"](3),
    "a whole number": lambda b: READERS["node"]("1/2"),
    "a list": lambda b: READERS["over"]("j"),
    "a certificate of bounded size": lambda b: check(" " * (MAX_BYTES + 1)),
    "a rule of the calculus": lambda b: step("nothing"),
    "params and premises": lambda b: step("constant", [ONE]),
    "the params of the rule": lambda b: step("constant", {"term": ONE, "more": ONE}),
    "premises are theorems": lambda b: derived(b.context, "equal", [Forged(), Forged()], {}),  # type: ignore[list-item]
    "premises are earlier steps": lambda b: step("constant", {"term": ONE}, [0]),
    "lists of steps and goals": lambda b: check(steps={}),
    "an object": lambda b: check("[]"),
    "the six entries": lambda b: check({"schema": "tensorprog/certificate/2"}),
    "the schema *": lambda b: check(schema="tensorprog/certificate/1"),
    "no key stands twice": lambda b: check('{"goals": [], ' + json.dumps(WHOLE)[1:]),
    "the conclusion is what the rule concludes": lambda b: step("constant", {"term": ONE}, [], ["fact", "1"]),
    "the hash is that of this program": lambda b: check(program="0" * 64),
    "goals, each once": lambda b: check(goals=[*WHOLE["goals"], WHOLE["goals"][0]]),
    "goals are steps": lambda b: check(goals=[10**6]),
    "the goals judge every output in order": lambda b: check(goals=WHOLE["goals"][1::-1]),
    "every further goal is one of these kinds": lambda b: unconcluded(),
    "the axioms are those that were used": lambda b: check(axioms=[]),
    "the fuel lasts": lambda b: check(fuel=500),
    "the instruction exists": lambda b: b.do("instruction", b.fact("x"), node=99),
    "an instruction that is an expression": lambda b: b.do("instruction", b.fact("x"), node=b.node("g")),
    "a variable of the program": lambda b: b.do("variable", var=Var("K12")),
    "names of the program": lambda b: step("variable", {"var": ["var", "K12"]}),
    "the output exists": lambda b: b.do("applies", theorem="netsor", output=7),
    "no premise": lambda b: b.do("variance", b.fact("x"), node=b.node("x")),
    "an input or a product": lambda b: b.do("variance", b.fact("x"), node=b.node("f")),
    "one point or two": lambda b: b.do("nonzero", b.fact("x"), b.varies("x"), term=Var("x"), atom=Var("x"), points=()),
    "premises that are facts, as many as needed": lambda b: b.do("constant", b.fact("x"), term=Num(1)),
    "as many arguments as the function has": lambda b: b.do("apply", b.fact("x"), head="add"),
    "a binder; only a softmax has a mask": lambda b: b.do(
        "family", b.fact("x"), head="sum", over=("j",), mask=read("j < 2")),
    "indices of the program": lambda b: b.do("family", b.fact("x"), head="sum", over=()),
    "an instruction of the program": lambda b: b.do("assumed", b.fact("x"), node=0, what="bounded"),
    "a property that theorems ask for": lambda b: b.do("assumed", node=0, what="pretty"),
    "pairs of a variable and a term": lambda b: b.do("refuted", node=b.node("f"), what="bounded", curve=((Var("x"),),)),
    "a property of functions": lambda b: b.do("refuted", node=b.node("f"), what="pretty", curve=()),
    "two parts or more": lambda b: b.do("norm", b.fact("x")),
    **{condition: lambda b, case=case: case() for condition, case in MALFORMED_MOMENTS.items()},
}  # fmt: skip


def test_every_condition_on_the_form_has_its_case() -> None:
    assert set(CASES) == FORMAT


@pytest.mark.parametrize("condition", CASES)
def test_malformed_input_is_refused_by_this_condition(condition: str) -> None:
    with pytest.raises(Refused) as refused:
        CASES[condition](Bench())
    assert condition.rstrip("*") in str(refused.value)


# -- hostile inputs ----------------------------------------------------------------------------------------------------

X = ["var", "x"]
SAID = ["fact", "x", "locally Lipschitz", "growth poly 1", "slope poly 0"]
KNOWN = ["variable", {"var": X}, [], SAID]


def nested(t: Any, depth: int, head: str = "pow", *more: Any) -> Any:
    for _ in range(depth):
        t = [head, t, *more]
    return t


def along(term: Any, node: int) -> list[Any]:
    return [["refuted", {"node": str(node), "what": "bounded", "curve": [[X, term]]}, [], []]]


def hostile() -> list[Any]:
    """Steps that ask for much work, and texts that ask for much memory."""
    last = len(PROGRAM.nodes) - 1
    powers = ["add", *[["pow", ["var", "t"], ["num", str(k)]] for k in range(2, 40)]]
    steps: list[Any] = [
        [["constant", {"term": t}, [], []]]
        for t in (
            nested(["num", "9"], 60, "pow", ["num", "64"]), nested(["num", "9"], 60, "pow", ["num", "-64"]),
            nested(["add", X, ["num", "1"]], 20, "pow", ["num", "12"]), nested(X, 390, "exp"), nested(X, 800, "exp"),
            ["mul", *[["num", "9" * 2000]] * 500], ["mul", *[["add", ["num", "7" * 2000], X]] * 300],
            ["add", *[["var", f"v{k}"] for k in range(100_000)]], ["pow", ["num", "9"], ["num", "9" * 2000]],
            ["num", "9" * 100_000], ["hermite", ["num", "9"], nested(X, 30, "sinh")],
            nested(["num", "1"], 300, "add", ["num", "1/7"]),
        )
    ]  # fmt: skip
    steps += [along(t, k) for k in range(last + 1) for t in (
        powers, nested(["add", ["var", "t"], ["num", "1"]], 8, "pow", ["num", "12"]),
        nested(["num", "9"], 40, "pow", ["num", "64"]), nested(["var", "t"], 300, "recip"),
        nested(["var", "t"], 100, "exp"),
    )]  # fmt: skip
    steps += [[KNOWN, ["apply", {"head": head}, [0] * 100_000, []]] for head in ("add", "mul", "max")]
    steps += [
        [KNOWN, ["family", {"head": "sum", "over": ["j"] * 100_000}, [0], []]],
        [KNOWN] * 40_000,
        [KNOWN, ["instruction", {"node": "0"}, [0], []], ["has", {"node": "2", "what": f"{ORDER}1e99999999"}, [0], []]],
        [
            KNOWN,
            *[["applies", {"theorem": "attention", "output": "0", "extra": [str(k) for k in range(5)]}, [], []]] * 9,
        ],
        [KNOWN, ["equal", {}, [0, 0], SAID], *[["equal", {}, [1, 1], SAID]] * 9000],
    ]
    texts: list[Any] = ["[" * 1_000_000, '{"a":' * 500_000, "[" + "{}," * 1_000_000 + "{}]", "9" * 2_000_000,
                        '{"schema":' + "9" * 2_000_000 + "}", json.dumps({**WHOLE, "goals": list(range(300_000))}),
                        json.dumps(WHOLE)[:-2] + "," * 10**6, "\ud800", '"\\ud800"', "{" + '"a":1,' * 10**6 + '"a":1}',
                        json.dumps({**WHOLE, "axioms": ["a" * 10**6] * 5}), "-" * 10**6, "1e999999999", "NaN",
                        '[1' + "0" * 5000 + "]"]  # fmt: skip
    return [*({**WHOLE, "steps": s} for s in (*steps, *costly_means())), *texts]


def costly_means() -> list[Any]:
    """Steps about means that ask for much algebra: what cost most among two hundred."""
    z1, k11, f = ["var", "z1"], ["var", "K11"], ["var", "f"]
    sums = [["add", ["num", str(k)], k11, ["mul", k11, ["var", "K22"]]] for k in range(1, 40)]
    mine = [["add", X, ["num", str(k)], f] for k in range(60)]
    values: list[Any] = [
        ["add", *[["recip", s] for s in sums]], ["mul", *[["recip", s] for s in sums]],
        ["add", *[["pow", s, ["num", "1/2"]] for s in sums]], ["pow", sums[0], ["num", "12"]],
        ["add", *[["mul", ["num", "9" * 400], ["pow", k11, ["num", str(k)]]] for k in range(1, 64)]],
    ]  # fmt: skip
    terms: list[Any] = [
        ["add", *[["recip", s] for s in mine]], ["mul", *[["recip", s] for s in mine]],
        nested(mine[1], 9, "pow", ["num", "12"]), ["mul", *[["tanh", s] for s in mine]],
    ]  # fmt: skip
    forms: list[Any] = [
        ["pow", ["add", *[["exp", ["mul", ["num", f"1/{k}"], z1]] for k in range(2, 22)]], ["num", "2"]],
        ["pow", ["add", ["num", "1"], z1, ["var", "z2"]], ["num", "12"]],
        ["mul", *[["relu", ["add", z1, ["num", f"{k}/7"]]] for k in range(1, 12)]],
    ]
    product = ["mul", z1, ["var", "z2"]]
    known = ["gaussian_mean", {"term": product}, [], ["expectation", "z1*z2", "K12"]]
    one = ["initial", {"term": ONE}, [], ["mean", "positive", "1", "1"]]
    out: list[Any] = [[known, ["rewritten", {"value": v}, [0], []]] for v in values]
    out += [[["price", {"term": product, "value": v, "weights": []}, [], []]] for v in values]
    out += [[one, ["linear", {"term": ONE, "weights": [t]}, [0], []]] for t in terms]
    out += [[KNOWN, ["unevaluated", {"term": t}, [0], []]] for t in terms]
    out += [[known, ["instance", {"term": t, "at": [t, t]}, [0], []]] for t in terms]
    law = [["trusted", {"term": t, "low": "1", "high": "1", "method": "series"}, [], ["number", *["1." + "0" * 20] * 2,
            f"trusted-numeric: E({w}) in [1.{'0' * 20}, 1.{'0' * 20}] by series", w]]
           for t, w in ((X, "x"), (["mul", X, X], "x*x"))]  # fmt: skip
    wide = {"strip": "1/9", "spacing": "1/40", "count": "500"}
    out += [[*law, ["quadrature", {"term": t, **wide}, [0, 1], []]] for t in (
        ["tanh", X], nested(X, 60, "tanh"), nested(["Phi", X], 30, "pow", ["num", "64"]), ["mul", *[["Phi", X]] * 300],
    )]  # fmt: skip
    mean = ["initial", {"term": X}, [], ["mean", "x", "0"]]
    out += [[*law, ["quadrature", {"term": X, **wide, "strip": "9" * 3000}, [0, 1], []], mean]]
    out += [[["trusted", {"term": X, "low": "-" + "9" * 3000, "high": "9" * 3000, "method": "series"}, [], []]]]
    return out + [[["gaussian_mean", {"term": t}, [], []]] for t in forms]


def verdict(one: Any) -> str:
    try:
        check(one)
    except Refused as refused:
        return "refused" if len(str(refused)) < 500 else "a message without end"
    return "accepted"


def test_hostile_inputs_end_in_little_memory_and_time() -> None:
    """In a process of 1 GB and 60 s of processor time each input ends with a verdict: fuel bounds what it costs."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n"
        "from tests.kernel.test_format import hostile, verdict\n"
        "print([verdict(one) for one in hostile()].count('refused'), len(hostile()))\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused, count = map(int, done.stdout.split())
    assert refused == count > 40


LEAVES: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", "x", "9" * 3000, "1/0", [], {}, [[]], ["num", "1"], ["var", "x"], ["var", "t"],
    nested(["var", "x"], 500, "exp"), ["bind", "sum", [["var", "x"]], ["j"], None], {"term": ["num", "1"]}, "\ud800",
)  # fmt: skip


def grafted(data: Any, rng: random.Random, depth: int = 0) -> Any:
    """The data with one part of it, at a random depth, replaced, doubled, dropped or wrapped."""
    if isinstance(data, list) and data and rng.random() < 0.9:
        k = rng.randrange(len(data))
        return [*data[:k], grafted(data[k], rng, depth + 1), *data[k + 1 :]]
    if isinstance(data, dict) and data and rng.random() < 0.9:
        key = rng.choice(sorted(data))
        return {**data, key: grafted(data[key], rng, depth + 1)}
    return rng.choice([
        lambda: rng.choice(LEAVES), lambda: [data] * rng.randint(0, 3), lambda: {"x": data},
        lambda: nested(data, 250, "neg"),
        lambda: str(Fraction(rng.randint(-9, 9), rng.randint(1, 9))), lambda: rng.randrange(9),
    ])()  # fmt: skip


def test_grafted_certificates_always_get_a_verdict() -> None:
    """Random parts replaced in certificates of several kinds: a verdict, and never another exception than a refusal."""
    rng = random.Random(17)
    made = [
        WHOLE,
        prove(loads("input x, y ~ N(0, 1)\nf = x*exp(-x^2) + sign(y)\ng = f + x\noutput g\n"), ["f"]).to_json(),
        prove(loads("input x ~ N(0, 1)\nf = tanh(x)\ng = f + x\noutput g\n"), ["numbers"]).to_json(),
    ]
    seen = {"accepted": 0, "refused": 0}
    for k in range(1500):
        data = made[k % 3]
        for _ in range(rng.randint(1, 3)):
            data = grafted(data, rng)
        seen[verdict(data)] += 1
    assert seen["refused"] > 1000


# -- the same bytes, anywhere ------------------------------------------------------------------------------------------


def test_a_certificate_is_the_same_bytes_in_every_process() -> None:
    """Whatever the order of sets and dictionaries: PYTHONHASHSEED changes it, and must change nothing."""
    names = ("valid/attention_over_n", "valid/batchnorm_eps", "by-remark/low_rank_relu", "valid/mlp_step_and_where")
    code = (
        "import hashlib, tensorprog as tp\n"
        f"for name in {names!r}:\n"
        f"    p = tp.load({str(CORPUS)!r} + '/' + name + '.tp')\n"
        "    goals = ['facts', 'laws:y[1]' if 'low' in name else 'covariances']\n"
        "    print(hashlib.sha256(tp.prove(p, goals=goals).text.encode()).hexdigest())\n"
    )
    said = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                              env={"PYTHONHASHSEED": seed, "PATH": ""}, cwd=Path(__file__).parents[2])  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        said.add(done.stdout)
    assert len(said) == 1
    assert len(said.pop().split()) == len(names)


@pytest.mark.parametrize(("goals", "files"), [([], VERDICT), (["covariances:f,f"], LIMITS)])
def test_a_certificate_names_the_files_it_rests_on(goals: list[str], files: tuple[str, ...], tmp_path: Path) -> None:
    """A process that re-checks it reads, of the kernel, the files that are counted for these and no other."""
    (tmp_path / "certificate.json").write_text(prove(PROGRAM, goals).text, encoding="utf-8")
    code = (
        "import sys\n"
        "from tensorprog.kernel.certificate import verify\n"
        "from tensorprog.language import loads\n"
        "print(*verify(loads(sys.argv[1]), open(sys.argv[2]).read()).files)\n"
        "print(*(m.__file__ for name, m in sys.modules.items() if name.startswith('tensorprog.kernel')))\n"
    )
    run = [sys.executable, "-c", code, TEXT, str(tmp_path / "certificate.json")]
    said, loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert tuple(said.split()) == files
    counted = trusted.modules(files, trusted.FORMAT) | {KERNEL / "ground" / "growing.py"}  # which makes the program
    assert set(map(Path, loaded.split())) == {path for path in counted if KERNEL in path.parents}
