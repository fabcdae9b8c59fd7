"""Multi-turn GRPO, from the groups to the checkpoint, with a real model, if a small one."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import crsgym
from agents import grpo, loss, rows
from agents.checkpoint import checkpoints
from agents.groups import Answer, Groups, play_groups
from agents.grpo import GRPOSettings, Trainer, TrainingStopped
from agents.journal import read_log
from agents.policy import collate, token_logprobs, token_spans
from agents.settings import read_recipe, recipes, settings_of
from crsgym.actions import format_answer
from crsgym.baselines import make_agent
from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.protocols import Completion, Sampling

DRAWN = Sampling(max_tokens=8, temperature=1.0, logprobs=True)


class Scripted:
    """A sampler that lists what `choose(titles, seed)` makes of the candidates, one token a letter.

    Token ids are code points, so `decode` is easy to follow.
    """

    def __init__(self, choose) -> None:
        self.choose, self.seeds = choose, []

    def complete(self, prompts, sampling, seeds):
        self.seeds += seeds
        answers = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            titles = [
                line[2:] for line in prompt[-1]["content"].split("Candidates\n")[1].split("\n")
            ]
            text = format_answer(self.choose(titles, seed), preference="films")
            ids = tuple(map(ord, text))
            answers.append(Completion(text, "stop", (1, 2), ids, (-1.0,) * len(ids)))
        return answers


class Letters:
    """The tokenizer of `Scripted`."""

    def decode(self, ids, skip_special_tokens=True) -> str:
        return "".join(map(chr, ids))


def shuffled(titles, seed):
    return [titles[i] for i in np.random.default_rng(seed).permutation(len(titles))[:3]]


def play(task, sampler, *, branch, group_size=3, step=0, seed=0) -> Groups:
    return play_groups(
        task.world,
        task.scenarios[:2],
        sampler,
        group_size=group_size,
        branch=branch,
        prompt="protocol",
        sampling=DRAWN,
        seed=seed,
        step=step,
    )


# Groups


def test_branching_answers_share_their_state_and_one_is_committed(toy_task) -> None:
    groups = play(toy_task, Scripted(shuffled), branch=True)
    assert groups.rewards.shape == groups.mask.shape == (2, 3, 4)
    for b in range(2):
        chain = groups.finals[b].context.turns
        for t, played in enumerate(chain):
            group = [a for a in groups.answers if (a.scenario, a.turn) == (b, t)]
            assert [a.member for a in group] == [0, 1, 2]
            # Each answered the turns that were committed before, and one of them goes on.
            for answer in group:
                assert answer.outcome.state.context.turns[:-1] == chain[:t]
            assert played in [a.outcome.state.context.turns[-1] for a in group]
        assert groups.mask[b].sum() == 3 * len(chain)


def test_trajectories_are_played_each_to_its_own_end(toy_task) -> None:
    groups = play(toy_task, Scripted(shuffled), branch=False)
    assert len(groups.finals) == 6
    for place, state in enumerate(groups.finals):
        b, g = divmod(place, 3)
        mine = [a for a in groups.answers if (a.scenario, a.member) == (b, g)]
        assert [a.outcome.state.context.turns[-1] for a in mine] == list(state.context.turns)
        assert groups.mask[b, g].tolist() == [t < len(mine) for t in range(4)]
        steps = toy_task.world.episode(state).steps
        assert groups.rewards[b, g, : len(mine)] == pytest.approx([s.reward for s in steps])
        assert groups.ranks[b, g, : len(mine)].tolist() == [s.target_rank or 0 for s in steps]
        assert state.status != "running"


def test_what_is_drawn_follows_from_seed_step_and_scenario(toy_task) -> None:
    samplers = [Scripted(shuffled) for _ in range(4)]
    played = [
        play(toy_task, samplers[0], branch=False),
        play(toy_task, samplers[1], branch=False),
        play(toy_task, samplers[2], branch=False, step=1),
        play(toy_task, samplers[3], branch=False, seed=1),
    ]
    assert played[0].answers == played[1].answers
    assert len(set(samplers[0].seeds)) == len(samplers[0].seeds)
    assert not set(samplers[0].seeds) & {*samplers[2].seeds, *samplers[3].seeds}


# Rows


def test_tokens_of_a_title_are_found(tiny_base) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    titles = ["Amélie (2001)", "M (1931)", "WALL·E (2008)", "¡Bergen, Mountain! (2007)"]
    text = format_answer(titles, preference="日本 films")
    spans = [(text.index(title), text.index(title) + len(title)) for title in titles]
    ids = tokenizer(text)["input_ids"]
    found = token_spans(tokenizer, ids, spans)
    for title, (first, behind) in zip(titles, found, strict=True):
        inside = tokenizer.decode(ids[first:behind])
        assert title in inside
        assert title not in tokenizer.decode(ids[first : behind - 1])
        assert title not in tokenizer.decode(ids[first + 1 : behind])
        assert len(inside) <= len(title) + 3
    assert token_spans(tokenizer, ids, []) == []


def test_rank_level_rows_credit_titles_by_place(toy_task) -> None:
    groups = play(toy_task, Scripted(shuffled), branch=True)
    made = {
        level: rows.make_rows(
            groups,
            Letters(),
            scheme="branch",
            rank_level=level,
            list_length=3,
            discount=1.0,
            scale=True,
        )
        for level in (False, True)
    }
    advantages = rows.assign(groups, "branch", discount=1.0, scale=True)
    by_rank = rows.assign_by_rank(groups, 3, scale=True)
    for answer, plain, ranked in zip(groups.answers, made[False], made[True], strict=True):
        place = answer.scenario, answer.member, answer.turn
        assert plain.credits.unique().tolist() == pytest.approx([advantages[place]])
        assert (plain.units == -1).all()
        for rank, (start, end) in enumerate(answer.recommendation.spans):
            assert (ranked.units[start:end] == rank).all()
            assert ranked.credits[start:end].tolist() == pytest.approx(
                [by_rank[place][rank]] * (end - start)
            )
        outside = ranked.units == -1
        assert ranked.credits[outside].equal(plain.credits[outside])
        assert 0 < outside.sum() < len(outside)


@pytest.mark.parametrize("scheme", rows.CREDITS)
def test_every_scheme_prefers_the_better_answer(scheme) -> None:
    rewards = np.array([[[0.0, 1.0], [2.0, 3.0], [1.0, 0.5]]])
    groups = Groups((), rewards, np.ones((1, 3, 2), bool), np.zeros((1, 3, 2), np.int64), ())
    advantages = rows.assign(groups, scheme, discount=1.0, scale=True)
    assert advantages.shape == (1, 3, 2)
    assert advantages[0, :, 0].argmax() == 1
    assert advantages[0, 1, 0] > 0 > advantages[0, 0, 0]


# The policy


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
            "train_limit": 6,
            "scenarios": 2,
            "group_size": 2,
            "steps": 3,
            "max_tokens": 6,
            "learning_rate": 1e-2,
            "lora_rank": 4,
            "eval_every": 0,
            "save_every": 1,
            "sample_every": 0,
            "tensorboard": False,
            **changes,
        }
    )


@pytest.fixture
def trainer(tiny_base, tmp_path):
    return Trainer(settings_for(tiny_base, tmp_path / "run"), progress=False)


def answered(trainer, texts, rewards) -> Groups:
    """A group of given answers to one state."""
    task = trainer.task
    (state,) = task.world.start(task.scenarios[:1], seed=0)
    (observation,) = task.world.observe([state])
    from agents.compact import compact_messages

    chat = trainer.tokenizer.apply_chat_template(
        compact_messages(observation), tokenize=False, add_generation_prompt=True
    )
    prompt = tuple(trainer.tokenizer(chat, add_special_tokens=False)["input_ids"])
    outcomes = task.world.advance([state] * len(texts), texts)
    answers = []
    for g, (text, outcome) in enumerate(zip(texts, outcomes, strict=True)):
        ids = (*trainer.tokenizer(text)["input_ids"], trainer.tokenizer.eos_token_id)
        completion = Completion(text, "stop", prompt, ids, (0.0,) * len(ids))
        with torch.no_grad():
            told, _ = token_logprobs(trainer.policy, collate([completion], 0), temperature=1.0)
        completion = replace(completion, logprobs=tuple(told[0].tolist()))
        answers.append(Answer(0, g, 0, completion, outcome))
    shape = (1, len(texts), 1)
    ranks = np.array([o.target_rank or 0 for o in outcomes]).reshape(shape)
    return Groups(tuple(answers), np.reshape(rewards, shape), np.ones(shape, bool), ranks, (state,))


def logprobs(trainer, groups) -> torch.Tensor:
    tokens = collate([a.completion for a in groups.answers], 0)
    with torch.no_grad():
        values, _ = token_logprobs(trainer.policy, tokens, temperature=1.0)
    return (values * tokens.mask).sum(dim=1)


def test_logprobs_of_the_trainer_are_the_samplers(trainer) -> None:
    task = trainer.task
    observations = task.world.observe(task.world.start(task.scenarios[:3], seed=0))
    from agents.compact import compact_messages

    for temperature in (1.0, 0.7):
        sampling = Sampling(max_tokens=9, temperature=temperature, logprobs=True)
        prompts = [compact_messages(o) for o in observations]
        answers = trainer.sampler.complete(prompts, sampling, [1, 2, 3])
        tokens = collate(answers, 0)
        with torch.no_grad():
            ours, entropy = token_logprobs(trainer.policy, tokens, temperature=temperature)
        gap = (ours - tokens.sampler_logprobs).abs() * tokens.mask
        assert float(gap.max()) < 1e-4
        assert 0 < float(entropy.min()) <= float(entropy.max()) < math.log(1000)


@pytest.mark.parametrize("changes", [{}, {"minibatches": 2, "inner_epochs": 2}, {"kl": 0.1}])
def test_an_update_makes_the_better_answer_likelier(tiny_base, tmp_path, changes) -> None:
    trainer = Trainer(settings_for(tiny_base, tmp_path, **changes), progress=False)
    titles = trainer.task.world.catalogue.titles
    groups = answered(trainer, [format_answer(titles[:2]), "I do not know."], [1.0, 0.0])
    before = logprobs(trainer, groups)
    for _ in range(2):
        values = trainer._update(groups)
    after = logprobs(trainer, groups)
    assert after[0] > before[0]
    assert after[1] < before[1]
    assert values["rows"] == 2
    assert (values["kl"] > 0) == ("kl" in changes)
    assert values["grad_norm"] > 0


def test_one_inner_step_without_kl_is_reinforce(trainer) -> None:
    """The gradient of the whole update is that of -A log pi, worked out beside it."""
    titles = trainer.task.world.catalogue.titles
    groups = answered(trainer, [format_answer(titles[:2]), "No.", "Perhaps."], [1.0, 0.0, 0.4])
    weights = [w for w in trainer.policy.parameters() if w.requires_grad]
    seen = {}
    trainer.optimizer.step = lambda: seen.update(
        enumerate(w.grad.clone() if w.grad is not None else None for w in weights)
    )
    trainer.settings = replace(trainer.settings, max_grad_norm=1e9)
    trainer._update(groups)
    advantages = rows.assign(groups, "return-to-go", discount=1.0, scale=True)[0, :, 0]
    tokens = collate([a.completion for a in groups.answers], 0)
    values, _ = token_logprobs(trainer.policy, tokens, temperature=1.0)
    credits = torch.tensor(advantages, dtype=torch.float32)[:, None]
    surrogate = -(values * credits * tokens.mask).sum() / tokens.mask.sum()
    expected = torch.autograd.grad(surrogate, weights)
    assert max(float(g.abs().max()) for g in expected) > 1e-4
    for place, gradient in enumerate(expected):
        torch.testing.assert_close(seen[place], gradient, atol=1e-6, rtol=1e-4)


def test_groups_that_earned_the_same_are_dropped(trainer) -> None:
    groups = answered(trainer, ["Yes.", "No."], [1.0, 1.0])
    before = logprobs(trainer, groups)
    values = trainer._update(groups)
    assert (values["rows"], values["dropped"]) == (0, 1)
    assert logprobs(trainer, groups).equal(before)


# The run


def comparable(record: dict) -> dict:
    """A record without what differs from run to run: times."""
    timed = ("seconds", "tokens_per_second", "share/")
    return {key: value for key, value in record.items() if not key.startswith(timed)}


def test_a_killed_run_goes_on_as_if_it_had_not_been(
    tiny_base, tmp_path, monkeypatch, something_to_learn
) -> None:
    changes = {"credit": "branch", "rank_level": True, "eval_every": 2, "eval_limit": 2}
    straight = settings_for(tiny_base, tmp_path / "straight", **changes)
    Trainer(straight, progress=False).train()
    killed = replace(straight, out=str(tmp_path / "killed"))

    class Killed(BaseException):
        pass

    first = Trainer(killed, progress=False)
    update, calls = first._update, []

    def dies_in_the_second(groups):
        calls.append(1)
        values = update(groups)
        if len(calls) == 2:
            raise Killed  # the adapter has changed, the checkpoint has not
        return values

    monkeypatch.setattr(first, "_update", dies_in_the_second)
    with pytest.raises(Killed):
        first.train()
    # What a kill in the middle of writing leaves behind.
    (tmp_path / "killed" / "checkpoints" / "step-000002.partial").mkdir()
    with (tmp_path / "killed" / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"step": 2, "return"')
    second = Trainer(killed, progress=False)
    assert second.step == 1
    second.train()
    logs = [read_log(tmp_path / name / "log.jsonl") for name in ("straight", "killed")]
    assert [r["step"] for r in logs[0]] == [0, 1, 2, 3]
    assert all(r["grad_norm"] > 0 for r in logs[0][1:])
    assert list(map(comparable, logs[0])) == list(map(comparable, logs[1]))
    from safetensors.torch import load_file

    ends = [
        load_file(tmp_path / name / "adapter" / "adapter_model.safetensors")
        for name in ("straight", "killed")
    ]
    assert all(ends[0][name].equal(ends[1][name]) for name in ends[0])
    assert [p.name for p in checkpoints(tmp_path / "killed" / "checkpoints")] == [
        "step-000002",
        "step-000003",
    ]
    # A run that is complete stays as it is, and its folder is an agent.
    Trainer(killed, progress=False).train()
    assert read_log(tmp_path / "killed" / "log.jsonl") == logs[1]
    task = crsgym.make_task("Synthetic-v0", split="valid", limit=1, list_length=3)
    assert make_agent(str(tmp_path / "killed"), task).prompt == "compact"


def test_a_folder_of_other_settings_is_refused(tiny_base, tmp_path) -> None:
    settings = settings_for(tiny_base, tmp_path)
    Trainer(settings, progress=False)
    Trainer(replace(settings, steps=9, rows_per_pass=1), progress=False)
    with pytest.raises(ConfigurationError, match=r"learning_rate is 0.01 there and 0.1 here"):
        Trainer(replace(settings, learning_rate=0.1), progress=False)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelServerError("cannot connect"), "step 1: the sampler is gone: cannot connect"),
        (RuntimeError("CUDA out of memory."), "step 1: out of memory"),
        (MemoryError(), "step 1: out of memory"),
    ],
)
def test_what_cannot_go_on_stops_clearly(trainer, monkeypatch, error, message) -> None:
    complete = trainer.sampler.complete

    def fails(*arguments):
        if trainer.step == 1:
            raise error
        return complete(*arguments)

    monkeypatch.setattr(trainer.sampler, "complete", fails)
    with pytest.raises(TrainingStopped, match=message + ".*checkpoints/step-000001; the same"):
        trainer.train()
    assert [r["step"] for r in read_log(trainer.out / "log.jsonl")] == [1]


def test_a_loss_that_is_no_number_stops_before_it_spoils_the_adapter(trainer, monkeypatch) -> None:
    reduce = loss.reduce
    monkeypatch.setattr(
        loss,
        "reduce",
        lambda *a, **k: reduce(*a, **k) * (math.nan if trainer.step == 1 else 1.0),
    )
    monkeypatch.setattr(trainer, "settings", replace(trainer.settings, drop_zero_variance=False))
    with pytest.raises(TrainingStopped, match=r"loss of step 1 is nan; the last good checkpoint"):
        trainer.train()
    assert all(torch.isfinite(w).all() for w in trainer.policy.parameters())


def test_a_prompt_too_long_is_named(trainer) -> None:
    trainer.settings = replace(trainer.settings, max_prompt=5)
    with pytest.raises(TrainingStopped, match=r"a prompt has \d+ tokens, and max_prompt is 5"):
        trainer.train()


def test_an_error_of_the_code_is_not_dressed_up(trainer, monkeypatch) -> None:
    def broken(groups):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(trainer, "_update", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        trainer.train()


def test_training_ends_when_patience_does(tiny_base, tmp_path) -> None:
    settings = settings_for(
        tiny_base, tmp_path, eval_every=1, eval_limit=1, patience=1, steps=50, sample_every=1
    )
    trainer = Trainer(settings, progress=False)
    path = trainer.train()
    assert trainer.step < 50
    assert path == tmp_path / "best"
    assert json.loads((tmp_path / "agent.json").read_text())["adapter"] == str(path)
    assert "step 0" in (tmp_path / "samples" / "step-000000.txt").read_text(encoding="utf-8")


def test_scenarios_follow_from_seed_and_step(trainer) -> None:
    def drawn(**changes):
        trainer.settings = replace(trainer.settings, **changes)
        seen = []
        for step in range(6):
            trainer.step = step
            seen.append([s.id for s in trainer._scenarios()])
        return seen

    plain = drawn()
    # Six scenarios, two a step: every epoch of three steps holds each once.
    everything = sorted(s.id for s in trainer.task.scenarios)
    for epoch in (plain[:3], plain[3:]):
        assert sorted(name for step in epoch for name in step) == everything
    assert plain == drawn()
    assert plain != drawn(seed=1)
    easy = drawn(seed=0, curriculum="difficulty", curriculum_steps=5)
    ranked = [s.id for s in trainer._easy_first]
    assert set(easy[0]) <= set(ranked[:2])
    world = trainer.task.world
    (state,) = world.start(trainer._easy_first[:1], seed=0)
    assert state.goal.target in state.candidates or len(set(ranked)) == 6


def test_the_curriculum_over_turns_grows(tiny_base, tmp_path) -> None:
    settings = settings_for(
        tiny_base, tmp_path, curriculum="turns", curriculum_steps=2, steps=2, success="never"
    )
    Trainer(settings, progress=False).train()
    log = read_log(tmp_path / "log.jsonl")
    assert [record["turns"] for record in log] == [1, 2]


def test_it_begins_after_a_trainer_of_another_precision(tiny_base, tmp_path) -> None:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()
    Accelerator(mixed_precision="bf16")
    trainer = Trainer(settings_for(tiny_base, tmp_path), progress=False)
    assert trainer.accelerator.mixed_precision == "no"


# Settings


def test_help_explains_every_setting(capsys) -> None:
    with pytest.raises(SystemExit):
        grpo.main(["--help"])
    shown = capsys.readouterr().out
    for field in dataclasses.fields(GRPOSettings):
        assert f"--{field.name.replace('_', '-')} VALUE" in shown
    assert "(default: 1e-05)" in shown


def test_recipes_are_settings() -> None:
    assert set(recipes()) >= {"paper", "small-gpu", "tiny"}
    for name in recipes():
        values = read_recipe(name)
        settings_of(GRPOSettings, {"out": "x", "model": "x", **values})
    paper = settings_of(GRPOSettings, {"out": "x", **read_recipe("paper")})
    assert (paper.group_size, paper.learning_rate, paper.max_turns) == (4, 1e-5, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": ""}, "out: expected a folder"),
        ({"credit": "turns"}, r"credit: expected one of branch.*got 'turns'"),
        ({"group_size": 1}, "group_size: expected at least 2 with credit"),
        ({"temperature": 0.0}, "temperature: expected more than 0"),
        ({"discount": 1.5}, "0 <= discount <= 1"),
        ({"sampler": "ollama"}, "sampler: expected one of transformers, vllm, server"),
        ({"sampler_options": {"batchsize": 3}}, "did you mean 'batch_size'"),
        ({"env": "Synthetic-v1"}, "did you mean 'Synthetic-v0'"),
    ],
)
def test_wrong_settings_stop_at_once(tiny_base, tmp_path, changes, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Trainer(replace(settings_for(tiny_base, tmp_path / "run"), **changes), progress=False)


def test_a_sampler_that_hides_its_tokens_is_refused(trainer, monkeypatch) -> None:
    from crsgym.chat.scripted import ScriptedChatModel

    monkeypatch.setattr(trainer.sampler, "chat", ScriptedChatModel(lambda m, s: "RANK LIST: []"))
    with pytest.raises(TrainingStopped, match="told 0 prompt ids, 0 token ids"):
        trainer.train()
