"""Fitted retrievers kept in the cache directory, so that fitting is waited for once."""

from __future__ import annotations

import hashlib
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec

from crsgym.data.dataset import Dataset
from crsgym.data.download import cache_root
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.options import read_options
from crsgym.protocols import Retriever, Simulator, describe
from crsgym.retrieval.artifact import Artifact, is_artifact, load_artifact, save_artifact

Users = Callable[[], Sequence[Simulator]]
"""Makes the simulated users that a retriever is trained with, when it has to be trained."""


class Storable(Protocol):
    """A retriever class whose fitted state can be saved.

    ``VERSION`` is raised with every change that makes saved ones stale. The keyword-only parameters
    of ``restore`` are those that change how a fitted retriever is used, and not what it learned;
    ``fit`` takes them too.
    """

    VERSION: int

    def artifact(self) -> Artifact:
        """What :func:`~crsgym.retrieval.artifact.save_artifact` writes."""
        ...

    @classmethod
    def restore(cls, artifact: Artifact, dataset: Dataset) -> Retriever:
        """The retriever that was saved."""
        ...


def storable(kind: object) -> bool:
    """Whether a retriever class has what :class:`Storable` asks for."""
    return all(hasattr(kind, name) for name in ("VERSION", "artifact", "restore"))


def use_options(kind: Any) -> frozenset[str]:
    """Names of the options that only change how a fitted retriever is used."""
    parameters = inspect.signature(kind.restore).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def fit_or_load(
    name: str,
    kind: Any,
    dataset: Dataset,
    options: Mapping[str, Any],
    *,
    users: Users | None = None,
) -> Retriever:
    """A retriever of a storable class: from the cache directory, or fitted and put there.

    Standard error says which. A damaged one is reported and fitted again.

    Args:
        name: of the class, as it was asked for.
        kind: the class.
        dataset: what to retrieve from.
        options: keywords of ``fit``.
        users: the users to train with, for a class whose ``fit`` takes ``simulators``.
    """
    use = {key: value for key, value in options.items() if key in use_options(kind)}
    learn = {key: value for key, value in options.items() if key not in use}
    if users is not None and "simulators" in inspect.signature(kind.fit).parameters:
        learn.setdefault("simulators", users())
    label = name.rpartition(":")[2]
    folder = cache_root().with_name("retrievers")
    folder /= f"{label}-{dataset.name}-{_key(kind, dataset, learn)}"
    if is_artifact(folder):
        try:
            saved = load_artifact(folder, dataset)
        except ArtifactError as error:
            warnings.warn(f"{error}; fitting anew", stacklevel=2)
        else:
            _say(f"retriever {name!r}: loaded from {folder}")
            return cast("Retriever", kind.restore(saved, dataset, **use))
    _say(f"retriever {name!r}: fitting on {dataset.name}, once")
    if "progress" in inspect.signature(kind.fit).parameters:
        learn.setdefault("progress", _say_in_place)
    fitted = kind.fit(dataset, **use, **learn)
    try:
        save_artifact(folder, fitted.artifact(), dataset)
    except ConfigurationError as error:
        warnings.warn(f"retriever {name!r} is fitted, but not kept: {error}", stacklevel=2)
    else:
        _say(f"retriever {name!r}: fitted, kept in {folder}")
    return cast("Retriever", fitted)


def load_retriever(
    directory: Path, kinds: Callable[[str], Any], dataset: Dataset, options: Mapping[str, Any]
) -> Retriever:
    """The retriever that a folder holds.

    Args:
        directory: an artifact.
        kinds: from the name that the artifact has to its class.
        dataset: its catalogue must be the one that the retriever was trained on.
        options: how to use it; see :func:`use_options`.

    Raises:
        ArtifactError: when it is damaged, or was trained on another catalogue.
        ConfigurationError: on an option that would have changed what it learned.
    """
    saved = load_artifact(directory, dataset)
    kind = kinds(saved.kind)
    wrong = sorted(set(options) - use_options(kind))
    if wrong:
        raise ConfigurationError(
            f"retriever {directory}: {', '.join(wrong)} cannot be set on a saved one; "
            f"these can: {', '.join(sorted(use_options(kind)))}"
        )
    use = read_options(f"retriever {directory}", kind.restore, options)
    return cast("Retriever", kind.restore(saved, dataset, **use))


def _key(kind: Any, dataset: Dataset, options: Mapping[str, Any]) -> str:
    """16 hex digits of everything that what is learned depends on."""
    ignored = {"progress", "checkpoint"}
    about = {
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "version": kind.VERSION,
        "dataset": dataset.fingerprint,
        "options": {name: value for name, value in options.items() if name not in ignored},
    }
    # A plug-in among the options (an encoder, a user) is what its description says.
    text = msgspec.json.encode(about, enc_hook=describe, order="deterministic")
    return hashlib.sha256(text).hexdigest()[:16]


def _say(line: str) -> None:
    lead = "\r\x1b[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{lead}{line}\n")


def _say_in_place(line: str) -> None:
    """Progress: one line that changes on a terminal, nothing in a log."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


__all__ = ["Storable", "Users", "fit_or_load", "load_retriever", "storable", "use_options"]
