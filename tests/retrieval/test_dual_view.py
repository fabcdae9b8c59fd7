"""The dual-view retriever: training, honesty, resuming after a kill, artifacts, options."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.retrieval import build
from crsgym.retrieval.artifact import load_artifact, save_artifact
from crsgym.retrieval.config import DualViewConfig
from crsgym.retrieval.entities import EntityLinker
from crsgym.retrieval.examples import constructed_contexts
from crsgym.retrieval.textparts import TextParts
from crsgym.text import ENCODERS
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Context, Dialogue, Goal, Recommendation, Turn, Utterance
from tests.retrieval.films import GENRES, make_films

torch = pytest.importorskip("torch", reason="needs the extra `torch`")

from crsgym.retrieval.dual_view import DualViewRetriever  # noqa: E402

SMALL: dict[str, Any] = {
    "graph": {"dim": 16, "epochs": 10},
    "train": {"epochs": 12, "batch_size": 8, "negatives": 6, "learning_rate": 0.01},
}


def small_encoder() -> HashedTfidf:
    return HashedTfidf(32)


class Critic:
    """A user that asks for the genre of its goal."""

    target_aware = True

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        assert goals is not None
        return [f"more {self.dataset.catalogue[g.target].values('genre')[0]}" for g in goals]

    def spec(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module", autouse=True)
def encoder_by_name() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS._entries, "small", small_encoder)
        yield


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_films(("train", "valid"))


@pytest.fixture(scope="module")
def retriever(dataset: Dataset) -> DualViewRetriever:
    return DualViewRetriever.fit(
        dataset, encoder="small", settings=SMALL, simulators=[Critic(dataset)]
    )


def ask(text: str, items: tuple[int, ...] = ()) -> Context:
    return Context((Utterance("seeker", text, items),))


def answered(
    context: Context, listed: tuple[int, ...], feedback: str = "", preference: str = ""
) -> Context:
    turn = Turn(context.feedback, listed, "", Recommendation(slots=listed, preference=preference))
    return Context(context.dialogue, (*context.turns, turn), feedback)


def test_losses_fall_and_what_is_asked_for_comes_first(
    retriever: DualViewRetriever, dataset: Dataset
) -> None:
    graph, history = retriever.metrics["graph_losses"], retriever.metrics["history"]
    assert graph[-1] < graph[0]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    for number, genre in enumerate(GENRES):
        [best] = retriever.retrieve([ask(f"Hello, I am in the mood for {genre} tonight")], 3)
        assert set(best % 4) == {number}


def test_the_same_seed_gives_the_same_retriever(
    retriever: DualViewRetriever, dataset: Dataset
) -> None:
    again = DualViewRetriever.fit(
        dataset, encoder="small", settings=SMALL, simulators=[Critic(dataset)]
    )
    other = DualViewRetriever.fit(
        dataset, encoder="small", settings=SMALL, simulators=[Critic(dataset)], seed=1
    )
    contexts = [ask(f"a {genre}") for genre in GENRES]
    assert np.array_equal(again.scores(contexts), retriever.scores(contexts))
    assert not np.array_equal(other.scores(contexts), retriever.scores(contexts))


def test_retrieve_is_the_order_of_the_scores(retriever: DualViewRetriever) -> None:
    contexts = [ask("a drama", (3,)), answered(ask("a comedy"), (1, 2), "more horror", "western")]
    scores = retriever.scores(contexts).astype(np.float64)
    found = retriever.retrieve(contexts, 12)
    assert found.dtype == np.int64
    assert np.all(np.diff(np.take_along_axis(scores, found, axis=1), axis=1) <= 1e-6)
    assert retriever.retrieve([], 4).shape == (0, 4)


def test_a_row_does_not_depend_on_its_batch(retriever: DualViewRetriever) -> None:
    contexts = [
        ask(f"{genre} or {other}", (i,)) for i, genre in enumerate(GENRES) for other in GENRES
    ]
    contexts += [answered(c, (i % 12,), "more western", "drama") for i, c in enumerate(contexts)]
    together = retriever.retrieve(contexts, 12)
    for context, row in zip(contexts, together, strict=True):
        assert np.array_equal(retriever.retrieve([context], 12)[0], row)


@pytest.mark.parametrize(
    ("option", "context", "without"),
    [
        ("use_feedback", answered(ask("hello"), (), "more western"), answered(ask("hello"), ())),
        (
            "use_preference",
            answered(ask("hello"), (), "", "a western"),
            answered(ask("hello"), ()),
        ),
        ("use_list", answered(ask("hello"), (3, 4)), answered(ask("hello"), ())),
    ],
)
def test_each_input_counts_unless_switched_off(
    retriever: DualViewRetriever, dataset: Dataset, option: str, context: Context, without: Context
) -> None:
    with_it, plain = retriever.queries([context, without])
    assert not np.allclose(with_it, plain)
    off = DualViewRetriever.restore(retriever.artifact(), dataset, **{option: False})  # type: ignore[arg-type]
    off_with, off_without = off.queries([context, without])
    assert np.array_equal(off_with, off_without)


def test_shown_items_go_behind_all_others(retriever: DualViewRetriever, dataset: Dataset) -> None:
    start = ask("Hello, I am in the mood for comedy tonight")
    context = answered(answered(start, (4,)), (0, 8))
    demoting = DualViewRetriever.restore(retriever.artifact(), dataset, demote="shown")
    plain, demoted = retriever.retrieve([context], 12)[0], demoting.retrieve([context], 12)[0]
    behind = [i for i in plain if i in (0, 4, 8)]
    assert demoted.tolist() == [i for i in plain if i not in (0, 4, 8)] + behind
    assert demoting.retrieve([context], 3).tolist() == [demoted[:3].tolist()]
    assert set(np.argsort(demoting.scores([context])[0])[:3]) == {0, 4, 8}


def test_an_index_may_be_approximate(retriever: DualViewRetriever, dataset: Dataset) -> None:
    pytest.importorskip("faiss", reason="needs the extra `faiss`")
    flat = DualViewRetriever.restore(retriever.artifact(), dataset, index="flat")
    contexts = [ask(f"a {genre}") for genre in GENRES]
    assert np.array_equal(flat.retrieve(contexts, 5), retriever.retrieve(contexts, 5))


def test_saved_and_loaded_it_is_the_same(
    retriever: DualViewRetriever, dataset: Dataset, tmp_path: Path
) -> None:
    save_artifact(tmp_path, retriever.artifact(), dataset)
    loaded = build(tmp_path, dataset)
    contexts = [ask("a drama", (3,)), answered(ask("a comedy"), (1,), "more horror", "western")]
    assert np.array_equal(loaded.retrieve(contexts, 12), retriever.retrieve(contexts, 12))
    assert isinstance(loaded, DualViewRetriever)
    assert loaded.spec() == retriever.spec()
    assert loaded.metrics == retriever.metrics
    artifact = load_artifact(tmp_path, dataset)
    stale = type(artifact)(artifact.kind, {**artifact.config, "version": 0}, artifact.arrays)
    with pytest.raises(ArtifactError, match="another version"):
        DualViewRetriever.restore(stale, dataset)


def test_an_encoder_without_a_name_cannot_be_saved(dataset: Dataset) -> None:
    nameless = DualViewRetriever.fit(dataset, encoder=small_encoder(), settings=SMALL)
    with pytest.raises(ConfigurationError, match="by name"):
        nameless.artifact()


@pytest.mark.parametrize("settings", [{"attention": "pooled"}, {"view": "text"}, {"view": "graph"}])
def test_other_readings_train_too(dataset: Dataset, settings: dict[str, str]) -> None:
    other = DualViewRetriever.fit(dataset, encoder="small", settings={**SMALL, **settings})
    history = other.metrics["history"]
    assert history[-1]["loss"] < history[0]["loss"]
    loaded = DualViewRetriever.restore(other.artifact(), dataset)
    assert np.array_equal(loaded.scores([ask("a drama")]), other.scores([ask("a drama")]))


def test_without_a_valid_split_the_last_epoch_is_kept() -> None:
    fitted = DualViewRetriever.fit(make_films(), encoder="small", settings=SMALL)
    assert len(fitted.metrics["history"]) == 12
    assert "valid_recall@20" not in fitted.metrics


def test_the_test_split_is_not_looked_at() -> None:
    def never() -> list[Dialogue]:
        raise AssertionError("a retriever must not look at the test split")

    films = make_films()
    dataset = Dataset(
        "x", films.catalogue, {"train": films.dialogues("train"), "test": never}, fingerprint="x"
    )
    DualViewRetriever.fit(dataset, encoder="small", settings=SMALL)


RUN_SETTINGS: dict[str, Any] = {
    "graph": {"dim": 16, "epochs": 3},
    "train": {"epochs": 9, "batch_size": 8, "negatives": 6, "patience": 20},
}
RUN = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    import numpy as np, torch
    torch.set_num_threads(1)
    from crsgym.retrieval.dual_view import DualViewRetriever
    from crsgym.text.tfidf import HashedTfidf
    from tests.retrieval.films import make_films
    from tests.retrieval.test_dual_view import RUN_SETTINGS

    def progress(line):
        if "dual view: epoch" in line:
            print(line, flush=True)
            if sys.argv[3] == "slow":
                time.sleep(0.3)

    retriever = DualViewRetriever.fit(
        make_films(("train", "valid")), encoder=HashedTfidf(32), settings=RUN_SETTINGS,
        checkpoint=Path(sys.argv[1]), progress=progress)
    losses = [entry["loss"] for entry in retriever.metrics["history"]]
    np.savez(sys.argv[2], items=retriever._items, losses=losses)
    """
)


def start(folder: Path, out: Path, pace: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(out), pace],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as the runs that are killed: sums are rounded in the order they are made."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_killed_training_goes_on_to_the_same_result(tmp_path: Path) -> None:
    victim = start(tmp_path / "killed", tmp_path / "killed.npz", "slow")
    assert victim.stdout is not None
    for _ in range(3):
        assert "dual view: epoch" in victim.stdout.readline()
    time.sleep(0.1)
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    assert not (tmp_path / "killed.npz").exists()
    resumed = start(tmp_path / "killed", tmp_path / "killed.npz", "fast")
    out, _ = resumed.communicate(timeout=120)
    assert len(out.splitlines()) < 9
    assert resumed.returncode == 0
    got = np.load(tmp_path / "killed.npz")
    dataset = make_films(("train", "valid"))
    whole = DualViewRetriever.fit(dataset, encoder=small_encoder(), settings=RUN_SETTINGS)
    assert got["losses"].tolist() == [entry["loss"] for entry in whole.metrics["history"]]
    assert np.array_equal(got["items"], whole._items)
    with pytest.raises(ArtifactError, match="another run"):
        DualViewRetriever.fit(
            dataset, encoder=small_encoder(), settings=SMALL, checkpoint=tmp_path / "killed"
        )


def test_constructed_conversations(dataset: Dataset) -> None:
    scenarios = dataset.scenarios("train")
    pairs = constructed_contexts(dataset, scenarios, [Critic(dataset)], lists=2, seed=0)
    assert [scenario for scenario, _ in pairs] == [s for s in scenarios for _ in range(2)]
    right = silent = 0
    for scenario, context in pairs:
        genre = dataset.catalogue[scenario.goal.target].values("genre")[0]
        assert context.feedback == f"more {genre}"
        assert context.dialogue == scenario.dialogue
        assert len(set(context.last_list)) == 6
        right += context.last_preference == scenario.goal.preference
        silent += context.last_preference == ""
    assert sum(s.goal.target in c.last_list for s, c in pairs) == len(pairs) / 2
    assert 0 < right < right + silent < len(pairs)
    assert pairs == constructed_contexts(dataset, scenarios, [Critic(dataset)], lists=2, seed=0)
    alone = constructed_contexts(dataset, scenarios, [], lists=1, seed=0)
    assert {context.feedback for _, context in alone} == {""}


def test_entities_are_items_and_named_attributes(dataset: Dataset) -> None:
    linker = EntityLinker(dataset)
    attributes = dataset.graph.attributes
    context = Context(
        (
            Utterance("seeker", "Something scary by Bo Larkin?", (3, 1)),
            Utterance("recommender", "This one", (1,)),
        )
    )
    nodes = linker.nodes(context.dialogue)
    assert nodes[:2] == (1, 3)
    named = {attributes[node - 12].value for node in nodes[2:]}
    assert named == {"horror", "Bo Larkin"}
    listed = answered(context, (3, 9))
    assert linker.batch([listed, Context(())]).tolist() == [[*nodes, 9], [-1] * 5]
    assert linker.batch([listed], use_list=False).tolist() == [list(nodes)]
    assert linker.batch([]).shape[0] == 0


def test_parts_of_the_text() -> None:
    context = answered(ask("hello"), (), "more western", "likes drama")
    parts = TextParts(small_encoder())
    assert parts.texts(context) == ("Seeker: hello", "more western", "likes drama")
    joint = TextParts(small_encoder(), joint=True, use_feedback=False)
    assert joint.texts(context) == ("Seeker: hello\nPreference: likes drama",)
    vectors, places = parts.vectors([context, ask("hello"), Context(())])
    assert places.tolist() == [[0, 1, 2], [0, -1, -1], [-1, -1, -1]]
    assert np.array_equal(vectors, small_encoder().encode(list(parts.texts(context))))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"attentions": "set"}, "did you mean 'attention'"),
        ({"attention": "dense"}, "dense"),
        ({"train": {"epochs": "many"}}, "epochs"),
        ({"train": {"epochs": 0}}, "at least 1"),
        ({"lists": -1}, "lists"),
    ],
)
def test_wrong_settings_stop_early(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        DualViewConfig.read(settings)


def test_a_dialogue_that_mentions_every_item_is_a_clear_error() -> None:
    films = make_films()
    everything = tuple(
        Dialogue(d.id, (Utterance("seeker", "all of them", tuple(range(12))), d.utterances[1]))
        for d in films.dialogues("train")
    )
    dataset = Dataset("all", films.catalogue, {"train": everything}, fingerprint="all")
    with pytest.raises(ConfigurationError, match="no negative is left"):
        DualViewRetriever.fit(dataset, encoder="small", settings=SMALL)
