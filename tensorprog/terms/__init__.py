"""Our own expressions: tiny, immutable, exact; read, printed and stored without loss."""

from __future__ import annotations

from tensorprog.terms.json_form import from_json as from_json
from tensorprog.terms.json_form import to_json as to_json
from tensorprog.terms.reader import read as read
from tensorprog.terms.term import App as App
from tensorprog.terms.term import Bind as Bind
from tensorprog.terms.term import Num as Num
from tensorprog.terms.term import Sub as Sub
from tensorprog.terms.term import Term as Term
from tensorprog.terms.term import Var as Var
from tensorprog.terms.text import to_text as to_text

__all__ = ["App", "Bind", "Num", "Sub", "Term", "Var", "from_json", "read", "to_json", "to_text"]
