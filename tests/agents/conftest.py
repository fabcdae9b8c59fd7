"""A small language model of the tests' own, for agents that are language models."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model_module():
    spec = importlib.util.spec_from_file_location(
        "crsgym_tiny_model", Path(__file__).parents[1] / "tiny_model.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_base(tiny_model_module, tmp_path_factory) -> Path:
    """An untrained Llama with heads of 32, and a tokenizer fitted on the synthetic data."""
    import crsgym
    from agents.sft import make_examples
    from agents.teachers import TemplateTeacher

    task = crsgym.make_task("Synthetic-v0", limit=40, list_length=3, num_candidates=6)
    examples = make_examples(
        task, teacher=TemplateTeacher(task.world), lists=1, prompt="compact"
    ).examples
    texts = [message["content"] for example in examples for message in example.messages]
    return tiny_model_module.write_tiny_model(
        tmp_path_factory.mktemp("tiny"), texts, vocabulary=700, width=32, heads=1, layers=1
    )


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
