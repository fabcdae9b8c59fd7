"""Attribute values as the sources write them, made to read well in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from crsgym.types import Attribute

_FILM = re.compile(r"(?<=\S)\s+films?$", re.IGNORECASE)


def genre(text: str) -> str:
    """A genre without a trailing "film": ``"drama film"`` is ``"drama"``."""
    return _FILM.sub("", text.strip())


def decade(year: int) -> str:
    """``1994`` is ``"1990s"``."""
    return f"{year // 10 * 10}s"


def attributes(values: Mapping[str, Iterable[str]], year: int | None) -> tuple[Attribute, ...]:
    """Attributes of an item in the order given, each once whatever its case, then its decade."""
    found: dict[tuple[str, str], Attribute] = {}
    for kind, texts in values.items():
        for text in texts:
            value = genre(text) if kind == "genre" else text.strip()
            if value:
                found.setdefault((kind, value.casefold()), Attribute(kind, value))
    if year is not None:
        found["decade", ""] = Attribute("decade", decade(year))
    return tuple(found.values())


__all__ = ["attributes", "decade", "genre"]
