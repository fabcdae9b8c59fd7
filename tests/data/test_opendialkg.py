"""OpenDialKG: records put together into conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crsgym.data import load, opendialkg
from crsgym.data.dataset import Dataset
from crsgym.data.opendialkg import load_opendialkg
from crsgym.errors import DataError
from crsgym.types import Attribute, Utterance

real = pytest.mark.requires_dataset("opendialkg")

TEXTS = [
    "Do you know Bill Murray?",
    "bill murray is in Meatballs and Caddyshack.",
    "Who else is in MEATBALLS?",
    "Bill Murray again. Try Caddyshack.",
]
INFO = {
    "0": {
        "name": "Meatballs",
        "year": "1979",
        "genre": ["Comedy", "Comedy Film", "Family (Film genre) #395"],
        "director": ["Ivan Reitman"],
        "actor": ["Bill Murray", "Bill Murray"],
        "writer": ["Unknown", "Len Blum (Film writer)"],
        "language": ["English Language", "English"],
    },
    "1": {"name": "Caddyshack", "year": "-700"},
}
FIRST = {
    "dialog_id": 5,
    "turn_id": 1,
    "context": TEXTS[:1],
    "entity": ["Bill Murray"],
    "rec": ["Caddyshack"],
    "resp": TEXTS[1],
}
SECOND = {
    "dialog_id": 5,
    "turn_id": 3,
    "context": TEXTS[:3],
    "entity": ["Bill Murray", "Bill Murray", "Meatballs", "Meatballs"],
    "rec": ["Caddyshack", "The Neon Bible"],
    "resp": TEXTS[3],
}


@pytest.fixture
def files() -> dict[str, bytes]:
    return {
        "entity2id.json": json.dumps({"Caddyshack": 9, "Bill Murray": 2, "Meatballs": 3}).encode(),
        "item_ids.json": b"[9, 3]",
        "id2info.json": json.dumps(INFO).encode(),
        "train_data_processed.jsonl": b"",
        # The order of the records does not matter.
        "valid_data_processed.jsonl": f"{json.dumps(SECOND)}\n{json.dumps(FIRST)}".encode(),
    }


def load_from(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(opendialkg, "read", lambda file: files[file.name])
    return load_opendialkg()


def test_catalogue(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = load_from(files, monkeypatch).catalogue
    assert [(item.key, item.title, item.year) for item in catalogue] == [
        ("3", "Meatballs (1979)", 1979),
        ("9", "Caddyshack", None),
        ("The Neon Bible", "The Neon Bible", None),
    ]
    assert catalogue[0].attributes == (
        Attribute("genre", "Comedy"),
        Attribute("genre", "Family"),
        Attribute("director", "Ivan Reitman"),
        Attribute("cast", "Bill Murray"),
        Attribute("writer", "Len Blum"),
        Attribute("language", "English"),
        Attribute("decade", "1970s"),
    )


def test_one_conversation_of_its_records(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (dialogue,) = load_from(files, monkeypatch).dialogues("valid")
    assert dialogue.id == "valid-5"
    assert dialogue.utterances == (
        Utterance("seeker", TEXTS[0], (), ("Bill Murray",)),
        # What was recommended first, then what else was linked there.
        Utterance("recommender", TEXTS[1], (1, 0), ("Bill Murray",)),
        Utterance("seeker", TEXTS[2], (0,)),
        Utterance("recommender", TEXTS[3], (1, 2)),
    )


def test_one_scenario_per_record_and_film(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_from(files, monkeypatch)
    # "Meatballs" stands in the first response too, and was not recommended there.
    assert [(s.id, s.goal.target, len(s.dialogue)) for s in data.scenarios("valid")] == [
        ("valid-5/1/0", 1, 1),
        ("valid-5/3/0", 1, 3),
        ("valid-5/3/1", 2, 3),
    ]
    with_preferences = data.with_preferences(lambda item, dialogue: item.key)
    assert [s.goal.preference for s in with_preferences.scenarios("valid")] == [
        "9",
        "9",
        "The Neon Bible",
    ]


def test_who_speaks() -> None:
    assert [opendialkg._role(i, 3) for i in range(4)] == [
        "seeker",
        "recommender",
        "seeker",
        "recommender",
    ]
    # Somebody spoke twice in a row: the seeker opens all the same.
    assert [opendialkg._role(i, 4) for i in range(5)] == [
        "seeker",
        "seeker",
        "recommender",
        "seeker",
        "recommender",
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (SECOND | {"turn_id": 2}, r"line 1: turn_id is 2, and the context has 3 strings"),
        (FIRST | {"turn_id": 0, "context": []}, "line 1: turn_id is 0"),
        (FIRST | {"rec": "Meatballs"}, r"line 1: Expected 'array', got 'str'"),
    ],
)
def test_damage(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, record: Any, message: str
) -> None:
    files["valid_data_processed.jsonl"] = json.dumps(record).encode()
    with pytest.raises(DataError, match=message):
        load_from(files, monkeypatch).dialogues("valid")


def test_records_that_do_not_belong_together(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FIRST | {"resp": "Something else"}
    files["valid_data_processed.jsonl"] = f"{json.dumps(SECOND)}\n{json.dumps(other)}".encode()
    with pytest.raises(DataError, match="conversation 5: its records at 1 and 3 are not the same"):
        load_from(files, monkeypatch).dialogues("valid")


@real
def test_the_counts_of_the_protocol() -> None:
    data = load("opendialkg")
    assert len(data.scenarios("train")) == 5893
    assert len(data.scenarios("valid")) == 1254
    assert len(data.dialogues("train")) == 4100
    assert len(data.dialogues("valid")) == 1124
    assert len(data.catalogue) == 2965 + 1
    assert len({s.id for s in data.scenarios("train")}) == 5893


@real
def test_every_name_of_the_source_is_placed_where_it_is_said() -> None:
    data = load("opendialkg")
    placed = strays = 0
    for scenario in data.scenarios("valid"):
        for utterance in scenario.dialogue:
            for name in utterance.entities:
                placed += 1
                strays += name.casefold() not in utterance.text.casefold()
    assert placed > 1000
    assert strays == 0
