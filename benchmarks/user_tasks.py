"""One task against three: does a user learn more from all the tasks of its training?

    python benchmarks/user_tasks.py --out runs/user-tasks [--scenarios 1000] [--epochs 3]

A small Llama is trained from scratch on Synthetic-v0: on all three tasks, on each of them alone,
and not at all. All see the same examples of a task, equally often. Each is measured on the valid
split, with 95% intervals from a bootstrap over dialogues, paired for the differences. A run that is
killed goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from crsgym import data, simulators
from crsgym.chat.huggingface import TransformersChatModel
from crsgym.evaluation.bootstrap import Bootstrap, interval
from crsgym.finetune import FinetuneSettings, finetune
from crsgym.simulators.measures import Scores, measure
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.tasks import TASKS, make_examples

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny_model import write_tiny_model


def main() -> None:
    """Train, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--scenarios", type=int, default=1000)
    options.add_argument("--valid", type=int, default=300)
    options.add_argument("--epochs", type=float, default=3)
    options.add_argument("--learning-rate", type=float, default=1e-3)
    options.add_argument("--list-length", type=int, default=4)
    options.add_argument("--width", type=int, default=128)
    options.add_argument("--tasks", nargs="*", default=["all", *TASKS])
    args = options.parse_args()

    dataset = data.load("synthetic")
    teacher = simulators.build("attributes", dataset)
    made = {"teacher": teacher, "lists": 2, "list_length": args.list_length}
    train = make_examples(dataset, "train", limit=args.scenarios, **made)
    valid = make_examples(dataset, "valid", limit=args.valid, **made)
    base = args.out / "base"
    if not (base / "config.json").is_file():
        texts = [message["content"] for example in train for message in example.messages]
        write_tiny_model(
            base, texts, vocabulary=1024, width=args.width, heads=args.width // 32, context=2048
        )
    settings = FinetuneSettings(
        lora_rank=0,
        learning_rate=args.learning_rate,
        epochs=args.epochs,
        warmup_ratio=0.03,
        schedule="cosine",
        gradient_checkpointing=False,
    )
    reader = AttributeReader(dataset.catalogue)
    results: dict[str, dict[str, Scores]] = {}
    for name in ["untrained", *args.tasks]:
        path = base
        if name != "untrained":
            examples = [e.messages for e in train if name in ("all", e.task)]
            path = finetune(base, examples, args.out / name, settings=settings, progress=False).path
        model = TransformersChatModel(path, device="cpu", batch_size=64)
        results[name] = measure(model, valid, reader, max_tokens=80)
        print_table(results)
        said = results[name]["feedback_f1"].answers[:3]
        print(f"{name} says, for instance:", *said, sep="\n  ", flush=True)
    table = {n: {m: s.values.tolist() for m, s in scores.items()} for n, scores in results.items()}
    (args.out / "scores.json").write_text(json.dumps(table))


def print_table(results: dict[str, dict[str, Scores]]) -> None:
    """Every measure of every model, and what training on all the tasks adds to each."""
    for which, scores in next(iter(results.values())).items():
        bootstrap = Bootstrap(scores.dialogues)
        everyone = np.ones(len(scores.values), dtype=bool)
        print(f"\n{which} (n = {len(scores.values)}, {bootstrap.num_dialogues} dialogues)")
        for name, measured in results.items():
            values = measured[which].values
            low, high = interval(bootstrap.means(values[:, None], everyone))[:, 0]
            line = f"  {name:12} {values.mean():.3f} [{low:.3f}, {high:.3f}]"
            if "all" in results and name != "all":
                gain = results["all"][which].values - values
                low, high = interval(bootstrap.means(gain[:, None], everyone))[:, 0]
                line += f"   all - {name}: {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
            print(line)


if __name__ == "__main__":
    main()
