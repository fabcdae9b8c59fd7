"""What a remark asks for and what it turns down, told apart clause by clause."""

from __future__ import annotations

import re
from functools import lru_cache

_TURNS = "but although though however instead rather except yet".split()
_CLAUSES = re.compile(
    rf"[.;:!?\n]+|,?\s+\b(?:{'|'.join(_TURNS)})\b|,\s+(?=i\b|we\b)", re.IGNORECASE
)
_PLAIN_CLAUSES = re.compile(r"[.;:!?]+|,\s+(?=i\b|we\b)", re.IGNORECASE)
"""The same for texts of one line, without a word that turns."""
_REFUSING = (
    "no not none never nothing without neither nor less fewer too hate hates hated dislike "
    "dislikes disliked avoid skip enough boring bored wrong misses missing lack lacks "
    "dont doesnt didnt isnt arent wasnt wont wouldnt cant couldnt shouldnt havent hasnt".split()
)
_REFUSAL = re.compile(rf"\b(?:{'|'.join(_REFUSING)}|tired of|sick of|\w+n['’]t)\b", re.IGNORECASE)
_REQUEST = re.compile(
    r"\b(?:no(?:ne|t any)? of (?:them|these|those)|"
    r"(?:not|isn['’]?t|aren['’]?t) (?:enough|really|quite)|enough|missing|misses|lacks?)\b",
    re.IGNORECASE,
)
# A look at the words of a clause saves most searches, which are slow.
_WORDS = bytes(code if chr(code).isalnum() or code == ord("_") else 32 for code in range(128)) * 2
_WORD = re.compile(r"\w+")
_ODD_LETTER = re.compile("[ſ\u212aıİ]")
"""What patterns take for an s, a k or an i when case does not count."""
_MAY_TURN = frozenset(_TURNS)
_REFUSES = frozenset(_REFUSING)
_MAY_REFUSE = frozenset(("tired", "sick", "t"))
_MAY_REQUEST = frozenset("of enough really quite missing misses lack lacks".split())


@lru_cache(maxsize=65536)
def split_polarity(text: str) -> tuple[str, str]:
    """The clauses of a remark as ``(asked for, turned down)``, each joined to one text.

    A clause with a word of refusal ("not", "too", "without", "hated") turns down what it names,
    unless it misses it ("not enough", "none of these has"). "Horror is fine, but no gore" asks for
    horror and turns down gore. A rule of thumb: it reads no irony and no double negation.
    """
    wanted: list[str] = []
    refused: list[str] = []
    one_line = "\n" not in text
    for clause in (_PLAIN_CLAUSES if one_line else _CLAUSES).split(text):
        said = _words(clause)
        parts = [clause]
        if one_line and (said is None or not _MAY_TURN.isdisjoint(said)):
            parts, said = _CLAUSES.split(clause), None
        for part in parts:
            if part := part.strip():
                (refused if _turns_down(part, said) else wanted).append(part)
    return ". ".join(wanted), ". ".join(refused)


def _turns_down(clause: str, said: list[str] | None) -> bool:
    if said is not None and _REFUSES.isdisjoint(said) and _MAY_REFUSE.isdisjoint(said):
        return False
    if said is None or _REFUSES.isdisjoint(said):
        if not _REFUSAL.search(clause):
            return False
    elif _MAY_REQUEST.isdisjoint(said):
        return True
    return not _REQUEST.search(clause)


def _words(text: str) -> list[str] | None:
    """The words between which the patterns see boundaries, in lower case; None for odd letters."""
    if text.isascii():
        return text.lower().encode().translate(_WORDS).decode().split()
    return None if _ODD_LETTER.search(text) else _WORD.findall(text.lower())


__all__ = ["split_polarity"]
