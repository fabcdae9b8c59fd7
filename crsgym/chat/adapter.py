"""LoRA adapter folders, as peft saves them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from crsgym.errors import ConfigurationError


def adapter_rank(path: str | Path) -> int:
    """The rank ``r`` of the adapter in a folder.

    Raises:
        ConfigurationError: when the folder holds no adapter.
    """
    try:
        config = json.loads((Path(path) / "adapter_config.json").read_text(encoding="utf-8"))
        return max([int(config["r"]), *map(int, (config.get("rank_pattern") or {}).values())])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds no LoRA adapter: expected adapter_config.json and "
            f"adapter_model.safetensors, as peft saves them ({type(error).__name__}: {error})"
        ) from error


def adapter_name(path: str | Path) -> str:
    """The folder's name and a short hash of the weights: other weights, another name.

    Raises:
        ConfigurationError: when the folder holds no weights.
    """
    weights = Path(path) / "adapter_model.safetensors"
    if not weights.is_file():
        raise ConfigurationError(f"{path} holds no LoRA weights: {weights.name} is not there")
    with weights.open("rb") as file:
        # hashlib.file_digest needs Python 3.11.
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return f"{Path(path).resolve().name}#{digest.hexdigest()[:12]}"


__all__ = ["adapter_name", "adapter_rank"]
