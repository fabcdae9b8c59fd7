"""A prompt for models of a few million weights: what matters of an observation, and no more.

The protocol's prompt (:func:`crsgym.prompts.recommender_messages`) explains the task to a model
that can read. A model that is trained for this task alone needs no explanation, and every line
costs it context and time.
"""

from __future__ import annotations

from collections.abc import Sequence

from crsgym.plugins import Registry
from crsgym.prompts import fold, recommender_messages
from crsgym.protocols import Message
from crsgym.types import Observation

LINES = 6
"""How many of the dialogue's last lines are shown."""


def compact_messages(observation: Observation, *, list_length: int = 10) -> list[Message]:
    """One user message: the end of the dialogue, the last turn, and the candidates.

    Args:
        observation: what the agent sees at this turn.
        list_length: of the answer; the model knows it from its training.
    """
    lines = observation["dialogue"].split("\n")[-LINES:]
    if observation["history"]:
        last = observation["history"][-1]
        lines += [f"Wish: {fold(last['preference'])}", "Listed"]
        lines += _numbered(last["list"])
        lines += [f"Seeker: {fold(observation['feedback'])}"]
    lines += ["Candidates", *_numbered(observation["candidates"])]
    return [{"role": "user", "content": "\n".join(lines)}]


def _numbered(titles: Sequence[str]) -> list[str]:
    """The number tells a small model a title's place, which it would have to count otherwise."""
    return [f"{place}. {fold(title)}" for place, title in enumerate(titles, 1)]


PROMPTS = Registry("prompt", {"protocol": recommender_messages, "compact": compact_messages})
"""Prompts by name: functions of (observation, list_length=) that return chat messages."""

__all__ = ["LINES", "PROMPTS", "compact_messages"]
