"""One trained user, three engines: what it says is the same."""

from __future__ import annotations

import pytest

import crsgym
from crsgym.chat.cache import CachedChatModel, replay
from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.protocols import Sampling
from crsgym.rollout import rollout
from crsgym.simulators.llm import LLMSimulator
from crsgym.simulators.measures import means, measure
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.tasks import make_examples

GREEDY = Sampling(max_tokens=40, logprobs=True)


@pytest.fixture(scope="module")
def prompts(examples):
    return [example.prompt for example in examples if example.task == "feedback"][:24]


def play(dataset, model, path=None, limit=24):
    user = LLMSimulator(dataset.catalogue, model, sampling=Sampling(max_tokens=40))
    task = crsgym.make_task(
        "Synthetic-v0",
        split="test",
        limit=limit,
        simulator=user,
        list_length=4,
        max_turns=3,
        success="never",
    )
    return rollout("retriever", task, batch_size=8, path=path)


def feedback(episodes) -> list[str]:
    return [step.turn.feedback for episode in episodes for step in episode.steps[1:]]


def test_training_taught_the_tasks(dataset, base, trained, huggingface) -> None:
    """Two minutes teach a model of this size the form of the answers, and little of the rest."""
    from crsgym.chat.huggingface import TransformersChatModel

    losses = [entry["loss"] for entry in trained.history if "loss" in entry]
    assert losses[-1] < losses[0] / 2
    valid = make_examples(
        dataset, "valid", teacher=None, tasks=["attributes", "target"], limit=25, list_length=4
    )
    reader = AttributeReader(dataset.catalogue)
    untaught = TransformersChatModel(base, device="cpu", dtype="float32")
    before, after = (measure(m, valid, reader, max_tokens=60) for m in (untaught, huggingface))
    assert set(after["target_accuracy"].answers) <= {"Yes", "No"}
    assert means(before)["target_accuracy"] == 0.0
    assert means(after)["target_accuracy"] > 0.3
    in_form = [": " in answer for answer in after["alignment_accuracy"].answers]
    assert sum(in_form) > 0.7 * len(in_form)
    assert means(after)["alignment_accuracy"] > means(before)["alignment_accuracy"]


def test_greedy_feedback_is_identical_across_the_engines(
    dataset, huggingface, in_process, over_http
) -> None:
    said = [feedback(play(dataset, model)) for model in (huggingface, in_process, over_http)]
    assert len(said[0]) == 48
    assert said[0] == said[1] == said[2]
    assert len(set(said[0])) > 3
    assert all(said[0])


def test_token_ids_and_logprobs_agree(prompts, huggingface, in_process, over_http) -> None:
    answers = [model.complete(prompts, GREEDY) for model in (huggingface, in_process, over_http)]
    for one, *others in zip(*answers, strict=True):
        assert one.token_ids
        assert len(one.token_ids) == len(one.logprobs)
        for other in others:
            assert other.text == one.text
            assert other.finish_reason == one.finish_reason
            assert (other.prompt_ids, other.token_ids) == (one.prompt_ids, one.token_ids)
            assert other.logprobs == pytest.approx(one.logprobs, abs=1e-4)


@pytest.mark.parametrize("engine", ["in_process", "over_http"])
def test_a_seed_draws_the_same_in_any_batch(prompts, engine, request) -> None:
    model = request.getfixturevalue(engine)
    hot = Sampling(max_tokens=12, temperature=1.0)
    seeds = [2**62 + i for i in range(len(prompts))]
    there = [a.text for a in model.complete(prompts, hot, seeds)]
    back = [a.text for a in model.complete(prompts[::-1], hot, seeds[::-1])]
    assert there == back[::-1]
    assert there != [a.text for a in model.complete(prompts, hot, [s + 99 for s in seeds])]


def test_adapters_swap_alike_in_every_engine(
    prompts, adapters, huggingface, in_process, over_http
) -> None:
    engines = [huggingface, in_process, over_http]
    bare = [answer.text for answer in huggingface.complete(prompts, GREEDY)]
    told = []
    for adapter in adapters:
        for model in engines:
            model.load_adapter(str(adapter))
        texts = [[a.text for a in model.complete(prompts, GREEDY)] for model in engines]
        assert texts[0] == texts[1] == texts[2]
        told.append(texts[0])
    assert bare != told[0] != told[1]
    for model in engines[:2]:
        model.load_adapter(None)
        assert [a.text for a in model.complete(prompts, GREEDY)] == bare


def test_an_adapter_too_large_is_refused(in_process, tmp_path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 16}')
    with pytest.raises(ConfigurationError, match=r"has rank 16.*give max_lora_rank=16"):
        in_process.load_adapter(tmp_path)


def test_what_does_not_fit_is_named(over_http, in_process) -> None:
    long = [[{"role": "user", "content": "comedy " * 3000}]]
    with pytest.raises(ModelServerError, match="do not fit the context of 'user'"):
        over_http.complete(long, GREEDY)
    with pytest.raises(ConfigurationError, match="longer max_model_len"):
        in_process.complete([*long, [{"role": "user", "content": "hi"}]], GREEDY)
    # What stood beside it in the batch is not left behind in the engine.
    assert len(in_process.complete([[{"role": "user", "content": "hi"}]], GREEDY)) == 1
    from crsgym.chat.server import ServerChatModel

    stranger = ServerChatModel("nobody", base_url=over_http.base_url, retries=0)
    with pytest.raises(ModelServerError, match="is 'nobody' what the server serves"):
        stranger.complete([[{"role": "user", "content": "hi"}]], GREEDY)


class Killing:
    """The server's model, until its server is killed in the middle of a batch."""

    def __init__(self, model, server, after: int) -> None:
        self.name, self._model, self._server, self._left = model.name, model, server, after

    def complete(self, prompts, sampling, seeds=None):
        self._left -= 1
        if self._left == 0:
            self._server.kill()
        return self._model.complete(prompts, sampling, seeds)


def test_a_killed_server_stops_a_run_that_resumes_and_replays(
    dataset, server, over_http, tmp_path
) -> None:
    undisturbed = play(dataset, CachedChatModel(over_http, tmp_path / "c"))
    try:
        with pytest.raises(ModelServerError, match=r"cannot connect|dropped the connection"):
            play(dataset, Killing(over_http, server, after=4), tmp_path / "episodes.jsonl")
        kept = (tmp_path / "episodes.jsonl").read_text().splitlines()[1:]
        assert 8 <= len(kept) < 24
        # Offline, from the recording.
        assert play(dataset, replay(tmp_path / "c")) == undisturbed
    finally:
        server.start()
    assert play(dataset, over_http, tmp_path / "episodes.jsonl") == undisturbed
