"""``CRSVectorEnv``: many conversations in one batched world, as a Gymnasium ``VectorEnv``.

Environment ``i`` reset with seed ``s`` plays exactly what a ``CRSEnv`` reset with seed ``s + i``
plays, and each part of the world is called once per step for all of them.
"""

from __future__ import annotations

import numbers
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from crsgym.checks import as_integer, check_count, check_flag
from crsgym.env import check_options, check_render_mode, draw, plain_seed, start_info, step_info
from crsgym.errors import ConfigurationError
from crsgym.rendering import render_html, render_text
from crsgym.spaces import action_space, observation_space
from crsgym.task import Task
from crsgym.types import Observation, State

BatchedObservation = dict[str, Any]
Flags = npt.NDArray[np.bool_]


class CRSVectorEnv(VectorEnv[BatchedObservation, Sequence[str], npt.NDArray[Any]]):
    """``num_envs`` conversations, stepped together.

    Observations hold one tuple per key, ``candidate_ids`` an int64 array (num_envs, k) and ``turn``
    an int64 array (num_envs,). :meth:`observations` gives them as a list, as agents want them.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "html"]}  # noqa: RUF012  # as the base has it

    def __init__(
        self,
        task: Task,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
        reveal: bool = False,
    ) -> None:
        """A batch of environments over one task.

        Args:
            task: what to play.
            num_envs: how many conversations.
            autoreset_mode: ``SAME_STEP`` (a conversation that ends is replaced at once; its last
                observation and info are in ``info["final_obs"]`` and ``info["final_info"]``) or
                ``DISABLED`` (reset by hand with ``options={"reset_mask": mask}``). ``NEXT_STEP``
                would waste a model call per episode and is refused.
            render_mode: ``"ansi"``, ``"html"`` or None.
            reveal: whether ``info`` tells the target's ranks before an episode has ended.

        Raises:
            ConfigurationError: when ``num_envs``, the autoreset mode or the render mode is wrong.
        """
        num_envs = check_count("num_envs", num_envs, 1)
        check_render_mode(render_mode)
        check_flag("reveal", reveal)
        if render_mode == "human":
            raise ConfigurationError(
                "a vector environment renders as 'ansi' or 'html', not 'human'"
            )
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.task = task
        self.world = task.world
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.reveal = reveal
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = self._keys = observation_space(task.world)
        self.single_action_space = action_space(task.world)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        self._states: list[State] | None = None

    @property
    def states(self) -> tuple[State, ...]:
        """The conversations, values that :meth:`restore` takes back.

        Raises:
            ResetNeeded: before the first reset.
        """
        if self._states is None:
            raise ResetNeeded("there are no conversations yet: call reset() first")
        return tuple(self._states)

    def observations(self) -> list[Observation]:
        """The current observations, one dict each: what an agent's ``act`` takes."""
        return self.world.observe(self.states)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[BatchedObservation, dict[str, Any]]:
        """Begin all conversations, or those of ``reset_mask``.

        Args:
            seed: ``s`` seeds environment ``i`` with ``s + i``; or one seed (or None) each.
            options: ``{"scenario": id | index}`` for all, or a list with one (or None) each;
                ``{"reset_mask": bool array (num_envs,)}`` resets only the marked ones.

        Raises:
            ConfigurationError: when an option, a scenario, or a length is wrong.
        """
        check_options(options, ("scenario", "reset_mask"))
        options = dict(options or {})
        mask = self._reset_mask(options.pop("reset_mask", None))
        chosen = _one_each("options['scenario']", options.pop("scenario", None), self.num_envs)
        seeds = _one_each("seed", seed, self.num_envs)
        if (first := as_integer(seed)) is not None:
            seeds = [first + i for i in range(self.num_envs)]
        indices = [i for i in range(self.num_envs) if mask[i]]
        for i in indices:
            if seeds[i] is not None or self._rngs[i] is None:
                self._rngs[i], _ = seeding.np_random(plain_seed(seeds[i]))
        self._begin(indices, [{**options, "scenario": chosen[i]} for i in indices])
        infos = {i: start_info(self.states[i]) for i in indices}
        return self._batch(self.observations()), _stack(infos, self.num_envs)

    def step(
        self, actions: Sequence[str]
    ) -> tuple[BatchedObservation, npt.NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """Answer in every conversation.

        Args:
            actions: one text each.

        Raises:
            ResetNeeded: before the first reset, and with ``DISABLED`` when one has ended.
            ValueError, TypeError: when the number or the type of the actions is wrong.
        """
        ended = [i for i, state in enumerate(self.states) if state.status != "running"]
        if ended:
            raise ResetNeeded(f"episodes {ended} have ended: reset them with options['reset_mask']")
        outcomes = self.world.advance(self.states, list(actions))
        self._states = [outcome.state for outcome in outcomes]
        rewards = np.array([outcome.reward for outcome in outcomes], dtype=np.float64)
        terminated = np.array([state.status == "terminated" for state in self._states])
        truncated = np.array([state.status == "truncated" for state in self._states])
        observations = self.observations()
        infos = {
            i: step_info(self.task, outcome, observations[i], reveal=self.reveal)
            for i, outcome in enumerate(outcomes)
        }
        done = np.flatnonzero(terminated | truncated).tolist()
        if done and self.autoreset_mode is AutoresetMode.SAME_STEP:
            self._begin(done, [None] * len(done))
            fresh = self.world.observe([self._states[i] for i in done])
            for i, observation in zip(done, fresh, strict=True):
                final = {"final_obs": observations[i], "final_info": infos[i]}
                infos[i] = {**start_info(self._states[i]), **final}
                observations[i] = observation
        return (
            self._batch(observations),
            rewards,
            terminated,
            truncated,
            _stack(infos, self.num_envs),
        )

    def restore(self, states: Sequence[State]) -> BatchedObservation:
        """Go to the given conversations, one each; errors as of ``World.check_state``."""
        if len(states) != self.num_envs:
            raise ValueError(f"expected {self.num_envs} states; got {len(states)}")
        for state in states:
            self.world.check_state(state)
        self._states = list(states)
        return self._batch(self.observations())

    def render(self) -> tuple[str, ...] | None:
        """One transcript each."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs render_mode='ansi' or 'html' in make_vec()")
            return None
        write = render_html if self.render_mode == "html" else render_text
        return tuple(write(self.world.episode(state, env=self.task.id)) for state in self.states)

    def _begin(self, indices: Sequence[int], options: Sequence[dict[str, Any] | None]) -> None:
        drawn = [
            draw(self.task, self._generator(i), chosen)
            for i, chosen in zip(indices, options, strict=True)
        ]
        fresh = self.world.start([s for s, _ in drawn], seed=[number for _, number in drawn])
        states = self._states if self._states is not None else fresh
        self._states = list(states)
        for i, state in zip(indices, fresh, strict=True):
            self._states[i] = state

    def _generator(self, i: int) -> np.random.Generator:
        generator = self._rngs[i]
        if generator is None:
            generator = self._rngs[i] = seeding.np_random()[0]
        return generator

    def _reset_mask(self, mask: Any) -> Flags:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        if (
            not isinstance(mask, np.ndarray)
            or mask.dtype != np.bool_
            or mask.shape != (self.num_envs,)
        ):
            raise ConfigurationError(
                f"options['reset_mask'] must be a bool array of shape ({self.num_envs},)"
            )
        if not mask.any():
            raise ConfigurationError("options['reset_mask'] marks no environment")
        if self._states is None and not mask.all():
            raise ConfigurationError("the first reset must reset every environment")
        return mask

    def _batch(self, observations: Sequence[Observation]) -> BatchedObservation:
        batch: BatchedObservation = {
            key: tuple([observation[key] for observation in observations])  # type: ignore[literal-required]
            for key in self._keys.spaces
        }
        ids = np.concatenate(batch["candidate_ids"])
        batch["candidate_ids"] = ids.reshape(len(observations), -1)
        batch["turn"] = np.array(batch["turn"], dtype=np.int64)
        return batch


def _autoreset_mode(given: AutoresetMode | str) -> AutoresetMode:
    """A mode by member, value or name, in any case: ``"SameStep"``, ``"SAME_STEP"``."""
    name = str(given.value if isinstance(given, AutoresetMode) else given)
    modes = {mode.value.casefold(): mode for mode in AutoresetMode}
    mode = modes.get(name.replace("_", "").casefold())
    if mode is AutoresetMode.SAME_STEP or mode is AutoresetMode.DISABLED:
        return mode
    why = ", which wastes a model call per episode" if mode is AutoresetMode.NEXT_STEP else ""
    raise ConfigurationError(f"autoreset_mode must be 'SameStep' or 'Disabled'; got {given!r}{why}")


def _one_each(name: str, value: Any, count: int) -> list[Any]:
    """A list with one value per environment, from one for all or a sequence."""
    if value is None or isinstance(value, str | numbers.Integral):
        return [value] * count
    if not isinstance(value, Sequence | np.ndarray):
        raise ConfigurationError(f"{name} must be one value or a list with one each; got {value!r}")
    values = list(value)
    if len(values) != count:
        raise ConfigurationError(f"{name} must hold {count} values, one each; got {len(values)}")
    return values


def _stack(infos: Mapping[int, Mapping[str, Any]], count: int) -> dict[str, Any]:
    """Infos by environment as Gymnasium batches them: an array per key, a mask per ``_key``.

    As ``VectorEnv._add_info`` does; a :class:`~crsgym.env.Rank`, which may be None, is an object.
    """
    alike: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, info in infos.items():
        alike[tuple(info)].append(i)
    columns: defaultdict[str, tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
    for keys, rows in alike.items():
        told = [infos[i] for i in rows]
        for key in keys:
            places, values = columns[key]
            places += rows
            values += map(itemgetter(key), told)
    in_order = len(alike) == 1 and list(infos) == list(range(count))
    stacked: dict[str, Any] = {}
    for key, (places, values) in columns.items():
        kinds = set(map(type, values))
        if key != "final_obs" and kinds == {dict}:
            stacked[key] = _stack(dict(zip(places, values, strict=True)), count)
        else:
            number = kinds.pop() if kinds in ({int}, {float}, {bool}) else None
            array: npt.NDArray[Any] = np.fromiter(values, number or object, len(values))
            if not in_order:
                array, filled = np.full(count, number and 0, dtype=number or object), array
                array[places] = filled
            stacked[key] = array
        stacked[f"_{key}"] = mask = np.full(count, in_order)
        if not in_order:
            mask[places] = True
    return stacked


__all__ = ["BatchedObservation", "CRSVectorEnv"]
