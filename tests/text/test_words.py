"""The tokeniser, by examples worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.text.words import singular, words


def test_words_drop_case_accents_apostrophes_and_punctuation() -> None:
    assert words("I DON'T like Amélie's   2nd film—sci-fi_thing!") == [
        "i", "dont", "like", "amelies", "2nd", "film", "sci", "fi", "thing",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "  \n", "?!…", "\ud800"])
def test_a_text_may_hold_no_word(text: str) -> None:
    assert words(text) == []


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_texts_take_a_short_way_to_the_same_words(text: str) -> None:
    # An accent that goes sends the text the long way.
    assert words(text) == words(text + "\u0301")


@pytest.mark.parametrize(
    ("plural", "expected"),
    [
        ("comedies", "comedy"),
        ("thrillers", "thriller"),
        ("1990s", "1990"),
        ("classes", "classe"),  # Harman's second rule takes the last letter only
        ("heroes", "heroe"),  # -oes is left by the second rule and loses its s by the third
        ("virus", "virus"),
        ("class", "class"),
        ("is", "is"),
    ],
)
def test_plural_endings_go(plural: str, expected: str) -> None:
    assert singular(plural) == expected
