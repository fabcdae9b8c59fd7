from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Tests are imported by path (importmode=importlib), so a neighbour is too.
_spec = importlib.util.spec_from_file_location(
    "crsgym_fake_server", Path(__file__).with_name("fake_server.py")
)
fake_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fake_server)


@pytest.fixture
def server() -> Iterator[Any]:
    fake = fake_server.FakeServer()
    yield fake
    fake.stop()


@pytest.fixture
def completion() -> Any:
    """Makes a well-formed answer of the fake server."""
    return fake_server.completion


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small untrained Llama: its answers are nonsense, its arithmetic is real."""
    pytest.importorskip("transformers")
    spec = importlib.util.spec_from_file_location(
        "crsgym_tiny_model", Path(__file__).parents[1] / "tiny_model.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts = ["The quick brown fox jumps over the lazy dog, again and again, in Amélie's café."] * 4
    return module.write_tiny_model(
        tmp_path_factory.mktemp("tiny"),
        texts,
        vocabulary=320,
        width=64,
        heads=2,
        context=128,
        seed=1,
    )
