"""Frozen records: every fact about a conversation is one of these.

An item is known by its *index*, its place in the catalogue (0 .. n-1). Records hold indices and
text only, no arrays and no objects with behaviour, so each of them is hashable, comparable and has
a JSON form (:func:`to_json`, :func:`from_json`).

Notation follows SMTPO: ``D`` dialogue, ``I_D`` mentioned entities, ``F_t`` feedback, ``P_t``
inferred preference, ``R_t`` recommended list, ``i*`` hidden target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from crsgym.record import Record

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

Role = Literal["seeker", "recommender"]
T = TypeVar("T")


class Attribute(NamedTuple):
    """One fact about an item, e.g. ``("genre", "drama")``.

    Kinds in use: genre, director, cast, writer, company, decade, language, tone.
    """

    kind: str
    value: str


class Item(Record, frozen=True, gc=False):
    """One entry of the catalogue."""

    key: str
    """The data set's own stable name of the item (an entity id, a movie id)."""
    title: str
    """Display title, unique in its catalogue, with the year where known: ``"Joker (2019)"``."""
    year: int | None = None
    attributes: tuple[Attribute, ...] = ()
    description: str = ""
    aliases: tuple[str, ...] = ()
    """Other names under which the item may be written."""

    def values(self, *kinds: str) -> tuple[str, ...]:
        """The attribute values of the given kinds, in order; of every kind when none is given."""
        return tuple(a.value for a in self.attributes if not kinds or a.kind in kinds)


class Utterance(Record, frozen=True, gc=False):
    """One utterance of the recorded dialogue ``D`` with what it links to."""

    role: Role
    text: str
    items: tuple[int, ...] = ()
    """Indices of the catalogue items it mentions, in order, repeats kept."""
    entities: tuple[str, ...] = ()
    """Names of the other linked entities: genres, people, themes."""


class Dialogue(Record, frozen=True, gc=False):
    """A whole recorded conversation, from which scenarios are cut."""

    id: str
    utterances: tuple[Utterance, ...]


class Goal(Record, frozen=True, gc=False):
    """What the user wants, and agents may not see."""

    target: int
    """Index of the hidden target item ``i*``."""
    preference: str
    """The reference preference ``P`` in words."""


class Scenario(Record, frozen=True, gc=False):
    """One evaluation instance: a dialogue history and the item that came next."""

    id: str
    """Unique in its split; says nothing about the target."""
    dialogue_id: str
    """The recorded dialogue it was cut from: the unit of the bootstrap."""
    dialogue: tuple[Utterance, ...]
    goal: Goal


class Recommendation(Record, frozen=True, gc=False):
    """An answer as it was understood: ``P_t`` and ``R_t``, and what was wrong with it."""

    slots: tuple[int | None, ...] = ()
    """``R_t``: at most ``list_length`` entries as written; an entry that names no item, or an item
    listed before, holds its place as ``None``."""
    preference: str = ""
    """``P_t``: the text of Step1, empty when there is none."""
    steps: int = 0
    """How many of the five step headings stand inside ``<think>``, repeats counted."""
    well_formed: bool = False
    """Whether ``RANK LIST: [Title, ..., Title]`` was found."""
    issues: tuple[str, ...] = ()
    """Codes of what is wrong, sorted, each once; see :mod:`crsgym.actions`."""
    bounds: tuple[int, ...] = ()
    """Where each slot's title starts and ends in the answer text, one after the other."""
    fuzzy: tuple[int, ...] = ()
    """Positions (from 0) of slots that only fuzzy matching understood."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """``(start, end)`` character span of each slot's title in the answer text."""
        # Pairs are made when they are asked for: the collector would go over them in every state.
        return tuple(zip(self.bounds[::2], self.bounds[1::2], strict=True))

    @property
    def items(self) -> tuple[int, ...]:
        """The items understood, best first."""
        slots = self.slots
        return tuple([i for i in slots if i is not None]) if None in slots else slots  # type: ignore[return-value]

    def rank_of(self, item: int) -> int | None:
        """Position of an item in the list, from 1; ``None`` when it is not listed."""
        return self.slots.index(item) + 1 if item in self.slots else None


class Turn(Record, frozen=True, gc=False):
    """One finished turn, as both sides saw it."""

    feedback: str
    """``F_t``, empty at turn 1."""
    candidates: tuple[int, ...]
    """What the retriever offered, best first."""
    answer: str
    """The recommender's raw text."""
    recommendation: Recommendation


class Context(Record, frozen=True, gc=False):
    """Everything an agent, a retriever and a label-free user may see. It holds no goal."""

    dialogue: tuple[Utterance, ...]
    """``D``, the recorded history."""
    turns: tuple[Turn, ...] = ()
    """The finished turns 1 .. t-1."""
    feedback: str = ""
    """``F_t``, the user's reply to the last list; empty at turn 1."""

    @property
    def turn(self) -> int:
        """The turn to be played, from 1."""
        return len(self.turns) + 1

    @property
    def mentioned(self) -> tuple[int, ...]:
        """The items of ``I_D``: each once, in the order of first mention."""
        return tuple(dict.fromkeys(i for u in self.dialogue for i in u.items))

    @property
    def recently_mentioned(self) -> tuple[int, ...]:
        """The items of ``I_D``: each once, in the order of last mention, the latest at the end."""
        latest_first = dict.fromkeys(i for u in reversed(self.dialogue) for i in reversed(u.items))
        return tuple(latest_first)[::-1]

    @property
    def entities(self) -> tuple[str, ...]:
        """The other entities of ``I_D``: each once, in the order of first mention."""
        return tuple(dict.fromkeys(e for u in self.dialogue for e in u.entities))

    @property
    def last_list(self) -> tuple[int, ...]:
        """``R_{t-1}``: the items of the last list, best first; empty at turn 1."""
        return self.turns[-1].recommendation.items if self.turns else ()

    @property
    def last_preference(self) -> str:
        """``P_{t-1}``; empty at turn 1."""
        return self.turns[-1].recommendation.preference if self.turns else ""


Status = Literal["running", "terminated", "truncated"]


class State(Record, frozen=True, gc=False):
    """A conversation, as a value: copying it is a clone, storing it is a save."""

    scenario: Scenario
    seed: int
    context: Context
    candidates: tuple[int, ...]
    """What the retriever offers for the turn to be played, best first; after the end, its last
    offer."""
    status: Status = "running"

    @property
    def goal(self) -> Goal:
        """What agents may not see."""
        return self.scenario.goal


class Outcome(Record, frozen=True, gc=False):
    """What one answer led to."""

    state: State
    """The conversation after the answer; its ``context.turns[-1]`` is the turn just played."""
    reward: float
    reward_terms: Mapping[str, float]
    """Every term before weighting, by name."""
    target_rank: int | None
    """Position of the target in the list, from 1. Truth: not for agents while the episode runs."""
    candidate_rank: int | None
    """Position of the target among the candidates the agent had. Truth, as above."""

    @property
    def terminated(self) -> bool:
        """Whether the user found the target (by the success rule)."""
        return self.state.status == "terminated"

    @property
    def truncated(self) -> bool:
        """Whether the turns ran out."""
        return self.state.status == "truncated"


class Step(Record, frozen=True, gc=False):
    """One turn of a finished episode, with its reward and the truth about it."""

    turn: Turn
    reward: float
    reward_terms: Mapping[str, float]
    target_rank: int | None
    candidate_rank: int | None


class Episode(Record, frozen=True, gc=False):
    """A finished conversation: the scenario, the seed and every step."""

    scenario: Scenario
    seed: int
    steps: tuple[Step, ...]
    status: Status
    agent: str = ""
    env: str = ""
    """Id of the environment, when it came from one."""
    titles: Mapping[int, str] = msgspec.field(default_factory=dict)
    """Title of every item that occurs in it, by index: a stored episode reads by itself."""

    @property
    def total_reward(self) -> float:
        """The undiscounted return."""
        return float(sum(step.reward for step in self.steps))

    def title(self, item: int) -> str:
        """Title of an item; its index in words where the episode does not know it."""
        return self.titles.get(item, f"item {item}")

    def __str__(self) -> str:
        """The transcript."""
        from crsgym.rendering import render_text

        return render_text(self)

    def _repr_html_(self) -> str:
        """The transcript, as a notebook shows it."""
        from crsgym.rendering import render_html

        return render_html(self)


class HistoryTurn(TypedDict):
    """One earlier turn, as an observation shows it."""

    feedback: str
    preference: str
    list: tuple[str, ...]


class Observation(TypedDict):
    """What an agent is handed at a turn."""

    dialogue: str
    """``D``, one utterance a line, each led by ``Seeker:`` or ``Recommender:``."""
    mentioned: tuple[str, ...]
    """Titles of ``I_D``, each once, in the order of last mention: the latest at the end."""
    history: tuple[HistoryTurn, ...]
    """The earlier turns."""
    feedback: str
    """``F_t``; empty at turn 1."""
    candidates: tuple[str, ...]
    """Titles the retriever offers, best first."""
    candidate_ids: IntArray
    """Indices of the candidates, int64, shape (k,)."""
    turn: int
    """From 1."""


def to_json(record: Any) -> bytes:
    """A record, or a container of records, as one line of JSON."""
    return msgspec.json.encode(record)


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Read back what :func:`to_json` wrote.

    Raises:
        msgspec.ValidationError: when the data is not of that kind; the message names the place.
    """
    return msgspec.json.decode(data, type=kind)


__all__ = [
    "Attribute",
    "Context",
    "Dialogue",
    "Episode",
    "FloatArray",
    "Goal",
    "HistoryTurn",
    "IntArray",
    "Item",
    "Observation",
    "Outcome",
    "Recommendation",
    "Role",
    "Scenario",
    "State",
    "Status",
    "Step",
    "Turn",
    "Utterance",
    "from_json",
    "to_json",
]
