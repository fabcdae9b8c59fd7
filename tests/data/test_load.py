"""Data sets by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crsgym
from crsgym import data
from crsgym.data import DATASETS, facts_of, load, register_dataset, source_files
from crsgym.errors import ConfigurationError, DataError
from tests.data.test_jsonl import DUNE, EMMA, TALK, write


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(DATASETS, "_entries", dict(DATASETS._entries))
    monkeypatch.setattr(data, "_loaded", dict(data._loaded))
    return


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return write(tmp_path / "books", items=[EMMA, DUNE], train=[TALK])


def test_names() -> None:
    assert DATASETS.names() == ("inspired", "opendialkg", "redial", "synthetic")


def test_load_reads_once_and_in_any_case() -> None:
    assert load("synthetic") is load("Synthetic")


def test_an_unknown_name() -> None:
    with pytest.raises(ConfigurationError, match="unknown dataset 'inspird'; did you mean 'insp"):
        load("INSPIRD")


def test_register(books: Path) -> None:
    registered = register_dataset("Books", books)
    assert registered.name == "books"
    assert load("BOOKS") is registered
    assert crsgym.register_dataset is register_dataset
    assert source_files("books") == ()


def test_registering_again_reads_again(books: Path) -> None:
    register_dataset("books", books)
    write(books, test=[TALK])
    assert register_dataset("books", str(books)).splits == ("train", "test")
    assert load("books").splits == ("train", "test")


def test_a_name_that_is_taken(books: Path, tmp_path: Path) -> None:
    register_dataset("books", books)
    other = write(tmp_path / "other", items=[EMMA, DUNE], train=[TALK])
    for name in ("books", "INSPIRED"):
        with pytest.raises(ConfigurationError, match="is registered already; take a new name"):
            register_dataset(name, other)
    with pytest.raises(TypeError, match="a dataset's name is a str; got int"):
        register_dataset(7, other)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "-x", "é"])
def test_a_name_that_cannot_be(books: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="a dataset's name is of letters"):
        register_dataset(name, books)


def test_a_damaged_folder_is_not_registered(books: Path) -> None:
    write(books, items="{")
    with pytest.raises(DataError, match=r"items\.jsonl, line 1"):
        register_dataset("books", books)
    assert "books" not in DATASETS.names()


def test_becomes_an_environment(books: Path) -> None:
    from crsgym.registry import make_task

    register_dataset("books", books)
    crsgym.register_env("JsonlBooks-v0", "books", description="two books")
    task = make_task("JsonlBooks-v0", split="train", num_candidates=2, list_length=2)
    assert [s.id for s in task.scenarios] == ["d1/1/0", "d1/1/1"]


def test_a_loader_that_is_in_no_module_has_no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = {"__name__": "nowhere"}
    exec("def load_typed(): ...", typed)
    monkeypatch.setattr(DATASETS, "_entries", {"typed": typed["load_typed"]})
    assert facts_of("typed") == {}
    assert source_files("typed") == ()


def test_facts_without_reading() -> None:
    assert facts_of("ReDial")["licence"] == "CC BY 4.0"
    assert facts_of("opendialkg")["homepage"].startswith("https://")


@pytest.mark.parametrize("name", ["inspired", "redial", "opendialkg"])
def test_source_files(name: str) -> None:
    files = source_files(name.upper())
    assert {file.dataset for file in files} == {name}
    assert len({file.name for file in files}) == len(files) >= 5


@pytest.mark.requires_dataset("inspired")
def test_loading_inspired_takes_about_a_second() -> None:
    code = (
        "import time; from crsgym.data import load; t = time.perf_counter(); d = load('inspired');"
        "[d.scenarios(s) for s in d.splits]; print(time.perf_counter() - t)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    # Measured at 0.4 s on two busy cores.
    assert float(done.stdout) < 5
