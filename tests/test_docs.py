"""The Python blocks of README.md and docs/ run, in order, each page in one namespace of its own.

A block with a title, ` ```python title="needs a GPU"`, is shown with it and not run.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crsgym.baselines import AGENTS
from crsgym.chat import CHAT_MODELS
from crsgym.data import DATASETS
from crsgym.retrieval import RETRIEVERS
from crsgym.rewards import REWARDS
from crsgym.simulators import SIMULATORS
from crsgym.text import ENCODERS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```python *\n(?P<code>.*?)^(?P=indent)``` *$", re.M | re.S)


def blocks(text: str) -> list[str]:
    """The blocks to run, each behind as many empty lines as it has above, so tracebacks fit."""
    return [
        "\n" * text.count("\n", 0, match.start("code"))
        + re.sub(f"^{match['indent']}", "", match["code"], flags=re.M)
        for match in FENCE.finditer(text)
    ]


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page.read_text(encoding="utf-8"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for registry in (AGENTS, CHAT_MODELS, DATASETS, ENCODERS, RETRIEVERS, REWARDS, SIMULATORS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))  # as it was, afterwards
    namespace: dict[str, object] = {"__name__": f"docs_{page.stem}"}
    for code in blocks(page.read_text(encoding="utf-8")):
        exec(compile(code, str(page), "exec"), namespace)


def test_the_readme_has_a_quickstart_that_runs() -> None:
    assert blocks((ROOT / "README.md").read_text(encoding="utf-8"))


def test_blocks_are_found() -> None:
    page = (
        "a\n```python\nx = 1\n```\n\n"
        "  ```python\n  y = 2\n  ```\n"
        '```python title="needs a GPU"\nz\n```\n'
        "```bash\nls\n```\n"
    )
    assert blocks(page) == ["\n\nx = 1\n", "\n" * 6 + "y = 2\n"]
