"""Users played by a chat model: label-free, or told the attributes of the target.

The label-free one is the method's (SMTPO, equation 3): its prompt is made from ``D``, ``I_D`` and
``R_{t-1}``, and nothing else reaches it. What the chat model answers is taken as it comes, empty or
cut; a chat model that cannot answer at all raises, so that a run stops with its finished episodes
kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crsgym import chat
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.kinds import other_kinds, told_values
from crsgym.data.titles import normalise, split_year
from crsgym.errors import ConfigurationError
from crsgym.prompts import USER_PROMPT_VERSION, fold, told_user_messages, user_messages
from crsgym.protocols import ChatModel, Message, Sampling, describe
from crsgym.types import Context, Goal, Item

if TYPE_CHECKING:
    from typing_extensions import Self

_THOUGHTS = re.compile(r"^.*</think>|<think>.*$", re.DOTALL)
_MOST_TOLD = {"genre": 3, "tone": 2, "director": 2, "cast": 3, "decade": 1}
_MOST_TOLD_OF_OTHERS = 2


class LLMSimulator:
    """A label-free user: it knows what the agent knows, and judges the last list.

    Args:
        catalogue: the items.
        model: whom to ask.
        sampling: how it answers.
    """

    target_aware = False
    kind = "llm"

    def __init__(
        self, catalogue: Catalogue, model: ChatModel, *, sampling: Sampling | None = None
    ) -> None:
        self.catalogue = catalogue
        self.model = model
        self.sampling = sampling or Sampling(max_tokens=160)

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        *,
        model: str | ChatModel | None = None,
        model_options: Mapping[str, Any] | None = None,
        cache: str | Path | None = None,
        max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 160,
        temperature: Annotated[float, msgspec.Meta(ge=0)] = 0.0,
        top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0,
    ) -> Self:
        """The user for a data set.

        Args:
            dataset: whose catalogue the lists name.
            model: ``"engine:model"`` (see :mod:`crsgym.chat`), or a chat model.
            model_options: options of the engine, e.g. ``base_url`` or ``adapter``.
            cache: a file to record the answers in, and to replay them from.
            max_tokens: longest answer, in tokens.
            temperature: 0 answers greedily.
            top_p: share of the probability that sampling keeps.

        Raises:
            ConfigurationError: no chat model, or one that cannot be had.
        """
        if model is None:
            raise ConfigurationError(
                f"the {cls.kind} user needs a chat model: simulator_options="
                "{'model': 'server:NAME'}, or 'vllm:PATH', 'transformers:PATH', 'replay:FILE'"
            )
        return cls(
            dataset.catalogue,
            chat.build(model, model_options, cache=cache),
            sampling=Sampling(max_tokens=max_tokens, temperature=temperature, top_p=top_p),
        )

    @property
    def nondeterministic(self) -> bool:
        """Whether the same question may be answered differently: not from a recording."""
        return bool(getattr(self.model, "nondeterministic", True))

    def messages(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None = None
    ) -> list[list[Message]]:
        """The exact prompts of :meth:`respond`."""
        return [
            user_messages(
                "feedback",
                context.dialogue,
                self._items(context.mentioned),
                listed=self._items(context.last_list),
            )
            for context in contexts
        ]

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """What the chat model says of each last list, on one line.

        Raises:
            ModelServerError: the chat model does not answer.
            ReplayMissError: the recording does not hold the question.
        """
        answers = self.model.complete(self.messages(contexts, goals), self.sampling, seeds)
        return [fold(_THOUGHTS.sub("", answer.text)) for answer in answers]

    def spec(self) -> dict[str, Any]:
        """The kind of user, its model, its template and how it samples."""
        model = describe(self.model)
        # Which engine answers is no part of the user; what it answers with is.
        model.pop("class")
        return {
            "kind": self.kind,
            "template": USER_PROMPT_VERSION,
            "chat": model or {"model": self.model.name},
            "max_tokens": self.sampling.max_tokens,
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
        }

    def _items(self, indices: Sequence[int]) -> list[Item]:
        return [self.catalogue[index] for index in indices]


class LLMAttributesSimulator(LLMSimulator):
    """A target-aware user: told the attributes of the target, never its title.

    It accepts when the target is in the list. What a chat model guesses from the attributes may
    still be the title; the audit measures how often.
    """

    target_aware = True
    kind = "llm-attributes"

    def messages(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None = None
    ) -> list[list[Message]]:
        """The exact prompts of :meth:`respond`."""
        if goals is None:
            raise ConfigurationError("the llm-attributes user is target-aware: it needs the goals")
        return [
            told_user_messages(
                context.dialogue,
                self._items(context.mentioned),
                self._items(context.last_list),
                told_attributes(self.catalogue[goal.target]),
                found=goal.target in context.last_list,
            )
            for context, goal in zip(contexts, goals, strict=True)
        ]


def told_attributes(item: Item) -> dict[str, list[str]]:
    """What may be told of a target, by kind: no value that holds its title."""
    names = {normalise(split_year(name)[0]) for name in (item.title, *item.aliases)}

    def safe(value: str) -> bool:
        words = f" {normalise(value)} "
        return not any(name and f" {name} " in words for name in names)

    most_told = _MOST_TOLD | dict.fromkeys(other_kinds([item]), _MOST_TOLD_OF_OTHERS)
    return {
        kind: [value for value in told_values(item, kind) if safe(value)][:most]
        for kind, most in most_told.items()
    }


__all__ = ["LLMAttributesSimulator", "LLMSimulator", "told_attributes"]
