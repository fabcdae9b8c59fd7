r"""What the second view adds: saved dual-view retrievers against text only and graph only.

    for view in both text graph; do for seed in 0 1 2; do
      crsgym train retriever --env INSPIRED-v0 --kind dual-view --users rules attributes \
        --seed $seed --set settings.view=$view --out runs/$view-$seed
    done; done
    python benchmarks/dual_view.py inspired --split valid \
      --runs both runs/both-* --runs text runs/text-* --runs graph runs/graph-*

Every run ranks the whole catalogue at turn 1. A row is the mean over the runs of a name, with the
95% interval of a bootstrap over dialogues; differences from the first name are paired.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from crsgym.data import Dataset, load
from crsgym.evaluation.bootstrap import Bootstrap, Values, interval, p_value
from crsgym.evaluation.strata import stratify
from crsgym.retrieval import build
from crsgym.types import Context

CUTOFFS = (1, 10, 20, 50)


def hits(folders: Sequence[str], dataset: Dataset, split: str) -> Values:
    """Whether each target is among the first k, averaged over runs: (scenarios, cutoffs)."""
    scenarios = dataset.scenarios(split)
    contexts = [Context(scenario.dialogue) for scenario in scenarios]
    targets = np.array([scenario.goal.target for scenario in scenarios])[:, None]
    runs = []
    for folder in folders:
        found = build(Path(folder), dataset).retrieve(contexts, max(CUTOFFS))
        runs.append(np.stack([(found[:, :k] == targets).any(axis=1) for k in CUTOFFS], axis=1))
    return np.mean(runs, axis=0)


def main() -> None:
    """Measure, and print a table for each stratum."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("dataset")
    options.add_argument("--split", default="valid")
    options.add_argument(
        "--runs",
        nargs="+",
        action="append",
        required=True,
        metavar=("NAME", "FOLDER"),
        help="a name and the folders of its runs; once for each name",
    )
    args = options.parse_args()
    dataset = load(args.dataset)
    scenarios = dataset.scenarios(args.split)
    named = {name: folders for name, *folders in args.runs}
    values = {name: hits(folders, dataset, args.split) for name, folders in named.items()}
    bootstrap = Bootstrap([scenario.dialogue_id for scenario in scenarios])
    first = next(iter(values))
    console = Console(width=140)
    for stratum, mask in stratify(scenarios, dataset.target_counts()).items():
        table = Table(title=f"{dataset.name} {args.split}, {stratum} (n = {int(mask.sum())})")
        for column in ("name", "runs", *(f"R@{k}" for k in CUTOFFS)):
            table.add_column(column)
        for name, found in values.items():
            low, high = interval(bootstrap.means(found, mask))
            cells = [
                f"{mean:.3f} [{a:.3f}, {b:.3f}]"
                for mean, a, b in zip(found[mask].mean(axis=0), low, high, strict=True)
            ]
            table.add_row(name, str(len(named[name])), *cells)
        for name, found in list(values.items())[1:]:
            draws = bootstrap.means(values[first] - found, mask)
            (low, high), chance = interval(draws), p_value(draws)
            means = (values[first] - found)[mask].mean(axis=0)
            cells = [
                f"{mean:+.3f} [{a:+.3f}, {b:+.3f}] p={p:.3f}"
                for mean, a, b, p in zip(means, low, high, chance, strict=True)
            ]
            table.add_row(f"{first} - {name}", "", *cells)
        console.print(table)


if __name__ == "__main__":
    main()
