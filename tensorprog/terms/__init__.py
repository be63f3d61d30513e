"""Our own expressions: tiny, immutable, exact; read, printed and stored without loss."""

from __future__ import annotations

from tensorprog.kernel.ground.term import App as App
from tensorprog.kernel.ground.term import Bind as Bind
from tensorprog.kernel.ground.term import Num as Num
from tensorprog.kernel.ground.term import Sub as Sub
from tensorprog.kernel.ground.term import Term as Term
from tensorprog.kernel.ground.term import Var as Var
from tensorprog.kernel.ground.text import to_text as to_text
from tensorprog.kernel.written.canonical import to_json as to_json
from tensorprog.terms.json_form import from_json as from_json
from tensorprog.terms.reader import read as read

__all__ = ["App", "Bind", "Num", "Sub", "Term", "Var", "from_json", "read", "to_json", "to_text"]
