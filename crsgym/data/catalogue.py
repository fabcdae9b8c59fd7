"""The items that can be recommended, and which of them a written title means.

A title resolves through dictionaries only, from the strictest reading to the loosest: the title as
it stands; the same but for case, accents and spacing; the same after :func:`normalise`; name and
year; name alone where one item bears it; an alias. Where a reading fits several items the answer is
*ambiguous*, with all of them: the catalogue never guesses.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal

from crsgym.data.titles import evened, normalise, same_title_key, split_year
from crsgym.types import Item, to_json

How = Literal["exact", "without_year", "alias", "fuzzy", "ambiguous", "unknown"]

_CACHE_LIMIT = 1 << 16
_FUZZY_MARGIN = 2.0
"""Two items whose similarity differs by no more than this many points are not told apart."""

_LONG = 500
"""A title of so many characters is not read at a glance either."""
_NUMBER = re.compile(r"\d+")
_MARKS = re.compile(r"[\[\]\n]|^(?:\d{1,3}[.):]|[#*•-])")
"""What a list is written with: a title that holds it cannot be read at a glance."""
_ARTICLE = re.compile(r"\s*(?:the|an?)\s*(?:[(,\]\n]|$)", re.IGNORECASE)
"""Behind the comma of another title this could be that one's article: "Matrix, The (1999)"."""


@dataclass(frozen=True)
class Resolution:
    """Which item a text means."""

    item: int | None
    """Index of the item; ``None`` when it is ambiguous or unknown."""
    candidates: tuple[int, ...]
    """Every item the text may mean, in catalogue order: one when resolved, several when ambiguous;
    when unknown, the items of that name whose year is another."""
    how: How


def _index(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    index: dict[str, dict[int, None]] = {}
    for key, item in pairs:
        index.setdefault(key, {})[item] = None
    return {key: tuple(sorted(items)) for key, items in index.items()}


class Catalogue(Sequence[Item]):
    """The items of a data set, in a fixed order; an item's index is its place here.

    Args:
        items: with unique keys and unique titles.

    Raises:
        ValueError: when there is no item, or two share a key or a title.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = tuple(items)
        if not self._items:
            raise ValueError("a catalogue needs at least one item, and got none")
        self.titles: tuple[str, ...] = tuple(item.title for item in self._items)
        """Display titles, in catalogue order."""
        self._by_key = self._unique("key", (item.key for item in self._items))
        self._by_title = self._unique("title", self.titles)
        self._cache: dict[str, Resolution] = {}
        self._fuzzy_cache: dict[tuple[str, float], Resolution] = {}
        names = [name for item in self._items for name in (item.title, *item.aliases)]
        # Longer texts name nothing here, so hostile ones cost nothing.
        self._longest = 4 * max(map(len, names)) + 64

    def _unique(self, what: str, values: Iterable[str]) -> dict[str, int]:
        index: dict[str, int] = {}
        for i, value in enumerate(values):
            if not value.strip():
                raise ValueError(f"item {i} of the catalogue has an empty {what}")
            if index.setdefault(value, i) != i:
                raise ValueError(
                    f"items {index[value]} and {i} of the catalogue share the {what} {value!r}; "
                    f"each needs its own"
                )
        return index

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:  # type: ignore[override]  # no slices
        return self._items[index]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} items, {self.fingerprint[:8]})"

    def titles_of(self, items: Sequence[int]) -> tuple[str, ...]:
        """The display titles of some items, in their order."""
        if len(items) > 1:
            several: tuple[str, ...] = itemgetter(*items)(self.titles)
            return several
        return tuple(self.titles[item] for item in items)

    def index_of_key(self, key: str) -> int:
        """Index of the item with this key.

        Raises:
            KeyError: when no item has it.
        """
        try:
            return self._by_key[key]
        except KeyError:
            raise KeyError(f"no item of the catalogue has the key {key!r}") from None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every item, as hex."""
        return hashlib.sha256(to_json(self._items)).hexdigest()

    @cached_property
    def max_commas(self) -> int:
        """The most commas in any title or alias: how far apart the two ends of one title can be."""
        return max(n.count(",") for item in self._items for n in (item.title, *item.aliases))

    @cached_property
    def comma_heads(self) -> frozenset[str]:
        """The normalised starts of names with a comma: only behind one of them may a name go on."""
        names = (n for item in self._items for n in (item.title, *item.aliases))
        return frozenset(normalise(n.partition(",")[0]) for n in names if "," in n)

    @cached_property
    def plain_titles(self) -> dict[str, int]:
        """Titles that end at the first comma or bracket behind them, to their items.

        Those without commas and brackets with which no longer name begins: written to the letter in
        a list, such a title can mean nothing else, nor can it be the article of the one before it.
        """
        names = [n for item in self._items for n in (item.title, *item.aliases)]
        heads = {normalise(name[:i]) for name in names for i, c in enumerate(name) if c in ",[]"}
        return {
            title: i
            for i, title in enumerate(self.titles)
            if "," not in title
            and not _MARKS.search(title)
            and not _ARTICLE.match(title)
            and normalise(title) not in heads
        }

    @cached_property
    def comma_titles(self) -> dict[str, int]:
        """Titles with commas with which no longer name begins, to their items.

        Written to the letter in a list, with a comma and a word other than an article behind it,
        such a title can mean nothing else.
        """
        keys = sorted({*self._full, *self._named, *self._aliased})

        def ends_here(title: str) -> bool:
            start = same_title_key(f"{title}, x")[:-1]
            after = bisect_right(keys, start)
            return after == len(keys) or not keys[after].startswith(start)

        return {
            title: i
            for i, title in enumerate(self.titles)
            if "," in title
            and len(title) < _LONG
            and not _MARKS.search(title)
            and title.rfind("(") <= title.rfind(")")
            and ends_here(title)
        }

    @cached_property
    def _cased(self) -> dict[str, tuple[int, ...]]:
        return _index((evened(title), i) for i, title in enumerate(self.titles))

    @cached_property
    def _full(self) -> dict[str, tuple[int, ...]]:
        return _index((same_title_key(title), i) for i, title in enumerate(self.titles))

    @cached_property
    def _named(self) -> dict[str, tuple[int, ...]]:
        return _index(
            (same_title_key(split_year(title)[0]), i) for i, title in enumerate(self.titles)
        )

    @cached_property
    def _aliased(self) -> dict[str, tuple[int, ...]]:
        return _index(
            (same_title_key(split_year(alias)[0]), i)
            for i, item in enumerate(self._items)
            for alias in item.aliases
        )

    @cached_property
    def _fuzzy_names(self) -> list[str]:
        return [normalise(split_year(title)[0]) for title in self.titles]

    def resolve(self, text: str) -> Resolution:
        """Which item a written title means; any text is allowed.

        ``how`` is ``"exact"`` when the title agrees, year and all; ``"without_year"`` when one item
        alone bears the name and one side tells no year; ``"alias"`` likewise for another name;
        ``"ambiguous"`` when several items fit equally; else ``"unknown"``.
        """
        found = self._cache.get(text)
        if found is None:
            found = self._resolve(text)
            self._remember(self._cache, text, text, found)
        return found

    def _remember(
        self, cache: dict[Any, Resolution], key: object, text: str, found: Resolution
    ) -> None:
        if len(text) <= self._longest:
            if len(cache) >= _CACHE_LIMIT:
                cache.clear()
            cache[key] = found

    def _resolve(self, text: str) -> Resolution:
        literal = self._by_title.get(text)
        if literal is not None:
            return Resolution(literal, (literal,), "exact")
        text = text.strip()
        if not text or len(text) > self._longest:
            return Resolution(None, (), "unknown")
        if found := self._cased.get(evened(text)):
            return _one(found, "exact")
        name, year = split_year(text)
        full, key = self._full.get(same_title_key(text), ()), same_title_key(name)
        named, aliased = self._named.get(key, ()), self._aliased.get(key, ())
        if year is None:
            if full or named:
                # "Fargo" may be the undated item of that title, and any dated one.
                return _one(sorted({*full, *named}), "exact" if full else "without_year")
            return _one(aliased, "alias")
        if full:
            return _one(full, "exact")
        levels: tuple[tuple[tuple[int, ...], How, How], ...] = (
            (named, "exact", "without_year"),
            (aliased, "alias", "alias"),
        )
        for items, dated_how, undated_how in levels:
            if dated := [i for i in items if self._items[i].year == year]:
                return _one(dated, dated_how)
            if undated := [i for i in items if self._items[i].year is None]:
                return _one(undated, undated_how)
        return Resolution(None, tuple(sorted({*named, *aliased})), "unknown")

    def resolve_fuzzy(self, text: str, cutoff: float = 90.0) -> Resolution:
        """As :meth:`resolve`; where nothing fits, the most similar name (edit distance).

        Args:
            text: a written title.
            cutoff: least similarity, 0 to 100 (``rapidfuzz.fuzz.ratio`` of the normalised names).

        Numbers in the names must agree, so "Toy Story 4" never becomes "Toy Story 3", and so must
        the years where both are told. Items within two points of the best make it ambiguous.
        """
        if not 0 <= cutoff <= 100:
            raise ValueError(f"cutoff must be between 0 and 100, and is {cutoff}")
        found = self.resolve(text)
        if found.how != "unknown" or len(text) > self._longest or not text.strip():
            return found
        key = (text, float(cutoff))
        similar = self._fuzzy_cache.get(key)
        if similar is None:
            similar = self._most_similar(text, cutoff) or found
            self._remember(self._fuzzy_cache, key, text, similar)
        return similar

    def _most_similar(self, text: str, cutoff: float) -> Resolution | None:
        from rapidfuzz import fuzz, process

        name, year = split_year(text)
        query = normalise(name)
        near = process.extract(
            query, self._fuzzy_names, scorer=fuzz.ratio, score_cutoff=cutoff, limit=None
        )
        numbers = _NUMBER.findall(query)
        close = [
            (score, i)
            for match, score, i in near
            if _NUMBER.findall(match) == numbers
            and (year is None or self._items[i].year in (None, year))
        ]
        if not close:
            return None
        best = max(score for score, _ in close)
        return _one(sorted(i for s, i in close if s >= best - _FUZZY_MARGIN), "fuzzy")


def _one(found: Sequence[int], how: How) -> Resolution:
    if len(found) == 1:
        return Resolution(found[0], (found[0],), how)
    return Resolution(None, tuple(found), "ambiguous" if found else "unknown")


__all__ = ["Catalogue", "How", "Resolution", "normalise", "split_year"]
