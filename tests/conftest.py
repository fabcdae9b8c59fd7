"""What every test may use: the published datasets where they are there, and Hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.rewards import Rewards
from crsgym.task import Task
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Attribute, Context, Dialogue, Goal, IntArray, Item, Utterance
from crsgym.world import World

# The files of each dataset that this suite reads; a test that needs another names it at the marker.
DATASET_FILES: dict[str, tuple[str, ...]] = {
    "inspired": (
        "dbpedia_subkg.json",
        "entity2id.json",
        "item_ids.json",
        "movie_kg.json",
        "relation2id.json",
        "test_data_dbpedia.jsonl",
        "train_data_dbpedia.jsonl",
        "valid_data_dbpedia.jsonl",
    ),
    "redial": ("id2info.json", "movies_with_mentions.csv", "valid_data.jsonl"),
    "opendialkg": (
        "entity2id.json",
        "id2info.json",
        "item_ids.json",
        "kg.json",
        "relation2id.json",
        "train_data_processed.jsonl",
        "valid_data_processed.jsonl",
    ),
}

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def missing_dataset(name: str, files: tuple[str, ...] = ()) -> str | None:
    """Why dataset `name` cannot be read, or None where it can be.

    `files` adds to those of `DATASET_FILES`, for a test that needs a split not listed there.
    """
    if name not in DATASET_FILES:
        raise ValueError(
            f"no dataset {name!r} is known to the tests; known: {sorted(DATASET_FILES)}"
        )
    root = os.environ.get("CRSGYM_DATA")
    if not root:
        return f"needs the {name} dataset: set CRSGYM_DATA to a folder that holds {name}/"
    absent = [
        file for file in DATASET_FILES[name] + files if not (Path(root) / name / file).is_file()
    ]
    if absent:
        return f"needs {name}/{absent[0]} under CRSGYM_DATA={root} ({len(absent)} files absent)"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `requires_dataset(name)` before any fixture of it loads the dataset."""
    for marker in item.iter_markers("requires_dataset"):
        reason = missing_dataset(marker.args[0], tuple(marker.args[1:]))
        if reason is not None:
            pytest.skip(reason)


@pytest.fixture(scope="session")
def dataset_root() -> Path:
    """The folder of the published datasets, `<root>/<dataset>/<file>`; skips without one."""
    root = os.environ.get("CRSGYM_DATA")
    if not root:
        pytest.skip("needs published datasets: set CRSGYM_DATA to the folder that holds them")
    return Path(root).resolve()


TITLES = (
    "Night Train (1950)",
    "Crazy, Stupid, Love (2011)",
    "The Long Road (1999)",
    "Halloween (1978)",
    "Halloween (2018)",
    "[Rec] (2007)",
    'The "Quoted" One (2001)',
    "Amélie (2001)",
    "Face/Off (1997)",
    "M (1931)",
    "WALL·E (2008)",
    "Mission: Impossible (1996)",
)


@pytest.fixture(scope="session")
def toy_dataset() -> Dataset:
    """Twelve films with awkward titles and a few short dialogues: everything can be worked by hand.

    Item ``i`` has the genre "genre{i % 3}" and the director "Director {i % 4}". Every split has the
    dialogues d0 and d1: two targets each, 2 3 and 3 5 after item 0, resp. item 1, was mentioned.
    """
    items = [
        Item(
            key=f"m{i}",
            title=title,
            year=int(title[-5:-1]),
            attributes=(
                Attribute("genre", f"genre{i % 3}"),
                Attribute("director", f"Director {i % 4}"),
            ),
        )
        for i, title in enumerate(TITLES)
    ]
    dialogues = tuple(
        Dialogue(
            f"d{n}",
            (
                Utterance("seeker", f"I liked {TITLES[n]}, a genre{n} film.", (n,), (f"genre{n}",)),
                Utterance("recommender", f"Then see {TITLES[2 + n]}.", (2 + n,)),
                Utterance("seeker", "Seen it. Something darker?"),
                Utterance("recommender", f"What about {TITLES[3 + 2 * n]}?", (3 + 2 * n,)),
            ),
        )
        for n in range(2)
    )
    return Dataset(
        "toy",
        Catalogue(items),
        dict.fromkeys(("train", "valid", "test"), dialogues),
        fingerprint="toy-1",
    )


class InOrder:
    """A retriever that offers the items from the turn's number on: turn 2 begins with item 1."""

    def __init__(self, size: int) -> None:
        self.size = size

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        rows = [[(context.turn - 1 + j) % self.size for j in range(k)] for context in contexts]
        return np.array(rows, dtype=np.int64)


class Echo:
    """A label-free user that says how many items it was shown, and a word drawn from the seed."""

    target_aware = False

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        assert goals is None, "a label-free user must not be handed goals"
        return [
            f"{len(context.last_list)} films, none fits. {seed % 1000}"
            for context, seed in zip(contexts, seeds, strict=True)
        ]


@pytest.fixture
def toy_task(toy_dataset: Dataset) -> Task:
    """A world over the toy data: 6 candidates, lists of 3, 4 turns; see `InOrder` and `Echo`."""
    world = World(
        toy_dataset.catalogue,
        InOrder(len(toy_dataset.catalogue)),
        Echo(),
        Rewards(None, HashedTfidf(dim=64)),
        max_turns=4,
        num_candidates=6,
        list_length=3,
    )
    return Task("Toy-v0", toy_dataset, "train", world, toy_dataset.scenarios("train"))
