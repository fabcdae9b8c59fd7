"""Whether a text names an item: by its title, part of it, or something very like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from crsgym.data.titles import normalise, split_year
from crsgym.types import Item

LeakKind = Literal["exact", "without_year", "alias", "fuzzy", "one_word"]
LEAK_KINDS: tuple[LeakKind, ...] = get_args(LeakKind)
_SHORTEST_FUZZY = 8


@dataclass(frozen=True)
class TitleLeak:
    """A title that was said."""

    kind: LeakKind
    """``exact`` with its year, ``without_year``, by an ``alias``, misspelt (``fuzzy``), or
    ``one_word``: a name such as *It* or *Up* without its year, which may be the plain word."""
    said: str
    """The words that name it, as they were compared."""


def find_title_leak(text: str, item: Item, *, cutoff: float = 92.0) -> TitleLeak | None:
    """The clearest way in which a text names an item, or None.

    Whole words are compared after :func:`~crsgym.data.catalogue.normalise`, so case, accents,
    punctuation and a leading article do not hide a title.

    Args:
        text: what was said.
        item: whose title must not be.
        cutoff: similarity, 0 to 100, from which words that are not the title are taken for it.
    """
    said = f" {normalise(text)} "
    name, year = split_year(item.title)
    bare = normalise(name)
    if not bare:
        return None
    if year is not None and f" {bare} {year} " in said:
        return TitleLeak("exact", f"{bare} {year}")
    long = " " in bare
    if long and f" {bare} " in said:
        return TitleLeak("exact" if year is None else "without_year", bare)
    aliases = [normalise(split_year(alias)[0]) for alias in item.aliases]
    for alias in aliases:
        if " " in alias and f" {alias} " in said:
            return TitleLeak("alias", alias)
    near = _nearest(said, bare, cutoff) if long and len(bare) >= _SHORTEST_FUZZY else None
    if near is not None:
        return TitleLeak("fuzzy", near)
    for word in (bare, *aliases):
        if word and " " not in word and f" {word} " in said:
            return TitleLeak("one_word", word)
    return None


def _nearest(said: str, name: str, cutoff: float) -> str | None:
    """The run of words most like a name, when it is like enough."""
    from rapidfuzz import fuzz, process

    words, length = said.split(), len(name.split())
    runs = [
        " ".join(words[start : start + size])
        for size in (length - 1, length, length + 1)
        if size > 0
        for start in range(len(words) - size + 1)
    ]
    best = process.extractOne(name, runs, scorer=fuzz.ratio, score_cutoff=cutoff)
    return None if best is None else str(best[0])


__all__ = ["LEAK_KINDS", "LeakKind", "TitleLeak", "find_title_leak"]
