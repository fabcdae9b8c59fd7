"""``crsgym train ranker | ...``: the trainers of the reference agents, with their own options.

A trainer is a module of the reference agents with ``main(argv)``; its settings are a dataclass, and
the docstrings of the fields are its ``--help``.
"""

from __future__ import annotations

import importlib

import typer

TRAINERS = {
    "ranker": ("ranker_training", "Train the ranking policy, in minutes on a CPU."),
    "sft": ("sft", "Teach a language model the recommender's task, from a teacher's answers."),
    "grpo": ("grpo", "Improve a language model by multi-turn GRPO in the environment."),
}
"""Command to module of the reference agents, and its line of help."""


def add_trainers(app: typer.Typer) -> None:
    """Add a command for each of ``TRAINERS``; it hands its arguments on as they are."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    for name, (_, text) in TRAINERS.items():
        app.command(name, help=text, add_help_option=False, context_settings=settings)(_forward)


def _forward(context: typer.Context) -> None:
    from crsgym.plugins import reference_agents

    module, _ = TRAINERS[str(context.info_name)]
    code = importlib.import_module(f"{reference_agents()}.{module}").main(context.args)
    if code:
        raise typer.Exit(code)


__all__ = ["TRAINERS", "add_trainers"]
