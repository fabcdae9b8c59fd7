"""The ranker: its features, its probabilities, its training, its checkpoints, its commands."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from agents import ablations, ranker_experiment, ranker_training, transfer
from agents.ranker import Choices, PolicyConfig, Ranker, RankingPolicy
from agents.ranker_config import RankerConfig
from agents.ranker_episodes import (
    less_group_mean,
    place_credits,
    place_rewards,
    play,
    returns_after,
    target_ranks,
)
from agents.ranker_examples import supervised_examples
from agents.ranker_training import train_ranker
from agents.settings import leave
from agents.trials import play_all
from agents.wishes import FORMS, WishWriter
from crsgym.actions import parse_answer
from crsgym.baselines import make_agent
from crsgym.cli import main
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.integrations.features import FEATURES, CandidateFeatures
from crsgym.registry import register_env
from crsgym.rewards import Rewards
from crsgym.rollout import with_rules
from crsgym.task import Task
from crsgym.testing import check_agent, sample_states
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Attribute, Context, Dialogue, Goal, Item, Utterance

SMALL = RankerConfig(
    supervised_epochs=2, rl_epochs=2, rl_scenarios=4, rl_batch=4, lists=4, group=2, updates=2
)


class TellsPlace:
    """A target-aware user that says yes to a list with the target, and no to any other."""

    target_aware = True

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        assert goals is not None
        return [
            "Yes, that is it!" if goal.target in context.last_list else "No, something else."
            for context, goal in zip(contexts, goals, strict=True)
        ]


@pytest.fixture
def task(toy_task: Task) -> Task:
    """The toy task with a user whose words tell whether the target was listed."""
    told = with_rules(toy_task, success="never")
    told.world.simulator = TellsPlace()
    return told


def untrained(task: Task, **shape: Any) -> Ranker:
    config = PolicyConfig(**shape)
    return Ranker(RankingPolicy(config), config, task)


def shaken(task: Task, seed: int = 0) -> Ranker:
    """A ranker with drawn weights, so that nothing about it is uniform."""
    ranker = untrained(task)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in ranker.policy.parameters():
            parameter.normal_(generator=generator)
    return ranker


def test_features_tell_places_mentions_and_lists(task: Task) -> None:
    state = sample_states(task, number=1, turns=0)[0]
    titles = task.world.catalogue.titles
    later = task.world.advance(
        [state], ["RANK LIST: [" + ", ".join(titles[i] for i in (5, 0, 4)) + "]"]
    )[0].state
    (observation,) = task.world.observe([later])
    view = CandidateFeatures(task.dataset).read([observation])
    x = dict(zip(FEATURES, view.x[0].T, strict=True))
    # At turn 2 the toy retriever offers items 1 .. 6; item 0 was listed and is not offered.
    assert view.items.tolist() == [[1, 2, 3, 4, 5, 6, 0]]
    assert x["offered"].tolist() == [1] * 6 + [0]
    assert x["retriever_inverse_rank"] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 0])
    assert x["in_last_list"].tolist() == [0, 0, 0, 1, 1, 0, 1]
    assert x["last_list_inverse_rank"] == pytest.approx([0, 0, 0, 1 / 3, 1, 0, 1 / 2])
    assert x["mentioned"].tolist() == [0] * 6 + [1]
    # Train targets are 2, 3 and 3, 5.
    assert x["popularity"] == pytest.approx(np.log1p([0, 1, 2, 0, 1, 0, 0]))
    kept = CandidateFeatures(task.dataset, relist=False).read([observation])
    assert kept.items.tolist() == [[1, 2, 3, 4, 5, 6]]


def test_a_training_dialogue_does_not_see_its_own_targets(task: Task) -> None:
    state = sample_states(task, number=1, turns=0)[0]
    assert state.scenario.dialogue_id == "d0"
    features = CandidateFeatures(task.dataset)
    popularity = FEATURES.index("popularity")
    seen = features.read(task.world.observe([state]), own=["d0"]).x[0, :, popularity]
    # d1 alone has the targets 3 and 5.
    assert seen == pytest.approx(np.log1p([0, 0, 0, 1, 0, 1]))


def test_features_do_not_depend_on_the_batch(task: Task) -> None:
    observations = task.world.observe(sample_states(task, number=4, turns=2))
    features = CandidateFeatures(task.dataset)
    together = features.read(observations)
    for row, observation in enumerate(observations):
        alone = features.read([observation])
        width = alone.items.shape[1]
        assert np.array_equal(together.x[row, :width], alone.x[0])
        assert not together.mask[row, width:].any()


def test_without_feedback_nothing_of_it_is_read(task: Task) -> None:
    observations = task.world.observe(sample_states(task, number=4, turns=2))
    changed = [
        {
            **o,
            "feedback": "A darker genre1 film.",
            "history": tuple({**turn, "feedback": "By Director 2."} for turn in o["history"]),
        }
        for o in observations
    ]
    deaf = CandidateFeatures(task.dataset, use_feedback=False)
    one, other = deaf.read(observations), deaf.read(changed)  # type: ignore[arg-type]
    assert np.array_equal(one.x, other.x)
    assert np.array_equal(one.words, other.words)
    heard = CandidateFeatures(task.dataset).read(changed)  # type: ignore[arg-type]
    assert not np.array_equal(one.x, heard.x)


def test_the_probabilities_of_all_answers_sum_to_one(task: Task) -> None:
    ranker = shaken(task)
    view = ranker.features.read(task.world.observe(sample_states(task, number=1, turns=0)))
    answers = list(itertools.product(itertools.permutations(range(6), 3), range(len(FORMS))))
    choices = Choices(
        torch.tensor([listed for listed, _ in answers]), torch.tensor([form for _, form in answers])
    )
    rows = view.take(np.zeros(len(answers), dtype=np.int64))
    total = ranker.log_prob(rows, choices).double().sum(dim=1).exp().sum()
    assert float(total.detach()) == pytest.approx(1.0, abs=1e-5)


def test_sampled_answers_read_back_as_what_was_chosen(task: Task) -> None:
    ranker = shaken(task)
    observations = task.world.observe(sample_states(task, number=4, turns=2))
    view = ranker.features.read(observations)
    choices = ranker.sample(view, torch.Generator().manual_seed(0))
    for text, listed in zip(
        ranker.answers(observations, view, choices), ranker.listed(view, choices), strict=True
    ):
        read = parse_answer(text, task.world.catalogue, list_length=3)
        assert list(read.items) == listed
        assert (read.steps, read.well_formed) == (5, True)
        assert read.preference.startswith("The seeker")


def test_it_is_an_agent(task: Task) -> None:
    check_agent(shaken(task), task)


def test_the_uniform_policy_lists_in_the_retrievers_order(task: Task) -> None:
    states = sample_states(task, number=4, turns=0)
    view = untrained(task).features.read(task.world.observe(states))
    assert untrained(task).greedy(view).lists.tolist() == [[0, 1, 2]] * 4


def test_wishes_say_what_was_read_where(task: Task) -> None:
    (observation,) = task.world.observe(sample_states(task, number=1, turns=0))
    observation["feedback"] = "I'd prefer a genre1 film by Director 3. No genre2 please."
    writer = WishWriter(task.dataset.catalogue)
    written = {form: writer.write(form, observation, [2, 6, 10]) for form in FORMS}
    assert written == {
        "dialogue": "The seeker likes genre0.",
        "feedback": "The seeker likes genre1. The seeker wants something directed by Director 3.",
        "said": "The seeker likes genre1 and genre0. The seeker wants something directed by "
        "Director 3.",
        # Items 2, 6 and 10 share Director 2, and have the genres 2, 0 and 1.
        "list": "The seeker likes genre2, genre0 and genre1. The seeker wants something directed "
        "by Director 2.",
        "feedback_and_list": "The seeker likes genre1, genre2 and genre0. The seeker wants "
        "something directed by Director 3 and Director 2.",
        "open": "The seeker is open to suggestions.",
    }
    assert writer.write("feedback", observation, [2], feedback=False) == written["open"]


def test_place_rewards_are_the_tasks_own(task: Task) -> None:
    # hit 1, and rank 1 - (place - 1) / 3, weight 1 each.
    assert place_rewards(task, 3) == pytest.approx([0, 2, 1 + 2 / 3, 1 + 1 / 3])
    task.world.rewards = Rewards({"hit": 0.5, "rank": 0.0}, HashedTfidf(dim=64))
    assert place_rewards(task, 3) == pytest.approx([0, 0.5, 0.5, 0.5])


def test_place_credits_are_worked_out_by_hand() -> None:
    lists = torch.tensor([[[0, 1, 2], [1, 0, 2]], [[0, 1, 2], [2, 1, 0]]])
    earned = torch.tensor([0.0, 3.0, 2.0, 1.0])
    got = place_credits(lists, torch.tensor([0, -1]), earned)
    # The first list earns 3 at once, so places 2 and 3 caused nothing; the second earns 2 at place
    # 2. Means by place: (3 + 2) / 2, (0 + 2) / 2, 0.
    assert got[0].tolist() == [[0.5, -1.0, 0.0], [-0.5, 1.0, 0.0]]
    # The target of the second state cannot be listed: there is nothing to learn.
    assert got[1].abs().max() == 0


def test_returns_and_group_means_are_worked_out_by_hand() -> None:
    rewards = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 2.0]])
    after = returns_after(rewards, 0.5)
    assert after.tolist() == [[2.0, 2.0, 0.0], [0.5, 1.0, 0.0]]
    assert less_group_mean(after, 2).tolist() == [[0.75, 0.5, 0.0], [-0.75, -0.5, 0.0]]


def test_one_step_without_clipping_is_reinforce(task: Task) -> None:
    ranker = shaken(task, 3)
    view = ranker.features.read(task.world.observe(sample_states(task, number=4, turns=0)))
    choices = ranker.sample(view, torch.Generator().manual_seed(1))
    advantage = torch.randn(4, 4, generator=torch.Generator().manual_seed(2))
    before = ranker.log_prob(view, choices).detach()
    gain, clipped = ranker_training._gain(before, ranker.log_prob(view, choices), advantage, 0.2)
    gain.sum().backward()
    by_ratio = [p.grad.clone() for p in ranker.policy.parameters() if p.grad is not None]
    ranker.policy.zero_grad()
    (ranker.log_prob(view, choices) * advantage).sum().backward()
    plain = [p.grad for p in ranker.policy.parameters() if p.grad is not None]
    assert clipped == 0
    for one, other in zip(by_ratio, plain, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_supervised_examples_name_the_target_and_near_forms(task: Task) -> None:
    ranker = untrained(task)
    examples = supervised_examples(task, ranker, replace(SMALL, constructed=2))
    assert len(examples.view) == 3 * len(task.scenarios)
    goals = [scenario.goal.target for scenario in task.scenarios] * 3
    for row, goal in enumerate(goals):
        column = int(examples.targets[row])
        found = -1 if column < 0 else int(examples.view.items[row, column])
        assert found == (goal if goal in examples.view.items[row] else -1)
    assert examples.forms.shape == (len(goals), len(FORMS))
    assert torch.allclose(examples.forms.sum(dim=1), torch.ones(len(goals)))
    # The references are "The seeker likes genre.. directed by ..": no form is further than "open".
    assert (examples.forms[:, FORMS.index("open")] <= examples.forms.max(dim=1).values).all()


def test_reinforcement_learns_to_keep_what_was_accepted(task: Task) -> None:
    """The user's yes is worth something only to who reads it: a list with a yes is kept."""
    config = replace(SMALL, mode="rl", rl_epochs=10, rl_rate=0.05, patience=10, lists=16, group=4)
    before = target_ranks(play(untrained(task), task, seed=0))
    trained = train_ranker(task, config, valid=task)
    after = target_ranks(play(trained, task, seed=0))
    found = (after > 0).argmax(axis=1)
    assert (after > 0).mean() > (before > 0).mean() + 0.2
    assert all(
        (row[place:] > 0).all() for row, place in zip(after, found, strict=True) if row.any()
    )


@pytest.mark.parametrize("mode", ["supervised", "rl", "supervised-rl"])
def test_a_run_is_reproducible(task: Task, mode: Any) -> None:
    config = replace(SMALL, mode=mode)
    one, other = (train_ranker(task, config, valid=task).policy.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(task: Task, tmp_path: Path) -> None:
    config = replace(SMALL, rl_epochs=3, rl_decay=True, soften=2.0)
    whole = train_ranker(task, config, valid=task, out=tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def stop(record: dict[str, Any]) -> None:
        if record["stage"] == "rl" and record["epoch"] == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_ranker(task, config, valid=task, out=tmp_path / "part", log=stop)
    told: list[dict[str, Any]] = []
    resumed = train_ranker(task, config, valid=task, out=tmp_path / "part", log=told.append)
    # The second epoch was not kept, so it is done again; the supervised stage is not.
    assert [(r["stage"], r["epoch"]) for r in told] == [("rl", 2), ("rl", 3)]
    one, other = whole.policy.state_dict(), resumed.policy.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    lines = (tmp_path / "whole" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["stage"] for line in lines] == ["supervised"] * 3 + ["rl"] * 4


def test_a_softened_policy_answers_the_same_and_tries_more(task: Task) -> None:
    ranker = shaken(task)
    observations = task.world.observe(sample_states(task, number=4, turns=2))
    view = ranker.features.read(observations)
    with torch.no_grad():
        before, likeliest = ranker.policy(view), ranker.act(observations)
        ranker.policy.soften(3.0)
        after = ranker.policy(view)
    assert ranker.act(observations) == likeliest
    for sharp, soft in zip(before, after, strict=True):
        assert torch.allclose(soft, sharp / 3, atol=1e-5)


def test_the_rate_falls_in_equal_steps(task: Task, tmp_path: Path) -> None:
    weights = {}
    for name, epochs, falls in (("one", 1, True), ("steady", 2, False), ("falling", 2, True)):
        config = replace(SMALL, mode="rl", updates=1, rl_epochs=epochs, rl_decay=falls)
        train_ranker(task, config, valid=task, out=tmp_path / name)
        weights[name] = load_file(tmp_path / name / "rl.safetensors")["policy/outer.weight"]
    # One step an epoch: the first is whole in all, the second half as far where the rate falls.
    step = weights["steady"] - weights["one"]
    assert step.abs().max() > 1e-4
    assert torch.allclose(weights["falling"] - weights["one"], step / 2, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_the_training(task: Task) -> None:
    broken = shaken(task)
    with torch.no_grad():
        broken.policy.linear.weight.fill_(torch.nan)
    with pytest.raises(ConfigurationError, match="not finite"):
        train_ranker(task, SMALL, valid=task, start=broken)


def test_a_folder_of_another_run_is_refused(task: Task, tmp_path: Path) -> None:
    config = replace(SMALL, mode="supervised")
    train_ranker(task, config, valid=task, out=tmp_path)
    with pytest.raises(ConfigurationError, match="other settings"):
        train_ranker(task, replace(config, seed=1), valid=task, out=tmp_path)


def test_a_saved_ranker_answers_the_same_by_its_folder(task: Task, tmp_path: Path) -> None:
    ranker = shaken(task)
    ranker.save(tmp_path)
    observations = task.world.observe(sample_states(task, number=4, turns=2))
    for name in (str(tmp_path), f"ranker:{tmp_path}"):
        assert make_agent(name, task).act(observations) == ranker.act(observations)


def test_a_damaged_ranker_is_refused(task: Task, tmp_path: Path) -> None:
    shaken(task).save(tmp_path)
    with pytest.raises(ConfigurationError, match="no ranker"):
        Ranker.load(tmp_path / "elsewhere", task)
    (tmp_path / "policy.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ArtifactError, match="damaged"):
        Ranker.load(tmp_path, task)
    (tmp_path / "agent.json").write_text("{}")
    with pytest.raises(ArtifactError, match="class"):
        make_agent(str(tmp_path), task)


def test_a_ranker_without_training_says_how_to_train_one(task: Task) -> None:
    with pytest.raises(ConfigurationError, match="crsgym train ranker"):
        make_agent("agents.ranker:Ranker", task)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "both"},
        {"group": 1},
        {"rl_epochs": 0},
        {"valid_plays": 0},
        {"discount": 1.5},
        {"clip": 0.0},
        {"soften": 0.0},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RankerConfig(**wrong)


def test_trials_average_seeds_before_they_draw_dialogues(task: Task) -> None:
    trials = play_all({"retriever": ["retriever"], "both": ["retriever", "popularity"]}, task)
    # Lists 0-2 at turn 1: targets 2 3 3 5, so .25 of them; popularity lists 3 2 5, so all.
    assert trials.mean("retriever", "recall@3", 1).value == pytest.approx(0.25)
    assert trials.mean("both", "recall@3", 1).value == pytest.approx((0.25 + 1) / 2)
    difference = trials.difference("both", "retriever", "recall@3", 1)
    assert difference.value == pytest.approx(0.375)
    assert difference.low <= 0.375 <= difference.high
    # The values of one scenario are 1/2 more or equal; dialogue d0 gains .25, d1 gains .5.
    assert (difference.low, difference.high) == pytest.approx((0.25, 0.5))
    with pytest.raises(ConfigurationError, match="retriever"):
        trials.mean("retriver", "recall@3", 1)


def test_episodes_that_may_end_early_are_refused(toy_task: Task) -> None:
    with pytest.raises(ConfigurationError, match="never"):
        play_all({"retriever": ["retriever"]}, toy_task)


ENV = "ThirtyFilms-v0"
TINY = [
    *("--supervised-epochs", "1", "--rl-epochs", "1", "--rl-scenarios", "4", "--rl-batch", "4"),
    *("--lists", "2", "--group", "2"),
]


@pytest.fixture(scope="module", autouse=True)
def thirty_films() -> None:
    """An environment of thirty films and four dialogues a split."""
    items = [
        Item(f"m{i}", f"Film {i} ({1990 + i})", 1990 + i, (Attribute("genre", f"genre{i % 4}"),))
        for i in range(30)
    ]
    dialogues = [
        Dialogue(
            f"d{n}",
            (
                Utterance("seeker", f"I want a genre{n} film."),
                Utterance("recommender", f"See Film {n}.", (n,)),
                Utterance("seeker", "Another one?"),
                Utterance("recommender", f"Film {n + 4}.", (n + 4,)),
            ),
        )
        for n in range(4)
    ]
    splits = dict.fromkeys(("train", "valid", "test"), dialogues)
    films = Dataset("thirty", Catalogue(items), splits, fingerprint="thirty-1")
    register_env(ENV, films, retriever="popularity", simulator="attributes")


def test_the_command_trains_and_bench_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ranker"
    train = ["train", "ranker", "--env", ENV, "--out", str(out), *TINY]
    assert main([*train, "--mode", "supervised"]) == 0
    agents = ["--agents", "retriever", f"ranker:{out}"]
    assert main(["bench", ENV, *agents, "--json"]) == 0
    report = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert set(report["agents"]) == {"retriever", f"ranker:{out}"}


def test_a_wrong_setting_of_the_command_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["train", "ranker", "--env", ENV, "--out", str(tmp_path), "--mode", "both"]
    assert main(run) == 2
    assert "mode" in capsys.readouterr().err


def test_the_experiment_writes_its_tables(tmp_path: Path) -> None:
    run = ["--env", ENV, "--out", str(tmp_path), "--seeds", "[0]", *TINY]
    assert ranker_experiment.main(run) == 0
    text = (tmp_path / "report.md").read_text()
    for other in ("rl", "supervised", "retriever"):
        assert f"| supervised-rl | {other} | all |" in text
    before = (tmp_path / "supervised-0" / "policy.safetensors").stat().st_mtime_ns
    assert ranker_experiment.main(run) == 0
    # What is trained is not trained again, and the report is the same.
    assert (tmp_path / "supervised-0" / "policy.safetensors").stat().st_mtime_ns == before
    assert (tmp_path / "report.md").read_text() == text


def test_the_ablations_write_a_row_each(tmp_path: Path) -> None:
    run = ["--env", ENV, "--retriever", "lexical", "--out", str(tmp_path), *TINY]
    assert ablations.main(run) == 0
    text = (tmp_path / "report.md").read_text()
    for ablation in ablations.ABLATIONS:
        assert f"| {ablation.name} |" in text
    assert "no option use_list" in text
    assert "no such user was given" in text


def test_a_user_of_one_task_is_a_row_where_there_is_one(tmp_path: Path) -> None:
    run = ["--env", ENV, "--retriever", "lexical", "--simulator", "rules", "--out", str(tmp_path)]
    run += [*TINY, "--rows", '["single-task user"]', "--single-task-options", '{"wishes": 1}']
    assert ablations.main(run) == 0
    rows = (tmp_path / "report.md").read_text().splitlines()[-2:]
    assert [row.split(" | ")[0] for row in rows] == ["| full", "| single-task user"]
    assert "[" in rows[1].rsplit(" | ", 1)[1]
    with pytest.raises(ConfigurationError, match="did you mean 'no feedback'"):
        ablations.main([*run, "--rows", '["no feedbak"]'])


def test_transfer_writes_a_row_for_each_user(tmp_path: Path) -> None:
    extra = ["--against", '["rules", "silent:rules"]', "--envs", f'["{ENV}"]', "--other-limit", "5"]
    run = ["--env", ENV, "--out", str(tmp_path), *TINY, *extra]
    assert transfer.main(run) == 0
    values, gains = (tmp_path / "report.md").read_text().split("**Gain")
    assert f"| rules (8) | silent:rules (8) | {ENV}, rules (5) |" in values
    for row in ("rules", "attributes"):
        assert f"| {row} |" in values
        assert f"| {row} |" in gains


def test_users_of_a_transfer_have_their_options() -> None:
    options = {
        "llm": {"model": "transformers:A", "max_tokens": 40},
        "blind:llm": {"max_tokens": 20},
        f"{ENV}, llm": {"model": "transformers:B"},
    }
    settings = transfer.TransferSettings(
        env="INSPIRED-v0", out="", users=("rules", "llm"), user_options=options, envs=(ENV,)
    )
    here, there = "INSPIRED-v0", ENV
    assert settings.options_of(here, "rules") == {}
    assert settings.options_of(here, "silent:llm") == options["llm"]
    assert settings.options_of(here, "blind:llm") == {"model": "transformers:A", "max_tokens": 20}
    assert settings.options_of(there, "llm") == {"model": "transformers:B", "max_tokens": 40}
    with pytest.raises(ConfigurationError, match="did you mean 'llm'"):
        replace(settings, user_options={"lm": {}})


def test_a_user_without_its_options_stops_a_transfer_before_any_training(tmp_path: Path) -> None:
    run = ["--env", ENV, "--out", str(tmp_path), *TINY, "--users", '["rules", "llm"]']
    with pytest.raises(ConfigurationError, match="needs a chat model"):
        transfer.main(run)
    assert not list(tmp_path.iterdir())


def test_a_wrong_setting_of_a_module_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run = ["--env", ENV, "--out", "", "--rows", '["no feedbak"]']
    with pytest.raises(SystemExit) as left:
        leave(lambda: ablations.main(run))
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "did you mean 'no feedback'" in line


def test_a_language_model_is_a_row_and_a_column_of_a_transfer(
    tmp_path: Path, tiny_base: Path
) -> None:
    options = {"llm": {"model": f"transformers:{tiny_base}", "max_tokens": 4}}
    users = ["--users", '["rules", "llm"]', "--against", '["llm", "blind:llm"]']
    users += ["--envs", f'["{ENV}"]', "--elsewhere", '["rules"]', "--other-limit", "5"]
    users += ["--user-options", json.dumps(options)]
    assert transfer.main(["--env", ENV, "--out", str(tmp_path), *TINY, *users]) == 0
    rows = (tmp_path / "report.md").read_text().splitlines()
    assert f"| trained under | llm (8) | blind:llm (8) | {ENV}, rules (5) |" in rows
    assert sum(row.startswith("| llm | .") for row in rows) == 1
