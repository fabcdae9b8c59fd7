"""How the attributes of one catalogue, and its items, are put in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from crsgym.data.kinds import KNOWN, Style, named, plural, said, style
from crsgym.memo import Table
from crsgym.simulators import wording

Forms = tuple[str, str]
"""A wording for one thing, and for several."""


@dataclass(frozen=True)
class Nouns:
    """What items are called."""

    one: str = "one"
    many: str = "ones"
    others: tuple[Forms, ...] = ()
    """Other words for the same, for one and for several, said as often."""
    wished: tuple[str, ...] = ()
    """Yet others, only for what is wanted."""
    bare: bool = False
    """Whether what is wanted is also called ``"a recipe"``, and not always ``"something"``."""

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Nouns:
        """As a data set's facts say, ``item`` and ``items``; "one" and "ones" where they do not.

        Args:
            facts: of a data set. Without ``items``, the plural of ``item`` is formed by rule.
        """
        one = facts.get("item", "").strip()
        if not one:
            return cls()
        if one in ("film", "movie"):
            return FILM
        return cls(one, facts.get("items", "").strip() or _several(one), bare=True)

    def spec(self) -> dict[str, str]:
        """What the words depend on, where items have a name of their own."""
        return {"item": self.one, "items": self.many} if self.bare else {}


FILM = Nouns("film", "films", (("movie", "movies"),), ("picture",))


class Phrasebook:
    """The wordings for a catalogue: of the known kinds, then of those that it brings.

    Args:
        told: kind and value of everything that may be said.
        nouns: what its items are called; neutral words by default.
    """

    def __init__(self, told: Iterable[tuple[str, str]] = (), nouns: Nouns | None = None) -> None:
        nouns = nouns or Nouns()
        pairs = ((nouns.one, nouns.many), *nouns.others)
        self.wished = (*(one for one, _ in pairs), *nouns.wished)
        """What stands behind a genre in a wish."""
        self.bare = ("something", f"{article(nouns.one)} {nouns.one}") if nouns.bare else ()
        """What stands for a genre where none is wanted."""
        self.places = tuple(
            tuple(place.format(nth=nth, noun=nouns.one) for place in wording.PLACES)
            for nth in wording.ORDINALS
        )
        """What each of the first places in a list is called."""
        self.found = tuple(text.replace("{noun}", nouns.one) for text in wording.FOUND)
        self.found_plainly = tuple(
            text.replace("{noun}", nouns.one) for text in wording.FOUND_PLAINLY
        )
        self._known: Mapping[str, tuple[Forms, ...]] = {
            kind: tuple(
                (one.replace("{noun}", noun), many.replace("{nouns}", several))
                for one, many in bank
                for noun, several in (pairs if "{noun}" in one else pairs[:1])
            )
            for kind, bank in wording.HAS.items()
        }
        self.has: Mapping[tuple[str, str], tuple[Mapping[str, str], ...]] = Table(
            self._has, 1 << 14
        )
        """What items with an attribute, kind and value, are: one ``has``, several ``have``."""
        self.aspects = dict(wording.ASPECTS)
        """What a kind is called when the attribute itself is not told."""
        for kind, value in told:
            if kind not in KNOWN and kind != "person" and style(kind, value) != "flag":
                name = named(kind)
                self.aspects[kind] = (f"choice of {name}",) if plural(kind) else (name,)

    def _has(self, attribute: tuple[str, str]) -> tuple[Mapping[str, str], ...]:
        kind, value = attribute
        if (known := self._known.get(kind)) is not None:
            slots = {"a": article(value), "v": value}
            ways = [(one.format_map(slots), many.format_map(slots)) for one, many in known]
        else:
            bank = wording.OTHER_HAS[style(kind, value)]
            ways = [
                (_filled(one, kind, [value]), _filled(many, kind, [value])) for one, many in bank
            ]
        return tuple({"has": one, "have": many} for one, many in ways)

    def with_(self, kind: str, values: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Wordings of a wish for values of an unknown kind, to be said one after the other."""
        by_style: dict[Style, list[str]] = {}
        for value in values:
            by_style.setdefault(style(kind, value), []).append(value)
        for how, some in by_style.items():
            yield tuple(_filled(text, kind, some) for text in wording.OTHER_WITH[how])


def article(words: str) -> str:
    """``"a"`` or ``"an"``."""
    return "an" if words[0].lower() in "aeiou" else "a"


def _filled(template: str, kind: str, values: Sequence[str]) -> str:
    told = " and ".join(said(kind, value) for value in values)
    return template.replace("{k}", named(kind)).replace("{v}", told)


def _several(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


__all__ = ["FILM", "Forms", "Nouns", "Phrasebook", "article"]
