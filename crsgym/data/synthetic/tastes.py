"""What a synthetic user wants: the latent profile behind the words and behind the target."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crsgym.data.synthetic.chance import Chance
from crsgym.data.synthetic.films import Films
from crsgym.data.synthetic.words import DECADE_SHARES, DECADES, GENRES, TONES

# What a fact is worth to a user, in nats of the softmax that chooses a film.
LIKED = {"genre": 2.6, "tone": 2.0, "decade": 2.6, "person": 3.2, "theme": 3.0}
DISLIKED = {"genre": -3.0, "tone": -3.0}
FAME = {"hidden": 0.2, "any": 1.0, "famous": 1.8}
"""Weight of log popularity: for who wants hidden gems, does not care, or wants famous films."""


class Fact(NamedTuple):
    """One thing a user likes or dislikes, and can say."""

    kind: str
    """genre, tone, decade, person, theme or fame."""
    value: str
    liked: bool = True


class Taste:
    """A user: facts that can be said, and from them the chance of every film to be wanted."""

    def __init__(self, chance: Chance, films: Films) -> None:
        facts = _draw_facts(chance)
        self._score = _score(facts, films)
        self.favourite = self.choose(chance)
        """Index of a film the user loves."""
        if chance.happens(0.7):
            facts.append(Fact("person", chance.pick(films[self.favourite].people)))
        self.facts: tuple[Fact, ...] = tuple(facts)
        """The first is what the user wants most."""
        self._score = _score(facts, films)

    def choose(self, chance: Chance, excluded: Collection[int] = ()) -> int:
        """A film the user wants, none of ``excluded``: a softmax of what its facts are worth."""
        weights = np.exp(self._score - self._score.max())
        weights[list(excluded)] = 0.0
        return chance.index(np.cumsum(weights))

    def standing(self, film: int) -> float:
        """Share of the catalogue that the user wants less than this film."""
        return float((self._score < self._score[film]).mean())


def _draw_facts(chance: Chance) -> list[Fact]:
    shares = [genre.share for genre in GENRES.values()]
    genres: dict[str, None] = {}
    while len(genres) < 3:
        genres[chance.weighted(list(GENRES), shares)] = None
    first, second, avoided = genres
    moods = dict.fromkeys(GENRES[first].tones + GENRES[second].tones)
    tone = chance.pick(list(moods))
    facts = [Fact("genre", first), Fact("genre", second), Fact("tone", tone)]
    facts.append(Fact("genre", avoided, liked=False))
    if chance.happens(0.7):
        other = chance.pick([mood for mood in TONES if mood != tone])
        facts.append(Fact("tone", other, liked=False))
    if chance.happens(0.75):
        facts.append(Fact("decade", f"{chance.weighted(DECADES, DECADE_SHARES)}s"))
    if chance.happens(0.6):
        facts.append(Fact("theme", chance.pick(GENRES[first].themes)))
    return [*facts, Fact("fame", chance.weighted(list(FAME), (1.0, 2.0, 1.0)))]


def _score(facts: Sequence[Fact], films: Films) -> npt.NDArray[np.float64]:
    """What each film is worth: float64, shape (films,)."""
    score = np.zeros(len(films))
    for fact in facts:
        if fact.kind == "fame":
            score += FAME[fact.value] * films.popularity
        else:
            worth = LIKED[fact.kind] if fact.liked else DISLIKED[fact.kind]
            score += worth * films.having(fact.kind, fact.value)
    return score


__all__ = ["Fact", "Taste"]
