"""Curves over the turns of a conversation."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from crsgym.evaluation.estimates import CANDIDATE_RECALL, MEAN_REWARD
from crsgym.plugins import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crsgym.evaluation.report import Report

# Okabe and Ito's palette, told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "osD^vPX*"


def curves(report: Report, metric: str, stratum: str) -> Figure:
    """One line for each agent, with a band of its 95% interval at every turn.

    For a Recall the candidate recall of each agent that ranks candidates is dotted: its ceiling.

    Raises:
        ConfigurationError: when the report has no such metric or stratum.
    """
    from matplotlib.figure import Figure

    estimates = next(iter(report.estimates.values()))
    for kind, name, known in (
        ("metric", metric, estimates.quantities),
        ("stratum", stratum, estimates.strata),
    ):
        if name not in known:
            raise unknown(f"{kind} of this report", name, known)
    s, m = estimates.strata.index(stratum), estimates.quantities.index(metric)
    ceiling = estimates.quantities.index(CANDIDATE_RECALL)

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    turns = list(range(1, report.turns + 1))
    for at, (name, estimates) in enumerate(report.estimates.items()):
        colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
        mean, low, high = (
            part[:, s, m] for part in (estimates.mean, estimates.low, estimates.high)
        )
        axes.plot(turns, mean, color=colour, marker=marker, markersize=4, label=name)
        if report.turns > 1:
            axes.fill_between(turns, low, high, color=colour, alpha=0.15, linewidth=0)
        else:
            axes.errorbar(
                turns,
                mean,
                yerr=np.stack([mean - low, high - mean]),
                color=colour,
                capsize=3,
                fmt="none",
            )
        if metric.startswith("recall@") and report.agents[name].ranks == "candidates":
            axes.plot(turns, estimates.mean[:, s, ceiling], color=colour, linestyle=":")
    axes.set_xticks(turns)
    axes.set_xlabel("turn")
    axes.set_ylabel(f"{_label(report, metric)}, {stratum} (n = {int(report.masks[stratum].sum())})")
    if metric != MEAN_REWARD:
        axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure


def to_svg(figure: Figure) -> str:
    """A figure as an SVG element; equal figures give equal text."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "crsgym", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _label(report: Report, key: str) -> str:
    labels = {metric.key: metric.label for metric in report.metrics}
    return labels.get(key, key.replace("_", " "))


__all__ = ["curves", "to_svg"]
