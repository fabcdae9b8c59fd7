"""From text to words: the one tokeniser of the encoders that need no weights."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from crsgym.data.titles import ascii_words

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")
_APOSTROPHES = str.maketrans("", "", "'’‘`")

Said: TypeAlias = Sequence[Sequence[str]]
"""Texts, each taken apart by :func:`words`."""

STOP_WORDS = frozenset(
    "a about all also am an and any are as at be been but by can cant could did didnt do does "
    "dont for from get got had has have havent he her here hers him his how i id if ill im in "
    "into is it its ive just let like lot me more most movie movies film films much my no not "
    "of oh ok okay on one or our out really she should so some something sure than that thats "
    "the their them then there these they theyre think this those to too up us very was watch "
    "watched we well were what when where which who will with would yeah yes you your youre".split()
)
"""Words that say nothing about which film is meant."""


def words(text: str) -> list[str]:
    """The words of a text: lower case, without accents or apostrophes, in order, repeats kept."""
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)))
        if not text.isascii():
            text = "".join(c for c in text if not unicodedata.combining(c))
            return _WORD.findall(text.casefold())
    return ascii_words(text)


@lru_cache(1 << 16)
def singular(word: str) -> str:
    """A word without its plural ending, by the three rules of Harman's S stemmer (1991)."""
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


__all__ = ["STOP_WORDS", "Said", "singular", "words"]
