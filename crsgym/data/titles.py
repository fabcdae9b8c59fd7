"""Titles as text: the year in them, and the form in which two of them are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from crsgym.types import Item

_REMEMBERED = 1 << 16
_SHORT = 256
"""Longer texts are not remembered, so that hostile ones do not fill the memory."""

# With the quotes, brackets or emphasis before it: "“The Good, the Bad and the Ugly”".
_LEADING_ARTICLE = re.compile(r"[\W_]*(?:the|an|a)\s+(?=\S)")
_TRAILING_ARTICLE = re.compile(r"(?<=\S)\s*,\s*(?:the|an|a)(?=(?:\s+\d{4})?$)")
# "(2019)", "(2015 film)", "(2019, Andy Fickman)", "()" and the unclosed "(1995" of the sources.
_QUALIFIER = re.compile(r"\(\s*(?:(\d{4})\b[^()]*)?\)?$")
_ASCII_TO_SPACE = {
    code: (None if chr(code) in "'`" else " ") for code in range(128) if not chr(code).isalnum()
}
# Of ASCII texts, which most are: lower case, and a blank for all that is no letter or digit.
_ASCII = bytes(ord(c.lower()) if (c := chr(code)).isalnum() else 32 for code in range(128)) * 2
# Letters that Unicode does not decompose into a base letter and a mark.
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "", "‘": "", "ʼ": ""}
)
_UNDECOMPOSABLE = re.compile(f"[{''.join(map(chr, _UNDECOMPOSED))}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")


def split_year(title: str) -> tuple[str, int | None]:
    """The name and the year of ``"Name (Year)"``; the year is ``None`` where there is none."""
    title = title.strip()
    match = _QUALIFIER.search(title)
    if match is None or not title[: match.start()].strip():
        return title, None
    year = match.group(1)
    return title[: match.start()].strip(), int(year) if year else None


def _plain(text: str) -> str:
    """Lower case, without accents."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    if _UNDECOMPOSABLE.search(text):
        text = text.translate(_UNDECOMPOSED)
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text))


def evened(text: str) -> str:
    """The text but for case, accents and spacing."""
    return " ".join(_plain(text).split())


def ascii_words(text: str) -> list[str]:
    """The words of an ASCII text: letters and digits, in lower case, without apostrophes."""
    return text.encode().translate(_ASCII, b"'`").decode().split()


def _words(plain: str) -> list[str]:
    """Runs of letters and digits."""
    if "&" in plain:
        plain = plain.replace("&", " and ")
    if plain.isascii():
        return ascii_words(plain)
    plain = plain.translate(_ASCII_TO_SPACE)
    # Marks stay: in many scripts they are the vowels.
    return "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in plain).split()


def normalise(text: str) -> str:
    """The form in which titles are compared.

    Compatibility forms, case, accents, punctuation and spacing are evened out, ``&`` is ``and``,
    and an English article at the front (``The Matrix``) or behind a comma (``Matrix, The``) goes:
    ``normalise("Matrix, The (1999)") == normalise("the matrix 1999") == "matrix 1999"``.
    A text of nothing but symbols stays as it is, in lower case.
    """
    return _remembered(text) if len(text) <= _SHORT else _normalise(text)


def title_words(text: str) -> list[str]:
    """The words of the normal form. For texts that hardly come twice: nothing is remembered."""
    plain = _plain(text.strip())
    if "(" in plain and (match := _QUALIFIER.search(plain)):
        name, qualifier = plain[: match.start()].strip(), match.group()
    else:
        name, qualifier = plain.strip(), ""
    if (name[:1] in "at" or not name[:1].isalnum()) and (article := _LEADING_ARTICLE.match(name)):
        name = name[article.end() :]
    if "," in name and (name[-1] in "ean" or name[-1].isdecimal()):
        name = _TRAILING_ARTICLE.sub("", name)
    return _words(f"{name} {qualifier}" if qualifier else name) or plain.split()


def _normalise(text: str) -> str:
    return " ".join(title_words(text))


_remembered = lru_cache(maxsize=_REMEMBERED)(_normalise)


def same_title_key(text: str) -> str:
    """Equal for texts that are one title: :func:`normalise` without spaces.

    Spacing is no evidence: "Spider-Man", "Spider Man" and "Spiderman" are one.
    """
    return normalise(text).replace(" ", "")


def distinct_titles(items: Sequence[Item]) -> list[Item]:
    """The items, with titles told apart where several share one.

    What tells them apart goes into the parentheses behind the year: the directors, or the key where
    directors do not do: ``"Pinocchio (2022)"`` becomes ``"Pinocchio (2022, Robert Zemeckis)"``.
    Each stays reachable, as ambiguous, under the title they shared.
    """
    sharing: dict[str, list[Item]] = {}
    for item in items:
        sharing.setdefault(item.title, []).append(item)
    result = []
    for item in items:
        group = sharing[item.title]
        if len(group) > 1:
            directors = {" and ".join(other.values("director")) for other in group}
            tells = len(directors) == len(group) and "" not in directors
            extra = " and ".join(item.values("director")) if tells else item.key
            name, year = split_year(item.title)
            title = f"{name} ({extra})" if year is None else f"{name} ({year}, {extra})"
            item = replace(item, title=title, aliases=(*item.aliases, item.title))
        result.append(item)
    return result


__all__ = [
    "ascii_words",
    "distinct_titles",
    "evened",
    "normalise",
    "same_title_key",
    "split_year",
    "title_words",
]
