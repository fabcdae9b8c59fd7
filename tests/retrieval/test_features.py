"""Features of a dialogue and an item: complete, the same in any batch, and honest."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.retrieval.counts import conversations
from crsgym.retrieval.features import DialogueFeatures
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Dialogue, FloatArray, IntArray, Utterance

OUTSIDE: IntArray = np.array([-1])

Features = Callable[[DialogueFeatures, Dataset, str], dict[str, FloatArray]]


def of_scenarios(
    features: DialogueFeatures, dataset: Dataset, dialogue: str
) -> dict[str, FloatArray]:
    """The features of a training dialogue's scenarios, by name: float32 (scenarios, items)."""
    scenarios = [s for s in dataset.scenarios("train") if s.dialogue_id == dialogue]
    own = np.full(len(scenarios), conversations(dataset)[dialogue])
    rows = features.rows([s.dialogue for s in scenarios], own)
    return dict(zip(features.names, rows, strict=True))


def with_other_future(dataset: Dataset, dialogue: str) -> Dataset:
    """The same data, but that dialogue recommends other items in the end; its words stay."""

    def changed(d: Dialogue) -> Dialogue:
        *before, last = d.utterances
        items = tuple((item + 5) % len(dataset.catalogue) for item in last.items)
        return Dialogue(d.id, (*before, replace(last, items=items))) if d.id == dialogue else d

    train = [changed(d) for d in dataset.dialogues("train")]
    return Dataset("toy", dataset.catalogue, {"train": train}, fingerprint="toy-2")


def leaks(
    dataset: Dataset, compute: Features = of_scenarios, *, encoder: HashedTfidf | None = None
) -> list[str]:
    """Names of features of a training scenario that move with the end of its own dialogue."""
    moved: set[str] = set()
    for dialogue in ("d0", "d1"):
        other = with_other_future(dataset, dialogue)
        before, after = (
            compute(DialogueFeatures.fit(d, encoder=encoder, unseen=True), d, dialogue)
            for d in (dataset, other)
        )
        moved |= {name for name in before if not np.array_equal(before[name], after[name])}
    return sorted(moved)


@pytest.mark.parametrize("encoder", [None, HashedTfidf(64)])
def test_no_feature_knows_how_the_own_dialogue_ends(
    toy_dataset: Dataset, encoder: HashedTfidf | None
) -> None:
    assert leaks(toy_dataset, encoder=encoder) == []


def test_a_planted_leak_is_caught(toy_dataset: Dataset) -> None:
    def careless(
        features: DialogueFeatures, dataset: Dataset, dialogue: str
    ) -> dict[str, FloatArray]:
        scenarios = [s for s in dataset.scenarios("train") if s.dialogue_id == dialogue]
        own = np.full(len(scenarios), -1)
        rows = features.rows([s.dialogue for s in scenarios], own)
        return dict(zip(features.names, rows, strict=True))

    found = leaks(toy_dataset, careless)
    for name in ("targets", "mentions", "never_target", "companions", "words_near_whole"):
        assert name in found, f"{name} looks at its own dialogue's end and was not caught"
    assert any(name.startswith("about_") for name in found)


def test_no_other_split_is_read(toy_dataset: Dataset) -> None:
    def forbidden() -> Sequence[Dialogue]:
        raise AssertionError("a split other than train was read")

    splits = {"train": toy_dataset.dialogues("train"), "valid": forbidden, "test": forbidden}
    dataset = Dataset("toy", toy_dataset.catalogue, splits, fingerprint="toy-1")
    DialogueFeatures.fit(dataset)


@pytest.mark.parametrize("unseen", [False, True])
def test_one_row_for_each_name(toy_dataset: Dataset, unseen: bool) -> None:
    features = DialogueFeatures.fit(toy_dataset, encoder=HashedTfidf(64), unseen=unseen)
    rows = list(features.rows([toy_dataset.scenarios("train")[0].dialogue], OUTSIDE))
    assert len(rows) == len(features.names) == len(set(features.names))
    assert all(row.shape == (1, 12) and row.dtype == np.float32 for row in rows)
    assert all(np.isfinite(row).all() for row in rows)
    assert ("never_target" in features.names) == unseen


def test_a_batch_is_its_rows(toy_dataset: Dataset) -> None:
    features = DialogueFeatures.fit(toy_dataset, encoder=HashedTfidf(64))
    dialogues = [s.dialogue for s in toy_dataset.scenarios("train")]
    own = np.array([0, -1, 1, -1])
    together = list(features.rows(dialogues, own))
    for place, dialogue in enumerate(dialogues):
        alone = features.rows([dialogue], own[place : place + 1])
        for one, many in zip(alone, together, strict=True):
            assert np.array_equal(one[0], many[place])


@pytest.mark.parametrize("dialogue", [(), (Utterance("seeker", ""),)])
def test_a_dialogue_that_says_nothing(
    toy_dataset: Dataset, dialogue: tuple[Utterance, ...]
) -> None:
    rows = DialogueFeatures.fit(toy_dataset).rows([dialogue], OUTSIDE)
    assert all(np.isfinite(row).all() for row in rows)


def test_data_without_mentions_or_attributes(toy_dataset: Dataset) -> None:
    bare = [replace(item, attributes=(), year=None) for item in toy_dataset.catalogue]
    train = (
        Dialogue("d", (Utterance("seeker", "hello"), Utterance("recommender", "See M.", (9,)))),
    )
    dataset = Dataset("bare", type(toy_dataset.catalogue)(bare), {"train": train}, fingerprint="b")
    features = DialogueFeatures.fit(dataset)
    assert all(np.isfinite(row).all() for row in features.rows([train[0].utterances[:1]], OUTSIDE))


@pytest.mark.parametrize("encoder", [None, HashedTfidf(64)])
def test_stored_and_restored(toy_dataset: Dataset, encoder: HashedTfidf | None) -> None:
    features = DialogueFeatures.fit(toy_dataset, encoder=encoder)
    again = DialogueFeatures.restore(features.arrays(), toy_dataset, encoder=encoder)
    dialogues, own = [s.dialogue for s in toy_dataset.scenarios("train")], np.array([0, 0, 1, -1])
    for before, after in zip(
        features.rows(dialogues, own), again.rows(dialogues, own), strict=True
    ):
        assert np.array_equal(before, after)
