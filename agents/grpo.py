"""Multi-turn GRPO: a language model learns to recommend by playing the environment.

SMTPO's second stage (section 3.4.1, equation 14). One step, from top to bottom:

1. take ``scenarios`` scenarios, and answer each ``group_size`` times, turn by turn (`groups.py`);
2. compare the answers of a group: advantages (`credit.py`);
3. raise the log-probability of the better ones, within a clipped ratio (`loss.py`).

Where this departs from the textbook:

* One row per (state, answer), with the sampler's own token ids: no environment tokens to mask,
  nothing tokenised twice. Every turn's prompt is written afresh from the observation.
* The reference policy is the base with the adapter off; there is no value network.
* What a step draws follows from (seed, step) alone, so a run that was killed goes on as if it had
  not been.
* One process trains. More GPUs serve the sampler (``sampler = "server"``).

``crsgym train grpo --recipe small-gpu --model DIR --out DIR``, or ``python -m agents.grpo``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from crsgym.errors import ConfigurationError, CRSGymError, ModelServerError
from crsgym.protocols import Sampling
from crsgym.rollout import rollout, with_rules
from crsgym.seeding import derive_seed
from crsgym.task import Task
from crsgym.types import Scenario

from . import loss
from .checkpoint import checkpoints, load_checkpoint, save_checkpoint
from .groups import Groups, play_groups
from .grpo_config import FREE, GRPOSettings
from .journal import Journal
from .llm import LLMAgent, write_agent
from .policy import Tokens, collate, load_policy, token_logprobs
from .rows import Row, make_rows, padded, summarise
from .sampler import Sampler
from .settings import leave, parse


class TrainingStopped(CRSGymError):
    """Training cannot go on; says why, and which checkpoint it would go on from."""


class Trainer:
    """One run: what it has loaded, and the step it is at.

    Args:
        settings: how to train.
        progress: whether to show a progress bar.

    Raises:
        ConfigurationError: a setting that cannot work, or a folder of another run.
    """

    def __init__(self, settings: GRPOSettings, *, progress: bool = True) -> None:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        self.settings, self.progress = settings, progress
        self.out = Path(settings.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self._claim()
        self.task = settings.task("train", limit=settings.train_limit, success=settings.success)
        self.valid = settings.task("valid", limit=settings.eval_limit, success="never")
        self.policy, self.tokenizer, base = load_policy(
            settings.model,
            adapter=settings.adapter,
            out=self.out,
            lora_rank=settings.lora_rank,
            lora_alpha=settings.lora_alpha,
            bf16=settings.bf16,
            gradient_checkpointing=settings.gradient_checkpointing,
            seed=derive_seed(settings.seed, "adapter"),
        )
        AcceleratorState._reset_state()  # where another trainer of this process left its precision
        self.accelerator = Accelerator(mixed_precision="bf16" if settings.bf16 else "no")
        if self.accelerator.num_processes > 1:
            raise ConfigurationError(
                f"one process trains, and {self.accelerator.num_processes} were started; give the "
                "other GPUs to a vLLM server (sampler = 'server')"
            )
        learnt = [weight for weight in self.policy.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(
            learnt, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.network, self.optimizer = self.accelerator.prepare(self.policy, optimizer)
        self.sampler = Sampler(
            settings.sampler,
            policy=self.policy,
            tokenizer=self.tokenizer,
            base=base,
            folder=self.out,
            options=settings.sampler_options,
        )
        self.base = base
        self.step, self.best, self.stale = 0, -math.inf, 0
        saved = checkpoints(self.out / "checkpoints")
        if saved:
            record = load_checkpoint(saved[-1], self.policy, self.optimizer)
            self.step, self.stale = record["step"], record["stale"]
            self.best = -math.inf if record["best"] is None else record["best"]

    def _claim(self) -> None:
        """Refuse a folder that holds a run of other settings."""
        path, mine = self.out / "settings.json", asdict(self.settings)
        if path.is_file():
            theirs = json.loads(path.read_text(encoding="utf-8"))
            differ = [
                key
                for key in {**mine, **theirs}
                if key not in FREE and mine.get(key) != theirs.get(key)
            ]
            if differ:
                raise ConfigurationError(
                    f"{self.out} holds a run with other settings: {differ[0]} is "
                    f"{theirs.get(differ[0])!r} there and {mine.get(differ[0])!r} here; take "
                    "another folder, or delete it"
                )
        path.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")

    def train(self) -> Path:
        """Run to the end; the folder of the trained adapter.

        Raises:
            TrainingStopped: a loss that is no number, no memory, or a sampler that is gone.
        """
        from tqdm import tqdm

        settings = self.settings
        with (
            Journal(self.out, step=self.step + 1, tensorboard=settings.tensorboard) as journal,
            tqdm(total=settings.steps, initial=self.step, disable=not self.progress) as bar,
        ):
            try:
                self.sampler.publish()
                if self.step == 0 and settings.eval_every:
                    journal.write(0, self._evaluate())
                while self.step < settings.steps and not self._finished():
                    values = self._one_step()
                    self.step += 1
                    self.sampler.publish()
                    if settings.eval_every and self.step % settings.eval_every == 0:
                        values |= self._evaluate()
                    journal.write(self.step, values)
                    if self.step % settings.save_every == 0 or self.step == settings.steps:
                        self._save()
                    bar.set_postfix(
                        {k: f"{values[k]:.3f}" for k in ("return", "kl", "entropy")}, refresh=False
                    )
                    bar.update()
            except (CRSGymError, MemoryError, RuntimeError) as error:
                raise self._stopped(error) from error
        best = self.out / "best"
        return self._finish(best if best.is_dir() else None)

    def _one_step(self) -> dict[str, float]:
        """Play, credit, update; what there is to log."""
        started = time.perf_counter()
        self.sampler.reset()
        settings, step = self.settings, self.step
        turns = self.task.world.max_turns
        if settings.curriculum == "turns":
            turns = min(turns, 1 + step * turns // settings.curriculum_steps)
        task = with_rules(self.task, max_turns=turns)
        groups = play_groups(
            task.world,
            self._scenarios(),
            self.sampler,
            group_size=settings.group_size,
            branch=settings.credit == "branch",
            prompt=settings.prompt,
            sampling=Sampling(settings.max_tokens, settings.temperature, logprobs=True),
            seed=settings.seed,
            step=step,
        )
        longest = max(len(answer.completion.prompt_ids) for answer in groups.answers)
        if longest > settings.max_prompt:
            raise TrainingStopped(
                f"a prompt has {longest} tokens, and max_prompt is {settings.max_prompt}; raise "
                "it, or show less (num_candidates, list_length, max_turns)"
            )
        if settings.sample_every and step % settings.sample_every == 0:
            self._write_sample(task, groups)
        played = time.perf_counter()
        values = summarise(groups, max_tokens=settings.max_tokens) | self._update(groups)
        ended = time.perf_counter()
        generation = self.sampler.seconds
        return values | {
            "tokens_per_second": self.sampler.tokens / max(generation, 1e-9),
            "seconds": ended - started,
            "share/generation": generation / (ended - started),
            "share/environment": (played - started - generation) / (ended - started),
            "share/update": (ended - played) / (ended - started),
        }

    def _scenarios(self) -> list[Scenario]:
        """The scenarios of this step: a function of the seed and the step's number."""
        settings, all_of_them = self.settings, self.task.scenarios
        count = min(settings.scenarios, len(all_of_them))
        if settings.curriculum == "difficulty":
            known = min(1.0, 0.25 + 0.75 * self.step / settings.curriculum_steps)
            pool = self._easy_first[: max(count, round(known * len(all_of_them)))]
            rng = np.random.default_rng(derive_seed(settings.seed, "order", self.step))
            return [pool[i] for i in rng.choice(len(pool), size=count, replace=False)]
        chosen = []
        for place in range(self.step * count, (self.step + 1) * count):
            epoch, index = divmod(place, len(all_of_them))
            rng = np.random.default_rng(derive_seed(settings.seed, "order", epoch))
            chosen.append(all_of_them[rng.permutation(len(all_of_them))[index]])
        return chosen

    @cached_property
    def _easy_first(self) -> list[Scenario]:
        """Train scenarios by the place that the retriever gives the target at the first turn."""
        states = self.task.world.start(self.task.scenarios, seed=self.settings.seed)
        last = self.task.world.num_candidates
        places = [
            s.candidates.index(s.goal.target) if s.goal.target in s.candidates else last
            for s in states
        ]
        return [self.task.scenarios[i] for i in np.argsort(places, kind="stable")]

    def _update(self, groups: Groups) -> dict[str, float]:
        """Change the adapter by what was played; losses and distances."""
        settings = self.settings
        rows = make_rows(
            groups,
            self.tokenizer,
            scheme=settings.credit,
            rank_level=settings.rank_level,
            list_length=self.task.world.list_length,
            discount=settings.discount,
            scale=settings.scale_advantages,
        )
        used = [row for row in rows if row.counts or not settings.drop_zero_variance]
        values = {"rows": float(len(used)), "dropped": 1 - len(used) / len(rows)}
        for group in self.optimizer.param_groups:
            warm = min(1.0, (self.step + 1) / max(1, settings.warmup_steps))
            group["lr"] = settings.learning_rate * warm
        totals: dict[str, float] = dict.fromkeys(("kl", "entropy", "loss", "clip_fraction"), 0.0)
        if not used:
            return values | totals
        order = np.random.default_rng(derive_seed(settings.seed, "update", self.step))
        if settings.inner_epochs * settings.minibatches > 1:
            self._remember(used)
        updates = 0
        for _ in range(settings.inner_epochs):
            shuffled = [used[i] for i in order.permutation(len(used))]
            for start in range(settings.minibatches):
                batch = shuffled[start :: settings.minibatches]
                if batch:
                    updates += 1
                    for name, value in self._descend(batch).items():
                        before = totals.get(name, 0.0)
                        totals[name] = max(before, value) if "max" in name else before + value
        worst = totals.pop("mismatch_max")
        return (
            values | {n: total / updates for n, total in totals.items()} | {"mismatch_max": worst}
        )

    @torch.no_grad()
    def _remember(self, rows: Sequence[Row]) -> None:
        """Keep the log-probabilities that answers have before the first of several updates."""
        self.network.eval()
        for part in self._parts(rows):
            tokens = self._tokens(part)
            with self.accelerator.autocast():
                logprobs, _ = token_logprobs(
                    self.network, tokens, temperature=self.settings.temperature
                )
            for row, values, mask in zip(part, logprobs, tokens.mask, strict=True):
                row.old = values[mask.bool()].cpu()

    def _descend(self, rows: Sequence[Row]) -> dict[str, float]:
        """One step of the optimiser on some rows."""
        settings = self.settings
        self.network.train()
        count = float(sum(len(row.credits) for row in rows))
        # What dapo divides by: a unit, of however many tokens, counts as one.
        weights = [loss.unit_weights(r.units[None], torch.ones(1, len(r.units))) for r in rows]
        all_tokens = float(sum(float(weight.sum()) for weight in weights))
        totals: dict[str, float] = {}
        for part in self._parts(rows):
            tokens = self._tokens(part)
            mask, device = tokens.mask, tokens.mask.device
            with self.accelerator.autocast():
                logprobs, entropy = token_logprobs(
                    self.network, tokens, temperature=settings.temperature
                )
            kept = [row.old for row in part if row.old is not None]
            old = padded(kept, 0.0).to(device) if kept else logprobs.detach()
            units = padded([row.units for row in part], -1).to(device)
            advantages = padded([row.credits for row in part], 0.0)
            objective, clipped = loss.clipped_objective(
                loss.pool_units(logprobs, units, mask),
                loss.pool_units(old, units, mask),
                advantages.to(device),
                clip_low=settings.clip_low,
                clip_high=settings.clip_high,
            )
            trust = loss.sampler_weights(
                old, tokens.sampler_logprobs, mask, cap=settings.importance_cap
            )
            per_token = -objective * trust
            divergence = torch.zeros_like(mask)
            if settings.kl:
                with torch.no_grad(), self.policy.disable_adapter(), self.accelerator.autocast():
                    reference, _ = token_logprobs(
                        self.network, tokens, temperature=settings.temperature
                    )
                divergence = loss.kl_to_reference(logprobs, reference)
                per_token = per_token + settings.kl * divergence
            value = loss.reduce(
                per_token,
                loss.unit_weights(units, mask),
                settings.normalisation,
                rows=len(rows),
                tokens=all_tokens,
                max_tokens=settings.max_tokens,
            )
            if not torch.isfinite(value):
                raise TrainingStopped(f"the loss of step {self.step} is {float(value.detach())}")
            self.accelerator.backward(value)
            gap = (old - tokens.sampler_logprobs).abs() * mask
            for name, sum_ in (
                ("kl", (divergence.detach() * mask).sum() / count),
                ("entropy", (entropy * mask).sum() / count),
                ("clip_fraction", (clipped * mask).sum() / count),
                ("mismatch", gap.sum() / count),
                ("importance_capped", ((trust >= settings.importance_cap) * mask).sum() / count),
                ("loss", value.detach()),
            ):
                totals[name] = totals.get(name, 0.0) + float(sum_)
            totals["mismatch_max"] = max(totals.get("mismatch_max", 0.0), float(gap.max()))
        norm = float(
            self.accelerator.clip_grad_norm_(self.network.parameters(), settings.max_grad_norm)
        )
        if not math.isfinite(norm):
            raise TrainingStopped(f"the gradient of step {self.step} is {norm}")
        self.optimizer.step()
        self.optimizer.zero_grad()
        return totals | {"grad_norm": norm, "learning_rate": self.optimizer.param_groups[0]["lr"]}

    def _parts(self, rows: Sequence[Row]) -> list[list[Row]]:
        """Rows of like length together, so that little is padded."""
        size = self.settings.rows_per_pass
        ordered = sorted(rows, key=lambda row: row.length)
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def _tokens(self, rows: Sequence[Row]) -> Tokens:
        pad = self.tokenizer.pad_token_id
        return collate(
            [row.completion for row in rows],
            self.tokenizer.eos_token_id if pad is None else pad,
            self.accelerator.device,
        )

    def _evaluate(self) -> dict[str, float]:
        """The greedy policy on valid; keeps the adapter when the return is the best yet."""
        settings = self.settings
        self.policy.eval()
        agent = LLMAgent(
            self.sampler.chat,
            list_length=settings.list_length,
            prompt=settings.prompt,
            max_tokens=settings.max_tokens,
        )
        episodes = rollout(agent, self.valid, seed=settings.seed, progress=False)
        returns = float(np.mean([episode.total_reward for episode in episodes]))
        self.stale = 0 if returns > self.best else self.stale + 1
        if returns > self.best:
            self.best = returns
            self.policy.save_pretrained(str(self.out / "best"))
        hits = [[step.target_rank is not None for step in episode.steps] for episode in episodes]
        rates = np.mean(hits, axis=0)
        return {"eval/return": returns} | {
            f"eval/recall_turn_{turn}": float(rate) for turn, rate in enumerate(rates, 1)
        }

    def _finished(self) -> bool:
        return bool(self.settings.patience) and self.stale >= self.settings.patience

    def _save(self) -> None:
        best = None if self.best == -math.inf else self.best
        save_checkpoint(
            self.out / "checkpoints",
            self.step,
            self.policy,
            self.optimizer,
            {"best": best, "stale": self.stale},
            keep=self.settings.keep,
        )

    def _finish(self, best: Path | None) -> Path:
        """Write the last adapter, and the agent: the best one where there were evaluations."""
        adapter = self.out / "adapter"
        self.policy.save_pretrained(str(adapter))
        write_agent(
            self.out,
            LLMAgent,
            model=f"transformers:{self.base}",
            adapter=str(best or adapter),
            prompt=self.settings.prompt,
            max_tokens=self.settings.max_tokens,
        )
        return best or adapter

    def _write_sample(self, task: Task, groups: Groups) -> None:
        path = self.out / "samples" / f"step-{self.step:06d}.txt"
        path.parent.mkdir(exist_ok=True)
        episode = task.world.episode(groups.finals[0], agent=f"step {self.step}", env=task.id)
        path.write_text(str(episode) + "\n", encoding="utf-8")

    def _stopped(self, error: BaseException) -> BaseException:
        """A clear end for what cannot go on; any other error as it is."""
        saved = checkpoints(self.out / "checkpoints")
        whence = f"the last good checkpoint is {saved[-1]}" if saved else "no checkpoint was saved"
        again = f"{whence}; the same command goes on from there"
        if isinstance(error, TrainingStopped):
            return TrainingStopped(f"{error}; {whence}")
        if isinstance(error, ModelServerError):
            return TrainingStopped(f"step {self.step}: the sampler is gone: {error}; {again}")
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            return TrainingStopped(
                f"step {self.step}: out of memory ({error}); {again}, with a smaller rows_per_pass "
                "or with gradient_checkpointing"
            )
        return error


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    trainer = Trainer(parse(GRPOSettings, "crsgym train grpo", argv))
    print(trainer.train())  # noqa: T201
    return 0


if __name__ == "__main__":
    leave(main)

__all__ = ["GRPOSettings", "Trainer", "TrainingStopped", "main"]
