"""Saved retrievers: arrays as safetensors, everything else as JSON, no pickle anywhere.

A folder holds ``artifact.json`` and the arrays file that it names with its checksum. The JSON is
put in place last and at once, so a folder that was being written when the process died still holds
what it held before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError

SCHEMA = 1
FILE = "artifact.json"


@dataclass(frozen=True)
class Artifact:
    """A saved retriever."""

    kind: str
    """Its name in ``RETRIEVERS``."""
    config: Mapping[str, Any]
    """What it was fitted with, JSON-able."""
    arrays: Mapping[str, np.ndarray[Any, Any]]
    """What it learned."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was measured when it was trained, JSON-able."""


def is_artifact(directory: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a saved retriever."""
    return (Path(directory) / FILE).is_file()


def save_artifact(directory: str | os.PathLike[str], artifact: Artifact, dataset: Dataset) -> Path:
    """Write an artifact, replacing what the folder held; returns the folder.

    Args:
        directory: made when it is not there.
        artifact: what to write.
        dataset: what it was fitted on; its fingerprints are written too.

    Raises:
        ConfigurationError: when the folder cannot be written.
    """
    from safetensors.numpy import save

    folder = Path(directory)
    weights = save({name: np.asarray(a, order="C") for name, a in artifact.arrays.items()})
    digest = hashlib.sha256(weights).hexdigest()
    name = f"weights-{digest[:16]}.safetensors"
    about = {
        "schema": SCHEMA,
        "kind": artifact.kind,
        "config": artifact.config,
        "metrics": artifact.metrics,
        "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "catalogue": {
            "items": len(dataset.catalogue),
            "fingerprint": dataset.catalogue.fingerprint,
        },
        "weights": {"file": name, "bytes": len(weights), "sha256": digest},
    }
    # As it will be read back: lists for tuples, text for every key.
    about = json.loads(json.dumps(about, allow_nan=False))
    text = json.dumps(about | {"sha256": _digest(about)}, indent=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / name, weights)
        _replace(folder / FILE, text.encode())
    except OSError as error:
        raise ConfigurationError(f"cannot write {folder}: {error.strerror or error}") from error
    for older in folder.glob("weights-*.safetensors"):
        if older.name != name:
            # Another process may be writing here too, and have removed it first.
            with contextlib.suppress(FileNotFoundError):
                older.unlink()
    return folder


def load_artifact(
    directory: str | os.PathLike[str], dataset: Dataset, *, kind: str | None = None
) -> Artifact:
    """Read an artifact that fits a dataset's catalogue.

    Args:
        directory: as it was given to :func:`save_artifact`.
        dataset: what it is to be used on; its catalogue must be the one it was trained on.
        kind: what it must be, when given.

    Raises:
        ArtifactError: when it is absent, damaged, of another kind or another version, or was
            trained on another catalogue.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(directory)
    about = read_about(folder)
    if kind is not None and about["kind"] != kind:
        raise ArtifactError(f"{folder} holds a {about['kind']!r} retriever, and no {kind!r}")
    trained_on, items = about["dataset"]["name"], about["catalogue"]["items"]
    if about["catalogue"]["fingerprint"] != dataset.catalogue.fingerprint:
        raise ArtifactError(
            f"{folder} was trained on the catalogue of {trained_on} ({items} items), which is not "
            f"that of {dataset.name} ({len(dataset.catalogue)} items); train one on {dataset.name}"
        )
    try:
        content = (folder / about["weights"]["file"]).read_bytes()
    except OSError as error:
        raise _damaged(folder, f"{about['weights']['file']}: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != about["weights"]["sha256"]:
        raise _damaged(folder, f"{about['weights']['file']} has the wrong checksum")
    try:
        arrays = load(content)
    except SafetensorError as error:
        raise _damaged(folder, str(error)) from error
    return Artifact(about["kind"], about["config"], arrays, about["metrics"])


def read_about(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON of an artifact, checked: schema, kind, config, metrics, dataset, catalogue, weights.

    Raises:
        ArtifactError: when it is absent, damaged or of another version.
    """
    folder = Path(directory)
    try:
        about = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"{folder} holds no saved retriever: there is no {FILE}") from error
    except OSError as error:
        raise ArtifactError(f"cannot read {folder / FILE}: {error.strerror or error}") from error
    except ValueError as error:
        raise _damaged(folder, f"{FILE} is not JSON ({error})") from error
    if not isinstance(about, dict) or about.pop("sha256", None) != _digest(about):
        raise _damaged(folder, f"{FILE} has the wrong checksum")
    if about["schema"] != SCHEMA:
        raise ArtifactError(
            f"{folder} has schema {about['schema']}, and this version reads {SCHEMA}; train again"
        )
    return about


def _digest(about: object) -> str:
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(folder: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{folder} is damaged: {what}; delete it and train again")


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place whole, or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


__all__ = ["Artifact", "is_artifact", "load_artifact", "read_about", "save_artifact"]
