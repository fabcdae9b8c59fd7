"""Supervised fine-tuning of a chat model, for simulated users and for recommenders.

A conversation is turned into token ids here, once, exactly as generation will see it: the chat
template up to the assistant's turn, then the answer's own tokens and the end token. The loss is on
the answer only (SMTPO, equation 6). The rest is TRL's ``SFTTrainer``, with a peft LoRA adapter
unless all the weights are to be trained. ``accelerate launch`` spreads it over several GPUs.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from crsgym.errors import ConfigurationError
from crsgym.protocols import Message
from crsgym.types import to_json

RECORD = "finetune.json"
"""Written last into the output folder: settings, data and the course of the measures."""

Evaluation = Callable[[Any, Any], Mapping[str, float]]
"""Measures a (model, tokenizer) in mid-training, by name."""


@dataclass(frozen=True)
class FinetuneSettings:
    """How to train; the defaults are the method's for its simulator."""

    lora_rank: int = 8
    """Rank of the LoRA adapter; 0 trains all the weights."""
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    learning_rate: float = 1e-5
    epochs: float = 5
    batch_size: int = 8
    """Examples a step and device."""
    gradient_accumulation: int = 1
    warmup_ratio: float = 0.0
    schedule: str = "linear"
    weight_decay: float = 0.0
    max_length: int = 2048
    """Tokens; longer examples are left out, and counted."""
    gradient_checkpointing: bool = True
    """Saves memory for time; of no use to a small model."""
    similar_lengths: bool = False
    """Batches of examples of about one length: less padding, somewhat less random batches."""
    bfloat16: bool | None = None
    """Whether to calculate in bfloat16: on a GPU that has it when None. A CPU with instructions for
    it is faster then, too; weights that are trained stay in float32."""
    seed: int = 0

    def __post_init__(self) -> None:
        low = {"lora_rank": 0, "batch_size": 1, "gradient_accumulation": 1, "max_length": 2}
        for name, least in low.items():
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"{name}: expected at least {least}; got {getattr(self, name)}"
                )
        for name in ("learning_rate", "epochs"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name}: expected more than 0; got {getattr(self, name)}")


@dataclass(frozen=True)
class FinetuneResult:
    """What came of it."""

    path: Path
    """Folder of the adapter (or, with ``lora_rank=0``, the model) and its tokenizer."""
    history: tuple[Mapping[str, float], ...]
    """What was logged, in order: losses and measures, each with its ``epoch``."""
    left_out: int
    """Training examples longer than ``max_length``."""


def finetune(
    model: str | Path,
    examples: Sequence[Sequence[Message]],
    out: str | Path,
    *,
    settings: FinetuneSettings | None = None,
    valid: Sequence[Sequence[Message]] = (),
    evaluate: Evaluation | None = None,
    progress: bool = True,
) -> FinetuneResult:
    """Train on conversations that end in the assistant's answer.

    A run that was killed goes on from its last epoch when called again; one that is complete is
    returned as it is.

    Args:
        model: folder or hub name of a causal language model with a chat template.
        examples: conversations, the last message the answer to learn.
        out: the output folder.
        settings: how to train.
        valid: conversations to report the loss of after every epoch.
        evaluate: further measures of the model after every epoch.
        progress: whether to show a progress bar.

    Raises:
        ConfigurationError: a package is missing, no example is usable, or another run's folder.
    """
    settings = settings or FinetuneSettings()
    out = Path(out)
    identity = _identity(model, examples, valid, settings)
    done = _finished(out, identity)
    if done is not None:
        return done
    try:
        import torch
        from datasets import Dataset
        from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
        from transformers.trainer_utils import get_last_checkpoint
        from trl import SFTConfig, SFTTrainer
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"fine-tuning needs the package {error.name}: pip install 'crsgym[train]'"
        ) from error

    tokenizer = AutoTokenizer.from_pretrained(str(model))
    if not tokenizer.chat_template:
        raise ConfigurationError(f"the tokenizer of {model} has no chat template")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = [_row(tokenizer, example) for example in examples]
    kept = [row for row in rows if len(row["input_ids"]) <= settings.max_length]
    if not kept:
        shortest = min((len(row["input_ids"]) for row in rows), default=0)
        raise ConfigurationError(
            f"none of {len(rows)} examples fits max_length={settings.max_length} tokens; the "
            f"shortest has {shortest}"
        )
    held_out = [_row(tokenizer, example) for example in valid]
    held_out = [row for row in held_out if len(row["input_ids"]) <= settings.max_length]

    gpu = torch.cuda.is_available()
    bfloat16 = settings.bfloat16
    if bfloat16 is None:
        bfloat16 = gpu and torch.cuda.is_bf16_supported()
    checkpoints = out / "checkpoints"
    arguments = SFTConfig(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        warmup_steps=settings.warmup_ratio,
        lr_scheduler_type=settings.schedule,
        weight_decay=settings.weight_decay,
        max_length=settings.max_length,
        gradient_checkpointing=settings.gradient_checkpointing,
        bf16=bfloat16,
        use_cpu=not gpu,
        seed=settings.seed,
        logging_steps=max(1, len(kept) // (settings.batch_size * 20)),
        eval_strategy="epoch" if held_out else "no",
        save_strategy="epoch",
        save_total_limit=1,
        disable_tqdm=not progress,
        report_to=_reporters(),
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    with _own_randomness(settings.seed):
        network = AutoModelForCausalLM.from_pretrained(
            str(model),
            dtype=torch.bfloat16 if bfloat16 and settings.lora_rank else torch.float32,
            # On a CPU the fused attention takes a third of a step in bfloat16. This one is faster,
            # and keeps the square of the length in memory where no gradients are checkpointed.
            attn_implementation="eager" if bfloat16 and not gpu else None,
        )
        lengths = [len(row["input_ids"]) for row in kept]
        trainer = _trainer(SFTTrainer, lengths, settings)(
            model=network,
            args=arguments,
            train_dataset=Dataset.from_list(kept),
            eval_dataset=Dataset.from_list(held_out) if held_out else None,
            processing_class=tokenizer,
            peft_config=_lora(settings) if settings.lora_rank else None,
            callbacks=[_measures(evaluate)] if evaluate is not None else None,
        )
        trainer.remove_callback(PrinterCallback)  # the log is in the result
        last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
        trainer.train(resume_from_checkpoint=last)
    trainer.save_model(str(out))
    if trainer.is_world_process_zero():
        tokenizer.save_pretrained(str(out))
        history = [dict(entry) for entry in trainer.state.log_history]
        record = {**identity, "history": history, "left_out": len(rows) - len(kept)}
        partial = out / (RECORD + ".partial")
        partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
        partial.replace(out / RECORD)
        shutil.rmtree(checkpoints)
        # A pickle that nothing reads: the settings are in the record.
        (out / "training_args.bin").unlink(missing_ok=True)
    trainer.accelerator.wait_for_everyone()
    result = _finished(out, identity)
    if result is None:
        raise ConfigurationError(f"{out / RECORD} cannot be read; is {out} on a shared disk?")
    return result


def _identity(
    model: str | Path,
    examples: Sequence[Sequence[Message]],
    valid: Sequence[Sequence[Message]],
    settings: FinetuneSettings,
) -> dict[str, Any]:
    """What makes two runs the same run."""
    digest = hashlib.sha256()
    for example in (*examples, None, *valid):
        digest.update(to_json(example) + b"\n")
    return {
        "model": str(model),
        "examples": len(examples),
        "data": digest.hexdigest(),
        "settings": asdict(settings),
    }


def _finished(out: Path, identity: Mapping[str, Any]) -> FinetuneResult | None:
    """The result of a run that is complete in ``out``; claims the folder for this run if not.

    Raises:
        ConfigurationError: when the folder holds another run, complete or not.
    """
    out.mkdir(parents=True, exist_ok=True)
    record = out / RECORD
    claim = out / (RECORD + ".running")
    for file in (record, claim):
        if not file.is_file():
            continue
        found = json.loads(file.read_text(encoding="utf-8"))
        # A folder from before there was a setting: it was made with what is now the default.
        found["settings"] = {**asdict(FinetuneSettings()), **(found.get("settings") or {})}
        for key, value in identity.items():
            if found.get(key) != value:
                raise ConfigurationError(
                    f"{out} holds another run: its {key} is {found.get(key)!r}, and not {value!r}; "
                    "take another folder, or delete this one"
                )
        if file is record:
            claim.unlink(missing_ok=True)
            return FinetuneResult(out, tuple(found["history"]), found["left_out"])
    claim.write_text(json.dumps(identity), encoding="utf-8")
    return None


def _row(tokenizer: Any, example: Sequence[Message]) -> dict[str, list[int]]:
    """Token ids, and labels that are -100 on all but the answer.

    Raises:
        ConfigurationError: when the last message is not the assistant's.
    """
    if len(example) < 2 or example[-1]["role"] != "assistant":
        raise ConfigurationError(
            "an example is a list of messages that ends in the assistant's answer; got roles "
            f"{[message['role'] for message in example]}"
        )
    text = tokenizer.apply_chat_template(
        list(example[:-1]), tokenize=False, add_generation_prompt=True
    )
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    # Not the template's own rendering of the answer: some templates cut the thoughts out of it.
    answer = tokenizer(example[-1]["content"], add_special_tokens=False)["input_ids"]
    answer = [*answer, tokenizer.eos_token_id]
    return {"input_ids": [*prompt, *answer], "labels": [-100] * len(prompt) + answer}


def _trainer(base: Any, lengths: Sequence[int], settings: FinetuneSettings) -> Any:
    """TRL's trainer, cheaper in padding when told to, and in the loss where there is no GPU.

    There TRL multiplies every position with the whole vocabulary and masks all but the answer then:
    most of the time of a small model. The loss is the same.
    """
    import torch

    class AnswerTrainer(base):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            if not settings.similar_lengths:
                return super()._get_train_sampler(train_dataset)
            return SimilarLengths(lengths, self.args.train_batch_size, settings.seed)

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            if return_outputs or self.accelerator.num_processes > 1 or not self.args.use_cpu:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            causal = model.get_base_model() if hasattr(model, "get_base_model") else model
            asked = {key: value for key, value in inputs.items() if key != "labels"}
            labels = inputs["labels"][:, 1:]  # (B, W - 1)
            learnt = labels != -100
            with self.accelerator.autocast():
                hidden = causal.base_model(**asked, use_cache=False).last_hidden_state[:, :-1]
                logits = causal.get_output_embeddings()(hidden[learnt])  # (tokens, V)
            loss = torch.nn.functional.cross_entropy(
                logits.float(), labels[learnt], reduction="sum"
            )
            return loss / (learnt.sum() if num_items_in_batch is None else num_items_in_batch)

    return AnswerTrainer


class SimilarLengths:
    """Rows for batches of about one length, the batches at random; by seed and epoch alone."""

    _POOL = 16  # batches whose rows are sorted together

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths, self._batch = np.asarray(lengths), batch_size
        self._seed, self._epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self._seed, self._epoch))
        order = rng.permutation(len(self._lengths))
        full = len(order) - len(order) % self._batch  # the odd rows come last, and shift nothing
        batches: list[list[int]] = []
        for start in range(0, full, self._batch * self._POOL):
            pool = order[start : min(start + self._batch * self._POOL, full)]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += pool.reshape(-1, self._batch).tolist()
        yield from (row for at in rng.permutation(len(batches)) for row in batches[at])
        yield from order[full:].tolist()


def _lora(settings: FinetuneSettings) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _measures(evaluate: Evaluation) -> Any:
    """A callback that logs ``evaluate`` after every epoch, as ``measure/NAME``."""
    from transformers import TrainerCallback

    class Measures(TrainerCallback):  # type: ignore[misc]
        def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if not state.is_world_process_zero:
                return
            model, tokenizer = kwargs["model"], kwargs["processing_class"]
            model.eval()
            values = {f"measure/{name}": float(v) for name, v in evaluate(model, tokenizer).items()}
            model.train()
            state.log_history.append({**values, "epoch": state.epoch, "step": state.global_step})

    return Measures()


def _reporters() -> list[str]:
    from importlib.util import find_spec

    return ["tensorboard"] if find_spec("tensorboard") else []


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """The trainer seeds the global generators; whoever calls this finds theirs as they were."""
    import torch

    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def settings_from(options: Mapping[str, Any]) -> FinetuneSettings:
    """Settings from keywords, refusing a name that there is not.

    Raises:
        ConfigurationError: naming the setting and the nearest one that exists.
    """
    from crsgym.plugins import unknown

    names = [field.name for field in fields(FinetuneSettings)]
    for option in options:
        if option not in names:
            raise unknown("fine-tuning setting", option, names)
    return FinetuneSettings(**options)


__all__ = ["Evaluation", "FinetuneResult", "FinetuneSettings", "finetune", "settings_from"]
