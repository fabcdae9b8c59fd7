"""Retrievers by name, by folder, from the cache, and ready ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError, PluginError
from crsgym.protocols import Simulator
from crsgym.retrieval import RETRIEVERS, build
from crsgym.retrieval.artifact import Artifact, save_artifact
from crsgym.retrieval.popularity import PopularityRetriever
from crsgym.types import Context, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self


class Storable:
    """A retriever that can be saved, and counts how often it was fitted."""

    VERSION = 1
    fits: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, shift: int, backwards: bool) -> None:
        self.shift = shift
        self.backwards = backwards

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        *,
        shift: int = 1,
        backwards: bool = False,
        simulators: Sequence[Simulator] = (),
    ) -> Self:
        cls.fits.append({"shift": shift, "simulators": simulators})
        return cls(shift, backwards)

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        row = np.arange(self.shift, self.shift + k)[:: -1 if self.backwards else 1]
        return np.tile(row, (len(contexts), 1))

    def artifact(self) -> Artifact:
        return Artifact(f"{__name__}:Storable", {}, {"shift": np.array([self.shift])})

    @classmethod
    def restore(cls, artifact: Artifact, dataset: Dataset, *, backwards: bool = False) -> Self:
        return cls(int(artifact.arrays["shift"][0]), backwards)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRSGYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Storable, "fits", [])
    monkeypatch.setitem(RETRIEVERS._entries, "storable", Storable)
    monkeypatch.setitem(RETRIEVERS._entries, f"{__name__}:Storable", Storable)
    return tmp_path / "cache" / "retrievers"


def first(retriever: Any) -> list[int]:
    return retriever.retrieve([Context(())], 2)[0].tolist()


def test_a_ready_object_is_taken_as_it_is(toy_dataset: Dataset) -> None:
    ready = PopularityRetriever.fit(toy_dataset)
    assert build(ready, toy_dataset) is ready
    with pytest.raises(ConfigurationError, match="not with a ready one"):
        build(ready, toy_dataset, {"demote": "shown"})


def test_names_and_options_are_checked(toy_dataset: Dataset) -> None:
    assert isinstance(build("popularity", toy_dataset), PopularityRetriever)
    with pytest.raises(ConfigurationError, match="did you mean 'lexical'"):
        build("lexicl", toy_dataset)
    with pytest.raises(ConfigurationError, match="demote"):
        build("lexical", toy_dataset, {"demot": "shown"})
    with pytest.raises(PluginError, match="a class with `fit`"):
        build("json:dumps", toy_dataset)
    with pytest.raises(PluginError, match="`retrieve`"):
        build(object(), toy_dataset)  # type: ignore[arg-type]


def test_a_storable_one_is_fitted_once_and_says_so(
    toy_dataset: Dataset, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first(build("storable", toy_dataset, {"shift": 3})) == [3, 4]
    assert "fitting on toy" in capsys.readouterr().err
    assert first(build("storable", toy_dataset, {"shift": 3})) == [3, 4]
    assert "loaded from" in capsys.readouterr().err
    # How it is used is no part of what it learned.
    assert first(build("storable", toy_dataset, {"shift": 3, "backwards": True})) == [4, 3]
    assert len(Storable.fits) == 1
    assert first(build("storable", toy_dataset, {"shift": 5})) == [5, 6]
    assert len(Storable.fits) == 2
    assert len(list(cache.iterdir())) == 2


def test_what_it_is_trained_with_is_part_of_the_key(toy_dataset: Dataset) -> None:
    class User:
        target_aware = False

        def __init__(self, mood: str) -> None:
            self.mood = mood

        def respond(self, *_: object) -> list[str]:
            return []

        def spec(self) -> dict[str, str]:
            return {"mood": self.mood}

    for mood in ("good", "good", "bad"):
        build("storable", toy_dataset, users=lambda mood=mood: [User(mood)])
    assert [f["simulators"][0].mood for f in Storable.fits] == ["good", "bad"]
    other = Dataset("toy", toy_dataset.catalogue, {}, fingerprint="toy-2")
    build("storable", other, users=lambda: [User("good")])
    assert len(Storable.fits) == 3


def test_a_damaged_one_is_reported_and_fitted_anew(toy_dataset: Dataset, cache: Path) -> None:
    build("storable", toy_dataset)
    [weights] = cache.glob("*/weights-*")
    weights.write_bytes(b"")
    with pytest.warns(UserWarning, match="damaged.*fitting anew"):
        assert first(build("storable", toy_dataset)) == [1, 2]
    assert len(Storable.fits) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build("storable", toy_dataset)
    assert len(Storable.fits) == 2


def test_a_cache_that_cannot_be_written_costs_only_time(
    toy_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CRSGYM_CACHE", str(tmp_path / "file" / "x"))
    with pytest.warns(UserWarning, match="fitted, but not kept"):
        assert first(build("storable", toy_dataset)) == [1, 2]


def test_a_folder_is_loaded_by_its_kind(toy_dataset: Dataset, tmp_path: Path) -> None:
    folder = save_artifact(tmp_path / "mine", Storable(4, False).artifact(), toy_dataset)
    assert first(build(folder, toy_dataset)) == [4, 5]
    assert first(build(str(folder), toy_dataset, {"backwards": True})) == [5, 4]
    with pytest.raises(ConfigurationError, match="shift cannot be set on a saved one; these can"):
        build(str(folder), toy_dataset, {"shift": 2})
    with pytest.raises(ArtifactError, match="holds no saved retriever"):
        build("./nowhere", toy_dataset)
