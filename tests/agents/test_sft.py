"""Examples for supervised fine-tuning, their teachers, and the training."""

from __future__ import annotations

import json

import pytest

import crsgym
from agents import sft
from agents.sft import SFTSettings, make_examples, write_examples
from agents.teachers import ChatTeacher, TemplateTeacher
from crsgym.actions import format_answer, parse_answer
from crsgym.baselines import make_agent
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.errors import ConfigurationError
from crsgym.protocols import Completion
from crsgym.rollout import rollout
from crsgym.testing import sample_states


@pytest.fixture(scope="module")
def task():
    return crsgym.make_task(
        "Synthetic-v0", simulator="attributes", limit=20, list_length=5, num_candidates=8
    )


@pytest.fixture(scope="module")
def examples(task):
    return make_examples(task, teacher=TemplateTeacher(task.world), lists=4).examples


def test_a_scenario_gives_a_first_turn_and_the_four_lists(task, examples) -> None:
    assert len(examples) == 20 * 5
    by_scenario = {scenario.id: [] for scenario in task.scenarios}
    for example in examples:
        by_scenario[example.scenario].append(example.list_kind)
    assert all(sorted(k) == ["", "H+", "H-", "S+", "S-"] for k in by_scenario.values())
    one = make_examples(task, teacher=TemplateTeacher(task.world), lists=1).examples
    kinds = [example.list_kind for example in one if example.list_kind]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "H+": 5,
        "H-": 5,
        "S+": 5,
        "S-": 5,
    }


def test_answers_are_in_the_protocols_form_and_put_the_target_first(task, examples) -> None:
    world, goals = task.world, {s.id: s.goal for s in task.scenarios}
    targets = 0
    for example in examples:
        goal, answer = goals[example.scenario], example.messages[-1]
        assert answer["role"] == "assistant"
        read = parse_answer(answer["content"], world.catalogue, list_length=5)
        assert (read.steps, read.well_formed, len(read.items)) == (5, True, 5)
        assert read.preference == goal.preference
        if goal.target in read.items:
            targets += 1
            assert read.items[0] == goal.target
        title = world.catalogue.titles[goal.target]
        kept = example.list_kind in ("H+", "S+")
        if title in example.messages[-2]["content"].split("Candidates")[1] or kept:
            assert goal.target in read.items
    # The lists with the target keep it, and so do some others.
    assert targets > 40


def test_later_turns_show_the_constructed_list_and_a_reply_to_it(task, examples) -> None:
    for example in examples:
        prompt = example.messages[-2]["content"]
        assert ("## Turn 1" in prompt) == bool(example.list_kind)
        assert ("## Feedback" in prompt) == bool(example.list_kind)


def test_equal_arguments_write_equal_files(task, examples, tmp_path) -> None:
    again = make_examples(task, teacher=TemplateTeacher(task.world), lists=4).examples
    other = make_examples(task, teacher=TemplateTeacher(task.world), lists=4, seed=1).examples
    paths = [
        write_examples(these, tmp_path / f"{name}.jsonl")
        for name, these in (("a", examples), ("b", again), ("c", other))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    first = json.loads(paths[0].read_text(encoding="utf-8").splitlines()[0])
    assert list(first) == ["scenario", "dialogue", "list_kind", "messages"]


def test_wrong_numbers_and_prompts_are_refused(task) -> None:
    with pytest.raises(ConfigurationError, match="lists: expected 0 to 4; got 5"):
        make_examples(task, teacher=TemplateTeacher(task.world), lists=5)
    with pytest.raises(ConfigurationError, match="unknown prompt"):
        make_examples(task, teacher=TemplateTeacher(task.world), prompt="long")


def test_the_template_can_name_attributes(task) -> None:
    states = [s for s in sample_states(task, turns=0) if s.goal.target in s.candidates[:5]]
    plain = TemplateTeacher(task.world).teach(states)
    told = TemplateTeacher(task.world, explain=True).teach(states)
    for state, short, long in zip(states, plain, told, strict=True):
        facts = task.world.catalogue[state.goal.target].values("genre")
        assert len(long) > len(short)
        assert any(fact in long.split("Step5")[1] for fact in facts)


def test_a_chat_teacher_sees_the_target_and_bad_answers_are_asked_for_again(task) -> None:
    states = sample_states(task, number=4, turns=0)
    titles = task.world.catalogue.titles
    calls: dict[str, int] = {}

    def teach(messages, seed):
        text = messages[-1]["content"]
        calls[text] = calls.get(text, 0) + 1
        state = next(s for s in states if titles[s.goal.target] in text.split("Looking for: ")[1])
        assert state.goal.preference in text
        if state is states[0]:
            return Completion("I would rather not.")
        if state is states[1] and calls[text] == 1:
            return Completion("RANK LIST: []")
        named = [titles[state.goal.target], *(titles[i] for i in state.candidates)]
        return Completion(format_answer(dict.fromkeys(named[:5]), preference="as told"))

    teacher = ChatTeacher(task.world, ScriptedChatModel(teach), attempts=2)
    answers = teacher.teach(states)
    assert answers[0] is None
    assert all(answer and "as told" in answer for answer in answers[1:])
    assert sorted(calls.values()) == [1, 1, 2, 2]


def test_what_the_teacher_cannot_answer_is_counted(task) -> None:
    class Silent:
        def teach(self, states):
            return [None] * len(states)

    made = make_examples(task, teacher=Silent(), lists=0)
    assert (made.examples, made.left_out) == ((), 20)


def test_training_lowers_the_loss_and_leaves_an_agent(tiny_base, tmp_path) -> None:
    settings = SFTSettings(
        env="Synthetic-v0",
        num_candidates=6,
        list_length=3,
        prompt="compact",
        model=str(tiny_base),
        out=str(tmp_path),
        lists=1,
        limit=16,
        valid_limit=4,
        epochs=2,
        learning_rate=1e-2,
        lora_rank=0,
        gradient_checkpointing=False,
        max_tokens=60,
    )
    result = sft.train(settings, progress=False)
    losses = [h["eval_loss"] for h in result.history if "eval_loss" in h]
    assert len(losses) == 2
    assert losses[-1] < losses[0] - 0.1
    assert len((tmp_path / "train.jsonl").read_text(encoding="utf-8").splitlines()) == 32
    # Again: nothing is trained twice.
    assert sft.train(settings, progress=False) == result
    agent_task = crsgym.make_task("Synthetic-v0", split="valid", limit=2, list_length=3)
    agent = make_agent(str(tmp_path), agent_task)
    assert (agent.prompt, agent.sampling.max_tokens) == ("compact", 60)
    assert len(rollout(agent, agent_task, turns=1)) == 2


def test_missing_folders_and_strange_teachers_are_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="model: expected a folder"):
        sft.train(SFTSettings(env="Synthetic-v0"))
    settings = SFTSettings(env="Synthetic-v0", model="m", out=str(tmp_path), teacher="nobody")
    with pytest.raises(ConfigurationError, match="template-explained or a chat model"):
        sft.train(settings)


def test_help_explains_every_setting(capsys) -> None:
    import dataclasses

    with pytest.raises(SystemExit):
        sft.main(["--help"])
    shown = capsys.readouterr().out
    for field in dataclasses.fields(SFTSettings):
        assert f"--{field.name.replace('_', '-')} VALUE" in shown
