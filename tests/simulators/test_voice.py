import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.data.titles import normalise
from crsgym.retrieval.polarity import split_polarity
from crsgym.simulators import wording
from crsgym.simulators.topics import Titles
from crsgym.simulators.voice import Voice, article
from crsgym.types import Item

BANKS = {
    name: value
    for name, value in vars(wording).items()
    if name.isupper() and isinstance(value, tuple) and all(isinstance(v, str) for v in value)
}
PARTS = {"COUNTS", "FROM", "ORDINALS", "PLACES"}
"""Banks of what stands within a sentence."""
SLOTS = {
    "np",
    "Np",
    "pos",
    "Pos",
    "has",
    "have",
    "count",
    "Count",
    "nth",
    "v",
    "a",
    "aspect",
    "noun",
}


def never(text: str) -> bool:
    return False


@pytest.mark.parametrize("name", sorted(BANKS))
def test_wordings_are_sentences_with_known_slots_and_none_twice(name: str) -> None:
    bank = BANKS[name]
    assert len(set(bank)) == len(bank)
    for template in bank:
        slots = {slot for _, slot, _, _ in string.Formatter().parse(template) if slot}
        assert slots <= SLOTS
        if name not in PARTS:
            assert template[-1] in ".!?"


@pytest.mark.parametrize("name", ["WANT", "AGAIN", "LIKE_MENTIONED", "FITS", "FIT", "FOUND"])
def test_what_is_wanted_stands_in_no_clause_of_refusal(name: str) -> None:
    slots = {"np": "XX", "Np": "XX", "pos": "it", "Pos": "It", "has": "XX", "have": "XX"}
    slots["noun"] = "book"
    for template in BANKS[name]:
        wanted, refused = split_polarity(template.format(**slots, count="two", Count="Two"))
        assert "XX" in wanted, template
        assert "XX" not in refused, template


@pytest.mark.parametrize("name", ["UNWANTED", "UNWANTED_MANY"])
def test_what_is_unwanted_stands_in_a_clause_of_refusal(name: str) -> None:
    slots = {"pos": "it", "Pos": "It", "has": "XX", "have": "XX", "count": "two", "Count": "Two"}
    for template in BANKS[name]:
        wanted, refused = split_polarity(template.format(**slots))
        assert "XX" in refused, template
        assert "XX" not in wanted, template


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ([("genre", "comedy")], ["a comedy "]),
        ([("genre", "action")], ["an action "]),
        ([("tone", "gritty"), ("genre", "crime")], ["a gritty crime "]),
        ([("tone", "eerie")], ["something eerie"]),
        ([("decade", "1990s")], ["something ", "1990s"]),
        ([("cast", "Ada Ibarra"), ("genre", "war")], ["a war ", "Ada Ibarra"]),
        ([("genre", "war"), ("genre", "drama")], ["a war ", " that is also a drama one"]),
        ([("genre", "comedy drama"), ("genre", "drama")], ["a comedy drama "]),
        ([("person", "A B"), ("person", "C D")], ["something ", "A B and C D"]),
    ],
)
def test_a_wish_is_a_noun_phrase(wanted: list[tuple[str, str]], parts: list[str]) -> None:
    for seed in range(20):
        phrase = Voice(seed, never).wish(wanted)
        assert phrase.startswith(parts[0])
        assert all(part in phrase for part in parts)
        assert phrase.count("drama") <= 1 or len(wanted) == 1
        assert "  " not in phrase


def test_another_wording_is_taken_where_one_leaks() -> None:
    for seed in range(50):
        voice = Voice(seed, lambda text: "prefer" in text or "hoping" in text)
        voice.say(wording.WANT, np="tea")
        assert "tea" in voice.text().lower()
        assert "prefer" not in voice.text()
        assert "hoping" not in voice.text()


def test_what_cannot_be_said_safely_is_left_out() -> None:
    voice = Voice(0, lambda text: "tea" in text.lower())
    voice.say(wording.WANT, np="tea")
    assert voice.text() == ""


NAMES = (
    *("Hoping For", "The A Tea", "Tea the", "Sofía", "Like It, The", "War Film (1999)", "It"),
    *("Ørsted é", "Amélie", "愛 の 歌", "Straße & Co", "It’s ½"),
)
UNUSUAL = (
    "Amelie",
    "愛 の 歌",
    "ØRSTED É",
    "a\u0308 tea",
    "tea （x）",
    "⑴ tea",
    "strasse＆co",
    "½ ﷺ",
)


@pytest.mark.parametrize(
    "value", ["war", "Ada Ibarra", "tea, the", "Sofía", "war (film", "a tea", *UNUSUAL]
)
def test_speaking_freely_first_changes_nothing(value: str) -> None:
    titles = Titles([Item(str(i), name) for i, name in enumerate(NAMES)])

    def speak(voice: Voice) -> None:
        voice.say(wording.FITS, pos=voice.place(0), has=f"is {value}", have="")
        voice.ask(wording.WANT, [("decade", "1990s"), ("cast", value)])
        voice.say(wording.MIX)

    def one_word_too(text: str) -> bool:
        return any(
            name in f" {normalise(text)} " for i in range(len(NAMES)) for name in titles.of(i)
        )

    minded = 0
    for leaks in (titles.named_in, one_word_too):
        for seed in range(300):
            careful = Voice(seed, leaks)
            speak(careful)
            assert Voice.spoken(seed, leaks, speak) == careful.text()
            free = Voice(seed, never)
            speak(free)
            minded += careful.text() != free.text()
    assert minded > 10


def test_sentences_that_leak_together_are_cut() -> None:
    voice = Voice(0, lambda text: "Wonderful! Perfect" in text)
    voice.say(("Wonderful!",))
    voice.say(("Perfect.",))
    assert voice.text() == "Wonderful!"


@given(st.integers(0, 2**63 - 1))
def test_equal_seeds_say_equal_things(seed: int) -> None:
    def remark() -> str:
        voice = Voice(seed, never)
        voice.say(wording.FITS, pos=voice.place(2), **voice.has(("genre", "war")))
        voice.say(wording.WANT, np=voice.wish([("decade", "1990s"), ("cast", "Ada Ibarra")]))
        return voice.text()

    assert remark() == remark()


@given(st.integers(0, 2**63 - 1))
def test_what_is_drawn_is_the_standard_generators(seed: int) -> None:
    voice, standard = Voice(seed, never), random.Random(seed)
    assert [voice.uniform() for _ in range(3)] == [standard.random() for _ in range(3)]


def test_places_and_counts() -> None:
    voice = Voice(1, never)
    assert "third" in voice.place(2)
    assert voice.place(14) == "number 15"
    assert voice.count(10, 10) == "all"
    assert voice.count(2, 10) == "two"
    assert {Voice(seed, never).count(6, 10) for seed in range(20)} == {"most", "six"}
    assert voice.count(14, 50) == "many"


def test_articles() -> None:
    assert [article(word) for word in ("action", "Horror", "eerie", "uplifting")] == [
        "an",
        "a",
        "an",
        "an",
    ]
