"""Titles of synthetic films: readable, and with everything that makes real titles hard to parse."""

from __future__ import annotations

from collections.abc import Iterable
from string import Formatter

from crsgym.data.synthetic.chance import Chance
from crsgym.data.synthetic.words import (
    ADJECTIVES,
    FIRST_NAMES,
    GENRES,
    NEUTRAL_NOUNS,
    PLACES,
)
from crsgym.data.titles import same_title_key

# Commas, colons, brackets, ampersands, apostrophes and articles, somewhat denser than in real life.
PATTERNS: dict[str, float] = {
    "The {adjective} {noun}": 4.0,
    "{adjective} {noun}": 2.0,
    "The {noun} of {place}": 2.0,
    "{noun} in {place}": 2.0,
    "{name}'s {noun}": 2.0,
    "The {noun} and the {neutral}": 1.5,
    "{neutral}: The {adjective} {noun}": 1.5,
    "{noun}": 1.2,
    "{adjective}, {adjective}, {noun}": 1.0,
    "Goodbye, {noun}": 0.8,
    "What the {neutral} Told {name}": 0.8,
    "{name}, {name} & the {noun}": 0.7,
    "No {noun} for {name}": 0.7,
    "{adjective} {noun} [Redux]": 0.4,
    "{noun} (and Other {noun} Stories)": 0.4,
    "¡{place}, {noun}!": 0.3,
    "Forty Days in {place}": 0.3,
    "The {adjective} {neutral}, or {noun}": 0.3,
}

_GENRE_NOUN = 0.85
"""How often a film's noun is one of its genre's own."""


class TitleWriter:
    """Writes names that no other film bears, and that are no ``reserved`` word.

    A film's nouns tend to be its main genre's, so that a title says something about its film.
    """

    def __init__(self, chance: Chance, reserved: Iterable[str]) -> None:
        self._chance = chance
        self._taken = {same_title_key(name) for name in reserved}
        self._weights = list(PATTERNS.values())

    def write(self, genre: str) -> str:
        """A new name for a film of this genre, without its year."""
        while True:
            name = self._fill(self._chance.weighted(list(PATTERNS), self._weights), genre)
            if self.claim(name):
                return name

    def claim(self, name: str) -> bool:
        """Take a name; False when a film has it already."""
        key = same_title_key(name)
        if key in self._taken:
            return False
        self._taken.add(key)
        return True

    def _fill(self, pattern: str, genre: str) -> str:
        parts = []
        used: set[str] = set()
        for text, slot, _, _ in Formatter().parse(pattern):
            parts.append(text)
            if slot:
                word = self._word(slot, genre)
                while word in used:
                    word = self._word(slot, genre)
                used.add(word)
                parts.append(word)
        return "".join(parts)

    def _word(self, slot: str, genre: str) -> str:
        if slot == "noun":
            own = self._chance.happens(_GENRE_NOUN)
            return self._chance.pick(GENRES[genre].nouns if own else NEUTRAL_NOUNS)
        words = {
            "adjective": ADJECTIVES,
            "place": PLACES,
            "name": FIRST_NAMES,
            "neutral": NEUTRAL_NOUNS,
        }
        return self._chance.pick(words[slot])


__all__ = ["PATTERNS", "TitleWriter"]
