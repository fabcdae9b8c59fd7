"""``crsgym train retriever``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crsgym.cli.train_retriever import nested
from crsgym.errors import ConfigurationError
from crsgym.registry import make_task
from crsgym.text import ENCODERS
from crsgym.text.tfidf import HashedTfidf
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def small_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS._entries, "small", lambda: HashedTfidf(32))


def test_trains_saves_and_says_how_to_use_it(run: Run, toy_env: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `torch`")
    out = tmp_path / "mine"
    small = ("settings.graph.epochs=2", "settings.train.epochs=2", "settings.train.negatives=3")
    code, told, progress = run(
        *("train", "retriever", "--env", toy_env, "--kind", "dual-view", "--out", out),
        *("--encoder", "small", "--users", "rules", "attributes", "--seed", 3, "--set", *small),
    )
    assert code == 0, progress
    result = json.loads(told)
    assert len(result["metrics"]["history"]) == 2
    assert "epoch 2 of 2" in progress
    assert f"--retriever {out}" in progress
    assert sorted(file.name[:7] for file in out.iterdir()) == ["artifac", "weights"]
    task = make_task(toy_env, retriever=str(out), num_candidates=6)
    spec = task.world.retriever.spec()  # type: ignore[attr-defined]
    assert spec["seed"] == 3
    assert len(spec["simulators"]) == 2
    assert task.world.start(task.scenarios, seed=0)[0].candidates


def test_the_hybrid_takes_nested_settings(run: Run, toy_env: str, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    code, _, progress = run(
        *("train", "retriever", "--env", toy_env, "--kind", "hybrid", "--out", out),
        *("--set", "training.epochs=3", "training.batch_size=16"),
    )
    assert code == 0, progress
    assert "first turn: epoch 3 of 3" in progress
    spec = make_task(toy_env, retriever=str(out), num_candidates=6).world.retriever.spec()  # type: ignore[attr-defined]
    assert spec["training"]["epochs"] == 3
    assert spec["training"]["batch_size"] == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "popularity"), "learns nothing to save; these do: dual-view, hybrid"),
        (("--kind", "dual-vew"), "did you mean 'dual-view'"),
        (("--kind", "dual-view", "--set", "sed=1"), "did you mean 'seed'"),
        (("--kind", "dual-view", "--set", "settings.lists=-1"), "lists"),
        (("--kind", "hybrid", "--set", "training.epocs=3"), "did you mean 'epochs'"),
        (("--kind", "hybrid", "--set", "training.epochs=many"), "$.epochs"),
        (("--kind", "hybrid", "--set", "training.epochs=0"), "epochs: expected at least 1"),
        (("--kind", "hybrid", "--set", "training=3"), "must be a SoftmaxConfig, a mapping or None"),
        (("--kind", "dual-view", "--users", "ruels"), "did you mean 'rules'"),
    ],
)
def test_wrong_arguments_are_one_line(
    run: Run, toy_env: str, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run("train", "retriever", "--env", toy_env, "--out", tmp_path, *arguments)
    assert code != 0
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_settings_nest() -> None:
    assert nested(["a=1", "b.c.d=true", "b.e=x y", "f=[1]"]) == {
        "a": 1,
        "b": {"c": {"d": True}, "e": "x y"},
        "f": [1],
    }
    for wrong in (["a"], ["=1"], ["a..b=1"], ["a=1", "a.b=2"]):
        with pytest.raises(ConfigurationError, match="--set"):
            nested(wrong)
