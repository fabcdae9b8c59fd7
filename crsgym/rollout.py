"""An agent plays scenarios: whole episodes, kept in a file as they are finished.

The file is JSON Lines. Its first line says what was played (environment, agent, seed); every other
line is one :class:`~crsgym.types.Episode`. Lines are only ever appended, a whole one at a time, so
a program that is killed at any moment leaves finished episodes and at most one broken last line,
which the next run drops.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from crsgym.errors import ConfigurationError, CRSGymError, DataError, PluginError
from crsgym.protocols import describe
from crsgym.types import Episode, Outcome, Scenario, State, Step, from_json, to_json

if TYPE_CHECKING:
    from crsgym.task import Task
    from crsgym.world import Success, World

FORMAT = "crsgym-rollout-1"
_NAMED = 3


@dataclass(frozen=True)
class RolloutHeader:
    """What the episodes of a file have in common: the file's first line."""

    env: str
    """Id of the environment."""
    hash: str
    """Hash of its spec."""
    agent: str
    """Name of the agent."""
    agent_spec: dict[str, Any]
    """What the agent says of itself."""
    seed: int
    format: str = FORMAT


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
        ConfigurationError: for an unknown agent or scenario, or a file of another run.
        DataError: when the file is damaged elsewhere than at its end.
        PluginError: when the agent raises, or returns anything but one text per observation.
            Episodes that were finished before are in the file.
    """
    from crsgym.baselines import agent_name, make_agent
    from crsgym.world import check_count

    if isinstance(task, str):
        from crsgym.registry import make_task

        task = make_task(task)
    if turns is not None:
        task = with_rules(task, max_turns=turns)
    check_count("batch_size", batch_size, 1)
    called = name or agent_name(agent)
    player = make_agent(agent, task)
    wanted = _select(task, scenarios)
    header = RolloutHeader(task.id, task.hash, called, describe(player), int(seed))
    if path is None:
        return _play(player, header, task.world, wanted, batch_size, None, progress)
    with EpisodeFile(Path(path), header) as file:
        return _play(player, header, task.world, wanted, batch_size, file, progress)


def with_rules(task: Task, *, max_turns: int | None = None, success: Success | None = None) -> Task:
    """The same task with another number of turns or another success rule."""
    from crsgym.world import World

    world = task.world
    return replace(
        task,
        world=World(
            world.catalogue,
            world.retriever,
            world.simulator,
            world.rewards,
            max_turns=world.max_turns if max_turns is None else max_turns,
            num_candidates=world.num_candidates,
            list_length=world.list_length,
            success=world.success if success is None else success,
            fuzzy=world.fuzzy,
        ),
    )


class EpisodeFile:
    """A file of episodes, open for appending by one process.

    Args:
        path: of the file; it is made, with its folder, where it is not there.
        header: what is about to be played.

    Raises:
        ConfigurationError: when the file is of another run, no such file at all, or in use.
        DataError: when a line before the last is damaged.
    """

    def __init__(self, path: Path, header: RolloutHeader) -> None:
        self.path = path
        self.episodes: dict[str, Episode] = {}
        """The episodes that the file holds, by scenario id."""
        first = _encode(header)
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o666)
        try:
            self._lock()
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if not whole and not first.startswith(content):
                raise ConfigurationError(f"{path} is no file of episodes; choose another path")
            if whole:
                written, episodes = _parse(content[:whole], path)
                _check_same(path, written, header)
                self.episodes = {episode.scenario.id: episode for episode in episodes}
            os.ftruncate(self._file, whole)
            if not whole:
                self._write(first)
        except BaseException:
            os.close(self._file)
            raise

    def append(self, episodes: Sequence[Episode]) -> None:
        """Write finished episodes; when this returns they survive a kill."""
        if episodes:
            self._write(b"".join(map(_encode, episodes)))
            self.episodes.update((episode.scenario.id, episode) for episode in episodes)

    def __enter__(self) -> EpisodeFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)

    def _lock(self) -> None:
        """Two writers would play, and keep, every episode twice."""
        try:
            import fcntl
        except ModuleNotFoundError:  # not a POSIX system
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"{self.path} is being written by another run; wait for it or choose another path"
            ) from None


def read_episodes(path: str | Path) -> tuple[RolloutHeader, list[Episode]]:
    """What a file of episodes holds, in the order in which they were finished.

    A broken last line, left by a run that was killed or is still writing, is ignored.

    Raises:
        DataError: when it is not there, is no such file, or a line before the last is damaged.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return _parse(content[: content.rfind(b"\n") + 1], path)


def _parse(content: bytes, path: Path) -> tuple[RolloutHeader, list[Episode]]:
    lines = content.split(b"\n")[:-1]
    try:
        header = from_json(lines[0] if lines else b"", RolloutHeader)
        if header.format != FORMAT:
            raise DataError(f"{path} is of the format {header.format!r}, not {FORMAT!r}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no file of episodes: {error}") from error
    episodes: list[Episode] = []
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], 2):
        try:
            episode = from_json(line, Episode)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}, line {number}, is damaged ({error}); delete that line to play the "
                "episode again"
            ) from error
        if episode.scenario.id in seen:
            raise DataError(
                f"{path}, line {number}: scenario {episode.scenario.id!r} is there twice; delete "
                "one of the lines"
            )
        seen.add(episode.scenario.id)
        episodes.append(episode)
    return header, episodes


def _check_same(path: Path, written: RolloutHeader, header: RolloutHeader) -> None:
    before, now = asdict(written), _plain(header)
    other = [
        f"{key} {before[key]!r} instead of {now[key]!r}"
        for key in ("env", "hash", "agent", "agent_spec", "seed")
        if before[key] != now[key]
    ]
    if other:
        raise ConfigurationError(
            f"{path} holds another run ({'; '.join(other)}); choose another path, or delete it"
        )


def _plain(header: RolloutHeader) -> dict[str, Any]:
    """As it reads once it is JSON, where a tuple is a list."""
    plain: dict[str, Any] = msgspec.json.decode(_encode(header))
    return plain


def _encode(record: RolloutHeader | Episode) -> bytes:
    try:
        return to_json(record) + b"\n"
    except TypeError as error:
        raise PluginError(f"an agent's spec() must be JSON-able: {error}") from error


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
    header: RolloutHeader,
    world: World,
    scenarios: Sequence[Scenario],
    batch_size: int,
    file: EpisodeFile | None,
    progress: bool | None,
) -> list[Episode]:
    """Play what the file does not hold yet; new conversations take the place of finished ones."""
    from tqdm import tqdm

    done: dict[str, Episode] = dict(file.episodes) if file is not None else {}
    waiting = deque(scenario for scenario in scenarios if scenario.id not in done)
    states: list[State] = []
    steps: dict[str, list[Step]] = {}
    with tqdm(
        total=len(scenarios),
        initial=len(scenarios) - len(waiting),
        desc=header.agent,
        unit=" episodes",
        disable=None if progress is None else not progress,
    ) as bar:
        while waiting or states:
            room = min(batch_size - len(states), len(waiting))
            states += world.start([waiting.popleft() for _ in range(room)], seed=header.seed)
            texts = _answers(agent, header.agent, world, states)
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
                            agent=header.agent,
                            env=header.env,
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


__all__ = ["EpisodeFile", "RolloutHeader", "read_episodes", "rollout", "with_rules"]
