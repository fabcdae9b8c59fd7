"""What the seeker of a dialogue has asked for so far, as far as rules can read it.

Sentences are cut into clauses; a clause likes what it names unless a word of refusal stands in it
("no", "can't stand", "tired of"), and of two statements about one thing the later counts. A "yes"
or "no" to a recommender's question is a statement about what the question named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from crsgym.data.kinds import KNOWN, forms
from crsgym.data.titles import split_year
from crsgym.memo import Memo
from crsgym.simulators.topics import Topics
from crsgym.text.words import singular, words
from crsgym.types import Item, Utterance

_SENTENCE = re.compile(r"(?<=[.!?;\n])\s+")
_CLAUSE = re.compile(
    r"(,|\bbut\b|\bthough\b|\bhowever\b|\balthough\b|\bexcept\b|\brather than\b|\binstead of\b)",
    re.IGNORECASE,
)
_AGAINST = frozenset({"except", "rather than", "instead of"})
"""What such a word leads is refused, whatever else is said in its clause."""

# Refusals in form that praise in meaning, and the other way round.
_PRAISE = re.compile(
    r"can(?:no|'|’)?t (?:get enough|wait|go wrong|stop)(?: of)?|never (?:disappoint|get tired)\w*"
    r"(?: of| me)?|(?:do|would)n['’]?t mind|no problem(?: with)?|not bad|nothing better than"
    r"|not only",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(r"\b(?:don['’]?t know|not sure) (?:if|whether|about)\b", re.IGNORECASE)
_OTHER_THAN = re.compile(r"\b(?:anything|everything) but\b", re.IGNORECASE)
_SAID_WRONGLY = re.compile(r"\bI said\b(?=.*\bI (?:meant|was thinking)\b)", re.IGNORECASE)

_REFUSAL = re.compile(
    r"\b(?:no|not|never|nothing|none|without|nor|neither|\w+n['’]t|cannot|hate[sd]?|dislike[sd]?"
    r"|(?:do|does|did|is|are|was|wo|would|ca|could|should|have|has)nt"
    r"|avoid|skip|scratch|tired of|sick of|enough of|less|fewer|too(?= \w)|bor(?:ing|ed)"
    r"|disappoint\w*|terrible|awful|worst)\b",
    re.IGNORECASE,
)
_LIKING = re.compile(
    r"\b(?:love[sd]?|like[sd]?|enjoy\w*|want|need|prefer|favou?rites?|fan of|into|mood for|meant"
    r"|thinking of|would be|looking for|up for|soft spot|interest\w*|great|good|fantastic|amazing"
    r"|wonderful|curious|more|give me|yes|yeah|sure|please)\b",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\W*(?:yes|yeah|yep|yup|sure|definitely|absolutely|of course|i do|i love)\b", re.I
)
_NO = re.compile(r"\W*(?:no|nope|nah|not really|not at all|i don['’]?t|never)\b", re.I)

_SAID_AS = {
    "comedy": ("funny", "hilarious"),
    "horror": ("scary",),
    "romance": ("romantic",),
    "science fiction": ("sci fi", "scifi"),
    "animation": ("animated", "cartoon"),
    "animated": ("animation", "cartoon"),
    "thriller": ("suspense",),
    "superhero": ("super hero",),
    "musical": ("music",),
    "biographical": ("biopic", "true story"),
}
_LISTED = 6
"""A clause of fewer words than this can be one more thing in a list."""
_EVERYDAY = frozenset({"family", "music", "child", "teen", "history", "school", "war", "action"})
"""Genres that are ordinary words too: said of items only before such a word, or when linked."""
_WORDED = KNOWN | {"person"}
_ITEM_WORDS = frozenset({"film", "movie", "flick", "genre", "stuff", "one"})


@dataclass(frozen=True)
class Preferences:
    """What a dialogue tells of its seeker; everything in order, what was said last comes first."""

    liked: tuple[int, ...] = ()
    """Topics asked for."""
    disliked: tuple[int, ...] = ()
    """Topics turned down."""
    loved: tuple[int, ...] = ()
    """Items spoken well of."""
    mentioned: tuple[int, ...] = ()
    """Items that came up and were not turned down."""


class PreferenceReader:
    """Reads dialogues about a catalogue.

    Args:
        items: the catalogue.
        topics: of the same items.
        called: what one of the items is called.
        memory: how many readings are kept, so that a conversation is read once, not every turn.
    """

    def __init__(
        self, items: Sequence[Item], topics: Topics, *, called: str = "one", memory: int = 8192
    ) -> None:
        self._items = items
        self._item_words = _ITEM_WORDS.union(_stems(called).split())
        self._phrases: dict[str, dict[int, None]] = {}
        everyday: set[str] = set()
        for number, topic in enumerate(topics.topics):
            if topic.kind not in _WORDED:
                for said in forms(*topic):
                    self._phrases.setdefault(_stems(said), {})[number] = None
                continue
            phrase = _stems(topic.value)
            for said in (phrase, *(_SAID_AS.get(phrase, ()) if topic.kind == "genre" else ())):
                self._phrases.setdefault(said, {})[number] = None
            if topic.kind == "decade":
                self._phrases.setdefault(f"{phrase[2:]}s", {})[number] = None
            everyday.update(_EVERYDAY & {phrase, *_SAID_AS.get(phrase, ())})
        self._everyday = frozenset(everyday)
        self._longest: dict[str, int] = {}
        for phrase in filter(None, self._phrases):
            first, length = phrase.split(" ", 1)[0], phrase.count(" ") + 1
            self._longest[first] = max(length, self._longest.get(first, 0))
        self.read = Memo(self._read, memory)
        """:class:`Preferences` of a dialogue, a tuple of utterances."""

    def _read(self, dialogue: tuple[Utterance, ...]) -> Preferences:
        topics: dict[int, int] = {}
        films: dict[int, int] = {}
        asked: list[int] = []
        offered: tuple[int, ...] = ()
        for utterance in dialogue:
            for item in utterance.items:
                films[item] = films.pop(item, 0)
            if utterance.role == "recommender":
                asked = self._asked(utterance)
                offered = utterance.items
                continue
            reply = _reply(utterance.text)
            if reply:
                _note(topics, asked, reply)
            said = False
            for clause, attitude in clauses(self._masked(utterance)):
                named, items = self._find(clause, utterance)
                # What is merely named is liked, unless it was turned down before.
                fresh = [topic for topic in named if attitude or topic not in topics]
                _note(topics, fresh, attitude or 1)
                if attitude:
                    # Without a title, the first attitude is to what was just offered.
                    _note(films, items or (() if said or named else offered), attitude)
                    said = True
            asked, offered = [], ()
        order = list(reversed(topics.items()))
        seen = list(reversed(films.items()))
        return Preferences(
            liked=tuple(topic for topic, attitude in order if attitude > 0),
            disliked=tuple(topic for topic, attitude in order if attitude < 0),
            loved=tuple(item for item, attitude in seen if attitude > 0),
            mentioned=tuple(item for item, attitude in seen if attitude >= 0),
        )

    def _asked(self, utterance: Utterance) -> list[int]:
        """The topics of a recommender's questions."""
        questions = (s for s in _SENTENCE.split(self._masked(utterance)) if s.rstrip()[-1:] == "?")
        return [topic for question in questions for topic in self._find(question, utterance)[0]]

    def _masked(self, utterance: Utterance) -> str:
        """The text with a mark in place of every title, whose words are no topics."""
        text = utterance.text
        for item in dict.fromkeys(utterance.items):
            written = self._items[item]
            for name in (written.title, split_year(written.title)[0], *written.aliases):
                text = _whole(name).sub(f" {_MARK}{item} ", text)
        return text

    def _find(self, text: str, utterance: Utterance) -> tuple[list[int], list[int]]:
        """The topics and the items that a part of a masked text names, in order.

        Of phrases that begin at one word, the longest counts.
        """
        said = words(text)
        stems = [singular(word) for word in said]
        linked: set[str] | None = None
        topics: dict[int, None] = {}
        marks = {f"{_MARK}{item}": item for item in utterance.items}
        items = [marks[word] for word in said if word in marks]
        place = 0
        while place < len(stems):
            step = 1
            for length in range(self._longest.get(stems[place], 0), 0, -1):
                phrase = " ".join(stems[place : place + length])
                if phrase not in self._phrases or place + length > len(stems):
                    continue
                if phrase in self._everyday and self._item_words.isdisjoint(
                    stems[place + 1 : place + 2]
                ):
                    if linked is None:
                        linked = {_stems(entity) for entity in utterance.entities}
                    if phrase not in linked:
                        continue
                topics |= dict.fromkeys(self._phrases[phrase])
                step = length
                break
            place += step
        return list(topics), items


_MARK = "titleofitem"


def clauses(text: str) -> Iterator[tuple[str, int]]:
    """The clauses of a text, each with its attitude: 1 likes, -1 refuses, 0 says neither.

    A clause in a list ("no horror, war films or thrillers") has the attitude of the one before it.
    """
    text = _UNDECIDED.sub("", _OTHER_THAN.sub("avoid", _PRAISE.sub("love", text)))
    for sentence in _SENTENCE.split(text):
        before = 0
        lead = ""
        for piece in _CLAUSE.split(_SAID_WRONGLY.sub("not", sentence)):
            if _CLAUSE.fullmatch(piece):
                lead = piece.lower()
                continue
            if not piece.strip():
                continue
            for part, attitude in _attitudes(piece):
                listed = lead == "," and before < 0 and part.count(" ") < _LISTED
                if lead in _AGAINST or (attitude == 0 and listed):
                    attitude = -1
                before = attitude
                yield part, attitude


def _attitudes(clause: str) -> Iterator[tuple[str, int]]:
    """A clause in one part, or in two where it likes first and then refuses."""
    refusal = _REFUSAL.search(clause)
    if refusal is None:
        yield clause, 1 if _LIKING.search(clause) else 0
        return
    before = clause[: refusal.start()]
    if _LIKING.search(before):
        yield before, 1
        clause = clause[refusal.start() :]
    yield clause, -1


def _reply(text: str) -> int:
    if _NO.match(text):
        return -1
    return 1 if _YES.match(text) else 0


def _note(attitudes: dict[int, int], things: Iterable[int], attitude: int) -> None:
    """Write down an attitude as the latest."""
    for thing in things:
        attitudes.pop(thing, None)
        attitudes[thing] = attitude


def _stems(text: str) -> str:
    return " ".join(singular(word) for word in words(text))


@lru_cache(maxsize=8192)
def _whole(name: str) -> re.Pattern[str]:
    """A name between word boundaries, in any case."""
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


__all__ = ["PreferenceReader", "Preferences", "clauses"]
