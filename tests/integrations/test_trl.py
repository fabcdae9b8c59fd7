"""TRL's GRPOTrainer on the world, through the adapter."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from crsgym.actions import format_answer
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.integrations.trl import WorldRollout
from crsgym.protocols import Completion
from crsgym.seeding import derive_seed


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    spec = importlib.util.spec_from_file_location(
        "crsgym_tiny_model", Path(__file__).parents[1] / "tiny_model.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_tiny_model(
        tmp_path_factory.mktemp("tiny"),
        ["a film"],
        vocabulary=300,
        width=32,
        heads=1,
        layers=1,
        context=4096,
    )


class Adapted(ScriptedChatModel):
    """Answers with three candidates in an order of the seed's, and reads adapters."""

    def __init__(self, full: bool = True) -> None:
        super().__init__(self._answer)
        self.full, self.loaded = full, []

    def load_adapter(self, path: str) -> None:
        self.loaded.append(path)

    def _answer(self, messages, seed) -> Completion:
        lines = messages[-1]["content"].split("## Candidates\n")[1].split("\n")
        titles = sorted(lines, key=lambda line: derive_seed(line, seed))[:3]
        text = format_answer([title[2:] for title in titles])
        ids = tuple(range(len(text)))
        return Completion(text, "stop", (1,), ids, (0.0,) * len(ids) if self.full else ())


class Policy:
    training = True

    def save_pretrained(self, path) -> None: ...

    def train(self, mode) -> None: ...


TRAINER = SimpleNamespace(
    accelerator=SimpleNamespace(unwrap_model=lambda model: model), model=Policy()
)


def adapter(task, tmp_path, **options):
    chat = Adapted()
    return chat, WorldRollout(task, num_generations=3, chat=chat, folder=tmp_path, **options)


def test_a_group_answers_one_state_and_the_conversation_goes_on(toy_task, tmp_path) -> None:
    chat, rollout = adapter(toy_task, tmp_path)
    ids = [scenario.id for scenario in toy_task.scenarios]
    prompts = [name for name in ids[:2] for _ in range(3)]
    rows = [rollout(prompts, TRAINER) for _ in range(9)]
    assert len(chat.loaded) == 9
    for row in rows:
        assert all(len(column) == 6 for column in row.values())
        for slot in (slice(0, 3), slice(3, 6)):
            assert len(set(row["turn"][slot])) == len(set(row["scenario"][slot])) == 1
    turns = [row["turn"][0] for row in rows]
    # One turn a call; behind the end of a conversation, the first turn of the next.
    assert turns[0] == 1
    assert max(turns) > 1
    assert all(b in (a + 1, 1) for a, b in itertools.pairwise(turns))


def test_reward_terms_are_columns_and_functions(toy_task, tmp_path) -> None:
    _, rollout = adapter(toy_task, tmp_path)
    row = rollout([toy_task.scenarios[0].id] * 3, TRAINER)
    functions = rollout.reward_functions
    names = [function.__name__ for function in functions]
    assert names == ["think_format", "answer_format", "hit", "rank", "preference"]
    assert rollout.reward_weights == [1.0] * 5
    for function in functions:
        values = function(prompts=[], completions=[None] * 3, **row)
        assert values == row[function.__name__]
    assert row["think_format"] == row["answer_format"] == [1.0] * 3


def test_what_does_not_fit_is_refused(toy_task, tmp_path) -> None:
    _, rollout = adapter(toy_task, tmp_path)
    ids = [scenario.id for scenario in toy_task.scenarios]
    with pytest.raises(ConfigurationError, match="every prompt 3 times in a row"):
        rollout([ids[0], ids[1], ids[0]], TRAINER)
    with pytest.raises(ConfigurationError, match="num_generations >= 2"):
        WorldRollout(toy_task, num_generations=1)
    with pytest.raises(ConfigurationError, match="chat and folder go together"):
        WorldRollout(toy_task, chat=Adapted())
    silent = WorldRollout(toy_task, num_generations=3, chat=Adapted(full=False), folder=tmp_path)
    with pytest.raises(ModelServerError, match="log-probabilities"):
        silent([ids[0]] * 3, TRAINER)


def test_grpo_trainer_trains(toy_task, tiny, tmp_path, monkeypatch) -> None:
    """Two updates; the adapter changes, and the terms are logged by name."""
    import torch
    from peft import LoraConfig
    from trl import GRPOConfig, GRPOTrainer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    rollout = WorldRollout(toy_task, num_generations=4, max_tokens=6)
    arguments = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=6,
        reward_weights=rollout.reward_weights,
        learning_rate=1e-2,
        beta=0.1,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        disable_tqdm=True,
        gradient_checkpointing=False,
    )

    # An untrained model earns nothing by any term of the protocol: lengths, so that there is
    # something to learn.
    def length(*, completion_ids, **columns):
        return [float(len(set(ids))) for ids in completion_ids]

    arguments.reward_weights = [*rollout.reward_weights, 1.0]
    with torch.random.fork_rng():
        trainer = GRPOTrainer(
            model=str(tiny),
            reward_funcs=[*rollout.reward_functions, length],
            args=arguments,
            train_dataset=rollout.dataset(),
            rollout_func=rollout,
            peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
        trainer.train()
    changed = [n for n, p in trainer.model.named_parameters() if not p.equal(before[n])]
    assert changed
    assert all("lora" in name for name in changed)
    assert rollout.calls == 2
    logged = [entry for entry in trainer.state.log_history if "rewards/hit/mean" in entry]
    assert len(logged) == 2
    for term in ("think_format", "answer_format", "hit", "rank", "preference", "length"):
        assert f"rewards/{term}/mean" in logged[0]
