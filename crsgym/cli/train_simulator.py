"""``crsgym train simulator``: a chat model learns to play the user."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from crsgym.cli import options
from crsgym.errors import ConfigurationError


def simulator(
    env: options.Env,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="The chat model to train: a folder or a hub name.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Write examples, checkpoints and the adapter there.")
    ],
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME...", help="feedback, attributes, target; all three when not given."
        ),
    ] = None,
    teacher: Annotated[
        str, typer.Option(metavar="NAME", help="A target-aware user, whose words are learnt.")
    ] = "attributes",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of fine-tuning (epochs, learning_rate, lora_rank, batch_size, ...), or "
            "teacher.OPTION. Several may follow.",
        ),
    ] = None,
    lists: Annotated[int, typer.Option(help="Constructed lists a scenario, of four kinds.")] = 4,
    limit: options.Limit = None,
    valid_limit: Annotated[
        int, typer.Option(help="Valid scenarios to measure on after every epoch; 0 for none.")
    ] = 100,
    seed: options.Seed = 0,
) -> None:
    """Train a simulated user on the three tasks, with LoRA; a killed run goes on.

    The adapter is written to DIR/adapter, the examples to DIR/train.jsonl and DIR/valid.jsonl.
    """
    from crsgym import simulators
    from crsgym.finetune import finetune, settings_from
    from crsgym.registry import entry_of
    from crsgym.simulators.reader import AttributeReader
    from crsgym.simulators.tasks import TASKS, TaskName, make_examples, write_examples

    tuning, taught = _split(settings or ())
    chosen = settings_from({"seed": seed, **tuning})
    dataset = entry_of(env).load()
    # make_examples refuses a name that is no task.
    wanted = cast("list[TaskName]", tasks or list(TASKS))
    expert = simulators.build(teacher, dataset, taught) if "feedback" in wanted else None
    train = make_examples(
        dataset, "train", teacher=expert, tasks=wanted, lists=lists, limit=limit, seed=seed
    )
    write_examples(train, out / "train.jsonl")
    valid = []
    if valid_limit:
        valid = make_examples(
            dataset, "valid", teacher=expert, tasks=wanted, lists=1, limit=valid_limit, seed=seed
        )
        write_examples(valid, out / "valid.jsonl")
    typer.echo(f"{len(train)} examples: {out / 'train.jsonl'}", err=True)
    reader = AttributeReader(dataset.catalogue)

    def evaluate(network: Any, tokenizer: Any) -> Mapping[str, float]:
        from crsgym.chat.huggingface import TransformersChatModel
        from crsgym.simulators.measures import means, measure

        chat = TransformersChatModel(network, tokenizer=tokenizer)
        return means(measure(chat, valid, reader))

    result = finetune(
        model,
        [example.messages for example in train],
        out / "adapter",
        settings=chosen,
        valid=[example.messages for example in valid],
        evaluate=evaluate if valid else None,
    )
    measured = [h for h in result.history if any(key.startswith("measure/") for key in h)]
    typer.echo(
        json.dumps({"path": str(result.path), "left_out": result.left_out, **last(measured)})
    )
    use = [f"simulator.model=transformers:{model if chosen.lora_rank else result.path}"]
    if chosen.lora_rank:
        use.append(f"simulator.model_options='{json.dumps({'adapter': str(result.path)})}'")
    typer.echo(f"use it: crsgym bench {env} --simulator llm --set {' '.join(use)}", err=True)


def last(measured: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The measures after the last epoch, by name."""
    values: dict[str, float] = {}
    for entry in measured:
        values = {
            key.removeprefix("measure/"): value
            for key, value in entry.items()
            if key.startswith("measure/")
        }
    return values


def _split(settings: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``KEY=VALUE`` settings, parted into fine-tuning's and the teacher's.

    Raises:
        ConfigurationError: for a setting without a value.
    """
    tuning: dict[str, Any] = {}
    teacher: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"--set takes KEY=VALUE (epochs=3); got {setting!r}")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        group, dot, name = key.partition(".")
        if dot and group == "teacher":
            teacher[name] = value
        else:
            tuning[key] = value
    return tuning, teacher


__all__ = ["simulator"]
