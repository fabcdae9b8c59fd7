"""What a step of the world costs, alone, behind the Gymnasium shells, and beside the retriever.

    python benchmarks/world.py [--env Synthetic-v0] [--seconds 5]

Everything is measured in one run and printed with ratios: machines differ, ratios less so. Times
are processor times of this one thread, so what else the machine does counts little. A step is one
answer in one conversation. The answers are written before the clock runs; conversations run five
turns and begin again, as in training, and are timed from the first turn to the last.

What was built before the clock runs is frozen (``gc.freeze``), for every line alike: else the
collector goes over the whole data set again whenever enough conversations have come, which costs
the more the more else a process holds. ``--no-freeze`` leaves that in.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import gc
import itertools
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

import crsgym
from crsgym.actions import format_answer
from crsgym.env import CRSEnv
from crsgym.protocols import Retriever
from crsgym.task import Task
from crsgym.types import Context, IntArray
from crsgym.vector import CRSVectorEnv

BATCHES = (1, 64, 512)
TURNS = 5
ROUNDS = 24

Rates: TypeAlias = dict[str, list[float]]
"""By name, the steps per second of every round."""


def answers_of(task: Task) -> list[str]:
    """Well-formed answers that never hit, so that every episode runs its five turns."""
    titles = task.world.catalogue.titles
    return [
        format_answer([titles[(7 * n + j) % len(titles)] for j in range(10)], preference="a drama")
        for n in range(97)
    ]


def core(task: Task, batch: int) -> Iterator[int]:
    """World.start, observe and advance; yields the steps taken after each turn."""
    answers = itertools.cycle(answers_of(task))
    scenarios = itertools.cycle(task.scenarios)
    for seed in itertools.count():
        states = task.world.start([next(scenarios) for _ in range(batch)], seed=seed)
        for _ in range(TURNS):
            task.world.observe(states)
            texts = [next(answers) for _ in range(batch)]
            states = [outcome.state for outcome in task.world.advance(states, texts)]
            yield batch


def single_env(task: Task) -> Iterator[int]:
    """The same through one CRSEnv."""
    env = CRSEnv(task)
    answers = itertools.cycle(answers_of(task))
    for seed in itertools.count():
        env.reset(options={"scenario": seed % len(task.scenarios)})
        for _ in range(TURNS):
            env.step(next(answers))
            yield 1


def vector_env(task: Task, batch: int) -> Iterator[int]:
    """The same through a CRSVectorEnv, whose autoreset begins the next conversations."""
    envs = CRSVectorEnv(task, batch)
    answers = itertools.cycle(answers_of(task))
    envs.reset(seed=0)
    while True:
        envs.step([next(answers) for _ in range(batch)])
        yield batch


class Stopwatch:
    """A retriever that adds up the time spent in it."""

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever
        self.seconds = 0.0

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """As the retriever itself, timed."""
        began = time.process_time()
        offers = self.retriever.retrieve(contexts, k)
        self.seconds += time.process_time() - began
        return offers


def retriever_share(task: Task, batch: int, seconds: float) -> float:
    """The share of the world's time that is the retriever's, in one run of both."""
    watch = Stopwatch(task.world.retriever)
    world = copy.copy(task.world)
    world.retriever = watch
    steps = core(dataclasses.replace(task, world=world), batch)
    play(steps)
    watch.seconds, began = 0.0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        play(steps)
    return watch.seconds / spent


def play(steps: Iterator[int]) -> int:
    """Conversations from their first turn to their last; the steps taken."""
    return sum(itertools.islice(steps, TURNS))


def rates(makers: dict[str, Callable[[], Iterator[int]]], seconds: float) -> Rates:
    """Steps per second of each, in every one of the rounds in which all take short turns."""
    running = {name: make() for name, make in makers.items()}
    for steps in running.values():
        play(steps)
        play(steps)
    measured: Rates = {name: [] for name in makers}
    for _ in range(ROUNDS):
        for name, steps in running.items():
            began, done = time.process_time(), 0
            while (spent := time.process_time() - began) < seconds / ROUNDS:
                done += play(steps)
            measured[name].append(done / spent)
    return measured


def quotient(rate: Rates, name: str, other: str) -> float:
    """How many times the rate of another this one is: the median of the rounds' quotients.

    What else the machine does comes and goes within seconds, so it is much the same for all that
    run in one round.
    """
    pairs = zip(rate[name], rate[other], strict=True)
    return statistics.median(one / another for one, another in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="Synthetic-v0")
    parser.add_argument("--retriever", default="lexical")
    parser.add_argument("--simulator", default="rules")
    parser.add_argument("--seconds", type=float, default=5.0, help="per line")
    parser.add_argument("--no-freeze", dest="freeze", action="store_false")
    arguments = parser.parse_args()
    task = crsgym.make_task(
        arguments.env,
        split="valid",
        retriever=arguments.retriever,
        simulator=arguments.simulator,
        success="never",
        max_turns=TURNS,
    )
    gc.collect()
    if arguments.freeze:
        gc.freeze()
    makers: dict[str, Callable[[], Iterator[int]]] = {}
    # Each shell right behind its core: what is compared is timed in the same moment.
    makers["World, batch 1"] = lambda: core(task, 1)
    makers["CRSEnv"] = lambda: single_env(task)
    for batch in BATCHES[1:]:
        makers[f"World, batch {batch}"] = lambda batch=batch: core(task, batch)
        makers[f"CRSVectorEnv, {batch}"] = lambda batch=batch: vector_env(task, batch)
    rate = rates(makers, arguments.seconds)

    table = Table(
        "part",
        "steps/s",
        "ratio",
        title=f"{arguments.env}, {platform.machine()}, "
        f"Python {platform.python_version()}, {arguments.retriever} + {arguments.simulator}",
    )
    ratios = {"CRSEnv": _shell(rate, "World, batch 1", "CRSEnv")}
    for b in BATCHES:
        share = retriever_share(task, b, arguments.seconds)
        ratios[f"World, batch {b}"] = f"{1 / share:.2f} x the cost of the retriever"
    for b in BATCHES[1:]:
        ratios[f"CRSVectorEnv, {b}"] = _shell(rate, f"World, batch {b}", f"CRSVectorEnv, {b}")
    for name, values in rate.items():
        table.add_row(name, f"{statistics.median(values):,.0f}", ratios.get(name, ""))
    gained = quotient(rate, "World, batch 512", "World, batch 1")
    table.add_row("batch 512 over batch 1", "", f"{gained:.1f} x")
    Console(width=100).print(table)


def _shell(rate: Rates, core_name: str, name: str) -> str:
    return f"{100 * (quotient(rate, core_name, name) - 1):+.1f} % over the core"


if __name__ == "__main__":
    main()
