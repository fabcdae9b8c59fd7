"""ReDial (Li et al., NeurIPS 2018): crowd workers recommend films to each other.

Read from the official schema: consecutive messages of one sender are one utterance, the initiator
is the seeker, and ``@<movieId>`` in the text becomes the film's title. The items are the 6,924
films of ``movies_with_mentions.csv`` in ascending order of movie id; facts about 6,583 of them come
from iEvaLM's ``id2info.json``. Eight titles stand there under two ids: they stay two items, told
apart in the title. The data names no entities besides films, so utterances have none.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby
from urllib.parse import unquote

import msgspec

from crsgym.data.attributes import attributes
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.download import SourceFile, fingerprint, read
from crsgym.data.parsing import decode, decode_lines
from crsgym.data.titles import distinct_titles, normalise, split_year
from crsgym.errors import DataError
from crsgym.types import Dialogue, Item, Utterance

VERSION = 1
"""Raised when the same files are read into something else."""

_KERL = (
    "https://raw.githubusercontent.com/icedpanda/KERL/"
    "dc0308f9cf2db0f29c571ebefac125e35fdbc659/data/redial/raw_redial_dataset"
)
_IEVALM = (
    "https://raw.githubusercontent.com/RUCAIBox/iEvaLM-CRS/"
    "162e2f442fb0799550af587dce0285a2d5ca897f/data/redial"
)
_DIALOGUES = {
    "train": SourceFile(
        "redial",
        "train_data.jsonl",
        f"{_KERL}/train_data.jsonl",
        git_blob="aec199431196d1abc01d6ccb02d2bc1dd8f6265b",
    ),
    "valid": SourceFile(
        "redial",
        "valid_data.jsonl",
        f"{_KERL}/valid_data.jsonl",
        sha256="869cc84a85535853bac768700ff090f384df8523c454450d5fa7a3caf835ddc4",
        size=2880797,
    ),
    "test": SourceFile(
        "redial",
        "test_data.jsonl",
        f"{_KERL}/test_data.jsonl",
        sha256="d7781750787d104ac005e829cc7e6277d25b14644a223b0c2445aaaded6b19ac",
        size=3790112,
    ),
}
_MOVIES = SourceFile(
    "redial",
    "movies_with_mentions.csv",
    f"{_KERL}/movies_with_mentions.csv",
    sha256="6fa9a8be9cdafa5d687cddef74f8cba9b4db384105a615a462143d9550517978",
    size=219778,
)
_FACTS_FILE = SourceFile(
    "redial",
    "id2info.json",
    f"{_IEVALM}/id2info.json",
    sha256="7bdfe9a9c7f1b4d59aa9a5aeba0029071fd5a7232b61c8257212a335ffe424f7",
    size=2745351,
)
FILES: tuple[SourceFile, ...] = (*_DIALOGUES.values(), _MOVIES, _FACTS_FILE)

FACTS: dict[str, str] = {
    "title": "ReDial",
    "item": "film",
    "description": "about 11,000 dialogues in which one person recommends films to another",
    "homepage": "https://redialdata.github.io/website/",
    "licence": "CC BY 4.0",
    "citation": "Li et al., Towards Deep Conversational Recommendations, NeurIPS 2018",
}
_MENTION = re.compile(r"@(\d+)")


class _Message(msgspec.Struct):
    text: str
    senderWorkerId: int  # noqa: N815  # the source's name


class _Conversation(msgspec.Struct):
    conversationId: str  # noqa: N815
    messages: list[_Message]
    initiatorWorkerId: int  # noqa: N815
    # The source writes an empty list where a conversation names no film.
    movieMentions: dict[str, str | None] | list[str] = msgspec.field(  # noqa: N815
        default_factory=dict
    )


class _Film(msgspec.Struct):
    name: str
    genre: list[str] = []
    plot: str | None = None
    director: list[str] = []
    writer: list[str] = []
    star: list[str] = []


def load_redial() -> Dataset:
    """ReDial; splits train, valid and test, each read when it is first asked for.

    Raises:
        DataError: when a file is damaged, or absent and cannot be fetched.
    """
    films = decode(read(_FACTS_FILE), dict[str, _Film], _FACTS_FILE.relative)
    items = [_item(str(i), title, films.get(str(i))) for i, title in sorted(_movies())]
    catalogue = Catalogue(distinct_titles(items))
    splits: dict[str, Callable[[], tuple[Dialogue, ...]]] = {
        split: partial(_dialogues, file, catalogue) for split, file in _DIALOGUES.items()
    }
    return Dataset(
        "redial", catalogue, splits, fingerprint=fingerprint(FILES, VERSION), facts=FACTS
    )


def _movies() -> Iterator[tuple[int, str]]:
    """Movie id and title of every row; the source escapes some characters as in an address."""
    text = read(_MOVIES).decode("utf-8")
    for line, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            yield int(row["movieId"]), " ".join(unquote(row["movieName"]).split())
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise DataError(
                f"{_MOVIES.relative}, line {line}: expected movieId and movieName"
            ) from error


def _item(key: str, title: str, film: _Film | None) -> Item:
    name, year = split_year(title)
    if film is None:
        return Item(key, title, year, attributes({}, year))
    values = {
        "genre": film.genre,
        "director": film.director,
        "cast": film.star,
        "writer": film.writer,
    }
    other = split_year(film.name)[0]
    return Item(
        key,
        title,
        year,
        attributes(values, year),
        description=film.plot or "",
        aliases=(other,) if normalise(other) != normalise(name) else (),
    )


def _dialogues(file: SourceFile, catalogue: Catalogue) -> tuple[Dialogue, ...]:
    index = {item.key: i for i, item in enumerate(catalogue)}
    return tuple(
        Dialogue(record.conversationId, tuple(_utterances(record, catalogue.titles, index)))
        for _, record in decode_lines(read(file), _Conversation, file.relative)
    )


def _utterances(
    record: _Conversation, titles: tuple[str, ...], index: Mapping[str, int]
) -> Iterator[Utterance]:
    named = record.movieMentions if isinstance(record.movieMentions, dict) else {}

    def title(match: re.Match[str]) -> str:
        key = match.group(1)
        if key in index:
            return titles[index[key]]
        return named.get(key) or match.group()

    for sender, messages in groupby(record.messages, key=lambda message: message.senderWorkerId):
        text = " ".join(message.text for message in messages)
        yield Utterance(
            "seeker" if sender == record.initiatorWorkerId else "recommender",
            _MENTION.sub(title, text),
            tuple(index[key] for key in _MENTION.findall(text) if key in index),
        )


__all__ = ["FACTS", "FILES", "VERSION", "load_redial"]
