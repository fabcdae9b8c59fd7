from __future__ import annotations

import subprocess
import sys

import pytest

from crsgym import chat
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.protocols import Sampling

PROMPT = [[{"role": "user", "content": "hi"}]]


def test_by_name() -> None:
    model = chat.build("server:org/name", {"base_url": "http://127.0.0.1:1/v1", "retries": 0})
    assert model.name == "org/name"
    with pytest.raises(ModelServerError):
        model.complete(PROMPT, Sampling())


def test_a_cache_round_trip_by_name(tmp_path) -> None:
    model = chat.build(ScriptedChatModel(["hello"]), cache=tmp_path / "c")
    assert model.complete(PROMPT, Sampling())[0].text == "hello"
    again = chat.build(f"replay:{tmp_path / 'c'}")
    assert again.complete(PROMPT, Sampling())[0].text == "hello"


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("gpt-4o", None, "expected 'engine:model', e.g. 'server:gpt-4o'"),
        ("servr:x", None, "did you mean 'server'"),
        ("server:x", {"time_out": 3}, "did you mean 'timeout'"),
        (ScriptedChatModel([]), {"timeout": 3}, "built already"),
        (object(), None, "a chat model has a name and complete"),
    ],
)
def test_configuration_errors(model, options, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        chat.build(model, options)


def test_scripted_runs_out() -> None:
    model = ScriptedChatModel(["one"])
    model.complete(PROMPT, Sampling())
    with pytest.raises(ModelServerError, match="has 1 answers and was asked for number 2"):
        model.complete(PROMPT, Sampling())


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, crsgym.chat, crsgym.chat.server, crsgym.chat.vllm, crsgym.chat.huggingface;"
        "print([m for m in ('httpx', 'torch', 'transformers', 'vllm') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
