"""The synthetic catalogue: films, the people who make them, and how well known each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crsgym.data.synthetic.chance import Chance
from crsgym.data.synthetic.titles import TitleWriter
from crsgym.data.synthetic.words import (
    DECADE_SHARES,
    DECADES,
    FIRST_NAMES,
    GENRES,
    LAST_NAMES,
    PLACES,
    TONES,
)
from crsgym.types import Attribute, Item

REMAKES = 0.04
"""Share of films that bear an earlier film's name, with another year."""
SEQUELS = 0.03
"""Share of films that are called like an earlier film, with a number."""


@dataclass(frozen=True)
class Film:
    """One film: what its :class:`~crsgym.types.Item` tells, and how well known it is."""

    name: str
    year: int
    genres: tuple[str, ...]
    tones: tuple[str, ...]
    director: str
    cast: tuple[str, ...]
    theme: str
    place: str
    popularity: float
    """Log scale; mean 0 and standard deviation 1 over a catalogue."""

    @property
    def title(self) -> str:
        """Display title."""
        return f"{self.name} ({self.year})"

    @property
    def decade(self) -> str:
        """As people say it: ``"1990s"``."""
        return f"{self.year // 10 * 10}s"

    @property
    def people(self) -> tuple[str, ...]:
        """Director and cast."""
        return (self.director, *self.cast)

    def facts(self) -> list[tuple[str, str]]:
        """What a user can like in it, as (kind, value)."""
        return [
            *(("genre", genre) for genre in self.genres),
            *(("tone", tone) for tone in self.tones),
            ("decade", self.decade),
            *(("person", name) for name in self.people),
            ("theme", self.theme),
        ]

    def item(self, number: int) -> Item:
        """The catalogue's record of it."""
        attributes = [
            *(Attribute("genre", genre) for genre in self.genres),
            *(Attribute("tone", tone) for tone in self.tones),
            Attribute("decade", self.decade),
            Attribute("director", self.director),
            *(Attribute("cast", name) for name in self.cast),
        ]
        before_colon, colon, _ = self.name.partition(":")
        return Item(
            key=f"film-{number:04d}",
            title=self.title,
            year=self.year,
            attributes=tuple(attributes),
            description=f"A story about {self.theme}, set in {self.place}.",
            aliases=(before_colon,) if colon else (),
        )


class Films(Sequence[Film]):
    """A catalogue of films, and its facts as arrays.

    Args:
        films: in catalogue order.
    """

    def __init__(self, films: Sequence[Film]) -> None:
        self._films = tuple(films)
        self.popularity = np.array([film.popularity for film in films])
        """Float64, shape (films,)."""
        names = Counter(film.name for film in films)
        self.shared_names = frozenset(name for name, count in names.items() if count > 1)
        """Names that need a year to be told apart."""
        self._having: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
        for i, film in enumerate(films):
            for fact in film.facts():
                if fact not in self._having:
                    self._having[fact] = np.zeros(len(films))
                self._having[fact][i] = 1.0

    def __len__(self) -> int:
        return len(self._films)

    def __getitem__(self, index: int) -> Film:  # type: ignore[override]  # no slices
        return self._films[index]

    def having(self, kind: str, value: str) -> npt.NDArray[np.float64] | float:
        """Which films a fact holds for, 1 or 0: shape (films,), or 0.0 where it holds for none."""
        return self._having.get((kind, value), 0.0)


class _Person(NamedTuple):
    """Someone who makes films, rather of these genres, and for three decades from the debut on."""

    name: str
    genres: frozenset[str]
    debut: int
    fame: float


def make_films(seed: int, count: int) -> Films:
    """A catalogue of ``count`` films; equal arguments give equal films on every platform."""
    chance = Chance("synthetic films", seed)
    people = _people(chance, 150 + count // 3)
    directors, actors = people[: len(people) // 3], people[len(people) // 4 :]
    titles = TitleWriter(chance, [*(person.name for person in people), *GENRES, *TONES])
    films: list[Film] = []
    for _ in range(count):
        films.append(_film(chance, titles, films, directors, actors))
    raw = np.array([film.popularity for film in films])
    # Rounded, so that no platform's last digit shows.
    scaled = np.round((raw - raw.mean()) / (raw.std() or 1.0), 6).tolist()
    return Films(
        [replace(film, popularity=value) for film, value in zip(films, scaled, strict=True)]
    )


def _people(chance: Chance, count: int) -> list[_Person]:
    shares = [genre.share for genre in GENRES.values()]
    names: dict[str, None] = {}
    while len(names) < count:
        names[f"{chance.pick(FIRST_NAMES)} {chance.pick(LAST_NAMES)}"] = None
    return [
        _Person(
            name=name,
            genres=frozenset(chance.weighted(list(GENRES), shares) for _ in range(2)),
            debut=chance.weighted(DECADES, DECADE_SHARES) - chance.pick((0, 10, 20)),
            fame=1.0 - chance.uniform() ** 0.5,
        )
        for name in names
    ]


def _film(
    chance: Chance,
    titles: TitleWriter,
    earlier: Sequence[Film],
    directors: Sequence[_Person],
    actors: Sequence[_Person],
) -> Film:
    shares = [genre.share for genre in GENRES.values()]
    decade = chance.weighted(DECADES, DECADE_SHARES)
    year = decade + chance.pick(range(5 if decade == DECADES[-1] else 10))
    model = _model(chance, titles, earlier, year)
    if model is not None:
        name, main, theme = model
    else:
        main = chance.weighted(list(GENRES), shares)
        name, theme = titles.write(main), chance.pick(GENRES[main].themes)
    genres = {main: None}
    for probability in (0.7, 0.2):
        if chance.happens(probability):
            genres[chance.weighted(list(GENRES), shares)] = None
    moods = dict.fromkeys(tone for genre in genres for tone in GENRES[genre].tones)
    director = _hire(chance, directors, genres, decade)
    cast = {_hire(chance, actors, genres, decade): None for _ in range(chance.pick((2, 3, 3, 4)))}
    cast.pop(director, None)
    fame = [director.fame, *(person.fame for person in cast)]
    # Six uniforms: a bell curve without a logarithm.
    noise = sum(chance.uniform() for _ in range(6)) - 3.0
    return Film(
        name=name,
        year=year,
        genres=tuple(genres),
        tones=tuple(chance.sample(list(moods), chance.pick((1, 2)))),
        director=director.name,
        cast=tuple(person.name for person in cast),
        theme=theme,
        place=chance.pick(PLACES),
        popularity=2.5 * sum(fame) / len(fame)
        + 0.15 * (decade - 1990) / 10
        + 0.3 * GENRES[main].share
        + noise,
    )


def _model(
    chance: Chance, titles: TitleWriter, earlier: Sequence[Film], year: int
) -> tuple[str, str, str] | None:
    """Name, main genre and theme of a remake or a sequel; None for a film of its own."""
    draw = chance.uniform()
    if not earlier or draw >= REMAKES + SEQUELS:
        return None
    model = chance.pick(earlier)
    if draw < REMAKES:
        namesakes = [film.year for film in earlier if film.name == model.name]
        if len(namesakes) == 1 and abs(namesakes[0] - year) > 10:
            return model.name, model.genres[0], model.theme
        return None
    name = f"{model.name} {chance.pick(('2', '3', 'II'))}"
    return (name, model.genres[0], model.theme) if titles.claim(name) else None


def _hire(chance: Chance, people: Sequence[_Person], genres: Iterable[str], decade: int) -> _Person:
    """Someone for a film: rather of its genres, of its time, and famous."""
    applicants = [chance.pick(people) for _ in range(12)]
    weights = [
        (0.1 + person.fame)
        * (1 + 6 * len(person.genres.intersection(genres)))
        * (1.0 if 0 <= decade - person.debut <= 30 else 0.05)
        for person in applicants
    ]
    return chance.weighted(applicants, weights)


__all__ = ["Film", "Films", "make_films"]
