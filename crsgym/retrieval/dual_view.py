"""The dual-view retriever of SMTPO (section 3.3): what was said, and what is known of its entities.

A frozen text encoder reads the dialogue, the feedback and the inferred preference; a frozen graph
encoder, LightGCN over items and attributes, embeds the mentioned entities and the last list. The
two views are fused (:mod:`crsgym.retrieval.fusion`) and compared with the items by dot product, so
a catalogue of any size is searched by an index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.options import Seed
from crsgym.protocols import Simulator, TextEncoder, describe
from crsgym.retrieval.artifact import Artifact
from crsgym.retrieval.config import DualViewConfig
from crsgym.retrieval.entities import EntityLinker
from crsgym.retrieval.index import IndexKind, build_index
from crsgym.retrieval.textparts import TextParts
from crsgym.types import Context, FloatArray, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self

    from crsgym.retrieval.fusion import DualViewFusion

Demote = Literal["none", "shown"]

_DEMOTION = np.float32(1e4)


class DualViewRetriever:
    """Items by the product of fused views; made by :meth:`fit` or :meth:`restore`.

    Args:
        dataset: what to retrieve from.
        fusion: trained.
        entities: embeddings of all nodes, items first, float32 (nodes, Dim_c).
        items: fused vectors of the items, float32 (n_items, dim).
        encoder: ``E_T``.
        about: what it was fitted with, JSON-able.
        metrics: what was measured while training, JSON-able.
        use_feedback: False leaves feedback out.
        use_preference: False leaves the inferred preference out.
        use_list: False leaves the last list out.
        demote: ``"shown"`` puts items of earlier lists behind all others.
        index: how to search; see :func:`crsgym.retrieval.index.build_index`.
        index_options: of that index.

    Raises:
        ConfigurationError: on an unknown ``demote`` or index.
    """

    VERSION = 1
    """Raised with every change that makes saved ones stale."""

    def __init__(
        self,
        dataset: Dataset,
        fusion: DualViewFusion,
        entities: FloatArray,
        items: FloatArray,
        encoder: TextEncoder,
        about: Mapping[str, Any],
        metrics: Mapping[str, Any],
        *,
        use_feedback: bool = True,
        use_preference: bool = True,
        use_list: bool = True,
        demote: Demote = "none",
        index: IndexKind = "exact",
        index_options: Mapping[str, Any] | None = None,
    ) -> None:
        if demote not in get_args(Demote):
            raise ConfigurationError(f"demote: expected one of {get_args(Demote)}, got {demote!r}")
        self._fusion = fusion.double()
        self._entities = entities
        self._with_none = np.concatenate([entities, np.zeros_like(entities[:1])])
        self._items = items
        self._about = dict(about)
        self.metrics = dict(metrics)
        self._linker = EntityLinker(dataset)
        self._texts = TextParts(
            encoder,
            joint=fusion.attention == "pooled",
            use_feedback=use_feedback,
            use_preference=use_preference,
        )
        self._use_list = use_list
        self._demote = demote
        self._index = build_index(items, index, index_options)
        self._use = {
            "use_feedback": use_feedback,
            "use_preference": use_preference,
            "use_list": use_list,
            "demote": demote,
            "index": index,
            "index_options": dict(index_options or {}),
        }

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        *,
        encoder: str | TextEncoder = "minilm",
        settings: DualViewConfig | Mapping[str, Any] | None = None,
        seed: Seed = 0,
        simulators: Sequence[Simulator] = (),
        use_feedback: bool = True,
        use_preference: bool = True,
        use_list: bool = True,
        demote: Demote = "none",
        index: IndexKind = "exact",
        index_options: Mapping[str, Any] | None = None,
        checkpoint: Path | None = None,
        progress: Callable[[str], object] = lambda line: None,
    ) -> Self:
        """Pretrain the graph encoder, then train the fusion.

        The valid split, where there is one, tells when to stop and which epoch to keep; nothing
        else of it is used, and the test split is not looked at.

        Args:
            dataset: what to retrieve from.
            encoder: ``E_T``, or its name as :func:`crsgym.text.load_encoder` knows it; the paper's
                is ``"BAAI/bge-base-en-v1.5"``.
            settings: what the model is and how it is trained.
            seed: of everything random.
            simulators: users whose feedback it is trained with; without any, on none.
            use_feedback: as for the class, here and in training.
            use_preference: likewise.
            use_list: likewise.
            demote: as for the class.
            index: as for the class.
            index_options: as for the class.
            checkpoint: a folder to save the training to, and to go on from.
            progress: told in a line what is being done.

        Raises:
            ArtifactError: when the checkpoint is damaged or belongs to another run.
            ConfigurationError: on a setting that cannot work, a missing package, or a train split
                without scenarios.
        """
        from crsgym.retrieval.dual_view_fit import DualViewFit

        config = DualViewConfig.read(settings)
        use = {
            "use_feedback": use_feedback,
            "use_preference": use_preference,
            "use_list": use_list,
        }
        about = {
            "encoder": encoder if isinstance(encoder, str) else describe(encoder),
            "settings": asdict(config),
            "seed": seed,
            "simulators": [describe(simulator) for simulator in simulators],
            "trained_with": use,
        }
        reader = named_encoder(encoder, dataset) if isinstance(encoder, str) else encoder
        fit = DualViewFit(dataset, reader, config, about, checkpoint, progress)
        fusion, entities, items, metrics = fit.run(simulators)
        return cls(
            dataset,
            fusion,
            entities,
            items,
            reader,
            about,
            metrics,
            **use,
            demote=demote,
            index=index,
            index_options=index_options,
        )

    def artifact(self) -> Artifact:
        """What to save; see :func:`crsgym.retrieval.artifact.save_artifact`.

        Raises:
            ConfigurationError: when the text encoder was not given by name, and so could not be
                found again.
        """
        if not isinstance(self._about["encoder"], str):
            raise ConfigurationError(
                "dual view: to be saved, it needs its text encoder by name; "
                "crsgym.text.ENCODERS.register gives yours one"
            )
        weights = {
            f"fusion/{name}": weight.float().numpy()
            for name, weight in self._fusion.state_dict().items()
        }
        arrays = {**weights, "entities": self._entities, "items": self._items}
        about = {**self._about, "version": self.VERSION}
        return Artifact("dual-view", about, arrays, self.metrics)

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
        index: IndexKind = "exact",
        index_options: Mapping[str, Any] | None = None,
    ) -> Self:
        """The retriever that :meth:`artifact` took apart; keywords as for the class.

        Raises:
            ArtifactError: when it was saved by another version.
        """
        import torch

        from crsgym.retrieval.fusion import DualViewFusion

        about = dict(artifact.config)
        if about.pop("version", None) != cls.VERSION:
            raise ArtifactError("the saved dual-view retriever is of another version; train again")
        config = DualViewConfig.read(about["settings"])
        lead = "fusion/"
        weights = {
            name.removeprefix(lead): torch.from_numpy(np.array(array))
            for name, array in artifact.arrays.items()
            if name.startswith(lead)
        }
        entities, items = artifact.arrays["entities"], artifact.arrays["items"]
        text_dim = weights["adapter.first.weight"].shape[1]
        fusion = DualViewFusion(
            text_dim, entities.shape[1], attention=config.attention, view=config.view
        )
        fusion.load_state_dict(weights)
        encoder = named_encoder(about["encoder"], dataset)
        return cls(
            dataset,
            fusion,
            entities,
            items,
            encoder,
            about,
            artifact.metrics,
            use_feedback=use_feedback,
            use_preference=use_preference,
            use_list=use_list,
            demote=demote,
            index=index,
            index_options=index_options,
        )

    def queries(self, contexts: Sequence[Context]) -> FloatArray:
        """``[e_c : e_s]`` of each conversation: float32 (B, dim)."""
        import torch

        texts, parts = self._texts.vectors(contexts)
        nodes = self._linker.batch(contexts, use_list=self._use_list)
        table = np.concatenate([texts, np.zeros((1, self._texts.dim), dtype=np.float32)])
        # In double precision, so that a row does not depend on the batch it is in.
        with torch.no_grad():
            fused = self._fusion.conversations(
                torch.from_numpy(table[parts]).double(),
                torch.from_numpy(parts >= 0),
                torch.from_numpy(self._with_none[nodes]).double(),
                torch.from_numpy(nodes >= 0),
            )
        vectors: FloatArray = fused.float().numpy()
        return vectors

    def scores(self, contexts: Sequence[Context]) -> FloatArray:
        """``P_D,i`` of equation 11 for every item: float32 (B, n_items)."""
        scores: FloatArray = self.queries(contexts) @ self._items.T
        if self._demote == "shown":
            for row, context in zip(scores, contexts, strict=True):
                row[list(shown_items(context))] -= _DEMOTION
        return scores

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """The ``k`` best items of each conversation, best first: int64 (B, k)."""
        if not contexts:
            return np.zeros((0, k), dtype=np.int64)
        queries = self.queries(contexts)
        if self._demote == "none":
            return self._index.search(queries, k)[0]
        shown = [shown_items(context) for context in contexts]
        more = min(k + max(map(len, shown)), self._index.size)
        items = self._index.search(queries, more)[0]
        behind = np.array([np.isin(row, list(old)) for row, old in zip(items, shown, strict=True)])
        order = np.argsort(behind, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(items, order, axis=1)

    def spec(self) -> dict[str, Any]:
        """What it was fitted with, and its settings."""
        return {**self._about, **self._use}


def shown_items(context: Context) -> frozenset[int]:
    """Every item of the earlier lists."""
    return frozenset(i for turn in context.turns for i in turn.recommendation.items)


def named_encoder(name: str, dataset: Dataset) -> TextEncoder:
    """The text encoder of a name: behind the disk cache, or fitted on the item texts."""
    from crsgym.text import item_text, load_encoder
    from crsgym.text.cache import CachedEncoder

    encoder = load_encoder(name)
    if callable(fit := getattr(encoder, "fit", None)):
        fit(item_text(item) for item in dataset.catalogue)
        return encoder
    return CachedEncoder.shared(encoder)


__all__ = ["Demote", "DualViewRetriever", "named_encoder", "shown_items"]
