import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from crsgym.data import load
from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError
from crsgym.protocols import Simulator, describe
from crsgym.seeding import derive_seed
from crsgym.simulators.preferences import PreferenceReader
from crsgym.simulators.rules import RulesSimulator
from crsgym.simulators.topics import Titles, Topics
from crsgym.simulators.wording import NONE_FITS
from crsgym.types import (
    Attribute,
    Context,
    Goal,
    Item,
    Recommendation,
    Turn,
    Utterance,
)

ITEMS = (
    Item("a", "Alibi (1994)", 1994, (Attribute("genre", "comedy"), Attribute("decade", "1990s"))),
    Item("b", "Manor (1981)", 1981, (Attribute("genre", "horror"), Attribute("decade", "1980s"))),
    Item("c", "Roses (1983)", 1983, (Attribute("genre", "comedy"), Attribute("decade", "1980s"))),
)


def context(dialogue: Sequence[Utterance], *lists: Sequence[int]) -> Context:
    return Context(
        tuple(dialogue), tuple(Turn("", (), "", Recommendation(slots=tuple(r))) for r in lists)
    )


def said(text: str) -> Context:
    return context([Utterance("seeker", text)], [1, 0])


def remarks(user: Simulator, given: Context, count: int = 40) -> list[str]:
    return [user.respond([given], [seed])[0] for seed in range(count)]


def sampled(dataset: Dataset, count: int, split: str = "test") -> list[tuple[Context, Goal]]:
    """Real dialogues with random lists, some of them with the target."""
    rng = np.random.default_rng(0)
    scenarios = dataset.scenarios(split)
    pairs = []
    for i in rng.choice(len(scenarios), count):
        scenario = scenarios[int(i)]
        lists = [rng.choice(len(dataset.catalogue), 10).tolist() for _ in range(rng.integers(1, 4))]
        if rng.random() < 0.2:
            lists[-1][3] = scenario.goal.target
        pairs.append((context(scenario.dialogue, *lists), scenario.goal))
    return pairs


@pytest.fixture(scope="module")
def synthetic() -> Dataset:
    return load("synthetic")


@pytest.fixture(scope="module")
def user(synthetic: Dataset) -> RulesSimulator:
    return RulesSimulator.from_dataset(synthetic)


def test_it_says_what_fits_what_does_not_and_what_is_missing() -> None:
    rules = RulesSimulator(ITEMS)
    given = said("I love comedies from the 1980s. No horror please.")
    for text in remarks(rules, given):
        praise, objection, wish = re.split(r"(?<=[.!?]) ", text)
        assert "second" in praise
        assert "comedy" in praise
        assert "first" in objection
        assert "horror" in objection
        assert "comedy" in wish or "1980s" in wish
        assert "horror" not in wish


def test_a_film_that_is_half_right_is_not_praised() -> None:
    rules = RulesSimulator(ITEMS)
    given = context([Utterance("seeker", "Something from the 1980s, but no horror.")], [1])
    for text in remarks(rules, given):
        assert text.startswith(NONE_FITS)


def test_it_asks_for_what_the_list_lacks() -> None:
    rules = RulesSimulator(ITEMS)
    given = context([Utterance("seeker", "I love comedies from the 1980s")], [0])
    for text in remarks(rules, given):
        praise, wish = re.split(r"(?<=[.!?]) ", text)
        assert "comedy" in praise
        assert "1980s" in wish
        assert "comedy" not in wish


def test_with_nothing_said_it_says_so_and_names_nothing() -> None:
    rules = RulesSimulator(ITEMS)
    for text in remarks(rules, said("Hello there.")):
        assert text
        assert not re.search("comedy|horror|19", text)


def test_it_falls_back_on_the_films_it_liked() -> None:
    rules = RulesSimulator(ITEMS)
    given = context([Utterance("seeker", "Roses was great.", (2,))], [1])
    for text in remarks(rules, given):
        assert "comedy" in text or "1980s" in text


def test_an_empty_list_is_answered() -> None:
    rules = RulesSimulator(ITEMS)
    for text in remarks(rules, context([Utterance("seeker", "I love horror")], [])):
        assert "horror" in text
        assert (
            "pick" in text
            or "title" in text
            or "list" in text
            or "suggest" in text
            or ("Nothing came through" in text)
        )


def test_goals_change_nothing(user: RulesSimulator, synthetic: Dataset) -> None:
    contexts, goals = zip(*sampled(synthetic, 50), strict=True)
    seeds = list(range(50))
    other = [Goal((goal.target + 17) % 1000, "something else") for goal in goals]
    assert not user.target_aware
    alone = user.respond(contexts, seeds)
    assert alone == user.respond(contexts, seeds, goals) == user.respond(contexts, seeds, other)


def test_it_never_names_a_listed_or_any_long_title(
    user: RulesSimulator, synthetic: Dataset
) -> None:
    titles = Titles(synthetic.catalogue)
    for number, (given, goal) in enumerate(sampled(synthetic, 1000)):
        text = user.respond([given], [derive_seed(number)])[0]
        assert not titles.named_in(text), text
        words = f" {text.lower()} "
        for item in {*given.last_list, goal.target}:
            for name in titles.of(item):
                assert name not in re.sub(r"[^\w ]", " ", words), (name, text)


def test_what_it_asks_for_was_asked_for_in_the_dialogue(
    user: RulesSimulator, synthetic: Dataset
) -> None:
    topics = Topics(synthetic.catalogue)
    reader = PreferenceReader(synthetic.catalogue, topics)
    checked = 0
    for number, (given, _) in enumerate(sampled(synthetic, 300)):
        read = reader.read(given.dialogue)
        if not read.liked:
            continue
        text = user.respond([given], [number])[0]
        wish = re.split(r"(?<=[.!?]) ", text)[-1]
        named = {i for i, topic in enumerate(topics.topics) if topic.value in wish}
        liked = {
            i
            for i, t in enumerate(topics.topics)
            for j in read.liked
            if t.value in topics.topics[j].value
        }
        assert named <= liked, text
        checked += bool(named)
    assert checked > 200


def test_batch_and_order_do_not_matter(user: RulesSimulator, synthetic: Dataset) -> None:
    contexts = [given for given, _ in sampled(synthetic, 40)]
    seeds = list(range(40))
    together = user.respond(contexts, seeds)
    assert together == [user.respond([c], [s])[0] for c, s in zip(contexts, seeds, strict=True)]
    assert together[::-1] == user.respond(contexts[::-1], seeds[::-1])
    assert user.respond([], []) == []


def test_other_processes_say_the_same() -> None:
    code = (
        "from crsgym.data import load\n"
        "from crsgym.simulators import build\n"
        "from crsgym.types import Context, Recommendation, Turn\n"
        "d = load('synthetic')\n"
        "s = d.scenarios('test')[:30]\n"
        "r = [Recommendation(slots=tuple(range(i, i + 10))) for i in range(30)]\n"
        "c = [Context(x.dialogue, (Turn('', (), '', y),)) for x, y in zip(s, r)]\n"
        "g = [x.goal for x in s]\n"
        "for name in ('rules', 'attributes'):\n"
        "    print(build(name, d).respond(c, list(range(30)), g))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert len(printed.pop()) > 1000


def test_language_varies(user: RulesSimulator, synthetic: Dataset) -> None:
    given = [pair[0] for pair in sampled(synthetic, 300)]
    texts = user.respond(given, [derive_seed(i) for i in range(300)])
    assert len(set(texts)) > 290
    openings = Counter(text.split(" ", 1)[0] for text in texts)
    assert len(openings) > 12
    assert max(openings.values()) < 100
    one = set(remarks(user, given[0], 100))
    assert len(one) > 60


def test_remarks_are_short(user: RulesSimulator, synthetic: Dataset) -> None:
    for given, _ in sampled(synthetic, 200):
        assert 2 <= len(user.respond([given], [1])[0].split()) <= 70


@pytest.mark.parametrize("wishes", [0, -1, True, 2.0, "2"])
def test_a_wrong_option(wishes: object, synthetic: Dataset) -> None:
    with pytest.raises(ConfigurationError, match="wishes must be"):
        RulesSimulator.from_dataset(synthetic, wishes=wishes)  # type: ignore[arg-type]


def test_its_spec_says_what_it_depends_on(user: RulesSimulator) -> None:
    assert describe(user) == {
        "class": "crsgym.simulators.rules:RulesSimulator",
        "kind": "rules",
        "version": 1,
        "wishes": 2,
    }


@pytest.mark.requires_dataset("inspired")
def test_on_inspired_it_speaks_of_the_dialogue_and_names_no_long_title() -> None:
    inspired = load("inspired")
    rules = RulesSimulator.from_dataset(inspired)
    titles = Titles(inspired.catalogue)
    specific = 0
    values = {topic.value for topic in Topics(inspired.catalogue).topics}
    pairs = sampled(inspired, 500)
    for number, (given, _) in enumerate(pairs):
        text = rules.respond([given], [derive_seed(number)])[0]
        assert text
        assert not titles.named_in(text), text
        specific += any(value in text for value in values)
    assert specific > 0.6 * len(pairs)
