"""What a remark asks for and what it turns down, told apart clause by clause."""

from __future__ import annotations

import re
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

# A look at the words of a line saves most searches for patterns, which are slow.
_ASIDES = re.compile(_ASIDE, re.IGNORECASE)
_REFUSES, _MAY_ASK, _UNSURE, _PLAIN = range(4)
_ELSE = re.compile(rf"\b(?:tired|sick|{'|'.join(_TURNS)})\b", re.IGNORECASE)
_IN_WORDS = "'’‘`_"
_IN_REQUESTS = re.compile(r"\b(?:of|enough|really|quite|missing|misses|lacks?)\b", re.IGNORECASE)


@lru_cache(maxsize=65536)
def split_polarity(text: str) -> tuple[str, str]:
    """The clauses of a remark as ``(asked for, turned down)``, each joined to one text.

    A clause with a word of refusal ("not", "too", "without", "hated") turns down what it names,
    unless it misses it ("not enough", "none of these has"). "Horror is fine, but no gore" asks for
    horror and turns down gore. A rule of thumb: it reads no irony and no double negation.
    """
    wanted: list[str] = []
    refused: list[str] = []
    for clause, _, turned_down in _clauses(text):
        if clause := clause.strip():
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


def _clauses(text: str) -> list[tuple[str, list[str], bool]]:
    """Each clause, its words, and whether it turns down what it names."""
    if "\n" in text:
        return _searched(text)
    if "," in text:
        text = _ASIDES.sub(".", text)
    found: list[tuple[str, list[str], bool]] = []
    start = 0
    for evened in _evened(text).split("."):
        clause = text[start : start + len(evened)]
        start += len(evened) + 1
        said = evened.split()
        kinds = set(map(_kinds.__getitem__, said))
        if _UNSURE in kinds:
            found += _searched(clause)
            continue
        if "'" in evened or "`" in evened or "_" in evened or not evened.isascii():
            said = words(clause)
        turned_down = _REFUSES in kinds and not (_MAY_ASK in kinds and _REQUEST.search(clause))
        found.append((clause, said, turned_down))
    return found


def _searched(text: str) -> list[tuple[str, list[str], bool]]:
    """The same of any text, by the patterns themselves, which are slow."""
    return [
        (clause, words(clause), bool(_REFUSAL.search(clause)) and not _REQUEST.search(clause))
        for clause in _CLAUSES.split(text)
    ]


def _evened(text: str) -> str:
    """As long as the text, with a stop for each end and blanks for what is no part of a word."""
    if text.isascii():
        return text.encode().translate(_ASCII).decode()
    return text.translate(_letters)


def _letter(code: int) -> str:
    letter = chr(code)
    if letter.isalnum() or letter in _IN_WORDS:
        return letter.lower() if letter.isascii() else letter
    return "." if letter in ".;:!?" else " "


def _kind(word: str) -> int:
    """What a word, as it stands between blanks, tells of its clause."""
    refuses, may_ask = _REFUSAL.search(word), _IN_REQUESTS.search(word)
    if _ELSE.search(word) or (refuses and may_ask):
        return _UNSURE
    return _REFUSES if refuses else _MAY_ASK if may_ask else _PLAIN


_kinds = Table(_kind, 1 << 16)
_letters = Table(_letter, 1 << 16)
_ASCII = bytes(ord(_letters[code]) for code in range(128)) * 2

__all__ = ["split_polarity", "split_words"]
