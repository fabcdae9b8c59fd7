"""What later turns add, each part of it a field that can be switched off."""

from dataclasses import replace

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.retrieval.features import DialogueFeatures
from crsgym.retrieval.remarks import RemarkFeatures, accepts, shown
from crsgym.types import Context, FloatArray, Recommendation, Turn

OLD = Turn("", (), "", Recommendation(slots=(6, 7)))
LAST = Turn("I want a genre2 film.", (), "", Recommendation(slots=(8, None, 9), preference="night"))


@pytest.fixture(scope="module")
def base(toy_dataset: Dataset) -> DialogueFeatures:
    return DialogueFeatures.fit(toy_dataset)


@pytest.fixture
def context(toy_dataset: Dataset) -> Context:
    dialogue = toy_dataset.scenarios("train")[0].dialogue
    return Context(dialogue, (OLD, LAST), "Not by Director 1. I want genre1, or Director 3.")


def rows_of(remarks: RemarkFeatures, *contexts: Context) -> dict[str, FloatArray]:
    scores = np.ones((len(contexts), 12), dtype=np.float32)
    rows = list(remarks.rows(contexts, scores))
    assert len(rows) == len(remarks.names) == len(set(remarks.names))
    assert all(row.shape == scores.shape for row in rows)
    return dict(zip(remarks.names, rows, strict=True))


def themes(row: FloatArray) -> set[int]:
    """Which of genre0, genre1, genre2 a row of themes points to; item i has genre{i % 3}."""
    return {int(item) % 3 for item in np.flatnonzero(row)}


def test_each_text_is_a_field_of_its_own(base: DialogueFeatures, context: Context) -> None:
    found = rows_of(RemarkFeatures(base), context)
    assert themes(found["feedback_wanted_theme"][0]) == {1}
    assert themes(found["earlier_wanted_theme"][0]) == {2}
    assert np.flatnonzero(found["feedback_refused_person"][0]).tolist() == [1, 5, 9]
    assert np.flatnonzero(found["feedback_wanted_person"][0]).tolist() == [3, 7, 11]
    assert found["preference_words"][0].argmax() == 0  # "Night Train"
    assert not found["earlier_refused_theme"].any()


def test_news_are_what_the_dialogue_does_not_hold(base: DialogueFeatures, context: Context) -> None:
    repeated = replace(context, feedback="I want a genre0 film.")  # the dialogue said genre0
    found = rows_of(RemarkFeatures(base), context, repeated)
    assert themes(found["feedback_news_theme"][0]) == {1}
    assert not found["feedback_news_theme"][1].any()
    assert themes(found["feedback_wanted_theme"][1]) == {0}


def test_the_lists(base: DialogueFeatures, context: Context) -> None:
    taken = replace(context, feedback="Yes, that's it!")
    found = rows_of(RemarkFeatures(base), context, taken)
    assert np.flatnonzero(found["in_last_list"][0]).tolist() == [8, 9]
    assert np.flatnonzero(found["in_earlier_lists"][0]).tolist() == [6, 7]
    assert not found["in_accepted_list"][0].any()
    assert np.flatnonzero(found["in_accepted_list"][1]).tolist() == [8, 9]


@pytest.mark.parametrize(
    ("switch", "silent"),
    [
        ("use_feedback", ("feedback_", "earlier_")),
        ("use_preference", ("preference_",)),
        ("use_list", ("in_",)),
    ],
)
def test_each_can_be_switched_off(
    base: DialogueFeatures, context: Context, switch: str, silent: tuple[str, ...]
) -> None:
    on, off = (
        rows_of(RemarkFeatures(base), context),
        rows_of(RemarkFeatures(base, **{switch: False}), context),
    )
    for name in on:
        if name.startswith(silent):
            assert not off[name].any()
        else:
            assert np.array_equal(off[name], on[name])
    assert any(on[name].any() for name in on if name.startswith(silent))


def test_a_batch_is_its_rows(base: DialogueFeatures, context: Context) -> None:
    first = Context(context.dialogue)
    batch = (context, first, replace(context, feedback=""), replace(context, turns=(OLD,)))
    together = rows_of(RemarkFeatures(base), *batch)
    for place, one in enumerate(batch):
        alone = rows_of(RemarkFeatures(base), one)
        assert all(np.array_equal(alone[name][0], together[name][place]) for name in alone)


@pytest.mark.parametrize(
    ("remark", "expected"),
    [
        ("Yes, the second one!", True),
        ("Perfect.", True),
        ("That's it.", True),
        ("I'll take the first one", True),
        ("", False),
        ("None of these. Yesterday I saw one.", False),
        ("Yes, but I don't like horror.", False),
        ("I want a comedy.", False),
    ],
)
def test_accepts(remark: str, expected: bool) -> None:
    assert accepts(remark) is expected


def test_shown_and_rejected(base: DialogueFeatures, context: Context) -> None:
    first = Context(context.dialogue)
    assert np.flatnonzero(shown([context, first], 12)[0]).tolist() == [6, 7, 8, 9]
    assert not shown([first], 12).any()
    # Turned down is Director 1 (items 1, 5, 9), and of those only 9 was listed; but item 6 is none.
    rejected = RemarkFeatures(base).rejected([context, first])
    assert np.flatnonzero(rejected[0]).tolist() == [9]
    assert not rejected[1].any()
