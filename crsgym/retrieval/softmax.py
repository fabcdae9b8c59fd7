"""A linear score over features, trained by cross-entropy over the whole catalogue.

The likelihood of a conditional logit (McFadden, 1974): convex, a few dozen weights, so plain numpy
is enough and the result hardly depends on the seed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.types import FloatArray, IntArray, to_json

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


@dataclass(frozen=True)
class SoftmaxConfig:
    """How the weights are trained (Adam, learning rate falling to 0 along a cosine)."""

    epochs: int = 10
    """Passes over the training scenarios."""
    learning_rate: float = 0.02
    """Of Adam, at the start."""
    l2: float = 1e-3
    """Weight of ``|w|^2 / 2`` beside the mean loss of a scenario."""
    batch_size: int = 64
    """Scenarios in one step."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: naming the setting.
        """
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.l2 < 0:
            raise ConfigurationError(
                "learning_rate and l2: expected a positive number and one from 0, got "
                f"{self.learning_rate} and {self.l2}"
            )


def nll(scores: FloatArray, targets: IntArray) -> FloatArray:
    """``-log softmax(scores)[target]`` of each row: float32 (B,).

    Args:
        scores: float (B, items).
        targets: int64 (B,).
    """
    shifted = scores - scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(total - shifted[np.arange(len(targets)), targets], dtype=np.float32)


def gradient(
    features: FloatArray,
    weights: FloatArray,
    targets: IntArray,
    offset: FloatArray | None = None,
) -> FloatArray:
    """Gradient of the mean of :func:`nll` with respect to the weights: float32 (F,).

    Args:
        features: float (B, items, F).
        weights: float32 (F,).
        targets: int64 (B,).
        offset: added to the scores, float32 (B, items).
    """
    scores = features @ weights
    if offset is not None:
        scores = scores + offset
    scores -= scores.max(axis=1, keepdims=True)
    surplus = np.exp(scores, out=scores)
    surplus /= surplus.sum(axis=1, keepdims=True)
    surplus[np.arange(len(targets)), targets] -= 1
    return np.asarray(np.tensordot(surplus, features, 2) / len(targets), dtype=np.float32)


def train_softmax(
    features: Any,
    targets: IntArray,
    config: SoftmaxConfig,
    *,
    seed: int,
    checkpoint: Path | None = None,
    offset: FloatArray | None = None,
    progress: Callable[[int], object] = lambda epoch: None,
) -> FloatArray:
    """Weights of the features by penalised maximum likelihood.

    Every feature is divided by its spread over the scenarios and items first, so that the penalty
    treats them alike; what is returned goes with the features as they came.

    Args:
        features: float array (scenarios, items, F); float16 saves memory.
        targets: int64 (scenarios,).
        config: how to train.
        seed: of the order of the scenarios; each epoch draws from the seed and its own number.
        checkpoint: a file to resume from and to write after every epoch. A resumed run ends with
            exactly the weights of one that was never stopped.
        offset: scores that the weighted features are added to, float32 (scenarios, items).
        progress: told the number of epochs done.

    Raises:
        ArtifactError: when the checkpoint is damaged or belongs to another run.
    """
    scale = _spread(features)
    run = _Run(features, targets, config, seed, checkpoint)
    nothing = np.zeros(features.shape[2], dtype=np.float32)
    state = run.resume() or {"w": nothing, "m": nothing, "v": nothing}
    done = int(state.pop("epochs", np.zeros(1))[0])
    per_epoch = -(-len(targets) // config.batch_size)
    for epoch in range(done, config.epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(targets))
        for number in range(per_epoch):
            chosen = order[number * config.batch_size : (number + 1) * config.batch_size]
            batch = features[chosen].astype(np.float32)
            batch /= scale
            given = None if offset is None else offset[chosen]
            slope = gradient(batch, state["w"], targets[chosen], given) + config.l2 * state["w"]
            _adam(state, slope, epoch * per_epoch + number, config.epochs * per_epoch, config)
        run.save(state, epoch + 1)
        progress(epoch + 1)
    return np.asarray(state["w"] / scale, dtype=np.float32)


def _adam(
    state: dict[str, Any], slope: FloatArray, step: int, steps: int, config: SoftmaxConfig
) -> None:
    """One step of Adam, in place (Kingma and Ba, 2015, algorithm 1)."""
    first, second = _BETAS
    rate = config.learning_rate * (1 + np.cos(np.pi * step / steps)) / 2
    state["m"] = first * state["m"] + (1 - first) * slope
    state["v"] = second * state["v"] + (1 - second) * slope**2
    mean = state["m"] / (1 - first ** (step + 1))
    spread = np.sqrt(state["v"] / (1 - second ** (step + 1)))
    state["w"] = (state["w"] - rate * mean / (spread + _EPSILON)).astype(np.float32)


def _spread(features: Any) -> FloatArray:
    """Standard deviation of each feature; 1 for one that is constant. float32 (F,)."""
    rows, items, width = features.shape
    total, squares = np.zeros(width), np.zeros(width)
    for row in features:
        row = row.astype(np.float64)
        total += row.sum(axis=0)
        squares += (row**2).sum(axis=0)
    mean = total / (rows * items)
    spread = np.sqrt(np.maximum(squares / (rows * items) - mean**2, 0))
    return np.where(spread > 1e-6, spread, 1).astype(np.float32)


class _Run:
    """What a checkpoint belongs to, and where it is."""

    def __init__(
        self,
        features: Any,
        targets: IntArray,
        config: SoftmaxConfig,
        seed: int,
        checkpoint: Path | None,
    ) -> None:
        self._path = checkpoint
        if checkpoint is not None:
            about = {"config": asdict(config), "seed": seed, "shape": list(features.shape)}
            digest = hashlib.sha256(to_json(about))
            for array in (features[:: max(1, len(features) // 8)], targets):
                digest.update(np.ascontiguousarray(array).tobytes())
            self._key = digest.hexdigest()

    def resume(self) -> dict[str, Any] | None:
        if self._path is None or not self._path.exists():
            return None
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path, framework="numpy") as file:
                key = (file.metadata() or {}).get("run")
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise ArtifactError(
                f"checkpoint {self._path} is damaged ({error}); delete it to train from the start"
            ) from error
        if key != self._key or set(state) != {"w", "m", "v", "epochs"}:
            raise ArtifactError(
                f"checkpoint {self._path} belongs to another run (data, options or seed differ); "
                "delete it, or resume with what it was begun with"
            )
        return state

    def save(self, state: dict[str, Any], epochs: int) -> None:
        if self._path is not None:
            arrays = {name: np.asarray(value, dtype=np.float32) for name, value in state.items()}
            arrays["epochs"] = np.array([epochs], dtype=np.int64)
            from safetensors.numpy import save_file

            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
            save_file(arrays, beside, {"run": self._key})
            beside.replace(self._path)


__all__ = ["SoftmaxConfig", "gradient", "nll", "train_softmax"]
