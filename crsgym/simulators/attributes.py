"""A target-aware user made of rules.

It critiques the last list by attributes of the hidden target, a few new ones a turn, general ones
before names, and accepts when the target is in the list. It never says the title, nor an attribute
that holds the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from crsgym.data.dataset import Dataset
from crsgym.data.titles import normalise
from crsgym.errors import ConfigurationError
from crsgym.simulators import wording
from crsgym.simulators.topics import Places, Titles, Topics, check_count
from crsgym.simulators.voice import Said, Voice
from crsgym.types import Context, Goal, Item, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

VERSION = 1
"""Raised with every change of what it says: results under two versions do not compare."""

_MOST = {"genre": 3, "tone": 2, "decade": 1, "director": 2, "cast": 3, "writer": 1}
"""How many attributes of each kind it may tell."""
_EAGERNESS = {"genre": 3.0, "decade": 2.5, "tone": 2.0, "director": 1.0, "cast": 1.0, "writer": 0.5}
"""What kind of attribute comes up first, other things being equal."""
_CHANCE = 2.0
"""Weight of chance in what comes up first."""
_ABSENT = 1.5
"""Weight of an attribute that no listed item has, over one that all have."""
_KNOWN = 1.0
"""Weight lost by an attribute that came up in the dialogue already."""
_YEARS_OFF = 12
"""A list is too old or too new when its median year is further from the target's than this."""


class _Fact(NamedTuple):
    topic: int
    kind: str
    value: str


class AttributesSimulator:
    """The target-aware user ``attributes``.

    Args:
        items: the catalogue.
        reveals: how many attributes of the target it tells anew in one remark, at most.

    Raises:
        ConfigurationError: when ``reveals`` is no positive whole number.
    """

    target_aware = True

    def __init__(self, items: Sequence[Item], *, reveals: int = 2) -> None:
        check_count("reveals", reveals)
        self.reveals = reveals
        self._items = items
        self._topics = Topics(items)
        self._titles = Titles(items)
        self._facts = lru_cache(maxsize=8192)(self._tellable)
        self._words = lru_cache(maxsize=8192)(_words)

    @classmethod
    def from_dataset(cls, dataset: Dataset, *, reveals: int = 2) -> Self:
        """The user for a data set; arguments and errors as of the class."""
        return cls(dataset.catalogue, reveals=reveals)

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
            self._remark(context, goal.target, seed)
            for context, seed, goal in zip(contexts, seeds, goals, strict=True)
        ]

    def spec(self) -> dict[str, Any]:
        """What its behaviour depends on."""
        return {"kind": "attributes", "version": VERSION, "reveals": self.reveals}

    def _remark(self, context: Context, target: int, seed: int) -> str:
        names = self._titles.of(target)
        voice = Voice(seed, lambda text: _holds(names, text))
        facts, listed = self._facts(target), context.last_list
        if target in listed:
            self._accept(voice, facts)
            return voice.text()
        here = self._topics.places(listed, [fact.topic for fact in facts])
        told = " ".join(turn.feedback for turn in context.turns)
        known = [fact for fact in facts if fact.value in told]
        news = self._news(voice, context, facts, known, here, len(listed))
        if not listed:
            voice.say(wording.NO_LIST)
        else:
            self._compare(voice, context, target)
            self._praise(voice, [*known, *news], listed, here)
        wanted = news or voice.shuffled(known)[: self.reveals]
        if wanted:
            voice.ask(wording.WANT if news else wording.AGAIN, _as_said(wanted))
        elif listed:
            voice.say(wording.MIX)
        return voice.text()

    def _tellable(self, item: int) -> tuple[_Fact, ...]:
        """The attributes of an item that do not hold its title."""
        names = self._titles.of(item)
        count = dict.fromkeys(_MOST, 0)
        facts = []
        for topic, kind in self._topics.of_item[item].items():
            value = self._topics.topics[topic].value
            if count[kind] < _MOST[kind] and not _holds(names, value):
                count[kind] += 1
                facts.append(_Fact(topic, kind, value))
        return tuple(facts)

    def _news(
        self,
        voice: Voice,
        context: Context,
        facts: Sequence[_Fact],
        known: Sequence[_Fact],
        here: Places,
        length: int,
    ) -> list[_Fact]:
        """What to tell now: general before names, what the list lacks before what it has."""
        dialogue = self._words(context.dialogue)

        def eagerness(fact: _Fact) -> float:
            share = len(here.get(fact.topic, ())) / max(length, 1)
            return (
                _EAGERNESS[fact.kind]
                + _CHANCE * voice.uniform()
                + _ABSENT * (1 - share)
                - _KNOWN * (fact.value.casefold() in dialogue)
            )

        worth = {fact: eagerness(fact) for fact in facts if fact not in known}
        return sorted(worth, key=worth.__getitem__, reverse=True)[: self.reveals]

    def _accept(self, voice: Voice, facts: Sequence[_Fact]) -> None:
        chosen = voice.shuffled(facts)[: self.reveals]
        if not chosen or not voice.ask(wording.FOUND, _as_said(chosen)):
            voice.say(wording.FOUND_PLAINLY)

    def _compare(self, voice: Voice, context: Context, target: int) -> None:
        """Whether this list is nearer than the last, and if its films are of another time."""
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
        sayable: Sequence[_Fact],
        listed: Sequence[int],
        here: Places,
    ) -> None:
        """What of the list is right, by something told already or told now."""
        present = [fact for fact in sayable if fact.topic in here]
        if not present:
            voice.say(wording.NONE_FITS)
            return
        fact = voice.pick(present)
        best = max(here[fact.topic], key=lambda i: sum(i in here[other.topic] for other in present))
        kind = self._topics.of_item[listed[best]][fact.topic]
        voice.say(wording.FITS, pos=voice.place(best), **voice.has((kind, fact.value)))


def _as_said(facts: Sequence[_Fact]) -> list[Said]:
    return [(fact.kind, fact.value) for fact in facts]


def _holds(names: Sequence[str], text: str) -> bool:
    """Whether a text holds one of the names, as :meth:`Titles.of` writes them."""
    said = f" {normalise(text)} "
    return any(name in said for name in names)


def _words(dialogue: tuple[Utterance, ...]) -> str:
    return " ".join(utterance.text for utterance in dialogue).casefold()


__all__ = ["VERSION", "AttributesSimulator"]
