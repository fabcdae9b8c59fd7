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
