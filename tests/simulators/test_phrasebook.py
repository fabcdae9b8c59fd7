import pytest

from crsgym.data import load
from crsgym.retrieval.polarity import split_polarity
from crsgym.simulators import wording
from crsgym.simulators.attributes import AttributesSimulator
from crsgym.simulators.phrasebook import FILM, Nouns, Phrasebook
from crsgym.simulators.preferences import PreferenceReader
from crsgym.simulators.rules import RulesSimulator
from crsgym.simulators.topics import Topics
from crsgym.simulators.voice import Voice
from crsgym.types import Attribute, Context, Goal, Item, Recommendation, Turn, Utterance


def never(text: str) -> bool:
    return False


def item(title: str, *attributes: tuple[str, str]) -> Item:
    return Item(title, title, attributes=tuple(Attribute(*a) for a in attributes))


CURRIES = [
    item("Red Pot", ("spice", "hot"), ("servings", "2"), ("vegan", "yes"), ("diet", "no sugar")),
    item("Blue Pot", ("spice", "mild"), ("servings", "4"), ("vegan", "no"), ("herbs", "mint")),
    item("Grey Pot", ("spice", "smoky"), ("herbs", "mint"), ("herbs", "dill")),
]


@pytest.mark.parametrize(
    ("facts", "one", "many"),
    [
        ({}, "one", "ones"),
        ({"item": "recipe"}, "recipe", "recipes"),
        ({"item": "dish"}, "dish", "dishes"),
        ({"item": "story"}, "story", "stories"),
        ({"item": "play"}, "play", "plays"),
        ({"item": "opus", "items": "opera"}, "opus", "opera"),
        ({"item": "movie"}, "film", "films"),
    ],
)
def test_nouns(facts: dict[str, str], one: str, many: str) -> None:
    nouns = Nouns.of(facts)
    assert (nouns.one, nouns.many) == (one, many)


@pytest.mark.parametrize("name", ["inspired", "opendialkg", "redial", "synthetic"])
def test_the_films_are_called_films(name: str) -> None:
    from crsgym.data import facts_of

    assert Nouns.of(facts_of(name)) == FILM


def test_films_are_put_as_ever() -> None:
    book = Phrasebook([("genre", "war"), ("person", "A B")], FILM)
    assert book.wished == ("film", "movie", "picture")
    assert book.bare == ()
    assert book.places[2] == ("the third one", "the third", "your third pick", "the third film")
    assert book.has["genre", "action"] == (
        {"has": "is an action film", "have": "are action films"},
        {"has": "is an action movie", "have": "are action movies"},
    )
    assert book.aspects == wording.ASPECTS
    assert "the very film I meant" in book.found[-1]


def test_what_is_said_of_any_kind_stands_in_no_clause_of_refusal() -> None:
    book = Phrasebook((), Nouns.of({"item": "recipe"}))
    attributes = [("spice", "hot"), ("herbs", "mint"), ("servings", "4"), ("vegan", "yes")]
    for kind, value in attributes:
        words = {"spice": "hot", "herbs": "mint", "servings": "4 servings", "vegan": "vegan"}[kind]
        ways = [way for bank in book.with_(kind, [value]) for way in bank]
        for text in (*ways, *(text for way in book.has[kind, value] for text in way.values())):
            wanted, refused = split_polarity(f"Something {text.strip()}.")
            assert words in wanted
            assert not refused
            assert "{" not in text


def test_wishes_for_several_kinds_end_with_those_of_the_data_set() -> None:
    book = Phrasebook((), Nouns.of({"item": "recipe"}))
    wanted = [("spice", "hot"), ("genre", "soup"), ("herbs", "mint"), ("decade", "1990s")]
    seen = set()
    for seed in range(60):
        phrase = Voice(seed, never, book).wish(wanted)
        assert phrase.startswith("a soup recipe ")
        assert phrase.index("1990s") < phrase.index("hot") < phrase.index("mint")
        assert " and " in phrase
        seen.add(phrase)
    assert len(seen) > 15


def test_topics_of_any_kind() -> None:
    topics = Topics(CURRIES)
    assert {(t.kind, t.value) for t in topics.topics} == {
        ("spice", "hot"),
        ("spice", "mild"),
        ("spice", "smoky"),
        ("servings", "2"),
        ("servings", "4"),
        ("vegan", "yes"),
        ("herbs", "mint"),
        ("herbs", "dill"),
    }
    assert topics.single == {"decade", "spice", "servings", "vegan"}


def test_what_tells_every_item_apart_is_no_topic() -> None:
    books = [item(f"T{n}", ("isbn", f"978-{n}"), ("shelf", f"S{n // 2}")) for n in range(10)]
    assert {topic.kind for topic in Topics(books).topics} == {"shelf"}
    assert {topic.kind for topic in Topics(books[:9]).topics} == {"isbn", "shelf"}


@pytest.mark.parametrize(
    ("text", "liked", "disliked"),
    [
        ("Something hot, please. I have 4 kids.", ["hot"], []),
        ("Nothing hot! Make it mild, 4 servings.", ["4", "mild"], ["hot"]),
        ("Is there a vegan one with mint?", ["mint", "yes"], []),
    ],
)
def test_the_reader_finds_them(text: str, liked: list[str], disliked: list[str]) -> None:
    topics = Topics(CURRIES)
    read = PreferenceReader(CURRIES, topics).read((Utterance("seeker", text),))
    assert [topics.topics[t].value for t in read.liked] == liked
    assert [topics.topics[t].value for t in read.disliked] == disliked


def test_an_everyday_word_is_a_genre_before_the_noun() -> None:
    books = [item("A", ("genre", "war")), item("B", ("genre", "poetry"))]
    topics = Topics(books)
    dialogue = (Utterance("seeker", "A war novel?"),)
    assert not PreferenceReader(books, topics).read(dialogue).liked
    assert PreferenceReader(books, topics, called="novel").read(dialogue).liked


def test_nobody_asks_for_two_values_of_a_kind_that_items_have_one_of() -> None:
    user = RulesSimulator(CURRIES, wishes=3)
    dialogue = (Utterance("seeker", "I like hot and smoky things."),)
    context = Context(dialogue, (Turn("", (), "", Recommendation(slots=(1,))),))
    for text in user.respond([context] * 50, range(50)):
        assert ("hot" in text) != ("smoky" in text)


def test_a_kind_that_is_a_title_is_not_named() -> None:
    catalogue = [item("Spice", ("spice", "hot"), ("herbs", "mint")), *CURRIES]
    user = AttributesSimulator(catalogue, candour=1.0)
    context = Context((), (Turn("", (), "", Recommendation(slots=(1, 2))),))
    said = user.respond([context] * 80, range(80), [Goal(0, "")] * 80)
    assert not any("spice" in text.lower() for text in said)
    assert sum("mint" in text for text in said) > 40


def test_its_spec_tells_the_noun_of_its_own() -> None:
    recipes = Nouns.of({"item": "recipe"})
    assert RulesSimulator(CURRIES).spec() == RulesSimulator(CURRIES, nouns=FILM).spec()
    assert RulesSimulator(CURRIES, nouns=recipes).spec()["item"] == "recipe"
    assert AttributesSimulator(CURRIES, nouns=recipes).spec()["items"] == "recipes"
    film_user = AttributesSimulator.from_dataset(load("synthetic"))
    assert "item" not in film_user.spec()
