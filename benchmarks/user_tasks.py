"""One task against three: does a user learn more from all the tasks of its training?

    python benchmarks/user_tasks.py --out runs/user-tasks [--dataset synthetic] [--scenarios 4000]

A small Llama, in which titles and attributes are one token each, first learns to read, from the
catalogue and train dialogues, and nothing of the tasks (`reading.py`). From there it is trained on
all three tasks, and on each of them alone: on the same examples as often, and, if that arm is asked
for, as that is fewer steps, once more for as many steps as all three take together. It is measured
on the valid split, each model on what it was trained for, with 95% intervals from a bootstrap over
dialogues, paired for the differences. A run that is killed goes on where it was.
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
from crsgym.simulators.measures import Scores, measure
from crsgym.simulators.reader import KINDS, AttributeReader
from crsgym.simulators.tasks import TASKS, Example, make_examples

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from reading import Lessons
from tiny_model import write_tiny_model

STEPS = ", as many steps"


def main() -> None:
    """Train, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--dataset", default="synthetic")
    options.add_argument("--scenarios", type=int, default=4000)
    options.add_argument("--valid", type=int, default=None)
    options.add_argument("--epochs", type=float, default=1)
    options.add_argument("--lessons", type=int, default=18000, help="of the reading before")
    options.add_argument("--learning-rate", type=float, default=1.5e-3)
    options.add_argument("--batch-size", type=int, default=8)
    options.add_argument("--list-length", type=int, default=10)
    options.add_argument("--vocabulary", type=int, default=1024)
    options.add_argument("--width", type=int, default=128)
    options.add_argument("--layers", type=int, default=3)
    options.add_argument("--seed", type=int, default=0)
    arms = ["all", *TASKS, *(task + STEPS for task in TASKS)]
    options.add_argument("--arms", nargs="*", choices=arms, default=arms[: 1 + len(TASKS)])
    args = options.parse_args()

    dataset = data.load(args.dataset)
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
    """The model that all trainings start from: it has learnt to read."""
    blank = args.out / "blank"
    if not (blank / "config.json").is_file():
        names = dict.fromkeys(split_year(title)[0] for title in dataset.catalogue.titles)
        values = sorted({v for item in dataset.catalogue for k in KINDS for v in item.values(k)})
        capitals = [value[0].upper() + value[1:] for value in values]
        write_tiny_model(
            blank,
            [message["content"] for example in train for message in example.messages],
            vocabulary=args.vocabulary,
            width=args.width,
            layers=args.layers,
            heads=args.width // 32,
            context=2048,
            seed=args.seed,
            atoms=dict.fromkeys([*names, *values, *capitals]),
            reads=True,
        )
    lessons = Lessons(dataset, limit=args.scenarios, seed=args.seed).draw(args.lessons)
    reading = replace(settings, epochs=1, learning_rate=2e-3)
    return finetune(blank, lessons, args.out / "base", settings=reading, progress=False).path


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
