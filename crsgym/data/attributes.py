"""Attribute values as the sources write them, made to read well in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from crsgym.types import Attribute

_FILM = re.compile(r"(?<=\S)\s+films?$", re.IGNORECASE)


def genre(text: str, noun: str = "") -> str:
    """A genre without a trailing "film": ``"drama film"`` is ``"drama"``.

    Args:
        text: as the source writes it.
        noun: what the items are called; it is left out like "film".
    """
    text = _FILM.sub("", text.strip())
    return re.sub(rf"(?<=\S)\s+{re.escape(noun)}s?$", "", text, flags=re.I) if noun else text


def decade(year: int) -> str:
    """``1994`` is ``"1990s"``."""
    return f"{year // 10 * 10}s"


def attributes(
    values: Mapping[str, Iterable[str]], year: int | None, noun: str = ""
) -> tuple[Attribute, ...]:
    """Attributes of an item in the order given, each once whatever its case, then its decade.

    Args:
        values: of each kind, in order.
        year: of the item, or None.
        noun: what the items are called, see :func:`genre`.
    """
    found: dict[tuple[str, str], Attribute] = {}
    for kind, texts in values.items():
        for text in texts:
            value = genre(text, noun) if kind == "genre" else text.strip()
            if value:
                found.setdefault((kind, value.casefold()), Attribute(kind, value))
    if year is not None:
        found["decade", ""] = Attribute("decade", decade(year))
    return tuple(found.values())


__all__ = ["attributes", "decade", "genre"]
