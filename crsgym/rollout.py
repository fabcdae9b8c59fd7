"""An agent plays scenarios: whole episodes, kept in a file as they are finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsgym.checks import check_count, check_seed
from crsgym.episodes import EpisodeFile, RolloutHeader
from crsgym.errors import ConfigurationError, CRSGymError, PluginError
from crsgym.plugins import strict_keywords
from crsgym.protocols import describe
from crsgym.types import Episode, Outcome, Scenario, State, Step

if TYPE_CHECKING:
    from crsgym.task import Task
    from crsgym.world import Success, World

_NAMED = 3


@strict_keywords
def rollout(
    agent: Any,
    task: Task | str,
    *,
    scenarios: Iterable[Scenario | str | int] | None = None,
    seed: int = 0,
    turns: int | None = None,
    batch_size: int = 64,
    path: str | Path | None = None,
    progress: bool | None = None,
    name: str | None = None,
) -> list[Episode]:
    """Let an agent play scenarios to their end.

    What is played in one episode depends on the seed and the scenario, never on the batch.

    Args:
        agent: a name, ``"module:Class"``, a class, or an object with ``act``.
        task: from :func:`crsgym.make_task`; an environment id means that task with its defaults.
        scenarios: which of the task's scenarios, by value, id or index; all when None.
        seed: of every episode.
        turns: in place of the task's ``max_turns``.
        batch_size: conversations that are played side by side, and so the size of the batches that
            the agent, the retriever and the user are handed.
        path: a file to append finished episodes to. When it holds episodes of the same task, agent
            and seed, they are read back instead of played.
        progress: whether a bar is shown on standard error; when None, if that is a terminal.
        name: of the agent, in place of :func:`~crsgym.baselines.agent_name`.

    Returns:
        One episode per scenario, in their order.

    Raises:
        TypeError: for an unknown keyword, or what is neither an id nor a task.
        ConfigurationError: for an unknown agent or scenario, or a file of another run.
        DataError: when the file is damaged elsewhere than at its end.
        PluginError: when the agent raises, or returns anything but one text per observation.
            Episodes that were finished before are in the file.
    """
    from crsgym.baselines import agent_name, make_agent
    from crsgym.task import check_task

    if isinstance(task, str):
        from crsgym.registry import make_task

        task = make_task(task)
    check_task(task)
    if turns is not None:
        task = with_rules(task, max_turns=turns)
    batch_size = check_count("batch_size", batch_size, 1)
    seed = check_seed(seed)
    called = name or agent_name(agent)
    player = make_agent(agent, task)
    wanted = _select(task, scenarios)
    play = partial(_play, player, called, task, wanted, seed, batch_size, progress)
    if path is None:
        return play(None)
    header = RolloutHeader(task.id, task.hash, called, describe(player), seed)
    with EpisodeFile(Path(path), header) as file:
        return play(file)


def with_rules(task: Task, *, max_turns: int | None = None, success: Success | None = None) -> Task:
    """The same task with another number of turns or another success rule."""
    asked = {"max_turns": max_turns, "success": success}
    changes = {name: value for name, value in asked.items() if value is not None}
    return replace(task, world=task.world.replace(**changes))


def _select(task: Task, scenarios: Iterable[Scenario | str | int] | None) -> tuple[Scenario, ...]:
    if scenarios is None:
        return task.scenarios
    if isinstance(scenarios, str):
        raise TypeError(f"scenarios must be a sequence of them; got the text {scenarios!r}")
    chosen = tuple(
        which if isinstance(which, Scenario) else task.scenario(which) for which in scenarios
    )
    if len({scenario.id for scenario in chosen}) < len(chosen):
        raise ConfigurationError("a scenario is named twice; vary the seed to play one again")
    return chosen


def _play(
    agent: Any,
    name: str,
    task: Task,
    scenarios: Sequence[Scenario],
    seed: int,
    batch_size: int,
    progress: bool | None,
    file: EpisodeFile | None,
) -> list[Episode]:
    """Play what the file does not hold yet; new conversations take the place of finished ones."""
    from tqdm import tqdm

    world = task.world
    done: dict[str, Episode] = dict(file.episodes) if file is not None else {}
    for scenario in scenarios:
        if scenario.id in done and done[scenario.id].scenario != scenario:
            raise ConfigurationError(
                f"the file holds another scenario of the id {scenario.id!r}; choose another path"
            )
    waiting = deque(scenario for scenario in scenarios if scenario.id not in done)
    states: list[State] = []
    steps: dict[str, list[Step]] = {}
    with tqdm(
        total=len(scenarios),
        initial=len(scenarios) - len(waiting),
        desc=name,
        unit=" episodes",
        disable=None if progress is None else not progress,
    ) as bar:
        while waiting or states:
            room = min(batch_size - len(states), len(waiting))
            states += world.start([waiting.popleft() for _ in range(room)], seed=seed)
            texts = _answers(agent, name, world, states)
            outcomes = world.advance(states, texts)
            finished = []
            for outcome in outcomes:
                played = steps.setdefault(outcome.state.scenario.id, [])
                played.append(_step(outcome))
                if outcome.state.status != "running":
                    finished.append(
                        world.episode(
                            outcome.state,
                            steps=steps.pop(outcome.state.scenario.id),
                            agent=name,
                            env=task.id,
                        )
                    )
            states = [outcome.state for outcome in outcomes if outcome.state.status == "running"]
            if file is not None:
                file.append(finished)
            done.update((episode.scenario.id, episode) for episode in finished)
            bar.update(len(finished))
    return [done[scenario.id] for scenario in scenarios]


def _step(outcome: Outcome) -> Step:
    return Step(
        outcome.state.context.turns[-1],
        outcome.reward,
        outcome.reward_terms,
        outcome.target_rank,
        outcome.candidate_rank,
    )


def _answers(agent: Any, name: str, world: World, states: Sequence[State]) -> list[str]:
    """The agent's answers, one text per state.

    Raises:
        PluginError: naming the agent and the scenarios, when it raises or returns something else.
    """
    from crsgym.baselines import is_privileged

    try:
        texts = (
            agent.act_on_states(states)
            if is_privileged(agent)
            else agent.act(world.observe(states))
        )
    except CRSGymError:
        raise
    except Exception as error:
        named = [f"{state.scenario.id} at turn {state.context.turn}" for state in states[:_NAMED]]
        more = f" and {len(states) - _NAMED} more" if len(states) > _NAMED else ""
        raise PluginError(
            f"agent {name!r} raised {type(error).__name__}: {error}; it was handed "
            f"{', '.join(named)}{more}"
        ) from error
    if not isinstance(texts, list | tuple):
        raise PluginError(
            f"agent {name!r} must return a list of {len(states)} texts; got {type(texts).__name__}"
        )
    if len(texts) != len(states):
        raise PluginError(
            f"agent {name!r} must return {len(states)} texts, one per observation; got {len(texts)}"
        )
    for text in texts:
        if not isinstance(text, str):
            raise PluginError(
                f"agent {name!r} must return texts; one of them is a {type(text).__name__}"
            )
    return list(texts)


__all__ = ["rollout", "with_rules"]
