"""How the weights of the hybrid retriever are learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.protocols import Simulator
from crsgym.retrieval.counts import conversations
from crsgym.retrieval.features import DialogueFeatures
from crsgym.retrieval.later import later_contexts
from crsgym.retrieval.remarks import RemarkFeatures
from crsgym.retrieval.softmax import SoftmaxConfig, train_softmax
from crsgym.retrieval.topk import top_k
from crsgym.types import FloatArray, IntArray, Scenario, Utterance

Progress: TypeAlias = Callable[[str], object]
"""Told in a line what is being done."""

CHUNK = 64
"""Contexts whose features are worked out together."""
DECIMALS = 5
"""Scores are rounded, so that the order of near-equal items never depends on the batch."""

_TRAINING_BYTES = 300_000_000
"""What the features of the training scenarios may take; more scenarios than fit are thinned out."""
_LATER_SCENARIOS = 600
_OFFERS = 30


def score_dialogues(
    features: DialogueFeatures,
    weights: FloatArray,
    dialogues: Sequence[Sequence[Utterance]],
    own: IntArray,
) -> FloatArray:
    """Weighted sum of the features: float32 (B, items).

    Args:
        features: of a dialogue and an item.
        weights: one for each of them.
        dialogues: ``D`` of each context.
        own: the training conversation of each, or -1: int64 (B,).
    """
    total = np.zeros((len(dialogues), features.num_items), dtype=np.float32)
    for part in _parts(len(dialogues)):
        rows = features.rows(dialogues[part], own[part])
        for weight, values in zip(weights, rows, strict=True):
            total[part] += weight * values
    return total


class HybridTraining:
    """The two trainings: weights of the first turn, then of what later turns add.

    Args:
        dataset: its train split is learned from.
        features: of a dialogue and an item.
        training: how the weights are trained.
        checkpoint: a directory to resume from and to write to.
        progress: told in a line what is being done.
    """

    def __init__(
        self,
        dataset: Dataset,
        features: DialogueFeatures,
        training: SoftmaxConfig,
        checkpoint: Path | None,
        progress: Progress,
    ) -> None:
        self._dataset = dataset
        self._features = features
        self._training = training
        self._checkpoint = checkpoint
        self._progress = progress
        self._number = conversations(dataset)

    def first_turn(self, seed: int) -> FloatArray:
        """Weights of the features of the dialogue; the seed orders the scenarios."""
        stacked, chosen = self._first
        return self._train("first turn", stacked, chosen, seed)

    @cached_property
    def _first(self) -> tuple[Any, Sequence[Scenario]]:
        """Features of train scenarios, float16 (scenarios, items, F), and the scenarios."""
        width = len(self._features.names)
        chosen = self._thinned(width)
        own = self._own(chosen)
        stacked = np.empty((len(chosen), self._features.num_items, width), dtype=np.float16)
        for part in _parts(len(chosen)):
            rows = self._features.rows([s.dialogue for s in chosen[part]], own[part])
            for place, values in enumerate(rows):
                stacked[part, :, place] = values
            self._progress(f"features of {part.stop} of {len(chosen)} scenarios")
        return stacked, chosen

    def later_turns(
        self, weights: FloatArray, simulators: Sequence[Simulator], seed: int
    ) -> FloatArray:
        """Weights of what later turns add to the dialogue's score.

        Args:
            weights: of the first turn.
            simulators: users to talk with; without any, all weights are 0.
            seed: of the conversations and of the order of the scenarios.
        """
        remarks = RemarkFeatures(self._features)
        width = len(remarks.names)
        if not simulators:
            return np.zeros(width, dtype=np.float32)
        chosen = self._thinned(width, _LATER_SCENARIOS)
        own = self._own(chosen)
        self._progress(f"simulated conversations of {len(chosen)} scenarios")
        scores = score_dialogues(self._features, weights, [s.dialogue for s in chosen], own)
        offers = top_k(np.round(scores, DECIMALS), min(_OFFERS, self._features.num_items))
        contexts = later_contexts(self._dataset, chosen, simulators, offers, seed=seed)
        stacked = np.empty((*scores.shape, width), dtype=np.float16)
        for part in _parts(len(chosen)):
            for place, values in enumerate(remarks.rows(contexts[part], scores[part])):
                stacked[part, :, place] = values
        return self._train("later turns", stacked, chosen, seed, scores)

    def _train(
        self,
        what: str,
        stacked: Any,
        chosen: Sequence[Scenario],
        seed: int,
        offset: FloatArray | None = None,
    ) -> FloatArray:
        targets = np.array([scenario.goal.target for scenario in chosen], dtype=np.int64)
        file = f"{what.replace(' ', '-')}.safetensors"
        return train_softmax(
            stacked,
            targets,
            self._training,
            seed=seed,
            offset=offset,
            checkpoint=self._checkpoint / file if self._checkpoint else None,
            progress=lambda n: self._progress(f"{what}: epoch {n} of {self._training.epochs}"),
        )

    def _thinned(self, width: int, most: int | None = None) -> Sequence[Scenario]:
        """As many train scenarios, evenly spread, as memory is meant for."""
        scenarios = self._dataset.scenarios("train")
        room = max(1, _TRAINING_BYTES // (2 * width * self._features.num_items))
        return scenarios[:: -(-len(scenarios) // min(room, most or room))]

    def _own(self, scenarios: Sequence[Scenario]) -> IntArray:
        return np.array([self._number[s.dialogue_id] for s in scenarios], dtype=np.int64)


def _parts(size: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, size)) for start in range(0, size, CHUNK))


__all__ = ["CHUNK", "DECIMALS", "HybridTraining", "Progress", "score_dialogues"]
