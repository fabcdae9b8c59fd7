"""Training of the ranking policy: supervised, by reinforcement learning, or the one then the other.

How it departs from the textbook:

* The supervised examples are those of the method (SMTPO, section 3.4.1): the recorded first turn,
  and a turn after a constructed list (H+, H-, S+, S-) with the user's feedback on it. The gold form
  of the preference is the one nearest to the reference preference.
* Reinforcement learning plays groups of ``G`` whole conversations from copies of one start, all
  five turns, found or not. An answer is a sequence of choices: the places of the list one by one,
  and the form of the preference. Each has an importance ratio of its own, clipped as in PPO.
* A choice is credited with what it can have caused: the discounted return of later turns, and of
  its own turn the reward of the list unless it filled a place behind the target's. From that the
  mean over the group is taken away (GRPO), and all are divided by one standard deviation.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from crsgym.actions import format_answer
from crsgym.data.lists import LIST_KINDS, construct_list
from crsgym.errors import ConfigurationError
from crsgym.rollout import with_rules
from crsgym.seeding import derive_seed
from crsgym.types import Observation, Outcome, Recommendation, State

from .features import View
from .ranker import Choices, PolicyConfig, Ranker, RankingPolicy
from .wishes import FORMS

if TYPE_CHECKING:
    from crsgym.task import Task

Mode = Literal["supervised", "rl", "supervised-rl"]
Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class RankerConfig:
    """How a ranker is trained."""

    mode: Mode = "supervised-rl"
    """``"supervised"``, ``"rl"`` from the uniform policy, or ``"supervised-rl"``."""
    seed: int = 0
    """Of the weights, the order of examples, the sampled answers and the users."""
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    """Shape of the policy, and what it may use."""

    constructed: int = 1
    """Turns after constructed lists, beside the recorded first turn; the method has one."""
    offered: float = 0.0
    """Share of these turns after the retriever's own list in place of a constructed one."""
    supervised_epochs: int = 20
    """Most passes over the examples."""
    supervised_rate: float = 2e-3
    """Learning rate (Adam) of supervised training."""
    supervised_batch: int = 128
    """Examples a step."""
    weight_decay: float = 1e-4
    """Decoupled weight decay, in both trainings."""

    rl_epochs: int = 12
    """Most epochs of reinforcement learning."""
    rl_scenarios: int = 512
    """Scenarios an epoch, drawn without repetition."""
    rl_batch: int = 32
    """Scenarios that are played between two updates."""
    group: int = 8
    """Conversations from copies of one start, ``G``."""
    rl_rate: float = 1e-3
    """Learning rate (Adam) of reinforcement learning."""
    updates: int = 4
    """Passes over what was played, each one step."""
    discount: float = 0.7
    """What a reward of the next turn counts beside one of this turn."""
    clip: float = 0.2
    """How far an importance ratio may help: ``1 - clip`` to ``1 + clip``."""
    entropy: float = 0.0
    """Weight of the entropy of the first place, against early certainty."""

    patience: int = 4
    """Epochs without a better result on valid after which a training ends."""
    valid: int | None = None
    """Play only the first so many scenarios of valid when choosing an epoch."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: naming the setting.
        """
        if self.mode not in get_args(Mode):
            raise ConfigurationError(f"mode: expected one of {get_args(Mode)}, got {self.mode!r}")
        counts = ("supervised_epochs", "supervised_batch", "rl_epochs", "rl_scenarios", "rl_batch")
        for name in (*counts, "updates", "patience"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.group < 2:
            raise ConfigurationError(f"group: a mean needs at least 2, got {self.group}")
        if self.constructed < 0 or not 0 <= self.discount <= 1 or self.clip <= 0:
            raise ConfigurationError(
                "expected constructed from 0, discount from 0 to 1 and a positive clip; got "
                f"{self.constructed}, {self.discount} and {self.clip}"
            )


def train_ranker(
    task: Task,
    config: RankerConfig | None = None,
    *,
    valid: Task | None = None,
    out: Path | None = None,
    start: Ranker | None = None,
    log: Log = lambda record: None,
) -> Ranker:
    """Train a ranker on the train split and choose its epoch on valid.

    Args:
        task: of the train split; its user, retriever and rewards are what is learned from.
        config: how.
        valid: the same for the valid split; made from ``task`` when None.
        out: a folder for the result, the log and what is needed to go on after an interruption;
            an interrupted training goes on where its last epoch ended.
        start: a trained ranker to go on from, in place of the supervised stage.
        log: told every record that the log file gets.

    Returns:
        The ranker of the best epoch on valid, by the mean over turns of the weighted list rewards.

    Raises:
        ConfigurationError: when ``out`` holds a training with other settings.
    """
    config = config or RankerConfig()
    task = with_rules(task, success="never")
    valid = with_rules(valid or split_of(task, "valid", config.valid), success="never")
    torch.manual_seed(derive_seed(config.seed, "weights") % 2**31)
    ranker = start or Ranker(RankingPolicy(config.policy), config.policy, task)
    run = _Run(ranker, task, valid, config, out, log)
    if start is None:
        examples = supervised_examples(task, ranker, config)
        ranker.policy.set_scale(examples.view)
        if config.mode != "rl":
            run.stage("supervised", config.supervised_epochs, lambda n: run.fit(examples, n))
    if config.mode != "supervised":
        run.stage("rl", config.rl_epochs, run.reinforce)
    ranker.record = run.record()
    if out is not None:
        ranker.save(out)
    return ranker


def split_of(task: Task, split: str, limit: int | None = None) -> Task:
    """The same world over another split."""
    return replace(task, split=split, scenarios=task.dataset.scenarios(split)[:limit])


@dataclass(frozen=True)
class Examples:
    """Supervised examples: what was seen, and what should have been chosen."""

    view: View
    targets: Tensor
    """Column of the target, int64 (N,); -1 where it is not there."""
    forms: Tensor
    """Index of the best form of the preference, int64 (N,)."""


def supervised_examples(task: Task, ranker: Ranker, config: RankerConfig) -> Examples:
    """The first turn of every scenario, and turns after constructed lists."""
    world = task.world
    states = world.start(task.scenarios, seed=config.seed)
    batches = [states]
    for turn in range(1, min(config.constructed + 1, world.max_turns)):
        observations = world.observe(states)
        answers = [
            _constructed(task, ranker, config, state, observation, turn)
            for state, observation in zip(states, observations, strict=True)
        ]
        states = [outcome.state for outcome in world.advance(states, answers)]
        batches.append(states)
    views, targets, forms = [], [], []
    for batch in batches:
        observations = world.observe(batch)
        view = ranker.features.read(observations, [s.scenario.dialogue_id for s in batch])
        views.append(view)
        goals = np.array([state.goal.target for state in batch])
        found = view.items == goals[:, None]
        targets.append(np.where(found.any(axis=1), found.argmax(axis=1), -1))
        listed = [[int(item) for item in row[: world.list_length]] for row in view.items]
        terms = np.array(
            [
                [
                    term["preference"]
                    for term in world.rewards(
                        [
                            Recommendation(preference=ranker.preference(form, o, items))
                            for o, items in zip(observations, listed, strict=True)
                        ],
                        [state.goal for state in batch],
                    )[1]
                ]
                for form in FORMS
            ]
        )
        forms.append(terms.argmax(axis=0))
    return Examples(
        View.concat(views),
        torch.from_numpy(np.concatenate(targets)),
        torch.from_numpy(np.concatenate(forms)),
    )


def _constructed(
    task: Task,
    ranker: Ranker,
    config: RankerConfig,
    state: State,
    observation: Observation,
    turn: int,
) -> str:
    """An answer with a constructed list, or with what the retriever offers."""
    world = task.world
    rng = np.random.default_rng(derive_seed(config.seed, turn, state.scenario.id))
    length = min(world.list_length, len(world.catalogue) // 2)
    kind = LIST_KINDS[int(rng.integers(len(LIST_KINDS)))]
    if rng.random() < config.offered:
        listed = state.candidates[:length]
    else:
        listed = construct_list(
            task.dataset.graph,
            state.goal.target,
            kind,
            seed=int(rng.integers(2**31)),
            length=length,
        )
    # A preference of its own kind: it will not have the reference one when it plays.
    form = FORMS[int(rng.integers(len(FORMS)))]
    return format_answer(
        [world.catalogue.titles[item] for item in listed],
        preference=ranker.preference(form, observation, listed),
    )


@dataclass(frozen=True)
class Trajectories:
    """Groups of conversations, flat: ``N = scenarios * G`` of ``T`` turns each."""

    views: tuple[View, ...]
    """One for each turn, ``N`` rows each."""
    choices: tuple[Choices, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


def play_groups(
    ranker: Ranker, task: Task, states: Sequence[State], generator: torch.Generator
) -> Trajectories:
    """Play conversations to their end, with answers drawn from the policy.

    Args:
        ranker: plays.
        task: whose scenarios they are; of the train split.
        states: at turn 1; copies of one state are a group.
        generator: source of the draws.
    """
    views, choices, outcomes = [], [], []
    own = [state.scenario.dialogue_id for state in states]
    for _ in range(task.world.max_turns):
        observations = task.world.observe(states)
        view = ranker.features.read(observations, own)
        chosen = ranker.sample(view, generator)
        played = task.world.advance(states, ranker.answers(observations, view, chosen))
        states = [outcome.state for outcome in played]
        views.append(view)
        choices.append(chosen)
        outcomes.append(tuple(played))
    return Trajectories(tuple(views), tuple(choices), tuple(outcomes))


def credits(
    list_rewards: np.ndarray[Any, Any],
    other_rewards: np.ndarray[Any, Any],
    ranks: np.ndarray[Any, Any],
    *,
    length: int,
    discount: float,
) -> np.ndarray[Any, Any]:
    """What each choice may have caused.

    Args:
        list_rewards: what the place of the target in the list earned, (N, T).
        other_rewards: what the rest of the answer earned, (N, T).
        ranks: place of the target in the list, from 1; 0 where it is not listed. (N, T).
        length: places of a list, ``L``.
        discount: weight of the next turn.

    Returns:
        (N, T, L + 1): for place ``k`` of the list the discounted return of later turns, plus the
        reward of this list where the target is not before ``k``; last, for the preference, the
        return without the reward of this list.
    """
    future = np.zeros_like(list_rewards)
    for t in reversed(range(list_rewards.shape[1] - 1)):
        future[:, t] = discount * (
            list_rewards[:, t + 1] + other_rewards[:, t + 1] + future[:, t + 1]
        )
    places = np.arange(1, length + 1)
    caused = (ranks[:, :, None] == 0) | (ranks[:, :, None] >= places)
    own = np.where(caused, list_rewards[:, :, None], 0.0) + future[:, :, None]
    form = (other_rewards + future)[:, :, None]
    return np.concatenate([own, form], axis=2)


def group_advantages(values: np.ndarray[Any, Any], group: int) -> np.ndarray[Any, Any]:
    """Values (N, ...) less the mean of their group of ``group`` rows, over one deviation."""
    grouped = values.reshape(-1, group, *values.shape[1:])
    centred = grouped - grouped.mean(axis=1, keepdims=True)
    return (centred / max(float(centred.std()), 1e-6)).reshape(values.shape)


class _Run:
    """One training: its optimiser, its log, what was best, and what a restart needs."""

    def __init__(
        self,
        ranker: Ranker,
        task: Task,
        valid: Task,
        config: RankerConfig,
        out: Path | None,
        log: Log,
    ) -> None:
        self.ranker, self.task, self.valid = ranker, task, valid
        self.config, self.out, self._tell = config, out, log
        self.begun = time.monotonic()
        self.best: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            self._own(out / "config.json")

    def stage(self, name: str, epochs: int, epoch: Callable[[int], dict[str, float]]) -> None:
        """Train to the last epoch, or until patience ends, and go back to the best."""
        policy = self.ranker.policy
        rate = self.config.supervised_rate if name == "supervised" else self.config.rl_rate
        self.optimiser = torch.optim.AdamW(
            policy.parameters(), lr=rate, weight_decay=self.config.weight_decay
        )
        done, best = self._resume(name)
        if not best:
            value = self._validate()
            # A stage may end where it began only when that was trained: not the uniform policy.
            kept = value if name == "rl" else -math.inf
            best = {"epoch": 0, "value": kept, "policy": _copy(policy)}
            self._log({"stage": name, "epoch": 0, "valid": value})
        while done < epochs and done - best["epoch"] < self.config.patience:
            done += 1
            began = time.monotonic()
            policy.train()
            told = epoch(done)
            policy.eval()
            value = self._validate()
            if value > best["value"]:
                best = {"epoch": done, "value": value, "policy": _copy(policy)}
            self._log(
                {
                    "stage": name,
                    "epoch": done,
                    "valid": value,
                    **told,
                    "seconds": round(time.monotonic() - began, 2),
                }
            )
            self._keep(name, done, best)
        policy.load_state_dict(best["policy"])
        self.best[name] = {"epoch": best["epoch"], "valid": round(best["value"], 6)}

    def record(self) -> dict[str, Any]:
        """What the ranker's report says of its training."""
        return {
            "trained_on": {"spec": self.task.id, "hash": self.task.hash},
            "training": _plain(self.config),
            "best": self.best,
        }

    def fit(self, examples: Examples, number: int) -> dict[str, float]:
        """One pass of supervised training."""
        config = self.config
        rng = np.random.default_rng(derive_seed(config.seed, "supervised", number))
        losses = []
        for rows in _batches(rng.permutation(len(examples.view)), config.supervised_batch):
            view = examples.view.take(rows)
            scores, forms = self.ranker.policy(view)
            masked = scores.masked_fill(~torch.from_numpy(view.mask), -torch.inf)
            targets = examples.targets[rows]
            loss = cross_entropy(forms, examples.forms[rows])
            if bool((targets >= 0).any()):
                loss = loss + cross_entropy(masked, targets, ignore_index=-1)
            self._step(loss)
            losses.append(float(loss.detach()))
        return {"loss": round(float(np.mean(losses)), 5)}

    def reinforce(self, number: int) -> dict[str, float]:
        """One epoch of reinforcement learning."""
        config, world = self.config, self.task.world
        rng = np.random.default_rng(derive_seed(config.seed, "rl", number))
        generator = torch.Generator().manual_seed(derive_seed(config.seed, "rl", number) % 2**31)
        chosen = rng.permutation(len(self.task.scenarios))[: config.rl_scenarios]
        told: list[dict[str, float]] = []
        for rows in _batches(chosen, config.rl_batch):
            scenarios = [self.task.scenarios[row] for row in rows]
            seed = int(rng.integers(2**31))
            copies = [s for s in world.start(scenarios, seed=seed) for _ in range(config.group)]
            # Another seed for each copy: what is learned must not hang on one draw of the user's.
            starts = [
                replace(state, seed=derive_seed(seed, number % config.group))
                for number, state in enumerate(copies)
            ]
            played = play_groups(self.ranker, self.task, starts, generator)
            told.append(self._update(played))
        return {key: round(float(np.mean([t[key] for t in told])), 5) for key in told[0]}

    def _update(self, played: Trajectories) -> dict[str, float]:
        config, ranker = self.config, self.ranker
        lists, others, ranks = _rewards(played, self.task)
        length = played.choices[0].lists.shape[1]
        values = credits(lists, others, ranks, length=length, discount=config.discount)
        advantages = group_advantages(values, config.group)
        # (T * N, L + 1), turn by turn, as the views are stacked.
        advantage = torch.from_numpy(advantages.astype(np.float32)).transpose(0, 1).flatten(0, 1)
        view = View.concat(played.views)
        choices = Choices(
            torch.cat([c.lists for c in played.choices]),
            torch.cat([c.forms for c in played.choices]),
        )
        with torch.no_grad():
            before = torch.cat(_joined(ranker.log_prob(view, choices)), dim=1)
        clipped, moved = 0.0, 0.0
        for _ in range(config.updates):
            now = torch.cat(_joined(ranker.log_prob(view, choices)), dim=1)
            ratio = (now - before).exp()
            limited = ratio.clamp(1 - config.clip, 1 + config.clip)
            gain = torch.minimum(ratio * advantage, limited * advantage).sum(dim=1).mean()
            self._step(-gain)
            with torch.no_grad():
                clipped = float((ratio != limited).float().mean())
                moved = float((before - now).sum(dim=1).mean())
        return {
            "return": float((lists + others).sum(axis=1).mean()),
            "hit_first": float((ranks[:, 0] > 0).mean()),
            "hit_last": float((ranks[:, -1] > 0).mean()),
            "log_prob": float(before.sum(dim=1).mean()),
            "kl": moved,
            "clipped": clipped,
        }

    def _step(self, loss: Tensor) -> None:
        if not math.isfinite(float(loss.detach())):
            raise ConfigurationError(
                "the loss is not finite any more: lower the learning rate; the last good epoch is "
                f"kept in {self.out}"
            )
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.ranker.policy.parameters(), 1.0)
        self.optimiser.step()

    def _validate(self) -> float:
        """Mean over scenarios and turns of the weighted list rewards on valid."""
        outcomes = play(self.ranker, self.valid, seed=self.config.seed)
        lists, _ = split_rewards(outcomes, self.valid)
        return float(lists.mean())

    def _log(self, record: dict[str, Any]) -> None:
        record = {**record, "elapsed": round(time.monotonic() - self.begun, 1)}
        self._tell(record)
        if self.out is not None:
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    def _own(self, path: Path) -> None:
        """Refuse a folder that belongs to another training; mark a new one."""
        mine = {"task": self.task.hash, **_plain(self.config)}
        if path.is_file():
            if json.loads(path.read_text(encoding="utf-8")) != mine:
                raise ConfigurationError(
                    f"{path.parent} holds a training with other settings (see {path.name}); choose "
                    "another folder, or delete it"
                )
        else:
            path.write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")

    def _keep(self, stage: str, done: int, best: dict[str, Any]) -> None:
        """Write all that going on needs: weights, the best weights, and the optimiser."""
        if self.out is None:
            return
        from safetensors.torch import save_file

        tensors = {f"policy/{k}": v for k, v in self.ranker.policy.state_dict().items()}
        tensors |= {f"best/{k}": v for k, v in best["policy"].items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{number}/{key}": value for key, value in state.items()}
        notes = {"done": str(done), "epoch": str(best["epoch"]), "value": repr(best["value"])}
        path = self.out / f"{stage}.safetensors"
        part = path.with_suffix(".part")
        save_file({k: v.contiguous() for k, v in tensors.items()}, part, metadata=notes)
        part.replace(path)

    def _resume(self, stage: str) -> tuple[int, dict[str, Any]]:
        """How many epochs are done, and the best so far; nothing where none was kept."""
        path = self.out / f"{stage}.safetensors" if self.out else None
        if path is None or not path.is_file():
            return 0, {}
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            notes = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        groups: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = value
        self.ranker.policy.load_state_dict(groups["policy"])
        whole = self.optimiser.state_dict()
        for key, value in groups.get("adam", {}).items():
            number, _, name = key.partition("/")
            whole["state"].setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(whole)
        best = {
            "epoch": int(notes["epoch"]),
            "value": float(notes["value"]),
            "policy": groups["best"],
        }
        return int(notes["done"]), best


def play(ranker: Ranker, task: Task, *, seed: int) -> list[list[Outcome]]:
    """The likeliest answers through every turn of every scenario: T lists of n outcomes."""
    states = task.world.start(task.scenarios, seed=seed)
    outcomes = []
    for _ in range(task.world.max_turns):
        played = task.world.advance(states, ranker.act(task.world.observe(states)))
        states = [outcome.state for outcome in played]
        outcomes.append(played)
    return outcomes


def split_rewards(
    outcomes: Sequence[Sequence[Outcome]], task: Task
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """What the lists earned (``hit`` and ``rank``, weighted) and what the rest did, (n, T) each."""
    weights = task.world.rewards.weights
    total = np.array([[outcome.reward for outcome in turn] for turn in outcomes]).T
    listed = np.array(
        [
            [
                sum(weights.get(k, 0.0) * o.reward_terms.get(k, 0.0) for k in ("hit", "rank"))
                for o in turn
            ]
            for turn in outcomes
        ]
    ).T
    return listed, total - listed


def _rewards(
    played: Trajectories, task: Task
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    lists, others = split_rewards(played.outcomes, task)
    ranks = np.array([[o.target_rank or 0 for o in turn] for turn in played.outcomes]).T
    return lists, others, ranks


def _joined(parts: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    places, forms = parts
    return places, forms[:, None]


def _batches(order: np.ndarray[Any, Any], size: int) -> Iterator[np.ndarray[Any, Any]]:
    return (order[start : start + size] for start in range(0, len(order), size))


def _copy(policy: RankingPolicy) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in policy.state_dict().items()}


def _plain(config: RankerConfig) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain


__all__ = [
    "Examples",
    "RankerConfig",
    "Trajectories",
    "credits",
    "group_advantages",
    "play",
    "play_groups",
    "split_of",
    "split_rewards",
    "supervised_examples",
    "train_ranker",
]
