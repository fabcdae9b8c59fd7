"""`import crsgym` is quick, quiet, and loads nothing heavy."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import pytest

HEAVY = (
    "gradio matplotlib pandas peft ray scipy sentence_transformers sklearn "
    "torch transformers trl vllm"
).split()
ROUNDS = 11
LIMIT = 1.5


def fresh(code: str) -> str:
    """What `code` prints in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stderr == ""
    return done.stdout


def seconds(statement: str) -> float:
    """What the statement costs in a new interpreter, without the interpreter's own start.

    Processor time: on a busy machine the clock on the wall measures the neighbours.
    """
    return float(
        fresh(
            "import time; start = time.process_time()\n"
            f"{statement}\n"
            "print(time.process_time() - start)"
        )
    )


@pytest.mark.slow
def test_import_takes_little_more_than_its_dependencies() -> None:
    ours, theirs = "import crsgym", "import gymnasium, numpy"
    seconds(ours), seconds(theirs)  # the first of each compiles bytecode and fills the disk cache
    ratio = statistics.median(seconds(ours) / seconds(theirs) for _ in range(ROUNDS))
    assert ratio <= LIMIT, f"`{ours}` takes {ratio:.2f} times what `{theirs}` takes"


def test_import_loads_nothing_heavy_and_says_nothing() -> None:
    loaded = json.loads(
        fresh("import json, sys; import crsgym; print(json.dumps(sorted(sys.modules)))")
    )
    assert [name for name in HEAVY if name in loaded] == []


def test_every_public_name_is_there() -> None:
    missing = fresh(
        "import crsgym; print([n for n in crsgym.__all__ if not hasattr(crsgym, n)], end='')"
    )
    assert missing == "[]"
