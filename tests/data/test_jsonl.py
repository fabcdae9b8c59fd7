"""A user's own data: what is wrong with it is said with file, line and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import crsgym
from crsgym.data import DATASETS
from crsgym.data.jsonl import load_jsonl
from crsgym.errors import ConfigurationError, DataError, MissingSplitError
from crsgym.types import Attribute, Item, Utterance

EMMA = {"key": "b1", "title": "Emma", "year": 1815, "attributes": {"genre": ["romance novel"]}}
DUNE = {"key": "b2", "title": "Dune (1965)", "aliases": ["Arrakis"], "description": "Sand."}
SEEKER = {"role": "seeker", "text": "Not b2 again", "items": ["b2"], "entities": ["sand"]}
ANSWER = {"role": "recommender", "text": "Emma, or Dune!", "items": ["b1", "b2"]}
TALK = {"id": "d1", "utterances": [SEEKER, ANSWER]}


def write(folder: Path, **files: list[Any] | str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        if isinstance(content, list):
            content = "".join(json.dumps(record) + "\n" for record in content)
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{name}.jsonl").write_bytes(data)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "books", items=[EMMA, DUNE], train=[TALK])


def test_reads(folder: Path) -> None:
    data = load_jsonl(folder)
    assert (data.name, data.splits) == ("books", ("train",))
    assert list(data.catalogue) == [
        Item(
            "b1",
            "Emma (1815)",
            1815,
            (Attribute("genre", "romance novel"), Attribute("decade", "1810s")),
        ),
        Item("b2", "Dune (1965)", 1965, (Attribute("decade", "1960s"),), "Sand.", ("Arrakis",)),
    ]
    (dialogue,) = data.dialogues("train")
    assert dialogue.utterances == (
        Utterance("seeker", "Not b2 again", (1,), ("sand",)),
        Utterance("recommender", "Emma, or Dune!", (0, 1)),
    )
    assert [s.id for s in data.scenarios("train")] == ["d1/1/0", "d1/1/1"]


def test_a_test_split_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DATASETS, "_entries", dict(DATASETS._entries))
    crsgym.register_dataset("test-only", write(tmp_path / "own", items=[EMMA, DUNE], test=[TALK]))
    crsgym.register_env("TestOnly-v0", "test-only")
    options: Any = {"split": "test", "num_candidates": 2, "list_length": 2}
    with pytest.warns(UserWarning, match="'lexical' cannot be fitted, so this is 'content'"):
        env = crsgym.make("TestOnly-v0", **options)
    observation, _ = env.reset(seed=0)
    _, reward, *_ = env.step(crsgym.format_answer(observation["candidates"]))
    assert reward > 2
    with pytest.warns(UserWarning, match="'content'"):
        report = crsgym.evaluate("retriever", "TestOnly-v0", turns=2, replicates=100, **options)
    assert list(report.masks) == ["all", "new", "repeat"]
    with (
        pytest.warns(UserWarning, match="'content'"),
        pytest.raises(MissingSplitError, match="copy go by, needs the train split: unknown split"),
    ):
        crsgym.evaluate("copy", "TestOnly-v0", turns=2, replicates=100, **options)


def test_an_own_decade_stays(folder: Path) -> None:
    write(folder, items=[EMMA | {"attributes": {"decade": ["Regency"]}}, DUNE])
    assert load_jsonl(folder).catalogue[0].attributes == (Attribute("decade", "Regency"),)


def test_facts(folder: Path) -> None:
    (folder / "facts.json").write_text('{"licence": "CC0"}')
    assert load_jsonl(folder).facts == {"licence": "CC0"}


def test_a_noun_for_the_items(folder: Path) -> None:
    before = load_jsonl(folder)
    write(folder, items=[EMMA | {"attributes": {"genre": ["crime novel", "war film"]}}, DUNE])
    (folder / "facts.json").write_text('{"item": "novel"}')
    novels = load_jsonl(folder)
    assert novels.facts == {"item": "novel"}
    assert novels.catalogue[0].values("genre") == ("crime", "war")
    books = load_jsonl(folder, item="book")
    assert books.facts == {"item": "book"}
    assert books.catalogue[0].values("genre") == ("crime novel", "war")
    assert len({data.fingerprint for data in (before, novels, books)}) == 3


def test_a_noun_that_is_none(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected a noun .* got 'a \{np\}'"):
        load_jsonl(folder, item="a {np}")
    (folder / "facts.json").write_text('{"item": "one of many old books"}')
    with pytest.raises(DataError, match=r"facts\.json: 'item' is what the items are called"):
        load_jsonl(folder)


def test_byte_order_marks_windows_lines_and_empty_lines(folder: Path) -> None:
    before = load_jsonl(folder)
    text = "\n\n".join(json.dumps(item, ensure_ascii=False) for item in (EMMA, DUNE))
    write(folder, items=b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert list(load_jsonl(folder).catalogue) == list(before.catalogue)


def test_fingerprint_is_of_every_byte(folder: Path) -> None:
    first = load_jsonl(folder).fingerprint
    assert load_jsonl(folder).fingerprint == first
    write(folder, train=[TALK, TALK | {"id": "d2"}])
    second = load_jsonl(folder).fingerprint
    write(folder, train=[TALK], test=[TALK])
    assert len({first, second, load_jsonl(folder).fingerprint}) == 3


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("{", r"items\.jsonl, line 1: not JSON \(.*\); expected \{\"key\": \"b1\", "),
        ("[]", r"items\.jsonl, line 1: Expected 'object', got 'array'; expected \{"),
        ('{"title": "X"}', r"line 1: .*missing required field 'key'; expected \{"),
        ('{"key": 1, "title": "X"}', r"line 1: Expected 'str', got 'int' - at '\$\.key'"),
        ('{"key": " ", "title": "X"}', r"line 1: Expected 'str' matching regex .* - at '\$\.key'"),
        ('{"key": "a", "title": "X", "yaer": 1}', r"line 1: .*unknown field 'yaer'; expected \{"),
        (
            '{"key": "a", "title": "X", "year": "1999"}',
            r"line 1: Expected 'int \| null', got 'str'",
        ),
        ('{"key": "a", "title": "X", "year": 99999}', r"line 1: Expected 'int' <= 9999"),
        (
            '{"key": "a", "title": "X", "attributes": {"genre": "x"}}',
            r"Expected 'array', got 'str'",
        ),
        ('{"key": "a", "title": "X (1990)", "year": 1991}', "line 1: the title says 1990 and the"),
        (b'{"key": "a", "title": "\xff"}', r"line 1: .*"),
        (
            '{"key": "a", "title": "X"}\n\n{"key": "a", "title": "Y"}',
            "line 3: line 1 has the key 'a' already",
        ),
        (
            '{"key": "a", "title": "X"}\n{"key": "b", "title": "X"}',
            "line 2: line 1 has the title 'X' already; tell them apart",
        ),
        ("\n", r"items\.jsonl holds no item; write one a line"),
    ],
)
def test_bad_items(folder: Path, items: str | bytes, message: str) -> None:
    write(folder, items=items)
    with pytest.raises(DataError, match=message) as error:
        load_jsonl(folder)
    assert "\n" not in str(error.value)
    assert str(folder / "items.jsonl") in str(error.value)


@pytest.mark.parametrize(
    ("talk", "message"),
    [
        ({"id": "d"}, r"train\.jsonl, line 2: .*missing required field 'utterances'"),
        ({"id": "d", "utterances": []}, r"line 2: Expected 'array' of length >= 1"),
        ({"id": "", "utterances": [SEEKER]}, r"line 2: Expected 'str' of length >= 1"),
        (
            {"id": "d", "utterances": [SEEKER | {"role": "user"}]},
            r"line 2: Invalid enum value 'user' - at '\$\.utterances\[0\]\.role'; expected .* or ",
        ),
        (
            {"id": "d", "utterances": [SEEKER | {"item": []}]},
            r"line 2: .*unknown field 'item' - at '\$\.utterances",
        ),
        (
            {"id": "d", "utterances": [SEEKER, ANSWER | {"items": ["b1", "bb2"]}]},
            r"line 2: utterance 2 mentions the item 'bb2', which is no key of items\.jsonl; "
            r"did you mean 'b2'\?",
        ),
        (
            {"id": "d", "utterances": [ANSWER | {"items": ["zzzz"]}]},
            r"line 2: utterance 1 mentions the item 'zzzz', .*; add it there",
        ),
        (TALK, "line 2: line 1 has the id 'd1' already"),
    ],
)
def test_bad_dialogues(folder: Path, talk: Any, message: str) -> None:
    write(folder, train=[TALK, talk])
    with pytest.raises(DataError, match=message) as error:
        load_jsonl(folder)
    assert "\n" not in str(error.value)
    assert str(folder / "train.jsonl") in str(error.value)


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder; expected one that holds items"):
        load_jsonl(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has no items\.jsonl; write one item a line into it"):
        load_jsonl(tmp_path)
    write(tmp_path, items=[EMMA])
    with pytest.raises(DataError, match=r"has no dialogues; write them into train\.jsonl"):
        load_jsonl(tmp_path)
    write(tmp_path, valid="")
    with pytest.raises(DataError, match=r"valid\.jsonl holds no dialogue; write one a line, or"):
        load_jsonl(tmp_path)


def test_bad_facts(folder: Path) -> None:
    (folder / "facts.json").write_text('{"licence": 1}')
    with pytest.raises(DataError, match=r"facts\.json: Expected 'str', got 'int'"):
        load_jsonl(folder)


@given(
    content=st.binary(max_size=80) | st.text(max_size=80).map(lambda t: t.encode("utf-8", "ignore"))
)
def test_any_bytes_are_data_or_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = write(tmp_path_factory.mktemp("any"), items=content, train=[TALK])
    try:
        assert len(load_jsonl(folder).catalogue) > 0
    except DataError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message
