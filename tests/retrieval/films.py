"""A small data set that can be learned: who asks for a genre gets a film of it."""

from __future__ import annotations

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.types import Attribute, Dialogue, Item, Utterance

GENRES = ("comedy", "horror", "western", "drama")
DIRECTORS = ("Ada Quill", "Bo Larkin", "Cy Marsh")


def make_films(splits: tuple[str, ...] = ("train",)) -> Dataset:
    """Twelve films, every genre by every director; item ``i`` is of genre ``i % 4``."""

    def film(number: int) -> Item:
        facts = (
            Attribute("genre", GENRES[number % 4]),
            Attribute("director", DIRECTORS[number // 4]),
        )
        return Item(f"f{number}", f"Picture {chr(65 + number)} (200{number % 10})", 2000, facts)

    def dialogue(number: int) -> Dialogue:
        genre, target = GENRES[number % 4], number % 4 + 4 * (number % 3)
        return Dialogue(
            f"d{number}",
            (
                Utterance("seeker", f"Hello, I am in the mood for {genre} tonight", (), (genre,)),
                Utterance("recommender", f"Try {items[target].title}", (target,)),
            ),
        )

    items = [film(i) for i in range(12)]
    train = [dialogue(n) for n in range(24)]
    return Dataset(
        "films", Catalogue(items), dict.fromkeys(splits, train), fingerprint=f"films {splits}"
    )
