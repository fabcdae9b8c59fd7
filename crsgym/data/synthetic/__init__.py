"""A synthetic world: about a thousand invented films and two thousand dialogues, from a seed.

Nothing is downloaded. A user has a latent taste that makes both what is said and what is wanted:
genres, moods, a decade, people, a theme, and how famous a film should be. So the text of a dialogue
predicts its targets, popularity alone predicts them a little, and what was mentioned before is
recommended again about as often as in INSPIRED. Titles have the commas, colons, brackets, accents,
shared names and sequels that make real ones hard to parse.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.synthetic.dialogues import write_dialogue
from crsgym.data.synthetic.films import make_films
from crsgym.errors import ConfigurationError
from crsgym.types import to_json

FACTS = {
    "title": "Synthetic",
    "item": "film",
    "description": "invented films and dialogues about them, made from a seed",
    "homepage": "made by this library",
    "licence": "Apache-2.0",
    "citation": "crsgym: Synthetic-v0, procedurally generated",
}
SPLITS = {"train": 1600, "valid": 200, "test": 200}
"""Dialogues in each split."""
MOST_ITEMS = 5000
"""Beyond that many films the vocabulary runs out of titles."""


@lru_cache(maxsize=4)
def load_synthetic(seed: int = 0, *, items: int = 1000) -> Dataset:
    """The synthetic data set, made on the spot and kept for the process.

    Args:
        seed: of everything; equal arguments make equal data on every platform.
        items: how many films.

    Raises:
        ConfigurationError: when an argument is out of range.
    """
    for name, value, low, high in (("seed", seed, 0, 2**63 - 1), ("items", items, 100, MOST_ITEMS)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigurationError(
                f"synthetic {name}: expected a whole number from {low} to {high}, got {value!r}"
            )
    films = make_films(seed, items)
    splits = {
        split: tuple(write_dialogue(seed, f"{split}-{i:04d}", films) for i in range(count))
        for split, count in SPLITS.items()
    }
    catalogue = Catalogue(film.item(i) for i, film in enumerate(films))
    return Dataset(
        "synthetic",
        catalogue,
        splits,
        fingerprint=hashlib.sha256(to_json([*catalogue]) + to_json(splits)).hexdigest(),
        facts=FACTS,
    )


__all__ = ["MOST_ITEMS", "SPLITS", "load_synthetic"]
