"""How well a chat model does the three tasks of a user, example by example."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crsgym.protocols import ChatModel, Sampling
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.tasks import Example
from crsgym.types import Attribute

MEASURES: dict[str, str] = {
    "feedback": "feedback_f1",
    "attributes": "alignment_accuracy",
    "target": "target_accuracy",
}
"""The measure of each task."""


@dataclass(frozen=True)
class Scores:
    """One measure over the examples of one task."""

    measure: str
    values: npt.NDArray[np.float64]
    """The value of each example, 0 to 1, shape (n,)."""
    dialogues: tuple[str, ...]
    """The dialogue of each example, for a bootstrap over dialogues, length n."""
    answers: tuple[str, ...]
    """What the model said, length n."""


def measure(
    model: ChatModel,
    examples: Sequence[Example],
    reader: AttributeReader,
    *,
    max_tokens: int = 160,
) -> dict[str, Scores]:
    """Ask the model every example, greedily, and compare with the answers to learn.

    * ``feedback_f1``: F1 of the attributes that its feedback names against those that the
      teacher's names.
    * ``alignment_accuracy``: attributes predicted right, over the larger of predicted and true.
    * ``target_accuracy``: share of Yes and No that are right.

    Returns:
        Scores by measure, for the tasks that the examples hold.
    """
    answers = model.complete(
        [example.prompt for example in examples], Sampling(max_tokens=max_tokens)
    )
    rows: dict[str, list[tuple[float, str, str]]] = {}
    for example, answer in zip(examples, answers, strict=True):
        if example.task == "target":
            value = float(_verdict(answer.text) == example.answer)
        else:
            said, true = reader.read(answer.text), reader.read(example.answer)
            value = f1(said, true) if example.task == "feedback" else _accuracy(said, true)
        rows.setdefault(MEASURES[example.task], []).append((value, example.dialogue, answer.text))
    return {
        name: Scores(name, np.array(values), tuple(dialogues), tuple(texts))
        for name, row in rows.items()
        for values, dialogues, texts in [zip(*row, strict=True)]
    }


def means(scores: dict[str, Scores]) -> dict[str, float]:
    """The mean of every measure."""
    return {name: float(score.values.mean()) for name, score in scores.items()}


def f1(said: Collection[Attribute], true: Collection[Attribute]) -> float:
    """Harmonic mean of precision and recall; 1 when both are empty."""
    both = len(set(said) & set(true))
    return 2 * both / (len(said) + len(true)) if said or true else 1.0


def _accuracy(said: Collection[Attribute], true: Collection[Attribute]) -> float:
    largest = max(len(said), len(true))
    return len(set(said) & set(true)) / largest if largest else 1.0


def _verdict(text: str) -> str:
    """``"Yes"``, ``"No"``, or what is neither."""
    words = text.replace(".", " ").replace(",", " ").split()
    return words[0].capitalize() if words else ""


__all__ = ["MEASURES", "Scores", "f1", "means", "measure"]
