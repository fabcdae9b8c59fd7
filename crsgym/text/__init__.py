"""Text encoders: hashed TF-IDF with no weights, and sentence-transformers models by name."""

from __future__ import annotations

from typing import cast

from crsgym.errors import PluginError
from crsgym.plugins import Registry
from crsgym.protocols import TextEncoder
from crsgym.text.items import item_text

ENCODERS = Registry(
    "text encoder",
    {
        "tfidf": "crsgym.text.tfidf:HashedTfidf",
        "minilm": "crsgym.text.sentence:minilm",
    },
)


def load_encoder(name: str) -> TextEncoder:
    """The text encoder of a name.

    Args:
        name: ``"tfidf"``, ``"minilm"``, a registered name, ``"module:Class"``, or the name or path
            of a sentence-transformers model, which holds a ``/``: ``"BAAI/bge-base-en-v1.5"``.

    Raises:
        ConfigurationError: when the name is unknown, or the model is neither here nor to be had.
        PluginError: when what the name stands for is not a text encoder.
    """
    if "/" in name and ":" not in name:
        from crsgym.text.sentence import SentenceEncoder

        return SentenceEncoder(name)
    encoder = ENCODERS.load(name)()
    # Not isinstance: it would ask for `dim`, and so load the model before anybody needs it.
    if not callable(getattr(encoder, "encode", None)):
        raise PluginError(f"text encoder {name!r}: expected a method `encode`, got {encoder!r}")
    return cast("TextEncoder", encoder)


__all__ = ["ENCODERS", "item_text", "load_encoder"]
