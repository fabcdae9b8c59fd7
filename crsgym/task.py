"""A task: a world and the scenarios to play in it, with all that a number depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from crsgym.checks import check_count
from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError, PluginError
from crsgym.plugins import unknown
from crsgym.types import Scenario, to_json
from crsgym.world import World


@dataclass(frozen=True, eq=False)
class Task:
    """What an environment id and its keywords stand for."""

    id: str
    """The environment's id, ``"INSPIRED-v0"``."""
    dataset: Dataset
    split: str
    world: World
    scenarios: tuple[Scenario, ...]
    keywords: Mapping[str, Any] = field(init=False, default_factory=dict)
    """Those of :func:`crsgym.make_task` that make it again, where it comes from there unchanged.
    ``retriever`` says what plays where the default could not be fitted."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """All that an episode depends on, JSON-able."""
        return {
            "id": self.id,
            "dataset": {"name": self.dataset.name, "fingerprint": self.dataset.fingerprint},
            "split": self.split,
            "scenarios": {"number": len(self.scenarios), "sha256": self._digest},
            "world": self.world.spec(),
        }

    @cached_property
    def hash(self) -> str:
        """Short hash of the spec: equal hashes, comparable numbers."""
        try:
            text = json.dumps(self.spec, sort_keys=True, ensure_ascii=False)
        except TypeError as error:
            raise PluginError(f"a plug-in's spec() must be JSON-able: {error}") from error
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def made_with(self, keywords: Mapping[str, Any]) -> Task:
        """The same task, which says what it was made with; a change of it does not say so."""
        task = replace(self)
        object.__setattr__(task, "keywords", dict(keywords))
        return task

    def scenario(self, which: str | int) -> Scenario:
        """A scenario by id or by index.

        Raises:
            ConfigurationError: when there is none; says which ids are near or how many there are.
        """
        if isinstance(which, str):
            if which not in self._by_id:
                raise unknown(f"scenario of {self.id} {self.split}", which, self._by_id)
            return self._by_id[which]
        index = int(which)
        if not 0 <= index < len(self.scenarios):
            raise ConfigurationError(
                f"scenario {index} is out of range: {self.id} {self.split} has "
                f"{len(self.scenarios)}, counted from 0"
            )
        return self.scenarios[index]

    @cached_property
    def _digest(self) -> str:
        """Over the goals as well: another preference writer is another reward."""
        digest = hashlib.sha256()
        for scenario in self.scenarios:
            digest.update(to_json((scenario.id, scenario.goal)) + b"\n")
        return digest.hexdigest()

    @cached_property
    def _by_id(self) -> dict[str, Scenario]:
        return {scenario.id: scenario for scenario in self.scenarios}


def check_task(task: object) -> Task:
    """Refuse what is no task.

    Raises:
        TypeError: saying what to give instead.
    """
    if isinstance(task, Task):
        return task
    inner = getattr(getattr(task, "unwrapped", task), "task", None)
    hint = "give its env.task" if isinstance(inner, Task) else "crsgym.make_task makes one"
    raise TypeError(f"expected an environment id or a Task; got {type(task).__name__}: {hint}")


def limited(scenarios: Sequence[Scenario], limit: int | None) -> tuple[Scenario, ...]:
    """The first ``limit`` scenarios, or all of them.

    Raises:
        ConfigurationError: when the limit is not a positive integer, or nothing is left.
    """
    if limit is not None:
        limit = check_count("limit", limit, 1)
    kept = tuple(scenarios[:limit])
    if not kept:
        raise ConfigurationError("the split holds no scenario")
    return kept


__all__ = ["Task", "check_task", "limited"]
