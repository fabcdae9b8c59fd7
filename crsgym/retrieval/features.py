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
from crsgym.retrieval.corpus import (
    dialogue_texts,
    item_texts,
    said_about,
    training_contexts,
)
from crsgym.retrieval.counts import Counts
from crsgym.retrieval.likeness import Likeness
from crsgym.retrieval.mentions import COPY, copies, mention_weights
from crsgym.retrieval.neighbours import Kernel, Neighbours
from crsgym.retrieval.sayings import KINDS, Phrases
from crsgym.retrieval.sparse import Arrays, product, under
from crsgym.retrieval.textside import Reading, TextSide
from crsgym.retrieval.views import VIEWS
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
_WORD_DIM = 1 << 15
_LATENT_DIM = 192
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
        self.likeness = likeness
        self.phrases = phrases
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
        texts = item_texts(dataset)
        words = word_encoder(dataset)
        keys, labels, owner = training_contexts(dataset)
        said, said_labels, said_owner = said_about(dataset)
        views = {view: [read(key) for key in keys] for view, read in VIEWS.items()}
        return cls(
            TextSide.of(words.encode_sparse, WORDS, texts, views, labels, owner),
            None
            if encoder is None
            else TextSide.of(encoder.encode, SENTENCES, texts, views, labels, owner),
            Counts.of(dataset),
            Likeness.of(dataset.catalogue, words),
            Phrases.of(dataset.catalogue, dialogue_texts(dataset)),
            Neighbours(words.encode_sparse(said), said_labels, said_owner),
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
            yield from self.likeness.to(weights)
        texts = {view: [read(d) for d in dialogues] for view, read in VIEWS.items()}
        for view in SAID:
            yield from self.phrases.scores(texts[view])
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

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of what :meth:`compare` yields, in order."""
        return ("words", "latent", *KINDS, *(("sentences",) if self._sentences else ()))

    def compare(self, texts: Sequence[str]) -> Iterator[FloatArray]:
        """How well each item fits a text that stands alone: float32 (B, items) each."""
        vectors = self._words.encode(texts)
        yield product(vectors, self._words.items)
        yield product(_unit(vectors @ self._latent), self._latent_items)
        yield from self.phrases.scores(texts)
        if self._sentences is not None:
            yield product(self._sentences.encode(texts), self._sentences.items)

    def arrays(self) -> Arrays:
        """Plain arrays to store."""
        parts = {
            "words": self._words.arrays(),
            "sentences": self._sentences.arrays() if self._sentences else {},
            "counts": self._counts.arrays(),
            "likeness": self.likeness.arrays(),
            "phrases": self.phrases.arrays(),
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


def word_encoder(dataset: Dataset) -> HashedTfidf:
    """TF-IDF with word weights from the item texts and the training dialogues."""
    return HashedTfidf(_WORD_DIM).fit([*item_texts(dataset), *dialogue_texts(dataset)])


def _latent_space(items: Any) -> FloatArray:
    """Latent semantic analysis of the item texts: float32 (words, dimensions).

    Of the item texts only: fitted on training dialogues too, it knows those better than it will
    know new ones, and the weights learned from them mislead.
    """
    from sklearn.decomposition import TruncatedSVD

    size = max(1, min(_LATENT_DIM, items.shape[0] - 1, items.shape[1] - 1))
    svd = TruncatedSVD(size, n_iter=3, random_state=0).fit(items)
    return np.ascontiguousarray(svd.components_.T, dtype=np.float32)


def _unit(vectors: Any) -> FloatArray:
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)


def _others(weights: Any, items: FloatArray) -> FloatArray:
    """Weighted cosines with the mentioned items, none with itself: float32 (B, items)."""
    return np.asarray(product(weights @ items, items) - weights.toarray(), dtype=np.float32)


__all__ = ["SAID", "SENTENCES", "WORDS", "DialogueFeatures", "word_encoder"]
