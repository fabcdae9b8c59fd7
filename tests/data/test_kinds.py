import pytest

from crsgym.data.kinds import forms, named, other_kinds, plural, said, sayable, style, wanted
from crsgym.types import Attribute, Item


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("spice", "spice"),
        ("cooking_time", "cooking time"),
        ("cookingTime", "cooking time"),
        ("Main-Ingredient", "main ingredient"),
    ],
)
def test_a_kind_is_said_in_plain_words(kind: str, name: str) -> None:
    assert named(kind) == name


@pytest.mark.parametrize(
    ("kind", "many"),
    [("ingredients", True), ("spice", False), ("mess", False), ("campus", False)],
)
def test_plural_kinds(kind: str, many: bool) -> None:
    assert plural(kind) is many


@pytest.mark.parametrize(
    ("kind", "values", "how", "phrase"),
    [
        ("spice", ["hot"], "value", "whose spice is hot"),
        ("origin", ["Thai", "Goan"], "value", "whose origin is Thai and Goan"),
        ("ingredients", ["basil", "tofu"], "among", "with basil and tofu among its ingredients"),
        ("servings", ["4"], "number", "with 4 servings"),
        ("level", ["3"], "number", "with level 3"),
        ("vegan", ["yes"], "flag", "that counts as vegan"),
        ("vegan", ["no"], "value", ""),
        ("link", ["https://example.org/1"], "value", ""),
        ("method", ["chop it all and stir it for an hour"], "value", ""),
        ("method", ["chop\nstir"], "value", ""),
    ],
)
def test_how_a_wish_for_a_kind_is_put(kind: str, values: list[str], how: str, phrase: str) -> None:
    assert wanted(kind, values) == phrase
    if phrase:
        assert style(kind, values[0]) == how


@pytest.mark.parametrize(
    ("kind", "value", "phrases"),
    [
        ("spice", "hot", ("hot",)),
        ("servings", "4", ("4 servings", "servings 4")),
        ("size", "M", ("M size", "size M")),
        ("country", "US", ("US country", "country US")),
        ("gluten_free", "Yes", ("gluten free",)),
        ("gluten_free", "No", ()),
        ("photo", "https://example.org/1.jpg", ()),
    ],
)
def test_by_which_phrases_a_text_names_it(kind: str, value: str, phrases: tuple[str, ...]) -> None:
    assert forms(kind, value) == phrases
    assert sayable(value) == bool(phrases)
    if phrases:
        assert said(kind, value) in phrases


def test_other_kinds_in_order_of_appearance() -> None:
    items = [
        Item("1", "A", attributes=(Attribute("genre", "war"), Attribute("spice", "hot"))),
        Item("2", "B", attributes=(Attribute("origin", "Goan"), Attribute("spice", "mild"))),
        Item("3", "C", attributes=(Attribute("company", "X"), Attribute("language", "Thai"))),
    ]
    assert other_kinds(items) == ("spice", "origin")
