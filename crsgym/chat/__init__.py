"""Chat models: one batched, blocking ``complete()`` over any engine.

An engine is chosen by name, ``"engine:model"``:

| name | what it is |
| --- | --- |
| ``server:NAME`` | an OpenAI-compatible server (vLLM's, or any other) over HTTP |
| ``vllm:PATH`` | vLLM in this process, LoRA adapters swapped in place |
| ``transformers:`` | Hugging Face ``generate`` in this process |
| ``replay:FILE`` | what :class:`~crsgym.chat.cache.CachedChatModel` recorded, and nothing else |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crsgym.errors import ConfigurationError
from crsgym.options import read_options
from crsgym.plugins import Registry
from crsgym.protocols import ChatModel

CHAT_MODELS = Registry(
    "chat model",
    {
        "server": "crsgym.chat.server:ServerChatModel",
        "vllm": "crsgym.chat.vllm:VLLMChatModel",
        "transformers": "crsgym.chat.huggingface:TransformersChatModel",
        "replay": "crsgym.chat.cache:replay",
    },
)


def build(
    model: str | ChatModel,
    options: Mapping[str, Any] | None = None,
    *,
    cache: str | Path | None = None,
) -> ChatModel:
    """The chat model that ``"engine:model"`` names, or the one given.

    Args:
        model: ``"server:Qwen/Qwen2.5-7B-Instruct"``, ``"vllm:./merged"``, ..., or an object with
            ``complete()``.
        options: keyword options of the engine, e.g. ``{"base_url": ..., "adapter": ...}``.
        cache: a file to record answers in and to answer from where it already knows them.

    Raises:
        ConfigurationError: an unknown engine or option, or a name without an engine.
    """
    options = dict(options or {})
    if isinstance(model, str):
        engine, separator, name = model.partition(":")
        if not separator or not name:
            raise ConfigurationError(
                f"chat model {model!r}: expected 'engine:model', e.g. 'server:{model}'; "
                f"engines: {', '.join(CHAT_MODELS.names())}"
            )
        factory = CHAT_MODELS.load(engine)
        options = read_options(f"chat model {engine}", factory, options)
        built: ChatModel = factory(name, **options)
    elif options:
        raise ConfigurationError(
            f"options {sorted(options)} were given for a chat model that is built already"
        )
    elif not isinstance(model, ChatModel):
        raise ConfigurationError(
            f"a chat model has a name and complete(prompts, sampling, seeds); got {model!r}"
        )
    else:
        built = model
    if cache is not None:
        from crsgym.chat.cache import CachedChatModel

        built = CachedChatModel(built, cache)
    return built


__all__ = ["CHAT_MODELS", "build"]
