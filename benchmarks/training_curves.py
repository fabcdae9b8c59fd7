"""What training runs drew, step by step, as one figure: return and reward terms over the steps.

    python benchmarks/training_curves.py runs/rank runs/return-to-go --out curves.svg

Each run is a folder of `crsgym train grpo`, whose `log.jsonl` is read. Points are means over
`--window` steps, for every step plays other scenarios; each is drawn at the last of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from agents.journal import read_log
from crsgym.evaluation.plots import COLOURS, MARKERS, to_svg

PANELS = {
    "return": "return, three turns",
    "reward/hit": "hit, a turn",
    "reward/preference": "preference, a turn",
    "reward/answer_format": "answer format, a turn",
}


def draw(runs: Sequence[Path], window: int) -> Figure:
    """A panel for each quantity, a line for each run."""
    figure = Figure(figsize=(7.2, 5), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).ravel()
    for at, run in enumerate(runs):
        log = [record for record in read_log(run / "log.jsonl") if "return" in record]
        full = len(log) // window * window
        steps = np.array([record["step"] for record in log[:full]]).reshape(-1, window)[:, -1]
        for axes, name in zip(panels, PANELS, strict=True):
            values = np.array([record[name] for record in log[:full]]).reshape(-1, window)
            axes.plot(
                steps,
                values.mean(axis=1),
                color=COLOURS[at % len(COLOURS)],
                marker=MARKERS[at % len(MARKERS)],
                markersize=4,
                label=run.name if axes is panels[0] else None,
            )
    for axes, label in zip(panels, PANELS.values(), strict=True):
        axes.set_title(label, fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    for axes in panels[2:]:
        axes.set_xlabel(f"step (means of {window})")
    panels[3].set_ylim(0.9, 1.005)
    figure.legend(loc="outside lower center", ncols=len(runs), frameon=False)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Read the logs, write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(to_svg(draw(arguments.runs, arguments.window)), encoding="utf-8")


if __name__ == "__main__":
    main()
