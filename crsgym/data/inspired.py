"""INSPIRED (Hayati et al., EMNLP 2020): people recommend films to each other.

Read as the UniCRS / DCRS / MSCRS lineage reads it: 1,123 items, in ascending order of entity id.
Attributes come from WikiMKG (KERL, arXiv 2312.10967), matched by title and year; a kind of
attribute that WikiMKG lacks for an item comes from DBpedia. Films that are linked but are no items
of the protocol stay, as entities. The links have noise ("November 22" links to *November (2005)*),
which stays because the protocol keeps it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal
from urllib.parse import unquote

import msgspec

from crsgym.data.attributes import attributes
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.download import SourceFile, fingerprint, read
from crsgym.data.parsing import decode, decode_lines
from crsgym.data.titles import distinct_titles, normalise, split_year
from crsgym.types import Dialogue, Item, Role, Utterance

VERSION = 1
"""Raised when the same files are read into something else."""

_LLMKB = (
    "https://raw.githubusercontent.com/BitbanChou/LLMKB/"
    "d9250756a46e3cd46883cf49b192d1a63e539a17/data/inspired"
)
_KERL = (
    "https://raw.githubusercontent.com/icedpanda/KERL/"
    "dc0308f9cf2db0f29c571ebefac125e35fdbc659/data/inspired/wiki"
)


def _file(name: str, sha256: str, size: int, base: str = _LLMKB) -> SourceFile:
    return SourceFile("inspired", name, f"{base}/{name}", sha256=sha256, size=size)


_ENTITIES = _file(
    "entity2id.json", "6ea0f59be9da55a78e2b48eff35928bf62a7232d143eb905d350ed38268583d2", 1060452
)
_ITEMS = _file(
    "item_ids.json", "6e300dc6b89ab483f1474ee550e94709cdbcd09354928546fa32dc3b48fe12c1", 7100
)
_DBPEDIA = _file(
    "dbpedia_subkg.json", "33245f36bdded33368a7988fe340dd3cb4bc0d8156a6afee56226741cb647a19", 541881
)
_RELATIONS = _file(
    "relation2id.json", "6a36fdf987d0597e8346c6d9a0e6333b6d3aea67cfe03bebce0114a0deaabda1", 578
)
_WIKIMKG = _file(
    "movie_kg.json",
    "c2f5e9c250323f570ec8e99facb6d6ab97ff1cea18dc3f59f7dc9290f65f5c86",
    1073972,
    _KERL,
)
_DIALOGUES = {
    "train": _file(
        "train_data_dbpedia.jsonl",
        "f185878d61f4cf95036711612befbec2e587b42fcb7bf855fba3af08016e7743",
        3965124,
    ),
    "valid": _file(
        "valid_data_dbpedia.jsonl",
        "8cde8cf7f55d4f2a71f1c7c8e4b921ca9caaee615999fd3728c7bea214b01839",
        484801,
    ),
    "test": _file(
        "test_data_dbpedia.jsonl",
        "d1ab79e33858224983de938f6401a18fab7bd99bb4580512fbe804459539f593",
        476786,
    ),
}
FILES: tuple[SourceFile, ...] = (
    *_DIALOGUES.values(), _ENTITIES, _ITEMS, _DBPEDIA, _RELATIONS, _WIKIMKG,
)  # fmt: skip

FACTS: dict[str, str] = {
    "title": "INSPIRED",
    "item": "film",
    "description": "999 dialogues in which one person recommends films to another",
    "homepage": "https://github.com/sweetpeach/Inspired",
    "licence": "not stated with the processed files; see the homepage",
    "citation": "Hayati et al., INSPIRED: Toward Sociable Recommendation Dialog Systems (2020)",
}

_ROLES: dict[str, Role] = {"RECOMMENDER": "recommender", "SEEKER": "seeker"}
_DBPEDIA_KINDS = {
    "genre": "genre",
    "director": "director",
    "starring": "cast",
    "writer": "writer",
    "productionCompany": "company",
}
_BRACKETED = re.compile(r"\s*\([^)]*\)$")


class _Utterance(msgspec.Struct):
    text: str
    role: Literal["RECOMMENDER", "SEEKER"]
    movie: list[str]
    movie_link: list[str]
    movie_name: list[str]
    entity_link: list[str]
    entity_name: list[str]


class _Film(msgspec.Struct):
    genres: list[str] = []
    directors: list[str] = []
    casts: list[str] = []
    productionCompanies: list[str] = []  # noqa: N815  # the source's name
    # The source writes an empty list for what it does not know.
    description: str | list[str] = ""
    wiki_name: str | list[str] = ""


_Lines = Sequence[list[_Utterance]]


def load_inspired() -> Dataset:
    """INSPIRED; splits train, valid, test with 2,094, 273 and 256 scenarios.

    Raises:
        DataError: when a file is damaged, or absent and cannot be fetched.
    """
    recorded = {split: _read_lines(file) for split, file in _DIALOGUES.items()}
    ids = decode(read(_ENTITIES), dict[str, int], _ENTITIES.relative)
    kept = sorted(set(decode(read(_ITEMS), list[int], _ITEMS.relative)))
    links = {i: link for link, i in ids.items()}
    names = _names(recorded, {links[i] for i in kept})
    films = decode(read(_WIKIMKG), dict[str, _Film], _WIKIMKG.relative)
    facts = _dbpedia(links, kept)
    items = [_item(i, links[i], names.get(links[i]), films, facts[i]) for i in kept]
    catalogue = Catalogue(distinct_titles(items))
    index = {links[i]: place for place, i in enumerate(kept)}
    splits: dict[str, Callable[[], tuple[Dialogue, ...]]] = {
        split: partial(_dialogues, split, lines, index) for split, lines in recorded.items()
    }
    return Dataset(
        "inspired",
        catalogue,
        splits,
        fingerprint=fingerprint(FILES, VERSION),
        facts=FACTS,
    )


def _read_lines(file: SourceFile) -> _Lines:
    return [line for _, line in decode_lines(read(file), list[_Utterance], file.relative)]


def _label(link: str) -> str:
    """The readable part of a DBpedia address, brackets and all."""
    name = unquote(link.strip("<>").split("/resource/", 1)[-1]).split("__", 1)[0]
    return name.replace("_", " ").strip()


def _names(recorded: Mapping[str, _Lines], kept: set[str]) -> dict[str, str]:
    """What the annotators called the film behind each link; each name belongs to one link.

    ``movie`` and ``movie_link`` of an utterance are not always parallel, so a name counts for a
    link only if it reads like the link's label or like the words that were linked; of those the
    one most often in the link's own place wins.
    """
    beside: dict[str, Counter[str]] = defaultdict(Counter)
    parallel: Counter[tuple[str, str]] = Counter()
    words: dict[str, set[str]] = defaultdict(set)
    for lines in recorded.values():
        for utterance in (u for line in lines for u in line):
            in_place = len(utterance.movie) == len(utterance.movie_link)
            for place, link in enumerate(utterance.movie_link):
                if link in kept:
                    beside[link].update(utterance.movie)
                    if in_place:
                        parallel[link, utterance.movie[place]] += 1
                    if place < len(utterance.movie_name):
                        words[link].add(normalise(utterance.movie_name[place]))
    claims: dict[str, list[tuple[tuple[bool, int, int], str]]] = defaultdict(list)
    for link, seen in beside.items():
        label = normalise(_BRACKETED.sub("", _label(link)))
        scored = []
        for name, times in seen.items():
            bare = normalise(split_year(name)[0])
            if bare == label or bare in words[link]:
                scored.append(((bare == label, parallel[link, name], times), name))
        if scored:
            score, name = max(scored)
            claims[name].append((score, link))
    return {max(claimants)[1]: name for name, claimants in claims.items()}


def _dbpedia(links: Mapping[int, str], kept: Sequence[int]) -> dict[int, dict[str, list[str]]]:
    """Attribute values of each item, by kind."""
    graph = decode(read(_DBPEDIA), dict[int, list[tuple[int, int]]], _DBPEDIA.relative)
    relations = decode(read(_RELATIONS), dict[str, int], _RELATIONS.relative)
    kinds = {
        number: _DBPEDIA_KINDS[name]
        for relation, number in relations.items()
        if (name := relation.strip("<>").rsplit("/", 1)[-1]) in _DBPEDIA_KINDS
    }
    facts: dict[int, dict[str, list[str]]] = {}
    for item in kept:
        values: dict[str, list[str]] = defaultdict(list)
        for relation, tail in graph.get(item, ()):
            if relation in kinds:
                kind = kinds[relation]
                label = _BRACKETED.sub("", _label(links[tail]))
                values[kind].append(label.lower() if kind == "genre" else label)
        facts[item] = values
    return facts


def _item(
    entity: int,
    link: str,
    name: str | None,
    films: Mapping[str, _Film],
    dbpedia: Mapping[str, list[str]],
) -> Item:
    label = _label(link)
    film = films.get(name) if name is not None else None
    bare, year = split_year(name if name is not None else label)
    title = f"{bare} ({year})" if year is not None else bare
    values: dict[str, list[str]] = {kind: [] for kind in _DBPEDIA_KINDS.values()}
    if film is not None:
        values["genre"] = film.genres
        values["director"] = film.directors
        values["cast"] = film.casts
        values["company"] = film.productionCompanies
    for kind, own in values.items():
        if not own:
            values[kind] = dbpedia.get(kind, [])
    description = _known(film.description) if film is not None else ""
    others = [_BRACKETED.sub("", label), _known(film.wiki_name) if film is not None else ""]
    return Item(
        key=str(entity),
        title=title,
        year=year,
        attributes=attributes(values, year),
        description=description,
        aliases=tuple(
            {normalise(o): o for o in others if o and normalise(o) != normalise(bare)}.values()
        ),
    )


def _known(text: str | list[str]) -> str:
    return text if isinstance(text, str) else ""


def _dialogues(split: str, lines: _Lines, index: Mapping[str, int]) -> tuple[Dialogue, ...]:
    return tuple(
        Dialogue(f"{split}-{number}", tuple(_utterance(u, index) for u in line))
        for number, line in enumerate(lines)
    )


def _utterance(record: _Utterance, index: Mapping[str, int]) -> Utterance:
    items = tuple(index[link] for link in record.movie_link if link in index)
    films = [_BRACKETED.sub("", _label(link)) for link in record.movie_link if link not in index]
    return Utterance(_ROLES[record.role], record.text, items, (*record.entity_name, *films))


__all__ = ["FACTS", "FILES", "VERSION", "load_inspired"]
