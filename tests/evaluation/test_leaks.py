"""A leak is the whole title; a single word is judged apart."""

from __future__ import annotations

import pytest

from crsgym.evaluation.leaks import find_leak


@pytest.mark.parametrize(
    ("text", "title", "leak"),
    [
        ("I would love The Dark Knight!", "The Dark Knight (2008)", "title"),
        ("the DARK knight, please", "The Dark Knight (2008)", "title"),
        ("Something like 'Dark Knight, The'?", "The Dark Knight (2008)", "title"),
        ("I want The Dark Knight (2008).", "The Dark Knight (2008)", "title"),
        ("I want a dark film with a knight.", "The Dark Knight (2008)", "none"),
        ("The dark knights of old", "The Dark Knight (2008)", "none"),
        ("Amelie from Montmartre", "Amélie from Montmartre (2001)", "title"),
        ("Crazy Stupid Love is the one", "Crazy, Stupid, Love (2011)", "title"),
        ("I have seen it.", "It (2017)", "one word"),
        ("I have not seen It (2017).", "It (2017)", "title"),
        ("Inception would be nice", "Inception (2010)", "one word"),
        ("An interception", "Inception (2010)", "none"),
        ("anything", "WALL·E (2008)", "none"),
        ("", "Up (2009)", "none"),
        ("I like 1984 and 300", "300", "one word"),
    ],
)
def test_find_leak(text: str, title: str, leak: str) -> None:
    assert find_leak(text, title) == leak
