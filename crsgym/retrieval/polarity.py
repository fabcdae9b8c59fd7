"""What a remark asks for and what it turns down, told apart clause by clause."""

from __future__ import annotations

import re
from functools import lru_cache

_CLAUSES = re.compile(
    r"[.;:!?\n]+|,?\s+\b(?:but|although|though|however|instead|rather|except|yet)\b|,\s+(?=i\b|we\b)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:not?|none|never|nothing|without|neither|nor|less|fewer|too|hates?|hated|dislikes?|disliked"
    r"|avoid|skip|tired of|sick of|enough|boring|bored|wrong|misses|missing|lacks?|\w+n['’]t"
    r"|(?:do|does|did|is|are|was|wo|would|ca|could|should|have|has)nt)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\b(?:no(?:ne|t any)? of (?:them|these|those)|"
    r"(?:not|isn['’]?t|aren['’]?t) (?:enough|really|quite)|enough|missing|misses|lacks?)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=65536)
def split_polarity(text: str) -> tuple[str, str]:
    """The clauses of a remark as ``(asked for, turned down)``, each joined to one text.

    A clause with a word of refusal ("not", "too", "without", "hated") turns down what it names,
    unless it misses it ("not enough", "none of these has"). "Horror is fine, but no gore" asks for
    horror and turns down gore. A rule of thumb: it reads no irony and no double negation.
    """
    wanted: list[str] = []
    refused: list[str] = []
    for clause in _CLAUSES.split(text):
        if clause and clause.strip():
            turned_down = _REFUSAL.search(clause) and not _REQUEST.search(clause)
            (refused if turned_down else wanted).append(clause.strip())
    return ". ".join(wanted), ". ".join(refused)


__all__ = ["split_polarity"]
