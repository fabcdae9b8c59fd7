"""The rules of the game: a batched function from states and answers to outcomes.

``World`` holds no episode. A conversation is a :class:`~crsgym.types.State`, a value, so a group of
``G`` answers to one question is ``[state] * G``, a clone is the state itself, and a batch of 512
conversations costs one call of each part per turn. What a conversation draws depends on its seed,
its scenario and its turn, never on the batch it is played in.

The order within a turn follows SMTPO, section 3.5: the user speaks of the last list (``F_t``), the
retriever offers candidates, the recommender answers (``P_t``, ``R_t``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from crsgym.actions import parse_answer, repair_unicode
from crsgym.checks import check_count, check_flag
from crsgym.errors import ConfigurationError, PluginError
from crsgym.memo import Memo
from crsgym.prompts import dialogue_text
from crsgym.protocols import Retriever, Simulator, describe
from crsgym.seeding import derive_seed
from crsgym.types import (
    Context,
    Episode,
    Goal,
    HistoryTurn,
    Observation,
    Outcome,
    Scenario,
    State,
    Status,
    Step,
    Turn,
    Utterance,
)

if TYPE_CHECKING:
    from crsgym.data.catalogue import Catalogue
    from crsgym.rewards import Rewards

Success = Literal["hit", "top1", "never"]

_KEYWORDS = (
    "catalogue",
    "retriever",
    "simulator",
    "rewards",
    "max_turns",
    "num_candidates",
    "list_length",
    "success",
    "fuzzy",
)
"""What a world is made of."""


class World:
    """Catalogue, retriever, simulated user and rewards, all batched."""

    def __init__(
        self,
        catalogue: Catalogue,
        retriever: Retriever,
        simulator: Simulator,
        rewards: Rewards,
        *,
        max_turns: int = 5,
        num_candidates: int = 20,
        list_length: int = 10,
        success: Success = "hit",
        fuzzy: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            catalogue: the items.
            retriever: offers the candidates of a turn.
            simulator: the user.
            rewards: scores an answer.
            max_turns: turns after which an episode is truncated, ``T``.
            num_candidates: candidates offered a turn, ``k``.
            list_length: entries of an answer that count.
            success: what ends an episode: the target anywhere in the list (``"hit"``), in its
                first place (``"top1"``), or nothing (``"never"``: every episode runs ``T`` turns).
            fuzzy: whether a title that matches nothing exactly is matched approximately.

        Raises:
            ConfigurationError: when a number is out of range or the rule is unknown.
        """
        self.max_turns = check_count("max_turns", max_turns, 1)
        self.num_candidates = check_count("num_candidates", num_candidates, 1, len(catalogue))
        self.list_length = check_count("list_length", list_length, 1, len(catalogue))
        if success not in get_args(Success):
            known = ", ".join(map(repr, get_args(Success)))
            raise ConfigurationError(f"success must be one of {known}; got {success!r}")
        check_flag("fuzzy", fuzzy)
        self.catalogue = catalogue
        self.retriever = retriever
        self.simulator = simulator
        self.rewards = rewards
        self.success: Success = success
        self.fuzzy = fuzzy
        self._heard = Memo(self._hear, 4096)
        self._numbers = np.arange(len(catalogue)).astype(object)

    def replace(self, **changes: Any) -> World:
        """This world with other parts or rules: keywords and errors as of the class."""
        kept = {name: getattr(self, name) for name in _KEYWORDS}
        return World(**{**kept, **changes})

    def spec(self) -> dict[str, Any]:
        """All that an episode depends on besides the scenarios, JSON-able."""
        return {
            "catalogue": self.catalogue.fingerprint,
            "retriever": describe(self.retriever),
            "simulator": describe(self.simulator),
            "rewards": self.rewards.spec(),
            "max_turns": self.max_turns,
            "num_candidates": self.num_candidates,
            "list_length": self.list_length,
            "success": self.success,
            "fuzzy": self.fuzzy,
        }

    def start(self, scenarios: Sequence[Scenario], *, seed: int | Sequence[int]) -> list[State]:
        """The conversations at turn 1, with their first candidates.

        Args:
            scenarios: what to play, in any number.
            seed: one for all, or one each. Equal scenario and seed make equal conversations.
        """
        seeds = [seed] * len(scenarios) if isinstance(seed, int | np.integer) else list(seed)
        if len(seeds) != len(scenarios):
            raise ValueError(f"expected {len(scenarios)} seeds, one each; got {len(seeds)}")
        contexts = [Context(scenario.dialogue) for scenario in scenarios]
        offers = self._retrieve(contexts)
        return [
            State(scenario, int(number), context, offer)
            for scenario, number, context, offer in zip(
                scenarios, seeds, contexts, offers, strict=True
            )
        ]

    def check_state(self, state: object) -> None:
        """Refuse what is no conversation of this world, before it fails somewhere else.

        Raises:
            TypeError: when it is no state.
            ConfigurationError: when it was played with other items, candidates or turns.
        """
        if not isinstance(state, State):
            raise TypeError(f"expected a State (see env.state); got {type(state).__name__}")
        listed = (item for turn in state.context.turns for item in turn.recommendation.items)
        items = (state.goal.target, *state.candidates, *state.context.mentioned, *listed)
        if len(state.candidates) != self.num_candidates:
            wrong = f"{len(state.candidates)} candidates instead of {self.num_candidates}"
        elif len(state.context.turns) > self.max_turns:
            wrong = f"{len(state.context.turns)} turns instead of at most {self.max_turns}"
        elif not 0 <= min(items) <= max(items) < len(self.catalogue):
            wrong = f"items beyond this catalogue of {len(self.catalogue)}"
        else:
            return
        raise ConfigurationError(
            f"the state is of another environment: it has {wrong}; make the environment as it was "
            "when the state was saved"
        )

    def observe(self, states: Sequence[State]) -> list[Observation]:
        """What the agent sees of each conversation. No goal enters here."""
        titles = self.catalogue.titles_of
        observations: list[Observation] = []
        numbers = chain.from_iterable(state.candidates for state in states)
        rows = np.fromiter(numbers, np.int64).reshape(len(states), self.num_candidates)
        for state, candidate_ids in zip(states, rows, strict=True):
            context = state.context
            dialogue, mentioned = self._heard(context.dialogue)
            history: list[HistoryTurn] = [
                {
                    "feedback": turn.feedback,
                    "preference": turn.recommendation.preference,
                    "list": titles(turn.recommendation.items),
                }
                for turn in context.turns
            ]
            observations.append(
                {
                    "dialogue": dialogue,
                    "mentioned": mentioned,
                    "history": tuple(history),
                    "feedback": context.feedback,
                    "candidates": titles(state.candidates),
                    "candidate_ids": candidate_ids,
                    "turn": len(history) + 1,
                }
            )
        return observations

    def advance(self, states: Sequence[State], texts: Sequence[str]) -> list[Outcome]:
        """Play one turn of each conversation.

        Args:
            states: running conversations; one state may stand there many times.
            texts: one answer each. What no file can hold, a lone surrogate, is kept as U+FFFD.

        Raises:
            ValueError: when the lengths differ or a conversation has ended.
            TypeError: when an answer is no text. Whatever a text says is data, not an error.
        """
        if len(texts) != len(states):
            raise ValueError(f"expected {len(states)} answers, one per state; got {len(texts)}")
        for state, text in zip(states, texts, strict=True):
            if state.status != "running":
                raise ValueError(f"conversation {state.scenario.id!r} has ended; start a new one")
            if not isinstance(text, str):
                raise TypeError(f"an answer must be a str; got {type(text).__name__}")

        # str(): a subclass such as numpy.str_ has no JSON form.
        texts = [repair_unicode(str(text)) for text in texts]
        answers = [
            parse_answer(
                text,
                self.catalogue,
                candidates=state.candidates,
                list_length=self.list_length,
                fuzzy=self.fuzzy,
            )
            for state, text in zip(states, texts, strict=True)
        ]
        goals = [state.scenario.goal for state in states]
        ranks = [answer.rank_of(goal.target) for answer, goal in zip(answers, goals, strict=True)]
        scored, terms = self.rewards(answers, goals)
        played = [
            Context(
                state.context.dialogue,
                (
                    *state.context.turns,
                    Turn(state.context.feedback, state.candidates, text, answer),
                ),
            )
            for state, text, answer in zip(states, texts, answers, strict=True)
        ]
        statuses = list(map(self._status, played, ranks))
        offered = [_rank(goal, s.candidates) for goal, s in zip(goals, states, strict=True)]
        after = self._next_turn(states, played, statuses)
        return list(map(Outcome, after, scored.tolist(), terms, ranks, offered))

    def episode(
        self,
        state: State,
        *,
        steps: Sequence[Step] | None = None,
        agent: str = "",
        env: str = "",
    ) -> Episode:
        """The record of a conversation so far: a pure function of the state.

        Args:
            state: running or ended.
            steps: its turns as they were scored when they were played; scored again when None.
            agent: name of the agent.
            env: id of the environment.
        """
        turns = state.context.turns
        if steps is None:
            steps = self._steps(state)
        seen = {
            *(item for utterance in state.scenario.dialogue for item in utterance.items),
            *(item for turn in turns for item in turn.candidates),
            *(item for turn in turns for item in turn.recommendation.items),
            state.goal.target,
        }
        titles = {item: self.catalogue.titles[item] for item in sorted(seen)}
        return Episode(state.scenario, state.seed, tuple(steps), state.status, agent, env, titles)

    def _steps(self, state: State) -> list[Step]:
        turns = state.context.turns
        answers = [turn.recommendation for turn in turns]
        totals, terms = self.rewards(answers, [state.goal] * len(turns))
        return [
            Step(
                turn=turn,
                reward=float(total),
                reward_terms=parts,
                target_rank=turn.recommendation.rank_of(state.goal.target),
                candidate_rank=_rank(state.goal, turn.candidates),
            )
            for turn, total, parts in zip(turns, totals, terms, strict=True)
        ]

    def _next_turn(
        self, states: Sequence[State], played: Sequence[Context], statuses: Sequence[Status]
    ) -> list[State]:
        """The states after a turn that was played; those that run on hear and are offered more."""
        contexts = list(played)
        offers = [state.candidates for state in states]
        running = [i for i, status in enumerate(statuses) if status == "running"]
        if running:
            asked = [contexts[i] for i in running]
            seeds = [
                derive_seed(states[i].seed, states[i].scenario.id, contexts[i].turn)
                for i in running
            ]
            goals = [states[i].goal for i in running] if self.simulator.target_aware else None
            feedback = self.simulator.respond(asked, seeds, goals)
            _check_texts(self.simulator, feedback, len(running))
            asked = [
                Context(context.dialogue, context.turns, repair_unicode(str(text)))
                for context, text in zip(asked, feedback, strict=True)
            ]
            for i, context, offer in zip(running, asked, self._retrieve(asked), strict=True):
                contexts[i], offers[i] = context, offer
        return [
            State(state.scenario, state.seed, context, offer, status)
            for state, context, offer, status in zip(
                states, contexts, offers, statuses, strict=True
            )
        ]

    def _status(self, played: Context, rank: int | None) -> Status:
        """How a conversation stands after a turn with the target in this place of the list."""
        if rank is not None and (self.success == "hit" or (self.success == "top1" and rank == 1)):
            return "terminated"
        return "truncated" if len(played.turns) >= self.max_turns else "running"

    def _retrieve(self, contexts: Sequence[Context]) -> list[tuple[int, ...]]:
        if not contexts:
            return []
        expected = (len(contexts), self.num_candidates)
        offers = np.asarray(self.retriever.retrieve(contexts, self.num_candidates))
        if offers.shape != expected or not np.issubdtype(offers.dtype, np.integer):
            raise PluginError(
                f"{type(self.retriever).__name__}.retrieve must return integers of shape "
                f"{expected}; got {offers.dtype} of shape {offers.shape}"
            )
        if offers.min() < 0 or offers.max() >= len(self.catalogue):
            raise PluginError(
                f"{type(self.retriever).__name__}.retrieve returned an index outside the "
                f"catalogue of {len(self.catalogue)} items"
            )
        # Of the same few numbers, so that thousands of states hold no numbers of their own.
        rows: list[tuple[int, ...]] = list(zip(*self._numbers[offers.T].tolist(), strict=True))
        if sum(map(len, map(set, rows))) < offers.size:
            raise PluginError(f"{type(self.retriever).__name__}.retrieve offered an item twice")
        return rows

    def _hear(self, dialogue: tuple[Utterance, ...]) -> tuple[str, tuple[str, ...]]:
        """A dialogue as text, and the titles it mentions: the same at every turn."""
        mentioned = Context(dialogue).recently_mentioned
        return dialogue_text(dialogue), self.catalogue.titles_of(mentioned)


def _rank(goal: Goal, candidates: tuple[int, ...]) -> int | None:
    """Position of the target among the candidates, from 1."""
    return candidates.index(goal.target) + 1 if goal.target in candidates else None


def _check_texts(simulator: Simulator, texts: object, expected: int) -> None:
    """Refuse what a user returned, unless it is one text for each conversation."""
    if not isinstance(texts, Sequence | np.ndarray) or isinstance(texts, str):
        wrong = type(texts).__name__
    elif len(texts) != expected:
        wrong = f"{len(texts)} of them"
    else:
        wrong = next((type(text).__name__ for text in texts if not isinstance(text, str)), "")
    if wrong:
        raise PluginError(
            f"{type(simulator).__name__}.respond must return {expected} texts, one per context; "
            f"got {wrong}"
        )


__all__ = ["Success", "World"]
