"""What is asked for and what is turned down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.retrieval import polarity
from crsgym.retrieval.polarity import split_polarity, split_words
from crsgym.text.words import words


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


_PIECES = st.sampled_from(
    "no NOT none ſkip SKİP avoid tired of sick don't don’t dont can't 't nt n't none_of them "
    "enough but Yet but_ ,but . ; : ! ? , ,i , I'd we weren't horror é Sofía missing lacks x "
    "it's 'no' `not` of n`t don't' really quite 'enough' (but -yet tired-of sick, 'tired' none,of "
    ", rather "
    "is\u0130nt \u212a e\u0301t \xa8 fast-paced 3.5 .but ne'er.not".split(" ")
) | st.sampled_from(["\n", "\t", "\xa0", "\x1c", "", "_"])


@given(st.lists(st.tuples(_PIECES, st.sampled_from([" ", "", "  ", "\n"])), max_size=12))
def test_looking_at_the_words_first_changes_nothing(pieces: list[tuple[str, str]]) -> None:
    text = "".join(piece + gap for piece, gap in pieces)
    wanted: list[str] = []
    refused: list[str] = []
    for clause in polarity._CLAUSES.split(text):
        turned_down = polarity._REFUSAL.search(clause) and not polarity._REQUEST.search(clause)
        if clause.strip():
            (refused if turned_down else wanted).append(clause.strip())
    assert split_polarity(text) == (". ".join(wanted), ". ".join(refused))
    assert split_words(text) == (words(". ".join(wanted)), words(". ".join(refused)))
