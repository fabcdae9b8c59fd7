"""Whole episodes: their order, their seeds, and a file that survives a kill at any byte."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

import crsgym
from crsgym.actions import format_answer
from crsgym.episodes import EpisodeFile, read_episodes
from crsgym.errors import ConfigurationError, CRSGymError, DataError, PluginError
from crsgym.rollout import rollout, with_rules
from crsgym.task import Task
from crsgym.types import Episode, Goal, Observation


class Candidates:
    """Lists the candidates, and counts what it was handed."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.batches: list[int] = []
        self.fail_after = fail_after

    def act(self, observations: Sequence[Observation]) -> list[str]:
        self.batches.append(len(observations))
        if self.fail_after is not None and len(self.batches) > self.fail_after:
            raise ZeroDivisionError("no more")
        return [format_answer(o["candidates"][:3]) for o in observations]

    def spec(self) -> dict[str, object]:
        return {"class": "Candidates", "sizes": (1, 2)}


@pytest.fixture
def task(toy_task: Task) -> Task:
    """The toy task, every episode played to turn 4."""
    return with_rules(toy_task, success="never")


def test_one_episode_per_scenario_in_order(task: Task) -> None:
    episodes = rollout("retriever", task)
    assert [e.scenario for e in episodes] == list(task.scenarios)
    assert {(e.agent, e.env, e.status, len(e.steps)) for e in episodes} == {
        ("retriever", "Toy-v0", "truncated", 4)
    }
    for episode in episodes:
        for step in episode.steps:
            target = episode.scenario.goal.target
            assert step.target_rank == step.turn.recommendation.rank_of(target)
            assert (step.candidate_rank is None) == (target not in step.turn.candidates)
            assert step.reward == pytest.approx(sum(step.reward_terms.values()))


def test_success_ends_an_episode_where_the_task_says_so(toy_task: Task) -> None:
    episodes = rollout("oracle", toy_task)
    assert [(e.status, len(e.steps)) for e in episodes] == [("terminated", 1)] * 4


def test_the_batch_changes_nothing(task: Task) -> None:
    together = rollout("retriever", task, seed=3)
    for batch_size in (1, 3, 100):
        assert rollout("retriever", task, seed=3, batch_size=batch_size) == together
    assert rollout("retriever", task, seed=4) != together
    backwards = rollout("retriever", task, seed=3, scenarios=task.scenarios[::-1])
    assert backwards[::-1] == together


def test_new_conversations_take_the_place_of_finished_ones(toy_task: Task) -> None:
    # The candidates are 0 1 2, then 1 2 3, ...: the targets 2 3 3 5 are listed at turns 1 2 2 4.
    agent = Candidates()
    episodes = rollout(agent, toy_task, batch_size=2)
    assert [len(e.steps) for e in episodes] == [1, 2, 2, 4]
    assert agent.batches == [2, 2, 2, 1, 1, 1]


def test_scenarios_by_value_id_and_index(task: Task) -> None:
    chosen = [task.scenarios[3], task.scenarios[0].id, 2]
    episodes = rollout("copy", task, scenarios=chosen)
    assert [e.scenario for e in episodes] == [task.scenarios[i] for i in (3, 0, 2)]
    with pytest.raises(ConfigurationError, match="named twice"):
        rollout("copy", task, scenarios=[0, task.scenarios[0]])
    with pytest.raises(ConfigurationError, match="out of range"):
        rollout("copy", task, scenarios=[7])
    with pytest.raises(TypeError, match="sequence"):
        rollout("copy", task, scenarios="d0")


def test_turns(task: Task) -> None:
    assert {len(e.steps) for e in rollout("copy", task, turns=2)} == {2}
    with pytest.raises(ConfigurationError, match="max_turns"):
        rollout("copy", task, turns=0)
    with pytest.raises(ConfigurationError, match="batch_size"):
        rollout("copy", task, batch_size=0)


def test_the_function_stays_the_function() -> None:
    code = (
        "import crsgym.evaluation, crsgym; import crsgym.rollout; print(callable(crsgym.rollout))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "True\n"
    assert callable(crsgym.rollout)


# Agents that break their contract


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda n: ["x"] * (n - 1), "must return 4 texts, one per observation; got 3"),
        (lambda n: [b"x"] * n, "must return texts; one of them is a bytes"),
        (lambda n: "x" * n, "must return a list of 4 texts; got str"),
        (lambda n: None, "must return a list of 4 texts; got NoneType"),
    ],
)
def test_wrong_answers_name_the_agent(task: Task, answers: object, message: str) -> None:
    class Wrong:
        def act(self, observations: Sequence[Observation]) -> object:
            return answers(len(observations))  # type: ignore[operator]

    with pytest.raises(PluginError, match=f"agent 'Wrong' {message}"):
        rollout(Wrong(), task)


def test_an_agent_that_raises_loses_nothing(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    with pytest.raises(PluginError, match="ZeroDivisionError: no more") as caught:
        rollout(Candidates(fail_after=6), task, batch_size=1, path=path)
    assert f"{task.scenarios[1].id} at turn 3" in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    _, kept = read_episodes(path)
    assert [e.scenario.id for e in kept] == [task.scenarios[0].id]
    again = Candidates()
    episodes = rollout(again, task, path=path)
    assert again.batches == [3] * 4
    assert episodes == rollout(Candidates(), task)


def test_errors_of_this_library_pass_through(task: Task) -> None:
    class Down:
        def act(self, observations: Sequence[Observation]) -> list[str]:
            raise CRSGymError("the server is down")

    with pytest.raises(CRSGymError, match="the server is down"):
        rollout(Down(), task)


def test_any_text_can_be_kept(task: Task, tmp_path: Path) -> None:
    nasty = ["\ud800 lone", "line\nbreak\r\u2028\u0085", "\x00\x07", "RANK LIST: [M (1931)]" * 9]

    class Nasty:
        def act(self, observations: Sequence[Observation]) -> list[str]:
            return nasty[: len(observations)]

    path = tmp_path / "episodes.jsonl"
    played = rollout(Nasty(), task, path=path)
    assert read_episodes(path)[1] == played
    assert [e.steps[0].turn.answer for e in played] == ["\ufffd lone", *nasty[1:]]


# The file


@pytest.fixture
def whole(task: Task, tmp_path: Path) -> bytes:
    """A finished file of four episodes."""
    path = tmp_path / "whole.jsonl"
    rollout(Candidates(), task, path=path)
    return path.read_bytes()


def test_a_file_reads_back(task: Task, whole: bytes, tmp_path: Path) -> None:
    header, episodes = read_episodes(tmp_path / "whole.jsonl")
    assert (header.env, header.hash, header.agent, header.seed) == (
        "Toy-v0",
        task.hash,
        "Candidates",
        0,
    )
    assert episodes == rollout(Candidates(), task)
    assert whole.count(b"\n") == 5
    assert all(isinstance(json.loads(line), dict) for line in whole.splitlines())


def test_a_finished_file_is_not_played_again(task: Task, whole: bytes, tmp_path: Path) -> None:
    agent = Candidates()
    assert rollout(agent, task, path=tmp_path / "whole.jsonl") == rollout(Candidates(), task)
    assert agent.batches == []
    assert (tmp_path / "whole.jsonl").read_bytes() == whole


def test_cut_at_any_byte_it_goes_on(task: Task, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    expected = rollout(Candidates(), task)
    ends = [i for i, byte in enumerate(whole) if byte == ord("\n")]
    near = {cut for end in ends for cut in range(end - 2, end + 4)}
    spread = range(0, len(whole), max(1, len(whole) // 60))
    cuts = sorted(cut for cut in {*near, *spread, len(whole)} if 0 <= cut <= len(whole))
    for cut in cuts:
        path.write_bytes(whole[:cut])
        agent = Candidates()
        assert rollout(agent, task, path=path) == expected, cut
        left = 4 - max(0, whole[:cut].count(b"\n") - 1)
        assert agent.batches == [left] * 4 * bool(left), cut
        assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines()), cut


def test_more_scenarios_can_follow(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    some = rollout(Candidates(), task, scenarios=[2, 0], path=path)
    agent = Candidates()
    episodes = rollout(agent, task, path=path)
    assert agent.batches == [2] * 4
    assert [episodes[2], episodes[0]] == some
    assert rollout(agent, task, scenarios=[0], path=path) == [episodes[0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 0 instead of 1"),
        ({"turns": 3}, "hash"),
        ({"name": "other"}, "agent 'Candidates' instead of 'other'"),
        ({"agent": "copy", "name": "Candidates"}, "agent_spec"),
    ],
)
def test_a_file_of_another_run_is_refused(
    task: Task, whole: bytes, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "whole.jsonl"
    keywords: dict[str, object] = {"agent": Candidates(), **change}
    agent = keywords.pop("agent")
    with pytest.raises(ConfigurationError, match=f"holds another run .*{message}"):
        rollout(agent, task, path=path, **keywords)  # type: ignore[arg-type]
    assert path.read_bytes() == whole


def test_a_scenario_of_the_same_id_is_not_taken_for_another(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    rollout(Candidates(), task, path=path)
    other = replace(task.scenarios[0], goal=Goal(9, "something else"))
    with pytest.raises(ConfigurationError, match="another scenario of the id"):
        rollout(Candidates(), task, path=path, scenarios=[other])


@pytest.mark.parametrize("seed", [1.5, "1", None, True])
def test_a_seed_is_an_integer(task: Task, seed: object) -> None:
    with pytest.raises(ConfigurationError, match="seed must be an integer"):
        rollout("copy", task, seed=seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b"{}\n", b"\xff\xfe\n"])
def test_a_file_of_something_else_is_left_alone(task: Task, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(CRSGymError, match="is no file of episodes"):
        rollout("copy", task, path=path)
    assert path.read_bytes() == content


def test_a_path_that_cannot_be_a_file_is_a_clear_error(task: Task, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("a file")
    for path in (tmp_path, tmp_path / "note" / "episodes.jsonl"):
        with pytest.raises(ConfigurationError, match=r"episodes cannot be written to .*; expected"):
            rollout("copy", task, path=path)


def test_damage_in_the_middle_names_the_line(task: Task, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.jsonl"
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"\x00" * 50 + b"\n", *lines[3:]]))
    with pytest.raises(DataError, match="line 3, is damaged"):
        rollout(Candidates(), task, path=path)
    path.write_bytes(b"".join([*lines, lines[2]]))
    with pytest.raises(
        DataError, match=f"line 6: scenario '{task.scenarios[1].id}' is there twice"
    ):
        read_episodes(path)
    with pytest.raises(DataError, match="cannot read"):
        read_episodes(tmp_path / "absent.jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="files are locked on POSIX systems only")
def test_two_runs_do_not_share_a_file(task: Task, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "whole.jsonl"
    header, _ = read_episodes(path)
    with (
        EpisodeFile(path, header),
        pytest.raises(ConfigurationError, match="is being written by another run"),
    ):
        rollout(Candidates(), task, path=path)
    assert len(rollout(Candidates(), task, path=path)) == 4


def test_a_spec_that_is_no_json_is_refused(task: Task, tmp_path: Path) -> None:
    class Odd(Candidates):
        def spec(self) -> dict[str, object]:
            return {"model": np.random}

    with pytest.raises(PluginError, match="must be JSON-able"):
        rollout(Odd(), task, path=tmp_path / "odd.jsonl")


SLOW = textwrap.dedent(
    """
    import sys, time
    import crsgym
    from crsgym.actions import format_answer

    class Slow:
        def act(self, observations):
            time.sleep(0.01)
            return [format_answer(o["candidates"][:10]) for o in observations]

    task = crsgym.make_task(
        "Synthetic-v0", split="test", retriever="popularity", success="never", max_turns=2, limit=40
    )
    print("playing", flush=True)
    crsgym.rollout(Slow(), task, path=sys.argv[1], batch_size=1, name="slow", progress=False)
    """
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX systems")
def test_killed_and_resumed_it_equals_an_undisturbed_run(tmp_path: Path) -> None:
    path, straight = tmp_path / "killed.jsonl", tmp_path / "straight.jsonl"
    counts: list[int] = []
    command = [sys.executable, "-c", SLOW]
    while not counts or counts[-1] < 40:
        with subprocess.Popen([*command, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            start = time.monotonic()
            while process.poll() is None and time.monotonic() - start < 0.4:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        counts.append(len(read_episodes(path)[1]) if path.exists() else 0)
        assert len(counts) < 30, counts
    assert len(counts) > 1, "it was never interrupted"
    assert counts == sorted(counts)
    subprocess.run([*command, str(straight)], check=True, stdout=subprocess.DEVNULL)
    assert sorted(path.read_bytes().splitlines()) == sorted(straight.read_bytes().splitlines())


def test_the_bar_goes_to_standard_error(task: Task, capfd: pytest.CaptureFixture[str]) -> None:
    rollout("copy", task, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "copy" in err
    assert "4/4" in err
    rollout("copy", task)  # no terminal here
    assert capfd.readouterr() == ("", "")


def test_an_episode_is_a_value(task: Task) -> None:
    (episode,) = rollout("copy", task, scenarios=[0])
    assert isinstance(episode, Episode)
    assert episode.titles[episode.scenario.goal.target] == "The Long Road (1999)"
    assert "The Long Road (1999)" in str(episode)


def test_what_is_no_task_is_refused_with_what_to_give() -> None:
    env = crsgym.make("Synthetic-v0", limit=1)
    for wrong in (env, TimeLimit(env, 3), crsgym.make_vec("Synthetic-v0", 2, limit=1)):
        for play in (crsgym.rollout, crsgym.evaluate):
            with pytest.raises(TypeError, match=r"a Task; .*: give its env\.task"):
                play("random", wrong)  # type: ignore[operator]
    for play in (crsgym.rollout, crsgym.evaluate):
        with pytest.raises(TypeError, match=r"got NoneType: crsgym\.make_task makes one"):
            play("random", None)  # type: ignore[operator]
    assert crsgym.rollout("random", env.task, turns=1)


def test_a_misspelt_keyword_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"rollout\(\): 'turn'; did you mean 'turns'"):
        crsgym.rollout("random", "Synthetic-v0", turn=3)  # type: ignore[call-arg]
