"""One task against three: does a user learn more from all the tasks of its training?

    python benchmarks/user_tasks.py --out runs/user-tasks [--dataset synthetic] [--scenarios 4000]

A small Llama, in which titles and attributes are one token each, first learns to read, from the
catalogue and train dialogues, and nothing of the tasks (`reading.py`). From there it is trained on
all three tasks, and on each of them alone: on the same examples as often, and, if that arm is asked
for, as that is fewer steps, once more for as many steps as all three take together. It is measured
on the valid split, with 95% intervals from a bootstrap over dialogues, paired for the differences:
each model on what it was trained for, and the one of feedback alone, which is the single-task user
of SMTPO (section 4.3), on everything. A run that is killed goes on where it was.

With ``--model`` a pretrained model is trained in place of the small one (`smollm.py` has one that
needs no hub), and learns from few examples, each of which takes a core a second or two:

    python benchmarks/user_tasks.py --model runs/smollm --lora-rank 16 --bfloat16 --dialogues 200 \
        --list-length 5 --batch-size 2 --accumulate 2 --learning-rate 5e-4 --answers 16 \
        --out runs/pretrained
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
from crsgym.chat.cache import CachedChatModel
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
ANSWERS_ALL = ("untrained", "all", "feedback")
"""Models that are asked everything: the single-task user of SMTPO is one of feedback alone."""


def parsed() -> argparse.Namespace:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--dataset", default="synthetic")
    options.add_argument("--scenarios", type=int, default=4000)
    options.add_argument("--valid", type=int, default=None)
    options.add_argument(
        "--dialogues",
        type=int,
        help="instead: one scenario, at random, of so many train dialogues and each valid one",
    )
    options.add_argument("--model", type=Path, help="a pretrained one, and no reading before")
    options.add_argument("--lora-rank", type=int, default=0, help="0 trains all the weights")
    options.add_argument("--bfloat16", action="store_true")
    options.add_argument("--epochs", type=float, default=1)
    options.add_argument("--lessons", type=int, default=18000, help="of the reading before")
    options.add_argument("--learning-rate", type=float, default=1.5e-3)
    options.add_argument("--batch-size", type=int, default=8)
    options.add_argument("--accumulate", type=int, default=1, help="batches a step")
    options.add_argument("--answers", type=int, default=64, help="generated together")
    options.add_argument("--list-length", type=int, default=10)
    options.add_argument("--vocabulary", type=int, default=1024)
    options.add_argument("--width", type=int, default=128)
    options.add_argument("--layers", type=int, default=3)
    options.add_argument("--seed", type=int, default=0)
    arms = ["untrained", "all", *TASKS, *(task + STEPS for task in TASKS)]
    options.add_argument("--arms", nargs="*", choices=arms, default=arms[: 2 + len(TASKS)])
    return options.parse_args()


def main() -> None:
    """Train, measure, print."""
    args = parsed()
    args.out.mkdir(parents=True, exist_ok=True)
    dataset = data.load(args.dataset)
    teacher = simulators.build("attributes", dataset)
    made = {"teacher": teacher, "list_length": args.list_length, "seed": args.seed}
    limit = None if args.dialogues else args.scenarios
    train = make_examples(dataset, "train", lists=1, limit=limit, **made)
    valid = make_examples(dataset, "valid", lists=2, limit=args.valid, **made)
    if args.dialogues:
        train = one_each(train, args.dialogues, args.seed)
        valid = one_each(valid, None, args.seed)
    settings = FinetuneSettings(
        lora_rank=args.lora_rank,
        lora_alpha=2 * args.lora_rank or 16,
        bfloat16=args.bfloat16 or None,
        learning_rate=args.learning_rate,
        epochs=args.epochs,
        batch_size=args.batch_size,
        gradient_accumulation=args.accumulate,
        warmup_ratio=0.03,
        schedule="cosine",
        gradient_checkpointing=False,
        similar_lengths=True,
        seed=args.seed,
    )
    base = args.model or reader_model(args, dataset, train, settings)
    reader = AttributeReader(dataset.catalogue)
    results: dict[str, dict[str, Scores]] = {}
    for arm in args.arms:
        folder, task = args.out / arm.replace(", ", "-"), arm.removesuffix(STEPS)
        trained, steps, start = None, 0, time.process_time()
        if arm != "untrained":
            examples = [e.messages for e in train if task in ("all", e.task)]
            share = len(train) / len(examples) if arm.endswith(STEPS) else 1.0
            chosen = replace(settings, epochs=args.epochs * share)
            run = finetune(base, examples, folder, settings=chosen, progress=False)
            trained, steps = run.path, max(int(entry.get("step", 0)) for entry in run.history)
        model = CachedChatModel(chat_model(args, base, trained), folder.with_suffix(".sqlite"))
        asked = [e for e in valid if task in (*ANSWERS_ALL, e.task)]
        results[arm] = measure(model, asked, reader, max_tokens=60)
        print(f"\n{arm}: {time.process_time() - start:.0f} s of CPU", end="")
        print(f", {steps} steps" if steps else "", flush=True)
        for which, scores in results[arm].items():
            print(f"  {which}, for instance:", *scores.answers[:2], sep="\n    ", flush=True)
        table = {n: {m: s.values.tolist() for m, s in r.items()} for n, r in results.items()}
        (args.out / "scores.json").write_text(json.dumps(table))
    print_table(results)


def chat_model(args: argparse.Namespace, base: Path, trained: Path | None) -> TransformersChatModel:
    """The model that is measured: ``trained`` is an adapter of ``base``, all of it, or None."""
    return TransformersChatModel(
        base if args.lora_rank else trained or base,
        adapter=trained if args.lora_rank else None,
        device="cpu",
        dtype="bfloat16" if args.bfloat16 else "auto",
        batch_size=args.answers,
    )


def one_each(examples: Sequence[Example], count: int | None, seed: int) -> list[Example]:
    """Those of one scenario, drawn at random, of each of the first so many dialogues."""
    scenarios: dict[str, dict[str, None]] = {}
    for example in examples:
        scenarios.setdefault(example.dialogue, {})[example.scenario] = None
    rng = np.random.default_rng(seed)
    drawn = {rng.choice(list(of)) for of in list(scenarios.values())[:count]}
    return [example for example in examples if example.scenario in drawn]


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
    one_of_each = {w: s for measured in results.values() for w, s in measured.items()}
    for which, scores in one_of_each.items():
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
