"""Saved retrievers: a round trip, every kind of damage, kills, another catalogue."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.retrieval.artifact import (
    Artifact,
    is_artifact,
    load_artifact,
    read_about,
    save_artifact,
)

ARTIFACT = Artifact(
    kind="mine",
    config={"sizes": (1, 2), "name": "é", 3: None},
    arrays={"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array([7], dtype=np.int64)},
    metrics={"recall@20": 0.25},
)


def test_round_trip(tmp_path: Path, toy_dataset: Dataset) -> None:
    folder = tmp_path / "a" / "b"
    assert not is_artifact(folder)
    assert save_artifact(folder, ARTIFACT, toy_dataset) == folder
    assert is_artifact(folder)
    loaded = load_artifact(folder, toy_dataset, kind="mine")
    assert loaded.kind == "mine"
    assert loaded.config == {"sizes": [1, 2], "name": "é", "3": None}
    assert loaded.metrics == {"recall@20": 0.25}
    assert set(loaded.arrays) == {"w", "n"}
    for name, array in ARTIFACT.arrays.items():
        assert np.array_equal(loaded.arrays[name], array)
        assert loaded.arrays[name].dtype == array.dtype
    assert read_about(folder)["dataset"] == {"name": "toy", "fingerprint": "toy-1"}


def test_saving_again_replaces_everything(tmp_path: Path, toy_dataset: Dataset) -> None:
    save_artifact(tmp_path, ARTIFACT, toy_dataset)
    save_artifact(tmp_path, Artifact("mine", {}, {"w": np.zeros(1)}), toy_dataset)
    assert load_artifact(tmp_path, toy_dataset).arrays["w"].tolist() == [0.0]
    assert len(list(tmp_path.iterdir())) == 2


def test_another_catalogue_is_refused(tmp_path: Path, toy_dataset: Dataset) -> None:
    save_artifact(tmp_path, ARTIFACT, toy_dataset)
    fewer = Dataset("fewer", Catalogue(list(toy_dataset.catalogue)[:-1]), {}, fingerprint="f")
    with pytest.raises(ArtifactError, match=r"catalogue of toy \(12 items\).*fewer \(11 items\)"):
        load_artifact(tmp_path, fewer)


def test_another_kind_is_refused(tmp_path: Path, toy_dataset: Dataset) -> None:
    save_artifact(tmp_path, ARTIFACT, toy_dataset)
    with pytest.raises(ArtifactError, match="'mine' retriever, and no 'yours'"):
        load_artifact(tmp_path, toy_dataset, kind="yours")


def test_every_flipped_byte_is_noticed(tmp_path: Path, toy_dataset: Dataset) -> None:
    save_artifact(tmp_path, ARTIFACT, toy_dataset)
    for file in list(tmp_path.iterdir()):
        content = file.read_bytes()
        for place in range(0, len(content), max(1, len(content) // 60)):
            file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            if file.suffix == ".json" and same_json(file, content):
                continue
            with pytest.raises(ArtifactError):
                load_artifact(tmp_path, toy_dataset)
        file.write_bytes(content)
    load_artifact(tmp_path, toy_dataset)


def same_json(file: Path, content: bytes) -> bool:
    """Whether the flipped byte was one of the blanks between values, which mean nothing."""
    try:
        return bool(json.loads(file.read_bytes()) == json.loads(content))
    except ValueError:
        return False


@pytest.mark.parametrize("what", ["artifact.json", "weights"])
def test_truncated_and_absent_files(tmp_path: Path, toy_dataset: Dataset, what: str) -> None:
    save_artifact(tmp_path, ARTIFACT, toy_dataset)
    [file] = tmp_path.glob(f"{what}*")
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ArtifactError, match="damaged"):
        load_artifact(tmp_path, toy_dataset)
    file.unlink()
    with pytest.raises(ArtifactError, match=r"no saved retriever|damaged"):
        load_artifact(tmp_path, toy_dataset)


def test_a_later_schema_is_refused(tmp_path: Path, toy_dataset: Dataset) -> None:
    from crsgym.retrieval import artifact as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SCHEMA", 2)
        save_artifact(tmp_path, ARTIFACT, toy_dataset)
    with pytest.raises(ArtifactError, match="schema 2, and this version reads 1"):
        load_artifact(tmp_path, toy_dataset)


def test_a_place_that_cannot_be_written(tmp_path: Path, toy_dataset: Dataset) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot write"):
        save_artifact(tmp_path / "file", ARTIFACT, toy_dataset)


WRITER = """
import sys
import numpy as np
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.retrieval.artifact import Artifact, save_artifact
from crsgym.types import Item

dataset = Dataset("d", Catalogue([Item("k", "Title")]), {}, fingerprint="d")
print("ready", flush=True)
for n in range(1_000_000):
    array = np.full((100, 100), n, dtype=np.int64)
    save_artifact(sys.argv[1], Artifact("k", {"n": n}, {"w": array}), dataset)
"""


def test_a_kill_leaves_a_whole_artifact(tmp_path: Path) -> None:
    from crsgym.types import Item

    dataset = Dataset("d", Catalogue([Item("k", "Title")]), {}, fingerprint="d")
    for wait in (0.05, 0.2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        while not is_artifact(tmp_path):
            time.sleep(0.005)
        time.sleep(wait)
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        loaded = load_artifact(tmp_path, dataset)
        assert (loaded.arrays["w"] == loaded.config["n"]).all()
