"""Retrievers: from a conversation to the candidates for its next turn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError, PluginError
from crsgym.options import read_options
from crsgym.plugins import Registry
from crsgym.protocols import Retriever
from crsgym.retrieval.store import Users, fit_or_load, load_retriever, storable

RETRIEVERS = Registry(
    "retriever",
    {
        "popularity": "crsgym.retrieval.popularity:PopularityRetriever",
        "content": "crsgym.retrieval.content:ContentRetriever",
        "lexical": "crsgym.retrieval.lexical:LexicalRetriever",
        "dual-view": "crsgym.retrieval.dual_view:DualViewRetriever",
        "hybrid": "crsgym.retrieval.hybrid:HybridRetriever",
    },
)


def build(
    retriever: str | os.PathLike[str] | Retriever,
    dataset: Dataset,
    options: Mapping[str, Any] | None = None,
    *,
    users: Users | None = None,
) -> Retriever:
    """A retriever that is ready for a dataset.

    Args:
        retriever: a registered name or ``"module:Class"``, fitted on the dataset's train split, or
            loaded from the cache where that was done before; the folder of a saved one, with a
            ``/`` in it; or a ready object, taken as it is.
        dataset: what to retrieve from.
        options: keywords of the class's ``fit``, or of its ``restore`` for a saved one.
        users: makes the simulated users that a retriever is trained with, if it trains with any.

    Raises:
        ArtifactError: when a saved one is damaged, or was trained on another catalogue.
        ConfigurationError: on an unknown name or option.
        PluginError: when the object is not a retriever.
    """
    options = options or {}
    built: object
    if isinstance(retriever, os.PathLike) or (isinstance(retriever, str) and _is_path(retriever)):
        built = load_retriever(Path(retriever), RETRIEVERS.load, dataset, options)
    elif isinstance(retriever, str):
        built = _by_name(retriever, dataset, options, users)
    elif options:
        raise ConfigurationError(
            f"retriever_options {sorted(options)} go with a retriever's name, not with a ready one"
        )
    else:
        built = retriever
    if not isinstance(built, Retriever):
        raise PluginError(f"retriever: expected an object with `retrieve`, got {built!r}")
    return built


def _is_path(text: str) -> bool:
    """Whether a text is a folder (``"runs/mine"``, ``"./mine"``) and no name."""
    return ":" not in text and ("/" in text or os.sep in text)


def _by_name(
    name: str, dataset: Dataset, options: Mapping[str, Any], users: Users | None
) -> object:
    kind = RETRIEVERS.load(name)
    if not callable(getattr(kind, "fit", None)):
        raise PluginError(f"retriever {name!r}: expected a class with `fit`, got {kind!r}")
    options = read_options(f"retriever {name!r}", kind.fit, options)
    if storable(kind):
        return fit_or_load(name, kind, dataset, options, users=users)
    return kind.fit(dataset, **options)


__all__ = ["RETRIEVERS", "build"]
