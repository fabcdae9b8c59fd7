"""The language model as an agent: any chat model, one prompt and one text a turn."""

from __future__ import annotations

import json

import pytest

import crsgym
from agents.compact import compact_messages
from agents.llm import AGENT_FILE, VARIABLE, LLMAgent, write_agent
from crsgym.actions import format_answer, parse_answer
from crsgym.baselines import make_agent
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.prompts import recommender_messages
from crsgym.rollout import rollout
from crsgym.testing import check_agent, sample_states


def reader(messages, seed=None) -> str:
    """A model that lists the first three titles under its prompt's last heading."""
    lines = messages[-1]["content"].split("\n")
    start = max(i for i, line in enumerate(lines) if line.endswith("Candidates"))
    return format_answer([line[2:] for line in lines[start + 1 :]][:3], preference="anything")


@pytest.mark.parametrize("prompt", ["protocol", "compact"])
def test_it_is_an_agent_and_plays_what_its_model_says(toy_task, prompt) -> None:
    agent = LLMAgent(ScriptedChatModel(reader), list_length=3, prompt=prompt)
    check_agent(agent, toy_task)
    ours = rollout(agent, toy_task, name="x")
    theirs = rollout("retriever", toy_task, name="x")
    lists = [[step.turn.recommendation.items for step in e.steps] for e in ours]
    assert lists == [[step.turn.recommendation.items for step in e.steps] for e in theirs]


def test_prompt_and_sampling_reach_the_model(toy_task) -> None:
    asked = []

    class Model:
        name = "model"

        def complete(self, prompts, sampling, seeds=None):
            asked.append((prompts, sampling, seeds))
            return ScriptedChatModel(reader).complete(prompts, sampling, seeds)

    states = sample_states(toy_task, number=3)
    observations = toy_task.world.observe(states)
    agent = LLMAgent(Model(), list_length=3, max_tokens=77, temperature=0.5, top_p=0.9, seed=4)
    agent.act(observations)
    prompts, sampling, seeds = asked[0]
    assert prompts == [recommender_messages(o, list_length=3) for o in observations]
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p) == (77, 0.5, 0.9)
    # The draw belongs to the conversation, not to the batch.
    agent.act(observations[::-1])
    assert asked[1][2] == seeds[::-1]
    assert len(set(seeds)) == 3


def test_the_compact_prompt_shows_the_last_turn_and_the_candidates(toy_task) -> None:
    states = sample_states(toy_task, number=3, turns=2)
    for observation in toy_task.world.observe(states):
        (message,) = compact_messages(observation, list_length=3)
        text = message["content"]
        for title in observation["candidates"]:
            assert f". {title}" in text
        if observation["history"]:
            assert f"Seeker: {observation['feedback']}" in text
            assert f"Wish: {observation['history'][-1]['preference']}" in text
        assert len(text) < len(recommender_messages(observation, list_length=3)[-1]["content"])


def test_from_task_needs_a_model_and_takes_one_from_the_environment(
    toy_task, tmp_path, monkeypatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigurationError, match="which language model"):
        make_agent(LLMAgent, toy_task)
    monkeypatch.setenv(VARIABLE, "server:somebody")
    agent = make_agent("agents.llm:LLMAgent", toy_task)
    assert (agent.name, agent.list_length) == ("somebody", 3)
    monkeypatch.setenv(VARIABLE, json.dumps({"model": "server:b", "prompt": "compact"}))
    assert make_agent("agents.llm:LLMAgent", toy_task).prompt == "compact"
    monkeypatch.setenv(VARIABLE, json.dumps({"model": "server:b", "promt": "compact"}))
    with pytest.raises(ConfigurationError, match="did you mean 'prompt'"):
        make_agent("agents.llm:LLMAgent", toy_task)
    monkeypatch.setenv(VARIABLE, '{"prompt": "compact"}')
    with pytest.raises(ConfigurationError, match="expected a model"):
        make_agent("agents.llm:LLMAgent", toy_task)


def test_a_folder_is_an_agent(toy_task, tmp_path, monkeypatch) -> None:
    write_agent(tmp_path, LLMAgent, model="server:m", adapter=None, prompt="compact", max_tokens=9)
    agent = make_agent(f"llm:{tmp_path}", toy_task)
    assert isinstance(agent, LLMAgent)
    assert (agent.model.name, agent.prompt, agent.sampling.max_tokens) == ("m", "compact", 9)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert make_agent(LLMAgent, toy_task).prompt == "compact"
    (tmp_path / AGENT_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactError, match="damaged"):
        LLMAgent.load(tmp_path, toy_task)
    with pytest.raises(ConfigurationError, match="holds no agent"):
        LLMAgent.load(tmp_path / "nowhere", toy_task)


def test_a_wrong_prompt_or_engine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"prompt 'compcat'.*did you mean 'compact'"):
        LLMAgent(ScriptedChatModel([]), prompt="compcat")
    with pytest.raises(ConfigurationError, match="engine:model"):
        LLMAgent("gpt")


def test_a_real_model_answers_and_what_it_says_is_data(tiny_base) -> None:
    task = crsgym.make_task("Synthetic-v0", split="valid", limit=3, list_length=3)
    agent = LLMAgent(
        f"transformers:{tiny_base}", list_length=3, prompt="compact", max_tokens=8, options=None
    )
    episodes = rollout(agent, task, turns=2)
    assert [len(episode.steps) for episode in episodes] == [2, 2, 2]
    for episode in episodes:
        for step in episode.steps:
            again = parse_answer(
                step.turn.answer,
                task.world.catalogue,
                candidates=step.turn.candidates,
                list_length=3,
            )
            assert again == step.turn.recommendation
