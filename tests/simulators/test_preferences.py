import pytest

from crsgym.simulators.preferences import PreferenceReader, clauses
from crsgym.simulators.topics import Topics
from crsgym.types import Attribute, Item, Role, Utterance

ITEMS = (
    Item(
        "a",
        "Crime in Lisbon (1994)",
        1994,
        (
            Attribute("genre", "comedy"),
            Attribute("tone", "witty"),
            Attribute("decade", "1990s"),
            Attribute("director", "Ada Ibarra"),
        ),
    ),
    Item(
        "b",
        "The Manor (1981)",
        1981,
        (
            Attribute("genre", "horror"),
            Attribute("genre", "science fiction"),
            Attribute("decade", "1980s"),
            Attribute("cast", "Zoë Kessler"),
            Attribute("genre", "family"),
        ),
    ),
    Item("c", "Roses (2003)", 2003, (Attribute("genre", "crime"), Attribute("genre", "romance"))),
)
TOPICS = Topics(ITEMS)
READER = PreferenceReader(ITEMS, TOPICS)


def seeker(text: str, *items: int, entities: tuple[str, ...] = ()) -> Utterance:
    return Utterance("seeker", text, items, entities)


def recommender(text: str, *items: int) -> Utterance:
    role: Role = "recommender"
    return Utterance(role, text, items)


def read(*dialogue: Utterance) -> tuple[set[str], set[str]]:
    found = READER.read(dialogue)

    def values(topics: tuple[int, ...]) -> set[str]:
        return {TOPICS.topics[topic].value for topic in topics}

    return values(found.liked), values(found.disliked)


@pytest.mark.parametrize(
    ("text", "liked", "disliked"),
    [
        ("I love horror films", {"horror"}, set()),
        ("I want horror", {"horror"}, set()),
        ("no horror please", set(), {"horror"}),
        ("I don't like horror, crime or romance", set(), {"horror", "crime", "romance"}),
        ("I dont like horror", set(), {"horror"}),
        ("horror isn't for me", set(), {"horror"}),
        ("I love comedies, not horror", {"comedy"}, {"horror"}),
        ("I like comedy not horror", {"comedy"}, {"horror"}),
        ("No horror. I love crime films!", {"crime"}, {"horror"}),
        ("anything but horror", set(), {"horror"}),
        ("something witty rather than horror", {"witty"}, {"horror"}),
        ("I can't get enough of horror", {"horror"}, set()),
        ("Zoe Kessler never disappoints me", {"Zoë Kessler"}, set()),
        ("I'm tired of horror, but I'd watch a funny movie", {"comedy"}, {"horror"}),
        ("Actually not horror, I meant crime.", {"crime"}, {"horror"}),
        ("Sorry, I said 1980s but I meant 1990s.", {"1990s"}, {"1980s"}),
        ("Wait, scratch the 80s. I was thinking of the 90s.", {"1990s"}, {"1980s"}),
        ("not too scary", set(), {"horror"}),
        ("some sci-fi would be nice", {"science fiction"}, set()),
        ("I'm watching with my family tonight", set(), set()),
        ("a family movie", {"family"}, set()),
        ("What a nice evening", set(), set()),
    ],
)
def test_one_remark(text: str, liked: set[str], disliked: set[str]) -> None:
    assert read(seeker(text)) == (liked, disliked)


def test_of_two_statements_the_later_counts() -> None:
    assert read(seeker("I love horror"), seeker("I'm sick of horror")) == (set(), {"horror"})
    assert read(seeker("no horror"), seeker("well, I do want horror")) == ({"horror"}, set())


def test_what_is_merely_named_does_not_undo_a_refusal() -> None:
    assert read(seeker("no horror"), seeker("Is that horror?")) == (set(), {"horror"})


@pytest.mark.parametrize(
    ("reply", "liked", "disliked"),
    [
        ("Yes, very much.", {"horror"}, set()),
        ("No, not at all.", set(), {"horror"}),
        ("What time is it?", set(), set()),
    ],
)
def test_a_reply_answers_the_question(reply: str, liked: set[str], disliked: set[str]) -> None:
    dialogue = (recommender("Hello. Do you like horror?"), seeker(reply))
    assert read(*dialogue) == (liked, disliked)


def test_what_a_recommender_states_is_no_wish() -> None:
    assert read(recommender("I love horror."), seeker("Yes, sure.")) == (set(), set())


def test_words_of_a_title_are_no_topics() -> None:
    assert read(seeker("I loved crime in lisbon", 0)) == (set(), set())
    assert read(seeker("I loved Crime in Lisbon (1994), more crime please", 0)) == (
        {"crime"},
        set(),
    )


def test_hostile_words_are_only_words() -> None:
    text = "I love titleofitem and titleofitem7, titleofitem² \x00 ((( [ \\ horror"
    assert read(seeker(text, 0)) == ({"horror"}, set())
    assert READER.read((seeker(text, 0),)).loved == ()
    assert READER.read((seeker("I love titleofitem1"),)).mentioned == ()


def test_a_linked_everyday_word_is_a_genre() -> None:
    assert read(seeker("family, I think", entities=("family",))) == ({"family"}, set())


def test_films_are_told_apart_by_what_is_said_of_them() -> None:
    found = READER.read(
        (
            seeker("I loved Roses. The Manor was a disappointment.", 2, 1),
            recommender("How about Crime in Lisbon (1994)?", 0),
            seeker("That sounds good."),
        )
    )
    assert found.loved == (0, 2)
    assert found.mentioned == (0, 2)


def test_what_was_said_last_comes_first() -> None:
    found = READER.read((seeker("I love crime"), seeker("and I love horror")))
    assert [TOPICS.topics[topic].value for topic in found.liked] == ["horror", "crime"]


def test_a_dialogue_is_read_once() -> None:
    reader = PreferenceReader(ITEMS, TOPICS)
    dialogue = (seeker("I love crime"),)
    assert reader.read(dialogue) is reader.read(tuple(dialogue))


def test_clauses_have_attitudes() -> None:
    assert list(clauses("I like tea, not coffee or milk")) == [
        ("I like tea", 1),
        (" not coffee or milk", -1),
    ]
    assert list(clauses("")) == []
