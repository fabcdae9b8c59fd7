"""One task against three: does a user learn more from all the tasks of its training?

    python benchmarks/user_tasks.py --out runs/user-tasks [--scenarios 2000] [--epochs 3]

A small Llama, in which titles and attributes are one token each, first learns to read: to repeat
the items and utterances that it is shown, from the catalogue and train dialogues, and nothing of
the tasks. From there it is trained on all three tasks, and on each of them alone: on the same
examples as often, and, as that is fewer steps, once more for as many steps as all three take
together. It is measured on the valid split, each model on what it was trained for, with 95%
intervals from a bootstrap over dialogues, paired for the differences. A run that is killed goes on
where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from crsgym import data, simulators
from crsgym.chat.huggingface import TransformersChatModel
from crsgym.data.dataset import Dataset
from crsgym.data.titles import split_year
from crsgym.evaluation.bootstrap import Bootstrap, interval
from crsgym.finetune import FinetuneSettings, finetune
from crsgym.prompts import described, dialogue_text
from crsgym.protocols import Message
from crsgym.simulators.measures import Scores, measure
from crsgym.simulators.reader import KINDS, AttributeReader
from crsgym.simulators.tasks import TASKS, Example, make_examples

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny_model import write_tiny_model

STEPS = ", as many steps"


def main() -> None:
    """Train, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--scenarios", type=int, default=2000)
    options.add_argument("--valid", type=int, default=300)
    options.add_argument("--epochs", type=float, default=3)
    options.add_argument("--quotations", type=int, default=12000)
    options.add_argument("--learning-rate", type=float, default=3e-3)
    options.add_argument("--batch-size", type=int, default=8)
    options.add_argument("--list-length", type=int, default=10)
    options.add_argument("--width", type=int, default=64)
    options.add_argument("--layers", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--arms", nargs="*", default=["all", *TASKS, *(t + STEPS for t in TASKS)])
    args = options.parse_args()

    dataset = data.load("synthetic")
    teacher = simulators.build("attributes", dataset)
    made = {"teacher": teacher, "list_length": args.list_length, "seed": args.seed}
    train = make_examples(dataset, "train", lists=1, limit=args.scenarios, **made)
    valid = make_examples(dataset, "valid", lists=2, limit=args.valid, **made)
    settings = FinetuneSettings(
        lora_rank=0,
        learning_rate=args.learning_rate,
        epochs=args.epochs,
        batch_size=args.batch_size,
        warmup_ratio=0.03,
        schedule="cosine",
        gradient_checkpointing=False,
        similar_lengths=True,
        seed=args.seed,
    )
    base = reader_model(args, dataset, train, settings)
    reader = AttributeReader(dataset.catalogue)
    results: dict[str, dict[str, Scores]] = {}
    for arm in ["untrained", *args.arms]:
        path, steps, start = base, 0, time.process_time()
        task = arm.removesuffix(STEPS)
        if arm != "untrained":
            examples = [e.messages for e in train if task in ("all", e.task)]
            share = len(train) / len(examples) if arm.endswith(STEPS) else 1.0
            chosen = replace(settings, epochs=args.epochs * share)
            run = finetune(
                base, examples, args.out / arm.replace(", ", "-"), settings=chosen, progress=False
            )
            path, steps = run.path, max(int(entry.get("step", 0)) for entry in run.history)
        model = TransformersChatModel(path, device="cpu", batch_size=64)
        asked = [e for e in valid if task in ("all", "untrained", e.task)]
        results[arm] = measure(model, asked, reader, max_tokens=60)
        print(f"\n{arm}: {time.process_time() - start:.0f} s of CPU", end="")
        print(f", {steps} steps" if steps else "", flush=True)
        for which, scores in results[arm].items():
            print(f"  {which}, for instance:", *scores.answers[:2], sep="\n    ", flush=True)
        table = {n: {m: s.values.tolist() for m, s in r.items()} for n, r in results.items()}
        (args.out / "scores.json").write_text(json.dumps(table))
    print_table(results)


def reader_model(
    args: argparse.Namespace,
    dataset: Dataset,
    train: Sequence[Example],
    settings: FinetuneSettings,
) -> Path:
    """The model that all trainings start from: it has learnt to repeat what it is shown."""
    blank = args.out / "blank"
    if not (blank / "config.json").is_file():
        names = dict.fromkeys(split_year(title)[0] for title in dataset.catalogue.titles)
        values = {value for item in dataset.catalogue for k in KINDS for value in item.values(k)}
        write_tiny_model(
            blank,
            [message["content"] for example in train for message in example.messages],
            vocabulary=1024,
            width=args.width,
            layers=args.layers,
            heads=args.width // 32,
            context=1024,
            seed=args.seed,
            atoms=[*names, *sorted(values)],
        )
    shown = quotations(dataset, args.scenarios, args.quotations, args.seed)
    reading = replace(settings, epochs=1, batch_size=16, learning_rate=5e-3)
    return finetune(blank, shown, args.out / "base", settings=reading, progress=False).path


def quotations(dataset: Dataset, limit: int, count: int, seed: int) -> list[list[Message]]:
    """Items to repeat in another order, and dialogues whose last lines are to be repeated."""
    rng = np.random.default_rng(seed)
    scenarios = dataset.scenarios("train")[:limit]
    conversations: list[list[Message]] = []
    for number in range(count):
        if number % 2:
            rows = rng.choice(len(dataset.catalogue), size=rng.integers(2, 5), replace=False)
            lines = [f"- {described(dataset.catalogue[int(row)])}" for row in rows]
            said = [lines[at] for at in rng.permutation(len(lines))]
        else:
            scenario = scenarios[rng.integers(len(scenarios))]
            lines = dialogue_text(scenario.dialogue).split("\n")
            said = lines[-rng.integers(1, 5) :]
        conversations.append(
            [
                {"role": "user", "content": "\n".join(lines)},
                {"role": "assistant", "content": "\n".join(said)},
            ]
        )
    return conversations


def print_table(results: dict[str, dict[str, Scores]]) -> None:
    """Every measure of every model, and what training on all the tasks adds to each."""
    for which, scores in results["untrained"].items():
        bootstrap = Bootstrap(scores.dialogues)
        everyone = np.ones(len(scores.values), dtype=bool)
        print(f"\n{which} (n = {len(scores.values)}, {bootstrap.num_dialogues} dialogues)")
        for name, measured in results.items():
            if which not in measured:
                continue
            values = measured[which].values
            low, high = interval(bootstrap.means(values[:, None], everyone))[:, 0]
            line = f"  {name:28} {values.mean():.3f} [{low:.3f}, {high:.3f}]"
            if "all" in results and name != "all":
                gain = results["all"][which].values - values
                low, high = interval(bootstrap.means(gain[:, None], everyone))[:, 0]
                line += f"   all - {name}: {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
            print(line)


if __name__ == "__main__":
    main()
