"""`tensorprog prove FILE` writes a certificate; `tensorprog verify FILE CERT` re-checks one with the kernel alone."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from tensorprog.errors import CertificateError, fail
from tensorprog.kernel.certificate import MAX_BYTES
from tensorprog.language.files import write_whole
from tensorprog.language.options import on_program
from tensorprog.numbers.progress import working
from tensorprog.program.api import Program


@click.command("prove", short_help="a certificate: every judgement with its derivation")
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Write to a file instead of standard output.")
@click.option("--goals", multiple=True, metavar="GOAL", help="What to prove beside validity: KIND or KIND:NAME,NAME.")
@click.option("--latex", "as_latex", is_flag=True, help="The proof as a LaTeX document instead of the certificate.")
@on_program("A param's number; no proof depends on it.")
def prove(
    program: Program,
    values: dict[str, Fraction],
    out: str | None,
    goals: tuple[str, ...],
    as_latex: bool,
    as_json: bool,
) -> int:
    """A certificate that a theorem covers every output, which `verify` re-checks.

    Exit code 0 for valid and valid-by-remark, 1 for invalid, 3 for undecided, 2 for an error.
    """
    from tensorprog.errors import TensorProgError
    from tensorprog.proof.certificate import verify as recheck
    from tensorprog.proof.prover import prove as write

    try:
        with working(f"proving {program.name}"):
            certificate = write(program, goals)
    except TensorProgError as error:
        if [d.code for d in error.diagnostics] != ["TP602"]:
            raise
        from tensorprog.theorems import check

        verdict = check(program).verdict
        click.echo(str(error), err=True)
        if as_json:
            data: dict[str, Any] = {"verdict": verdict, "diagnostics": [d.to_json() for d in error.diagnostics]}
            click.echo(json.dumps(data))
        return 1 if verdict == "invalid" else 3
    text = certificate.text
    if as_latex:
        from tensorprog.proof.latex import document

        text = document(program, certificate.to_json(), recheck(program, certificate))
    if out is None:
        click.echo(text, nl=False)
    else:
        write_whole(Path(out), text)
        click.echo(repr(certificate), err=as_json)
    return 0


@click.command("verify", short_help="re-checks a certificate against the program, by the small kernel alone")
@on_program(None)
@click.argument("certificate", metavar="CERT", type=click.Path())
@click.option("--explain", is_flag=True, help="Print the proof, step by step.")
@click.option("--latex", "as_latex", is_flag=True, help="Print the proof as a LaTeX document and nothing else.")
def verify(program: Program, certificate: str, explain: bool, as_latex: bool, as_json: bool) -> int:
    """Re-check a certificate: exit code 0 if it is accepted, 1 if it is rejected.

    Only exact rational arithmetic is used. An accepted certificate establishes its goals from the program as lowered,
    from the axioms that are listed, and from the rules that docs/calculus.md justifies.
    """
    from tensorprog.proof.certificate import verify as recheck
    from tensorprog.proof.explain import Reader, said
    from tensorprog.proof.trusted import compared, trusted

    try:
        raw = Path(certificate).read_bytes()
    except OSError as error:
        raise fail("TP010", f"cannot read {certificate}: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise fail("TP901", f"the certificate has more than {MAX_BYTES} bytes (MAX_BYTES)")
    try:
        with working(f"re-checking {certificate}"):
            accepted = recheck(program, raw)
    except CertificateError as error:
        click.echo(str(error), err=True)
        if as_json:
            step = int(str(error.diagnostics[0].message).split()[1])
            click.echo(json.dumps({"schema": "tensorprog/verify/1", "accepted": False, "steps": step,
                                   "rejected_step": step, "axioms": [],
                                   "diagnostics": [d.to_json() for d in error.diagnostics]}))  # fmt: skip
        return 1
    if as_json:
        found = {"schema": "tensorprog/verify/1", "accepted": True, "steps": accepted.steps, "rejected_step": None,
                 "axioms": list(accepted.axioms)}  # fmt: skip
        click.echo(json.dumps(found))
        return 0
    if as_latex:
        from tensorprog.proof.latex import document

        click.echo(document(program, json.loads(raw), accepted), nl=False)
        return 0
    if explain:
        from tensorprog.proof.explain import explain as told

        click.echo(told(program, json.loads(raw), accepted))
    kinds = Counter(a.split()[0].rstrip(":") for a in accepted.axioms)
    counted = ", ".join(f"{n} of kind {kind}" for kind, n in sorted(kinds.items()))
    reader = Reader(program)
    click.echo(f"accepted: {accepted.steps} steps")
    for theorem in accepted.proved:
        click.echo(f"  goal: {said(theorem.statement, reader)}")
    lines = trusted(accepted.files)
    click.echo(f"rests on {sum(lines.values())} lines: {', '.join(f'{n} of {room}' for room, n in lines.items())}")
    click.echo(f"read, and compared with what is written, by {compared(accepted.files)} more, which can only refuse")
    if extra := [file.removeprefix("extra.") for file in accepted.files if file.startswith("extra.")]:
        click.echo(f"also rests on rules that few need: {', '.join(extra)}")
    click.echo(f"axioms: {counted or 'none'}")
    for axiom in accepted.axioms:
        click.echo(f"  {reader.axiom(axiom)}")
    return 0
