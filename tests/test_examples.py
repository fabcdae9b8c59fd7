"""Every script of examples/ runs as a user would run it, and prints what it promises."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
NEEDS_TORCH = {"06_train_ranker.py"}
PRINTS = {
    "01_first_episode.py": r"turn 1: .*\n  reward .*\n  Seeker: \w[\s\S]*found: .* \(\d{4}\)",
    "02_own_agent.py": r"turn 3: Recall@10 0\.\d+ \[[\s\S]*Echo +retriever +3 +all +recall@10",
    "03_own_dataset.py": r"Seeker: .*(?:spice|recipe)[\s\S]*turn 5: Recall@3 (?:1\.00|0\.[6-9])",
    "04_vector_env.py": r"step 40: mean reward 2\.\d+[\s\S]*begin at candidate 1: 0\.[5-9]",
    "05_own_reward_and_user.py": r"'brevity': 1\.0\}[\s\S]*Seeker: \w+\. More \w+, please\.",
    "06_train_ranker.py": r"ranker +retriever +3 +all +recall@10",
}
MOST_LINES = 110


def test_the_scripts_are_numbered_and_listed() -> None:
    names = [script.name for script in SCRIPTS]
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))
    assert set(names) == set(PRINTS)
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in index and f"(examples/{name})" in readme for name in names)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_says_what_it_shows_and_how_long_it_takes(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(text)) or ""
    assert f"python examples/{script.name}" in said
    assert re.search(r"about \w+ seconds", said)
    assert ("Needs torch" if script.name in NEEDS_TORCH else "Core dependencies") in said
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_runs(script: Path, tmp_path: Path) -> None:
    if script.name in NEEDS_TORCH and find_spec("torch") is None:
        pytest.skip("needs torch")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "XDG_CACHE_HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTS[script.name], done.stdout), done.stdout
