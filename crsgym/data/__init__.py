"""Data sets by name: INSPIRED, ReDial, OpenDialKG, the synthetic one, and a user's own."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from crsgym.data.catalogue import Catalogue, Resolution, normalise
from crsgym.data.dataset import Dataset
from crsgym.data.download import SourceFile
from crsgym.data.graph import ItemGraph
from crsgym.data.preference import PreferenceWriter, write_preference
from crsgym.errors import ConfigurationError
from crsgym.plugins import Registry

DATASETS = Registry(
    "dataset",
    {
        "inspired": "crsgym.data.inspired:load_inspired",
        "redial": "crsgym.data.redial:load_redial",
        "opendialkg": "crsgym.data.opendialkg:load_opendialkg",
        "synthetic": "crsgym.data.synthetic:load_synthetic",
    },
)
"""What :func:`load` knows: each entry a function of no required arguments."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_loaded: dict[str, Dataset] = {}


@dataclass(frozen=True)
class _Folder:
    """Reads one folder of JSON Lines."""

    name: str
    path: Path
    item: str | None = field(default=None, compare=False)

    def __call__(self) -> Dataset:
        from crsgym.data.jsonl import load_jsonl

        return load_jsonl(self.path, self.name, item=self.item)


def load(name: str) -> Dataset:
    """A data set, read once per process.

    Args:
        name: one of ``DATASETS.names()``, in any case.

    Raises:
        ConfigurationError: for a name that is not known.
        DataError: when a file of it is damaged, or absent and cannot be fetched.
    """
    key = name if name in DATASETS.names() else name.lower()
    if key not in _loaded:
        _loaded[key] = DATASETS.load(key)()
    return _loaded[key]


def register_dataset(name: str, path: str | Path, *, item: str | None = None) -> Dataset:
    """Make a folder of JSON Lines known by a name; :mod:`crsgym.data.jsonl` has the format.

    The folder is read and checked at once. Registering the same folder again reads it again.

    Args:
        name: letters, digits, ``_``, ``-`` and ``.``; case does not count.
        path: the folder.
        item: what one of the items is called, ``"recipe"`` for example: simulated users say it. The
            folder's ``facts.json`` may say it too; without it they say "one" and "something".

    Returns:
        The data set, as :func:`load` returns it from now on.

    Raises:
        TypeError: when the name is no text.
        ConfigurationError: when the name cannot be one, or stands for something else, or when
            ``item`` is not one to three words.
        DataError: naming the file and the line that is wrong.
    """
    if not isinstance(name, str):
        raise TypeError(f"a dataset's name is a str; got {type(name).__name__}")
    key = name.lower()
    if not _NAME.fullmatch(key):
        raise ConfigurationError(
            f"a dataset's name is of letters, digits, '_', '-' and '.'; got {name!r}"
        )
    folder = _Folder(key, Path(path).expanduser().resolve(), item)
    if key in DATASETS.names() and DATASETS.load(key) != folder:
        raise ConfigurationError(f"dataset {key!r} is registered already; take a new name")
    dataset = folder()
    DATASETS.register(key, folder)
    _loaded[key] = dataset
    return dataset


def source_files(name: str) -> tuple[SourceFile, ...]:
    """The published files that a data set is read from; none when it is generated or a user's own.

    Raises:
        ConfigurationError: for a name that is not known.
    """
    return tuple(getattr(_module_of(name), "FILES", ()))


def facts_of(name: str) -> dict[str, str]:
    """What is to be known of a data set (description, licence, homepage), without reading it.

    Raises:
        ConfigurationError: for a name that is not known.
    """
    key = name if name in DATASETS.names() else name.lower()
    if key in _loaded:
        return _loaded[key].facts
    return dict(getattr(_module_of(name), "FACTS", {}))


def _module_of(name: str) -> ModuleType | None:
    """Where a data set's loader is defined; None where that is no module, as in executed text."""
    loader = DATASETS.load(name if name in DATASETS.names() else name.lower())
    return sys.modules.get(getattr(loader, "__module__", __name__))


__all__ = [
    "DATASETS",
    "Catalogue",
    "Dataset",
    "ItemGraph",
    "PreferenceWriter",
    "Resolution",
    "facts_of",
    "load",
    "normalise",
    "register_dataset",
    "source_files",
    "write_preference",
]
