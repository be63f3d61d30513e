"""Malformed, hostile and oversized input: one clear error each, whose code says what is wrong."""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog.errors import TensorProgError
from tensorprog.language import load, loads
from tensorprog.program import Limits

HEAD = "input u ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\n"
TWO = "index i, j in 1..2\n"
BIG = "index i, j in 1..10^9\n"
QUERIES = BIG + "input z[i] ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\n"


def defined(expression: str) -> str:
    return f"{HEAD}y = {expression}\noutput y\n"


def error(text: str, **options: Any) -> TensorProgError:
    with pytest.raises(TensorProgError) as caught:
        loads(text, **options)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.place is not None or diagnostic.code == "TP901", "every error shows its place"
    assert diagnostic.message
    assert len(diagnostic.message) < 300
    return caught.value


REFUSED = {
    # nesting and length, refused before parsing
    "brackets": (defined("(" * 5000 + "u" + ")" * 5000), "TP902"),
    "calls": (defined("relu(" * 2000 + "u" + ")" * 2000), "TP902"),
    "subscripts": (defined("x" + "[1" * 3000 + "]" * 3000), "TP902"),
    "open brackets on many lines": ("(\n" * 3000, "TP902"),
    "minus signs": (defined("-" * 10_000 + "u"), "TP902"),
    "minus signs with spaces": (defined("- " * 9_000 + "u"), "TP902"),
    "powers": (defined("u" + "^2" * 5000), "TP902"),
    "powers of minus": (defined("u^" + "-" * 5000 + "2"), "TP902"),
    "products": (defined("A @ " * 4000 + "u"), "TP902"),
    "roots": (defined("√" * 5000 + "u"), "TP902"),
    "arrays": ("matrix K = " + "[" * 3000 + "1" + "]" * 3000 + "\n" + defined("A @ u"), "TP902"),
    "claims": (HEAD + "y = A @ u\nclaim " + "E(" * 3000 + "y" + ")" * 3000 + " = 0\noutput y\n", "TP902"),
    "100000 characters": (defined("u + " * 25_000 + "u"), "TP903"),
    "a name of 100000 characters": (defined("u" * 100_000), "TP903"),
    "a comment of 100000 characters": ("# " + "x" * 100_000 + "\n" + defined("A @ u"), "TP903"),
    "100000 spaces": (defined(" " * 100_000 + "A @ u"), "TP903"),
    "100000 characters in brackets": (defined("(" + "u +\n" * 25_000 + "u)"), "TP903"),
    # sizes
    "a range": ("index i in 1..10^20\n" + defined("A @ u"), "TP905"),
    "a negative range": ("index i in -10^20..1\n" + defined("A @ u"), "TP905"),
    "a range by a power tower": ("index i in 1..10^10^10\n" + defined("A @ u"), "TP906"),
    "a family": (BIG + "input z[i,j] ~ N(0, 1)\noutput z\n", "TP905"),
    "a weight family": (BIG + "weight W[i,j] ~ N(0, 1/n)\n" + defined("A @ u"), "TP905"),
    "scores": (QUERIES + "p[i,j] = dot(A @ z[i], B @ z[j])/sqrt(n)\noutput p\n", "TP905"),
    "a mask": (QUERIES + "y[i] = attention(A @ z[i], B @ z[j], z[j] over j, mask = j <= i)\noutput y\n", "TP905"),
    "a loop": (HEAD + "for t in 1..10^9:\n  z[t] = A @ u\noutput u\n", "TP904"),
    "a matrix": ("matrix K = [" + ", ".join(["[1" + ", 1" * 30 + "]"] * 30) + "]\n" + defined("A @ u"), "TP905"),
    "a const": ("const a = 9^9^9\n" + defined("A @ u"), "TP906"),
    "a const of 58 digits": ("const a = 2^64*2^64*2^64\n" + defined("A @ u"), "TP905"),
    "a const of many digits": ("const a = " + "*".join(["9999999999"] * 1500) + "\n" + defined("A @ u"), "TP906"),
    "an exponent": (defined("1e999999999 * u"), "TP906"),
    "digits": (defined("9" * 5000 + " * u"), "TP906"),
    "a width": ("width m = 1e99*n\n" + defined("A @ u"), "TP906"),
    "a variance by a power tower": ("input u ~ N(0, 9^9^9^9)\noutput u\n", "TP906"),
    "a variance by exponentials": ("input u ~ N(0, exp(exp(exp(10))))\noutput u\n", "TP906"),
    "a variance beyond floats": ("input u ~ N(0, 1e999)\noutput u\n", "TP906"),
    "a weight's variance beyond floats": ("weight W ~ N(0, 1e999/n)\n" + defined("A @ u"), "TP906"),
    "a default beyond floats": ("param c = 1e999\n" + defined("c * (A @ u)"), "TP906"),
    "a default by a power tower": ("param c = 9^9^9^9\n" + defined("c * (A @ u)"), "TP906"),
    "a hermite degree": (defined("hermite(10^9, u)"), "TP016"),
    # covariances
    "0/0": ("input u ~ N(0, 0/0)\noutput u\n", "TP008"),
    "1/0": ("input u ~ N(0, 1/0)\noutput u\n", "TP008"),
    "log(-1)": ("input u ~ N(0, log(-1))\noutput u\n", "TP008"),
    "negative": ("input u ~ N(0, -1e-3)\noutput u\n", "TP008"),
    "asymmetric": (TWO + "matrix K = [[1, 0.5], [0.2, 1]]\ninput u[i] ~ N(0, K)\noutput u\n", "TP008"),
    "asymmetric expression": (TWO + "input u[i] ~ N(0, 1 + i - i')\noutput u\n", "TP008"),
    "indefinite": (TWO + "matrix K = [[1, 2], [2, 1]]\ninput u[i] ~ N(0, K)\noutput u\n", "TP008"),
    "indefinite by a hair": ("input (u, w) ~ N([0, 0], [[1, 1.00001], [1.00001, 1]])\noutput u\n", "TP008"),
    "indefinite jointly": ("input (u, w) ~ N([0, 0], [[1, 2], [2, 1]])\noutput u\n", "TP008"),
    "nan in a matrix": (TWO + "matrix K = [[1, 0/0], [0/0, 1]]\ninput u[i] ~ N(0, K)\noutput u\n", "TP008"),
    "ragged": (TWO + "matrix K = [[1, 2], [2]]\ninput u[i] ~ N(0, K)\noutput u\n", "TP001"),
    "mixed rows": ("matrix K = [1, [2]]\n" + defined("A @ u"), "TP001"),
    "three dimensions": ("matrix K = [[[1]]]\n" + defined("A @ u"), "TP008"),
    "no entries": ("matrix K = []\n" + defined("A @ u"), "TP001"),
    "a negative weight": ("input u ~ N(0, 1)\nweight W ~ N(0, -1/n)\ny = W @ u\noutput y\n", "TP008"),
    # names that are no names of the language
    "a dunder": (defined("__class__"), "TP002"),
    "a dunder call": (defined("__import__(u)"), "TP002"),
    "an attribute": (defined("u.__class__"), "TP001"),
    "eval": (defined("eval(u)"), "TP002"),
    "lambda": (defined("lambda: u"), "TP001"),
    "an f-string": (defined('f"{u}"'), "TP001"),
    "a string": (defined('"u"'), "TP001"),
    "a semicolon": (defined("u; import os"), "TP001"),
    "nan": (defined("nan * u"), "TP002"),
    "inf": ("input u ~ N(0, inf)\noutput u\n", "TP002"),
    "attention over nothing": (TWO + defined("sum(attention(u, u, u over i) for j)"), "TP004"),
    "softmax over nothing": (TWO + defined("sum(softmax(mean(u) over i) * u for i)"), "TP004"),
    # characters
    "a null byte": (defined("A @ u\0"), "TP013"),
    "null bytes": ("\0" * 100, "TP013"),
    "a bell": (defined("A @ u # \a"), "TP013"),
    "bidi in a comment": (defined("A @ u # \u202e abc"), "TP013"),
    "bidi in code": (defined("A \u202e@ u"), "TP013"),
    "bidi isolate": (defined("A @ u # \u2066x\u2069"), "TP013"),
    "zero width": (defined("A\u200b @ u"), "TP013"),
    "a second byte order mark": (defined("A @ \ufeffu"), "TP013"),
    "a surrogate": (defined("A @ \ud800u"), "TP013"),
    "a no-break space": (defined("A\u00a0@ u"), "TP013"),
    "a line separator": (defined("A @ u\u2028"), "TP013"),
    "a next line": (defined("A @ u\u0085"), "TP013"),
    "a vertical tab": (defined("A @\x0b u"), "TP013"),
    "Cyrillic": (defined("\u0410 @ u"), "TP013"),
    "Greek that looks Latin": ("input Α ~ N(0, 1)\noutput Α\n", "TP013"),
    "omicron": ("input ο ~ N(0, 1)\noutput ο\n", "TP013"),
    "full width": ("input ｕ ~ N(0, 1)\noutput ｕ\n", "TP013"),
    "mathematical italic": ("input 𝑢 ~ N(0, 1)\noutput 𝑢\n", "TP013"),
    "not NFC": ("input e\u0301 ~ N(0, 1)\noutput u\n", "TP013"),
    "the Kelvin sign": ("input \u212a ~ N(0, 1)\noutput u\n", "TP013"),
    "Arabic digits": (defined("١ * u"), "TP013"),
    "a superscript": (defined("u²"), "TP013"),
    "a typographic minus": (defined("u − u"), "TP013"),
    # shape of the text
    "nothing": ("", "TP007"),
    "spaces": ("   \n\n\t\n", "TP007"),
    "a comment": ("# hello", "TP007"),
    "100000 empty lines": ("\n" * 100_000, "TP007"),
    "closing brackets": (defined(")))"), "TP001"),
    "closing only": (")", "TP001"),
    "an open bracket at the end": (defined("(u"), "TP001"),
    "an open string": ('include "abc', "TP001"),
    "carriage returns alone": (defined("A @ u").replace("\n", "\r"), "TP001"),
    "an indented statement": (HEAD + "  y = A @ u\noutput y\n", "TP001"),
    "a loop without a block": (HEAD + "for t in 1..2:\ny = A @ u\noutput y\n", "TP001"),
    "uneven indentation": (HEAD + "for t in 1..2:\n    z[t] = A @ u\n  w = A @ u\noutput u\n", "TP001"),
    "a conflict marker": ("<<<<<<< HEAD\n" + defined("A @ u"), "TP001"),
    # files, where there is no folder
    "an include without a folder": ('include "other.tp"\n', "TP010"),
    "a matrix file without a folder": ('matrix K = file("k.npy")\n', "TP010"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_one_clear_error(name: str) -> None:
    text, code = REFUSED[name]
    limits = Limits(matrix_entries=100) if name == "a matrix" else Limits()
    found = error(text, limits=limits).diagnostics[0]
    assert found.code == code, str(found)


def test_a_limit_is_named_with_the_way_to_raise_it() -> None:
    text = "index i in 1..2000000000\n" + defined("A @ u")
    found = error(text).diagnostics[0]
    assert "--limit index_value=" in found.help
    assert loads(text, limits=Limits(index_value=10**10)).nodes


ACCEPTED = {
    "CRLF": defined("A @ u").replace("\n", "\r\n"),
    "no newline at the end": defined("A @ u").rstrip(),
    "tabs": "input\tu\t~\tN(0,\t1)\noutput\tu",
    "a form feed": defined("A @\x0c u"),
    "a tab for a block": HEAD + "for t in 1..2:\n\tz[t] = A @ u\noutput z\n",
    "dunder names": "input __init__ ~ N(0, 1)\noutput __init__\n",
    "look-alikes in a comment": defined("A @ u # Α и ο"),
    "brackets in a comment": "# " + "(" * 10_000 + "\n" + defined("A @ u"),
    "90 calls": defined("relu(" * 90 + "u" + ")" * 90),
    "190 products": defined("A @ " * 190 + "u"),
    "4000 summands": defined("u + " * 4_000 + "u"),
    "an index of 10^9 values": BIG + "input z[i] ~ N(0, 1)\nweight W[i] ~ N(0, 1/n)\ny[i] = W[i] @ z[i]\noutput y\n",
    "a sum over 10^9 values": "index i in 1..10^9\ninput z[i] ~ N(0, 1)\ny = sum(z[i] for i)\noutput y\n",
    "negative indices": "index i in -3..-1\ninput z[i] ~ N(0, 1)\ny = z[-2]\noutput y\n",
    "a singular covariance": TWO + "matrix K = [[1, 1], [1, 1]]\ninput u[i] ~ N(0, K)\noutput u\n",
    "a rounded covariance": TWO + "matrix K = [[1, 1.0000000000001], [1, 1]]\ninput u[i] ~ N(0, K)\noutput u\n",
    "Greek": "param λ > 0 = 1\ninput ξ ~ N(0, λ)\noutput ξ\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_but_sound(name: str) -> None:
    program = loads(ACCEPTED[name])
    assert loads(program.to_text()).hash == program.hash


# -- files -----------------------------------------------------------------------------------------------------------


def test_files_that_are_no_texts(tmp_path: Path) -> None:
    for content, code in (
        (b"\xff\xfe\x00", "TP013"),
        (bytes(range(256)) * 40, "TP013"),
        (b"\x80", "TP013"),
        (b"", "TP007"),
    ):
        path = tmp_path / "file.tp"
        path.write_bytes(content)
        with pytest.raises(TensorProgError, match=code):
            load(path)
    with pytest.raises(TensorProgError, match="TP018"):
        load(tmp_path)
    with pytest.raises(TensorProgError, match="TP018"):
        load(tmp_path / "missing.tp")
    (tmp_path / "loop.tp").symlink_to(tmp_path / "loop.tp")
    with pytest.raises(TensorProgError, match="TP018"):
        load(tmp_path / "loop.tp")


def test_a_byte_order_mark_is_no_character_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "bom.tp"
    path.write_bytes(b"\xef\xbb\xbf" + defined("A @ u").encode())
    assert load(path).hash == loads(defined("A @ u")).hash


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.tp"
    with path.open("wb") as file:
        file.truncate(10**12)  # a sparse terabyte
    with pytest.raises(TensorProgError, match="TP901"):
        load(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program's folder, with a secret beside it and links that lead there."""
    (tmp_path / "secret.tp").write_text("input s ~ N(0, 1)\n")
    np.save(tmp_path / "secret.npy", np.eye(2))
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "good.tp").write_text("input s ~ N(0, 1)\n")
    (inside / "sub" / "up.tp").write_text('include "../good.tp"\n')
    (inside / "sub" / "out.tp").write_text('include "../../secret.tp"\n')
    (inside / "link.tp").symlink_to(tmp_path / "secret.tp")
    (inside / "linked").symlink_to(tmp_path)
    (inside / "self.tp").write_text('include "self.tp"\n')
    (inside / "ping.tp").write_text('include "pong.tp"\n')
    (inside / "pong.tp").write_text('include "./sub/../ping.tp"\n')
    (inside / "binary.tp").write_bytes(b"\xff\x00")
    os.mkfifo(inside / "pipe.tp")
    (inside / "bad.tp").write_text("input x ~ N(0, 1)\n\ny = x +\n")
    return inside


@pytest.mark.parametrize(
    "path",
    ["../secret.tp", "/etc/passwd", "/dev/zero", "link.tp", "linked/secret.tp", "sub/out.tp", "sub/../../secret.tp", "",
     ".", "..", "sub", "missing.tp", "~/secret.tp", "$HOME/secret.tp", "file:///etc/passwd", "a" * 5000, "self.tp",
     "ping.tp", "pipe.tp", "binary.tp", "con\\..\\secret.tp", "good.tp/../../secret.tp", "a/" * 2000],
)  # fmt: skip
def test_includes_that_are_refused(folder: Path, path: str) -> None:
    main = folder / "main.tp"
    main.write_text(f'include "{path}"\noutput s\n')
    with pytest.raises(TensorProgError) as caught:
        load(main)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "TP010"
    assert diagnostic.line == 1


def test_includes_below_the_root_folder(folder: Path) -> None:
    main = folder / "main.tp"
    main.write_text('include "sub/up.tp"\noutput s\n')
    assert [n.name for n in load(main).nodes] == ["s"]


def test_an_error_in_an_included_file_is_placed_there(folder: Path) -> None:
    main = folder / "main.tp"
    main.write_text('include "bad.tp"\noutput x\n')
    with pytest.raises(TensorProgError) as caught:
        load(main)
    place = caught.value.diagnostics[0].place
    assert place is not None
    assert (place.file, place.line) == ("bad.tp", 3)
    assert "y = x +" in str(caught.value)


def test_many_includes(folder: Path) -> None:
    for k in range(200):
        (folder / f"f{k}.tp").write_text(f'include "f{k + 1}.tp"\n')
    (folder / "f200.tp").write_text("input s ~ N(0, 1)\n")
    main = folder / "main.tp"
    main.write_text('include "f0.tp"\noutput s\n')
    with pytest.raises(TensorProgError, match="TP010"):
        load(main)


def npy(shape: str = "(2, 2)", descr: str = "'<f8'", data: bytes = struct.pack("<4d", 1, 0, 0, 1)) -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("K.npy", npy())
    return buffer.getvalue()


MATRICES: dict[str, tuple[bytes, str]] = {
    "a pickle": (b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.", "TP010"),
    "an object array": (npy(descr="'|O'", data=b"\x80\x04]\x94."), "TP010"),
    "code for a header": (npy(shape="__import__('os').system('true')"), "TP010"),
    "a deep header": (npy(shape="(" * 60 + ")" * 50), "TP010"),
    "text": (b"1 0\n0 1\n", "TP010"),
    "nothing": (b"", "TP010"),
    "the magic alone": (b"\x93NUMPY", "TP010"),
    "too little data": (npy(data=b"\0" * 8), "TP010"),
    "a shape of 10^18": (npy(shape="(1000000000, 1000000000)"), "TP010|TP905"),
    "a negative shape": (npy(shape="(-1, 2)"), "TP010"),
    "complex numbers": (npy(descr="'<c16'", data=b"\0" * 64), "TP010"),
    "strings": (npy(descr="'<U2'", data=b"\0" * 32), "TP010"),
    "records": (npy(descr="[('a', '<f8')]"), "TP010"),
    "no dimensions": (npy(shape="()", data=b"\0" * 8), "TP010"),
    "three dimensions": (npy(shape="(1, 2, 2)"), "TP010"),
    "empty": (npy(shape="(0, 2)", data=b""), "TP001|TP008|TP010"),
    "the wrong shape": (npy(shape="(1, 4)"), "TP008"),
    "one dimension": (npy(shape="(4,)"), "TP008"),
    "an archive": (archive(), "TP010"),
    "not a number": (npy(data=struct.pack("<4d", 1, float("nan"), float("nan"), 1)), "TP008"),
    "infinite": (npy(data=struct.pack("<4d", float("inf"), 0, 0, 1)), "TP008"),
    "asymmetric": (npy(data=struct.pack("<4d", 1, 0.5, 0.2, 1)), "TP008"),
    "indefinite": (npy(data=struct.pack("<4d", 1, 2, 2, 1)), "TP008"),
}


@pytest.mark.parametrize("name", MATRICES)
def test_matrix_files_that_are_refused(name: str, tmp_path: Path) -> None:
    content, codes = MATRICES[name]
    (tmp_path / "k.npy").write_bytes(content)
    main = tmp_path / "main.tp"
    main.write_text(f'{TWO}matrix K = file("k.npy")\ninput u[i] ~ N(0, K)\noutput u\n')
    with pytest.raises(TensorProgError) as caught:
        load(main)
    (diagnostic,) = caught.value.diagnostics
    assert re.fullmatch(codes, diagnostic.code), str(caught.value)
    assert diagnostic.place is not None


def test_a_good_matrix_file(tmp_path: Path) -> None:
    (tmp_path / "k.npy").write_bytes(npy())
    main = tmp_path / "main.tp"
    main.write_text(f'{TWO}matrix K = file("k.npy")\ninput u[i] ~ N(0, K)\noutput u\n')
    assert load(main).matrices["K"].shape == (2, 2)


@pytest.mark.parametrize("path", ["../secret.npy", "linked/secret.npy", "/dev/zero", "missing.npy", "sub", "pipe.tp"])
def test_matrix_files_elsewhere(folder: Path, path: str) -> None:
    main = folder / "main.tp"
    main.write_text(f'{TWO}matrix K = file("{path}")\ninput u[i] ~ N(0, K)\noutput u\n')
    with pytest.raises(TensorProgError, match="TP010"):
        load(main)
