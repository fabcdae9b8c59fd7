"""Checkpoints of a training run: everything that the next step depends on, or nothing.

A folder appears under its name only when it is complete, so a kill leaves whole checkpoints. What
is drawn in a step follows from the seed and the step's number, so the number is all that has to be
kept of the random streams.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from crsgym.errors import ArtifactError

_PREFIX = "step-"


def save_checkpoint(
    folder: Path, step: int, policy: Any, optimizer: Any, record: Mapping[str, Any], *, keep: int
) -> Path:
    """Write ``folder/step-NNNNNN`` and delete the oldest ones beyond ``keep``."""
    path = folder / f"{_PREFIX}{step:06d}"
    partial = folder / f"{path.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    policy.save_pretrained(str(partial))
    torch.save(optimizer.state_dict(), partial / "optimizer.pt")
    text = json.dumps({"step": step, **record}, indent=1)
    (partial / "state.json").write_text(text, encoding="utf-8")
    shutil.rmtree(path, ignore_errors=True)
    partial.replace(path)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return path


def load_checkpoint(path: Path, policy: Any, optimizer: Any) -> dict[str, Any]:
    """Bring adapter and optimiser to where they were; what was recorded with them.

    Raises:
        ArtifactError: when the folder is damaged.
    """
    from peft import load_peft_weights, set_peft_model_state_dict

    try:
        set_peft_model_state_dict(policy, load_peft_weights(str(path), device="cpu"))
        state = torch.load(path / "optimizer.pt", map_location="cpu", weights_only=True)
        optimizer.load_state_dict(state)
        record: dict[str, Any] = json.loads((path / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ArtifactError(
            f"{path} is damaged ({error}); delete it to go on from the checkpoint before"
        ) from error
    return record


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in a folder, the oldest first."""
    return sorted(p for p in folder.glob(_PREFIX + "*") if p.suffix != ".partial")


__all__ = ["checkpoints", "load_checkpoint", "save_checkpoint"]
