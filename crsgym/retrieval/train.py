"""Training of the dual-view fusion: InfoNCE, Adam, early stopping, resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.errors import ConfigurationError
from crsgym.retrieval.checkpoint import Checkpoint
from crsgym.retrieval.config import TrainConfig
from crsgym.seeding import derive_seed
from crsgym.types import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor

    from crsgym.retrieval.fusion import DualViewFusion


@dataclass(frozen=True)
class TrainingSet:
    """Conversations as arrays; -1 marks a place with nothing in it."""

    texts: FloatArray
    """Vectors of all texts, (U, Dim_s)."""
    parts: IntArray
    """Which texts are the parts of each conversation, (C, S)."""
    entities: FloatArray
    """Embeddings of all nodes, items first, (nodes, Dim_c)."""
    nodes: IntArray
    """Which nodes each conversation names, (C, M)."""
    item_texts: FloatArray
    """Vectors of the item texts, (n, Dim_s)."""
    targets: IntArray
    """The wanted item of each conversation, (C,)."""
    excluded: IntArray
    """Items that are no negatives, as (conversation, item) pairs, (2, X)."""


Validate = Callable[["DualViewFusion"], float]


def train_fusion(
    fusion: DualViewFusion,
    data: TrainingSet,
    config: TrainConfig,
    *,
    seed: int,
    validate: Validate | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> list[dict[str, float]]:
    """Train the fusion in place; it ends with the weights of its best epoch.

    What an epoch draws depends on the seed and on its number only, so a run that goes on from a
    checkpoint, on as many threads, ends where it would have ended.

    Args:
        fusion: what to train.
        data: the training conversations.
        config: how.
        seed: of the order and the negatives.
        validate: valid R@20 of a fusion; without it the last epoch is the best.
        checkpoint: where to save after every epoch, and to go on from.
        progress: told in a line what is being done.

    Returns:
        For each epoch its mean ``loss`` and, with ``validate``, its ``valid_recall@20``.

    Raises:
        ArtifactError: when the checkpoint is damaged or belongs to another run.
        ConfigurationError: when a conversation leaves no item to be a negative.
    """
    import torch

    parameters = dict(fusion.named_parameters())
    optimizer = torch.optim.Adam(parameters.values(), lr=config.learning_rate)
    run = _Run(parameters, optimizer)
    saved = checkpoint.load() if checkpoint else None
    if saved is not None:
        run.restore(saved)
    step = _Step(fusion, data, config)
    known = _excluded(data)
    while len(run.history) < config.epochs and run.stale < config.patience:
        epoch = len(run.history)
        rng = np.random.default_rng(derive_seed(seed, "epoch", epoch))
        order = rng.permutation(len(data.targets))
        total = 0.0
        for start in range(0, len(order), config.batch_size):
            rows = order[start : start + config.batch_size]
            negatives = _draw(rows, len(data.item_texts), config.negatives, known, rng)
            loss = step(rows, negatives)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
        entry = {"loss": total / len(order)}
        if validate is not None:
            entry["valid_recall@20"] = validate(fusion)
        run.finish(entry)
        if checkpoint:
            checkpoint.save(run.arrays())
        shown = ", ".join(f"{name} {value:.4f}" for name, value in entry.items())
        progress(f"dual view: epoch {epoch + 1} of {config.epochs}, {shown}")
    run.keep_best()
    return run.history


class _Step:
    """The loss of a batch."""

    def __init__(self, fusion: DualViewFusion, data: TrainingSet, config: TrainConfig) -> None:
        import torch

        self._fusion = fusion
        self._config = config
        self._targets = data.targets
        # A row of zeros at the end is what -1 finds.
        self._texts = torch.from_numpy(_with_zero(data.texts))
        self._entities = torch.from_numpy(_with_zero(data.entities))
        self._item_texts = torch.from_numpy(data.item_texts)
        self._parts = torch.from_numpy(data.parts)
        self._nodes = torch.from_numpy(data.nodes)

    def __call__(self, rows: IntArray, negatives: IntArray) -> Tensor:
        import torch

        from crsgym.retrieval.fusion import info_nce

        parts, nodes = self._parts[rows], self._nodes[rows]
        queries = self._fusion.conversations(
            self._texts[parts], parts >= 0, self._entities[nodes], nodes >= 0
        )
        wanted = np.concatenate([self._targets[rows][:, None], negatives], axis=1)
        items, places = np.unique(wanted, return_inverse=True)
        vectors = self._fusion.items(self._item_texts[items], self._entities[items])
        scores = (queries @ vectors.T).gather(1, torch.from_numpy(places.reshape(wanted.shape)))
        return info_nce(scores[:, 0], scores[:, 1:], self._config.temperature)


class _Run:
    """Everything that changes while training, to and from arrays."""

    def __init__(self, parameters: Mapping[str, Any], optimizer: Any) -> None:
        self._parameters = parameters
        self._optimizer = optimizer
        self._best = {name: p.detach().clone() for name, p in parameters.items()}
        self._record = -np.inf
        self.stale = 0
        self.history: list[dict[str, float]] = []

    def finish(self, entry: dict[str, float]) -> None:
        """Note an epoch, and its weights when none was better."""
        self.history.append(entry)
        reached = entry.get("valid_recall@20", float(len(self.history)))
        if reached > self._record:
            self._record, self.stale = reached, 0
            self._best = {name: p.detach().clone() for name, p in self._parameters.items()}
        else:
            self.stale += 1

    def keep_best(self) -> None:
        """Put the weights of the best epoch in place."""
        for name, parameter in self._parameters.items():
            parameter.data.copy_(self._best[name])

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """What :meth:`restore` reads."""
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        for number, (name, parameter) in enumerate(self._parameters.items()):
            arrays[f"now/{name}"] = parameter.detach().numpy()
            arrays[f"best/{name}"] = self._best[name].numpy()
            # A weight that its view does not use has no state.
            for key, value in self._optimizer.state_dict()["state"].get(number, {}).items():
                arrays[f"adam/{number}/{key}"] = value.numpy()
        names = list(self.history[0])
        arrays["history"] = np.array([[h[n] for n in names] for h in self.history])
        arrays["stale"] = np.array([self.stale, self._record])
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on from what :meth:`arrays` took apart."""
        import torch

        state = deepcopy(self._optimizer.state_dict())
        for number, (name, parameter) in enumerate(self._parameters.items()):
            parameter.data.copy_(torch.from_numpy(arrays[f"now/{name}"]))
            self._best[name] = torch.from_numpy(arrays[f"best/{name}"])
            if f"adam/{number}/step" in arrays:
                state["state"][number] = {
                    key: torch.from_numpy(np.asarray(arrays[f"adam/{number}/{key}"]))
                    for key in ("step", "exp_avg", "exp_avg_sq")
                }
        self._optimizer.load_state_dict(state)
        names = ("loss", "valid_recall@20")[: arrays["history"].shape[1]]
        rows = arrays["history"].tolist()
        self.history = [dict(zip(names, row, strict=True)) for row in rows]
        self.stale, self._record = int(arrays["stale"][0]), float(arrays["stale"][1])


def _excluded(data: TrainingSet) -> IntArray:
    """``conversation * items + item`` of what is no negative, each once, ascending."""
    items = len(data.item_texts)
    known = np.unique(data.excluded[0] * items + data.excluded[1])
    if np.bincount(known // items).max(initial=0) >= items:
        raise ConfigurationError(
            "dual view: a conversation mentions every item; no negative is left"
        )
    return known


def _draw(
    rows: IntArray, items: int, number: int, known: IntArray, rng: np.random.Generator
) -> IntArray:
    """Random items for each conversation, none of the excluded: int64 (B, number).

    Args:
        rows: numbers of the conversations.
        items: size of the catalogue.
        number: how many.
        known: ``conversation * items + item`` of what is excluded, ascending.
        rng: the source of chance.
    """
    drawn = rng.integers(items, size=(len(rows), number))
    while True:
        keys = rows[:, None] * items + drawn
        places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        wrong = known[places] == keys
        if not wrong.any():
            return drawn
        drawn[wrong] = rng.integers(items, size=int(wrong.sum()))


def _with_zero(rows: FloatArray) -> FloatArray:
    return np.concatenate([rows, np.zeros((1, rows.shape[1]), dtype=rows.dtype)])


__all__ = ["TrainingSet", "train_fusion"]
