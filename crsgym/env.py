"""``CRSEnv``: a world of one, as a :class:`gymnasium.Env`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from crsgym.checks import as_integer, check_flag
from crsgym.errors import ConfigurationError
from crsgym.plugins import unknown
from crsgym.rendering import print_transcript, render_html, render_text
from crsgym.spaces import action_space, observation_space
from crsgym.task import Task
from crsgym.types import Episode, Observation, Outcome, Scenario, State

RENDER_MODES = ("ansi", "human", "html")


class Rank(int):
    """A position in a list, from 1, where None says that it is not in the list.

    Not a plain int, of which Gymnasium's vector environments make an array of integers: the None of
    the environment beside it does not fit into one, and they fail.
    """


class CRSEnv(gymnasium.Env[Observation, str]):
    """A recommender's conversation with a simulated user.

    The observation is a dict (:class:`~crsgym.types.Observation`), the action an answer text. An
    answer of any kind is accepted; what is wrong with it shows in the reward terms and in
    ``info["answer_issues"]``.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 1}  # noqa: RUF012

    def __init__(self, task: Task, *, render_mode: str | None = None, reveal: bool = False) -> None:
        """An environment over the scenarios of a task.

        Args:
            task: what to play.
            render_mode: ``"ansi"`` (``render`` returns a transcript), ``"html"`` (the same for a
                notebook), ``"human"`` (printed after every step) or None.
            reveal: whether ``info`` tells the target's ranks before the episode has ended.
        """
        check_render_mode(render_mode)
        check_flag("reveal", reveal)
        self.task = task
        self.world = task.world
        self.render_mode = render_mode
        self.reveal = reveal
        self.observation_space = cast("spaces.Space[Observation]", observation_space(task.world))
        self.action_space = action_space(task.world)
        self._state: State | None = None

    @property
    def state(self) -> State:
        """The conversation, a value that :meth:`restore` takes back.

        Raises:
            ResetNeeded: before the first reset.
        """
        if self._state is None:
            raise ResetNeeded("there is no conversation yet: call reset() first")
        return self._state

    @property
    def episode(self) -> Episode:
        """The record of the conversation so far, with the truth about it."""
        return self.world.episode(self.state, env=self.task.id)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a conversation.

        Args:
            seed: seeds which scenario comes and all that it draws.
            options: ``{"scenario": id | index}`` picks the scenario.

        Raises:
            ConfigurationError: when an option or the scenario is unknown.
        """
        super().reset(seed=plain_seed(seed))
        scenario, number = draw(self.task, self.np_random, options)
        self._state = self.world.start([scenario], seed=number)[0]
        if self.render_mode == "human":
            self.render()
        return self.world.observe([self._state])[0], start_info(self._state)

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Answer the user.

        Raises:
            ResetNeeded: before the first reset, and after the end of an episode.
            TypeError: when the action is no text.
        """
        if self.state.status != "running":
            raise ResetNeeded("the episode has ended: call reset() before step()")
        outcome = self.world.advance([self.state], [action])[0]
        self._state = outcome.state
        if self.render_mode == "human":
            self.render()
        observation = self.world.observe([self._state])[0]
        return (
            observation,
            outcome.reward,
            outcome.terminated,
            outcome.truncated,
            step_info(self.task, outcome, observation, reveal=self.reveal),
        )

    def restore(self, state: State) -> Observation:
        """Go to a conversation, and return its observation; errors as of ``World.check_state``."""
        self.world.check_state(state)
        self._state = state
        return self.world.observe([state])[0]

    def clone(self) -> CRSEnv:
        """An independent environment in the same conversation, drawing the same from here on."""
        twin = CRSEnv(self.task, render_mode=self.render_mode, reveal=self.reveal)
        twin.spec = self.spec
        twin._state = self._state
        # The property, so that what was never seeded is seeded now, and draws the same in both.
        twin._np_random = copy.deepcopy(self.np_random)
        twin._np_random_seed = self._np_random_seed
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> CRSEnv:
        """A clone: the task, which holds no conversation, is shared."""
        return self.clone()

    def render(self) -> str | None:
        """The transcript so far: returned (``ansi``, ``html``) or printed (``human``)."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs render_mode='ansi', 'human' or 'html' in make()")
            return None
        if self.render_mode == "html":
            return render_html(self.episode)
        if self.render_mode == "ansi":
            return render_text(self.episode)
        print_transcript(self.episode)
        return None


def check_render_mode(render_mode: str | None) -> None:
    """Refuse a render mode that does not exist.

    Raises:
        ConfigurationError: with the nearest mode.
    """
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise unknown("render_mode", str(render_mode), RENDER_MODES)


def check_options(options: object, known: Sequence[str] = ("scenario",)) -> None:
    """Refuse options of a reset that are no mapping, or hold an unknown one.

    Raises:
        ConfigurationError: with the nearest option.
    """
    if options is not None and not isinstance(options, Mapping):
        raise ConfigurationError(
            f"options must be a dict such as {{'scenario': 0}}; got {options!r}"
        )
    for option in options or {}:
        if option not in known:
            raise unknown("reset option", str(option), known)


def plain_seed(seed: Any) -> Any:
    """A seed of NumPy as an ``int``, for Gymnasium takes no other; all else for it to judge."""
    number = as_integer(seed)
    return seed if number is None else number


def draw(
    task: Task, rng: np.random.Generator, options: dict[str, Any] | None
) -> tuple[Scenario, int]:
    """The scenario and the seed of a new episode.

    The stream gives the same scenarios whether or not an earlier one was chosen by hand.

    Raises:
        ConfigurationError: when an option or the scenario is unknown.
    """
    check_options(options)
    index, seed = int(rng.integers(len(task.scenarios))), int(rng.integers(2**62))
    which = (options or {}).get("scenario")
    if which is None:
        return task.scenarios[index], seed
    place = which if isinstance(which, str) else as_integer(which)
    if place is None:
        raise ConfigurationError(f"options['scenario'] must be an id or an index; got {which!r}")
    return task.scenario(place), seed


def start_info(state: State) -> dict[str, Any]:
    """``info`` of a reset."""
    return {"scenario_id": state.scenario.id, "turn": 0}


def step_info(
    task: Task, outcome: Outcome, observation: Observation, *, reveal: bool
) -> dict[str, Any]:
    """``info`` of a step; the truth enters only at the end, or when it was asked for.

    Args:
        task: what is played.
        outcome: what the answer led to.
        observation: of the conversation after the answer.
        reveal: whether the truth was asked for.
    """
    state = outcome.state
    info: dict[str, Any] = {
        "scenario_id": state.scenario.id,
        "turn": len(state.context.turns),
        "reward_terms": outcome.reward_terms,
        "answer_issues": state.context.turns[-1].recommendation.issues,
        "items": observation["history"][-1]["list"],
    }
    if reveal or state.status != "running":
        info["target"] = task.world.catalogue.titles[state.goal.target]
        info["target_rank"] = _rank(outcome.target_rank)
        info["candidate_rank"] = _rank(outcome.candidate_rank)
    return info


def _rank(rank: int | None) -> Rank | None:
    return None if rank is None else Rank(rank)


__all__ = [
    "RENDER_MODES",
    "CRSEnv",
    "Rank",
    "check_options",
    "check_render_mode",
    "draw",
    "plain_seed",
    "start_info",
    "step_info",
]
