"""What is asked for and what is turned down."""

import pytest

from crsgym.retrieval.polarity import split_polarity


@pytest.mark.parametrize(
    ("text", "wanted", "refused"),
    [
        ("Horror is fine, but no gore.", "Horror is fine", "no gore"),
        (
            "I don't like musicals. More comedy please!",
            "More comedy please",
            "I don't like musicals",
        ),
        ("Too dark for me; something funny", "something funny", "Too dark for me"),
        ("None of these has Tom Hanks", "None of these has Tom Hanks", ""),
        ("not enough action", "not enough action", ""),
        ("I hated it, I want a western", "I want a western", "I hated it"),
        ("I DIDN’T enjoy the drama", "", "I DIDN’T enjoy the drama"),
        ("", "", ""),
        (" ... ", "", ""),
    ],
)
def test_clauses(text: str, wanted: str, refused: str) -> None:
    assert split_polarity(text) == (wanted, refused)
