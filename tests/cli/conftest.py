"""The command line in process, with a small environment of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crsgym.cli import main
from crsgym.data.dataset import Dataset
from crsgym.registry import envs, register_env

Run = Callable[..., tuple[int, str, str]]
"""Arguments in; exit code, standard output and standard error out."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def toy_env(toy_dataset: Dataset) -> str:
    """The toy data as an environment: 4 scenarios a split, 12 items."""
    if "ToyShell-v0" not in envs():
        register_env("ToyShell-v0", toy_dataset, retriever="popularity", simulator="rules")
    return "ToyShell-v0"
