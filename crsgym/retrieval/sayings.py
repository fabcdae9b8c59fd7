"""Names and attributes of items as they are said in a text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.catalogue import split_year
from crsgym.data.kinds import KNOWN, forms
from crsgym.memo import Table
from crsgym.retrieval.sparse import Arrays, flat, unflat
from crsgym.text.words import Said, singular, words
from crsgym.types import FloatArray, Item

if TYPE_CHECKING:
    from typing_extensions import Self

KINDS: tuple[str, ...] = ("theme", "person", "title", "time")
"""What a phrase says of an item: its genre (or language, tone, ...), its people, name or age."""

_PEOPLE = frozenset({"director", "cast", "writer"})
_UNSAID = frozenset({"company", "decade"})
_LONGEST = 6
_FORM = re.compile(r"\b(film|movie|television|series|program|fiction|show)s?\b", re.IGNORECASE)
_SAID_AS = {
    "science": "sci fi|scifi|science fiction",
    "comedy": "funny|hilarious|laugh",
    "romance": "romantic|love story",
    "romantic comedy": "rom com|romcom",
    "horror": "scary",
    "animated": "animation|cartoon",
    "superhero": "super hero|marvel|dc comics",
    "children": "kid|family",
    "thriller": "suspense|suspenseful",
    "biographical": "biography|biopic|true story",
    "musical": "music",
    "war": "military",
    "mystery": "detective|mysterious",
    "historical": "history",
}
"""Other words for a theme, parted by bars."""


def _stems(text: str) -> list[str]:
    return list(map(singular, words(text)))


def phrases_of(item: Item) -> Iterator[tuple[str, str]]:
    """The phrases that point to an item, as ``(kind, phrase)``; a phrase is stems and blanks."""
    for name in (item.title, *item.aliases):
        yield "title", " ".join(_stems(split_year(name)[0]))
    for attribute in item.attributes:
        if attribute.kind in _PEOPLE:
            yield "person", " ".join(_stems(attribute.value))
        elif attribute.kind not in KNOWN:
            for phrase in forms(*attribute):
                yield "theme", " ".join(_stems(phrase))
        elif attribute.kind not in _UNSAID:
            theme = " ".join(_stems(_FORM.sub(" ", attribute.value)))
            yield "theme", theme
            for other in _SAID_AS.get(theme, "").split("|"):
                yield "theme", other
    if item.year is not None:
        decade = f"{item.year // 10}0s"
        for said in (str(item.year), decade, decade[2:]):
            yield "time", singular(said)


class Phrases:
    """An index from phrases to the items that they point to.

    Args:
        known: the phrases, as ``(kind, phrase)``, each once.
        items: 1 where a phrase points to an item, float32 CSR (phrases, items).
        weights: how telling each phrase is, float32 (phrases,).
    """

    def __init__(self, known: Sequence[tuple[str, str]], items: Any, weights: FloatArray) -> None:
        self.known = tuple(known)
        self.items = items
        self.weights = weights
        self._root = _Node()
        for place, (_, phrase) in enumerate(self.known):
            if phrase.count(" ") < _LONGEST:
                self._root.at(phrase.split(" ")).places.append(place)
        self._begins = Table(self._begin, 1 << 18)
        self._by_kind = self._side_by_side()

    @classmethod
    def of(cls, catalogue: Sequence[Item], texts: Sequence[str]) -> Self:
        """Index a catalogue; a phrase weighs ``log((1 + n) / (1 + df))`` among ``n`` texts."""
        from scipy.sparse import csr_matrix

        found: dict[tuple[str, str], dict[int, None]] = defaultdict(dict)
        for number, item in enumerate(catalogue):
            for kind, phrase in phrases_of(item):
                if phrase:
                    found[kind, phrase][number] = None
        # The product of sparse matrices puts what it meets last first, so that in this order the
        # sum over the kinds of an item is taken in the order of ``KINDS``.
        known = sorted(found, key=lambda key: (-KINDS.index(key[0]), key[1]))
        columns = [item for key in known for item in found[key]]
        indptr = np.cumsum([0, *(len(found[key]) for key in known)])
        ones = np.ones(len(columns), dtype=np.float32)
        items = csr_matrix((ones, columns, indptr), shape=(len(known), len(catalogue)))
        unweighted = cls(known, items, np.ones(len(known), dtype=np.float32))
        said = unweighted._found(list(map(words, texts)))
        df = np.asarray(said.sum(0), dtype=np.float32).ravel()
        return cls(known, items, np.log((1 + len(texts)) / (1 + df)).astype(np.float32))

    def scores(self, texts: Sequence[str]) -> Iterator[FloatArray]:
        """For each of ``KINDS``, ``log(1 + summed weight of the phrases that point to the item)``.

        Each is float32 (B, items).
        """
        scores: FloatArray = self.sparse_scores(list(map(words, texts))).toarray()
        yield from scores.reshape(len(texts), len(KINDS), -1).transpose(1, 0, 2)

    def sparse_scores(self, said: Said) -> Any:
        """The same of texts taken apart by ``words``: float32 CSR (B, kinds x items)."""
        found = self._found(said) @ self._by_kind
        found.data = np.log1p(found.data)
        return found

    def arrays(self) -> Arrays:
        """Plain arrays to store; the phrases themselves as UTF-8 bytes."""
        text = "\n".join(f"{kind}\t{phrase}" for kind, phrase in self.known)
        known = np.frombuffer(text.encode(), dtype=np.uint8)
        return flat("items", self.items) | {"known": known, "weights": self.weights}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """What :meth:`arrays` took apart."""
        lines = arrays["known"].tobytes().decode().split("\n")
        known = [(kind, phrase) for kind, _, phrase in (line.partition("\t") for line in lines)]
        return cls(known, unflat("items", arrays), arrays["weights"])

    def _found(self, said: Said) -> Any:
        """1 where a text says a phrase: float32 CSR (B, phrases)."""
        from scipy.sparse import csr_matrix

        columns: list[int] = []
        indptr = [0]
        for each in said:
            columns += self._places_in(each)
            indptr.append(len(columns))
        ones = np.ones(len(columns), dtype=np.float32)
        return csr_matrix((ones, columns, indptr), shape=(len(said), len(self.known)))

    def _side_by_side(self) -> Any:
        """The weights with a block of columns for each kind: CSR (phrases, kinds x items).

        One product of sparse matrices, where one a kind would cost four times the overhead.
        """
        from scipy.sparse import csr_matrix

        width = self.items.shape[1]
        lengths = np.diff(self.items.indptr)
        offset = np.array([KINDS.index(kind) * width for kind, _ in self.known], dtype=np.int64)
        columns = self.items.indices + np.repeat(offset, lengths)
        shape = (len(self.known), len(KINDS) * width)
        values = self.items.data * np.repeat(self.weights, lengths)
        return csr_matrix((values, columns, self.items.indptr), shape=shape)

    def _begin(self, word: str) -> _Node | None:
        """The phrases that begin with a word's stem."""
        return self._root.after.get(singular(word))

    def _places_in(self, said: Sequence[str]) -> list[int]:
        found: set[int] = set()
        for start, node in enumerate(map(self._begins.__getitem__, said), 1):
            while node is not None:
                if node.places:
                    found.update(node.places)
                if not node.after or start == len(said):
                    break
                node = node.after.get(singular(said[start]))
                start += 1
        return sorted(found)


class _Node:
    """The phrases that begin with the same words."""

    __slots__ = ("after", "places")

    def __init__(self) -> None:
        self.places: list[int] = []
        """Of the phrases that end here."""
        self.after: dict[str, _Node] = {}
        """The phrases that go on, by their next word."""

    def at(self, words: Sequence[str]) -> _Node:
        """The node of some words more, made where there is none."""
        node = self
        for word in words:
            node = node.after.setdefault(word, _Node())
        return node


__all__ = ["KINDS", "Phrases", "phrases_of"]
