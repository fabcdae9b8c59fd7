"""What a remark asks for and what it turns down, told apart clause by clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from crsgym.memo import Table
from crsgym.text.words import words

_TURNS = "but although though however instead rather except yet".split()
_ASIDE = r",\s+(?=i\b|we\b)"
_CLAUSES = re.compile(rf"[.;:!?\n]+|,?\s+\b(?:{'|'.join(_TURNS)})\b|{_ASIDE}", re.IGNORECASE)
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

# What a piece of a line, between two blanks, tells of its clause is known from earlier lines, which
# saves most searches for patterns: these are slow.
_ASIDES = re.compile(_ASIDE, re.IGNORECASE)
_PLAIN, _REFUSES, _MAY_ASK, _UNSURE = "prmu"
_ELSE = re.compile(rf"\b(?:tired|sick|{'|'.join(_TURNS)})\b", re.IGNORECASE)
_IN_REQUESTS = re.compile(r"\b(?:of|enough|really|quite|missing|misses|lacks?)\b", re.IGNORECASE)
_STOPS = ".;:!?"
_STOP = re.compile(f"[{_STOPS}]")


@lru_cache(maxsize=65536)
def split_polarity(text: str) -> tuple[str, str]:
    """The clauses of a remark as ``(asked for, turned down)``, each joined to one text.

    A clause with a word of refusal ("not", "too", "without", "hated") turns down what it names,
    unless it misses it ("not enough", "none of these has"). "Horror is fine, but no gore" asks for
    horror and turns down gore. A rule of thumb: it reads no irony and no double negation.
    """
    wanted: list[str] = []
    refused: list[str] = []
    for pieces, _, turned_down in _clauses(text):
        if clause := " ".join(pieces).rstrip(_STOPS).strip():
            (refused if turned_down else wanted).append(clause)
    return ". ".join(wanted), ". ".join(refused)


def split_words(text: str) -> tuple[list[str], list[str]]:
    """The two texts of :func:`split_polarity`, each taken apart by ``words``."""
    wanted: list[str] = []
    refused: list[str] = []
    for _, said, turned_down in _clauses(text):
        if turned_down:
            refused += said
        else:
            wanted += said
    return wanted, refused


def _clauses(text: str) -> list[tuple[list[str], Sequence[str], bool]]:
    """Of each clause its pieces, its words, and whether it turns down what it names."""
    if "\n" in text:
        return _searched(text)
    if "," in text:
        text = _ASIDES.sub(". ", text)
    pieces = text.split(" ")
    all_kinds, all_words = zip(*map(_known.__getitem__, pieces), strict=True)
    found: list[tuple[list[str], Sequence[str], bool]] = []
    start = 0
    for kinds in "".join(all_kinds).split("."):
        end = start + len(kinds)
        clause, said = pieces[start:end], all_words[start:end]
        if _UNSURE in kinds:
            found += _searched(f"{' ' if start else ''}{' '.join(clause)}")
        else:
            turned_down = _REFUSES in kinds and not (
                _MAY_ASK in kinds and _REQUEST.search(" ".join(clause))
            )
            found.append((clause, words(" ".join(clause)) if "" in said else said, turned_down))
        start = end
    return found


def _searched(text: str) -> list[tuple[list[str], Sequence[str], bool]]:
    """The same of any text, by the patterns themselves."""
    return [
        (
            clause.split(" "),
            words(clause),
            bool(_REFUSAL.search(clause)) and not _REQUEST.search(clause),
        )
        for clause in _CLAUSES.split(text)
    ]


def _kind(piece: str) -> str:
    """What a piece tells of its clause, and a stop where the clause ends behind it."""
    bare = piece.rstrip(_STOPS)
    refuses, may_ask = _REFUSAL.search(bare), _IN_REQUESTS.search(bare)
    if _STOP.search(bare) or _ELSE.search(bare) or (refuses and may_ask):
        kind = _UNSURE
    else:
        kind = _REFUSES if refuses else _MAY_ASK if may_ask else _PLAIN
    return kind if bare == piece else f"{kind}."


def _only_word(piece: str) -> str:
    """The word of a piece; empty when it holds none or several."""
    found = words(piece)
    return found[0] if len(found) == 1 else ""


def _know(piece: str) -> tuple[str, str]:
    """The kind and the word of a piece."""
    return _kind(piece), _only_word(piece)


_known = Table(_know, 1 << 16)

__all__ = ["split_polarity", "split_words"]
