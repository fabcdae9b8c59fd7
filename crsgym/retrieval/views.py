"""What of a dialogue is read as one text: the whole, its end, or one speaker's part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from crsgym.prompts import dialogue_text
from crsgym.types import Role, Utterance

View: TypeAlias = Callable[[Sequence[Utterance]], str]

MAX_CHARACTERS = 1100
"""Of a long text the end is read: about what a window of 256 word pieces holds."""


def tail(text: str, size: int = MAX_CHARACTERS) -> str:
    """The last ``size`` characters of a text, from the next whole word on."""
    return text if len(text) <= size else text[-size:].partition(" ")[2]


def _spoken(role: Role) -> View:
    return lambda dialogue: tail(" ".join(u.text for u in dialogue if u.role == role))


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "last": lambda dialogue: dialogue[-1].text if dialogue else "",
        "last_two": lambda dialogue: tail(dialogue_text(dialogue[-2:])),
        "last_six": lambda dialogue: tail(dialogue_text(dialogue[-6:])),
        "whole": lambda dialogue: tail(dialogue_text(dialogue)),
        "seeker": _spoken("seeker"),
        "recommender": _spoken("recommender"),
    }
)
"""Views by name, each a function of the utterances of ``D``."""

__all__ = ["MAX_CHARACTERS", "VIEWS", "View", "tail"]
