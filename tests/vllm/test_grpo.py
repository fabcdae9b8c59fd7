"""GRPO with vLLM as its sampler: the same tokens, the same probabilities, the same training."""

from __future__ import annotations

import json

import pytest
import torch

from agents.grpo import GRPOSettings, Trainer, TrainingStopped
from agents.journal import read_log
from agents.policy import collate, token_logprobs
from crsgym.protocols import Sampling

OPTIONS = {
    "vllm": {
        "dtype": "float32",
        "max_model_len": 1024,
        "engine_options": {"enforce_eager": True},
    },
    "transformers": {},
}


def settings_for(base, out, **changes) -> GRPOSettings:
    return GRPOSettings(
        **{
            "env": "Synthetic-v0",
            "num_candidates": 6,
            "list_length": 3,
            "max_turns": 2,
            "prompt": "compact",
            "model": str(base),
            "out": str(out),
            "train_limit": 8,
            "scenarios": 4,
            "group_size": 2,
            "steps": 3,
            "max_tokens": 24,
            "learning_rate": 1e-2,
            "lora_rank": 4,
            "eval_every": 0,
            "sample_every": 0,
            "tensorboard": False,
            "drop_zero_variance": False,
            "kl": 0.1,
            **changes,
        }
    )


def drawn(trainer, temperature, seeds=range(8)):
    """Answers of the sampler, and what the trainer says of their tokens."""
    from agents.compact import compact_messages

    task = trainer.task
    observations = task.world.observe(task.world.start(task.scenarios[: len(seeds)], seed=0))
    prompts = [compact_messages(observation) for observation in observations]
    sampling = Sampling(max_tokens=24, temperature=temperature, logprobs=True)
    answers = trainer.sampler.complete(prompts, sampling, list(seeds))
    tokens = collate(answers, 0)
    trainer.policy.eval()
    with torch.no_grad():
        ours, _ = token_logprobs(trainer.policy, tokens, temperature=temperature)
    gap = (ours - tokens.sampler_logprobs).abs() * tokens.mask
    return answers, float(gap.max())


def set_adapter(trainer, scale: float) -> None:
    """An adapter that says something else than the base does; at 0 it is the base."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in trainer.policy.named_parameters():
            if "lora_B" in name:
                weight.copy_(scale * torch.randn(weight.shape, generator=generator))
    trainer.sampler.publish()


@pytest.fixture(scope="module")
def in_vllm(trained, tmp_path_factory) -> Trainer:
    out = tmp_path_factory.mktemp("grpo")
    settings = settings_for(trained.path, out, sampler="vllm", sampler_options=OPTIONS["vllm"])
    return Trainer(settings, progress=False)


@pytest.fixture
def something_to_learn(monkeypatch):
    """An untrained model earns nothing by the protocol: here odd tokens are worth something."""
    from dataclasses import replace

    from agents import grpo

    def play(*arguments, **keywords):
        groups = play_groups(*arguments, **keywords)
        rewards = groups.rewards.copy()
        for answer in groups.answers:
            ids = answer.completion.token_ids
            odd = sum(token % 2 for token in ids) / len(ids)
            rewards[answer.scenario, answer.member, answer.turn] = odd
        return replace(groups, rewards=rewards)

    play_groups = grpo.play_groups
    monkeypatch.setattr(grpo, "play_groups", play)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_of_vllm_are_the_trainers(in_vllm, temperature) -> None:
    set_adapter(in_vllm, 0.0)
    fresh, gap = drawn(in_vllm, temperature)
    assert gap < 1e-3
    set_adapter(in_vllm, 0.3)
    changed, gap = drawn(in_vllm, temperature)
    assert gap < 1e-3
    # The adapter did reach the engine: a stale one would show here, and in the gap.
    assert [c.token_ids for c in changed] != [c.token_ids for c in fresh]


def test_more_seeded_prompts_than_the_engine_reads_at_once(in_vllm) -> None:
    """On a CPU vLLM fails where it reads a seeded prompt in two parts."""
    together, _ = drawn(in_vllm, 1.0, seeds=range(8))
    long = [{"role": "user", "content": " ".join(["something"] * 150)}]
    sampling = Sampling(max_tokens=4, temperature=1.0, logprobs=True)
    many = in_vllm.sampler.complete([long] * 120, sampling, [7] * 120)
    assert sum(len(answer.prompt_ids) for answer in many) > 10_000
    assert len({answer.token_ids for answer in many}) == 1
    again, _ = drawn(in_vllm, 1.0, seeds=range(8))
    assert [a.token_ids for a in again] == [a.token_ids for a in together]


def test_a_run_with_vllm_keeps_engine_and_trainer_together(in_vllm, something_to_learn) -> None:
    set_adapter(in_vllm, 0.0)
    in_vllm.train()
    log = read_log(in_vllm.out / "log.jsonl")
    assert [record["step"] for record in log] == [1, 2, 3]
    # Step by step the adapter has changed, and the engine's probabilities with it.
    assert all(record["grad_norm"] > 0 for record in log)
    assert all(record["mismatch_max"] < 1e-3 for record in log)
    assert log[-1]["kl"] > 0


def test_a_server_swaps_the_adapter_and_its_death_is_a_clear_stop(
    trained, server, tmp_path, something_to_learn
) -> None:
    settings = settings_for(
        trained.path,
        tmp_path,
        sampler="server",
        sampler_options={"base_url": server.base_url, "retries": 1, "backoff": 0.01},
        save_every=1,
        steps=4,
    )
    trainer = Trainer(settings, progress=False)
    one_step, server_lives = trainer._one_step, [True]

    def kills_the_server():
        if trainer.step == 2 and server_lives[0]:
            server_lives[0] = False
            server.kill()
        return one_step()

    trainer._one_step = kills_the_server  # type: ignore[method-assign]
    try:
        with pytest.raises(TrainingStopped, match=r"step 2: the sampler is gone.*step-000002"):
            trainer.train()
    finally:
        server.start()
    log = read_log(tmp_path / "log.jsonl")
    assert all(record["mismatch_max"] < 1e-3 for record in log)
    assert log[0]["grad_norm"] > 0
    # The server is another one now, and has never seen the adapter.
    again = Trainer(
        GRPOSettings(
            **{
                **json.loads((tmp_path / "settings.json").read_text()),
                "sampler_options": settings.sampler_options,
            }
        ),
        progress=False,
    )
    assert again.step == 2
    again.train()
    log = read_log(tmp_path / "log.jsonl")
    assert [record["step"] for record in log] == [1, 2, 3, 4]
    assert all(record["mismatch_max"] < 1e-3 for record in log)
