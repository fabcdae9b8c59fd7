"""A label-free user made of rules.

It reads the dialogue, the items and entities it links to, and the last list; says what of the list
fits what the dialogue asked for and what does not; and asks for what is missing. It is never handed
the target, and it names no title at all, so it cannot leak one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from crsgym.checks import check_count
from crsgym.data.dataset import Dataset
from crsgym.memo import Memo
from crsgym.simulators import wording
from crsgym.simulators.phrasebook import Nouns, Phrasebook
from crsgym.simulators.preferences import PreferenceReader, Preferences
from crsgym.simulators.topics import Places, Titles, Topics
from crsgym.simulators.voice import Said, Voice
from crsgym.types import Context, Goal, Item, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

VERSION = 1
"""Raised with every change of what it says: results under two versions do not compare."""

_RECENT = 6
"""So many of the topics last asked for are still wanted."""


class RulesSimulator:
    """The label-free user ``rules``.

    Args:
        items: the catalogue.
        wishes: how many missing attributes it asks for in one remark, at most.
        nouns: what the items are called.

    Raises:
        ConfigurationError: when ``wishes`` is no positive whole number.
    """

    target_aware = False

    def __init__(
        self, items: Sequence[Item], *, wishes: int = 2, nouns: Nouns | None = None
    ) -> None:
        self.wishes = check_count("wishes", wishes, 1)
        self._topics = Topics(items)
        self._titles = Titles(items)
        self._nouns = nouns or Nouns()
        self._book = Phrasebook(self._topics.topics, self._nouns)
        self._reader = PreferenceReader(items, self._topics, called=self._nouns.one)
        self._told = Memo(self._tell, 8192)

    @classmethod
    def from_dataset(cls, dataset: Dataset, *, wishes: int = 2) -> Self:
        """The user for a data set; arguments and errors as of the class."""
        return cls(dataset.catalogue, wishes=wishes, nouns=Nouns.of(dataset.facts))

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """What the user says of each last list; goals are not looked at."""
        return [
            Voice.spoken(seed, self._titles.named_in, partial(self._remark, context), self._book)
            for context, seed in zip(contexts, seeds, strict=True)
        ]

    def spec(self) -> dict[str, Any]:
        """What its behaviour depends on."""
        return {
            "kind": "rules",
            "version": VERSION,
            "wishes": self.wishes,
            **self._nouns.spec(),
        }

    def _tell(self, dialogue: tuple[Utterance, ...]) -> _Told:
        read = self._reader.read(dialogue)
        liked = read.liked[:_RECENT]
        return _Told(read, liked, frozenset(liked + read.disliked))

    def _remark(self, context: Context, voice: Voice) -> None:
        read, liked, topics = self._told(context.dialogue)
        listed = context.last_list
        here = self._topics.places(listed, topics)
        if not listed:
            voice.say(wording.NO_LIST)
        else:
            if liked:
                self._praise(voice, liked, read.disliked, listed, here)
            if not self._object(voice, read.disliked, listed, here) and not liked:
                voice.say(wording.OPEN)
        if liked:
            missing = [topic for topic in liked if topic not in here]
            # Where nothing is missing, one item should have several of these together.
            count = self.wishes if missing else max(2, self.wishes)
            self._wish(voice, wording.WANT, voice.shuffled(missing or liked), count)
        elif implied := self._implied(read):
            self._wish(voice, wording.LIKE_MENTIONED, implied, self.wishes)
        else:
            voice.say(wording.MIX)

    def _praise(
        self,
        voice: Voice,
        liked: Sequence[int],
        disliked: Sequence[int],
        listed: Sequence[int],
        here: Places,
    ) -> None:
        """What of the list fits, by one thing that was asked for."""
        spoilt = {place for topic in disliked if topic in here for place in here[topic]}
        fitting: Places = {}
        for topic in liked:
            if topic in here and (fit := [p for p in here[topic] if p not in spoilt]):
                fitting[topic] = fit
        if not fitting:
            voice.say(wording.NONE_FITS)
            return
        topic = voice.pick(list(fitting))
        places = fitting[topic]
        if len(places) > 1 and voice.happens(0.5):
            count = voice.count(len(places), len(listed))
            voice.say(wording.FIT, count=count, **self._has(voice, topic, listed[places[0]]))
            return
        best = max(places, key=list(chain.from_iterable(fitting.values())).count)
        voice.say(wording.FITS, pos=voice.place(best), **self._has(voice, topic, listed[best]))

    def _object(
        self, voice: Voice, disliked: Sequence[int], listed: Sequence[int], here: Places
    ) -> bool:
        """What of the list was turned down before, by its commonest fault; False without one."""
        faults = [topic for topic in disliked if topic in here]
        if not faults:
            return False
        fault = max(faults, key=lambda topic: len(here[topic]))
        places = here[fault]
        slots = self._has(voice, fault, listed[places[0]])
        if len(places) > 1:
            count = voice.count(len(places), len(listed))
            return voice.say(wording.UNWANTED_MANY, count=count, **slots)
        return voice.say(wording.UNWANTED, pos=voice.place(places[0]), **slots)

    def _has(self, voice: Voice, topic: int, item: int) -> Mapping[str, str]:
        return voice.has((self._topics.of_item[item][topic], self._topics.topics[topic].value))

    def _wish(
        self, voice: Voice, templates: Sequence[str], topics: Sequence[int], count: int
    ) -> None:
        """Ask for an item with the first so many topics, of kinds like decades only one."""
        wanted: list[Said] = []
        single = self._topics.single
        for topic in topics:
            said = self._topics.topics[topic]
            if said.kind not in single or all(other != said.kind for other, _ in wanted):
                wanted.append(said)
                if len(wanted) == count:
                    break
        voice.ask(templates, wanted)

    def _implied(self, read: Preferences) -> list[int]:
        """What the items that the user spoke well of, or at least mentioned, are like.

        What several of them share comes first; of people, only who made several.
        """
        counts: dict[int, int] = {}
        for item in read.loved or read.mentioned:
            for topic in self._topics.of_item[item]:
                if topic not in read.disliked:
                    counts[topic] = counts.get(topic, 0) + 1
        telling = (
            topic
            for topic, count in counts.items()
            if count > 1 or self._topics.topics[topic].kind != "person"
        )
        return sorted(telling, key=lambda topic: -counts[topic])


class _Told(NamedTuple):
    """What a dialogue tells."""

    read: Preferences
    liked: tuple[int, ...]
    """Topics still wanted, what was said last first."""
    topics: frozenset[int]
    """All that a list is looked through for."""


__all__ = ["VERSION", "RulesSimulator"]
