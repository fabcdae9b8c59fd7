"""A chat model that says what it is told to say: for tests, examples and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from crsgym.errors import ModelServerError
from crsgym.protocols import Completion, Message, Sampling


class ScriptedChatModel:
    """Answers from a list, in the order asked, or from a function of (messages, seed).

    Args:
        answers: texts or completions handed out one by one, or a function that makes one.
        name: the name a cache and a report show.
    """

    nondeterministic = False

    def __init__(
        self,
        answers: Sequence[str | Completion]
        | Callable[[Sequence[Message], int | None], str | Completion],
        *,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.calls: list[tuple[Message, ...]] = []
        """Every prompt that was asked, in order."""
        self._function = answers if callable(answers) else None
        self._answers = [] if callable(answers) else list(answers)

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """One scripted completion per prompt.

        Raises:
            ModelServerError: when the list of answers has run out.
        """
        completions = []
        for row, prompt in enumerate(prompts):
            index = len(self.calls)
            self.calls.append(tuple(prompt))
            if self._function is not None:
                answer = self._function(prompt, None if seeds is None else seeds[row])
            elif index < len(self._answers):
                answer = self._answers[index]
            else:
                raise ModelServerError(
                    f"the script of {self.name!r} has {len(self._answers)} answers and was asked "
                    f"for number {index + 1}; write more, or script it with a function"
                )
            completions.append(Completion(answer) if isinstance(answer, str) else answer)
        return completions

    def spec(self) -> dict[str, Any]:
        """What the answers depend on, as far as it can be told."""
        return {"model": self.name}


__all__ = ["ScriptedChatModel"]
