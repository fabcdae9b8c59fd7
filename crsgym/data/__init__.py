"""Data sets by name: INSPIRED, ReDial, OpenDialKG, the synthetic one, and a user's own."""

from __future__ import annotations

from crsgym.data.catalogue import Catalogue, Resolution, normalise
from crsgym.data.dataset import Dataset
from crsgym.data.graph import ItemGraph
from crsgym.data.preference import PreferenceWriter, write_preference
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

_loaded: dict[str, Dataset] = {}


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


__all__ = [
    "DATASETS",
    "Catalogue",
    "Dataset",
    "ItemGraph",
    "PreferenceWriter",
    "Resolution",
    "load",
    "normalise",
    "write_preference",
]
