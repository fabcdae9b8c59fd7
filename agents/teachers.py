"""Who writes the answers that supervised fine-tuning learns; :mod:`agents.form` has one more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from crsgym.actions import format_answer, parse_answer
from crsgym.data.kinds import other_kinds
from crsgym.prompts import described, recommender_messages
from crsgym.protocols import ChatModel, Message, Sampling
from crsgym.seeding import derive_seed
from crsgym.types import State
from crsgym.world import World


class Teacher(Protocol):
    """Writes the answers to learn; it sees the states, and with them the targets."""

    def teach(self, states: Sequence[State]) -> list[str | None]:
        """One answer per state, in the protocol's form; None where it has none to give."""
        ...


class TemplateTeacher:
    """A teacher without a model: the reference preference, and the target before the rest.

    Behind the target (where it is a candidate) the list keeps the retriever's order. Where the
    user has just accepted the last list, the answer is that list again, the target first.

    Args:
        world: whose catalogue and list length answers follow.
        explain: whether the steps name attributes; else they are stock phrases, which are all
            that a very small model has room for.
    """

    def __init__(self, world: World, *, explain: bool = False) -> None:
        self._world = world
        self._explain = explain

    def teach(self, states: Sequence[State]) -> list[str | None]:
        """One answer per state."""
        return [self._answer(state) for state in states]

    def _answer(self, state: State) -> str:
        catalogue, target = self._world.catalogue, state.goal.target
        last = state.context.last_list
        offered = last if target in last else state.candidates
        ranked = sorted(offered, key=lambda item: item != target)
        listed = ranked[: self._world.list_length]
        explanation = ""
        if self._explain and target in listed:
            item = catalogue[target]
            facts = item.values("genre", "tone", "director", "cast", *other_kinds([item]))[:4]
            explanation = f"{catalogue[target].title} fits best: {', '.join(facts)}."
        return format_answer(
            [catalogue.titles[item] for item in listed],
            preference=state.goal.preference,
            explanation=explanation,
        )


TEACHER_NOTE = """

For this once you are told what the seeker is looking for. Reason as if you had worked it out from \
the conversation, put it first where it is a candidate, and do not say that you were told.
Looking for: {item}
What the seeker wants: {preference}"""
"""What the chat teacher is told beside the recommender's own prompt."""


class ChatTeacher:
    """A chat model that sees the target, its attributes and the reference preference.

    An answer that is not in the protocol's form, or that leaves out a target that was a candidate,
    is asked for again with another seed, and left out when that does not help.

    Args:
        world: whose catalogue and list length answers follow.
        model: any chat model.
        attempts: how often an answer is asked for.
        sampling: how answers are drawn.
        seed: of the draws.
    """

    def __init__(
        self,
        world: World,
        model: ChatModel,
        *,
        attempts: int = 3,
        sampling: Sampling | None = None,
        seed: int = 0,
    ) -> None:
        self._world, self._model = world, model
        self._attempts, self._seed = attempts, seed
        self._sampling = sampling or Sampling(max_tokens=1024, temperature=0.7)

    def teach(self, states: Sequence[State]) -> list[str | None]:
        """One answer per state, None where every attempt failed."""
        answers: list[str | None] = [None] * len(states)
        for attempt in range(self._attempts):
            asked = [row for row, answer in enumerate(answers) if answer is None]
            if not asked:
                break
            seeds = [
                derive_seed(self._seed, "teacher", states[row].scenario.id, attempt)
                for row in asked
            ]
            prompts = [self._prompt(states[row]) for row in asked]
            for row, completion in zip(
                asked, self._model.complete(prompts, self._sampling, seeds), strict=True
            ):
                if self._usable(states[row], completion.text):
                    answers[row] = completion.text
        return answers

    def _prompt(self, state: State) -> list[Message]:
        (observation,) = self._world.observe([state])
        system, user = recommender_messages(observation, list_length=self._world.list_length)
        note = TEACHER_NOTE.format(
            item=described(self._world.catalogue[state.goal.target]),
            preference=state.goal.preference,
        )
        return [system, {"role": "user", "content": user["content"] + note}]

    def _usable(self, state: State, text: str) -> bool:
        answer = parse_answer(
            text,
            self._world.catalogue,
            candidates=state.candidates,
            list_length=self._world.list_length,
        )
        target = state.goal.target
        found = target not in state.candidates or target in answer.slots
        return answer.well_formed and answer.steps == 5 and bool(answer.preference) and found


__all__ = ["TEACHER_NOTE", "ChatTeacher", "Teacher", "TemplateTeacher"]
