"""A conversation as numbers: features of every item that may be listed.

Read from the observation and from what is public of the data set: the catalogue, and how often an
item is a target in the train split. Nothing here knows the goal.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crsgym.data.dataset import Dataset, needs_train
from crsgym.retrieval.polarity import split_polarity
from crsgym.retrieval.rowcache import RowCache
from crsgym.retrieval.signals import ItemSignals
from crsgym.text.words import singular, words
from crsgym.types import FloatArray, IntArray, Observation

_Put = Callable[[str, npt.ArrayLike], None]
"""Writes one feature: its name, its values (B, K)."""
_PARTS = ("wanted_text", "wanted_attributes", "refused_text", "refused_attributes")

FEATURES: tuple[str, ...] = (
    "retriever_inverse_rank",
    "retriever_rank",
    "offered",
    "mentioned",
    "mentioned_recency",
    "in_last_list",
    "last_list_inverse_rank",
    "in_earlier_lists",
    "times_listed",
    "popularity",
    "like_mentioned",
    "like_last_list",
    "like_praised",
    "like_faulted",
    "years_after_last_list",
    "dialogue_text",
    "dialogue_attributes",
    "recent_text",
    "recent_attributes",
    *(f"feedback_{part}" for part in _PARTS),
    *(f"earlier_{part}" for part in _PARTS),
)
"""Names of the features of an item, in order."""

TURNS = 5
"""Turns that are told apart; later ones look like the fifth."""
STATE: tuple[str, ...] = (
    *(f"turn_{turn}" for turn in range(1, TURNS + 1)),
    "has_feedback",
    "mentions",
    "last_list_offered",
)
"""Names of the features of a turn, in order."""
WORDS = 256
"""Buckets that the words of the feedback are hashed into."""

_RECENT = 2
_MEMORY = 0.8
_YEARS = 20.0
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_ORDINAL = re.compile(rf"\b({'|'.join(_NTH)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class View:
    """Some observations as arrays; ``B`` of them, with at most ``K`` items each."""

    items: IntArray
    """The items that may be listed, int64 (B, K): the candidates in the retriever's order, then
    those of the last list that are not offered again; -1 where a row has fewer."""
    mask: npt.NDArray[np.bool_]
    """Which of them are items, (B, K)."""
    x: FloatArray
    """Features of the items as ``FEATURES`` names them, float32 (B, K, F); 0 where masked."""
    state: FloatArray
    """Features of the turn as ``STATE`` names them, float32 (B, S)."""
    words: FloatArray
    """Which hashed words the feedback holds, float32 (B, ``WORDS``), rows of length 1 or 0."""

    def __len__(self) -> int:
        return len(self.items)

    @staticmethod
    def concat(views: Sequence[View]) -> View:
        """Several views as one, padded to the widest."""
        width = max(view.items.shape[1] for view in views)

        def padded(array: npt.NDArray[np.generic], fill: int) -> npt.NDArray[np.generic]:
            room = [(0, 0), (0, width - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
            return np.pad(array, room, constant_values=fill)

        return View(
            np.concatenate([padded(view.items, -1) for view in views]).astype(np.int64),
            np.concatenate([padded(view.mask, 0) for view in views]).astype(np.bool_),
            np.concatenate([padded(view.x, 0) for view in views]).astype(np.float32),
            np.concatenate([view.state for view in views]),
            np.concatenate([view.words for view in views]),
        )

    def take(self, rows: IntArray) -> View:
        """Some of the rows."""
        return View(
            self.items[rows], self.mask[rows], self.x[rows], self.state[rows], self.words[rows]
        )


class CandidateFeatures:
    """Reads observations of one data set.

    Args:
        dataset: its catalogue; of its conversations only the train split is used, for how often an
            item is a target and which words are everyday talk.
        use_feedback: False reads no feedback: an ablation.
        relist: whether items of the last list that are not offered any more may be listed again;
            False keeps to the candidates.
    """

    def __init__(self, dataset: Dataset, *, use_feedback: bool = True, relist: bool = True) -> None:
        self._catalogue = dataset.catalogue
        self._use_feedback = use_feedback
        self._relist = relist
        with needs_train("the features of candidates"):
            self._signals = ItemSignals(dataset)
            self._counts = dataset.target_counts()
        self._index = {title: i for i, title in enumerate(dataset.catalogue.titles)}
        self._own: dict[str, Counter[int]] = {}
        for scenario in dataset.scenarios("train"):
            self._own.setdefault(scenario.dialogue_id, Counter())[scenario.goal.target] += 1
        years = [item.year for item in dataset.catalogue if item.year is not None]
        typical = float(np.median(years)) if years else 0.0
        self._years = np.array([item.year or typical for item in dataset.catalogue])
        n = len(dataset.catalogue)
        self._dialogues: RowCache[str] = RowCache(self._read_dialogues, 4 * n)
        self._remarks: RowCache[str] = RowCache(self._read_remarks, 4 * n)
        self._alike: RowCache[tuple[int, ...]] = RowCache(self._signals.similar, n)

    def read(self, observations: Sequence[Observation], own: Sequence[str] | None = None) -> View:
        """The view of some observations.

        Args:
            observations: what the agent is handed.
            own: for scenarios of the train split, the dialogue of each: its own targets are left
                out of what it sees of popularity, as they will be missing for a new dialogue.
        """
        lists = [
            [tuple(self._index[title] for title in turn["list"]) for turn in o["history"]]
            for o in observations
        ]
        pools = [
            list(
                dict.fromkeys(
                    [
                        *o["candidate_ids"].tolist(),
                        *(shown[-1] if shown and self._relist else ()),
                    ]
                )
            )
            for o, shown in zip(observations, lists, strict=True)
        ]
        width = max(map(len, pools))
        items = np.full((len(pools), width), -1, dtype=np.int64)
        for row, pool in zip(items, pools, strict=True):
            row[: len(pool)] = pool
        mask = items >= 0
        safe = np.where(mask, items, 0)
        x = np.zeros((*items.shape, len(FEATURES)), dtype=np.float32)
        place = {name: number for number, name in enumerate(FEATURES)}

        def put(name: str, values: npt.ArrayLike) -> None:
            x[:, :, place[name]] = values

        self._add_places(put, observations, lists, safe)
        self._add_popularity(put, safe, own)
        self._add_likeness(put, observations, lists, safe)
        self._add_texts(put, observations, safe)
        x[~mask] = 0
        return View(items, mask, x, _state(observations), self._words(observations))

    def _add_places(
        self,
        put: _Put,
        observations: Sequence[Observation],
        lists: Sequence[Sequence[tuple[int, ...]]],
        items: IntArray,
    ) -> None:
        """Where each item stands in the offer, the dialogue and the earlier lists."""
        columns = np.zeros((9, *items.shape), dtype=np.float32)
        for b, (o, shown, row) in enumerate(zip(observations, lists, items.tolist(), strict=True)):
            offered = len(o["candidate_ids"])
            mentioned = {
                self._index[title]: age for age, title in enumerate(reversed(o["mentioned"]), 1)
            }
            last = {item: rank for rank, item in enumerate(shown[-1], 1)} if shown else {}
            earlier = Counter(item for listed in shown[:-1] for item in listed)
            for k, item in enumerate(row):
                if k < offered:
                    columns[:3, b, k] = 1 / (k + 1), 1 - k / offered, 1
                if item in mentioned:
                    columns[3:5, b, k] = 1, 1 / mentioned[item]
                if item in last:
                    columns[5:7, b, k] = 1, 1 / last[item]
                if item in earlier:
                    columns[7, b, k] = 1
                columns[8, b, k] = ((item in last) + earlier[item]) / TURNS
        for name, values in zip(FEATURES[:9], columns, strict=True):
            put(name, values)

    def _add_popularity(self, put: _Put, items: IntArray, own: Sequence[str] | None) -> None:
        counts = self._counts[items]
        for b, dialogue in enumerate(own or ()):
            for item, times in self._own.get(dialogue, {}).items():
                counts[b][items[b] == item] -= times
        put("popularity", np.log1p(counts))

    def _add_likeness(
        self,
        put: _Put,
        observations: Sequence[Observation],
        lists: Sequence[Sequence[tuple[int, ...]]],
        items: IntArray,
    ) -> None:
        """Likeness with items mentioned, listed, and pointed to ("the third one ...")."""
        last = [shown[-1] if shown else () for shown in lists]
        remarks = [split_polarity(self._feedback(o)) for o in observations]
        for name, sets in (
            (
                "like_mentioned",
                [tuple(self._index[t] for t in o["mentioned"]) for o in observations],
            ),
            ("like_last_list", last),
            (
                "like_praised",
                [_pointed(r[0], shown) for r, shown in zip(remarks, last, strict=True)],
            ),
            (
                "like_faulted",
                [_pointed(r[1], shown) for r, shown in zip(remarks, last, strict=True)],
            ),
        ):
            told = [b for b, members in enumerate(sets) if members]
            values = np.zeros(items.shape, dtype=np.float32)
            if told:
                rows = self._alike.rows([sets[b] for b in told])
                values[told] = np.take_along_axis(rows, items[told], axis=1)
            put(name, values)
        middle = [float(np.median(self._years[list(shown)])) if shown else 0.0 for shown in last]
        some = np.array([bool(shown) for shown in last])
        ahead = (self._years[items] - np.array(middle)[:, None]) / _YEARS
        put("years_after_last_list", np.clip(ahead, -2, 2) * some[:, None])

    def _add_texts(self, put: _Put, observations: Sequence[Observation], items: IntArray) -> None:
        """Fit of each item with what was said in the dialogue and in the feedback."""
        n = len(self._catalogue)
        said = self._dialogues.rows([o["dialogue"] for o in observations]).reshape(-1, 4, n)
        names = ("dialogue_text", "dialogue_attributes", "recent_text", "recent_attributes")
        for name, values in zip(names, np.moveaxis(_pick(said, items), 1, 0), strict=True):
            put(name, values)
        owners, texts, weights = [], [], []
        for b, o in enumerate(observations):
            if not self._use_feedback:
                continue
            told = [*(turn["feedback"] for turn in o["history"]), o["feedback"]]
            for age, text in enumerate(reversed(told)):
                if text:
                    owners.append(b)
                    texts.append(text)
                    weights.append((age, _MEMORY ** (age - 1)))
        now = np.zeros((len(observations), 4, items.shape[1]), dtype=np.float32)
        before = np.zeros_like(now)
        if texts:
            rows = _pick(self._remarks.rows(texts).reshape(-1, 4, n), items[owners])
            for b, (age, weight), values in zip(owners, weights, rows, strict=True):
                if age == 0:
                    now[b] = values
                else:
                    before[b] += np.float32(weight) * values
        for number, part in enumerate(_PARTS):
            put(f"feedback_{part}", now[:, number])
            put(f"earlier_{part}", before[:, number])

    def _feedback(self, observation: Observation) -> str:
        return observation["feedback"] if self._use_feedback else ""

    def _words(self, observations: Sequence[Observation]) -> FloatArray:
        bags = np.zeros((len(observations), WORDS), dtype=np.float32)
        for bag, observation in zip(bags, observations, strict=True):
            stems = {singular(word) for word in words(self._feedback(observation))}
            bag[[zlib.crc32(stem.encode()) % WORDS for stem in stems]] = 1
        lengths = np.linalg.norm(bags, axis=1, keepdims=True)
        return np.asarray(bags / np.maximum(lengths, 1), dtype=np.float32)

    def _read_dialogues(self, dialogues: Sequence[str]) -> FloatArray:
        recent = ["\n".join(text.split("\n")[-_RECENT:]) for text in dialogues]
        return np.hstack([self._fits(dialogues), self._fits(recent)])

    def _read_remarks(self, remarks: Sequence[str]) -> FloatArray:
        wanted, refused = zip(*map(split_polarity, remarks), strict=True)
        return np.hstack([self._fits(wanted), self._fits(refused)])

    def _fits(self, texts: Sequence[str]) -> FloatArray:
        said = list(map(words, texts))
        return np.hstack([self._signals.text(said), self._signals.attributes(said)])


def _state(observations: Sequence[Observation]) -> FloatArray:
    rows = np.zeros((len(observations), len(STATE)), dtype=np.float32)
    for row, o in zip(rows, observations, strict=True):
        row[min(o["turn"], TURNS) - 1] = 1
        last = o["history"][-1]["list"] if o["history"] else ()
        row[TURNS] = bool(o["feedback"])
        row[TURNS + 1] = np.log1p(len(o["mentioned"]))
        row[TURNS + 2] = len(set(last).intersection(o["candidates"])) / max(len(last), 1)
    return rows


def _pointed(text: str, shown: Sequence[int]) -> tuple[int, ...]:
    """The listed items that a text points to by their place."""
    places = {_NTH.index(found.lower()) for found in _ORDINAL.findall(text)}
    return tuple(shown[place] for place in sorted(places) if place < len(shown))


def _pick(rows: FloatArray, items: IntArray) -> FloatArray:
    """Of rows (N, parts, n) the columns of ``items`` (N, K): (N, parts, K)."""
    return np.take_along_axis(rows, items[:, None, :], axis=2)


__all__ = ["FEATURES", "STATE", "WORDS", "CandidateFeatures", "View"]
