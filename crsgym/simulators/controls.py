"""Controls: the same user with one thing taken away, to see what that thing was worth.

| name | what it is |
| --- | --- |
| ``blind:U`` | ``U`` never sees a list |
| ``noisy:U`` | what ``U`` says is replaced by small talk; ``noisy(0.3):U`` by chance |
| ``shuffled:U`` | ``U`` speaks for the seeker of another dialogue |
| ``silent:U`` | nothing is said: what further turns alone are worth |

They nest: ``"noisy(0.5):blind:rules"``. Each draws from the seed it is handed, or from the
dialogue, never from what else is in the batch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crsgym.data.dataset import Dataset, needs_train
from crsgym.errors import ConfigurationError
from crsgym.plugins import unknown
from crsgym.protocols import Message, Simulator, describe
from crsgym.seeding import derive_seed
from crsgym.types import Context, Goal, Recommendation

SMALL_TALK: tuple[str, ...] = (
    "It has been raining here all day.",
    "Sorry, my phone rang. Where were we?",
    "I had pasta for lunch and now I am sleepy.",
    "Do you ever get tired of talking to people like me?",
    "My neighbour's dog is barking again.",
    "Hold on, I am making some tea.",
    "I still have to do my taxes this week.",
    "What time is it where you are?",
    "The traffic was awful this morning.",
    "My sister is coming over on Sunday.",
    "I should really go to bed earlier.",
    "I just cut my own hair, and it went well.",
    "Have a nice day, by the way.",
    "My train is late again.",
    "I left my keys at work.",
    "The coffee at our office is terrible.",
    "I am learning to play the guitar, slowly.",
    "We are out of milk, I just noticed.",
    "My back hurts from sitting all day.",
    "I am so glad it is almost the weekend.",
)
"""What a noisy user says: nothing that bears on the list or on what is wanted."""


class Control:
    """Wraps a user; what it does not change is the wrapped user's."""

    name: str

    def __init__(self, user: Simulator) -> None:
        self.user = user
        self.target_aware = user.target_aware

    @property
    def nondeterministic(self) -> bool:
        """As the wrapped user."""
        return bool(getattr(self.user, "nondeterministic", False))

    def altered(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None
    ) -> tuple[Sequence[Context], Sequence[Goal] | None]:
        """What the wrapped user is handed in place of the truth."""
        return contexts, goals

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """See :class:`~crsgym.protocols.Simulator`."""
        contexts, goals = self.altered(contexts, goals)
        return self.user.respond(contexts, seeds, goals)

    def messages(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None = None
    ) -> list[list[Message]]:
        """The prompts of the wrapped user, where it is played by a chat model; for audits."""
        ask = getattr(self.user, "messages", None)
        prompts: list[list[Message]] = ask(*self.altered(contexts, goals)) if callable(ask) else []
        return prompts

    def spec(self) -> dict[str, Any]:
        """The control and the user it wraps."""
        return {"control": self.name, "user": describe(self.user)}


class Blind(Control):
    """The user never sees a list (the "blind simulator" of SMTPO): it knows the dialogue only."""

    name = "blind"

    def altered(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None
    ) -> tuple[Sequence[Context], Sequence[Goal] | None]:
        """Contexts whose lists are empty."""
        return [_unseen(context) for context in contexts], goals


class Noisy(Control):
    """With probability ``p``, small talk in place of what the user would say.

    Args:
        user: the user.
        p: 1 replaces everything, as in the method's experiment.

    Raises:
        ConfigurationError: when ``p`` is no probability.
    """

    name = "noisy"

    def __init__(self, user: Simulator, p: float = 1.0) -> None:
        super().__init__(user)
        if not 0 <= p <= 1:
            raise ConfigurationError(f"noisy(p): expected 0 <= p <= 1; got {p}")
        self.p = p

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """Small talk or the user's words; the user is not asked where it would not be heard."""
        said: list[str | None] = []
        for seed in seeds:
            rng = np.random.default_rng(derive_seed(seed, "noisy"))
            noise = rng.random() < self.p
            said.append(SMALL_TALK[rng.integers(len(SMALL_TALK))] if noise else None)
        heard = [row for row, text in enumerate(said) if text is None]
        answers: list[str] = []
        if heard:
            answers = self.user.respond(
                [contexts[row] for row in heard],
                [seeds[row] for row in heard],
                None if goals is None else [goals[row] for row in heard],
            )
        for row, answer in zip(heard, answers, strict=True):
            said[row] = answer
        return [text or "" for text in said]

    def spec(self) -> dict[str, Any]:
        """The control, its probability, and the user it wraps."""
        return {**super().spec(), "p": self.p}


class Shuffled(Control):
    """The user speaks for the seeker of another dialogue, of the same list.

    Who that is depends on the dialogue alone, so it stays the same through an episode. Others are
    drawn from the train split; one from the dialogue itself is never taken.

    Raises:
        ConfigurationError: when the data set has fewer than two train dialogues.
        DownloadError: when the train split cannot be had.
    """

    name = "shuffled"

    def __init__(self, user: Simulator, dataset: Dataset) -> None:
        super().__init__(user)
        with needs_train("the control 'shuffled'"):
            self._others = dataset.scenarios("train")
        if len({other.dialogue[:1] for other in self._others}) < 2:
            raise ConfigurationError(f"{dataset.name} has too few train dialogues to shuffle")

    def altered(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None
    ) -> tuple[Sequence[Context], Sequence[Goal] | None]:
        """Contexts, and goals, of other dialogues, with the lists that were shown in this one."""
        others = [self._others[self.other(context)] for context in contexts]
        swapped = [
            replace(context, dialogue=other.dialogue)
            for context, other in zip(contexts, others, strict=True)
        ]
        return swapped, None if goals is None else [other.goal for other in others]

    def other(self, context: Context) -> int:
        """Index, in the train split, of the scenario that is spoken for."""
        words = "\n".join(utterance.text for utterance in context.dialogue)
        for attempt in range(len(self._others) + 100):
            index = derive_seed(words, "shuffled", attempt) % len(self._others)
            # The scenarios of one dialogue share their first utterance.
            if self._others[index].dialogue[:1] != context.dialogue[:1]:
                return index
        raise ConfigurationError("found no other dialogue; the train split is all one dialogue")


class Silent(Control):
    """Nothing is said: further turns without feedback isolate the worth of extra guesses."""

    name = "silent"
    nondeterministic = False

    def __init__(self, user: Simulator) -> None:
        super().__init__(user)
        self.target_aware = False

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        """Empty texts; the user is not asked."""
        return [""] * len(contexts)

    def messages(
        self, contexts: Sequence[Context], goals: Sequence[Goal] | None = None
    ) -> list[list[Message]]:
        """None: nobody is asked."""
        return []


_NAME = re.compile(r"(?P<name>[a-z]+)(?:\((?P<p>[^()]*)\))?")
CONTROLS: tuple[str, ...] = ("blind", "noisy", "shuffled", "silent")


def split_control(name: str) -> tuple[str, str] | None:
    """``"noisy(0.3):rules"`` as ``("noisy(0.3)", "rules")``; None for a name without a control."""
    control, separator, user = name.partition(":")
    match = _NAME.fullmatch(control)
    if not separator or match is None or match["name"] not in CONTROLS:
        return None
    return control, user


def wrap(control: str, user: Simulator, dataset: Dataset) -> Control:
    """Put a control, as :func:`split_control` splits it off, around a user.

    Raises:
        ConfigurationError: an unknown control, or a number in brackets that is none.
    """
    match = _NAME.fullmatch(control)
    if match is None or match["name"] not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    name, number = match["name"], match["p"]
    if name != "noisy" and number is not None:
        raise ConfigurationError(f"control {control!r}: {name} takes no number")
    if name == "blind":
        return Blind(user)
    if name == "silent":
        return Silent(user)
    if name == "shuffled":
        return Shuffled(user, dataset)
    try:
        p = 1.0 if number is None else float(number)
    except ValueError as error:
        raise ConfigurationError(f"control {control!r}: expected e.g. noisy(0.3)") from error
    return Noisy(user, p)


def _unseen(context: Context) -> Context:
    """The context without its lists, and without the texts that hold them."""
    turns = tuple(
        replace(turn, candidates=(), answer="", recommendation=Recommendation())
        for turn in context.turns
    )
    return replace(context, turns=turns)


__all__ = [
    "CONTROLS",
    "SMALL_TALK",
    "Blind",
    "Control",
    "Noisy",
    "Shuffled",
    "Silent",
    "split_control",
    "wrap",
]
