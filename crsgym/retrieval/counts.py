"""What training conversations say of items as numbers, with any one of them left out.

A scenario is cut from a recorded conversation whose later part holds its target. If that
conversation counted, a model trained on these numbers would learn to read its own answer from them;
so for a training scenario every number here is what the *other* conversations say
(leave-one-conversation-out). A scenario from anywhere else leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.retrieval.sparse import Arrays, flat, from_pairs, unflat
from crsgym.types import FloatArray, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self

_SMOOTHING = 3.0


def conversations(dataset: Dataset) -> dict[str, int]:
    """The number of each training conversation, by its id (``Scenario.dialogue_id``)."""
    ids = (dialogue.id for dialogue in dataset.dialogues("train"))
    return {name: number for number, name in enumerate(dict.fromkeys(ids))}


@dataclass(frozen=True)
class Counts:
    """Targets and mentions of the training conversations, as sparse matrices.

    In every method ``own`` (int64, shape (B,)) is the number of the conversation that each context
    was cut from, or -1 when that is not a training conversation.
    """

    targets: Any
    """How often an item is a target in a conversation: float32 CSR. The last row stands for no
    conversation and is empty: (conversations + 1, items)."""
    mentions: Any
    """1 where a conversation mentions an item; float32 CSR, rows as above."""

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Count the train split."""
        number = conversations(dataset)
        shape = (len(number) + 1, len(dataset.catalogue))
        targets = [(number[s.dialogue_id], s.goal.target) for s in dataset.scenarios("train")]
        mentions = {
            (number[dialogue.id], item)
            for dialogue in dataset.dialogues("train")
            for utterance in dialogue.utterances
            for item in utterance.items
        }
        return cls(from_pairs(targets, shape), from_pairs(sorted(mentions), shape))

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """What :meth:`arrays` took apart."""
        return cls(unflat("targets", arrays), unflat("mentions", arrays))

    def arrays(self) -> Arrays:
        """Plain arrays to store."""
        return flat("targets", self.targets) | flat("mentions", self.mentions)

    def target_counts(self, own: IntArray) -> FloatArray:
        """How often each item is a target in other conversations: float32 (B, items)."""
        return _total(self.targets) - _dense(self.targets[own])

    def mention_counts(self, own: IntArray) -> FloatArray:
        """How many other conversations mention each item: float32 (B, items)."""
        return _total(self.mentions) - _dense(self.mentions[own])

    def companions(self, mentioned: Any, own: IntArray) -> FloatArray:
        """How often other conversations bring an item up together with those mentioned.

        The score of item ``i`` is the sum over mentioned items ``m`` of the weight of ``m`` times
        the share of the conversations with ``m`` that also hold ``i``, smoothed towards 0 by three
        conversations. An item is no companion of itself.

        Args:
            mentioned: weights of the mentioned items, float32 CSR (B, items).
            own: as for the class.

        Returns:
            float32 (B, items).
        """
        weights = mentioned.tocsr(copy=True)
        rows = np.repeat(np.arange(len(own)), np.diff(weights.indptr))
        columns = weights.indices
        own_mentions = _dense(self.mentions[own])
        in_own = own_mentions[rows, columns]
        weights.data /= _total(self.mentions)[columns] - in_own + _SMOOTHING
        found = _dense(weights @ self._together)
        withheld = weights.data * in_own
        found -= np.bincount(rows, withheld, len(own))[:, None] * own_mentions
        found[rows, columns] += withheld  # `_together` never held an item with itself
        return found.astype(np.float32)

    @cached_property
    def _together(self) -> Any:
        """In how many conversations two different items meet: float32 CSR (items, items)."""
        together = (self.mentions.T @ self.mentions).tocsr()
        together.setdiag(0)
        return together


def _total(matrix: Any) -> FloatArray:
    return np.asarray(matrix.sum(0), dtype=np.float32).ravel()


def _dense(matrix: Any) -> FloatArray:
    return np.asarray(matrix.toarray(), dtype=np.float32)


__all__ = ["Counts", "conversations"]
