"""Checkpoints: round trip, damage, another run."""

from pathlib import Path

import numpy as np
import pytest

from crsgym.errors import ArtifactError
from crsgym.retrieval.checkpoint import Checkpoint


def test_round_trip_and_replacement(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "deep" / "run.safetensors", {"seed": 1})
    assert checkpoint.load() is None
    checkpoint.save({"w": np.arange(3.0)})
    checkpoint.save({"w": np.arange(4.0), "n": np.array(2)})
    loaded = Checkpoint(checkpoint.path, {"seed": 1}).load()
    assert loaded is not None
    assert loaded["w"].tolist() == [0, 1, 2, 3]
    assert loaded["n"].shape == ()
    assert [file.name for file in checkpoint.path.parent.iterdir()] == ["run.safetensors"]


def test_another_run_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "c", {"seed": 1}).save({"w": np.zeros(1)})
    with pytest.raises(ArtifactError, match="another run"):
        Checkpoint(tmp_path / "c", {"seed": 2}).load()


def test_every_kind_of_damage_is_noticed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c", {})
    checkpoint.save({"w": np.arange(100.0)})
    content = checkpoint.path.read_bytes()
    for spoilt in (b"", content[:-8], content[:-8] + bytes(8), b"x" * len(content)):
        checkpoint.path.write_bytes(spoilt)
        with pytest.raises(ArtifactError, match="damaged"):
            checkpoint.load()
