"""The retriever without weights to download: words, attributes, mentions and popularity.

A linear score over a few signals of the dialogue, its weights learned in a second on the train
split by maximum likelihood over the catalogue (a conditional logit). What is said later, feedback
and inferred preference, is read by the same two text signals, each in a field of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError
from crsgym.memo import Memo
from crsgym.retrieval.polarity import split_words
from crsgym.retrieval.rowcache import RowCache
from crsgym.retrieval.signals import ItemSignals, last_first, spoken
from crsgym.retrieval.topk import top_k
from crsgym.text.words import Said, words
from crsgym.types import Context, FloatArray, IntArray, Scenario, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

SIGNALS = (
    "text",
    "recent_text",
    "attributes",
    "recent_attributes",
    "similar",
    "recency",
    "mentioned",
    "popularity",
)
Demote = Literal["none", "shown"]

_RECENT = 2
_CHUNK = 64
_FIT_CELLS = 32_000_000
_FIT_SCENARIOS = 1_500
_PENALTY = 1.0
_DEMOTION = np.float32(1e4)


class LexicalRetriever:
    """Items by words, attributes, mentions and popularity; made by :meth:`fit`.

    Args:
        signals: the catalogue's words and attributes.
        popularity: ``log(1 + n)`` of each item's training count, float32 (n_items,).
        weights: one per entry of ``SIGNALS``, in order.
        feedback: weight of a remark relative to the dialogue's own words; 0 leaves feedback out.
        preference: the same for the inferred preference.
        memory: what an older remark counts relative to the next one, from 0 to 1.
        demote: ``"shown"`` puts items of earlier lists behind all others.
    """

    def __init__(
        self,
        signals: ItemSignals,
        popularity: FloatArray,
        weights: FloatArray,
        *,
        feedback: float,
        preference: float,
        memory: float,
        demote: Demote,
    ) -> None:
        self._signals = signals
        self._popularity = popularity
        self._weights = weights
        self._feedback = feedback
        self._preference = preference
        self._memory = memory
        self._demote = demote
        n = signals.num_items
        self._heard: Memo[tuple[Utterance, ...], _Heard] = Memo(_Heard, 1 << 14)
        self._dialogues: RowCache[_Heard] = RowCache(self._score_dialogues, n)
        self._remarks: RowCache[str] = RowCache(self._score_remarks, n, megabytes=64)
        self._wishes: RowCache[str] = RowCache(self._score_wishes, n, megabytes=64)

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        *,
        feedback: float = 0.4,
        preference: float = 0.5,
        memory: float = 0.8,
        use_feedback: bool = True,
        use_preference: bool = True,
        demote: Demote = "none",
    ) -> Self:
        """Learn the weights of the signals on the train split.

        A training scenario's own dialogue is left out of the popularity it is shown.

        Args:
            dataset: what to retrieve from.
            feedback: weight of a remark relative to the dialogue's own words.
            preference: the same for the preference that the recommender inferred last.
            memory: what an older remark counts relative to the next one, from 0 to 1.
            use_feedback: False leaves feedback out.
            use_preference: False leaves the inferred preference out.
            demote: ``"shown"`` puts items of earlier lists behind all others.

        Raises:
            ConfigurationError: on an option out of range.
        """
        check_settings(feedback, preference, memory, demote)
        signals = ItemSignals(dataset)
        return cls(
            signals,
            np.log1p(dataset.target_counts()).astype(np.float32),
            _learn(signals, dataset),
            feedback=feedback if use_feedback else 0.0,
            preference=preference if use_preference else 0.0,
            memory=memory,
            demote=demote,
        )

    def scores(self, contexts: Sequence[Context]) -> FloatArray:
        """Log-odds of each item being the one wanted, up to a constant: float32 (B, n_items)."""
        total = self._dialogues.rows([self._heard(context.dialogue) for context in contexts])
        if self._feedback:
            self._add_feedback(total, contexts)
        if self._preference:
            _add_rows(total, self._wishes, [context.last_preference for context in contexts])
        if self._demote == "shown":
            for row, context in zip(total, contexts, strict=True):
                row[[i for turn in context.turns for i in turn.recommendation.items]] -= _DEMOTION
        return total

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """The ``k`` best items of each context, best first: int64 (B, k)."""
        return top_k(self.scores(contexts), k)

    def spec(self) -> dict[str, Any]:
        """Its settings and the weights it learned."""
        return {
            "weights": {name: float(w) for name, w in zip(SIGNALS, self._weights, strict=True)},
            "feedback": self._feedback,
            "preference": self._preference,
            "memory": self._memory,
            "demote": self._demote,
        }

    def _add_feedback(self, total: FloatArray, contexts: Sequence[Context]) -> None:
        latest_first = [
            [text for text in (c.feedback, *[t.feedback for t in c.turns[::-1]]) if text]
            for c in contexts
        ]
        for age, texts in enumerate(zip_longest(*latest_first)):
            _add_rows(total, self._remarks, texts, self._memory**age)

    def _score_dialogues(self, heard: Sequence[_Heard]) -> FloatArray:
        dialogues = [one.dialogue for one in heard]
        chunks = [
            _stack(self._signals, dialogues[start : start + _CHUNK], self._popularity)
            @ self._weights
            for start in range(0, len(dialogues), _CHUNK)
        ]
        return np.concatenate(chunks)

    def _score_remarks(self, remarks: Sequence[str]) -> FloatArray:
        said: list[Sequence[str]] = []
        counts: list[float] = []
        ends = [0]
        for wanted, refused in map(split_words, remarks):
            said.append(wanted)
            counts.append(self._feedback)
            if refused:
                said.append(refused)
                counts.append(-self._feedback)
            ends.append(len(said))
        return self._read(said, counts, ends)

    def _score_wishes(self, wishes: Sequence[str]) -> FloatArray:
        return self._read(list(map(words, wishes)), [self._preference] * len(wishes))

    def _read(
        self, said: Said, counts: Sequence[float], ends: Sequence[int] | None = None
    ) -> FloatArray:
        """What texts add to the scores, each as much as it counts: float32 (groups, n_items).

        Groups end as of :meth:`ItemSignals.text`.
        """
        weights: FloatArray = np.array(counts, dtype=np.float32)
        text = self._weights[SIGNALS.index("text")] + self._weights[SIGNALS.index("recent_text")]
        attributes = (
            self._weights[SIGNALS.index("attributes")]
            + self._weights[SIGNALS.index("recent_attributes")]
        )
        scores = self._signals.text(said, weights * text, ends)
        scores += self._signals.attributes(said, weights * attributes, ends)
        return scores


def _add_rows(
    total: FloatArray, cache: RowCache[str], texts: Sequence[str | None], weight: float = 1
) -> None:
    """Add to each row that of its text, where it has one."""
    told = [b for b, text in enumerate(texts) if text]
    if not told:
        return
    rows = cache.rows([text for text in texts if text])
    if weight != 1:
        rows *= np.float32(weight)
    if len(told) == len(total):
        total += rows
    else:
        total[told] += rows


class _Heard:
    """A dialogue that is looked up by identity: hashing one anew takes longer than its row."""

    __slots__ = ("dialogue",)

    def __init__(self, dialogue: tuple[Utterance, ...]) -> None:
        self.dialogue = dialogue


def check_settings(feedback: float, preference: float, memory: float, demote: str) -> None:
    """Refuse settings out of range.

    Raises:
        ConfigurationError: naming what was expected and what came.
    """
    if demote not in get_args(Demote):
        raise ConfigurationError(f"demote: expected one of {get_args(Demote)}, got {demote!r}")
    if min(feedback, preference) < 0 or not 0 <= memory <= 1:
        raise ConfigurationError(
            "feedback and preference: expected numbers from 0, and memory from 0 to 1, got "
            f"{feedback}, {preference} and {memory}"
        )


def _stack(
    signals: ItemSignals, dialogues: Sequence[Sequence[Utterance]], popularity: FloatArray
) -> FloatArray:
    """The signals of some dialogues, as ``SIGNALS`` orders them: float32 (B, n_items, 8).

    Args:
        signals: the catalogue's words and attributes.
        dialogues: B dialogues.
        popularity: float32 (n_items,) or (B, n_items).
    """
    whole = [words(spoken(dialogue)) for dialogue in dialogues]
    recent = [words(spoken(dialogue[-_RECENT:])) for dialogue in dialogues]
    mentioned = [last_first(dialogue) for dialogue in dialogues]
    recency = signals.recency(mentioned)
    rows = (
        signals.text(whole),
        signals.text(recent),
        signals.attributes(whole),
        signals.attributes(recent),
        signals.similar(mentioned),
        recency,
        (recency > 0).astype(np.float32),
        np.broadcast_to(popularity, recency.shape),
    )
    return np.stack(rows, axis=2)


def _learn(signals: ItemSignals, dataset: Dataset) -> FloatArray:
    """Weights of the signals by penalised maximum likelihood over the catalogue."""
    from scipy.optimize import minimize

    scenarios = dataset.scenarios("train")
    if not scenarios:
        raise ConfigurationError(f"lexical: the train split of {dataset.name} has no scenarios")
    most = max(1, min(_FIT_SCENARIOS, _FIT_CELLS // (signals.num_items * len(SIGNALS))))
    chosen = scenarios[:: -(-len(scenarios) // most)]
    features = np.concatenate(
        [
            _stack(signals, [s.dialogue for s in part], popularity)
            for part, popularity in _without_own(chosen, dataset)
        ]
    )
    scale = np.maximum(features.std(axis=(0, 1)), 1e-6)
    features /= scale
    targets = np.array([scenario.goal.target for scenario in chosen])
    at_target = features[np.arange(len(targets)), targets]

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        scores = features @ weights.astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        total = chance.sum(axis=1)
        chance /= total[:, None]
        likelihood = scores[np.arange(len(targets)), targets] - np.log(total)
        expected = np.matmul(chance[:, None], features)[:, 0]
        slope = (at_target - expected).sum(axis=0, dtype=np.float64)
        value = _PENALTY * weights @ weights - likelihood.sum(dtype=np.float64)
        return float(value), 2 * _PENALTY * weights - slope

    best = minimize(loss, np.zeros(len(SIGNALS)), jac=True, method="L-BFGS-B")
    weights: FloatArray = (best.x / scale).astype(np.float32)
    return weights


def _without_own(
    scenarios: Sequence[Scenario], dataset: Dataset
) -> list[tuple[Sequence[Scenario], FloatArray]]:
    """Chunks of scenarios, each with the popularity it may see: without its own dialogue's part."""
    own: dict[str, list[int]] = {}
    for scenario in dataset.scenarios("train"):
        own.setdefault(scenario.dialogue_id, []).append(scenario.goal.target)
    counts = dataset.target_counts()
    chunks = []
    for start in range(0, len(scenarios), _CHUNK):
        part = scenarios[start : start + _CHUNK]
        seen = np.tile(counts, (len(part), 1))
        for row, scenario in zip(seen, part, strict=True):
            np.subtract.at(row, own[scenario.dialogue_id], 1)
        chunks.append((part, np.log1p(seen).astype(np.float32)))
    return chunks


__all__ = ["SIGNALS", "Demote", "LexicalRetriever", "check_settings"]
