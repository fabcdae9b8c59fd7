"""Where a GRPO step's time goes, and how it compares with bare sampling and with TRL.

    python benchmarks/grpo.py --model DIR                       # Hugging Face draws the answers
    .venv-vllm/bin/python benchmarks/grpo.py --model DIR --sampler vllm

Three things, in one process, on the same model and batch:

* the share of a step in generation, environment (with bookkeeping) and update;
* tokens a second of the sampler inside training, over those of the bare engine on the same prompts;
* seconds an answer of TRL's `GRPOTrainer` through the adapter, over those of `agents/grpo.py`.

`DIR` is what `python -m agents.scratch` or `crsgym train sft` wrote; prompts are the compact ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from agents.compact import compact_messages
from agents.grpo import GRPOSettings, Trainer
from agents.journal import read_log
from crsgym.integrations.trl import WorldRollout

VLLM = {"dtype": "float32", "max_model_len": 512, "engine_options": {"enforce_eager": True}}


def settings_of(arguments: argparse.Namespace, out: Path) -> GRPOSettings:
    """One turn a step, so that TRL's step has the same rows."""
    return GRPOSettings(
        env="Synthetic-v0",
        simulator="attributes",
        prompt="compact",
        max_turns=1,
        model=arguments.model,
        out=str(out),
        steps=arguments.steps + 1,
        scenarios=arguments.scenarios,
        group_size=arguments.group_size,
        credit="branch",
        drop_zero_variance=False,
        learning_rate=1e-5,
        rows_per_pass=arguments.scenarios * arguments.group_size,
        max_tokens=arguments.max_tokens,
        sampler=arguments.sampler,
        sampler_options=VLLM if arguments.sampler == "vllm" else {"batch_size": 256},
        eval_every=0,
        save_every=10**6,
        sample_every=0,
        tensorboard=False,
    )


def ours(trainer: Trainer) -> tuple[dict[str, float], dict[str, float]]:
    """Medians over the steps of a run, and the same prompts drawn by the bare engine."""
    asked: list[tuple[Any, Any, Any]] = []
    complete = trainer.sampler.complete

    def recorded(*question: Any) -> Any:
        asked.append(question)
        return complete(*question)

    trainer.sampler.complete = recorded  # type: ignore[method-assign]
    trainer.train()
    log = read_log(trainer.out / "log.jsonl")[1:]  # the first step warms up
    names = ("seconds", "tokens_per_second", "rows", "length/answer", "length/prompt")
    shares = ("share/generation", "share/environment", "share/update")
    inside = {name: statistics.median(r[name] for r in log) for name in (*names, *shares)}
    rates = []
    for question in asked[1:]:
        started = time.perf_counter()
        answers = trainer.sampler.chat.complete(*question)
        tokens = sum(len(answer.token_ids) for answer in answers)
        rates.append(tokens / (time.perf_counter() - started))
    return inside, {"tokens_per_second": statistics.median(rates)}


def through_trl(arguments: argparse.Namespace, trainer: Trainer, out: Path) -> float:
    """Median seconds of a step of TRL's trainer, over the same rows."""
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Clock(TrainerCallback):  # type: ignore[misc]
        times: list[float]

        def __init__(self) -> None:
            self.times = []

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.times.append(time.perf_counter())

    rows = arguments.scenarios * arguments.group_size
    reads_folder = arguments.sampler == "vllm"
    rollout = WorldRollout(
        trainer.task,
        num_generations=arguments.group_size,
        max_tokens=arguments.max_tokens,
        write=compact_messages,
        chat=trainer.sampler.chat if reads_folder else None,
        folder=out / "policy" if reads_folder else None,
    )
    clock = Clock()
    theirs = GRPOTrainer(
        model=arguments.model,
        reward_funcs=rollout.reward_functions,
        args=GRPOConfig(
            output_dir=str(out),
            max_steps=arguments.steps + 1,
            per_device_train_batch_size=rows,
            num_generations=arguments.group_size,
            max_completion_length=arguments.max_tokens,
            reward_weights=rollout.reward_weights,
            beta=0.0,
            learning_rate=1e-5,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
            logging_steps=10**6,
            disable_tqdm=True,
            gradient_checkpointing=False,
        ),
        train_dataset=rollout.dataset(),
        rollout_func=rollout,
        peft_config=LoraConfig(
            r=trainer.settings.lora_rank,
            lora_alpha=trainer.settings.lora_alpha,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[clock],
    )
    theirs.train()
    return statistics.median(b - a for a, b in zip(clock.times, clock.times[1:], strict=False))


def main() -> None:
    """Measure and print, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--sampler", choices=("transformers", "vllm"), default="transformers")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--scenarios", type=int, default=8)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=80)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        trainer = Trainer(settings_of(arguments, out / "ours"), progress=False)
        inside, bare = ours(trainer)
        theirs = through_trl(arguments, trainer, out / "trl")
    print(
        json.dumps(
            {
                "machine": f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}",
                "sampler": arguments.sampler,
                "step": {name: round(value, 4) for name, value in inside.items()},
                "bare_tokens_per_second": round(bare["tokens_per_second"], 1),
                "sampler_inside_over_bare": round(
                    inside["tokens_per_second"] / bare["tokens_per_second"], 3
                ),
                "trl_step_seconds": round(theirs, 4),
                "trl_over_ours": round(theirs / inside["seconds"], 3),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
