"""Which attributes a text names: how feedback is measured against what it should be about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from crsgym.data.kinds import KNOWN, forms, other_kinds
from crsgym.text.words import singular, words
from crsgym.types import Attribute, Item

KINDS: tuple[str, ...] = ("genre", "tone", "director", "cast", "decade")
"""The kinds of attributes that feedback is measured by, and any that the library does not know."""


class AttributeReader:
    """Finds the attribute values of a catalogue in a text, by their words.

    Case, accents, punctuation and plurals do not matter; ``90s`` is ``1990s``. A value is found
    where it is named in full, so a surname alone is none.

    Args:
        catalogue: the items whose attributes there are to find.
        kinds: the kinds to look for; by default ``KINDS`` and those that the catalogue brings.
    """

    def __init__(self, catalogue: Iterable[Item], kinds: Sequence[str] | None = None) -> None:
        items = tuple(catalogue)
        self.kinds = (*KINDS, *other_kinds(items)) if kinds is None else tuple(kinds)
        known = {a for item in items for a in item.attributes if a.kind in self.kinds}
        self._known: dict[tuple[str, ...], set[Attribute]] = defaultdict(set)
        for attribute in known:
            for phrase in _phrases(attribute):
                if stems := _stems(phrase):
                    self._known[stems].add(attribute)
        self._longest = max(map(len, self._known), default=0)

    def read(self, text: str) -> frozenset[Attribute]:
        """The attributes that the text names; a name that is several things is all of them."""
        stems = _stems(text)
        found: set[Attribute] = set()
        taken = 0
        for start in range(len(stems)):
            # The longest name at a place wins: "science fiction" is not "fiction" as well.
            for end in range(min(len(stems), start + self._longest), max(start, taken), -1):
                if stems[start:end] in self._known:
                    found |= self._known[stems[start:end]]
                    taken = end
                    break
        return frozenset(found)

    def of(self, item: Item) -> frozenset[Attribute]:
        """The attributes of an item, of the kinds that are read."""
        return frozenset(a for a in item.attributes if a.kind in self.kinds)


def _phrases(attribute: Attribute) -> tuple[str, ...]:
    kind, value = attribute
    if kind not in KNOWN:
        return forms(kind, value)
    return (value, value[2:]) if kind == "decade" else (value,)


def _stems(text: str) -> tuple[str, ...]:
    return tuple(singular(word) for word in words(text))


__all__ = ["KINDS", "AttributeReader"]
