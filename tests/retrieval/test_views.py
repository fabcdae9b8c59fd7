"""Which part of a dialogue a view reads."""

from crsgym.retrieval.views import MAX_CHARACTERS, VIEWS, tail
from crsgym.types import Utterance

TALK = (
    Utterance("recommender", "Hello."),
    Utterance("seeker", "A comedy, please."),
    Utterance("recommender", "Old or new?"),
    Utterance("seeker", "New."),
)


def test_views_of_a_dialogue() -> None:
    read = {name: view(TALK) for name, view in VIEWS.items()}
    assert read["last"] == "New."
    assert read["last_two"] == "Recommender: Old or new?\nSeeker: New."
    assert read["last_six"] == read["whole"]
    assert read["seeker"] == "A comedy, please. New."
    assert read["recommender"] == "Hello. Old or new?"


def test_an_empty_dialogue_is_an_empty_text() -> None:
    assert {view(()) for view in VIEWS.values()} == {""}


def test_of_a_long_text_the_end_is_read_from_a_whole_word_on() -> None:
    assert tail("first second third", 9) == "third"
    long = " ".join(f"w{i}" for i in range(2000))
    cut = VIEWS["whole"]((Utterance("seeker", long),))
    assert len(cut) <= MAX_CHARACTERS
    assert cut.endswith("w1999")
    assert cut.split(" ", 1)[0] in long.split()
