"""The world as a ``rollout_func`` of TRL's ``GRPOTrainer``, reward terms as extra columns.

TRL compares the completions of one prompt, with one reward each; credit over turns is out of its
scope. So every group here answers *one state*: a slot of the batch holds a conversation, its state
is answered ``num_generations`` times, one answer (drawn by chance) is committed, and the next
training step goes on with the next turn. A conversation that has ended makes room for the next
scenario of the data set. A row is (prompt of the turn, answer), with the token ids that were
sampled. For credit over turns or ranks there is ``agents/grpo.py``.

    rollout = WorldRollout(task, num_generations=8)
    GRPOTrainer(
        model=model,
        reward_funcs=rollout.reward_functions,
        args=GRPOConfig(reward_weights=rollout.reward_weights, num_generations=8, ...),
        train_dataset=rollout.dataset(),
        rollout_func=rollout,
    )
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.prompts import recommender_messages
from crsgym.protocols import ChatModel, Completion, Message, Sampling
from crsgym.seeding import derive_seed
from crsgym.task import Task
from crsgym.types import Observation, Outcome, State

PromptWriter = Callable[..., list[Message]]
"""``(observation, *, list_length) -> messages``, as :func:`crsgym.prompts.recommender_messages`."""


class WorldRollout:
    """Plays the task for a trainer, one turn a call.

    Args:
        task: what to play.
        num_generations: answers a state, as in ``GRPOConfig``.
        max_tokens: longest answer.
        temperature: as in ``GRPOConfig``, which trains on the distribution at that temperature.
        write: the prompt.
        seed: of the answers, the users and what is committed.
        chat: draws the answers: a model of :mod:`crsgym.chat` with ``load_adapter``, such as vLLM;
            the trained model itself when None.
        folder: where the adapter is written for ``chat`` before it draws.

    Raises:
        ConfigurationError: a number out of range, or a ``chat`` without a folder.
    """

    def __init__(
        self,
        task: Task,
        *,
        num_generations: int = 8,
        max_tokens: int = 1024,
        temperature: float = 1.0,
        write: PromptWriter = recommender_messages,
        seed: int = 0,
        chat: ChatModel | None = None,
        folder: str | Path | None = None,
    ) -> None:
        if num_generations < 2 or max_tokens < 1 or temperature <= 0:
            raise ConfigurationError(
                "expected num_generations >= 2, max_tokens >= 1 and temperature > 0; got "
                f"{num_generations}, {max_tokens} and {temperature}"
            )
        if (chat is None) != (folder is None):
            raise ConfigurationError("chat and folder go together: the adapter is written there")
        self.task = task
        self.num_generations = num_generations
        self.seed = seed
        self.calls = 0
        """Turns that were played."""
        self._write = write
        self._sampling = Sampling(max_tokens, temperature, logprobs=True)
        self._chat = chat
        self._folder = None if folder is None else Path(folder)
        self._slots: dict[int, State] = {}

    @property
    def reward_functions(self) -> list[Callable[..., list[float]]]:
        """One function a reward term, named after it: what ``reward_funcs`` takes."""
        return [_column(name) for name in self.task.world.rewards.terms]

    @property
    def reward_weights(self) -> list[float]:
        """The weight of each of :attr:`reward_functions`: what ``reward_weights`` takes."""
        weights = self.task.world.rewards.weights
        return [weights[name] for name in self.task.world.rewards.terms]

    def dataset(self) -> Any:
        """The scenarios as a ``datasets.Dataset``: its prompts are their ids."""
        from datasets import Dataset

        return Dataset.from_dict({"prompt": [scenario.id for scenario in self.task.scenarios]})

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        """Play one turn in every slot; what TRL calls before a step.

        Args:
            prompts: scenario ids, each ``num_generations`` times in a row.
            trainer: the ``GRPOTrainer``.

        Returns:
            ``prompt_ids``, ``completion_ids`` and ``logprobs``, one row per prompt, and a column
            for each reward term, ``turn`` (from 1) and ``scenario``.

        Raises:
            ConfigurationError: when the prompts do not come in groups.
            ModelServerError: when the model leaves out token ids or log-probabilities.
        """
        world, size = self.task.world, self.num_generations
        states = self._states(prompts)
        copies = [state for state in states for _ in range(size)]
        asked = [self._prompt(observation) for observation in world.observe(copies)]
        seeds = [
            derive_seed(self.seed, "answer", self.calls, row, state.scenario.id)
            for row, state in enumerate(copies)
        ]
        completions = self._draw(trainer, asked, seeds)
        outcomes = world.advance(copies, [completion.text for completion in completions])
        self._commit(outcomes)
        self.calls += 1
        return {
            "prompt_ids": [list(c.prompt_ids) for c in completions],
            "completion_ids": [list(c.token_ids) for c in completions],
            "logprobs": [list(c.logprobs) for c in completions],
            **{name: [o.reward_terms[name] for o in outcomes] for name in world.rewards.terms},
            "turn": [state.context.turn for state in copies],
            "scenario": [state.scenario.id for state in copies],
        }

    def _states(self, prompts: Sequence[str]) -> list[State]:
        """The state of each slot; a slot that is free begins with its prompt's scenario."""
        size = self.num_generations
        firsts = prompts[::size]
        if len(prompts) % size or list(prompts) != [p for p in firsts for _ in range(size)]:
            raise ConfigurationError(
                f"expected every prompt {size} times in a row, as GRPOTrainer sends them with "
                f"num_generations={size}; got {len(prompts)} prompts"
            )
        free = [slot for slot in range(len(firsts)) if slot not in self._slots]
        started = self.task.world.start(
            [self.task.scenario(firsts[slot]) for slot in free],
            seed=[derive_seed(self.seed, "world", self.calls, slot) for slot in free],
        )
        self._slots.update(zip(free, started, strict=True))
        return [self._slots[slot] for slot in range(len(firsts))]

    def _commit(self, outcomes: Sequence[Outcome]) -> None:
        size = self.num_generations
        for slot in range(len(outcomes) // size):
            chosen = derive_seed(self.seed, "commit", self.calls, slot) % size
            state = outcomes[slot * size + chosen].state
            if state.status == "running":
                self._slots[slot] = state
            else:
                del self._slots[slot]

    def _prompt(self, observation: Observation) -> list[Message]:
        return self._write(observation, list_length=self.task.world.list_length)

    def _draw(
        self, trainer: Any, prompts: Sequence[Sequence[Message]], seeds: Sequence[int]
    ) -> list[Completion]:
        """Answers of the policy as it is now."""
        policy = trainer.accelerator.unwrap_model(trainer.model)
        training = policy.training
        if self._chat is not None:
            path = str(self._folder)
            policy.save_pretrained(path)
            self._chat.load_adapter(path)  # type: ignore[attr-defined]  # vLLM's and servers' own
            chat = self._chat
        else:
            from crsgym.chat.huggingface import TransformersChatModel

            chat = TransformersChatModel(policy, tokenizer=trainer.processing_class)
        completions = chat.complete(prompts, self._sampling, seeds)
        policy.train(training)
        _check(completions)
        return completions


def _check(completions: Sequence[Completion]) -> None:
    for completion in completions:
        told = len(completion.logprobs) == len(completion.token_ids)
        if not (completion.prompt_ids and completion.token_ids and told):
            raise ModelServerError(
                "the model must tell prompt ids, token ids and log-probabilities; got "
                f"{len(completion.prompt_ids)}, {len(completion.token_ids)} and "
                f"{len(completion.logprobs)} of them"
            )


def _column(name: str) -> Callable[..., list[float]]:
    """A reward function that hands on what the world said."""

    def reward(*, completions: Sequence[Any], **columns: Any) -> list[float]:
        return [float(value) for value in columns[name]]

    reward.__name__ = reward.__qualname__ = name
    return reward


__all__ = ["PromptWriter", "WorldRollout"]
