"""The linear softmax: gradients, what it learns, and resuming after a kill."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crsgym.errors import ArtifactError
from crsgym.retrieval.softmax import SoftmaxConfig, gradient, nll, train_softmax
from crsgym.types import FloatArray, IntArray

CONFIG = SoftmaxConfig(epochs=6, batch_size=16)


def problem(scenarios: int = 80) -> tuple[FloatArray, IntArray]:
    """Targets drawn from a softmax whose weights are 2 and -1, and 0 for noise."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(scenarios, 12, 3)).astype(np.float32)
    noise = rng.gumbel(size=(scenarios, 12))
    targets = (features @ np.array([2.0, -1.0, 0.0]) + noise).argmax(axis=1)
    return features, targets.astype(np.int64)


def test_nll_worked_by_hand() -> None:
    scores = np.log(np.array([[1.0, 3.0], [2.0, 2.0]], dtype=np.float32))
    assert nll(scores, np.array([1, 0])) == pytest.approx([np.log(4 / 3), np.log(2)], rel=1e-6)


@pytest.mark.parametrize("with_offset", [False, True])
def test_gradient_is_the_slope_of_the_loss(with_offset: bool) -> None:
    features, targets = problem(8)
    weights = np.array([0.3, -0.2, 0.1])
    offset = np.random.default_rng(0).normal(size=features.shape[:2]) if with_offset else None

    def loss(w: FloatArray) -> float:
        scores = features.astype(np.float64) @ w + (0 if offset is None else offset)
        return float(nll(scores, targets).astype(np.float64).mean())

    numeric = [(loss(weights + step) - loss(weights - step)) / 0.02 for step in 0.01 * np.eye(3)]
    assert gradient(features, weights, targets, offset) == pytest.approx(numeric, abs=2e-4)


def test_it_finds_the_weights_and_does_not_depend_on_the_scale() -> None:
    features, targets = problem(2000)
    config = SoftmaxConfig(epochs=20)
    found = train_softmax(features, targets, config, seed=0)
    assert found == pytest.approx([2, -1, 0], abs=0.2)
    scaled = train_softmax(features * np.float32(100), targets, config, seed=0)
    assert scaled * 100 == pytest.approx(found, abs=1e-3)


def test_what_the_offset_knows_is_not_learned_again() -> None:
    features, targets = problem(2000)
    offset = features @ np.array([2.0, -1.0, 0.0], dtype=np.float32)
    found = train_softmax(features, targets, SoftmaxConfig(epochs=20), seed=0, offset=offset)
    assert found == pytest.approx([0, 0, 0], abs=0.2)


def test_a_feature_that_is_constant_is_no_division_by_zero() -> None:
    features, targets = problem()
    features[:, :, 2] = 7
    assert train_softmax(features, targets, CONFIG, seed=0)[2] == pytest.approx(0, abs=0.01)


def test_the_seed_orders_the_scenarios() -> None:
    features, targets = problem()
    first, again, other = (train_softmax(features, targets, CONFIG, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_softmax import CONFIG, problem
from crsgym.retrieval.softmax import train_softmax
features, targets = problem()
def kill(epoch):
    if epoch == 3:
        os.kill(os.getpid(), signal.SIGKILL)
train_softmax(features, targets, CONFIG, seed=1, checkpoint=Path({path!r}), progress=kill)
"""


def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    features, targets = problem()
    path = tmp_path / "deep" / "run.safetensors"
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    process = subprocess.run([sys.executable, "-c", script], check=False)
    assert process.returncode == -signal.SIGKILL
    done: list[int] = []
    resumed = train_softmax(
        features, targets, CONFIG, seed=1, checkpoint=path, progress=done.append
    )
    assert done == [4, 5, 6]
    assert np.array_equal(resumed, train_softmax(features, targets, CONFIG, seed=1))


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    features, targets = problem()
    path = tmp_path / "run.safetensors"
    train_softmax(features, targets, CONFIG, seed=1, checkpoint=path)
    with pytest.raises(ArtifactError, match="another run"):
        train_softmax(features, targets, CONFIG, seed=2, checkpoint=path)
    with pytest.raises(ArtifactError, match="another run"):
        train_softmax(features + 1, targets, CONFIG, seed=1, checkpoint=path)


@pytest.mark.parametrize("keep", [0, 10, -8])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, keep: int) -> None:
    features, targets = problem()
    path = tmp_path / "run.safetensors"
    train_softmax(features, targets, CONFIG, seed=1, checkpoint=path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="damaged"):
        train_softmax(features, targets, CONFIG, seed=1, checkpoint=path)
