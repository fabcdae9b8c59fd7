from __future__ import annotations

import sqlite3
import threading

import pytest

from crsgym.chat.cache import CachedChatModel, completion_key, replay
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.errors import ArtifactError, ConfigurationError, ReplayMissError
from crsgym.protocols import ChatModel, Completion, Sampling

HOT = Sampling(temperature=1.0)


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def numbered() -> ScriptedChatModel:
    """Never says the same thing twice, as a live model may."""
    count = iter(range(10_000))
    return ScriptedChatModel(lambda messages, seed: f"{messages[-1]['content']} {next(count)}")


def test_a_replay_gives_what_was_recorded(tmp_path) -> None:
    path = tmp_path / "deep" / "cache.sqlite"
    live = CachedChatModel(numbered(), path)
    prompts, seeds = [ask(str(i)) for i in range(1200)], list(range(1200))
    first = live.complete(prompts, HOT, seeds)
    offline = replay(path)
    assert isinstance(offline, ChatModel)
    assert offline.complete(prompts[::-1], HOT, seeds[::-1]) == first[::-1]
    assert offline.spec() == live.spec() == {"model": "scripted"}
    assert (live.nondeterministic, offline.nondeterministic) == (True, False)


def test_everything_of_a_completion_is_kept(tmp_path) -> None:
    answer = Completion("x", "length", (1, 2), (3,), (-0.125,))
    model = ScriptedChatModel([answer])
    CachedChatModel(model, tmp_path / "c").complete([ask("q")], HOT, [1])
    assert replay(tmp_path / "c").complete([ask("q")], HOT, [1]) == [answer]


def test_only_what_is_new_is_asked(tmp_path) -> None:
    inner = numbered()
    model = CachedChatModel(inner, tmp_path / "c")
    model.complete([ask("a"), ask("b"), ask("a")], HOT, [1, 1, 1])
    assert len(inner.calls) == 2
    model.complete([ask("b"), ask("c")], HOT, [1, 1])
    assert len(inner.calls) == 3
    assert len(model) == 3


@pytest.mark.parametrize(
    ("sampling", "seed"), [(Sampling(temperature=0.5), 1), (HOT, 2), (Sampling(max_tokens=9), 1)]
)
def test_another_setting_is_another_question(tmp_path, sampling, seed) -> None:
    CachedChatModel(numbered(), tmp_path / "c").complete([ask("what next?")], HOT, [1])
    with pytest.raises(ReplayMissError, match=r"1 prompt.*'what next\?'.*seed"):
        replay(tmp_path / "c").complete([ask("what next?")], sampling, [seed])


def test_greedy_answers_do_not_depend_on_the_seed() -> None:
    assert completion_key("m", ask("q"), Sampling(), 1) == completion_key(
        "m", ask("q"), Sampling(), 2
    )
    assert completion_key("m", ask("q"), HOT, 1) != completion_key("m", ask("q"), HOT, 2)
    assert completion_key("m", ask("q"), HOT, 1) != completion_key("n", ask("q"), HOT, 1)


def test_key_is_stable() -> None:
    # A golden value: changing how keys are made orphans every cache on disk.
    key = completion_key("m", ask("Amélie"), Sampling(max_tokens=8, temperature=1.0), 7)
    assert key == "0e3dadc92f5998b1b46f4d59ffac102205ff09ae7800b9b1f0b2ae88f6c0f510"


def test_a_failed_batch_leaves_what_was_there(tmp_path) -> None:
    model = CachedChatModel(ScriptedChatModel(["one"]), tmp_path / "c")
    model.complete([ask("a")], HOT, [1])
    with pytest.raises(Exception, match="1 answers"):
        model.complete([ask("b"), ask("c")], HOT, [1, 1])
    assert len(model) == 1
    assert replay(tmp_path / "c").complete([ask("a")], HOT, [1])[0].text == "one"


def test_a_kill_in_mid_write_loses_only_that_batch(tmp_path) -> None:
    model = CachedChatModel(numbered(), tmp_path / "c")
    model.complete([ask("a")], HOT, [1])
    # What a killed writer leaves: rows of a transaction that was never committed.
    writer = sqlite3.connect(tmp_path / "c")
    writer.execute("INSERT INTO completions VALUES ('half', '[]', x'00')")
    writer.close()
    assert len(replay(tmp_path / "c")) == 1


def test_many_writers_share_a_file(tmp_path) -> None:
    def work(worker: int) -> None:
        model = CachedChatModel(
            ScriptedChatModel(lambda m, s: f"{m[-1]['content']}!"), tmp_path / "c"
        )
        for i in range(10):
            model.complete([ask(f"{worker}-{i}"), ask(f"shared-{i}")], HOT, [1, 1])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replay(tmp_path / "c")) == 4 * 10 + 10


def test_configuration_errors(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="nothing to replay"):
        replay(tmp_path / "absent")
    CachedChatModel(ScriptedChatModel([], name="one"), tmp_path / "c")
    with pytest.raises(ConfigurationError, match="answers of 'one', not of 'two'"):
        CachedChatModel(ScriptedChatModel([], name="two"), tmp_path / "c")
    (tmp_path / "text").write_text("this is no database, " * 100)
    with pytest.raises(ArtifactError, match="cannot be used as a chat cache"):
        replay(tmp_path / "text")
    sqlite3.connect(tmp_path / "empty").execute("CREATE TABLE t (x)").connection.commit()
    with pytest.raises(ArtifactError, match="is not a chat cache"):
        replay(tmp_path / "empty")
