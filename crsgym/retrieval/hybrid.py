"""The hybrid retriever: a learned score over everything that is known of a dialogue and an item.

A conditional logit over about forty features: popularity, items mentioned before, items that come
up together, likeness by text and attributes, names and attributes said, text similarity, and the
targets of similar training dialogues. It has two forms: over words alone, which needs no weights to
download, and with a sentence encoder besides. The first turn's weights are trained on the recorded
train scenarios; what later turns add is trained on simulated conversations, on top of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.options import Seed
from crsgym.protocols import Simulator, TextEncoder, describe
from crsgym.retrieval.artifact import Artifact
from crsgym.retrieval.corpus import prefix_owners
from crsgym.retrieval.features import DialogueFeatures
from crsgym.retrieval.hybrid_training import (
    CHUNK,
    DECIMALS,
    HybridTraining,
    Progress,
    score_dialogues,
)
from crsgym.retrieval.remarks import RemarkFeatures, shown
from crsgym.retrieval.rowcache import RowCache
from crsgym.retrieval.settings import read_settings
from crsgym.retrieval.softmax import SoftmaxConfig
from crsgym.retrieval.topk import top_k
from crsgym.types import Context, FloatArray, IntArray, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

Demote = Literal["none", "shown", "rejected"]

_DEMOTION = np.float32(1e4)


class HybridRetriever:
    """Items by a learned score; made by :meth:`fit` or :meth:`restore`.

    A context that is a training scenario's own is recognised, and what its conversation says later
    is left out of its features: candidates in the train split are no better than elsewhere.

    Args:
        features: of a dialogue and an item.
        weights: one for each of ``features.names``, float32.
        later: likewise for ``RemarkFeatures.names``.
        owners: the training conversation of each training context.
        config: what it was fitted with, JSON-able.
        use_feedback: False leaves feedback out.
        use_preference: False leaves the inferred preference out.
        use_list: False leaves the earlier lists out.
        demote: ``"shown"`` puts items of earlier lists behind all others; ``"rejected"`` those of
            them that remarks turn down.

    Raises:
        ConfigurationError: on an unknown ``demote``.
    """

    VERSION = 1
    """Raised with every change of the features or of how they are learned from."""

    def __init__(
        self,
        features: DialogueFeatures,
        weights: FloatArray,
        later: FloatArray,
        owners: Mapping[tuple[Utterance, ...], int],
        config: Mapping[str, Any],
        *,
        use_feedback: bool = True,
        use_preference: bool = True,
        use_list: bool = True,
        demote: Demote = "none",
    ) -> None:
        if demote not in get_args(Demote):
            raise ConfigurationError(f"demote: expected one of {get_args(Demote)}, got {demote!r}")
        self._features = features
        self._weights = weights
        self._later = later
        self._owners = owners
        self._config = dict(config)
        self._use = {
            "use_feedback": use_feedback,
            "use_preference": use_preference,
            "use_list": use_list,
        }
        self._remarks = RemarkFeatures(features, **self._use)
        self._demote = demote
        self._dialogues: RowCache[tuple[Utterance, ...]] = RowCache(
            self._score_dialogues, features.num_items
        )

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        *,
        encoder: str | TextEncoder = "tfidf",
        unseen: bool = False,
        seed: Seed = 0,
        simulators: Sequence[Simulator] = (),
        use_feedback: bool = True,
        use_preference: bool = True,
        use_list: bool = True,
        demote: Demote = "none",
        training: SoftmaxConfig | Mapping[str, Any] | None = None,
        checkpoint: Path | None = None,
        progress: Progress = lambda line: None,
    ) -> Self:
        """Learn from the train split; no other split is looked at.

        Args:
            dataset: what to retrieve from.
            encoder: ``"tfidf"`` for words alone; else a sentence encoder, or its name as
                :func:`crsgym.text.load_encoder` knows it.
            unseen: add two features that tell whether an item is never a target, and never
                mentioned, in training. A catalogue collected from the dialogues of all splits makes
                that a hint at the other splits, so they are off by default.
            seed: of the order of training and of the simulated conversations.
            simulators: users to train later turns with; without any, later turns add nothing.
            use_feedback: as for the class; it changes no weight.
            use_preference: likewise.
            use_list: likewise.
            demote: likewise.
            training: how the weights are trained; as a mapping, the settings that differ.
            checkpoint: a directory to resume from and to write to while training.
            progress: told in a line what is being done.

        Raises:
            ConfigurationError: on an option out of range, or a train split without scenarios.
            ArtifactError: when the checkpoint is damaged or belongs to another run.
        """
        training = read_settings("the training of the hybrid", SoftmaxConfig, training)
        sentences = named_encoder(encoder)
        if not dataset.scenarios("train"):
            raise ConfigurationError(f"hybrid: the train split of {dataset.name} has no scenarios")
        config = {
            "version": cls.VERSION,
            "encoder": encoder if isinstance(encoder, str) else describe(encoder),
            "unseen": unseen,
            "seed": seed,
            "training": asdict(training),
            "simulators": [describe(simulator) for simulator in simulators],
        }
        progress(f"reading {dataset.name}: words, names, mentions, similar dialogues")
        features = DialogueFeatures.fit(dataset, encoder=sentences, unseen=unseen)
        fit = HybridTraining(dataset, features, training, checkpoint, progress)
        weights = fit.first_turn(seed)
        later = fit.later_turns(weights, simulators, seed)
        return cls(
            features,
            weights,
            later,
            prefix_owners(dataset),
            config,
            use_feedback=use_feedback,
            use_preference=use_preference,
            use_list=use_list,
            demote=demote,
        )

    def scores(self, contexts: Sequence[Context]) -> FloatArray:
        """Log-odds of each item being the one wanted, up to a constant: float32 (B, n_items)."""
        total = self._dialogues.rows([context.dialogue for context in contexts])
        told = [b for b, context in enumerate(contexts) if context.turns]
        for start in range(0, len(told), CHUNK):
            part = told[start : start + CHUNK]
            some = [contexts[b] for b in part]
            total[part] = self._add_remarks(total[part], some)
        return np.round(total, DECIMALS)

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """The ``k`` best items of each context, best first: int64 (B, k)."""
        return top_k(self.scores(contexts), k)

    def spec(self) -> dict[str, Any]:
        """What it was fitted with, and its settings."""
        return {**self._config, **self._use, "demote": self._demote}

    def artifact(self) -> Artifact:
        """What is saved: the statistics of training and the learned weights.

        Raises:
            ConfigurationError: when it was fitted with an encoder that has no name.
        """
        if not isinstance(self._config["encoder"], str):
            raise ConfigurationError(
                "a hybrid retriever can be saved when its encoder was given by name; "
                f"it was fitted with the object {self._config['encoder']}"
            )
        learned = {"weights": self._weights, "later": self._later}
        return Artifact("hybrid", self._config, {**self._features.arrays(), **learned})

    @classmethod
    def restore(
        cls,
        artifact: Artifact,
        dataset: Dataset,
        *,
        use_feedback: bool = True,
        use_preference: bool = True,
        use_list: bool = True,
        demote: Demote = "none",
    ) -> Self:
        """What :meth:`artifact` saved; the keywords are those of the class.

        Raises:
            ArtifactError: when another version saved it, or something is missing.
        """
        config = artifact.config
        if config.get("version") != cls.VERSION:
            raise ArtifactError(
                f"the saved hybrid retriever is of version {config.get('version')}, and this "
                f"library reads version {cls.VERSION}; train it again"
            )
        try:
            return cls(
                DialogueFeatures.restore(
                    artifact.arrays,
                    dataset,
                    encoder=named_encoder(config["encoder"]),
                    unseen=config["unseen"],
                ),
                artifact.arrays["weights"],
                artifact.arrays["later"],
                prefix_owners(dataset),
                config,
                use_feedback=use_feedback,
                use_preference=use_preference,
                use_list=use_list,
                demote=demote,
            )
        except KeyError as error:
            raise ArtifactError(
                f"the saved hybrid retriever lacks {error}; train it again"
            ) from error

    def weights(self) -> dict[str, float]:
        """The learned weight of each feature of the first turn, by name."""
        return dict(zip(self._features.names, self._weights.tolist(), strict=True))

    def later_weights(self) -> dict[str, float]:
        """The learned weight of each feature of later turns, by name."""
        return dict(zip(self._remarks.names, self._later.tolist(), strict=True))

    def dialogue_scores(
        self, dialogues: Sequence[Sequence[Utterance]], own: IntArray
    ) -> FloatArray:
        """The first turn's scores, where the conversations to leave out are known.

        Args:
            dialogues: ``D`` of each context.
            own: number of the training conversation (see :mod:`crsgym.retrieval.counts`) that each
                is part of, or -1: int64 (B,).

        Returns:
            float32 (B, n_items).
        """
        return score_dialogues(self._features, self._weights, dialogues, own)

    def _score_dialogues(self, dialogues: Sequence[tuple[Utterance, ...]]) -> FloatArray:
        own = np.array([self._owners.get(dialogue, -1) for dialogue in dialogues], dtype=np.int64)
        return self.dialogue_scores(dialogues, own)

    def _add_remarks(self, dialogue: FloatArray, contexts: Sequence[Context]) -> FloatArray:
        total = dialogue.copy()
        rows = self._remarks.rows(contexts, dialogue)
        for weight, values in zip(self._later, rows, strict=True):
            total += weight * values
        if self._demote == "shown":
            total -= _DEMOTION * shown(contexts, self._features.num_items)
        elif self._demote == "rejected":
            total -= _DEMOTION * self._remarks.rejected(contexts)
        return np.asarray(total, dtype=np.float32)


def named_encoder(encoder: str | TextEncoder) -> TextEncoder | None:
    """The sentence encoder of a name, behind a cache on disk; None for ``"tfidf"``, words alone."""
    if encoder == "tfidf":
        return None
    if isinstance(encoder, str):
        from crsgym.data.download import cache_root
        from crsgym.text import load_encoder
        from crsgym.text.cache import CachedEncoder

        return CachedEncoder(load_encoder(encoder), cache_root().with_name("vectors"))
    return encoder


__all__ = ["Demote", "HybridRetriever", "named_encoder"]
