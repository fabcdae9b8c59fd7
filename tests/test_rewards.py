"""Reward terms against values worked by hand, and what a wrong setting or term is told."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from crsgym import rewards
from crsgym.errors import ConfigurationError, PluginError
from crsgym.rewards import PreferenceSimilarity, Rewards, register_reward
from crsgym.types import FloatArray, Goal, Recommendation

GOAL = Goal(target=7, preference="dark drama")


class Words:
    """Unit vectors over four words, and a count of the calls."""

    dim = 4
    words = ("dark", "drama", "funny", "not")

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.calls.append(tuple(texts))
        rows = [[float(text.split().count(word)) for word in self.words] for text in texts]
        norms = [math.sqrt(sum(x * x for x in row)) or 1.0 for row in rows]
        unit = [[x / norm for x in row] for row, norm in zip(rows, norms, strict=True)]
        return np.array(unit, dtype=np.float32).reshape(len(texts), self.dim)


class Constant:
    """An encoder that gives every text the vector it was made with."""

    dim = 2

    def __init__(self, *vector: float) -> None:
        self.vector = vector

    def encode(self, texts: Sequence[str]) -> FloatArray:
        return np.array([self.vector] * len(texts), dtype=np.float32)


def answers(**fields: Sequence[object]) -> list[Recommendation]:
    """One recommendation per value of each field."""
    rows = zip(*fields.values(), strict=True)
    return [Recommendation(**dict(zip(fields, row, strict=True))) for row in rows]


def test_think_format() -> None:
    counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100]
    values = rewards.think_format(answers(steps=counts), [GOAL] * 10)
    assert values.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0, 0])
    assert values.dtype == np.float64


def test_answer_format() -> None:
    values = rewards.answer_format(answers(well_formed=[True, False]), [GOAL] * 2)
    assert values.tolist() == [1.0, 0.0]


LISTS = [(7,), (1, 7), (None, None, 7, 3), (1, 2), (), (None,), tuple(range(10))]


def test_hit() -> None:
    values = rewards.hit(answers(slots=LISTS), [GOAL] * 7)
    assert values.tolist() == [1, 1, 1, 0, 0, 0, 1]


def test_rank() -> None:
    # 1 - 0/1, 1 - 1/2, 1 - 2/4 (slots that were not understood have their place), ..., 1 - 7/10
    values = rewards.rank(answers(slots=LISTS), [GOAL] * 7)
    assert values.tolist() == pytest.approx([1, 0.5, 0.5, 0, 0, 0, 0.3])


def test_preference_is_the_cosine() -> None:
    inferred = ["dark drama", "drama", "dark drama funny not", "funny", "", "unheard of"]
    values = PreferenceSimilarity(Words())(answers(preference=inferred), [GOAL] * 6)
    # (1,1,0,0)/sqrt 2 with: itself; (0,1,0,0); (1,1,1,1)/2; (0,0,1,0); nothing; no known word.
    assert values.tolist() == pytest.approx([1, 1 / math.sqrt(2), 1 / math.sqrt(2), 0, 0, 0])


def test_preference_is_compared_about_the_mean_of_the_background() -> None:
    inferred = ["dark drama", "dark", "funny", "dark dark drama", "", "unheard of"]
    term = PreferenceSimilarity(Words(), background=["dark", "drama"])
    # The centre is c = (1/2, 1/2, 0, 0); the reference, (1, 1, 0, 0)/sqrt 2 - c, points to (1, 1).
    # dark - c = (1, -1)/2 stands upright on it; funny - c = (-1/2, -1/2, 1): -1/(sqrt 2 sqrt 1.5);
    # (2, 1)/sqrt 5 - c = (.39443, -.05279): .34164 / (sqrt 2 * .39794).
    expected = [1, 0, -1 / math.sqrt(3), 0.60707, 0, 0]
    values = term(answers(preference=inferred), [GOAL] * 6)
    assert values.tolist() == pytest.approx(expected, abs=1e-5)


def test_a_text_of_nothing_but_background_earns_nothing() -> None:
    term = PreferenceSimilarity(Words(), background=["dark"])
    goals = [GOAL, GOAL, Goal(0, "dark")]
    assert term(answers(preference=["dark", "dark dark", "drama"]), goals).tolist() == [0, 0, 0]


def test_a_text_that_is_the_same_for_everybody_earns_about_nothing() -> None:
    references = ["dark drama", "dark funny", "dark not", "dark"]
    goals = [Goal(0, reference) for reference in references]
    for text in ("dark", "dark drama funny not", "drama", "dark not"):
        constant = answers(preference=[text] * 4)
        plain = PreferenceSimilarity(Words())(constant, goals)
        about = PreferenceSimilarity(Words(), background=references)(constant, goals)
        assert plain.mean() > 0.15
        assert abs(about.mean()) < 0.1


def test_one_call_of_the_encoder_a_batch_and_references_are_kept() -> None:
    encoder = Words()
    term = PreferenceSimilarity(encoder)
    term(answers(preference=["drama", "drama", ""]), [GOAL] * 3)
    term(answers(preference=["funny"]), [GOAL])
    term(answers(preference=["", ""]), [GOAL] * 2)
    term(answers(preference=["funny"]), [Goal(7, "")])
    assert encoder.calls == [("drama", "dark drama"), ("funny",)]


def test_the_kept_references_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewards, "_CACHE_BYTES", 0)
    encoder = Words()
    term = PreferenceSimilarity(encoder)
    goals = [Goal(0, f"drama {i}") for i in range(200)]
    ones = answers(preference=["dark drama"] * 200)
    assert term(ones, goals).tolist() == pytest.approx([1 / math.sqrt(2)] * 200)
    assert len(term._references) == 64
    assert term(ones[:1], goals[:1]).tolist() == pytest.approx([1 / math.sqrt(2)])


def test_a_preference_is_read_up_to_a_length() -> None:
    long = "drama " * 500 + "funny " * 500
    values = PreferenceSimilarity(Words())(answers(preference=[long]), [Goal(0, "drama")])
    assert values.tolist() == pytest.approx([1.0])


def test_more_references_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crsgym.rewards._CACHE_BYTES", 1)
    goals = [Goal(0, f"drama {'dark ' * (i % 3)}{i}") for i in range(70)]
    ones = answers(preference=["dark drama"] * 70)
    expected = [float(PreferenceSimilarity(Words())(ones[:1], [goal])[0]) for goal in goals]
    term = PreferenceSimilarity(Words())
    term(ones[:1], goals[:1])
    # The first is kept already, and would be the first to be forgotten for the others.
    assert term(ones, goals[1:] + goals[:1]).tolist() == [*expected[1:], expected[0]]
    assert term(ones, goals).tolist() == expected


def test_a_preference_with_a_lone_surrogate_reaches_the_encoder_repaired() -> None:
    encoder = Words()
    PreferenceSimilarity(encoder)(answers(preference=["dark \ud800"]), [GOAL])
    assert encoder.calls[0][0] == "dark \ufffd"


def test_rounding_never_leaves_the_bounds() -> None:
    values = PreferenceSimilarity(Constant(0.8, 0.6000001))(answers(preference=["a"]), [GOAL])
    assert values.tolist() == [1.0]


@pytest.mark.parametrize("encoder", [Constant(math.nan, 0), Constant(math.inf, 0), Constant(1)])
def test_an_encoder_that_breaks_its_contract(encoder: Constant) -> None:
    with pytest.raises(PluginError, match=r"Constant\.encode"):
        PreferenceSimilarity(encoder)(answers(preference=["a"]), [GOAL])


def test_the_total_is_the_weighted_sum_and_every_term_is_told() -> None:
    found = Recommendation(slots=(1, 7), preference="drama", steps=4, well_formed=True)
    half = 1 / math.sqrt(2)
    terms = {"think_format": 0.8, "answer_format": 1.0, "hit": 1.0, "rank": 0.5, "preference": half}

    totals, told = Rewards(None, Words())([found], [GOAL])
    assert totals.tolist() == pytest.approx([3.3 + half])
    assert totals.dtype == np.float64
    assert list(told[0]) == list(terms)
    assert told[0] == pytest.approx(terms)

    weighed = Rewards({"hit": 2, "think_format": 0, "rank": -1.0}, Words())
    totals, told = weighed([found], [GOAL])
    assert totals.tolist() == pytest.approx([0 + 1 + 2 - 0.5 + half])
    assert told[0] == pytest.approx(terms)


def test_an_empty_batch() -> None:
    totals, terms = Rewards(None, Words())([], [])
    assert totals.shape == (0,)
    assert terms == []


def test_a_total_does_not_depend_on_the_batch() -> None:
    reward = Rewards(None, Words())
    batch = answers(slots=LISTS, preference=["dark", "drama", "", "funny", "not dark", "a", "b"])
    totals, terms = reward(batch, [GOAL] * 7)
    for i, one in enumerate(batch):
        alone, told = Rewards(None, Words())([one], [GOAL])
        assert alone[0] == totals[i]
        assert told[0] == terms[i]


def test_bounds() -> None:
    assert Rewards(None, Words()).bounds == (-1.0, 5.0)
    weights = {"hit": 2.0, "rank": -3.0, "think_format": 0.0, "preference": 0.5}
    # answer 0..1, hit 0..2, rank -3..0, preference -.5...5
    assert Rewards(weights, Words()).bounds == (-3.5, 3.5)


def count(recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> list[float]:
    return [float(len(r.items)) for r in recommendations]


class Short:
    """1 for an answer of one item."""

    bounds = (0.0, 1.0)

    def __call__(
        self, recommendations: Sequence[Recommendation], goals: Sequence[Goal]
    ) -> list[float]:
        return [float(len(r.items) == 1) for r in recommendations]

    def spec(self) -> dict[str, object]:
        return {"items": 1}


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = dict(rewards.REWARDS._entries)
    monkeypatch.setattr(rewards.REWARDS, "_entries", entries)


def test_own_terms_join_by_name() -> None:
    register_reward("count", count)
    register_reward("short", Short)
    register_reward("short_one", Short())
    assert "count" not in Rewards(None, Words()).terms
    reward = Rewards({"count": 0.1, "short": 1.0, "short_one": 0.0}, Words())
    totals, terms = reward([Recommendation(slots=(7,))], [GOAL])
    assert terms[0]["count"] == 1.0
    assert terms[0]["short"] == terms[0]["short_one"] == 1.0
    assert totals.tolist() == pytest.approx([0.1 + 1 + 1 + 1])
    assert reward.bounds == (-math.inf, math.inf)
    assert Rewards({"count": 0.0, "short": 2.0}, Words()).bounds == (-1.0, 7.0)


def test_an_own_term_by_path() -> None:
    reward = Rewards({"crsgym.rewards:hit": 1.0}, Words())
    totals, terms = reward([Recommendation(slots=(7,))], [GOAL])
    assert terms[0]["crsgym.rewards:hit"] == 1.0
    assert totals.tolist() == [3.0]


def test_spec_tells_all_that_the_reward_depends_on() -> None:
    register_reward("count", count)
    register_reward("short", Short)
    spec = Rewards({"count": 1, "short": 2, "hit": 0.5}, Words()).spec()
    assert json.loads(json.dumps(spec)) == spec
    assert spec["weights"] == {
        "think_format": 1.0,
        "answer_format": 1.0,
        "hit": 0.5,
        "rank": 1.0,
        "preference": 1.0,
        "count": 1.0,
        "short": 2.0,
    }
    assert spec["own"]["count"]["class"].endswith(":count")
    assert spec["own"]["short"]["items"] == 1
    assert spec["preference"]["encoder"]["class"].endswith(":Words")
    other = Rewards(None, Words(), background=["dark"]).spec()["preference"]
    assert other["background"] != spec["preference"]["background"]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"hits": 1.0}, "unknown reward term 'hits'; did you mean 'hit'"),
        ({"hit": math.nan}, "weight of 'hit' must be finite"),
        ({"hit": math.inf}, "weight of 'hit' must be finite"),
        ({"hit": "1"}, "weight of 'hit' must be a number; got '1'"),
        ({"hit": True}, "weight of 'hit' must be a number"),
        ({"hit": None}, "weight of 'hit' must be a number"),
        ([1.0], "reward weights map names to numbers"),
        ({"no.such.module:term": 1.0}, "there is no module"),
        ({"math:pi": 1.0}, "must be callable"),
        ({"crsgym.rewards:PreferenceSimilarity": 1.0}, "needs arguments"),
        ({3: 1.0}, "names a reward term"),
    ],
)
def test_wrong_weights(weights: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Rewards(weights, Words())


def test_an_encoder_that_cannot_encode() -> None:
    with pytest.raises(ConfigurationError, match="needs `dim` and `encode"):
        Rewards(None, "tfidf")


def test_answers_and_goals_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="expected 1 goals"):
        Rewards(None, Words())([Recommendation()], [])


@pytest.mark.parametrize("name", ["two words", "", "a:b", "9"])
def test_a_name_is_an_identifier(name: str) -> None:
    with pytest.raises(ConfigurationError, match="identifier"):
        register_reward(name, count)


def test_a_name_is_taken_once_and_a_term_can_be_called() -> None:
    with pytest.raises(ConfigurationError, match="registered already"):
        register_reward("hit", count)
    with pytest.raises(ConfigurationError, match="must be callable"):
        register_reward("number", 3)


@pytest.mark.parametrize(
    "values", [[math.nan], [math.inf], [], [1.0, 2.0], 1.0, ["much"], None, [[1.0], [2.0, 3.0]]]
)
def test_an_own_term_that_breaks_its_contract(values: object) -> None:
    register_reward("broken", lambda recommendations, goals: values)
    with pytest.raises(PluginError, match="'broken' must return 1 finite numbers"):
        Rewards({"broken": 1.0}, Words())([Recommendation()], [GOAL])
