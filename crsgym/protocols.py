"""What a plug-in must have. All of them are batched, and none needs a base class.

A plug-in may also have ``spec()``, returning a JSON-able mapping that says all that its behaviour
depends on; it enters the environment's spec and hash (see :func:`describe`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

from crsgym.types import Context, FloatArray, Goal, IntArray, Observation, Recommendation


@runtime_checkable
class Agent(Protocol):
    """A recommender."""

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """One answer text per observation, in order."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Offers candidates for the turn to be played."""

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """The ``k`` best items of each context, best first: int64, shape (B, k).

        The context holds ``D``, ``I_D``, ``F_t`` and the earlier turns; rows hold no item twice.
        """
        ...


@runtime_checkable
class Simulator(Protocol):
    """A simulated user."""

    target_aware: bool
    """Whether it is handed the goal. A label-free user is not, and cannot leak it."""

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """``F_t`` for each context: what the user says of ``context.last_list``.

        Args:
            contexts: conversations with at least one finished turn, and no feedback on it yet.
            seeds: one 63-bit seed each; equal context and seed give equal feedback in any batch.
            goals: one each when ``target_aware``, else None.
        """
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """L2-normalised float32 rows, shape (B, dim); a row of zeros for a text with no words."""
        ...


@runtime_checkable
class RewardTerm(Protocol):
    """One named part of the reward."""

    def __call__(self, recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> Any:
        """The unweighted value of each answer: float array, shape (B,)."""
        ...


class Message(TypedDict):
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Sampling:
    """How a chat model draws an answer."""

    max_tokens: int = 1024
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    """Whether completions carry the log-probability of every sampled token."""


@dataclass(frozen=True)
class Completion:
    """What a chat model answered."""

    text: str
    finish_reason: str = "stop"
    """``"stop"``, ``"length"``, or what the server said."""
    prompt_ids: tuple[int, ...] = ()
    """Token ids of the prompt, where the engine tells them."""
    token_ids: tuple[int, ...] = ()
    """Token ids of the answer, the end token with them, where the engine tells them."""
    logprobs: tuple[float, ...] = ()
    """Log-probability of each of ``token_ids`` under the sampler; empty unless asked for."""


@runtime_checkable
class ChatModel(Protocol):
    """A chat model behind any engine."""

    name: str
    """The model's name, as a cache key and a report show it."""

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """One completion per prompt, in order; blocking, whole batch at once."""
        ...


def describe(plugin: object) -> dict[str, Any]:
    """A JSON-able description of a plug-in: its class, and its ``spec()`` when it has one."""
    kind = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
    spec = getattr(plugin, "spec", None)
    details: Mapping[str, Any] = spec() if callable(spec) else {}
    return {"class": kind, **details}


__all__ = [
    "Agent",
    "ChatModel",
    "Completion",
    "Message",
    "Retriever",
    "RewardTerm",
    "Sampling",
    "Simulator",
    "TextEncoder",
    "describe",
]
