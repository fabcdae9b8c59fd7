"""Environment ids, and the errors of a wrong `make`."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

import crsgym
from crsgym.data import load
from crsgym.data.dataset import Dataset
from crsgym.env import CRSEnv
from crsgym.errors import ConfigurationError, DownloadError, MissingSplitError
from crsgym.registry import NAMESPACE, entry_of
from crsgym.rollout import with_rules
from crsgym.types import Dialogue, FloatArray
from crsgym.vector import CRSVectorEnv


@pytest.mark.parametrize(
    "id",
    [
        pytest.param(f"{name}-v0", marks=pytest.mark.requires_dataset(name.lower()))
        for name in ("INSPIRED", "ReDial", "OpenDialKG")
    ],
)
def test_a_description_has_the_number_of_items(id: str) -> None:
    dataset = entry_of(id).dataset
    assert isinstance(dataset, str)
    assert f", {len(load(dataset).catalogue):,} items" in crsgym.envs()[id]


def test_ids() -> None:
    known = crsgym.envs()
    assert all(known[f"{name}-v0"] for name in ("INSPIRED", "ReDial", "OpenDialKG", "Synthetic"))
    for id in crsgym.envs():
        assert f"{NAMESPACE}/{id}" in gymnasium.registry
        assert entry_of(f"{NAMESPACE}/{id}") is entry_of(id)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a module that registers an environment, and that nothing has imported."""
    lines = ["import crsgym", "crsgym.register_env('OfModule-v0', 'synthetic')"]
    (tmp_path / "own_environments.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_environments"
    sys.modules.pop("own_environments", None)


@pytest.mark.parametrize("prefix", ["", "crsgym/"])
def test_an_id_may_name_the_module_that_registers_it(own_module: str, prefix: str) -> None:
    id = f"{own_module}:{prefix}OfModule-v0"
    env = crsgym.make(id, limit=2)
    assert env.task.id == "OfModule-v0"
    assert crsgym.make_vec(id, 2, limit=2).task.hash == env.task.hash
    gymnasium.make(env.spec)
    assert (
        crsgym.evaluate("random", id, turns=1, limit=2, replicates=100).env["id"] == "OfModule-v0"
    )


@pytest.mark.parametrize("id", ["Foo Bar-v2", "Foo:Bar-v2", "Fü/-v2", "-v2", "Foo-v", "Foo"])
def test_an_id_that_is_refused_leaves_nothing(id: str) -> None:
    known, registered = crsgym.envs(), set(gymnasium.registry)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="looks like 'Books-v0'; got"):
            crsgym.register_env(id, "synthetic")
    assert crsgym.envs() == known
    assert set(gymnasium.registry) == registered


def test_a_wrong_module_or_id_of_one(own_module: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no module 'own_environment'"):
        crsgym.make("own_environment:OfModule-v0")
    with pytest.raises(
        ConfigurationError,
        match=r"the module own_environments: 'OfModul-v0'; did you mean 'OfModule-v0'",
    ):
        crsgym.make(f"{own_module}:OfModul-v0")
    with pytest.raises(ConfigurationError, match="'module:Id'"):
        crsgym.make("Mine-v0")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"id": "Synthetic-v1"}, ConfigurationError, "did you mean 'Synthetic-v0'"),
        ({"id": 3}, TypeError, "an environment id is a str"),
        ({"retreiver": "lexical"}, TypeError, "did you mean 'retriever'"),
        ({"retriever": "lexicl"}, ConfigurationError, "did you mean 'lexical'"),
        ({"retriever": ""}, ConfigurationError, "retriever must be a name"),
        ({"simulator": "rule"}, ConfigurationError, "did you mean 'rules'"),
        ({"split": "trian"}, ConfigurationError, "did you mean 'train'"),
        ({"success": "hits"}, ConfigurationError, "success must be one of"),
        ({"max_turns": 0}, ConfigurationError, "max_turns must be at least 1"),
        ({"num_candidates": 10**6}, ConfigurationError, "the size of the catalogue"),
        ({"reward_weights": {"hitt": 1}}, ConfigurationError, "did you mean 'hit'"),
        ({"reward_weights": {"hit": float("nan")}}, ConfigurationError, "hit"),
        ({"render_mode": "anssi"}, ConfigurationError, "did you mean 'ansi'"),
        ({"limit": 0}, ConfigurationError, "limit must be at least 1"),
        ({"encoder": "tfidff"}, ConfigurationError, "did you mean 'tfidf'"),
        ({"retriever_options": {"weigths": 1}}, ConfigurationError, "weigths"),
        ({"simulator_options": {"nosuch": 1}}, ConfigurationError, "nosuch"),
        ({"simulator_options": ["wishes"]}, ConfigurationError, "simulator_options must map"),
        ({"retriever_options": "demote"}, ConfigurationError, "retriever_options must map"),
        ({"id": "synthetic-V0"}, ConfigurationError, "did you mean 'Synthetic-v0'"),
        ({"split": None}, ConfigurationError, "unknown split of synthetic None; known: test"),
        ({"reward_weights": {1: 1.0}}, ConfigurationError, "a weight names a reward term; got 1"),
        ({"reward_weights": {"hit": 10**400}}, ConfigurationError, "must be finite"),
        ({"preference_writer": "mine"}, ConfigurationError, "preference_writer must be a function"),
        ({"reveal": None}, ConfigurationError, "reveal must be True or False"),
    ],
)
def test_a_wrong_make_says_what_to_do(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        crsgym.make(**{"id": "Synthetic-v0", **arguments})  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_make_vec_refuses_a_typo_too() -> None:
    with pytest.raises(TypeError, match="did you mean 'simulator'"):
        crsgym.make_vec("Synthetic-v0", 2, simulater="rules")  # type: ignore[call-arg]


def test_an_own_environment_is_one_registration(toy_dataset: Dataset) -> None:
    crsgym.register_env("Toy-v7", toy_dataset, description="twelve films", retriever="popularity")
    crsgym.register_env("Toy-v7", toy_dataset, description="twelve films", retriever="popularity")
    env = crsgym.make("Toy-v7", num_candidates=5, list_length=3)
    observation, _ = env.reset(seed=0)
    assert len(observation["candidates"]) == 5
    assert env.task.id == "Toy-v7"
    assert gymnasium.make(f"{NAMESPACE}/Toy-v7", num_candidates=5, list_length=3) is not None
    with pytest.raises(ConfigurationError, match="registered already"):
        crsgym.register_env("Toy-v7", "synthetic")
    with pytest.raises(ConfigurationError, match="looks like 'Books-v0'"):
        crsgym.register_env("Toy", toy_dataset)
    with pytest.raises(TypeError, match="an environment id is a str; got int"):
        crsgym.register_env(7, toy_dataset)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a name or a Dataset; got int"):
        crsgym.register_env("Toy-v8", 7)  # type: ignore[arg-type]


def test_the_spec_makes_the_same_environment_again() -> None:
    env = crsgym.make("Synthetic-v0", split="test", max_turns=2, limit=7, reveal=True)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    assert isinstance(again.unwrapped, CRSEnv)
    assert again.unwrapped.task.hash == env.task.hash
    assert again.unwrapped.reveal
    assert data_equivalence(again.reset(seed=1), env.reset(seed=1))


def test_the_spec_of_a_vector_environment_makes_it_again() -> None:
    options: Any = {"split": "test", "max_turns": np.int64(2), "limit": np.int64(7), "reveal": True}
    envs = crsgym.make_vec("Synthetic-v0", 3, autoreset_mode="Disabled", **options)
    assert envs.spec is not None
    assert json.loads(envs.spec.to_json())["kwargs"]["max_turns"] == 2
    again = gymnasium.make_vec(envs.spec)
    assert isinstance(again, CRSVectorEnv)
    assert again.task.hash == envs.task.hash
    assert (again.num_envs, again.autoreset_mode, again.reveal) == (3, envs.autoreset_mode, True)
    assert data_equivalence(again.reset(seed=1), envs.reset(seed=1))
    assert again.spec == envs.spec


class Live:
    """A user that may answer the same otherwise."""

    target_aware = False
    nondeterministic = True

    def respond(self, contexts: Any, seeds: Any, goals: Any = None) -> list[str]:
        return ["No."] * len(contexts)


def test_a_live_user_makes_the_spec_nondeterministic() -> None:
    for make in (crsgym.make, crsgym.make_vec):
        live, rules = (make("Synthetic-v0", simulator=user, limit=1) for user in (Live(), None))
        assert live.spec is not None
        assert rules.spec is not None
        assert (live.spec.nondeterministic, rules.spec.nondeterministic) == (True, False)


def test_the_task_says_what_makes_it_again() -> None:
    weights = {"hit": np.float32(2), "rank": np.int64(1)}
    task = crsgym.make_task("Synthetic-v0", reward_weights=weights, limit=2)  # type: ignore[arg-type]
    assert crsgym.make_task("Synthetic-v0", **task.keywords).hash == task.hash
    assert json.loads(json.dumps(task.keywords)) == task.keywords
    # They would not make a changed one again, so it has none.
    assert with_rules(task, max_turns=3).keywords == {}


def test_the_spec_says_everything_and_the_hash_follows_it() -> None:
    task = crsgym.make_task("Synthetic-v0", split="valid")
    again = crsgym.make_task("Synthetic-v0", split="valid")
    assert task.hash == again.hash
    assert json.loads(json.dumps(task.spec)) == task.spec
    for change in (
        {"split": "test"},
        {"max_turns": 3},
        {"simulator": "attributes"},
        {"retriever": "popularity"},
        {"reward_weights": {"hit": 2.0}},
        {"limit": 5},
        {"success": "never"},
        {"fuzzy": True},
        {"list_length": 5},
    ):
        options = {"split": "valid", **change}
        assert crsgym.make_task("Synthetic-v0", **options).hash != task.hash, change  # type: ignore[arg-type]


def test_a_preference_writer_replaces_the_template() -> None:
    task = crsgym.make_task("Synthetic-v0", preference_writer=lambda item, dialogue: item.title)
    scenario = task.scenarios[0]
    # Another reference is another reward, so the numbers are not comparable.
    assert task.hash != crsgym.make_task("Synthetic-v0").hash
    assert scenario.goal.preference == task.dataset.catalogue.titles[scenario.goal.target]


NO_TRAIN: dict[str, tuple[type[Exception], str]] = {
    "Absent-v0": (DownloadError, r"cannot get toy/train\.jsonl"),
    "Missing-v0": (MissingSplitError, "unknown split of missing 'train'; known: test"),
}
"""Environments whose training split cannot be had, or does not exist, with what is said of it."""


@pytest.fixture(scope="module")
def no_train(toy_dataset: Dataset) -> None:
    """Registers them."""

    def absent() -> tuple[Dialogue, ...]:
        raise DownloadError("cannot get toy/train.jsonl")

    for id, splits in (("Absent-v0", {"train": absent}), ("Missing-v0", {})):
        name = id.removesuffix("-v0").lower()
        known = {**splits, "test": toy_dataset.dialogues("test")}
        dataset = Dataset(name, toy_dataset.catalogue, known, fingerprint=name)
        crsgym.register_env(id, dataset, retriever="popularity")


SMALL: Any = {"split": "test", "num_candidates": 5, "list_length": 3}


@pytest.mark.usefixtures("no_train")
@pytest.mark.parametrize("id", NO_TRAIN)
def test_without_a_training_split_the_default_retriever_is_content(id: str) -> None:
    with pytest.warns(UserWarning, match=rf"this is 'content'.*{NO_TRAIN[id][1]}"):
        env = crsgym.make(id, **SMALL)
    assert env.task.spec["world"]["retriever"]["class"].endswith(":ContentRetriever")
    assert env.spec is not None
    assert env.spec.kwargs["retriever"] == "content"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = gymnasium.make(env.spec).unwrapped
    assert isinstance(again, CRSEnv)
    assert again.task.hash == env.task.hash


@pytest.mark.usefixtures("no_train")
@pytest.mark.parametrize("id", NO_TRAIN)
@pytest.mark.parametrize("retriever", ["popularity", "lexical", "hybrid"])
def test_without_a_training_split_a_retriever_that_was_asked_for_says_that_it_needs_it(
    id: str, retriever: str
) -> None:
    kind, reason = NO_TRAIN[id]
    with pytest.raises(kind, match=f"'{retriever}' needs the train split: {reason}; 'content'"):
        crsgym.make_task(id, retriever=retriever, **SMALL)


@pytest.mark.usefixtures("no_train")
@pytest.mark.parametrize("id", NO_TRAIN)
def test_without_a_training_split_a_shuffled_user_says_that_it_needs_it(id: str) -> None:
    kind, reason = NO_TRAIN[id]
    with pytest.raises(kind, match=f"'shuffled' needs the train split: {reason}"):
        crsgym.make_task(id, retriever="content", simulator="shuffled:rules", **SMALL)


class Lengths:
    """An encoder that knows of a text how many words it has, and that it is one."""

    dim = 2

    def encode(self, texts: Sequence[str]) -> FloatArray:
        rows = np.array([(len(text.split()), 3.0) for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_an_encoder_that_is_handed_over_is_taken_as_it_is() -> None:
    env = crsgym.make("Synthetic-v0", encoder=Lengths(), limit=1)
    env.reset(seed=0)
    *_, info = env.step(crsgym.format_answer(["x"], preference="one two three four"))
    words = len(env.state.goal.preference.split())
    expected = (4 * words + 9) / (5 * math.hypot(words, 3))
    assert info["reward_terms"]["preference"] == pytest.approx(expected, abs=1e-6)
