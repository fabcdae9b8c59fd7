"""What a training of the ranker needs to go on where it was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .ranker import RankingPolicy


def copy(policy: RankingPolicy) -> dict[str, Tensor]:
    """The weights as they are now."""
    return {name: value.clone() for name, value in policy.state_dict().items()}


def keep(
    path: Path,
    policy: RankingPolicy,
    optimiser: torch.optim.Optimizer,
    done: int,
    best: dict[str, Any],
) -> None:
    """Write all that going on needs: weights, the best weights, and the optimiser.

    Args:
        path: a file, replaced in one step.
        policy: as it is after the last epoch.
        optimiser: Adam.
        done: epochs so far.
        best: ``"epoch"``, ``"value"`` and ``"policy"`` of the best of them.
    """
    from safetensors.torch import save_file

    tensors = {f"policy/{k}": v for k, v in policy.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in best["policy"].items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam/{number}/{key}": value for key, value in state.items()}
    notes = {"done": str(done), "epoch": str(best["epoch"]), "value": repr(best["value"])}
    part = path.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in tensors.items()}, part, metadata=notes)
    part.replace(path)


def resume(
    path: Path, policy: RankingPolicy, optimiser: torch.optim.Optimizer
) -> tuple[int, dict[str, Any]]:
    """Put policy and optimiser back to where they were.

    Returns:
        How many epochs are done, and the best so far; 0 and nothing where none was kept.
    """
    if not path.is_file():
        return 0, {}
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        notes = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    groups: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = value
    policy.load_state_dict(groups["policy"])
    whole = optimiser.state_dict()
    for key, value in groups.get("adam", {}).items():
        number, _, name = key.partition("/")
        whole["state"].setdefault(int(number), {})[name] = value
    optimiser.load_state_dict(whole)
    best = {
        "epoch": int(notes["epoch"]),
        "value": float(notes["value"]),
        "policy": groups["best"],
    }
    return int(notes["done"]), best


__all__ = ["copy", "keep", "resume"]
