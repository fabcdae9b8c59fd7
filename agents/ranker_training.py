"""Training of the ranking policy: supervised, by reinforcement learning, or the one then the other.

How it departs from the textbook:

* The supervised examples are those of the method (SMTPO, section 3.4.1): the recorded first turn,
  and a turn after a constructed list (H+, H-, S+, S-) with the user's feedback on it.
* Reinforcement learning plays groups of ``G`` whole conversations from copies of one start, all
  five turns, found or not. An answer is a sequence of choices: the places of the list one by one,
  and the form of the preference. Each has an importance ratio of its own, clipped as in PPO.
* The choices of an answer are credited with the discounted return of *later* turns, less its mean
  over the group at that turn (GRPO), since what they change is what comes next.
* What a list earns *now* is learned from ``M`` lists drawn in the same state, less their mean: a
  reward is a pure function of answer and goal, so these need no further turn of the world. Of a
  list, the places up to the target's are credited.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from crsgym.errors import ConfigurationError
from crsgym.registry import make_task
from crsgym.rollout import with_rules
from crsgym.seeding import derive_seed

from .ranker import Ranker, RankingPolicy
from .ranker_checkpoint import copy, keep, resume
from .ranker_config import RankerConfig
from .ranker_episodes import (
    Trajectories,
    Values,
    less_group_mean,
    place_credits,
    place_rewards,
    play,
    play_groups,
    returns_after,
    split_rewards,
    target_ranks,
)
from .ranker_examples import Examples, supervised_examples
from .settings import leave, parse

if TYPE_CHECKING:
    from crsgym.task import Task

Log = Callable[[dict[str, Any]], None]


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
        The ranker of the best epoch on valid, by what the list of the last turn earns (``hit`` and
        ``rank``, weighted).

    Raises:
        ConfigurationError: when ``out`` holds a training with other settings.
    """
    config = config or RankerConfig()
    task = with_rules(task, success="never")
    valid = with_rules(valid or split_of(task, "valid", config.valid), success="never")
    torch.manual_seed(derive_seed(config.seed, "weights") % 2**31)
    ranker = start or Ranker(RankingPolicy(config.policy), config.policy, task)
    run = _Run(ranker, task, valid, config, out, log, trained=start is not None)
    if start is None:
        examples = supervised_examples(task, ranker, config)
        ranker.policy.set_scale(examples.view)
        if config.mode != "rl":
            run.stage("supervised", config.supervised_epochs, lambda n: run.fit(examples, n))
    if config.mode == "supervised-rl":
        ranker.policy.soften(config.soften)
    if config.mode != "supervised":
        run.stage("rl", config.rl_epochs, run.reinforce)
    ranker.record = run.record()
    if out is not None:
        ranker.save(out)
    return ranker


def split_of(task: Task, split: str, limit: int | None = None) -> Task:
    """The same world over another split."""
    return replace(task, split=split, scenarios=task.dataset.scenarios(split)[:limit])


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
        *,
        trained: bool,
    ) -> None:
        self.trained = trained
        self.ranker, self.task, self.valid = ranker, task, valid
        self.config, self.out, self._tell = config, out, log
        self.begun = time.monotonic()
        self.best: dict[str, Any] = {}
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
        kept_at = self.out / f"{name}.safetensors" if self.out else None
        done, best = resume(kept_at, policy, self.optimiser) if kept_at else (0, {})
        if not best:
            value = self._validate()
            # A stage may end where it began only when that was trained: not the uniform policy.
            kept = value if self.trained else -math.inf
            best = {"epoch": 0, "value": kept, "policy": copy(policy)}
            self._log({"stage": name, "epoch": 0, "valid": value})
        while done < epochs and done - best["epoch"] < self.config.patience:
            done += 1
            began = time.monotonic()
            policy.train()
            told = epoch(done)
            policy.eval()
            value = self._validate()
            if value > best["value"]:
                best = {"epoch": done, "value": value, "policy": copy(policy)}
            self._log(
                {
                    "stage": name,
                    "epoch": done,
                    "valid": value,
                    **told,
                    "seconds": round(time.monotonic() - began, 2),
                }
            )
            if kept_at is not None:
                keep(kept_at, policy, self.optimiser, done, best)
        policy.load_state_dict(best["policy"])
        self.trained = True
        self.best[name] = {"epoch": best["epoch"], "valid": round(best["value"], 6)}

    def record(self) -> dict[str, Any]:
        """What the ranker's report says of its training."""
        return {
            "trained_on": {"env": self.task.id, "hash": self.task.hash},
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
        if config.rl_decay:
            left = 1 - (number - 1) / config.rl_epochs
            self.optimiser.param_groups[0]["lr"] = config.rl_rate * left
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
            played = play_groups(
                self.ranker, self.task, starts, lists=config.lists, generator=generator
            )
            told.append(self._update(played))
        return {key: round(float(np.mean([t[key] for t in told])), 5) for key in told[0]}

    def _update(self, played: Trajectories) -> dict[str, float]:
        config, ranker = self.config, self.ranker
        listed, others = split_rewards(played.outcomes, self.task)
        earned = torch.from_numpy(place_rewards(self.task, played.lists.shape[2])).float()
        now = place_credits(played.lists, played.targets, earned)  # (T * N, M, L)
        later = returns_after(listed + others, config.discount)
        # One deviation for both: they are in one unit, and their proportion is what counts.
        scale = max(float(now.std()), 1e-6)
        now /= scale
        chosen = _by_turn(less_group_mean(later, config.group) / scale)[:, None]  # (T * N, 1)
        form = _by_turn(less_group_mean(later + others, config.group) / scale)[:, None]
        chosen = torch.cat([chosen.expand(-1, played.choices.lists.shape[1]), form], dim=1)
        with torch.no_grad():
            before = ranker.log_probs(played.view, played.choices, played.lists)
        clipped, moved = 0.0, 0.0
        for _ in range(config.updates):
            after = ranker.log_probs(played.view, played.choices, played.lists)
            gain_later, clipped = _gain(before[0], after[0], chosen, config.clip)
            gain_now, _ = _gain(before[1], after[1], now, config.clip)
            self._step(-(gain_later.sum(dim=1).mean() + gain_now.sum(dim=2).mean()))
            moved = float((before[0] - after[0].detach()).sum(dim=1).mean())
        ranks = target_ranks(played.outcomes)
        return {
            "return": float((listed + others).sum(axis=1).mean()),
            "hit_first": float((ranks[:, 0] > 0).mean()),
            "hit_last": float((ranks[:, -1] > 0).mean()),
            "log_prob": float(before[0].sum(dim=1).mean()),
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
        """Mean over the scenarios of what the last list earns on valid."""
        last = []
        for number in range(self.config.valid_plays):
            seed = derive_seed(self.config.seed, "valid", number)
            listed, _ = split_rewards(play(self.ranker, self.valid, seed=seed), self.valid)
            last.append(listed[:, -1].mean())
        return float(np.mean(last))

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


def _gain(before: Tensor, after: Tensor, advantage: Tensor, clip: float) -> tuple[Tensor, float]:
    """PPO's clipped objective of each choice, and the share of the ratios that were clipped."""
    ratio = (after - before).exp()
    limited = ratio.clamp(1 - clip, 1 + clip)
    share = float((ratio != limited).float().mean())
    return torch.minimum(ratio * advantage, limited * advantage), share


def _by_turn(values: Values) -> Tensor:
    """Values (N, T) in the order of a stacked view: (T * N,)."""
    return torch.from_numpy(values.T.reshape(-1).astype(np.float32))


def _batches(order: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    return (order[start : start + size] for start in range(0, len(order), size))


def _plain(config: RankerConfig) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain


@dataclass(frozen=True, kw_only=True)
class RankerSettings(RankerConfig):
    """Train the ranking policy. An interrupted training goes on when it is called again."""

    env: str
    """Environment id; `crsgym envs` lists them."""
    out: str
    """Folder of the result; then `ranker:FOLDER` is an agent of `crsgym bench`."""
    simulator: str | None = None
    """Simulated user: a name or module:Class; the environment's own if not given."""
    retriever: str | None = None
    """Retriever: a name, module:Class or a saved one's folder; the environment's own if not
    given."""
    simulator_options: dict[str, Any] = field(default_factory=dict)
    """Options of the simulated user, as JSON."""
    retriever_options: dict[str, Any] = field(default_factory=dict)
    """Options of the retriever, as JSON."""
    reward_weights: dict[str, float] = field(default_factory=dict)
    """Weights of reward terms that are not 1, as JSON."""
    limit: int | None = None
    """Train on the first so many scenarios only."""

    def task(self) -> Task:
        """The task of the train split."""
        return make_task(
            self.env,
            split="train",
            simulator=self.simulator,
            retriever=self.retriever,
            simulator_options=self.simulator_options,
            retriever_options=self.retriever_options,
            reward_weights=self.reward_weights or None,
            success="never",
            limit=self.limit,
        )

    def config(self) -> RankerConfig:
        """How to train, without where."""
        return RankerConfig(**{f.name: getattr(self, f.name) for f in fields(RankerConfig)})


def main(argv: Sequence[str] | None = None) -> int:
    """``crsgym train ranker``."""
    settings = parse(RankerSettings, "crsgym train ranker", argv)
    train_ranker(settings.task(), settings.config(), out=Path(settings.out), log=show)
    print(settings.out)  # noqa: T201
    return 0


def show(record: dict[str, Any]) -> None:
    """One line on standard error for every epoch."""
    shown = " ".join(
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items()
    )
    print(shown, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    leave(main)

__all__ = ["RankerSettings", "main", "show", "split_of", "train_ranker"]
