"""The training loop: negatives, early stopping, the best epoch, going on from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crsgym.errors import ConfigurationError
from crsgym.retrieval.checkpoint import Checkpoint
from crsgym.retrieval.config import TrainConfig
from crsgym.retrieval.train import TrainingSet, _draw, _excluded, train_fusion

torch = pytest.importorskip("torch", reason="needs the extra `torch`")

from crsgym.retrieval.fusion import DualViewFusion  # noqa: E402

ITEMS, TEXT, DIM = 20, 6, 4


def training_set(seed: int = 0) -> TrainingSet:
    """30 conversations, each about the text of its target."""
    rng = np.random.default_rng(seed)
    item_texts = rng.standard_normal((ITEMS, TEXT)).astype(np.float32)
    targets = rng.integers(ITEMS, size=30)
    rows = np.arange(30)
    return TrainingSet(
        texts=(item_texts[targets] + 0.1 * rng.standard_normal((30, TEXT))).astype(np.float32),
        parts=np.stack([rows, np.full(30, -1), np.full(30, -1)], axis=1),
        entities=rng.standard_normal((ITEMS + 5, DIM)).astype(np.float32),
        nodes=rng.integers(-1, ITEMS + 5, size=(30, 3)),
        item_texts=item_texts,
        targets=targets,
        excluded=np.stack([np.repeat(rows, 2), np.stack([targets, rows % ITEMS], 1).ravel()]),
    )


def weights(fusion: DualViewFusion) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in fusion.parameters()])


def test_negatives_are_all_items_but_the_excluded() -> None:
    data = training_set()
    rows = np.array([3, 17, 3])
    drawn = _draw(rows, ITEMS, 2000, _excluded(data), np.random.default_rng(0))
    assert drawn.shape == (3, 2000)
    for row, items in zip(rows, drawn, strict=True):
        forbidden = {int(data.targets[row]), int(row) % ITEMS}
        assert set(items.tolist()) == set(range(ITEMS)) - forbidden


def test_the_loss_falls_and_every_epoch_is_told() -> None:
    told: list[str] = []
    config = TrainConfig(epochs=8, batch_size=8, negatives=10, learning_rate=0.01, temperature=1.0)
    history = train_fusion(
        DualViewFusion(TEXT, DIM), training_set(), config, seed=0, progress=told.append
    )
    assert [set(entry) for entry in history] == [{"loss"}] * 8
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert len(told) == 8


def test_the_best_epoch_is_kept_and_patience_ends() -> None:
    recalls = [0.1, 0.3, 0.2, 0.3, 0.1, 0.9]
    seen: list[np.ndarray] = []

    def validate(fusion: DualViewFusion) -> float:
        seen.append(weights(fusion))
        return recalls[len(seen) - 1]

    fusion = DualViewFusion(TEXT, DIM)
    config = TrainConfig(epochs=6, patience=3, batch_size=8, negatives=5)
    history = train_fusion(fusion, training_set(), config, seed=0, validate=validate)
    assert [entry["valid_recall@20"] for entry in history] == recalls[:5]
    assert np.array_equal(weights(fusion), seen[1])
    assert not np.array_equal(seen[1], seen[4])


@pytest.mark.parametrize("view", ["both", "text", "graph"])
def test_going_on_is_as_if_never_stopped(tmp_path: Path, view: str) -> None:
    data, config = training_set(), TrainConfig(epochs=6, batch_size=8, negatives=5)
    whole = DualViewFusion(TEXT, DIM, view=view)
    history = train_fusion(whole, data, config, seed=2)

    class Stop(Exception):
        pass

    def stop(line: str) -> None:
        if "epoch 3" in line:
            raise Stop

    checkpoint = Checkpoint(tmp_path / "run.safetensors", {})
    with pytest.raises(Stop):
        train_fusion(
            DualViewFusion(TEXT, DIM, view=view),
            data,
            config,
            seed=2,
            checkpoint=checkpoint,
            progress=stop,
        )
    # Other initial weights: what counts is in the checkpoint.
    resumed = DualViewFusion(TEXT, DIM, view=view, seed=9)
    told: list[str] = []
    assert history == train_fusion(
        resumed, data, config, seed=2, checkpoint=checkpoint, progress=told.append
    )
    assert len(told) == 3
    assert np.array_equal(weights(resumed), weights(whole))


def test_nothing_left_to_draw_is_an_error() -> None:
    data = training_set()
    everything = np.stack([np.zeros(ITEMS, dtype=np.int64), np.arange(ITEMS)])
    full = np.concatenate([data.excluded, everything], axis=1)
    with pytest.raises(ConfigurationError, match="mentions every item"):
        _excluded(TrainingSet(**{**data.__dict__, "excluded": full}))
