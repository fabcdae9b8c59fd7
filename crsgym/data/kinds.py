"""Kinds of attributes: those the library has words for, and any other that a data set brings.

Of another kind nothing is known but its name, so it is put in words by that name: "whose spice is
hot", "with basil among its ingredients", "with 4 servings", "that counts as vegan".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from crsgym.types import Item

KNOWN = frozenset({"genre", "tone", "decade", "director", "cast", "writer", "company", "language"})
"""Kinds that have words of their own, or that nobody asks for."""

Style: TypeAlias = Literal["value", "among", "number", "flag"]
"""How an attribute of another kind is put: the value of one thing ("spice: hot"), one of several
("ingredients: basil"), a number, which says nothing without its kind ("servings: 4"), or a kind
that there is or is not ("vegan: yes")."""

_MOST_WORDS = 6
_YES = frozenset({"yes", "true"})
_UNSAID = frozenset({"", "no", "false", "none", "null", "nan", "na", "n/a", "unknown", "-"})
_BARE = frozenset({"all", "any", "it", "more", "most", "on", "one", "some", "up", "us"})
"""Values that are ordinary words, and are said with their kind as numbers are."""
_PLURAL = re.compile(r"(?<![sui])s$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PARTS = re.compile(r"[\s_\-]+")


def other_kinds(items: Iterable[Item]) -> tuple[str, ...]:
    """The kinds in a catalogue that are not known, in the order in which they come up.

    Those without a value that can be said, such as addresses of pictures, are left out.
    """
    attributes = (a for item in items for a in item.attributes if a.kind not in KNOWN)
    return tuple(dict.fromkeys(a.kind for a in attributes if sayable(a.value)))


def told_values(item: Item, kind: str) -> tuple[str, ...]:
    """The values of an item that can be told; of a known kind, all."""
    values = item.values(kind)
    return values if kind in KNOWN else tuple(filter(sayable, values))


def named(kind: str) -> str:
    """The name of a kind as it is said: ``"cooking_time"`` is ``"cooking time"``."""
    return _PARTS.sub(" ", _CAMEL.sub(" ", kind)).strip().lower()


def plural(kind: str) -> bool:
    """Whether the name of a kind means several things: ``"ingredients"``, and no ``"mess"``."""
    return bool(_PLURAL.search(named(kind)))


def style(kind: str, value: str) -> Style:
    """How an attribute of an unknown kind is put."""
    low = value.casefold()
    if low in _YES:
        return "flag"
    if len(value) == 1 or low in _BARE or not any(c.isalpha() for c in value):
        return "number"
    return "among" if plural(kind) else "value"


def sayable(value: str) -> bool:
    """Whether a value of an unknown kind is one that people say: no address, text or blank."""
    return (
        value.casefold() not in _UNSAID
        and any(c.isalnum() for c in value)
        and value.isprintable()
        and "://" not in value
        and len(value.split()) <= _MOST_WORDS
    )


def said(kind: str, value: str) -> str:
    """An attribute of an unknown kind in the words that tell it: its value, mostly."""
    how = style(kind, value)
    if how == "flag":
        return named(kind)
    if how == "number":
        return f"{value} {named(kind)}" if plural(kind) else f"{named(kind)} {value}"
    return value


def forms(kind: str, value: str) -> tuple[str, ...]:
    """The phrases by which a text names an attribute of an unknown kind; none where none does."""
    if not sayable(value):
        return ()
    if style(kind, value) == "number":
        return f"{value} {named(kind)}", f"{named(kind)} {value}"
    return (said(kind, value),)


def wanted(kind: str, values: Sequence[str]) -> str:
    """What is wanted of an unknown kind: ``"whose spice is hot"``; empty where nothing can be said.

    Args:
        kind: the kind.
        values: those of one item.
    """
    told = [value for value in values if sayable(value)]
    if not told:
        return ""
    how = style(kind, told[0])
    if how == "flag":
        return f"that counts as {named(kind)}"
    if how == "number":
        return f"with {said(kind, told[0])}"
    listed = " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
    if how == "among":
        return f"with {listed} among its {named(kind)}"
    return f"whose {named(kind)} is {listed}"


__all__ = [
    "KNOWN",
    "Style",
    "forms",
    "named",
    "other_kinds",
    "plural",
    "said",
    "sayable",
    "style",
    "told_values",
    "wanted",
]
