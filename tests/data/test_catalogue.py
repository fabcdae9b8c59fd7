"""A title resolves to its item, is reported as ambiguous, or is unknown; it is never guessed."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.data import load
from crsgym.data.catalogue import Catalogue, Resolution
from crsgym.data.titles import evened, split_year
from crsgym.types import Attribute, Item

TITLES = (
    "Joker (2019)",  # 0
    "The Matrix (1999)",  # 1
    "Crazy, Stupid, Love. (2011)",  # 2
    "Cinderella (1950)",  # 3
    "Cinderella (2015)",  # 4
    "Spider-Man (2002)",  # 5
    "Amélie (2001)",  # 6
    "Kate",  # 7
    "Blade Runner 2049 (2017)",  # 8
    "[REC] (2007)",  # 9
    "Toy Story 3 (2010)",  # 10
    "Island (2005)",  # 11
    "The Island (2005)",  # 12
    "Pet Cemetery (1989)",  # 13, also known as Pet Sematary
    "Pinocchio (2022, Robert Zemeckis)",  # 14
    "Pinocchio (2022, Guillermo del Toro)",  # 15
    "!!!",  # 16
    "Fargo",  # 17
    "Fargo (1996)",  # 18
)
ALIASES = {
    13: ("Pet Sematary",),
    6: ("Le Fabuleux Destin d'Amélie Poulain",),
    14: ("Pinocchio (2022)",),
    15: ("Pinocchio (2022)",),
    0: ("Arthur Fleck's Film",),
    10: ("Joker",),
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(
        Item(f"k{i}", title, split_year(title)[1], aliases=ALIASES.get(i, ()))
        for i, title in enumerate(TITLES)
    )


@pytest.mark.parametrize("index", range(len(TITLES)))
def test_every_title_is_its_own(catalogue: Catalogue, index: int) -> None:
    assert catalogue.resolve(TITLES[index]) == Resolution(index, (index,), "exact")


@pytest.mark.parametrize(
    ("text", "item", "how"),
    [
        ("joker (2019)", 0, "exact"),
        (" JOKER  ( 2019 ) ", 0, "exact"),
        ("Joker 2019", 0, "exact"),
        ("Joker (2019 film)", 0, "exact"),
        ("Joker", 0, "without_year"),  # a title before the alias of another item
        ("The Joker", 0, "without_year"),
        ("Matrix, The (1999)", 1, "exact"),
        ("Matrix", 1, "without_year"),
        ("crazy stupid love 2011", 2, "exact"),
        ("Crazy, Stupid, Love", 2, "without_year"),
        ("Cinderella (2015)", 4, "exact"),
        ("Spiderman", 5, "without_year"),
        ("Spider Man (2002)", 5, "exact"),
        ("Amelie (2001)", 6, "exact"),
        ("AME\u0301LIE", 6, "without_year"),
        ("le fabuleux destin d’amelie poulain", 6, "alias"),
        ("Le Fabuleux Destin d'Amélie Poulain (2001)", 6, "alias"),
        ("kate", 7, "exact"),
        ("Kate (2021)", 7, "without_year"),  # no year to contradict
        ("Blade Runner 2049", 8, "without_year"),
        ("REC (2007)", 9, "exact"),
        ("the island (2005)", 12, "exact"),
        ("island (2005)", 11, "exact"),
        ("Pet Sematary", 13, "alias"),
        ("Pet Sematary (1989)", 13, "alias"),
        ("pinocchio 2022 robert zemeckis", 14, "exact"),
        ("Fargo", 17, "exact"),
        ("fargo (1996)", 18, "exact"),
    ],
)
def test_ways_to_write_a_title(catalogue: Catalogue, text: str, item: int, how: str) -> None:
    assert catalogue.resolve(text) == Resolution(item, (item,), how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("Cinderella", (3, 4)),
        ("The Island", (11, 12)),
        ("The Fargo", (17, 18)),  # the undated title, and the name of the dated one
        ("Island, The (2005)", (11, 12)),
        ("Pinocchio (2022)", (14, 15)),
        ("pinocchio", (14, 15)),
    ],
)
def test_what_fits_several_is_ambiguous(
    catalogue: Catalogue, text: str, candidates: tuple[int, ...]
) -> None:
    assert catalogue.resolve(text) == Resolution(None, candidates, "ambiguous")


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("Joker (1999)", (0, 10)),  # the name, and the alias: both of another year
        ("Cinderella (1997)", (3, 4)),
        ("Toy Story", ()),
        ("Blade Runner", ()),
        ("Love", ()),
        ("", ()),
        (" ", ()),
        ("?", ()),
        ("(2019)", ()),
    ],
)
def test_what_fits_none_is_unknown(
    catalogue: Catalogue, text: str, candidates: tuple[int, ...]
) -> None:
    assert catalogue.resolve(text) == Resolution(None, candidates, "unknown")


NASTY = (
    "x" * 10_000,
    "Joker (2019)" * 1_000,
    "\0",
    "\0" * 10_000,
    "Jo\0ker",
    "🎬🍿" * 3_000,
    "\ud800",
    "\u202eJoker",
    "(" * 10_000,
    "{{7*7}}<script>",
    "٢٠١٩",
    "ﬃ" * 200,
    "\x1b[31mJoker (2019)\x1b[0m",
)


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_are_unknown(catalogue: Catalogue, text: str) -> None:
    for resolution in (catalogue.resolve(text), catalogue.resolve_fuzzy(text)):
        assert resolution.item is None or resolution.candidates == (resolution.item,)
    assert catalogue.resolve("x" * 10_000).how == "unknown"


@given(st.text())
def test_any_text_resolves_to_something_consistent(catalogue: Catalogue, text: str) -> None:
    for found in (catalogue.resolve(text), catalogue.resolve_fuzzy(text, cutoff=60)):
        if found.item is not None:
            assert found.candidates == (found.item,)
            assert found.how in ("exact", "without_year", "alias", "fuzzy")
        else:
            assert found.how in ("ambiguous", "unknown")
            assert found.how != "ambiguous" or len(found.candidates) > 1
        assert list(found.candidates) == sorted(set(found.candidates))
    assert catalogue.resolve(text) == catalogue.resolve(text)


@pytest.mark.parametrize(
    ("text", "item", "how"),
    [
        ("Jokr (2019)", 0, "fuzzy"),
        ("Blade Runer 2049", 8, "fuzzy"),
        ("Crazy Stupid Loove (2011)", 2, "fuzzy"),
        ("Joker (2019)", 0, "exact"),  # what resolves needs no likeness
        ("Jokr (2018)", None, "unknown"),  # years must agree
        ("Toy Story 4 (2010)", None, "unknown"),  # numbers must agree
        ("Toy Storie 3", 10, "fuzzy"),
        ("Cinderela", None, "ambiguous"),
        ("Cinderela (1950)", 3, "fuzzy"),
        ("Something else", None, "unknown"),
    ],
)
def test_fuzzy(catalogue: Catalogue, text: str, item: int | None, how: str) -> None:
    for _ in range(2):  # the second is remembered
        found = catalogue.resolve_fuzzy(text, cutoff=85)
        assert (found.item, found.how) == (item, how)


def test_fuzzy_cutoff(catalogue: Catalogue) -> None:
    # One deletion: 2 * 4 equal letters of 9, in percent.
    assert catalogue.resolve_fuzzy("Jokr", cutoff=88.8).item == 0
    assert catalogue.resolve_fuzzy("Jokr", cutoff=88.9).item is None
    with pytest.raises(ValueError, match="between 0 and 100, and is 101"):
        catalogue.resolve_fuzzy("Jokr", cutoff=101)


def test_is_a_sequence(catalogue: Catalogue) -> None:
    assert len(catalogue) == len(TITLES)
    assert catalogue.titles == TITLES
    assert [item.title for item in catalogue] == list(TITLES)
    assert catalogue[-1].title == "Fargo (1996)"
    assert catalogue.index_of_key("k3") == 3
    with pytest.raises(KeyError, match="no item of the catalogue has the key 'k99'"):
        catalogue.index_of_key("k99")
    assert catalogue.max_commas == 2
    assert "19 items" in repr(catalogue)


def test_fingerprint_is_of_the_items(catalogue: Catalogue) -> None:
    same = Catalogue(catalogue)
    changed = Catalogue([*catalogue[0:0], Item("k0", "Joker (2019)", 2018)])
    assert same.fingerprint == catalogue.fingerprint != changed.fingerprint
    assert len(same.fingerprint) == 64


def test_survives_pickling(catalogue: Catalogue) -> None:
    copy = pickle.loads(pickle.dumps(catalogue))
    assert copy.fingerprint == catalogue.fingerprint
    assert copy.resolve("matrix").item == 1


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "at least one item"),
        ([Item("a", "X"), Item("a", "Y")], "items 0 and 1 of the catalogue share the key 'a'"),
        ([Item("a", "X"), Item("b", "X")], "items 0 and 1 of the catalogue share the title 'X'"),
        ([Item("a", " ")], "item 0 of the catalogue has an empty title"),
        ([Item("", "X")], "item 0 of the catalogue has an empty key"),
    ],
)
def test_refuses(items: list[Item], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Catalogue(items)


def test_remembers_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crsgym.data.catalogue._CACHE_LIMIT", 3)
    catalogue = Catalogue([Item("a", "Joker (2019)")])
    for i in range(20):
        assert catalogue.resolve(f"unknown {i}").how == "unknown"
        assert catalogue.resolve("joker").item == 0
        assert len(catalogue._cache) <= 3


# What may happen to a title on its way through a person or a language model.
def _other_end(title: str) -> str:
    name, year = split_year(title)
    for article in ("The ", "A ", "An "):
        if name.startswith(article):
            name = f"{name[len(article) :]}, {article.strip()}"
    return f"{name} ({year})" if year else name


PERTURBATIONS = {
    "lower": str.lower,
    "upper": str.upper,
    "title case": str.title,
    "spaces": lambda t: f"  {t.replace(' ', '   ')}\n",
    "no punctuation": lambda t: "".join(c for c in t if c.isalnum() or c in " ()"),
    "bare year": lambda t: f"{split_year(t)[0]} {split_year(t)[1] or ''}",
    "film": lambda t: f"{t.rstrip()[:-1]} film)" if split_year(t)[1] else t,
    "no year": lambda t: split_year(t)[0],
    "article behind": _other_end,
    "article gone": lambda t: t.removeprefix("The ").removeprefix("A ").removeprefix("An "),
    "article more": lambda t: f"The {t}",
    "and": lambda t: t.replace("&", "and"),
    "ampersand": lambda t: t.replace(" and ", " & "),
    "hyphens": lambda t: t.replace("-", " "),
    "full width": lambda t: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c not in "()" else c for c in t
    ),
    "typographic": lambda t: t.replace("'", "’").replace("...", "…").replace(" - ", " – "),
}


def check_perturbed(catalogue: Catalogue, index: int, names: list[str]) -> None:
    text = catalogue.titles[index]
    for name in names:
        text = PERTURBATIONS[name](text)
    found = catalogue.resolve(text)
    if found.item == index:
        return
    if found.item is not None:
        # Only where the text came out as the very title of another item.
        assert evened(catalogue.titles[found.item]) == evened(text), (text, found)
    elif found.how == "ambiguous":
        assert index in found.candidates, (text, found)
    else:
        # "The The Beatles" and "A.I." written without stops are no spelling of the title.
        assert {"article more", "no punctuation", "title case"} & set(names), (text, found)


@given(
    seed=st.integers(0, 2**32),
    names=st.lists(st.sampled_from(sorted(PERTURBATIONS)), min_size=1, max_size=3, unique=True),
)
def test_a_perturbed_title_is_never_another_item(seed: int, names: list[str]) -> None:
    catalogue = load("synthetic").catalogue
    for index in random.Random(seed).sample(range(len(catalogue)), 20):
        check_perturbed(catalogue, index, names)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.requires_dataset(name))
        for name in ("inspired", "redial", "opendialkg")
    ],
)
def test_real_titles(name: str) -> None:
    catalogue = load(name).catalogue
    for index, title in enumerate(catalogue.titles):
        assert catalogue.resolve(title).item == index
        assert catalogue.resolve(title.lower()).item == index
    for perturbation in PERTURBATIONS:
        for index in random.Random(perturbation).sample(range(len(catalogue)), 300):
            check_perturbed(catalogue, index, [perturbation])


def test_attributes_do_not_matter_to_titles() -> None:
    item = Item("a", "Joker (2019)", 2019, (Attribute("genre", "drama"),))
    assert Catalogue([item]).resolve("drama").item is None


@pytest.mark.parametrize("items", [(), (7,), (3, 0), (0, 1, 0)])
def test_titles_of_items(catalogue: Catalogue, items: tuple[int, ...]) -> None:
    assert catalogue.titles_of(items) == tuple(TITLES[item] for item in items)
