"""Who may import whom: a room of crsgym/ imports from those above it, nothing heavy early."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each room may import from those before it. A new room is a decision about the design: it gets its
# place here.
ROOMS = (
    "errors",
    "checks",
    "memo",
    "seeding",
    "record",
    "types",
    "plugins",
    "options",
    "episodes",
    "protocols",
    "data",
    "text",
    "chat",
    "prompts",
    "ranklist",
    "actions",
    "rewards",
    "retrieval",
    "simulators",
    "parts",
    "world",
    "task",
    "spaces",
    "env",
    "vector",
    "wrappers",
    "registry",
    "testing",
    "baselines",
    "rollout",
    "evaluation",
    "finetune",
    "integrations",
    "cli",
    "__main__",
)

# A record shows itself: what draws an episode belongs with the records; each may name the other.
SAME_ROOM = {"rendering": "types"}

HEAVY = frozenset(
    "accelerate datasets dgl faiss gradio joblib matplotlib pandas peft ray scipy sklearn "
    "sentence_transformers stable_baselines3 tensorboard torch transformers trl vllm".split()
)

# Modules that are torch models through and through; whoever uses one imports it inside a function.
LOADED_LAZILY = frozenset({"crsgym.retrieval.lightgcn", "crsgym.retrieval.fusion"})

# Folders of the checkout that the library must not know. `agents` has another name in a wheel:
# inside agents/ imports are relative, and the command line finds it by name.
OUTSIDE = frozenset({"agents", "crsgym_agents", "tests", "examples", "benchmarks", "docs"})


@dataclass(frozen=True)
class Import:
    """One imported module, with where it is written."""

    module: str
    line: int
    at_import: bool
    """Whether it runs when the file is imported: not in a function, nor for type checkers only."""


def is_type_checking(test: ast.expr) -> bool:
    """Whether the condition of an `if` is `TYPE_CHECKING`."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def imports_of(path: Path, root: Path) -> Iterator[Import]:
    """Every import of a file, made absolute; `from package import module` is that module."""
    parts = path.relative_to(root).with_suffix("").parts
    package = parts[:-1]

    def walk(node: ast.AST, at_import: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_import)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                inner = root.joinpath(*source, alias.name)
                is_module = inner.is_dir() or inner.with_name(f"{alias.name}.py").is_file()
                yield Import(
                    ".".join((*source, alias.name) if is_module else source), node.lineno, at_import
                )
        elif isinstance(node, ast.If) and is_type_checking(node.test):
            for child in node.body:
                yield from walk(child, False)
            for child in node.orelse:
                yield from walk(child, at_import)
        else:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                at_import = False
            for child in ast.iter_child_nodes(node):
                yield from walk(child, at_import)

    yield from walk(ast.parse(path.read_text(encoding="utf-8"), str(path)), True)


def room_of(module: str) -> str:
    """`crsgym.data.graph` is in `data`; the package itself is in the room `""`."""
    room = [*module.split("."), ""][1]
    return SAME_ROOM.get(room, room)


def violations(root: Path) -> list[str]:
    """What breaks the rules in `root/crsgym`, one line each: `file:line: what`."""
    found = []
    for path in sorted((root / "crsgym").rglob("*.py")):
        where = path.relative_to(root)
        module = ".".join(where.with_suffix("").parts).removesuffix(".__init__")
        room = room_of(module)
        if room and room not in ROOMS:
            found.append(
                f"{where}:1: room {room!r} has no place in the order; give it one in {__name__}"
            )
            continue
        for imported in imports_of(path, root):
            top = imported.module.split(".")[0]
            at = f"{where}:{imported.line}:"
            if top in OUTSIDE:
                found.append(f"{at} the library imports {imported.module}, which is outside it")
            if imported.at_import and module not in LOADED_LAZILY:
                if top in HEAVY:
                    found.append(
                        f"{at} imports {imported.module} when imported; do it where it is used"
                    )
                if imported.module in LOADED_LAZILY:
                    found.append(
                        f"{at} imports {imported.module}, which is heavy; do it where it is used"
                    )
            if top != "crsgym" or not room:
                continue
            target = room_of(imported.module)
            if not target:
                if room not in ("cli", "__main__"):
                    found.append(
                        f"{at} {room} imports the package itself; name the module that has it"
                    )
            elif target not in ROOMS:
                found.append(f"{at} imports {imported.module}, whose room has no place")
            elif target != room and ROOMS.index(target) > ROOMS.index(room):
                found.append(f"{at} {room} imports {imported.module}, which is below it")
    return found


def test_rooms_import_only_from_above() -> None:
    assert violations(ROOT) == []


def test_agents_import_each_other_relatively() -> None:
    absolute = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "agents").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        if (
            isinstance(node, ast.Import)
            and any(alias.name.split(".")[0] in OUTSIDE for alias in node.names)
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").split(".")[0] in OUTSIDE
        )
    ]
    assert absolute == []


def plant(root: Path, files: dict[str, str]) -> list[str]:
    for name, source in files.items():
        path = root / "crsgym" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return violations(root)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("data/graph.py", "from crsgym.world import World", "data imports crsgym.world"),
        ("data/graph.py", "from crsgym import world", "data imports crsgym.world"),
        ("data/graph.py", "from ..world import World", "data imports crsgym.world"),
        ("data/graph.py", "def f():\n    import crsgym.world", "data imports crsgym.world"),
        ("data/graph.py", "from crsgym import make", "data imports the package itself"),
        ("data/graph.py", "import scipy.sparse", "imports scipy.sparse when imported"),
        ("data/graph.py", "class A:\n    import torch", "imports torch when imported"),
        ("data/graph.py", "try:\n    import ray\nexcept ImportError: ...", "imports ray when"),
        ("__init__.py", "import torch", "imports torch when imported"),
        ("retrieval/dual_view.py", "from .fusion import Adapter", "which is heavy"),
        ("env.py", "from agents.ranker import Ranker", "which is outside it"),
        ("helpers.py", "", "has no place in the order"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, name: str, source: str, message: str) -> None:
    sound = {"world.py": "from crsgym.types import State", "retrieval/fusion.py": "import torch"}
    assert plant(tmp_path, sound) == []
    (found,) = plant(tmp_path, {name: source})
    assert message in found
    assert found.startswith(f"crsgym/{name}:")


@pytest.mark.parametrize(
    "source",
    [
        "from crsgym.data.catalogue import Catalogue",
        "from . import catalogue",
        "import numpy as np\nimport gymnasium",
        "def f():\n    import torch\n    return torch",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
        "from crsgym.errors import DataError",
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path: Path, source: str) -> None:
    assert plant(tmp_path, {"data/catalogue.py": "", "data/graph.py": source}) == []
