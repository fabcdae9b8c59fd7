"""Titles are compared by what they say, not by how they are typed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.data.titles import distinct_titles, evened, normalise, same_title_key, split_year
from crsgym.types import Attribute, Item


@pytest.mark.parametrize(
    ("title", "name", "year"),
    [
        ("Joker (2019)", "Joker", 2019),
        ("  Joker  (2019) ", "Joker", 2019),
        ("Joker", "Joker", None),
        ("Blade Runner 2049 (2017)", "Blade Runner 2049", 2017),
        ("2012 (2009)", "2012", 2009),
        ("2012", "2012", None),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
        ("(2019)", "(2019)", None),
        ("The Witch (2015 film)", "The Witch", 2015),
        ("Outbreak (1995", "Outbreak", 1995),
        ("Kate ()", "Kate", None),
        ("Pinocchio (2022, Robert Zemeckis)", "Pinocchio", 2022),
        ("Vertigo (Thriller Film)", "Vertigo (Thriller Film)", None),
        ("Birdman (or the Ignorance) (2014)", "Birdman (or the Ignorance)", 2014),
        ("Numbers (20191)", "Numbers (20191)", None),
        ("", "", None),
    ],
)
def test_split_year(title: str, name: str, year: int | None) -> None:
    assert split_year(title) == (name, year)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The Matrix (1999)", "matrix 1999"),
        ("Matrix, The (1999)", "matrix 1999"),
        ("the matrix 1999", "matrix 1999"),
        ("Matrix, The 1999", "matrix 1999"),
        ("Guess, a Story", "guess a story"),
        ("A Quiet Place", "quiet place"),
        ("A.I. Artificial Intelligence", "a i artificial intelligence"),
        ("The", "the"),
        ("Theatre", "theatre"),
        ("Amélie", "amelie"),
        ("AMÉLIE", "amelie"),
        ("Ame\u0301lie", "amelie"),
        ("Ｊｏｋｅｒ（２０１９）", "joker 2019"),
        ("Løvebarn & Œuvre", "lovebarn and oeuvre"),
        ("Straße", "strasse"),
        ("Ocean's Eleven", "oceans eleven"),
        ("Ocean’s Eleven", "oceans eleven"),
        ("WALL·E", "wall e"),
        ("Crazy, Stupid, Love.", "crazy stupid love"),
        ("[REC]² (2009)", "rec 2 2009"),
        ("千と千尋の神隠し", "千と千尋の神隠し"),
        ("ガンダム", "カ\u3099ンタ\u3099ム"),  # the voicing marks are letters, not accents
        ("!!!", "!!!"),
        ("", ""),
        ("  \t ", ""),
    ],
)
def test_normalise(text: str, form: str) -> None:
    assert normalise(text) == form


def test_spacing_and_hyphens_are_no_evidence() -> None:
    assert (
        same_title_key("Spider-Man")
        == same_title_key("Spider Man")
        == same_title_key("Spiderman")
        == "spiderman"
    )
    assert same_title_key("Spider-Man 2") != same_title_key("Spider-Man")


def test_evened_keeps_articles_and_punctuation() -> None:
    assert evened(" The  MATRIX: Amélie ") == "the matrix: amelie"


@given(st.text(max_size=60))
def test_any_text_has_a_form_and_its_case_does_not_count(text: str) -> None:
    form = normalise(text)
    assert form == normalise(f"  {text}  ")
    assert "  " not in form
    assert normalise(evened(text)) == form


@given(st.text(alphabet="abc XYZ019-:'", min_size=1, max_size=30), st.integers(1888, 2100))
def test_a_year_comes_off_as_it_was_put_on(name: str, year: int) -> None:
    if name.strip():
        assert split_year(f"{name} ({year})") == (name.strip(), year)


@pytest.mark.parametrize(
    "text", ["(" * 10_000, "( " * 5_000, "(" + " " * 20_000 + "x", "\0" * 9999]
)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    start = time.perf_counter()
    normalise(text)
    split_year(text)
    assert time.perf_counter() - start < 0.5


def film(key: str, title: str, *directors: str) -> Item:
    return Item(
        key, title, split_year(title)[1], tuple(Attribute("director", d) for d in directors)
    )


def test_shared_titles_are_told_apart_by_their_directors() -> None:
    first, second, other = distinct_titles(
        [
            film("1", "Pinocchio (2022)", "Robert Zemeckis"),
            film("2", "Pinocchio (2022)", "Guillermo del Toro", "Mark Gustafson"),
            film("3", "Up (2009)", "Pete Docter"),
        ]
    )
    assert first.title == "Pinocchio (2022, Robert Zemeckis)"
    assert second.title == "Pinocchio (2022, Guillermo del Toro and Mark Gustafson)"
    assert first.aliases == second.aliases == ("Pinocchio (2022)",)
    assert other == film("3", "Up (2009)", "Pete Docter")


@pytest.mark.parametrize("directors", [("Adam Green", "Adam Green"), ("Adam Green", "")])
def test_where_directors_do_not_do_the_key_does(directors: tuple[str, str]) -> None:
    items = [
        film(key, "Frozen (2010)", *filter(None, [d]))
        for key, d in zip("ab", directors, strict=True)
    ]
    assert [i.title for i in distinct_titles(items)] == ["Frozen (2010, a)", "Frozen (2010, b)"]


def test_titles_without_a_year_are_told_apart_too() -> None:
    items = [film("7", "Tinker Bell"), film("8", "Tinker Bell")]
    assert [i.title for i in distinct_titles(items)] == ["Tinker Bell (7)", "Tinker Bell (8)"]
