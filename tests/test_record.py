"""Records: frozen values that the functions of dataclasses take."""

from __future__ import annotations

import copy
import dataclasses
import gc
import pickle

import pytest

from crsgym.types import Context, Goal, Recommendation, Turn, Utterance

ANSWER = Recommendation((1, None), "a drama", 5, True, ("unknown_title",), (0, 4, 6, 9))
CONTEXT = Context(
    (Utterance("seeker", "hello", (3,), ("drama",)),), (Turn("", (1, 2), "text", ANSWER),), "more"
)


def test_they_are_used_as_frozen_dataclasses_are() -> None:
    assert dataclasses.is_dataclass(Goal)
    assert [field.name for field in dataclasses.fields(Goal)] == ["target", "preference"]
    assert [field.type for field in dataclasses.fields(Goal)] == [int, str]
    goal = Goal(3, "a drama")
    assert dataclasses.replace(goal, target=4) == Goal(4, "a drama")
    assert dataclasses.asdict(goal) == {"target": 3, "preference": "a drama"}
    assert repr(goal) == "Goal(target=3, preference='a drama')"
    assert hash(goal) == hash(Goal(3, "a drama"))
    with pytest.raises(AttributeError, match="immutable"):
        goal.target = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        dataclasses.replace(goal, aim=4)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "twin_of", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_a_copy_is_equal(twin_of: object) -> None:
    assert CONTEXT.mentioned == (3,)
    twin = twin_of(CONTEXT)  # type: ignore[operator]
    assert twin == CONTEXT
    assert hash(twin) == hash(CONTEXT)
    assert twin.mentioned == (3,)


def test_the_collector_does_not_go_over_them() -> None:
    assert not any(map(gc.is_tracked, (ANSWER, CONTEXT, CONTEXT.turns[0], Goal(1, ""))))
