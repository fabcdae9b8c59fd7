"""What the hybrid retriever knows of a dialogue and an item, as numbers.

Every number is worked out from the train split and the catalogue alone, and for a training
scenario from the *other* training conversations alone (see :mod:`crsgym.retrieval.counts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.protocols import TextEncoder
from crsgym.retrieval.counts import Counts, conversations
from crsgym.retrieval.likeness import Likeness
from crsgym.retrieval.mentions import COPY, copies, mention_weights
from crsgym.retrieval.neighbours import Kernel, Neighbours
from crsgym.retrieval.sayings import KINDS, Phrases
from crsgym.retrieval.sparse import Arrays, from_pairs, product, under
from crsgym.retrieval.textside import Reading, TextSide
from crsgym.retrieval.views import VIEWS
from crsgym.text.items import item_text
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import FloatArray, IntArray, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

WORDS = Reading(
    fit=("last", "last_two", "whole"),
    near=("last_two", "last_six", "whole", "seeker", "recommender"),
    kernel=Kernel(8.0, 0.2),
)
SENTENCES = Reading(fit=tuple(VIEWS), near=WORDS.near, kernel=Kernel(12.0, 0.5))
SAID: tuple[str, ...] = ("whole", "last_two", "seeker")
"""Views in which phrases are looked for; also those compared in the latent space, and with what
is said about items."""

_ABOUT_KERNEL = Kernel(8.0, -0.2)
_UTTERANCES_ABOUT = 3
_WORD_DIM = 1 << 15
_LATENT_DIM = 192
_MOST_KEYS = 20_000
_SENTENCE_NAMES: tuple[str, ...] = (
    *(f"sentences_{name}" for name in SENTENCES.names),
    "sentences_like",
    "last_sentences_like",
)
_COMPANIONS = 20.0
"""Scale inside the logarithm: a share of 1/20 counts as much as a first mention does."""


class DialogueFeatures:
    """The features of turn 1; made by :meth:`fit`.

    Args:
        words: TF-IDF of the words.
        sentences: what a sentence encoder says, or None.
        counts: targets and mentions in training.
        likeness: of items with each other.
        phrases: names and attributes as they are said.
        about: what training dialogues say once an item is mentioned.
        latent: projects words to a latent space, float32 (words, dimensions).
        unseen: whether two more features tell that an item is never a target, and never mentioned,
            in training.
    """

    def __init__(
        self,
        words: TextSide,
        sentences: TextSide | None,
        counts: Counts,
        likeness: Likeness,
        phrases: Phrases,
        about: Neighbours,
        latent: FloatArray,
        *,
        unseen: bool,
    ) -> None:
        self.num_items = int(words.items.shape[0])
        self._words = words
        self._sentences = sentences
        self._counts = counts
        self._likeness = likeness
        self._phrases = phrases
        self._about = about
        self._latent = latent
        self._unseen = unseen

    @classmethod
    def fit(
        cls, dataset: Dataset, *, encoder: TextEncoder | None = None, unseen: bool = False
    ) -> Self:
        """Work the statistics out on the train split.

        Args:
            dataset: what to retrieve from.
            encoder: a sentence encoder; without one, words alone are compared.
            unseen: as for the class.
        """
        texts = [item_text(item) for item in dataset.catalogue]
        words = word_encoder(dataset)
        keys, labels, owner = training_contexts(dataset)
        views = {view: [read(key) for key in keys] for view, read in VIEWS.items()}
        return cls(
            TextSide.of(words.encode_sparse, WORDS, texts, views, labels, owner),
            None
            if encoder is None
            else TextSide.of(encoder.encode, SENTENCES, texts, views, labels, owner),
            Counts.of(dataset),
            Likeness.of(dataset.catalogue, words),
            Phrases.of(dataset.catalogue, _whole_texts(dataset)),
            _said_about(dataset, words),
            _latent_space(words.encode_sparse(texts)),
            unseen=unseen,
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of :meth:`rows`."""
        sides = Likeness.SIDES
        return (
            "targets",
            "mentions",
            *(("never_target", "never_mentioned") if self._unseen else ()),
            *(f"copy_{name}" for name in COPY),
            *("companions", *(f"like_{side}" for side in sides)),
            *("last_companions", *(f"last_like_{side}" for side in sides)),
            *(f"said_{view}_{kind}" for view in SAID for kind in KINDS),
            *(f"words_{name}" for name in WORDS.names),
            *(f"latent_{view}" for view in SAID),
            *(f"about_{view}" for view in SAID),
            *(_SENTENCE_NAMES if self._sentences else ()),
        )

    def rows(self, dialogues: Sequence[Sequence[Utterance]], own: IntArray) -> Iterator[FloatArray]:
        """The features, in the order of ``names``: float32 (B, items) each.

        Args:
            dialogues: ``D`` of each context.
            own: number of the training conversation that each was cut from, or -1: int64 (B,).
        """
        yield from self._count_rows(own)
        yield from copies(dialogues, self.num_items)
        mentioned = [
            mention_weights(dialogues, self.num_items, last=last) for last in (False, True)
        ]
        for weights in mentioned:
            yield np.log1p(_COMPANIONS * self._counts.companions(weights, own))
            yield from self._likeness.to(weights)
        texts = {view: [read(d) for d in dialogues] for view, read in VIEWS.items()}
        for view in SAID:
            yield from self._phrases.scores(texts[view])
        vectors = {view: self._words.encode(texts[view]) for view in WORDS.views}
        yield from self._words.rows(vectors, own)
        for view in SAID:
            yield product(_unit(vectors[view] @ self._latent), self._latent_items)
        for view in SAID:
            yield self._about.scores(vectors[view], own, _ABOUT_KERNEL, mean=True)
        if self._sentences is not None:
            side = self._sentences
            yield from side.rows({v: side.encode(texts[v]) for v in SENTENCES.views}, own)
            for weights in mentioned:
                yield _others(weights, side.items)

    def arrays(self) -> Arrays:
        """Plain arrays to store."""
        parts = {
            "words": self._words.arrays(),
            "sentences": self._sentences.arrays() if self._sentences else {},
            "counts": self._counts.arrays(),
            "likeness": self._likeness.arrays(),
            "phrases": self._phrases.arrays(),
            "about": self._about.arrays(),
        }
        stored = {f"{p}/{name}": a for p, arrays in parts.items() for name, a in arrays.items()}
        return stored | {"latent": self._latent}

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, np.ndarray[Any, Any]],
        dataset: Dataset,
        *,
        encoder: TextEncoder | None = None,
        unseen: bool = False,
    ) -> Self:
        """What :meth:`arrays` took apart; the other arguments are those of :meth:`fit`.

        Raises:
            KeyError: when an array is missing.
        """
        _, labels, owner = training_contexts(dataset)
        words = word_encoder(dataset).encode_sparse
        return cls(
            TextSide.restore(words, WORDS, under("words", arrays), labels, owner),
            None
            if encoder is None
            else TextSide.restore(
                encoder.encode, SENTENCES, under("sentences", arrays), labels, owner
            ),
            Counts.restore(under("counts", arrays)),
            Likeness.restore(under("likeness", arrays)),
            Phrases.restore(under("phrases", arrays)),
            Neighbours.restore(under("about", arrays)),
            arrays["latent"],
            unseen=unseen,
        )

    def _count_rows(self, own: IntArray) -> Iterator[FloatArray]:
        targets, mentions = self._counts.target_counts(own), self._counts.mention_counts(own)
        yield np.log1p(targets)
        yield np.log1p(mentions)
        if self._unseen:
            yield (targets == 0).astype(np.float32)
            yield (mentions == 0).astype(np.float32)

    @cached_property
    def _latent_items(self) -> FloatArray:
        return _unit(self._words.items @ self._latent)


def training_contexts(dataset: Dataset) -> tuple[list[tuple[Utterance, ...]], Any, IntArray]:
    """The contexts of the train scenarios, those of one utterance together.

    Returns:
        K dialogues; their targets, float32 CSR (K, items); their conversations, int64 (K,). Of
        more than 20,000, a part that is spread evenly.
    """
    number = conversations(dataset)
    targets: dict[tuple[int, int], list[int]] = {}
    dialogues: dict[tuple[int, int], tuple[Utterance, ...]] = {}
    for scenario in dataset.scenarios("train"):
        place = (number[scenario.dialogue_id], len(scenario.dialogue))
        dialogues[place] = scenario.dialogue
        targets.setdefault(place, []).append(scenario.goal.target)
    places = list(dialogues)[:: -(-len(dialogues) // _MOST_KEYS) or 1]
    pairs = [(row, item) for row, place in enumerate(places) for item in targets[place]]
    labels = from_pairs(pairs, (len(places), len(dataset.catalogue)))
    owner = np.array([conversation for conversation, _ in places], dtype=np.int64)
    return [dialogues[place] for place in places], labels, owner


def word_encoder(dataset: Dataset) -> HashedTfidf:
    """TF-IDF with word weights from the item texts and the training dialogues."""
    texts = [item_text(item) for item in dataset.catalogue]
    return HashedTfidf(_WORD_DIM).fit([*texts, *_whole_texts(dataset)])


def _whole_texts(dataset: Dataset) -> list[str]:
    return [VIEWS["whole"](dialogue.utterances) for dialogue in dataset.dialogues("train")]


def _said_about(dataset: Dataset, words: HashedTfidf) -> Neighbours:
    """What is said when an item is mentioned, and right after it."""
    number = conversations(dataset)
    texts: list[str] = []
    owner: list[int] = []
    pairs: list[tuple[int, int]] = []
    for dialogue in dataset.dialogues("train"):
        for i, utterance in enumerate(dialogue.utterances):
            if utterance.items:
                pairs += [(len(texts), item) for item in sorted(set(utterance.items))]
                owner.append(number[dialogue.id])
                said = dialogue.utterances[i : i + _UTTERANCES_ABOUT]
                texts.append(" ".join(u.text for u in said))
    labels = from_pairs(pairs, (len(texts), len(dataset.catalogue)))
    step = -(-len(texts) // _MOST_KEYS) or 1
    keys = words.encode_sparse(texts[::step])
    return Neighbours(keys, labels[::step], np.array(owner[::step], dtype=np.int64))


def _latent_space(items: Any) -> FloatArray:
    """Latent semantic analysis of the item texts: float32 (words, dimensions).

    Of the item texts only: fitted on training dialogues too, it knows those better than it will
    know new ones, and the weights learned from them mislead.
    """
    from sklearn.decomposition import TruncatedSVD

    size = min(_LATENT_DIM, items.shape[0] - 1, items.shape[1] - 1)
    svd = TruncatedSVD(size, n_iter=3, random_state=0).fit(items)
    return np.ascontiguousarray(svd.components_.T, dtype=np.float32)


def _unit(vectors: Any) -> FloatArray:
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)


def _others(weights: Any, items: FloatArray) -> FloatArray:
    """Weighted cosines with the mentioned items, none with itself: float32 (B, items)."""
    return np.asarray(product(weights @ items, items) - weights.toarray(), dtype=np.float32)


__all__ = ["SAID", "SENTENCES", "WORDS", "DialogueFeatures", "training_contexts", "word_encoder"]
