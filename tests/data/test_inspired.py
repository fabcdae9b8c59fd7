"""INSPIRED, to the exact counts of the protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from crsgym.data import inspired, load
from crsgym.data.dataset import Dataset
from crsgym.data.inspired import FILES, load_inspired
from crsgym.errors import DataError
from crsgym.types import Attribute, Utterance

NAMESPACE = "<http://dbpedia.org/resource/{}>"
real = pytest.mark.requires_dataset("inspired")


def link(name: str) -> str:
    return NAMESPACE.format(name)


def line(role: str, text: str, **lists: list[str]) -> dict[str, Any]:
    fields = ("movie", "movie_link", "movie_name", "entity_link", "entity_name")
    return {"role": role, "text": text, **{field: lists.get(field, []) for field in fields}}


def films(names: list[str], links: list[str], words: list[str]) -> dict[str, list[str]]:
    return {"movie": names, "movie_link": [link(k) for k in links], "movie_name": words}


ENTITIES = [
    "Joker_(2019_film)",
    "What_Lies_Beneath",
    "What_Lies_Beneath_(Episode)",
    "Happy_Days",
    "Joaquin_Phoenix",
    "Drama_(film_and_television)",
    "Nothing_Known_(1990_film)",
    "Todd_Phillips__PersonFunction__1",
]
DIALOGUE = [
    line("RECOMMENDER", "Hi!", **films(["Joker (2019)"], ["Joker_(2019_film)"], ["Joker"])),
    line("SEEKER", "Scary, like Happy Days", entity_name=["Scary"], entity_link=["x"])
    | films(["Happy Days (1974)"], ["Happy_Days"], ["Happy Days"]),
    line("RECOMMENDER", "Two!")
    | films(
        ["Lost (2004)", "What Lies Beneath (2000)", "Joker (2019)"],
        ["What_Lies_Beneath", "Joker_(2019_film)"],
        ["what lies beneath", "joker"],
    ),
    line("SEEKER", "No")
    | films(["What Lies Beneath (2000)"], ["What_Lies_Beneath"], ["What Lies Beneath"]),
    line("RECOMMENDER", "These?")
    | films(
        ["What Lies Beneath (2000)"],
        ["What_Lies_Beneath_(Episode)", "Nothing_Known_(1990_film)"],
        ["beneath", "nothing"],
    ),
]


@pytest.fixture
def files() -> dict[str, Any]:
    return {
        "entity2id.json": {link(name): i for i, name in enumerate(ENTITIES)},
        "item_ids.json": [6, 2, 0, 1],
        "dbpedia_subkg.json": {"0": [[0, 4], [8, 5], [10, 7]], "1": [[8, 5]], "4": [[12, 4]]},
        "relation2id.json": {
            "<http://dbpedia.org/ontology/starring>": 0,
            "<http://dbpedia.org/ontology/genre>": 8,
            "<http://dbpedia.org/ontology/director>": 10,
            "self_loop": 12,
        },
        "movie_kg.json": {
            "Joker (2019)": {
                "genres": ["drama film", "Drama film", "thriller film"],
                "casts": [],
                "directors": ["T. Phillips"],
                "productionCompanies": ["DC Films"],
                "description": "2019 film by Todd Phillips",
                "wiki_name": "Joker: the film",
            },
            "What Lies Beneath (2000)": {"genres": [], "description": [], "wiki_name": []},
        },
        "train_data_dbpedia.jsonl": [DIALOGUE, [line("SEEKER", "Bye")]],
        "valid_data_dbpedia.jsonl": [[line("SEEKER", "Hello")]],
        "test_data_dbpedia.jsonl": [DIALOGUE[:3]],
    }


def load_from(files: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Dataset:
    def read(file: inspired.SourceFile) -> bytes:
        content = files[file.name]
        if isinstance(content, bytes):
            return content
        if file.name.endswith(".jsonl"):
            return b"".join(json.dumps(record).encode() + b"\n" for record in content)
        return json.dumps(content).encode()

    monkeypatch.setattr(inspired, "read", read)
    return load_inspired()


def test_items_are_named_by_the_annotators(
    files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = load_from(files, monkeypatch).catalogue
    # Ascending entity id; the name in another's place and the unconfirmed ones are not taken.
    assert [(item.key, item.title, item.year) for item in catalogue] == [
        ("0", "Joker (2019)", 2019),
        ("1", "What Lies Beneath (2000)", 2000),
        ("2", "What Lies Beneath (Episode)", None),
        ("6", "Nothing Known (1990)", 1990),
    ]


def test_wikimkg_first_then_dbpedia(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    joker, beneath, _, nothing = load_from(files, monkeypatch).catalogue
    assert joker.attributes == (
        Attribute("genre", "drama"),
        Attribute("genre", "thriller"),
        Attribute("director", "T. Phillips"),
        Attribute("cast", "Joaquin Phoenix"),
        Attribute("company", "DC Films"),
        Attribute("decade", "2010s"),
    )
    assert joker.description == "2019 film by Todd Phillips"
    assert joker.aliases == ("Joker: the film",)
    assert beneath.attributes == (Attribute("genre", "drama"), Attribute("decade", "2000s"))
    assert beneath.description == ""
    assert nothing.attributes == (Attribute("decade", "1990s"),)


def test_utterances(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_from(files, monkeypatch)
    first, empty = data.dialogues("train")
    assert (first.id, empty.id) == ("train-0", "train-1")
    assert first.utterances[1] == Utterance(
        "seeker", "Scary, like Happy Days", (), ("Scary", "Happy Days")
    )
    assert first.utterances[2] == Utterance("recommender", "Two!", (1, 0))


def test_scenarios(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_from(files, monkeypatch)
    assert [(s.id, s.goal.target) for s in data.scenarios("train")] == [
        ("train-0/2/0", 1),
        ("train-0/2/1", 0),
        ("train-0/4/0", 2),
        ("train-0/4/1", 3),
    ]
    assert data.scenarios("valid") == ()
    assert data.target_counts().tolist() == [1, 1, 1, 1]


def test_a_malformed_line_is_named(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    good = json.dumps(DIALOGUE).encode()
    files["valid_data_dbpedia.jsonl"] = good + b'\n[{"role": "SEEKER"}]\n'
    with pytest.raises(DataError, match=r"inspired/valid_data_dbpedia\.jsonl, line 2: .*'text'"):
        load_from(files, monkeypatch)


def test_files_are_pinned() -> None:
    assert len({file.name for file in FILES}) == 8
    for file in FILES:
        assert len(file.sha256) == 64
        assert file.size
        assert file.url.startswith("https://raw.githubusercontent.com/")


@real
def test_the_counts_of_the_protocol() -> None:
    data = load("inspired")
    trained = data.target_counts()
    counts = {}
    for split in data.splits:
        scenarios = data.scenarios(split)
        counts[split] = (
            len(data.dialogues(split)),
            len({s.dialogue_id for s in scenarios}),
            len(scenarios),
            sum(any(s.goal.target in u.items for u in s.dialogue) for s in scenarios),
        )
    assert counts == {
        "train": (801, 731, 2094, 353),
        "valid": (99, 94, 273, 60),
        "test": (99, 91, 256, 42),
    }
    assert sum(trained[s.goal.target] == 0 for s in data.scenarios("test")) == 85
    assert len(data.catalogue) == 1123
    described = sum(bool(item.values("genre", "director", "cast")) for item in data.catalogue)
    assert described == 1116


@real
def test_items_are_in_the_order_of_their_ids() -> None:
    keys = [int(item.key) for item in load("inspired").catalogue]
    assert keys == sorted(keys)


@real
def test_well_known_films() -> None:
    catalogue = load("inspired").catalogue
    index = catalogue.resolve("Knives Out").item
    assert index is not None
    item = catalogue[index]
    assert item.title == "Knives Out (2019)"
    assert "Rian Johnson" in item.values("director")
    assert "2010s" in item.values("decade")
    # Two entities of the protocol are called so, and both keep their own title.
    assert catalogue.resolve("The Matrix (1999)").how == "exact"
    assert catalogue.resolve("matrix").how == "ambiguous"


def metrics(ranks: list[int]) -> list[float]:
    """R@1, R@10, NDCG@10 and MRR@10 of ranks from 1."""
    r = np.array(ranks)
    found = r <= 10
    values = [
        (r == 1).mean(),
        found.mean(),
        (found / np.log2(r + 1)).mean(),
        (found / r).mean(),
    ]
    return [round(float(value), 3) for value in values]


@real
def test_the_baselines_of_the_protocol() -> None:
    data = load("inspired")
    popular = np.argsort(-data.target_counts(), kind="stable").tolist()
    popularity, copy = [], []
    for scenario in data.scenarios("test"):
        mentioned = [i for u in scenario.dialogue for i in u.items]
        order = list(dict.fromkeys([*reversed(mentioned), *popular]))
        copy.append(order.index(scenario.goal.target) + 1)
        popularity.append(popular.index(scenario.goal.target) + 1)
    assert metrics(popularity) == [0.043, 0.148, 0.094, 0.077]
    assert metrics(copy) == [0.117, 0.262, 0.187, 0.164]
