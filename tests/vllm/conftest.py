"""A user trained from scratch in a minute or two, and the three engines that play it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read when vLLM is imported: the engine in this process, and 1 GiB of cache each.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")

_spec = importlib.util.spec_from_file_location(
    "crsgym_tiny_model", Path(__file__).parents[1] / "tiny_model.py"
)
tiny_model = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_model)

SCENARIOS = 60


@pytest.fixture(scope="session")
def dataset():
    from crsgym import data

    return data.load("synthetic")


@pytest.fixture(scope="session")
def examples(dataset):
    from crsgym import simulators
    from crsgym.simulators.tasks import make_examples

    teacher = simulators.build("attributes", dataset)
    return make_examples(dataset, "train", teacher=teacher, lists=4, limit=SCENARIOS, list_length=4)


@pytest.fixture(scope="session")
def base(examples, tmp_path_factory) -> Path:
    """An untrained Llama with heads of 32, and a tokenizer of its own."""
    texts = [message["content"] for example in examples for message in example.messages]
    return tiny_model.write_tiny_model(
        tmp_path_factory.mktemp("base"), texts, vocabulary=1024, width=64, heads=2, context=2048
    )


@pytest.fixture(scope="session")
def trained(base, examples, tmp_path_factory):
    """The same after the three tasks, all weights trained."""
    from crsgym.finetune import FinetuneSettings, finetune

    settings = FinetuneSettings(
        lora_rank=0,
        learning_rate=2e-3,
        epochs=3,
        batch_size=4,
        warmup_ratio=0.05,
        schedule="cosine",
        gradient_checkpointing=False,
    )
    return finetune(
        base,
        [example.messages for example in examples],
        tmp_path_factory.mktemp("user"),
        settings=settings,
        progress=False,
    )


@pytest.fixture(scope="session")
def adapters(trained, examples, tmp_path_factory) -> list[Path]:
    """Two LoRA adapters that make the trained user say something else each."""
    from crsgym.finetune import FinetuneSettings, finetune

    settings = FinetuneSettings(
        lora_rank=4, learning_rate=2e-2, epochs=3, gradient_checkpointing=False
    )
    feedback = [example for example in examples if example.task == "feedback"][:24]
    paths = []
    for number, text in enumerate(("More comedy, please.", "Nothing of that. Try drama.")):
        retold = [(*e.prompt, {"role": "assistant", "content": text}) for e in feedback]
        out = tmp_path_factory.mktemp(f"adapter{number}")
        paths.append(finetune(trained.path, retold, out, settings=settings, progress=False).path)
    return paths


class Server:
    """vLLM's OpenAI server in a process of its own."""

    def __init__(self, model: Path, log: Path) -> None:
        self.model, self.log = model, log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
            *("--model", str(self.model), "--served-model-name", "user"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--dtype", "float32", "--enforce-eager", "--max-model-len", "2048"),
            *("--enable-lora", "--max-lora-rank", "8"),
        ]
        environment = {**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        for _ in range(600):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2)
                return
            time.sleep(0.5)
        self.kill()
        pytest.fail(f"the server did not start:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """As the kernel would: no goodbye to anyone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def server(trained, tmp_path_factory) -> Iterator[Server]:
    server = Server(trained.path, tmp_path_factory.mktemp("server") / "log.txt")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def huggingface(trained):
    from crsgym.chat.huggingface import TransformersChatModel

    return TransformersChatModel(trained.path, device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def in_process(trained):
    from crsgym.chat.vllm import VLLMChatModel

    return VLLMChatModel(
        trained.path,
        dtype="float32",
        max_lora_rank=8,
        max_model_len=2048,
        engine_options={"enforce_eager": True},
    )


@pytest.fixture
def over_http(server):
    from crsgym.chat.server import ServerChatModel

    model = ServerChatModel("user", base_url=server.base_url, retries=2, backoff=0.05)
    yield model
    model.close()
