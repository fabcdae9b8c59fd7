"""Play a test set with agents and report what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsgym.baselines import agent_name, is_privileged, make_agent, ranks_of
from crsgym.checks import check_count, check_seed
from crsgym.data.dataset import NO_TRAIN
from crsgym.errors import ConfigurationError
from crsgym.evaluation.bootstrap import FEWEST
from crsgym.evaluation.metrics import parse_metrics
from crsgym.evaluation.report import Report
from crsgym.evaluation.result import AgentResult
from crsgym.evaluation.strata import Mask, stratify
from crsgym.plugins import strict_keywords
from crsgym.protocols import describe
from crsgym.registry import TaskOptions, make_task
from crsgym.rollout import rollout, with_rules
from crsgym.simulators.audit import audit
from crsgym.task import Task, check_task
from crsgym.types import Episode

if TYPE_CHECKING:
    from typing_extensions import Unpack

TURNS = 5
"""``T`` of the protocol."""


@strict_keywords
def evaluate(
    agent: Any,
    task: Task | str,
    *,
    turns: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    metrics: Iterable[str] | None = None,
    replicates: int = 2000,
    published: bool = False,
    episodes: str | Path | None = None,
    progress: bool | None = None,
    name: str | None = None,
    **options: Unpack[TaskOptions],
) -> Report:
    """Evaluate one agent.

    Every scenario is played to the last turn, found or not, and every turn is scored over all of
    them.

    Args:
        agent: a name, ``"module:Class"``, a class, or an object with ``act``.
        task: an environment id, or a task from :func:`crsgym.make_task`.
        turns: turns of an episode; when None, five, or what the task says.
        seed: of the episodes.
        batch_size: conversations that are played side by side.
        metrics: keys such as ``"recall@10"``, ``"ndcg@5"``, ``"mrr@10"``; when None, recall@1, and
            recall, ndcg and mrr at 10, or at the length of the lists when that is shorter.
        replicates: bootstrap draws.
        published: whether quoted results of other papers are shown beside.
        episodes: a file that keeps the episodes, and from which an interrupted evaluation goes on.
        progress: whether a bar is shown on standard error; when None, if that is a terminal.
        name: of the agent in the report.
        **options: the other keywords of :func:`crsgym.make`, for an environment id: ``split``
            (``"test"`` when not given), ``retriever``, ``simulator``, ``limit``, ...

    Raises:
        ConfigurationError: when an argument cannot work.
        PluginError: when the agent raises or returns something else than texts.
    """
    return bench(
        {name or agent_name(agent): agent},
        task,
        turns=turns,
        seed=seed,
        batch_size=batch_size,
        metrics=metrics,
        replicates=replicates,
        published=published,
        episodes=None if episodes is None else {name or agent_name(agent): Path(episodes)},
        progress=progress,
        **options,
    )


@strict_keywords
def bench(
    agents: Mapping[str, Any] | Iterable[Any],
    task: Task | str,
    *,
    turns: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    metrics: Iterable[str] | None = None,
    replicates: int = 2000,
    published: bool = False,
    episodes: Mapping[str, Path] | None = None,
    progress: bool | None = None,
    **options: Unpack[TaskOptions],
) -> Report:
    """Evaluate several agents on the same scenarios and compare them in pairs.

    Args:
        agents: by name, or each as :func:`evaluate` takes it.
        task: as in :func:`evaluate`, and so are the other keywords.
        episodes: for each agent's name the file that keeps its episodes.
    """
    named = _named(agents)
    task = evaluation_task(task, turns=turns, options=options)
    world = task.world
    parsed = parse_metrics(metrics, list_length=world.list_length)
    replicates = check_count("replicates", replicates, FEWEST)
    seed = check_seed(seed)
    # A typo in the last agent's name must not show after the first has played for an hour.
    built = {name: make_agent(agent, task) for name, agent in named.items()}
    masks = _masks(task)
    results = {}
    everything: list[Episode] = []
    for name, agent in built.items():
        played = rollout(
            agent,
            task,
            seed=seed,
            batch_size=batch_size,
            path=(episodes or {}).get(name),
            progress=progress,
            name=name,
        )
        results[name] = AgentResult.from_episodes(
            played,
            name=name,
            turns=world.max_turns,
            ranks=ranks_of(agent),
            privileged=is_privileged(agent),
            spec=describe(agent),
        )
        everything += played
    spoken = world.max_turns > 1
    return Report(
        env={"id": task.id, "spec": task.spec, "hash": task.hash},
        split=task.split,
        seed=seed,
        target_aware=world.simulator.target_aware,
        scenario_ids=tuple(scenario.id for scenario in task.scenarios),
        dialogue_ids=tuple(scenario.dialogue_id for scenario in task.scenarios),
        masks=masks,
        agents=results,
        metrics=parsed,
        replicates=replicates,
        published=published,
        audit=audit(everything, world.catalogue, world.simulator) if spoken else None,
    )


def evaluation_task(task: Task | str, *, turns: int | None, options: TaskOptions) -> Task:
    """The task under the rules of evaluation: no episode ends before its last turn.

    Raises:
        ConfigurationError: when keywords of :func:`crsgym.make` come with a task that is made, or
            contradict those rules.
    """
    if "max_turns" in options:
        raise ConfigurationError("evaluation takes the number of turns as turns=, not max_turns=")
    if "success" in options:
        raise ConfigurationError(
            "evaluation takes no success=: every scenario is played to the last turn, found or not"
        )
    if isinstance(task, str):
        asked: TaskOptions = {
            "split": "test",
            **options,
            "max_turns": TURNS if turns is None else turns,
            "success": "never",
        }
        return make_task(task, **asked)
    check_task(task)
    if options:
        raise ConfigurationError(
            f"the task is made already, so {', '.join(map(repr, options))} cannot change it; give "
            "its id instead, or make it with them"
        )
    return with_rules(task, max_turns=turns, success="never")


def _masks(task: Task) -> dict[str, Mask]:
    """The strata; without ``cold`` where no train split says which targets are cold."""
    try:
        counts = task.dataset.target_counts()
    except NO_TRAIN:
        counts = None
    return stratify(task.scenarios, counts)


def _named(agents: Mapping[str, Any] | Iterable[Any]) -> dict[str, Any]:
    if isinstance(agents, str):
        raise TypeError(f"agents must be a sequence of them; got the text {agents!r}")
    if isinstance(agents, Mapping):
        named = dict(agents)
    else:
        listed = list(agents)
        named = {agent_name(agent): agent for agent in listed}
        if len(named) < len(listed):
            raise ConfigurationError(
                f"two agents have one name among {[agent_name(agent) for agent in listed]}; give "
                "them as a mapping from name to agent"
            )
    if not named:
        raise ConfigurationError("expected at least one agent")
    return named


__all__ = ["TURNS", "bench", "evaluate", "evaluation_task"]
