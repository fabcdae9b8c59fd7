"""A data set: a catalogue, its graph, recorded dialogues, and the scenarios cut from them."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from crsgym.data.catalogue import Catalogue
from crsgym.data.graph import ItemGraph
from crsgym.data.preference import PreferenceWriter, write_preference
from crsgym.errors import ConfigurationError, DownloadError, MissingSplitError, PluginError
from crsgym.plugins import unknown
from crsgym.types import Dialogue, Goal, IntArray, Scenario

Split: TypeAlias = Sequence[Dialogue] | Callable[[], Sequence[Dialogue]]
"""The dialogues of a split, or what reads them when they are first asked for."""
Instance: TypeAlias = tuple[int, int, int]
"""``(utterance index, place in the utterance, target item)``."""
InstanceRule: TypeAlias = Callable[[Dialogue], Iterator[Instance]]


def recommender_turns(dialogue: Dialogue) -> Iterator[Instance]:
    """The rule of the UniCRS / DCRS / MSCRS lineage.

    Every recommender utterance with something before it gives one instance for each item it
    mentions; items that it mentions twice, or that were mentioned before, are kept.
    """
    for i, utterance in enumerate(dialogue.utterances):
        if i > 0 and utterance.role == "recommender":
            for k, item in enumerate(utterance.items):
                yield i, k, item


def last_turn(dialogue: Dialogue) -> Iterator[Instance]:
    """Only the last utterance recommends: for data recorded as (context, response) pairs."""
    i = len(dialogue.utterances) - 1
    return (instance for instance in recommender_turns(dialogue) if instance[0] == i)


NO_TRAIN = (DownloadError, MissingSplitError)
"""What is raised where the train split cannot be had: its file cannot, or there is none."""


@contextlib.contextmanager
def needs_train(who: str, advice: str = "") -> Iterator[None]:
    """Say who needed the train split, where it cannot be had.

    Args:
        who: what reads the train split inside of the block.
        advice: what to do instead.

    Raises:
        DownloadError: when its file cannot be fetched.
        MissingSplitError: when the data set has none.
    """
    try:
        yield
    except NO_TRAIN as error:
        rest = f"; {advice}" if advice else ""
        raise type(error)(f"{who} needs the train split: {error}{rest}") from error


class Dataset:
    """A catalogue and dialogues over it.

    Args:
        name: as :func:`crsgym.data.load` knows it.
        catalogue: the items.
        splits: name to dialogues, or to a function that reads them when they are first asked for.
        fingerprint: identifies everything the data was read from.
        facts: what a user should know: ``homepage``, ``licence``, ``citation``; and what one and
            several of the items are called, ``item`` and ``items``: "film" and "films".
        instances: which utterances recommend what.
        writer: writes the reference preference of a scenario.
    """

    def __init__(
        self,
        name: str,
        catalogue: Catalogue,
        splits: Mapping[str, Split],
        *,
        fingerprint: str,
        facts: Mapping[str, str] | None = None,
        instances: InstanceRule = recommender_turns,
        writer: PreferenceWriter = write_preference,
    ) -> None:
        self.name = name
        self.catalogue = catalogue
        self.graph = ItemGraph.from_items(catalogue)
        self.splits: tuple[str, ...] = tuple(splits)
        self.fingerprint = fingerprint
        self.facts: dict[str, str] = dict(facts or {})
        self._sources = dict(splits)
        self._instances = instances
        self.writer = writer
        """Writes the reference preference of a scenario."""
        self._dialogues: dict[str, tuple[Dialogue, ...]] = {}
        self._scenarios: dict[str, tuple[Scenario, ...]] = {}
        self._places: dict[str, dict[str, int]] = {}

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self.catalogue)} items, splits {', '.join(self.splits)})"
        )

    def dialogues(self, split: str) -> tuple[Dialogue, ...]:
        """Every recorded dialogue of a split, read on the first call.

        Raises:
            MissingSplitError: for a split that the data set does not have, a ConfigurationError.
            DataError: when its file is absent and cannot be fetched, or is damaged.
        """
        if split not in self._dialogues:
            if split not in self._sources:
                error = unknown(f"split of {self.name}", split, self.splits)
                raise MissingSplitError(str(error))
            source = self._sources[split]
            self._dialogues[split] = tuple(source() if callable(source) else source)
        return self._dialogues[split]

    def scenarios(self, split: str) -> tuple[Scenario, ...]:
        """Every scenario of a split, in the order of the dialogues; errors as :meth:`dialogues`.

        Its id is ``"<dialogue>/<utterance>/<place in the utterance>"``.
        """
        if split not in self._scenarios:
            self._scenarios[split] = tuple(self._cut(self.dialogues(split)))
        return self._scenarios[split]

    def _cut(self, dialogues: Sequence[Dialogue]) -> Iterator[Scenario]:
        for dialogue in dialogues:
            before = dialogue.utterances[:0]
            for i, k, target in self._instances(dialogue):
                if len(before) != i:
                    # Scenarios of one utterance share their prefix.
                    before = dialogue.utterances[:i]
                preference = self.writer(self.catalogue[target], before)
                if not isinstance(preference, str):
                    raise PluginError(f"a preference writer returns text, and not {preference!r}")
                yield Scenario(
                    id=f"{dialogue.id}/{i}/{k}",
                    dialogue_id=dialogue.id,
                    dialogue=before,
                    goal=Goal(target, preference),
                )

    def scenario(self, split: str, which: str | int) -> Scenario:
        """One scenario of a split, by its id or its index.

        Raises:
            ConfigurationError: when the split has no such scenario.
        """
        scenarios = self.scenarios(split)
        if isinstance(which, str):
            if split not in self._places:
                self._places[split] = {s.id: i for i, s in enumerate(scenarios)}
            if which not in self._places[split]:
                near = difflib.get_close_matches(which, self._places[split], n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else f"{scenarios[0].id} is one"
                raise ConfigurationError(f"{self.name} {split} has no scenario {which!r}; {hint}")
            return scenarios[self._places[split][which]]
        if isinstance(which, bool) or not isinstance(which, (int, np.integer)):
            raise TypeError(f"a scenario is an id (str) or an index (int), and not {which!r}")
        if not 0 <= which < len(scenarios):
            raise ConfigurationError(
                f"{self.name} {split} has scenarios 0 to {len(scenarios) - 1}, and no {which}"
                if scenarios
                else f"{self.name} {split} has no scenarios"
            )
        return scenarios[which]

    def target_counts(self) -> IntArray:
        """How often each item is the target of a *train* scenario: int64, shape (n_items,)."""
        targets = [scenario.goal.target for scenario in self.scenarios("train")]
        return np.bincount(np.array(targets, dtype=np.int64), minlength=len(self.catalogue)).astype(
            np.int64
        )

    def with_preferences(self, writer: PreferenceWriter) -> Dataset:
        """The same data, with reference preferences by another writer."""
        other = Dataset(
            self.name,
            self.catalogue,
            self._sources,
            fingerprint=self.fingerprint,
            facts=self.facts,
            instances=self._instances,
            writer=writer,
        )
        other._dialogues = self._dialogues
        return other


__all__ = [
    "NO_TRAIN",
    "Dataset",
    "Instance",
    "InstanceRule",
    "Split",
    "last_turn",
    "needs_train",
    "recommender_turns",
]
