"""OpenDialKG (Moon et al., ACL 2019), films and books, as iEvaLM split it.

The source holds *records*: a context (strings), the names linked in it, the names recommended next
and the response. Records of one conversation are prefixes of each other, so they are put together:

* A conversation is its longest record. Its last string before a response is the seeker's, and
  speakers alternate before that; where that would leave the first string to the recommender (five
  conversations, in which somebody spoke twice in a row) it is the seeker's too.
* Each record gives one scenario per name in ``rec``: its response is the recommender turn, what
  comes before is the dialogue.
* ``entity`` is one list per record, in the order of the text, so each name goes to the next
  utterance whose text contains it, once per utterance. A name of an item is a mention of it (also
  the few that are genres as well: "Drama", "War"), any other is an entity.
* The items are the 2,965 of ``item_ids.json`` in ascending order of id, and *The Neon Bible*, which
  one record recommends though it has no id.

The source drew its split by record: about half of the valid conversations have records in train.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from crsgym.data.attributes import attributes
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset, Instance
from crsgym.data.download import SourceFile, fingerprint, read
from crsgym.data.parsing import decode, decode_lines
from crsgym.data.titles import distinct_titles
from crsgym.errors import DataError
from crsgym.types import Dialogue, Item, Role, Utterance

VERSION = 1
"""Raised when the same files are read into something else."""

_IEVALM = (
    "https://raw.githubusercontent.com/RUCAIBox/iEvaLM-CRS/"
    "162e2f442fb0799550af587dce0285a2d5ca897f/data"
)


def _file(name: str, sha256: str, size: int, folder: str = "opendialkg") -> SourceFile:
    return SourceFile("opendialkg", name, f"{_IEVALM}/{folder}/{name}", sha256=sha256, size=size)


_RECORDS = {
    "train": _file(
        "train_data_processed.jsonl",
        "472243b8c12c8e1eb44598d094e8b6e03a148ce13dc3f58ea9b323ba4ed27018",
        2240515,
        "opendialkg_eval",
    ),
    "valid": _file(
        "valid_data_processed.jsonl",
        "21bbf814ad76f36f058678b1bf4e9a77ca01ca00766bd8eb39780d1163f74bd2",
        484975,
        "opendialkg_eval",
    ),
    "test": _file(
        "test_data_processed.jsonl",
        "055eb9481823517099f0109929ea640662d58287af708e99983d9b97e2ce51a4",
        485220,
        "opendialkg_eval",
    ),
}
_FACTS_FILE = _file(
    "id2info.json", "a8ce8de8c957a1d339c80ff548e13eb32a66ee639243f67bc479ce09ad1c299e", 1032113
)
_ITEMS = _file(
    "item_ids.json", "c7f7d151066c41a2b70d3df9b414e1d3c67ac48e978e222a90319e1dbfa7e98f", 18682
)
_ENTITIES = _file(
    "entity2id.json", "394e2e101463052c6b41f14d87b1420f936528c6f81ed50c22388c51fcda4e81", 310362
)
FILES: tuple[SourceFile, ...] = (*_RECORDS.values(), _FACTS_FILE, _ITEMS, _ENTITIES)

FACTS: dict[str, str] = {
    "title": "OpenDialKG",
    "item": "film",
    "description": "conversations that walk a knowledge graph to a film or a book",
    "homepage": "https://github.com/facebookresearch/opendialkg",
    "licence": "CC BY-NC 4.0",
    "citation": "Moon et al., OpenDialKG: Explainable Conversational Reasoning (ACL 2019)",
}
_UNLISTED = ("The Neon Bible",)
_YEAR = re.compile(r"[12]\d{3}")
# "Family (Film genre) #395", "Timothy Harris (Film writer)"
_NOTE = re.compile(r"\s*(?:\((?:film|tv) [a-z]+\))?(?:\s*#\d+)?$", re.IGNORECASE)
_LANGUAGE = re.compile(r"(?<=\S)\s+Language$")


class _Record(msgspec.Struct):
    dialog_id: int
    turn_id: int
    context: list[str]
    entity: list[str]
    rec: list[str]
    resp: str


class _Work(msgspec.Struct):
    name: str
    year: str = ""
    actor: list[str] = []
    director: list[str] = []
    genre: list[str] = []
    language: list[str] = []
    writer: list[str] = []


_Recommended = dict[str, dict[int, int]]
"""Dialogue id to utterance index to how many of its first items were recommended."""


def load_opendialkg() -> Dataset:
    """OpenDialKG; splits train, valid and test, each read when it is first asked for.

    Train and valid have 5,893 and 1,254 scenarios.

    Raises:
        DataError: when a file is damaged, or absent and cannot be fetched.
    """
    ids = decode(read(_ENTITIES), dict[str, int], _ENTITIES.relative)
    kept = set(decode(read(_ITEMS), list[int], _ITEMS.relative))
    works = decode(read(_FACTS_FILE), dict[str, _Work], _FACTS_FILE.relative)
    by_name = {work.name: work for work in works.values()}
    names = [name for name, i in sorted(ids.items(), key=lambda pair: pair[1]) if i in kept]
    items = [_item(str(ids[name]), by_name.get(name, _Work(name))) for name in names]
    items += [_item(name, _Work(name)) for name in _UNLISTED]
    catalogue = Catalogue(distinct_titles(items))
    index = {name: i for i, name in enumerate((*names, *_UNLISTED))}
    recommended: _Recommended = {}
    splits: dict[str, Callable[[], tuple[Dialogue, ...]]] = {
        split: partial(_dialogues, split, file, index, recommended)
        for split, file in _RECORDS.items()
    }
    return Dataset(
        "opendialkg",
        catalogue,
        splits,
        fingerprint=fingerprint(FILES, VERSION),
        facts=FACTS,
        instances=partial(_instances, recommended),
    )


def _item(key: str, work: _Work) -> Item:
    year = int(work.year) if _YEAR.fullmatch(work.year) else None
    values = {
        "genre": [_NOTE.sub("", genre) for genre in work.genre],
        "director": [_NOTE.sub("", director) for director in work.director],
        "cast": [_NOTE.sub("", actor) for actor in work.actor],
        "writer": [_NOTE.sub("", writer) for writer in work.writer if writer != "Unknown"],
        "language": [_LANGUAGE.sub("", language) for language in work.language],
    }
    title = f"{work.name} ({year})" if year is not None else work.name
    return Item(key, title, year, attributes(values, year))


def _dialogues(
    split: str, file: SourceFile, index: Mapping[str, int], recommended: _Recommended
) -> tuple[Dialogue, ...]:
    conversations: dict[int, list[_Record]] = defaultdict(list)
    for line, record in decode_lines(read(file), _Record, file.relative):
        if record.turn_id != len(record.context) or not record.context:
            raise DataError(
                f"{file.relative}, line {line}: turn_id is {record.turn_id}, and the context has "
                f"{len(record.context)} strings; they must agree and not be 0"
            )
        conversations[record.dialog_id].append(record)
    dialogues = []
    for number, records in conversations.items():
        name = f"{split}-{number}"
        utterances = _utterances(records, index)
        recommended[name] = {
            record.turn_id: sum(title in index for title in record.rec) for record in records
        }
        dialogues.append(Dialogue(name, utterances))
    return tuple(dialogues)


def _utterances(records: Sequence[_Record], index: Mapping[str, int]) -> tuple[Utterance, ...]:
    longest = max(records, key=lambda record: record.turn_id)
    texts = [*longest.context, longest.resp]
    for record in records:
        if [*record.context, record.resp] != texts[: record.turn_id + 1]:
            raise DataError(
                f"OpenDialKG conversation {record.dialog_id}: its records at {record.turn_id} and "
                f"{longest.turn_id} are not the same conversation"
            )
    names: list[list[str]] = [[] for _ in texts]
    for record in records:
        names[record.turn_id].extend(record.rec)
    for place, name in _placed(longest.entity, longest.context):
        if name not in names[place]:
            names[place].append(name)
    return tuple(
        Utterance(
            _role(place, len(longest.context)),
            text,
            tuple(index[name] for name in linked if name in index),
            tuple(name for name in linked if name not in index),
        )
        for place, (text, linked) in enumerate(zip(texts, names, strict=True))
    )


def _placed(entities: Sequence[str], context: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each name with the utterance that it was linked in."""
    texts = [text.casefold() for text in context]
    seen: list[set[str]] = [set() for _ in texts]
    current = 0
    for name in entities:
        holds = [i for i, text in enumerate(texts) if name.casefold() in text]
        fresh = [i for i in holds if i >= current and name not in seen[i]]
        # A name listed more often than texts hold it stays with the last that does.
        place = fresh[0] if fresh else (holds or [current])[-1]
        if fresh:
            current = place
        seen[place].add(name)
        yield place, name


def _role(place: int, response: int) -> Role:
    """Who spoke, counting back from the recommender's response."""
    return "recommender" if (response - place) % 2 == 0 and place > 0 else "seeker"


def _instances(recommended: _Recommended, dialogue: Dialogue) -> Iterator[Instance]:
    turns = recommended[dialogue.id]
    for i in sorted(turns):
        for k, item in enumerate(dialogue.utterances[i].items[: turns[i]]):
            yield i, k, item


__all__ = ["FACTS", "FILES", "VERSION", "load_opendialkg"]
