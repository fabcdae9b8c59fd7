"""Environments by id, and the functions that make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import gymnasium

from crsgym.checks import as_integer, check_mapping
from crsgym.errors import ConfigurationError
from crsgym.plugins import import_module_of, strict_keywords, unknown

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec
    from gymnasium.vector import AutoresetMode
    from typing_extensions import Unpack

    from crsgym.data.dataset import Dataset
    from crsgym.data.preference import PreferenceWriter
    from crsgym.env import CRSEnv
    from crsgym.protocols import Retriever, Simulator, TextEncoder
    from crsgym.task import Task
    from crsgym.vector import CRSVectorEnv
    from crsgym.world import Success

NAMESPACE = "crsgym"
"""Namespace of the ids in Gymnasium's registry: ``"crsgym/INSPIRED-v0"``."""


@dataclass(frozen=True)
class EnvEntry:
    """What an id stands for."""

    id: str
    dataset: str | Dataset
    """Name of a registered data set, or the data set itself."""
    description: str
    retriever: str = "lexical"
    """Default retriever."""
    simulator: str = "rules"
    """Default simulated user."""

    def load(self) -> Dataset:
        """The data set itself.

        Raises:
            ConfigurationError: when no data set of its name is registered.
        """
        from crsgym.data import load

        return load(self.dataset) if isinstance(self.dataset, str) else self.dataset


_ENTRIES: dict[str, EnvEntry] = {}


class TaskOptions(TypedDict, total=False):
    """The keywords that :func:`make_task`, :func:`make_vec` and ``evaluate`` share."""

    split: str
    retriever: str | Retriever | None
    simulator: str | Simulator | None
    max_turns: int
    num_candidates: int
    list_length: int
    reward_weights: Mapping[str, float] | None
    success: Success
    retriever_options: Mapping[str, Any] | None
    simulator_options: Mapping[str, Any] | None
    encoder: str | TextEncoder
    preference_writer: PreferenceWriter | None
    fuzzy: bool
    limit: int | None


def register_env(
    id: str,
    dataset: str | Dataset,
    *,
    description: str = "",
    retriever: str = "lexical",
    simulator: str = "rules",
) -> None:
    """Give a data set an environment id, here and in Gymnasium's registry.

    Args:
        id: ends in a version: ``"Books-v0"``.
        dataset: name of a registered data set, or the data set itself.
        description: one line for ``crsgym envs``.
        retriever: the default retriever.
        simulator: the default user.

    Raises:
        TypeError: when the id is no text, or the data set neither a name nor a data set.
        ConfigurationError: when the id has no version, stands for something else already, or is
            none that Gymnasium takes.
    """
    if not isinstance(id, str):
        raise TypeError(f"an environment id is a str; got {type(id).__name__}")
    if not isinstance(dataset, str) and not callable(getattr(dataset, "scenarios", None)):
        raise TypeError(f"dataset must be a name or a Dataset; got {type(dataset).__name__}")
    name, _, version = id.rpartition("-v")
    if not name or not version.isdigit() or "/" in id or ":" in id:
        raise ConfigurationError(f"an environment id looks like 'Books-v0'; got {id!r}")
    entry = EnvEntry(id, dataset, description, retriever, simulator)
    if _ENTRIES.get(id, entry) != entry:
        raise ConfigurationError(f"environment {id!r} is registered already; take a new version")
    if id in _ENTRIES:
        return
    try:
        gymnasium.register(
            f"{NAMESPACE}/{id}",
            entry_point="crsgym.registry:_gymnasium_make",
            vector_entry_point="crsgym.registry:_gymnasium_make_vec",
            kwargs={"env_id": id},
        )
    except gymnasium.error.Error as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"an environment id looks like 'Books-v0'; got {id!r}: {reason}"
        ) from error
    _ENTRIES[id] = entry


def _gymnasium_make(env_id: str, **options: Any) -> CRSEnv:
    """What ``gymnasium.make`` calls, whose own first parameter is named ``id``."""
    return make(env_id, **options)


def _gymnasium_make_vec(env_id: str, num_envs: int = 1, **options: Any) -> CRSVectorEnv:
    return make_vec(env_id, num_envs, **options)


def envs() -> dict[str, str]:
    """The known environment ids, each with one line on what it is."""
    return {entry.id: entry.description for entry in _ENTRIES.values()}


def entry_of(id: str) -> EnvEntry:
    """What an id stands for; ``"crsgym/INSPIRED-v0"`` and ``"INSPIRED-v0"`` are the same.

    ``"module:Books-v0"`` imports the module first, which is expected to register the id.

    Raises:
        ConfigurationError: when there is no such id, and says which is near; or no such module.
    """
    if not isinstance(id, str):
        raise TypeError(f"an environment id is a str; got {type(id).__name__}")
    module, colon, name = id.partition(":")
    if colon:
        import_module_of("environment", id)
    short = (name if colon else id).removeprefix(f"{NAMESPACE}/")
    if short in _ENTRIES:
        return _ENTRIES[short]
    if colon:
        raise unknown(f"environment of the module {module}:", short, _ENTRIES)
    hint = "one that a module of yours registers is 'module:Id'"
    raise ConfigurationError(f"{unknown('environment', id, _ENTRIES)} ({hint})")


@strict_keywords
def make_task(
    id: str,
    *,
    split: str = "train",
    retriever: str | Retriever | None = None,
    simulator: str | Simulator | None = None,
    max_turns: int = 5,
    num_candidates: int = 20,
    list_length: int = 10,
    reward_weights: Mapping[str, float] | None = None,
    success: Success = "hit",
    retriever_options: Mapping[str, Any] | None = None,
    simulator_options: Mapping[str, Any] | None = None,
    encoder: str | TextEncoder = "tfidf",
    preference_writer: PreferenceWriter | None = None,
    fuzzy: bool = False,
    limit: int | None = None,
) -> Task:
    """A world and its scenarios, without a Gymnasium shell. Keywords as in :func:`make`."""
    from crsgym.parts import background, choose_retriever, fitted_encoder
    from crsgym.rewards import Rewards
    from crsgym.simulators import build
    from crsgym.task import Task, limited
    from crsgym.world import World

    entry = entry_of(id)
    retriever_options = check_mapping("retriever_options", retriever_options)
    simulator_options = check_mapping("simulator_options", simulator_options)
    if preference_writer is not None and not callable(preference_writer):
        raise ConfigurationError(f"preference_writer must be a function; got {preference_writer!r}")
    dataset = entry.load()
    if preference_writer is not None:
        dataset = dataset.with_preferences(preference_writer)
    user = build(
        entry.simulator if simulator is None else simulator, dataset, simulator_options or {}
    )
    chosen, retriever = choose_retriever(
        dataset,
        retriever,
        retriever_options,
        default=entry.retriever,
        trained_with="attributes" if user.target_aware else "rules",
    )
    world = World(
        dataset.catalogue,
        chosen,
        user,
        Rewards(
            reward_weights,
            fitted_encoder(encoder, dataset) if isinstance(encoder, str) else encoder,
            background=background(dataset) if isinstance(encoder, str) else (),
        ),
        max_turns=max_turns,
        num_candidates=num_candidates,
        list_length=list_length,
        success=success,
        fuzzy=fuzzy,
    )
    weights = None
    if reward_weights is not None:
        weights = {name: world.rewards.weights[name] for name in reward_weights}
    keywords: TaskOptions = {
        "split": split,
        "retriever": retriever,
        "simulator": simulator,
        "max_turns": world.max_turns,
        "num_candidates": world.num_candidates,
        "list_length": world.list_length,
        "reward_weights": weights,
        "success": success,
        "retriever_options": retriever_options,
        "simulator_options": simulator_options,
        "encoder": encoder,
        "preference_writer": preference_writer,
        "fuzzy": fuzzy,
        "limit": as_integer(limit),
    }
    scenarios = limited(dataset.scenarios(split), limit)
    return Task(entry.id, dataset, split, world, scenarios).made_with(keywords)


@strict_keywords
def make(
    id: str,
    *,
    split: str = "train",
    retriever: str | Retriever | None = None,
    simulator: str | Simulator | None = None,
    max_turns: int = 5,
    num_candidates: int = 20,
    list_length: int = 10,
    reward_weights: Mapping[str, float] | None = None,
    success: Success = "hit",
    retriever_options: Mapping[str, Any] | None = None,
    simulator_options: Mapping[str, Any] | None = None,
    encoder: str | TextEncoder = "tfidf",
    preference_writer: PreferenceWriter | None = None,
    fuzzy: bool = False,
    limit: int | None = None,
    render_mode: str | None = None,
    reveal: bool = False,
) -> CRSEnv:
    """Make an environment.

    Args:
        id: an environment id (see :func:`envs`), or ``"module:Id"`` with the module that
            registers it.
        split: ``"train"``, ``"valid"`` or ``"test"``: where the scenarios come from.
        retriever: name, ``"module:Class"``, directory of a saved retriever, or an object with
            ``retrieve``; None takes the environment's default, or ``"content"``, with a warning,
            where the training split that the default learns from cannot be had.
        simulator: name, ``"module:Class"``, or an object with ``respond``; None takes the default.
        max_turns: turns after which an episode is truncated.
        num_candidates: candidates offered a turn.
        list_length: entries of an answer that count.
        reward_weights: weight of each reward term by name; a term that is not named has weight 1
            when it is one of the five of the protocol, and is left out otherwise.
        success: what terminates an episode: ``"hit"`` (the target is listed), ``"top1"`` (it is
            listed first) or ``"never"``.
        retriever_options: keywords of a retriever that is given by name.
        simulator_options: keywords of a simulator that is given by name.
        encoder: text encoder of the preference reward: ``"tfidf"``, ``"minilm"`` or the name of a
            sentence-transformers model, each taken about the mean of typical preferences; or an
            object with ``encode``, which is taken as it is.
        preference_writer: writes the reference preference of a scenario, in place of the template.
        fuzzy: whether titles that match nothing exactly are matched approximately.
        limit: play only the first so many scenarios of the split.
        render_mode: ``"ansi"``, ``"human"``, ``"html"`` or None.
        reveal: whether ``info`` tells the target's ranks while the episode runs.

    Raises:
        ConfigurationError: when an argument cannot work; the message says what would.
        DataError: when the data set is not there or damaged.
    """
    from crsgym.env import CRSEnv, check_render_mode

    check_render_mode(render_mode)
    task = make_task(
        id,
        split=split,
        retriever=retriever,
        simulator=simulator,
        max_turns=max_turns,
        num_candidates=num_candidates,
        list_length=list_length,
        reward_weights=reward_weights,
        success=success,
        retriever_options=retriever_options,
        simulator_options=simulator_options,
        encoder=encoder,
        preference_writer=preference_writer,
        fuzzy=fuzzy,
        limit=limit,
    )
    env = CRSEnv(task, render_mode=render_mode, reveal=reveal)
    env.spec = _spec(task, render_mode=render_mode, reveal=reveal)
    return env


@strict_keywords
def make_vec(
    id: str,
    num_envs: int = 1,
    *,
    autoreset_mode: AutoresetMode | str = "SameStep",
    render_mode: str | None = None,
    reveal: bool = False,
    **options: Unpack[TaskOptions],
) -> CRSVectorEnv:
    """Make one batched environment of many conversations.

    Args:
        id: an environment id.
        num_envs: how many conversations.
        autoreset_mode: ``"SameStep"`` or ``"Disabled"``.
        render_mode: ``"ansi"``, ``"html"`` or None.
        reveal: as in :func:`make`.
        **options: the other keywords of :func:`make`.
    """
    from crsgym.vector import CRSVectorEnv

    task = make_task(id, **options)
    envs = CRSVectorEnv(
        task,
        num_envs,
        autoreset_mode=autoreset_mode,
        render_mode=render_mode,
        reveal=reveal,
    )
    envs.spec = _spec(
        task,
        num_envs=envs.num_envs,
        autoreset_mode=envs.autoreset_mode.value,
        render_mode=render_mode,
        reveal=reveal,
        vectorization_mode="vector_entry_point",
    )
    return envs


def _spec(task: Task, **keywords: Any) -> EnvSpec:
    """With all keywords, so that ``gymnasium.make(env.spec)`` makes this environment again."""
    return replace(
        gymnasium.spec(f"{NAMESPACE}/{task.id}"),
        kwargs={"env_id": task.id, **task.keywords, **keywords},
        nondeterministic=bool(getattr(task.world.simulator, "nondeterministic", False)),
    )


register_env(
    "INSPIRED-v0",
    "inspired",
    description="Movie dialogues of INSPIRED (Hayati et al., 2020), 1,123 items",
    retriever="hybrid",
)
register_env(
    "ReDial-v0",
    "redial",
    description="Movie dialogues of ReDial (Li et al., 2018), 6,924 items",
    retriever="hybrid",
)
register_env(
    "OpenDialKG-v0",
    "opendialkg",
    description="Movie part of OpenDialKG (Moon et al., 2019), 2,966 items",
    retriever="hybrid",
)
register_env(
    "Synthetic-v0",
    "synthetic",
    description="Generated dialogues that carry a preference; nothing to download",
)

__all__ = [
    "NAMESPACE",
    "EnvEntry",
    "TaskOptions",
    "entry_of",
    "envs",
    "make",
    "make_task",
    "make_vec",
    "register_env",
]
