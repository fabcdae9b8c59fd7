"""The hybrid retriever: honest on its own training data, switchable, saved, and resumable."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.retrieval import build
from crsgym.retrieval.artifact import load_artifact, save_artifact
from crsgym.retrieval.counts import conversations
from crsgym.retrieval.hybrid import HybridRetriever
from crsgym.simulators.attributes import AttributesSimulator
from crsgym.task import Task
from crsgym.testing import check_retriever
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Context, Dialogue, IntArray, Recommendation, Turn


@pytest.fixture(scope="module")
def hybrid(toy_dataset: Dataset) -> HybridRetriever:
    users = [AttributesSimulator.from_dataset(toy_dataset)]
    return HybridRetriever.fit(toy_dataset, simulators=users)


@pytest.fixture
def talk(toy_dataset: Dataset) -> Context:
    """A conversation at turn 2 that is no training context."""
    dialogue = toy_dataset.dialogues("train")[0].utterances
    turn = Turn("", (), "", Recommendation(slots=(6, 7), preference="genre1"))
    return Context(dialogue, (turn,), "I want a film by Director 3, not genre0.")


def test_it_keeps_the_contract(hybrid: HybridRetriever, toy_task: Task) -> None:
    check_retriever(hybrid, toy_task, k=6)


def test_a_training_context_does_not_meet_its_own_conversation(
    toy_dataset: Dataset, hybrid: HybridRetriever
) -> None:
    scenarios = toy_dataset.scenarios("train")
    number = conversations(toy_dataset)
    dialogues = [scenario.dialogue for scenario in scenarios]
    recognised = hybrid.scores([Context(dialogue) for dialogue in dialogues])
    own = np.array([number[scenario.dialogue_id] for scenario in scenarios])
    expected = hybrid.dialogue_scores(dialogues, own)
    careless = hybrid.dialogue_scores(dialogues, np.full(len(own), -1))
    assert recognised == pytest.approx(expected, abs=1e-4)
    assert not np.allclose(recognised, careless, atol=1e-3)


def test_no_other_split_is_read(toy_dataset: Dataset) -> None:
    def forbidden() -> Sequence[Dialogue]:
        raise AssertionError("a split other than train was read")

    splits = {"train": toy_dataset.dialogues("train"), "valid": forbidden, "test": forbidden}
    dataset = Dataset("toy", toy_dataset.catalogue, splits, fingerprint="toy-1")
    users = [AttributesSimulator.from_dataset(dataset)]
    HybridRetriever.fit(dataset, simulators=users)


def test_it_is_fitted_once_and_then_loaded(
    toy_dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CRSGYM_CACHE", str(tmp_path))
    users = [AttributesSimulator.from_dataset(toy_dataset)]
    contexts = [Context(s.dialogue) for s in toy_dataset.scenarios("train")]

    def made(**options: object) -> IntArray:
        return build("hybrid", toy_dataset, options, users=lambda: users).retrieve(contexts, 5)

    first = made()
    assert "fitting on toy" in capsys.readouterr().err
    assert np.array_equal(made(), first)
    assert "loaded from" in capsys.readouterr().err
    made(use_feedback=False)
    assert "loaded from" in capsys.readouterr().err, "how it is used is no reason to fit again"
    made(unseen=True)
    assert "fitting on toy" in capsys.readouterr().err
    for weights in tmp_path.rglob("weights-*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="damaged.*fitting anew"):
        assert np.array_equal(made(), first)


def test_equal_seeds_give_equal_weights(toy_dataset: Dataset, hybrid: HybridRetriever) -> None:
    users = [AttributesSimulator.from_dataset(toy_dataset)]
    again = HybridRetriever.fit(toy_dataset, simulators=users)
    assert again.weights() == hybrid.weights()
    assert again.later_weights() == hybrid.later_weights()
    other = HybridRetriever.fit(toy_dataset, simulators=users, seed=1)
    assert other.later_weights() != hybrid.later_weights()


@pytest.mark.parametrize("switch", ["use_feedback", "use_preference", "use_list"])
def test_each_input_can_be_switched_off(
    toy_dataset: Dataset, hybrid: HybridRetriever, talk: Context, switch: str
) -> None:
    without = HybridRetriever.restore(hybrid.artifact(), toy_dataset, **{switch: False})
    assert without.spec()[switch] is False
    changed = {
        "use_feedback": replace(talk, feedback="Something with genre2."),
        "use_preference": replace(
            talk, turns=(replace(talk.turns[0], recommendation=Recommendation(slots=(6, 7))),)
        ),
        "use_list": replace(
            talk,
            turns=(
                replace(
                    talk.turns[0], recommendation=Recommendation(slots=(8,), preference="genre1")
                ),
            ),
        ),
    }[switch]
    assert np.array_equal(without.scores([talk]), without.scores([changed]))
    if switch != "use_list":  # the toy users never accept, so lists have no weight to speak of
        assert not np.array_equal(hybrid.scores([talk]), hybrid.scores([changed]))


def test_without_users_later_turns_add_nothing(toy_dataset: Dataset, talk: Context) -> None:
    untrained = HybridRetriever.fit(toy_dataset)
    assert set(untrained.later_weights().values()) == {0.0}
    assert np.array_equal(untrained.scores([talk]), untrained.scores([Context(talk.dialogue)]))


def test_demotion(toy_dataset: Dataset, hybrid: HybridRetriever, talk: Context) -> None:
    shown = HybridRetriever.restore(hybrid.artifact(), toy_dataset, demote="shown")
    assert set(shown.retrieve([talk], 12)[0, -2:]) == {6, 7}
    # Of the listed, the remark turns genre0 down: item 6, and not 7.
    rejected = HybridRetriever.restore(hybrid.artifact(), toy_dataset, demote="rejected")
    assert rejected.retrieve([talk], 12)[0, -1] == 6
    with pytest.raises(ConfigurationError, match="demote"):
        HybridRetriever.restore(hybrid.artifact(), toy_dataset, demote="all")  # type: ignore[arg-type]


def test_saved_and_loaded(
    toy_dataset: Dataset, hybrid: HybridRetriever, talk: Context, tmp_path: Path
) -> None:
    save_artifact(tmp_path / "hybrid", hybrid.artifact(), toy_dataset)
    again = build(tmp_path / "hybrid", toy_dataset)
    assert isinstance(again, HybridRetriever)
    assert again.spec() == hybrid.spec()
    contexts = [talk, *(Context(s.dialogue) for s in toy_dataset.scenarios("train"))]
    assert np.array_equal(again.scores(contexts), hybrid.scores(contexts))


def test_an_artifact_of_another_catalogue_is_refused(
    toy_dataset: Dataset, hybrid: HybridRetriever, tmp_path: Path
) -> None:
    save_artifact(tmp_path, hybrid.artifact(), toy_dataset)
    fewer = Catalogue(list(toy_dataset.catalogue)[:-1])
    train = {"train": toy_dataset.dialogues("train")}
    other = Dataset("other", fewer, train, fingerprint="other")
    with pytest.raises(ArtifactError, match="trained on the catalogue of toy"):
        build(tmp_path, other)


def test_a_corrupt_artifact_is_refused(
    toy_dataset: Dataset, hybrid: HybridRetriever, tmp_path: Path
) -> None:
    save_artifact(tmp_path, hybrid.artifact(), toy_dataset)
    [weights] = tmp_path.glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        build(tmp_path, toy_dataset)


def test_an_artifact_of_another_version_or_with_a_part_missing_is_refused(
    toy_dataset: Dataset, hybrid: HybridRetriever, tmp_path: Path
) -> None:
    artifact = hybrid.artifact()
    old = replace(artifact, config={**artifact.config, "version": 0})
    with pytest.raises(ArtifactError, match="version 0"):
        HybridRetriever.restore(old, toy_dataset)
    arrays = {name: a for name, a in artifact.arrays.items() if name != "counts/targets.data"}
    save_artifact(tmp_path, replace(artifact, arrays=arrays), toy_dataset)
    with pytest.raises(ArtifactError, match="lacks"):
        HybridRetriever.restore(load_artifact(tmp_path, toy_dataset), toy_dataset)


def test_an_encoder_without_a_name_cannot_be_saved(toy_dataset: Dataset) -> None:
    retriever = HybridRetriever.fit(toy_dataset, encoder=HashedTfidf(64))
    with pytest.raises(ConfigurationError, match="by name"):
        retriever.artifact()


def test_an_interrupted_fit_resumes_to_the_same_weights(
    toy_dataset: Dataset, hybrid: HybridRetriever, tmp_path: Path
) -> None:
    users = [AttributesSimulator.from_dataset(toy_dataset)]
    for stop in ("first turn: epoch 4", "later turns: epoch 2"):

        def interrupt(line: str, stop: str = stop) -> None:
            if line.startswith(stop):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            HybridRetriever.fit(
                toy_dataset, simulators=users, checkpoint=tmp_path, progress=interrupt
            )
    lines: list[str] = []
    resumed = HybridRetriever.fit(
        toy_dataset, simulators=users, checkpoint=tmp_path, progress=lines.append
    )
    assert not any(line.startswith("first turn: epoch") for line in lines)
    assert resumed.weights() == hybrid.weights()
    assert resumed.later_weights() == hybrid.later_weights()


def test_it_needs_training_scenarios(toy_dataset: Dataset) -> None:
    empty = Dataset("none", toy_dataset.catalogue, {"train": ()}, fingerprint="none")
    with pytest.raises(ConfigurationError, match="no scenarios"):
        HybridRetriever.fit(empty)


@pytest.mark.requires_dataset("inspired")
@pytest.mark.slow
def test_it_is_as_good_as_documented_without_weights() -> None:
    from crsgym.data import load

    dataset = load("inspired")
    retriever = HybridRetriever.fit(dataset)
    for split, at_10, at_20 in (("valid", 0.38, 0.48), ("test", 0.34, 0.41)):
        scenarios = dataset.scenarios(split)
        targets = np.array([scenario.goal.target for scenario in scenarios])[:, None]
        offers = retriever.retrieve([Context(s.dialogue) for s in scenarios], 20)
        assert (offers[:, :10] == targets).any(axis=1).mean() >= at_10
        assert (offers == targets).any(axis=1).mean() >= at_20
    # In the train split it is no better: what it learned from leaves itself out.
    some = dataset.scenarios("train")[::8]
    targets = np.array([scenario.goal.target for scenario in some])[:, None]
    offers = retriever.retrieve([Context(s.dialogue) for s in some], 10)
    assert 0.25 < (offers == targets).any(axis=1).mean() < 0.45
