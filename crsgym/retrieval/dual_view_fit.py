"""How the dual-view retriever is made: graph encoder first, then the fusion on top of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError
from crsgym.protocols import Simulator, TextEncoder
from crsgym.retrieval.checkpoint import Checkpoint
from crsgym.retrieval.config import DualViewConfig
from crsgym.retrieval.entities import EntityLinker
from crsgym.retrieval.examples import constructed_contexts
from crsgym.retrieval.textparts import TextParts
from crsgym.retrieval.topk import top_k
from crsgym.retrieval.train import TrainingSet, train_fusion
from crsgym.text import item_text
from crsgym.types import Context, FloatArray

if TYPE_CHECKING:
    from crsgym.retrieval.fusion import DualViewFusion

_AT = 20


class DualViewFit:
    """The two trainings of the dual-view retriever.

    Args:
        dataset: what to train on.
        encoder: ``E_T``.
        config: what and how.
        about: everything that the result depends on besides the data, JSON-able; with a ``seed``
            and ``trained_with``, the keywords of the text and graph sides.
        checkpoint: a folder to save to and to go on from, or None.
        progress: told in a line what is being done.

    Raises:
        ConfigurationError: when PyTorch is missing, or the train split has no scenarios.
    """

    def __init__(
        self,
        dataset: Dataset,
        encoder: TextEncoder,
        config: DualViewConfig,
        about: Mapping[str, Any],
        checkpoint: Path | None,
        progress: Callable[[str], object],
    ) -> None:
        try:
            import torch  # noqa: F401
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "the dual-view retriever needs PyTorch: pip install 'crsgym[torch]'"
            ) from error
        if not dataset.scenarios("train"):
            raise ConfigurationError(
                f"dual view: the train split of {dataset.name} has no scenarios"
            )
        self._dataset = dataset
        self._config = config
        self._seed: int = about["seed"]
        self._use: dict[str, bool] = about["trained_with"]
        self._folder = checkpoint
        self._run = {"dataset": dataset.fingerprint, "about": about}
        self._progress = progress
        self._linker = EntityLinker(dataset)
        self._texts = TextParts(
            encoder,
            joint=config.attention == "pooled",
            use_feedback=self._use["use_feedback"],
            use_preference=self._use["use_preference"],
        )
        self._encoder = encoder

    def run(
        self, simulators: Sequence[Simulator]
    ) -> tuple[DualViewFusion, FloatArray, FloatArray, dict[str, Any]]:
        """Train.

        Returns:
            The fusion; the embeddings of all nodes, (nodes, Dim_c); the fused vectors of the items,
            (n_items, dim); and what was measured.
        """
        import torch

        from crsgym.retrieval.fusion import DualViewFusion

        entities, graph_losses = self._graph()
        data = self._training_set(entities, simulators)
        fusion = DualViewFusion(
            data.texts.shape[1],
            entities.shape[1],
            attention=self._config.attention,
            view=self._config.view,
            seed=self._seed,
        )
        history = train_fusion(
            fusion,
            data,
            self._config.train,
            seed=self._seed,
            validate=self._validation(data),
            checkpoint=self._checkpoint("fusion"),
            progress=self._progress,
        )
        with torch.no_grad():
            items = fusion.items(*_item_side(data)).numpy()
        metrics: dict[str, Any] = {"graph_losses": graph_losses, "history": history}
        reached = [entry.get("valid_recall@20", 0.0) for entry in history]
        if any(reached):
            metrics["valid_recall@20"] = max(reached)
        return fusion, entities, items, metrics

    def _graph(self) -> tuple[FloatArray, list[float]]:
        """The graph encoder's embeddings and losses, from the checkpoint where they are there."""
        from crsgym.retrieval.lightgcn import pretrain

        checkpoint = self._checkpoint("graph")
        saved = checkpoint.load() if checkpoint else None
        if saved is None:
            entities, losses = pretrain(
                self._dataset.graph, self._config.graph, seed=self._seed, progress=self._progress
            )
            saved = {"entities": entities, "losses": np.array(losses)}
            if checkpoint:
                checkpoint.save(saved)
        # Of unit length like the vectors of texts, so that neither view outweighs the other.
        length = np.linalg.norm(saved["entities"], axis=1, keepdims=True)
        return saved["entities"] / np.maximum(length, 1e-9), saved["losses"].tolist()

    def _training_set(self, entities: FloatArray, simulators: Sequence[Simulator]) -> TrainingSet:
        scenarios = self._dataset.scenarios("train")
        self._progress(f"dual view: conversations of {len(scenarios)} scenarios")
        pairs = [(scenario, Context(scenario.dialogue)) for scenario in scenarios]
        pairs += constructed_contexts(
            self._dataset, scenarios, simulators, lists=self._config.lists, seed=self._seed
        )
        contexts = [context for _, context in pairs]
        self._progress("dual view: encoding what is said in them")
        texts, parts = self._texts.vectors(contexts)
        excluded = [
            (row, item)
            for row, (scenario, context) in enumerate(pairs)
            for item in (scenario.goal.target, *context.mentioned)
        ]
        return TrainingSet(
            texts=texts,
            parts=parts,
            entities=entities,
            nodes=self._linker.batch(contexts, use_list=self._use["use_list"]),
            item_texts=self._encoder.encode([item_text(item) for item in self._dataset.catalogue]),
            targets=np.array([scenario.goal.target for scenario, _ in pairs], dtype=np.int64),
            excluded=np.array(excluded, dtype=np.int64).T,
        )

    def _validation(self, data: TrainingSet) -> Callable[[DualViewFusion], float] | None:
        """R@20 on the first turns of the valid split; None where there is no such split."""
        import torch

        if "valid" not in self._dataset.splits or not self._dataset.scenarios("valid"):
            return None
        scenarios = self._dataset.scenarios("valid")
        contexts = [Context(scenario.dialogue) for scenario in scenarios]
        texts, parts = self._texts.vectors(contexts)
        nodes = self._linker.batch(contexts)
        inputs = (
            torch.from_numpy(_with_zero(texts)[parts]),
            torch.from_numpy(parts >= 0),
            torch.from_numpy(_with_zero(data.entities)[nodes]),
            torch.from_numpy(nodes >= 0),
        )
        targets = np.array([scenario.goal.target for scenario in scenarios])
        at = min(_AT, len(self._dataset.catalogue))

        def recall(fusion: DualViewFusion) -> float:
            with torch.no_grad():
                scores = fusion.conversations(*inputs) @ fusion.items(*_item_side(data)).T
            return float((top_k(scores.numpy(), at) == targets[:, None]).any(axis=1).mean())

        return recall

    def _checkpoint(self, stage: str) -> Checkpoint | None:
        if self._folder is None:
            return None
        return Checkpoint(self._folder / f"{stage}.safetensors", self._run)


def _item_side(data: TrainingSet) -> tuple[Any, Any]:
    import torch

    texts = torch.from_numpy(data.item_texts)
    return texts, torch.from_numpy(data.entities[: len(texts)])


def _with_zero(rows: FloatArray) -> FloatArray:
    return np.concatenate([rows, np.zeros((1, rows.shape[1]), dtype=rows.dtype)])


__all__ = ["DualViewFit"]
