"""The yardsticks of every report, none of which learns anything; and agents by name.

| name | list | orders |
| --- | --- | --- |
| ``random`` | drawn from the whole catalogue | catalogue |
| ``popularity`` | how often an item is a training target, ties by index | catalogue |
| ``copy`` | the items mentioned, the last mentioned first, then by popularity | catalogue |
| ``retriever`` | the candidates in the retriever's order | candidates |
| ``oracle`` | the target first when it is a candidate, then as ``retriever`` | candidates |

They answer a later turn as they answer the first: nothing that was listed before is held back. A
report asks at every turn where the target stands in that turn's list, so holding back what was
listed would lower these yardsticks, and an agent would look better beside them than it is.
"""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crsgym.actions import format_answer
from crsgym.data.dataset import needs_train
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.plugins import Registry, load_entry_point, reference_agents
from crsgym.protocols import Agent
from crsgym.seeding import derive_seed
from crsgym.types import Observation, State

if TYPE_CHECKING:
    from crsgym.task import Task

RANKS = ("candidates", "catalogue")
"""What an agent may say that it orders, in its attribute ``ranks``."""


class RandomAgent:
    """Lists items drawn from the catalogue: the floor.

    The draw follows from the conversation alone, so it is the same in any batch.
    """

    ranks = "catalogue"

    def __init__(self, titles: Sequence[str], length: int = 10, seed: int = 0) -> None:
        """Draw ``length`` of the ``titles`` for each answer."""
        self.titles = titles
        self.length = length
        self.seed = seed

    @classmethod
    def from_task(cls, task: Task) -> RandomAgent:
        """Over the task's catalogue."""
        return cls(task.world.catalogue.titles, task.world.list_length)

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """One answer per observation."""
        return [self._answer(observation) for observation in observations]

    def spec(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.seed}

    def _answer(self, observation: Observation) -> str:
        seed = derive_seed(self.seed, observation["dialogue"], observation["turn"])
        drawn = random.Random(seed).sample(self.titles, self.length)
        return format_answer(drawn, preference="Nothing in particular.")


class PopularityAgent:
    """Lists what is most often the target of a training scenario, whatever is said."""

    ranks = "catalogue"

    def __init__(self, titles: Sequence[str], length: int = 10) -> None:
        """List the first ``length`` of ``titles``, the most popular first."""
        self.titles = titles
        self.length = length

    @classmethod
    def from_task(cls, task: Task) -> PopularityAgent:
        """From the targets of the task's train split."""
        return cls(by_popularity(task), task.world.list_length)

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """One answer per observation."""
        answer = format_answer(
            self.titles[: self.length], preference="Something that many people like."
        )
        return [answer] * len(observations)


class CopyAgent:
    """Lists the items that were mentioned, the last mentioned first; the rest by popularity.

    On dialogue data, targets are often repetitions: whoever does not beat this has learned to copy.
    """

    ranks = "catalogue"

    def __init__(self, titles: Sequence[str], length: int = 10) -> None:
        """Fill up with ``titles``, the most popular first, to ``length``."""
        self.titles = titles
        self.length = length

    @classmethod
    def from_task(cls, task: Task) -> CopyAgent:
        """From the targets of the task's train split."""
        return cls(by_popularity(task), task.world.list_length)

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """One answer per observation."""
        return [self._answer(observation["mentioned"][::-1]) for observation in observations]

    def _answer(self, mentioned: Sequence[str]) -> str:
        if mentioned:
            preference = f"Something like {' or '.join(mentioned[:3])}."
        else:
            preference = "Something that many people like."
        return format_answer(
            _first(self.length, mentioned, self.titles[: self.length + len(mentioned)]),
            preference=preference,
        )


class RetrieverAgent:
    """Lists the candidates as the retriever orders them."""

    ranks = "candidates"

    def __init__(self, length: int = 10) -> None:
        """List the first ``length`` candidates."""
        self.length = length

    @classmethod
    def from_task(cls, task: Task) -> RetrieverAgent:
        """With lists of the task's length."""
        return cls(task.world.list_length)

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """One answer per observation."""
        return [
            format_answer(
                observation["candidates"][: self.length], preference="What the seeker asked for."
            )
            for observation in observations
        ]


class OracleAgent:
    """Is told the target: the ceiling of agents that order candidates and write preferences.

    It puts the target first when it is a candidate and states the reference preference, so from the
    second turn on the retriever, too, works from the best preference there is.
    """

    ranks = "candidates"
    privileged = True

    def __init__(self, titles: Sequence[str], length: int = 10) -> None:
        """Name items by ``titles``, the catalogue's, and list ``length`` of them."""
        self.titles = titles
        self.length = length

    @classmethod
    def from_task(cls, task: Task) -> OracleAgent:
        """Over the task's catalogue."""
        return cls(task.world.catalogue.titles, task.world.list_length)

    def act_on_states(self, states: Sequence[State]) -> list[str]:
        """One answer per state, with the reference preference."""
        return [self._answer(state) for state in states]

    def _answer(self, state: State) -> str:
        goal, offered = state.goal, state.candidates
        known = [goal.target] if goal.target in offered else []
        return format_answer(
            [self.titles[item] for item in _first(self.length, known, offered)],
            preference=goal.preference,
        )


AGENTS = Registry(
    "agent",
    {
        "random": RandomAgent,
        "popularity": PopularityAgent,
        "copy": CopyAgent,
        "retriever": RetrieverAgent,
        "oracle": OracleAgent,
    },
)
"""Agents by short name."""

AGENT_FILE = "agent.json"
"""What the folder of a trained agent holds: JSON whose ``class`` names ``"module:Class"``, a class
with ``load(directory, task)``."""

BASELINES: tuple[str, ...] = ("random", "popularity", "copy", "retriever", "oracle")
"""The yardsticks, in the order in which they are expected to rank."""


def make_agent(agent: Any, task: Task) -> Any:
    """An agent that can play the task.

    Args:
        agent: a short name, ``"module:Class"``, a folder with a trained agent (``"DIR"`` or
            ``"NAME:DIR"``), a class, or an object that has ``act``. A class is built by its
            ``from_task(task)`` when it has one, and by a call without arguments else.
        task: what it is to play.

    Returns:
        An object with ``act(observations)``, or, when its ``privileged`` is true, with
        ``act_on_states(states)``.

    Raises:
        ConfigurationError: when there is no such agent, or it lacks what an agent must have.
        ArtifactError: when a folder's ``agent.json`` is damaged.
    """
    what = agent if isinstance(agent, str) else agent_name(agent)
    if isinstance(agent, str):
        folder = saved_agent(agent)
        agent = AGENTS.load(agent) if folder is None else _load_saved(folder, task)
    if inspect.isclass(agent):
        build = getattr(agent, "from_task", None)
        agent = build(task) if callable(build) else _call(agent, what)
    method = "act_on_states" if is_privileged(agent) else "act"
    if not callable(getattr(agent, method, None)):
        raise ConfigurationError(
            f"agent {what!r} needs {method}(batch) -> list[str]; {type(agent).__name__} has none"
        )
    if ranks_of(agent) not in RANKS:
        raise ConfigurationError(
            f"agent {what!r}: ranks must be 'candidates' or 'catalogue'; got {ranks_of(agent)!r}"
        )
    return agent


def saved_agent(agent: str) -> Path | None:
    """The folder of a trained agent that ``"DIR"`` or ``"NAME:DIR"`` names; None where none is."""
    for name in (agent, agent.partition(":")[2]):
        if name and (Path(name) / AGENT_FILE).is_file():
            return Path(name)
    return None


def agent_name(agent: Any) -> str:
    """The name of an agent in reports: as given, or its ``name``, or its class's."""
    if isinstance(agent, str):
        return agent
    name = getattr(agent, "name", None)
    if isinstance(name, str) and name:
        return name
    return agent.__name__ if inspect.isclass(agent) else type(agent).__name__


def is_privileged(agent: Any) -> bool:
    """Whether an agent is handed states, and with them the target."""
    return bool(getattr(agent, "privileged", False))


def ranks_of(agent: Any) -> str:
    """What an agent says that it orders; ``"candidates"`` when it says nothing."""
    return cast("str", getattr(agent, "ranks", "candidates"))


def by_popularity(task: Task) -> tuple[str, ...]:
    """Every title, by how often the item is a target in train, ties by index.

    Raises:
        DownloadError, MissingSplitError: where the train split cannot be had.
    """
    with needs_train(
        "the popularity of items, which the agents popularity and copy go by,",
        "random, retriever and oracle do without it",
    ):
        counts = task.dataset.target_counts()
    order = np.argsort(-counts, kind="stable")
    titles = task.world.catalogue.titles
    return tuple(titles[item] for item in order.tolist())


def _load_saved(folder: Path, task: Task) -> Any:
    path = folder / AGENT_FILE
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["class"]
        module, _, kind = named.partition(":")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path} does not name the agent's class; train the agent again"
        ) from error
    room, _, rest = module.partition(".")
    # The reference agents have one name in a checkout and another in a wheel.
    if room in ("agents", "crsgym_agents"):
        module = f"{reference_agents()}.{rest}"
    return load_entry_point("agent", f"{module}:{kind}").load(folder, task)


def _first(length: int, *parts: Iterable[Any]) -> list[Any]:
    """The first so many of all parts in turn, none twice."""
    return list(dict.fromkeys(entry for part in parts for entry in part))[:length]


def _call(kind: type, what: str) -> Any:
    required = [
        parameter.name
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise ConfigurationError(
            f"agent {what!r} cannot be built without {', '.join(required)}: give the class a "
            "from_task(task), or pass an object"
        )
    return kind()


__all__ = [
    "AGENTS",
    "AGENT_FILE",
    "BASELINES",
    "RANKS",
    "Agent",
    "CopyAgent",
    "OracleAgent",
    "PopularityAgent",
    "RandomAgent",
    "RetrieverAgent",
    "agent_name",
    "by_popularity",
    "is_privileged",
    "make_agent",
    "ranks_of",
    "saved_agent",
]
