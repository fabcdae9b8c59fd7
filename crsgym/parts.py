"""What a world learns from its data set, made once and kept: the retriever, the text encoder."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crsgym.data.dataset import NO_TRAIN, needs_train
from crsgym.errors import ConfigurationError

if TYPE_CHECKING:
    from crsgym.data.dataset import Dataset
    from crsgym.protocols import Retriever, TextEncoder


def choose_retriever(
    dataset: Dataset,
    retriever: str | Retriever | None,
    options: Mapping[str, Any] | None,
    *,
    default: str,
    trained_with: str,
) -> tuple[Retriever, str | Retriever | None]:
    """The retriever of a world: by name, from its folder, or the object that was given.

    One by name is fitted once per process and data set; it holds no episode. Where it learns from
    feedback, it is that of ``trained_with``: the rule-based user that, like the environment's own,
    is label-free or target-aware. What is right for one kind misreads the other.

    Where none was asked for and the training split cannot be had, or the data set has none, it is
    ``content``, which learns from nothing; a warning says so, and the spec shows it.

    Returns:
        The retriever, and what to ask for to get it again: ``retriever``, or ``"content"`` there.

    Raises:
        DownloadError, MissingSplitError: when the one that was asked for needs that split.
    """
    from crsgym.retrieval import build

    if retriever is not None and not isinstance(retriever, str):
        return build(retriever, dataset, options or {}), retriever
    if retriever == "":
        raise ConfigurationError("retriever must be a name, a folder or an object; got ''")
    options = dict(options or {})
    if retriever is not None:
        with needs_train(f"retriever {retriever!r}", "'content' learns from nothing"):
            return _fit(dataset, retriever, options, trained_with), retriever
    try:
        return _fit(dataset, default, options, trained_with), None
    except NO_TRAIN as error:
        warnings.warn(
            f"the default retriever {default!r} cannot be fitted, so this is 'content', which "
            f"learns from nothing: {error}",
            stacklevel=5,
        )
        return _fit(dataset, "content", options, trained_with), "content"


@functools.lru_cache(maxsize=8)
def fitted_encoder(name: str, dataset: Dataset) -> TextEncoder:
    """An encoder by name; one that weighs words learns it from the items and their preferences."""
    from crsgym.text import item_text, load_encoder

    encoder = load_encoder(name)
    if callable(fit := getattr(encoder, "fit", None)):
        fit([*map(item_text, dataset.catalogue), *background(dataset)])
    return encoder


@functools.lru_cache(maxsize=8)
def background(dataset: Dataset) -> tuple[str, ...]:
    """The preferences that are typical of a data set: the preference reward compares about them."""
    from crsgym.rewards import typical_preferences

    return typical_preferences(dataset)


def _fit(dataset: Dataset, name: str, options: dict[str, Any], trained_with: str) -> Retriever:
    try:
        key = json.dumps(options, sort_keys=True)
    except TypeError:
        # An option that is an object, such as an encoder, which nothing can be remembered by.
        return _build(dataset, name, options, trained_with)
    return _fitted(dataset, name, key, trained_with)


@functools.lru_cache(maxsize=8)
def _fitted(dataset: Dataset, name: str, options: str, trained_with: str) -> Retriever:
    return _build(dataset, name, json.loads(options), trained_with)


def _build(dataset: Dataset, name: str, options: dict[str, Any], trained_with: str) -> Retriever:
    from crsgym import retrieval, simulators

    return retrieval.build(
        name, dataset, options, users=lambda: [simulators.build(trained_with, dataset)]
    )


__all__ = ["background", "choose_retriever", "fitted_encoder"]
