"""The works that the theorems come from, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable

from tensorprog.theorems.verdict import THEOREMS

WORKS = {
    "yang2019wide": """@inproceedings{yang2019wide,
  title     = {Wide Feedforward or Recurrent Neural Networks of Any Architecture are {G}aussian Processes},
  author    = {Yang, Greg},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {32},
  year      = {2019}
}""",
    "yang2020tp3": """@article{yang2020tp3,
  title   = {Tensor Programs {III}: Neural Matrix Laws},
  author  = {Yang, Greg},
  journal = {arXiv preprint arXiv:2009.10685},
  year    = {2020}
}""",
    "sakai2025attention": """@article{sakai2025attention,
  title   = {Infinite-Width Limit of a Single Attention Layer: Analysis via Tensor Programs},
  author  = {Sakai, Mana and Karakida, Ryo and Imaizumi, Masaaki},
  journal = {arXiv preprint arXiv:2506.00846},
  year    = {2025}
}""",
}


def bibtex(theorems: Iterable[str]) -> str:
    """Return the entries that a use of these theorems should cite.

    >>> bibtex(["netsor"]).partition(",")[0]
    '@inproceedings{yang2019wide'
    """
    cites = {t.id: t.cites for t in THEOREMS}
    keys = dict.fromkeys(key for t in theorems for key in cites[t])
    return "\n\n".join(WORKS[key] for key in keys)
