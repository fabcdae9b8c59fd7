"""What GRPO adds to the supervised model, by credit scheme: paired intervals over test scenarios.

    python benchmarks/credit_schemes.py Synthetic-v0 --sft runs/sft --runs runs/branch runs/rank \
        --simulator attributes --turns 5 --limit 300 --temperature 1

Each run is the folder of an agent (`agent.json`). Every agent plays the same scenarios, and every
turn is played, found or not. Printed for each: the format terms, the return, recall@10 at the last
turn, and the differences to the supervised model, paired, with 95% intervals from a bootstrap over
dialogues.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

import crsgym
from agents.llm import AGENT_FILE, LLMAgent
from crsgym.evaluation import bench
from crsgym.evaluation.bootstrap import Bootstrap, interval

BATCH = 128
Values = npt.NDArray[np.float64]


def cell(values: Values, bootstrap: Bootstrap) -> str:
    """Mean and interval of one value a scenario, (n,)."""
    draws = bootstrap.means(values[:, None], np.ones(len(values), dtype=bool))[:, 0]
    low, high = interval(draws)
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def load(folder: Path, temperature: float) -> LLMAgent:
    """The agent of a folder, with what it is asked for drawn at a temperature."""
    values = json.loads((folder / AGENT_FILE).read_text(encoding="utf-8"))
    values.pop("class")
    return LLMAgent(**values, temperature=temperature, options={"batch_size": BATCH})


def main(argv: Sequence[str] | None = None) -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("env")
    parser.add_argument("--sft", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--simulator")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.0)
    arguments = parser.parse_args(argv)
    folders = {"sft": arguments.sft} | {run.name: run for run in arguments.runs}
    agents: dict[str, str | LLMAgent] = {"retriever": "retriever"}
    agents |= {name: load(folder, arguments.temperature) for name, folder in folders.items()}
    report = bench(
        agents,
        arguments.env,
        split=arguments.split,
        simulator=arguments.simulator,
        turns=arguments.turns,
        limit=arguments.limit,
        seed=arguments.seed,
        batch_size=BATCH,
    )
    bootstrap = Bootstrap(report.dialogue_ids)
    returns = {name: result.reward.sum(axis=1) for name, result in report.agents.items()}
    found = {
        name: ((result.target_rank[:, -1] > 0) & (result.target_rank[:, -1] <= 10)).astype(float)
        for name, result in report.agents.items()
    }
    table = Table("agent", "think", "answer", "preference", "return", "recall@10", "- sft", "- sft")
    count, drawn = len(report.scenario_ids), f"temperature {arguments.temperature:g}"
    table.title = f"{arguments.env} {arguments.split}, {count} scenarios, {drawn}"
    for name, result in report.agents.items():
        terms = [
            np.mean([facts.reward_terms[term] for facts in result.facts])
            for term in ("think_format", "answer_format", "preference")
        ]
        table.add_row(
            name,
            *(f"{term:.3f}" for term in terms),
            cell(returns[name], bootstrap),
            cell(found[name], bootstrap),
            cell(returns[name] - returns["sft"], bootstrap),
            cell(found[name] - found["sft"], bootstrap),
        )
    console = Console(width=150)
    console.print(table)
    console.print("The last two columns are paired differences, of the return and of recall@10.")
    console.print(f"crsgym {crsgym.__version__}, hash {report.env['hash']}")


if __name__ == "__main__":
    main()
