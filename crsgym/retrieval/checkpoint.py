"""The state of a training run on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from crsgym.errors import ArtifactError
from crsgym.retrieval.sparse import Arrays


class Checkpoint:
    """Arrays in one safetensors file that is replaced whole.

    Args:
        path: of the file; its folder is made when it is not there.
        run: everything that the result depends on, JSON-able. A file of another run is refused.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        text = msgspec.json.encode(run, order="deterministic")
        self._run = hashlib.sha256(text).hexdigest()

    def load(self) -> Arrays | None:
        """What was saved last; None when there is nothing yet.

        Raises:
            ArtifactError: when the file is damaged or belongs to another run.
        """
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                about = file.metadata() or {}
                arrays: Arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise self._damaged(str(error)) from error
        if about.get("run") != self._run:
            raise ArtifactError(
                f"checkpoint {self.path} belongs to another run (data, options or seed differ); "
                "delete it, or go on with what it was begun with"
            )
        if about.get("sha256") != _digest(arrays):
            raise self._damaged("it has the wrong checksum")
        return arrays

    def save(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Replace what was saved."""
        from safetensors.numpy import save

        whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        content = save(whole, {"run": self._run, "sha256": _digest(whole)})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        beside.write_bytes(content)
        beside.replace(self.path)

    def _damaged(self, why: str) -> ArtifactError:
        return ArtifactError(
            f"checkpoint {self.path} is damaged ({why}); delete it to train from the start"
        )


def _digest(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


__all__ = ["Checkpoint"]
