import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as given_that
from hypothesis import strategies as st

from crsgym.data import load
from crsgym.data.dataset import Dataset
from crsgym.data.titles import normalise, split_year
from crsgym.errors import ConfigurationError
from crsgym.protocols import describe
from crsgym.simulators.attributes import AttributesSimulator
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.wording import ASPECTS
from crsgym.types import (
    Attribute,
    Context,
    Goal,
    Item,
    Recommendation,
    Scenario,
    Turn,
    Utterance,
)

HELLO = (Utterance("seeker", "Hello"),)


def film(key: str, title: str, year: int, *attributes: tuple[str, str]) -> Item:
    return Item(key, title, year, tuple(Attribute(*attribute) for attribute in attributes))


ITEMS = (
    film(
        "a", "Alibi (1994)", 1994,
        ("genre", "comedy"), ("genre", "crime"), ("tone", "witty"), ("decade", "1990s"),
        ("director", "Ada Ibarra"), ("cast", "Zoë Kessler"),
    ),
    film("b", "Manor (1961)", 1961, ("genre", "horror"), ("decade", "1960s")),
    film("c", "Roses (1963)", 1963, ("genre", "comedy"), ("director", "Ada Ibarra")),
    film("d", "Drama (2004)", 2004, ("genre", "drama"), ("genre", "drama thriller")),
    film("e", "It (2017)", 2017, ("genre", "horror"), ("decade", "2010s")),
    film("f", "The One (2001)", 2001, ("genre", "action"), ("decade", "2000s")),
    film("g", "Untold", 0),
)  # fmt: skip


def context(*turns: tuple[str, tuple[int, ...]]) -> Context:
    return Context(
        HELLO, tuple(Turn(text, (), "", Recommendation(slots=items)) for text, items in turns)
    )


def remark(
    user: AttributesSimulator, target: int, seed: int, *turns: tuple[str, tuple[int, ...]]
) -> str:
    return user.respond([context(*turns)], [seed], [Goal(target, "")])[0]


@pytest.fixture(scope="module")
def synthetic() -> Dataset:
    return load("synthetic")


def play(
    user: AttributesSimulator, dataset: Dataset, scenario: Scenario, seed: int, turns: int = 4
) -> list[str]:
    """What is said of ``turns`` random lists without the target, one after the other."""
    rng = np.random.default_rng(seed)
    others = np.delete(np.arange(len(dataset.catalogue)), scenario.goal.target)
    played: tuple[Turn, ...] = ()
    texts: list[str] = []
    for turn in range(turns):
        items = tuple(rng.choice(others, 10, replace=False).tolist())
        before = texts[-1] if texts else ""
        played = (*played, Turn(before, (), "", Recommendation(slots=items)))
        given = Context(scenario.dialogue, played)
        texts += user.respond([given], [seed + turn], [scenario.goal])
    return texts


def holds_name(text: str, item: Item) -> bool:
    names = [normalise(split_year(name)[0]) for name in (item.title, *item.aliases)]
    return any(f" {name} " in f" {normalise(text)} " for name in names)


def test_a_candid_remark_tells_one_new_attribute_that_the_list_misses() -> None:
    user = AttributesSimulator(ITEMS, candour=1.0)
    values = ITEMS[0].values()
    for seed in range(30):
        turns: list[tuple[str, tuple[int, ...]]] = [("", (1,))]
        order = []
        for _ in values:
            text = remark(user, 0, seed, *turns)
            (new,) = {value for value in values if value in text} - set(order)
            order.append(new)
            turns.append((text, (1,)))
        assert set(order) == set(values)
        again = remark(user, 0, seed, *turns)
        assert any(value in again for value in values)


def test_general_attributes_come_before_names() -> None:
    user = AttributesSimulator(ITEMS, candour=1.0)
    firsts = [remark(user, 0, seed, ("", (1,))) for seed in range(60)]
    names = sum("Ada Ibarra" in text or "Zoë Kessler" in text for text in firsts)
    assert names < 12


@pytest.mark.parametrize(("candour", "reveals", "most"), [(0.0, 1, 1), (1.0, 1, 2), (1.0, 3, 4)])
def test_a_remark_tells_a_bounded_number_of_attributes(
    synthetic: Dataset, candour: float, reveals: int, most: int
) -> None:
    user = AttributesSimulator.from_dataset(synthetic, candour=candour, reveals=reveals)
    reader = AttributeReader(synthetic.catalogue)
    counts = set()
    for number, scenario in enumerate(synthetic.scenarios("test")[::25]):
        told: set[str] = set()
        for text in play(user, synthetic, scenario, number):
            new = {attribute.value for attribute in reader.read(text)} - told
            counts.add(len(new))
            told |= new
    assert max(counts) == most


def test_a_reserved_remark_hints_at_what_is_right_or_wrong() -> None:
    user = AttributesSimulator(ITEMS, candour=0.0)
    aspects = [aspect for names in ASPECTS.values() for aspect in names]
    texts = [remark(user, 0, seed, ("", (1, 2))) for seed in range(40)]
    hints = [re.split(r"(?<=[.!?]) ", text)[-1] for text in texts]
    assert all(any(aspect in hint for aspect in aspects) for hint in hints)
    for hint in hints:
        # The second item has the target's genre and director; the first, what is wrong.
        wrong = re.search("wrong|isn't|off|not happy|different", hint)
        assert ("first" in hint) == bool(wrong), hint
        assert ("second" in hint) != bool(wrong), hint


def test_it_says_what_is_right_about_the_list() -> None:
    user = AttributesSimulator(ITEMS)
    for seed in range(30):
        sentences = re.split(r"(?<=[.!?]) ", remark(user, 0, seed, ("", (1, 2))))
        praise = next(s for s in sentences if "comedy" in s or "Ada Ibarra" in s)
        assert "second" in praise


def test_it_notices_a_better_and_a_worse_list() -> None:
    from crsgym.simulators.wording import CLOSER, FARTHER

    user = AttributesSimulator(ITEMS)
    for seed in range(20):
        closer = remark(user, 0, seed, ("", (1,)), ("x", (2,)))
        farther = remark(user, 0, seed, ("", (2,)), ("x", (1,)))
        assert closer.startswith(CLOSER)
        assert farther.startswith(FARTHER)


def test_it_notices_another_time() -> None:
    user = AttributesSimulator(ITEMS)
    texts = " ".join(remark(user, 0, seed, ("", (1,))) for seed in range(30))
    assert re.search("too old|dated|too far back", texts)
    assert not re.search("too recent|too new|present", texts)


@pytest.mark.parametrize("target", range(len(ITEMS)))
def test_it_accepts_the_target_without_its_title(target: int) -> None:
    user = AttributesSimulator(ITEMS)
    for seed in range(30):
        text = remark(user, target, seed, ("", (1, 2, target)))
        assert re.search(r"Yes|That's|Perfect|You found|Great|Wonderful", text), text
        assert not holds_name(text, ITEMS[target])


@pytest.mark.parametrize("target", range(len(ITEMS)))
def test_a_title_made_of_ordinary_words_is_not_said(target: int) -> None:
    # "Drama" is a genre, "It" and "one" stand in many a sentence.
    user = AttributesSimulator(ITEMS)
    for seed in range(100):
        items = tuple(i for i in range(len(ITEMS)) if i != target)
        for given in ([("", items)], [("", ())], [("", items[:1]), ("x", items[1:])]):
            assert not holds_name(remark(user, target, seed, *given), ITEMS[target])


def test_an_item_without_attributes_still_gets_a_reply() -> None:
    user = AttributesSimulator(ITEMS)
    for seed in range(20):
        assert remark(user, 6, seed, ("", (1, 2)))


def test_names_only_attributes_of_the_target(synthetic: Dataset) -> None:
    user = AttributesSimulator.from_dataset(synthetic)
    reader = AttributeReader(synthetic.catalogue)
    for number, scenario in enumerate(synthetic.scenarios("test")[::20]):
        target = synthetic.catalogue[scenario.goal.target]
        values = {value.casefold() for value in target.values()}
        texts = play(user, synthetic, scenario, number)
        named = {a.value.casefold() for text in texts for a in reader.read(text)}
        assert named <= values, texts
        assert len(named) >= 2
        assert all(reader.read(text) for text in texts)


def test_no_title_in_any_remark_on_any_target(synthetic: Dataset) -> None:
    user = AttributesSimulator.from_dataset(synthetic)
    scenario = synthetic.scenarios("test")[0]
    for target, item in enumerate(synthetic.catalogue):
        goal = Goal(target, "")
        for text in play(user, synthetic, replace(scenario, goal=goal), target, turns=2):
            assert not holds_name(text, item), text


@pytest.mark.requires_dataset("inspired")
def test_no_title_on_inspired() -> None:
    inspired = load("inspired")
    user = AttributesSimulator.from_dataset(inspired)
    scenario = inspired.scenarios("test")[0]
    for target, item in enumerate(inspired.catalogue):
        goal = Goal(target, "")
        for text in play(user, inspired, replace(scenario, goal=goal), target, turns=2):
            assert text
            assert not holds_name(text, item), text
        found = Context(scenario.dialogue, (Turn("", (), "", Recommendation(slots=(1, target))),))
        (text,) = user.respond([found], [target], [goal])
        assert not holds_name(text, item), text


@given_that(
    target=st.integers(0, 999),
    listed=st.lists(st.integers(0, 999), max_size=12, unique=True),
    seed=st.integers(0, 2**63 - 1),
)
def test_whatever_is_listed_the_title_stays_unsaid(
    synthetic: Dataset, target: int, listed: list[int], seed: int
) -> None:
    user = AttributesSimulator.from_dataset(synthetic)
    text = remark(user, target, seed, ("", tuple(listed)))
    assert text
    assert not holds_name(text, synthetic.catalogue[target])


def test_batch_and_order_do_not_matter(synthetic: Dataset) -> None:
    user = AttributesSimulator.from_dataset(synthetic)
    scenarios = synthetic.scenarios("valid")[::30]
    contexts = [replace(context(("", (1, 2, 3))), dialogue=s.dialogue) for s in scenarios]
    goals = [s.goal for s in scenarios]
    seeds = list(range(len(scenarios)))
    together = user.respond(contexts, seeds, goals)
    rows = list(zip(contexts, seeds, goals, strict=True))
    assert together == [user.respond([c], [s], [g])[0] for c, s, g in rows]
    assert together[::-1] == user.respond(contexts[::-1], seeds[::-1], goals[::-1])
    assert len(set(together)) == len(together)


def test_it_needs_the_goals(synthetic: Dataset) -> None:
    user = AttributesSimulator.from_dataset(synthetic)
    with pytest.raises(ConfigurationError, match="target-aware: it needs the goals"):
        user.respond([context(("", (1,)))], [0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reveals": 0}, "reveals must be at least 1; got 0"),
        ({"reveals": True}, "reveals must be an integer"),
        ({"candour": 1.5}, "candour: expected a number from 0 to 1, got 1.5"),
        ({"candour": "high"}, "candour: expected a number from 0 to 1, got 'high'"),
        ({"candour": True}, "candour: expected a number"),
        ({"candour": float("nan")}, "candour: expected a number"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        AttributesSimulator(ITEMS, **options)  # type: ignore[arg-type]


def test_its_spec_says_what_it_depends_on() -> None:
    assert describe(AttributesSimulator(ITEMS, reveals=2)) == {
        "class": "crsgym.simulators.attributes:AttributesSimulator",
        "kind": "attributes",
        "version": 1,
        "candour": 0.5,
        "reveals": 2,
    }
