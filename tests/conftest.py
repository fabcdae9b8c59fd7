"""What every test may use: the published datasets where they are there, and Hypothesis profiles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
