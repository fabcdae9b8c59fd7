"""ReDial from its official schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crsgym.data import load, redial
from crsgym.data.dataset import Dataset
from crsgym.data.redial import FILES, load_redial
from crsgym.errors import DataError
from crsgym.types import Attribute, Utterance

real = pytest.mark.requires_dataset("redial")

MOVIES = """movieId,movieName,nbMentions
200,"Good, the Bad  (1966)",3
100,What About Bob%3F (1991),1
300,Frozen (2010),1
301,Frozen  (2010),35
302,The Mummy,2
"""
FACTS = {
    "100": {
        "name": "What About Bob? (1991)",
        "genre": ["comedy"],
        "plot": "A patient follows.",
        "director": ["Frank Oz"],
        "writer": ["Tom Schulman"],
        "star": ["Bill Murray"],
        "imdb_id": "tt0103241",
    },
    "200": {"name": "The Good, the Bad and the Ugly", "genre": [], "plot": None},
    "300": {"name": "Frozen (2010)", "director": ["Adam Green"]},
    "301": {"name": "Frozen (2010)", "director": ["Adam Green"]},
}


def message(sender: int, text: str) -> dict[str, Any]:
    return {"senderWorkerId": sender, "text": text, "timeOffset": 0, "messageId": 1}


CONVERSATION = {
    "conversationId": "42",
    "initiatorWorkerId": 7,
    "respondentWorkerId": 9,
    "movieMentions": {"100": "What About Bob?  (1991)", "999": "Not Listed (1980)", "998": None},
    "initiatorQuestions": {},
    "respondentQuestions": [],
    "messages": [
        message(9, "Hello"),
        message(7, "Hi"),
        message(7, "like @100 or @999 or @998"),
        message(9, "@200!"),
        message(9, "or @301, @100"),
        message(7, "thanks"),
    ],
}


@pytest.fixture
def files() -> dict[str, Any]:
    return {
        "movies_with_mentions.csv": MOVIES.encode(),
        "id2info.json": json.dumps(FACTS).encode(),
        "train_data.jsonl": json.dumps(CONVERSATION).encode(),
    }


def load_from(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(redial, "read", lambda file: files[file.name])
    return load_redial()


def test_catalogue(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = load_from(files, monkeypatch).catalogue
    assert [(item.key, item.title) for item in catalogue] == [
        ("100", "What About Bob? (1991)"),
        ("200", "Good, the Bad (1966)"),
        ("300", "Frozen (2010, 300)"),
        ("301", "Frozen (2010, 301)"),
        ("302", "The Mummy"),
    ]
    bob, good, _, frozen, mummy = catalogue
    assert bob.attributes == (
        Attribute("genre", "comedy"),
        Attribute("director", "Frank Oz"),
        Attribute("cast", "Bill Murray"),
        Attribute("writer", "Tom Schulman"),
        Attribute("decade", "1990s"),
    )
    assert bob.description == "A patient follows."
    assert good.aliases == ("The Good, the Bad and the Ugly",)
    assert frozen.year == 2010
    assert (mummy.year, mummy.attributes) == (None, ())
    assert catalogue.resolve("Frozen (2010)").candidates == (2, 3)


def test_dialogues(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (dialogue,) = load_from(files, monkeypatch).dialogues("train")
    assert dialogue.id == "42"
    assert dialogue.utterances == (
        Utterance("recommender", "Hello"),
        # An id without a title anywhere stays as it is.
        Utterance("seeker", "Hi like What About Bob? (1991) or Not Listed (1980) or @998", (0,)),
        Utterance(
            "recommender",
            "Good, the Bad (1966)! or Frozen (2010, 301), What About Bob? (1991)",
            (1, 3, 0),
        ),
        Utterance("seeker", "thanks"),
    )


def test_scenarios(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_from(files, monkeypatch)
    assert [(s.id, s.goal.target) for s in data.scenarios("train")] == [
        ("42/2/0", 1),
        ("42/2/1", 3),
        ("42/2/2", 0),
    ]


def test_no_mentions_is_an_empty_list(
    files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    files["train_data.jsonl"] = json.dumps(CONVERSATION | {"movieMentions": []}).encode()
    assert len(load_from(files, monkeypatch).scenarios("train")) == 3


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("movies_with_mentions.csv", b"movieId,name\n1,x\n", "line 2: expected movieId"),
        ("movies_with_mentions.csv", b"movieId,movieName\nx,y\n", "line 2: expected movieId"),
        ("id2info.json", b"[]", r"redial/id2info\.json: Expected 'object', got 'array'"),
    ],
)
def test_damage(
    files: dict[str, Any], monkeypatch: pytest.MonkeyPatch, file: str, content: bytes, message: str
) -> None:
    files[file] = content
    with pytest.raises(DataError, match=message):
        load_from(files, monkeypatch)


def test_a_malformed_line_is_named(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    files["train_data.jsonl"] += b"\n{}\n"
    with pytest.raises(DataError, match=r"redial/train_data\.jsonl, line 2: .*'conversationId'"):
        load_from(files, monkeypatch).scenarios("train")


def test_train_is_known_by_its_git_blob() -> None:
    train, valid, test = FILES[:3]
    assert train.checksum == "git:aec199431196d1abc01d6ccb02d2bc1dd8f6265b"
    assert (valid.size, test.size) == (2880797, 3790112)


@real
def test_real_valid() -> None:
    data = load("redial")
    assert len(data.catalogue) == 6924
    assert sum(bool(i.values("genre", "director", "cast")) for i in data.catalogue) == 6582
    assert len(data.dialogues("valid")) == 1001
    scenarios = data.scenarios("valid")
    # Every @id in a respondent's turn after the first, counted in the raw file.
    assert len(scenarios) == 3947
    assert len({s.id for s in scenarios}) == 3947
    roles = {u.role for d in data.dialogues("valid") for u in d.utterances}
    assert roles == {"seeker", "recommender"}
    for dialogue in data.dialogues("valid"):
        for before, after in zip(dialogue.utterances, dialogue.utterances[1:], strict=False):
            assert before.role != after.role
