"""A user's own data: a catalogue and dialogues as JSON Lines.

A folder holds ``items.jsonl``, one or more of ``train.jsonl``, ``valid.jsonl`` and ``test.jsonl``,
and, if wanted, ``facts.json`` (homepage, licence, citation, and ``item``, what one of the items is
called: "book"). An item, and a dialogue:

    {"key": "b1", "title": "Emma", "year": 1815, "attributes": {"genre": ["romance"]}}
    {
        "id": "d1",
        "utterances": [
            {"role": "seeker", "text": "Something by Jane Austen?", "entities": ["Jane Austen"]},
            {"role": "recommender", "text": "Then Emma!", "items": ["b1"]},
        ],
    }

(one line each). Everything is checked when the folder is read, and the first thing wrong is
reported with its file and line. Scenarios are cut by :func:`crsgym.data.dataset.recommender_turns`.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from crsgym.data.attributes import attributes
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.parsing import decode, decode_lines
from crsgym.data.titles import split_year
from crsgym.errors import ConfigurationError, DataError
from crsgym.types import Dialogue, Item, Utterance

VERSION = 2
"""Raised when the same files are read into something else."""
SPLITS = ("train", "valid", "test")

_ITEM = (
    '{"key": "b1", "title": "Emma", ["year": 1815, "attributes": {"genre": ["romance"]}, '
    '"description": "...", "aliases": ["..."]]}'
)
_DIALOGUE = (
    '{"id": "d1", "utterances": [{"role": "seeker" or "recommender", "text": "...", '
    '["items": ["b1"], "entities": ["..."]]}]}'
)

_Text = Annotated[str, msgspec.Meta(min_length=1, pattern=r"\S")]


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    key: _Text
    title: _Text
    year: Annotated[int, msgspec.Meta(ge=1, le=9999)] | None = None
    attributes: dict[_Text, list[_Text]] = {}
    description: str = ""
    aliases: list[_Text] = []


class _Utterance(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["seeker", "recommender"]
    text: str
    items: list[str] = []
    entities: list[_Text] = []


class _Dialogue(msgspec.Struct, forbid_unknown_fields=True):
    id: _Text
    utterances: Annotated[list[_Utterance], msgspec.Meta(min_length=1)]


_NOUN = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+){0,2}")
"""One to three words."""


def load_jsonl(folder: str | Path, name: str | None = None, *, item: str | None = None) -> Dataset:
    """Read and check a folder of JSON Lines.

    Args:
        folder: holds ``items.jsonl`` and one file per split.
        name: of the data set; the folder's own by default.
        item: what one of the items is called (``"book"``), in place of what ``facts.json`` says.

    Raises:
        DataError: one line that names the file, the line, what is wrong and what to do.
        ConfigurationError: when ``item`` is not one to three words.
    """
    if item is not None and not (isinstance(item, str) and _NOUN.fullmatch(item)):
        raise ConfigurationError(f"item: expected a noun such as 'book', got {item!r}")
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; expected one that holds items.jsonl")
    contents = {file: (folder / file).read_bytes() for file in _files(folder)}
    facts = _facts(contents.get("facts.json", b"{}"), str(folder / "facts.json"))
    if item is not None and item != facts.get("item"):
        facts = {k: text for k, text in facts.items() if k != "items"} | {"item": item}
        contents["item"] = item.encode()
    noun = facts.get("item", "")
    catalogue = _catalogue(contents["items.jsonl"], str(folder / "items.jsonl"), noun)
    splits = {
        split: _split(contents[f"{split}.jsonl"], str(folder / f"{split}.jsonl"), catalogue)
        for split in SPLITS
        if f"{split}.jsonl" in contents
    }
    return Dataset(
        name or folder.resolve().name,
        catalogue,
        splits,
        fingerprint=_fingerprint(contents),
        facts=facts,
    )


def _files(folder: Path) -> list[str]:
    splits = [f"{split}.jsonl" for split in SPLITS if (folder / f"{split}.jsonl").is_file()]
    if not (folder / "items.jsonl").is_file():
        raise DataError(f"{folder} has no items.jsonl; write one item a line into it")
    if not splits:
        raise DataError(f"{folder} has no dialogues; write them into train.jsonl, one a line")
    facts = ["facts.json"] if (folder / "facts.json").is_file() else []
    return ["items.jsonl", *splits, *facts]


def _facts(content: bytes, where: str) -> dict[str, str]:
    facts = decode(content, dict[str, str], where)
    for key in ("item", "items"):
        if key in facts and not _NOUN.fullmatch(facts[key]):
            raise DataError(
                f"{where}: {key!r} is what the items are called, one to three words such as "
                f"'book' and 'books'; got {facts[key]!r}"
            )
    return facts


def _fingerprint(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(f"jsonl {VERSION}".encode())
    for file, content in sorted(contents.items()):
        digest.update(f"\n{file} {hashlib.sha256(content).hexdigest()}".encode())
    return digest.hexdigest()


def _catalogue(content: bytes, where: str, noun: str) -> Catalogue:
    items: list[Item] = []
    keys: dict[str, int] = {}
    titles: dict[str, int] = {}
    for line, record in decode_lines(content, _Item, where, _ITEM):
        item = _item(record, f"{where}, line {line}", noun)
        first = keys.setdefault(item.key, line)
        if first != line:
            raise DataError(f"{where}, line {line}: line {first} has the key {item.key!r} already")
        first = titles.setdefault(item.title, line)
        if first != line:
            raise DataError(
                f"{where}, line {line}: line {first} has the title {item.title!r} already; "
                f"tell them apart, for example by year"
            )
        items.append(item)
    if not items:
        raise DataError(f"{where} holds no item; write one a line")
    return Catalogue(items)


def _item(record: _Item, where: str, noun: str) -> Item:
    title = " ".join(record.title.split())
    named = split_year(title)[1]
    if record.year is not None and named is not None and record.year != named:
        raise DataError(f"{where}: the title says {named} and the year {record.year}; correct one")
    year = named if record.year is None else record.year
    own_decade = "decade" in record.attributes
    return Item(
        key=record.key,
        title=title if year is None or named is not None else f"{title} ({year})",
        year=year,
        attributes=attributes(record.attributes, None if own_decade else year, noun),
        description=record.description,
        aliases=tuple(record.aliases),
    )


def _split(content: bytes, where: str, catalogue: Catalogue) -> tuple[Dialogue, ...]:
    index = {item.key: i for i, item in enumerate(catalogue)}
    lines: dict[str, int] = {}
    dialogues = []
    for line, record in decode_lines(content, _Dialogue, where, _DIALOGUE):
        first = lines.setdefault(record.id, line)
        if first != line:
            raise DataError(f"{where}, line {line}: line {first} has the id {record.id!r} already")
        dialogues.append(_dialogue(record, index, f"{where}, line {line}"))
    if not dialogues:
        raise DataError(f"{where} holds no dialogue; write one a line, or delete the file")
    return tuple(dialogues)


def _dialogue(record: _Dialogue, index: Mapping[str, int], where: str) -> Dialogue:
    utterances = []
    for number, utterance in enumerate(record.utterances, start=1):
        for key in utterance.items:
            if key not in index:
                near = difflib.get_close_matches(key, index, n=1)
                hint = f"did you mean {near[0]!r}?" if near else "add it there"
                raise DataError(
                    f"{where}: utterance {number} mentions the item {key!r}, "
                    f"which is no key of items.jsonl; {hint}"
                )
        items = tuple(index[key] for key in utterance.items)
        entities = tuple(utterance.entities)
        utterances.append(Utterance(utterance.role, utterance.text, items, entities))
    return Dialogue(record.id, tuple(utterances))


__all__ = ["SPLITS", "VERSION", "load_jsonl"]
