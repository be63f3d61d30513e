"""Premises that several theorems share: how weights and initial vectors are sampled, readouts, transposes."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.nodes import Dot, Weight
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.powers import SCORE
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.terms import to_text
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.finding import Finding, proved, refuted, unknown
from tensorprog.theorems.conditions.statement import Premise
from tensorprog.theorems.vectors.nonlinearities import Judged


def weights_of(case: Case) -> list[Weight]:
    """Return the weights that the case uses, in order of first use."""
    names = dict.fromkeys(m.weight.name for m in case.matmuls)
    return [case.program.weights[name] for name in names]


def sampling(case: Case) -> Finding:
    return proved("every `input` is jointly Gaussian and iid over coordinates, and every `weight` independent")


def variance(case: Case) -> Finding:
    for w in weights_of(case):
        part = width_power(w.variance, case.program.widths)
        if part is None or part[1] != -1:
            power = "no power of n" if part is None else f"n^{part[1]}"
            return refuted(
                f"the entries of {w.name} have variance {to_text(w.variance)}, which scales like {power}",
                Diagnostic(
                    "TP104",
                    f"the variance of {w.name} is not proportional to 1/{w.cols}",
                    w.place,
                    f"each entry is sampled from N(0, sigma^2/n), n the input width; here it is {to_text(w.variance)}",
                    "coordinates of the product then vanish or explode as n grows",
                    f"write weight {w.name} ~ N(0, c/{w.cols})",
                ),
            )
    return proved("every weight has variance c/(input width)")


def gaussian_entries(case: Case) -> Finding:
    for w in weights_of(case):
        if w.law != "gaussian":
            return refuted(
                f"the entries of {w.name} are {w.law}",
                Diagnostic(
                    "TP105",
                    f"the entries of {w.name} are {w.law}, not Gaussian",
                    w.place,
                    "the theorems here are stated for Gaussian entries",
                    "the limit is expected to be the same (universality), but no theorem here says so",
                    f"write weight {w.name} ~ N(0, ...), or compare with `validate --entries {w.law}`",
                ),
            )
    return proved("every weight is Gaussian")


def no_transposes(case: Case) -> Finding:
    for m in case.matmuls:
        if m.transposed:
            return refuted(
                f"{m.name} is made by the transpose of {m.weight.name}",
                Diagnostic(
                    "TP106",
                    f"the transpose of {m.weight.name} is used",
                    m.place,
                    "a Netsor program multiplies by matrices, never by their transposes",
                    "where a matrix and its transpose both occur, the MatMul rule gives wrong covariances",
                    "use a separate weight, or rely on simulation",
                ),
            )
    return proved("no transpose occurs")


def readout_rule(case: Case) -> Finding:
    """Readout vectors are centred initial vectors, independent of all else, and used only in readouts."""
    if not case.readouts:
        return proved("there is no readout")
    for d in case.readouts:
        v = to_text(case.readings.vector(d))
        if not case.readings.centred(d):
            said = f"{v} is not centred"
            return refuted(said, readout_hindered(f"the readout vector {said}", d.place, None))
        use = case.readings.used_elsewhere(d)
        if use is not None:
            where = use.user.name if use.user is not None else "the outputs"
            if use.node.name == case.readings.vector(d).name:
                said = f"the readout vector {v} is used elsewhere"
            else:
                said = f"the readout vector {v} is correlated with {use.node.name}, which is used elsewhere"
            place = use.user.place if use.user is not None else d.place
            return refuted(f"{said}, by {where}", readout_hindered(said, place, d.place))
        other = case.readings.reads_itself(d)
        if other is not None:
            said = f"{d.name} reads a vector that depends on {other.name}, and their readout vectors are correlated"
            return refuted(said, readout_hindered(said, d.place, other.place))
    return proved("readout vectors are used in readouts only")


def readout_hindered(what: str, place: Place | None, first: Place | None) -> Diagnostic:
    return Diagnostic(
        "TP107",
        what,
        place,
        "a readout is Gaussian because its vector is centred and independent of all else in the program",
        "",
        "use a separate centred input for the readout; for a score, multiply the side by a fresh weight",
        related=((first, "read out here"),) if first and first != place else (),
    )


def scaling_problem(case: Case, allowed: frozenset[Fraction]) -> Finding | None:
    """Find a scalar that vanishes or diverges with n, judged where it enters a function, a vector or an output."""
    for use in case.uses:
        name, power, place = use.source.name, use.power, use.place or use.source.place
        dot = isinstance(use.source, Dot)
        if power in (allowed if dot else (0,)):
            continue
        beyond = power - (SCORE if dot else 0)
        code, word = ("TP302", "diverges") if beyond > 0 else ("TP301", "degenerates")
        if not dot:
            said = f"{name} times n^{power} {word}"
            why = "averages and constants have limits as they are"
            return refuted(said, Diagnostic(code, said, place, why, "", "remove the power of n"))
        return refuted(
            f"{name} is a dot product times n^{power}",
            Diagnostic(
                code,
                f"the dot product {name}, scaled by n^{power}, {word}",
                place,
                "a dot product of n coordinates has a limit law at n^(-1/2) (a score) or n^(-1) (a moment)",
                f"it grows like n^{beyond}" if beyond > 0 else "its limit is 0 at the scale n^(-1/2)",
                "divide by sqrt(n), or by n",
            ),
        )
    return None


def judged(found: Judged, code: str, message: str, because: str, help: str) -> Finding:
    """Return a finding from a fact about a function: refuted with `code`, unknown with TP203."""
    fact, said, place = found.fact, f"{found.text}: {found.fact.because}", found.place
    if fact.proved:
        return proved(said, place)
    if fact.refuted:
        return refuted(said, Diagnostic(code, message, place, f"{because}; {fact.because}", "", help))
    why = f"{because}; neither was proved nor refuted: {fact.because}"
    help = "`tensorprog function` shows what is known of it"
    message = f"could not decide about {found.text}"
    return unknown(said, Diagnostic("TP203", message, place, why, "", help, "warning"))


def judged_controlled(found: Judged, word: str) -> Finding:
    """The finding for a function (called `word` in messages) that must be pseudo-Lipschitz, or at least controlled."""
    return judged(
        found,
        "TP205",
        f"this {word} is not controlled",
        f"every {word} must be pseudo-Lipschitz, or at least bounded by exp(C|x|^(2-eps) + c)",
        "use a function that is defined everywhere and grows more slowly",
    )


def first_problem(findings: list[Finding], fine: str) -> Finding:
    """Return the first refuted finding, else the first unknown one, else proved."""
    for status in ("refuted", "unknown"):
        for f in findings:
            if f.status == status:
                return f
    reasons = list(dict.fromkeys(f.because for f in findings if f.because))
    said = "; ".join(reasons[:4]) + ("; ..." if len(reasons) > 4 else "")
    return proved(": ".join(part for part in (fine, said) if part))


SAMPLING = Premise(
    "sampling",
    "initial vectors are sampled iid over coordinates from a multivariate normal, weight matrices independently",
    sampling,
)
VARIANCE = Premise("variance", "each entry of a weight matrix has variance sigma^2/n, n its input width", variance)
GAUSSIAN = Premise("gaussian", "the entries of weight matrices are Gaussian", gaussian_entries, open=True)
TRANSPOSES = Premise("transposes", "MatMul uses matrices, not their transposes", no_transposes, open=True)
SAMPLED = (SAMPLING, VARIANCE, GAUSSIAN, TRANSPOSES)
"""What every theorem asks of initial vectors and weights."""
READOUTS = Premise(
    "readouts",
    "a readout vector is a centred initial vector independent of all else, used only in readouts",
    readout_rule,
)
