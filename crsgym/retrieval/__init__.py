"""Retrievers: from a conversation to the candidates for its next turn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError, PluginError
from crsgym.plugins import Registry, check_options
from crsgym.protocols import Retriever

RETRIEVERS = Registry(
    "retriever",
    {
        "popularity": "crsgym.retrieval.popularity:PopularityRetriever",
        "lexical": "crsgym.retrieval.lexical:LexicalRetriever",
    },
)


def build(
    retriever: str | Path | Retriever, dataset: Dataset, options: Mapping[str, Any] | None = None
) -> Retriever:
    """A retriever that is ready for a dataset.

    Args:
        retriever: a registered name or ``"module:Class"``, fitted on the dataset's train split;
            or a ready object, taken as it is.
        dataset: what to retrieve from.
        options: keywords of the class's ``fit``.

    Raises:
        ConfigurationError: on an unknown name or option.
        PluginError: when the object is not a retriever.
    """
    options = options or {}
    if isinstance(retriever, str):
        kind = RETRIEVERS.load(retriever)
        if not callable(getattr(kind, "fit", None)):
            raise PluginError(f"retriever {retriever!r}: expected a class with `fit`, got {kind!r}")
        check_options(f"retriever {retriever!r}", kind.fit, options)
        built = kind.fit(dataset, **options)
    elif options:
        raise ConfigurationError(
            f"retriever_options {sorted(options)} go with a retriever's name, not with a ready one"
        )
    else:
        built = retriever
    if not isinstance(built, Retriever):
        raise PluginError(f"retriever: expected an object with `retrieve`, got {built!r}")
    return built


__all__ = ["RETRIEVERS", "build"]
