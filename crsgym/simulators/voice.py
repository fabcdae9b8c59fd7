"""Turns what a rule-based user means into varied sentences, drawn from a seed."""

from __future__ import annotations

from _random import Random as MersenneTwister
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from crsgym.data.titles import evened
from crsgym.memo import Table
from crsgym.simulators import wording
from crsgym.simulators.phrasebook import Phrasebook, article

T = TypeVar("T")
Leaks: TypeAlias = Callable[[str], bool]
"""Whether a text gives a title away, by the words of its normal form."""
Said: TypeAlias = tuple[str, str]
"""A kind of attribute (or ``person``) and its value."""
_ATTEMPTS = 8
_PLAIN = Phrasebook()


class Voice:
    """One remark of one user.

    Equal seeds say equal things. Where a wording gives a title away another one is taken; what no
    wording can say is left out.

    Args:
        seed: of the remark.
        leaks: whether a text gives a title away.
        book: how attributes and items are put.
    """

    def __init__(self, seed: int, leaks: Leaks, book: Phrasebook = _PLAIN) -> None:
        # `random()` alone: its stream is the same in every version of Python. `random.Random` is
        # this generator behind two calls more.
        self.uniform = MersenneTwister(seed).random
        """A number in [0, 1)."""
        self._leaks = leaks
        self.book = book
        self._sentences: list[str] = []

    @classmethod
    def spoken(
        cls, seed: int, leaks: Leaks, speak: Callable[[Voice], None], book: Phrasebook = _PLAIN
    ) -> str:
        """What is said when ``speak`` is given a voice.

        It speaks freely first; only where the whole then leaks, which is rare, is every sentence
        minded. Both say the same: a sentence ends in a stop, so that its words are words of the
        whole, and what the whole does not give away no sentence does.
        """
        free = cls(seed, _nothing, book)
        speak(free)
        said = " ".join(free._sentences)
        plain = "(" not in (said if said.isascii() else evened(said))
        if plain and not leaks(said):
            return said
        minded = cls(seed, leaks, book)
        speak(minded)
        return minded.text()

    def happens(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.uniform() * len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in random order."""
        uniform = self.uniform
        return sorted(options, key=lambda _: uniform())

    def say(self, templates: Sequence[str], **slots: str) -> bool:
        """Add a sentence, in one of the wordings; False when none is safe."""
        count = len(templates)
        start = int(self.uniform() * count)
        for number in range(start, start + count):
            template, begins = _templates[templates[number % count]]
            sentence = template.format_map(slots)
            if begins:
                sentence = sentence[:1].upper() + sentence[1:]
            if not self._leaks(sentence):
                self._sentences.append(sentence)
                return True
        return False

    def ask(self, templates: Sequence[str], wanted: Sequence[Said]) -> bool:
        """Add a sentence about an item with all of these, put in another way where one leaks."""
        return any(self.say(templates, np=self.wish(wanted)) for _ in range(_ATTEMPTS))

    def text(self) -> str:
        """Everything said; a title that only sentences together would spell is cut off."""
        while self._sentences and self._leaks(" ".join(self._sentences)):
            self._sentences.pop()
        return " ".join(self._sentences)

    def place(self, index: int) -> str:
        """``"the third one"`` for a place in the list, from 0."""
        if index >= len(wording.ORDINALS):
            return f"number {index + 1}"
        return self.pick(self.book.places[index])

    def count(self, count: int, of: int) -> str:
        """``"most"`` or ``"three"`` for a number of at least two."""
        if count == of:
            return "all"
        if 2 * count > of and self.happens(0.5):
            return "most"
        return wording.COUNTS[count - 2] if count - 2 < len(wording.COUNTS) else "many"

    def has(self, said: Said) -> Mapping[str, str]:
        """The slots ``has`` and ``have``: what one item is, and what several are."""
        return self.pick(self.book.has[said])

    def wish(self, wanted: Sequence[Said]) -> str:
        """An item with all of these, as a noun phrase: ``"a gritty crime film from the 1990s"``."""
        by_kind: dict[str, list[str]] = {}
        for kind, value in wanted:
            by_kind.setdefault(kind, []).append(value)
        tones, genres = by_kind.pop("tone", []), by_kind.pop("genre", [])
        if genres:
            noun = self.pick(self.book.wished)
            head = f"{', '.join(tones)} {genres[0]}".strip()
            phrase = f"{article(head)} {head} {noun}"
            others = [genre for genre in genres[1:] if genre not in head and head not in genre]
            if others:
                phrase += f" that is also {article(others[0])} {' and '.join(others)} one"
        else:
            bare = self.book.bare
            head = self.pick(bare) if bare and not tones else "something"
            phrase = f"{head} {' and '.join(tones)}".strip()
        for value in by_kind.pop("decade", []):
            phrase += self.pick(wording.FROM).format(v=value)
        last = []
        for kind, values in by_kind.items():
            if kind in wording.WITH:
                phrase += self.pick(wording.WITH[kind]).format(v=" and ".join(values))
            else:
                last += [self.pick(ways) for ways in self.book.with_(kind, values)]
        return phrase + " and".join(last)


def _nothing(text: str) -> bool:
    return False


def _begun(template: str) -> tuple[str, bool]:
    """A template with small letters in its slots, and whether a slot begins the sentence."""
    begins = template[:1] == "{" and template[1:2].isupper()
    return (f"{{{template[1].lower()}{template[2:]}", True) if begins else (template, False)


_templates = Table(_begun, 1 << 12)

__all__ = ["Said", "Voice", "article"]
