"""Counts that can be checked against the protocol."""

from __future__ import annotations

import json

import pytest

from crsgym.data import load
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.stats import count
from crsgym.errors import DataError, DownloadError
from crsgym.types import Attribute, Dialogue, Item, Utterance


def small(**splits: object) -> Dataset:
    items = [
        Item("a", "A (1999)", 1999, (Attribute("genre", "war"),)),
        Item("b", "B", attributes=(Attribute("writer", "W"),)),
        Item("c", "C", attributes=(Attribute("writer", "W"),)),
    ]
    return Dataset("small", Catalogue(items), splits, fingerprint="f")  # type: ignore[arg-type]


def talk(name: str, *items: int) -> Dialogue:
    return Dialogue(
        name, (Utterance("seeker", "A?", (0,)), Utterance("recommender", "These", items))
    )


def absent() -> list[Dialogue]:
    raise DownloadError("no network")


def damaged() -> list[Dialogue]:
    raise DataError("wrong checksum")


def test_golden() -> None:
    counts = count(small(train=[talk("x", 0, 1), talk("y")], test=[talk("z", 0, 1, 2)]))
    assert counts == {
        "name": "small",
        "fingerprint": "f",
        "items": 3,
        "items_with_genre_director_or_cast": 1,
        "items_with_year": 1,
        "attributes": 2,
        "edges": 3,
        "splits": {
            "train": {
                "dialogues": 1,
                "recorded_dialogues": 2,
                "utterances": 4,
                "instances": 2,
                "new": 1,
                "repeat": 1,
                "cold": 0,
            },
            "test": {
                "dialogues": 1,
                "recorded_dialogues": 1,
                "utterances": 2,
                "instances": 3,
                "new": 2,
                "repeat": 1,
                "cold": 1,
            },
        },
        "unavailable": {},
    }
    assert json.loads(json.dumps(counts)) == counts


def test_an_absent_split_is_said() -> None:
    counts = count(small(train=absent, test=[talk("z", 2)]))
    assert counts["unavailable"] == {"train": "no network"}
    assert counts["splits"]["test"]["instances"] == 1
    assert counts["splits"]["test"]["cold"] is None


def test_a_damaged_split_is_an_error() -> None:
    with pytest.raises(DataError, match="wrong checksum"):
        count(small(train=[talk("x", 0)], test=damaged))


@pytest.mark.requires_dataset("inspired")
def test_the_protocol() -> None:
    counts = count(load("inspired"))
    assert counts["items"] == 1123
    assert counts["items_with_genre_director_or_cast"] >= 1100
    assert {
        split: (c["dialogues"], c["instances"], c["repeat"], c["cold"])
        for split, c in counts["splits"].items()
    } == {
        "train": (731, 2094, 353, 0),
        "valid": (94, 273, 60, 87),
        "test": (91, 256, 42, 85),
    }
