"""A target-aware user made of rules.

It critiques the last list by attributes of the hidden target: what a listed item gets right, now
and then what it misses, general things before names; and it accepts when the target is in the list.
It never says the title, nor an attribute that holds the title.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from crsgym.checks import check_count
from crsgym.data.dataset import Dataset
from crsgym.data.kinds import KNOWN, said
from crsgym.data.titles import normalise
from crsgym.errors import ConfigurationError
from crsgym.memo import Memo
from crsgym.simulators import wording
from crsgym.simulators.phrasebook import Nouns, Phrasebook
from crsgym.simulators.topics import Places, Titles, Topics
from crsgym.simulators.voice import Said, Voice
from crsgym.types import Context, Goal, Item, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

VERSION = 1
"""Raised with every change of what it says: results under two versions do not compare."""

_MOST = {"genre": 3, "tone": 2, "decade": 1, "director": 2, "cast": 3, "writer": 1}
"""How many attributes of each kind it may tell; of any other kind ``_MOST_OTHER``."""
_MOST_OTHER = 2
_EAGERNESS = {"genre": 2.0, "decade": 2.0, "tone": 1.5, "director": 0.0, "cast": 0.0, "writer": 0.0}
"""What kind of attribute comes up first, other things being equal; any other kind as names do."""
_CHANCE = 2.0
"""Weight of chance in what comes up first."""
_KNOWN = 1.0
"""Weight lost by an attribute that came up in the dialogue already."""
_YEARS_OFF = 12
"""A list is too old or too new when its median year is further from the target's than this."""


class _Fact(NamedTuple):
    topic: int
    kind: str
    value: str
    words: str
    """What it is told by, the value mostly, normalised and between blanks."""


class AttributesSimulator:
    """The target-aware user ``attributes``.

    Args:
        items: the catalogue.
        candour: chance that a remark tells what the list misses, from 0 to 1. Otherwise, and as
            well, it says what an item of the list gets right.
        reveals: how many missing attributes such a remark tells, at most.
        nouns: what the items are called.

    Raises:
        ConfigurationError: when ``candour`` is no probability or ``reveals`` no positive number.
    """

    target_aware = True

    def __init__(
        self,
        items: Sequence[Item],
        *,
        candour: float = 0.5,
        reveals: int = 1,
        nouns: Nouns | None = None,
    ) -> None:
        number = isinstance(candour, int | float) and not isinstance(candour, bool)
        if not number or not 0 <= candour <= 1:
            raise ConfigurationError(f"candour: expected a number from 0 to 1, got {candour!r}")
        self.candour = candour
        self.reveals = check_count("reveals", reveals, 1)
        self._items = items
        self._topics = Topics(items)
        self._titles = Titles(items)
        self._nouns = nouns or Nouns()
        self._book = Phrasebook(self._topics.topics, self._nouns)
        self._facts = Memo(self._tellable, 8192)
        self._words = Memo(_words, 8192)

    @classmethod
    def from_dataset(cls, dataset: Dataset, *, candour: float = 0.5, reveals: int = 1) -> Self:
        """The user for a data set; arguments and errors as of the class."""
        nouns = Nouns.of(dataset.facts)
        return cls(dataset.catalogue, candour=candour, reveals=reveals, nouns=nouns)

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """What the user says of each last list, knowing the target.

        Raises:
            ConfigurationError: when there are no goals.
        """
        if goals is None:
            raise ConfigurationError("the attributes user is target-aware: it needs the goals")
        return [
            Voice.spoken(
                seed,
                partial(_holds, self._titles.of(goal.target)),
                partial(self._remark, context, goal.target),
                self._book,
            )
            for context, seed, goal in zip(contexts, seeds, goals, strict=True)
        ]

    def spec(self) -> dict[str, Any]:
        """What its behaviour depends on."""
        return {
            "kind": "attributes",
            "version": VERSION,
            "candour": self.candour,
            "reveals": self.reveals,
            **self._nouns.spec(),
        }

    def _remark(self, context: Context, target: int, voice: Voice) -> None:
        facts, listed = self._facts(target), context.last_list
        if target in listed:
            self._accept(voice, facts)
            return
        here = self._topics.places(listed, [fact.topic for fact in facts])
        before = _padded(" ".join(turn.feedback for turn in context.turns))
        told = [fact for fact in facts if fact.words in before]
        if listed:
            self._compare(voice, context, target)
            praised = self._praise(voice, facts, told, listed, here)
        else:
            voice.say(wording.NO_LIST)
            praised = None
        missing = [fact for fact in facts if fact not in told and fact is not praised]
        if praised is not None and missing and not voice.happens(self.candour):
            self._hint(voice, target, listed)
        elif missing:
            eager = self._eager(voice, missing, self._words(context.dialogue))
            voice.ask(wording.WANT, _as_said(eager[: self.reveals]))
        elif told:
            voice.ask(wording.AGAIN, _as_said(voice.shuffled(told)[: self.reveals + 1]))
        else:
            voice.say(wording.MIX)

    def _tellable(self, item: int) -> tuple[_Fact, ...]:
        """The attributes of an item that do not hold its title."""
        names = self._titles.of(item)
        count: Counter[str] = Counter()
        facts = []
        for topic, kind in self._topics.of_item[item].items():
            value = self._topics.topics[topic].value
            if count[kind] < _MOST.get(kind, _MOST_OTHER) and not _holds(names, value):
                count[kind] += 1
                words = value if kind in KNOWN else said(kind, value)
                facts.append(_Fact(topic, kind, value, _padded(words)))
        return tuple(facts)

    def _eager(self, voice: Voice, facts: Sequence[_Fact], dialogue: str) -> list[_Fact]:
        """The facts in the order in which they come up: general ones and new ones first."""
        worth = {
            fact: _EAGERNESS.get(fact.kind, 0.0)
            + _CHANCE * voice.uniform()
            - _KNOWN * (fact.words in dialogue)
            for fact in facts
        }
        return sorted(worth, key=worth.__getitem__, reverse=True)

    def _accept(self, voice: Voice, facts: Sequence[_Fact]) -> None:
        chosen = voice.shuffled(facts)[: self.reveals + 1]
        if not chosen or not voice.ask(voice.book.found, _as_said(chosen)):
            voice.say(voice.book.found_plainly)

    def _compare(self, voice: Voice, context: Context, target: int) -> None:
        """Whether this list is nearer than the last, and if its items are of another time."""
        if len(context.turns) > 1:
            before = self._nearness(context.turns[-2].recommendation.items, target)
            now = self._nearness(context.last_list, target)
            if now != before:
                voice.say(wording.CLOSER if now > before else wording.FARTHER)
        year = self._items[target].year
        years = [y for y in (self._items[item].year for item in context.last_list) if y]
        if year is not None and years and voice.happens(0.5):
            median = sorted(years)[len(years) // 2]
            if abs(median - year) > _YEARS_OFF:
                voice.say(wording.TOO_OLD if median < year else wording.TOO_NEW)

    def _nearness(self, listed: Sequence[int], target: int) -> int:
        """The most attributes that a listed item shares with the target."""
        own = self._topics.of_item[target].keys()
        return max((len(own & self._topics.of_item[item].keys()) for item in listed), default=0)

    def _praise(
        self,
        voice: Voice,
        facts: Sequence[_Fact],
        told: Sequence[_Fact],
        listed: Sequence[int],
        here: Places,
    ) -> _Fact | None:
        """What of the list is right: rather what was told before, or what many items have."""
        present = [fact for fact in facts if fact.topic in here]
        if not present:
            voice.say(wording.NONE_FITS)
            return None
        worth = {
            fact: (fact in told) + len(here[fact.topic]) / len(listed) + voice.uniform()
            for fact in present
        }
        fact = max(worth, key=worth.__getitem__)
        best = max(here[fact.topic], key=lambda i: sum(i in here[other.topic] for other in present))
        kind = self._topics.of_item[listed[best]][fact.topic]
        voice.say(wording.FITS, pos=voice.place(best), **voice.has((kind, fact.value)))
        return fact

    def _hint(self, voice: Voice, target: int, listed: Sequence[int]) -> None:
        """In which respect some item is right or wrong, without the attribute itself."""
        of_item = self._topics.of_item
        own = of_item[target]
        aspects = self._book.aspects
        for kind in voice.shuffled([kind for kind in aspects if kind in own.values()]):
            wanted = {topic for topic, other in own.items() if other == kind}
            right: list[int] = []
            wrong: list[int] = []
            for place, item in enumerate(listed):
                theirs = {topic for topic, other in of_item[item].items() if other == kind}
                if theirs:
                    (right if theirs & wanted else wrong).append(place)
            places, templates = right, wording.RIGHT
            if wrong and (not right or voice.happens(0.5)):
                places, templates = wrong, wording.WRONG
            if places:
                pos = voice.place(voice.pick(places))
                voice.say(templates, pos=pos, aspect=voice.pick(aspects[kind]))
                return


def _as_said(facts: Sequence[_Fact]) -> list[Said]:
    return [(fact.kind, fact.value) for fact in facts]


def _holds(names: Sequence[str], text: str) -> bool:
    """Whether a text holds one of the names, as :meth:`Titles.of` writes them."""
    said = _padded(text)
    return any(name in said for name in names)


def _padded(text: str) -> str:
    """A text normalised, between blanks, so that only whole words of it are found."""
    return f" {normalise(text)} "


def _words(dialogue: tuple[Utterance, ...]) -> str:
    return _padded(" ".join(utterance.text for utterance in dialogue))


__all__ = ["VERSION", "AttributesSimulator"]
