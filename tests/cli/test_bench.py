"""`crsgym bench`: what it prints, what it writes, and the numbers of the protocol."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from crsgym.cli.bench import part_path
from crsgym.evaluation import Report, json_schema
from crsgym.registry import make_task
from crsgym.rollout import rollout, with_rules

from .conftest import Run

FEW = ("ENV", "--set", "num_candidates=5")
SMALL = ("--turns", 2, "--set", "list_length=3", "num_candidates=5")


def test_the_report_is_standard_output(run: Run, toy_env: str) -> None:
    code, out, err = run("bench", toy_env, "--agents", "copy", "oracle", *SMALL, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    jsonschema.validate(data, json_schema())
    assert list(data["agents"]) == ["copy", "oracle"]
    assert data["turns"] == 2
    assert data["split"] == "test"
    assert data["env"]["id"] == toy_env
    assert data["env"]["spec"]["world"]["num_candidates"] == 5
    assert data["env"]["spec"]["world"]["success"] == "never"
    again = run("bench", toy_env, "--agents", "copy", "--agents", "oracle", *SMALL, "--json")
    assert again == (0, out, "")


def test_an_environment_of_a_module_in_the_working_directory(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "envs_of_bench.py").write_text(
        "import crsgym\ncrsgym.register_env('OfBench-v0', 'synthetic')"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    few = ("--limit", 3, "--turns", 1, "--agents", "random", "--json")
    code, out, _ = run("bench", "envs_of_bench:OfBench-v0", *few)
    assert code == 0
    assert json.loads(out)["env"]["id"] == "OfBench-v0"
    monkeypatch.setattr("builtins.input", lambda prompt: "q")
    assert run("play", "envs_of_bench:OfBench-v0")[0] == 0


def test_tables_are_printed(run: Run, toy_env: str) -> None:
    code, out, _ = run("bench", toy_env, *SMALL)
    assert code == 0
    for name in ("random", "popularity", "copy", "retriever", "oracle", "Recall@3", "label-free"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 120


def test_out_is_complete(run: Run, toy_env: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    code, _, err = run("bench", toy_env, "--agents", "copy", "random", *SMALL, "--out", out)
    assert code == 0
    assert str(out / "report.html") in err
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "episodes/copy.jsonl",
        "episodes/random.jsonl",
        "report.html",
        "report.json",
        "report.md",
    ]
    report = Report.load(out)
    assert list(report.agents) == ["copy", "random"]
    for folder in (out, out / "episodes"):
        code, shown, _ = run("view", folder, "--limit", 1)
        assert code == 0
        assert f"{toy_env}, copy, seed 0: 1 of 4 episodes" in shown
        assert f"{toy_env}, random, seed 0: 1 of 4 episodes" in shown
    code, shown, _ = run("view", out / "episodes" / "copy.jsonl", "--limit", 1)
    assert code == 0
    assert "Night Train (1950)" in shown


def test_an_interrupted_run_goes_on(run: Run, toy_env: str, tmp_path: Path) -> None:
    options = {"list_length": 3, "num_candidates": 5}
    task = make_task(toy_env, split="test", max_turns=2, **options)  # type: ignore[arg-type]
    task = with_rules(task, success="never")
    part = part_path(tmp_path, "copy")
    kept = rollout("copy", task, scenarios=[1, 3], path=part)
    code, _, _ = run("bench", toy_env, "--agents", "copy", *SMALL, "--out", tmp_path)
    assert code == 0
    assert not part.exists()
    lines = part.with_suffix("").read_bytes().splitlines()
    assert len(lines) == 1 + 4
    assert [json.loads(line)["scenario"]["id"] for line in lines[1:3]] == [
        episode.scenario.id for episode in kept
    ]
    # A run that was finished is not resumed: its episodes are played anew.
    code, _, _ = run("bench", toy_env, "--agents", "copy", *SMALL, "--seed", 7, "--out", tmp_path)
    assert code == 0


def test_episodes_of_another_run_stop_it(run: Run, toy_env: str, tmp_path: Path) -> None:
    task = make_task(toy_env, split="test", success="never", num_candidates=4)
    rollout("copy", task, scenarios=[0], path=part_path(tmp_path, "copy"))
    code, out, err = run("bench", toy_env, "--agents", "copy", *SMALL, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert "holds another run" in err
    assert err.count("\n") == 1


def test_agents_of_the_working_directory(
    run: Run, toy_env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "house_agents.py").write_text(
        "import crsgym\n"
        "class First:\n"
        "    ranks = 'candidates'\n"
        "    def act(self, observations):\n"
        "        return [crsgym.format_answer(o['candidates'][:3]) for o in observations]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    arguments = ("--agents", "retriever", "house_agents:First", *SMALL)
    code, out, err = run("bench", toy_env, *arguments, "--json")
    assert (code, err) == (0, "")
    agents = json.loads(out)["agents"]
    ranks = {name: agent["outcomes"]["target_rank"] for name, agent in agents.items()}
    assert ranks["house_agents:First"] == ranks["retriever"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bench", "Toy-v9"], "unknown environment 'Toy-v9'"),
        (["bench", *FEW, "--agents", "copi"], "unknown agent 'copi'; did you mean 'copy'"),
        (["bench", *FEW, "--split", "tst"], "test"),
        (["bench", "ENV", "--turns", "0"], "max_turns"),
        (["bench", *FEW, "--limit", "0"], "limit"),
        (["bench", "ENV", "--retriever", "lexcal"], "did you mean 'lexical'"),
        (["bench", "ENV", "--simulator", "rule"], "did you mean 'rules'"),
        (["bench", *FEW, "metrics=recall@20"], "cannot be told from lists of 10"),
        (["bench", *FEW, "reward.hits=2"], "did you mean 'hit'"),
        (["bench", "ENV", "--set", "num_candidates=many"], "must be an integer"),
        (["bench", *FEW, "replicates=1"], "at least 100"),
        (["bench"], "Missing argument 'ENV'"),
        (["evaluate", "ENV"], "Missing option '--agent'"),
    ],
)
def test_a_wrong_request_is_one_line(
    run: Run, toy_env: str, arguments: list[str], said: str
) -> None:
    code, out, err = run(*(toy_env if a == "ENV" else a for a in arguments))
    assert (code, out) == (2, "")
    assert said.casefold() in err.casefold()
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.requires_dataset("inspired")
def test_inspired_reproduces_the_protocol(run: Run) -> None:
    code, out, _ = run(
        "bench", "INSPIRED-v0", "--split", "test", "--turns", 1,
        "--agents", "popularity", "copy", "--json", "--published",
    )  # fmt: skip
    assert code == 0
    data = json.loads(out)
    jsonschema.validate(data, json_schema())
    expected = {
        "popularity": (0.043, 0.148, 0.094, 0.077),
        "copy": (0.117, 0.262, 0.187, 0.164),
    }
    keys = ("recall@1", "recall@10", "ndcg@10", "mrr@10")
    for name, row in expected.items():
        agent = data["agents"][name]
        assert agent["ranks"] == "catalogue"
        strata = agent["turns"][0]["strata"]
        sizes = {stratum: strata[stratum]["n"] for stratum in strata}
        assert sizes == {"all": 256, "new": 214, "repeat": 42, "cold": 85}
        for key, value in zip(keys, row, strict=True):
            assert strata["all"][key] == pytest.approx(value, abs=0.0005), (name, key)
            low, high = strata["all"]["ci95"][key]
            assert low < strata["all"][key] < high
    # The half-width at .27 that the protocol tells.
    low, high = data["agents"]["copy"]["turns"][0]["strata"]["all"]["ci95"]["recall@10"]
    assert (high - low) / 2 == pytest.approx(0.06, abs=0.015)
    assert data["agents"]["popularity"]["turns"][0]["strata"]["cold"]["recall@10"] == 0.0
    assert data["agents"]["copy"]["turns"][0]["strata"]["repeat"]["recall@10"] == 1.0
    assert len(data["published"]["rows"]) == 14
