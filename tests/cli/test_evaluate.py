"""`crsgym evaluate` and `crsgym view`."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run

SMALL = ("--turns", 2, "--set", "list_length=3", "num_candidates=5")


def test_episodes_are_kept_and_compared(run: Run, toy_env: str, tmp_path: Path) -> None:
    episodes, base = tmp_path / "copy.jsonl", tmp_path / "base"
    assert run("evaluate", toy_env, "--agent", "random", *SMALL, "--out", base)[0] == 0
    arguments = ("evaluate", toy_env, "--agent", "copy", *SMALL, "--episodes", episodes)
    code, out, err = run(*arguments, "--against", base)
    assert (code, err) == (0, "")
    assert "copy" in out
    assert "Paired differences" in out
    assert len(episodes.read_bytes().splitlines()) == 1 + 4
    kept = episodes.stat()
    code, out, err = run(*arguments, "--against", base, "--json")
    assert code == 0
    assert list(json.loads(out)["agents"]) == ["copy"]
    assert "Paired differences" in err
    assert episodes.stat().st_size == kept.st_size


def test_against_what_is_no_report(run: Run, toy_env: str, tmp_path: Path) -> None:
    code, out, err = run("evaluate", toy_env, "--agent", "copy", "--against", tmp_path)
    assert (code, out) == (1, "")
    assert "there is no report at" in err


def test_view(run: Run, toy_env: str, tmp_path: Path) -> None:
    path, page = tmp_path / "e.jsonl", tmp_path / "e.html"
    run("evaluate", toy_env, "--agent", "oracle", *SMALL, "--episodes", path)
    code, out, err = run("view", path, "--scenario", "d0/1/0")
    assert (code, err) == (0, "")
    assert "target: The Long Road (1999)" in out
    assert out.endswith("ToyShell-v0, oracle, seed 0: 1 of 4 episodes\n")
    code, out, _ = run("view", path, "--missed")
    assert code == 0
    missed = int(out.split("seed 0: ")[1].split()[0])
    code, out, _ = run("view", path, "--found", "--limit", 10)
    assert int(out.split("seed 0: ")[1].split()[0]) == 4 - missed
    assert run("view", path, "--html", page) == (0, "", "")
    html = page.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "The Long Road (1999)" in html


def test_view_of_something_else(run: Run, toy_env: str, tmp_path: Path) -> None:
    code, _, err = run("view", tmp_path)
    assert code == 1
    assert "holds no episodes; expected episodes/*.jsonl" in err
    code, _, err = run("view", tmp_path / "absent.jsonl")
    assert code == 1
    assert "absent.jsonl" in err
    assert err.count("\n") == 1
    (tmp_path / "notes.txt").write_text("a shopping list\n")
    assert run("view", tmp_path / "notes.txt")[0] == 1
    path = tmp_path / "e.jsonl"
    run("evaluate", toy_env, "--agent", "copy", *SMALL, "--episodes", path)
    code, _, err = run("view", path, "--scenario", "d0/1/9")
    assert code == 2
    assert "did you mean 'd0/1/0'" in err
