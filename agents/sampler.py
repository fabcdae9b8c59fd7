"""Draws the answers a policy is trained on, with the token ids and log-probabilities they had.

Three engines, all of :mod:`crsgym.chat`:

* ``transformers``: the trained model itself. Nothing is copied; slow on long answers.
* ``vllm``: vLLM in this process, over the same base model. Before each step the adapter is saved
  and read again.
* ``server``: a vLLM server on other GPUs, which swaps the adapter in place and must see the same
  disk. It is started with ``VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`` and ``--model BASE --enable-lora
  --max-lora-rank R --logprobs-mode processed_logprobs``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.options import read_options
from crsgym.protocols import ChatModel, Completion, Message, Sampling

ENGINES = ("transformers", "vllm", "server")


class Sampler:
    """The policy as a chat model.

    Args:
        engine: one of ``ENGINES``.
        policy: the trained peft model.
        tokenizer: its tokenizer.
        base: folder or name of the base model, without the adapter.
        folder: where adapters are written for an engine that reads them.
        options: of the engine: ``base_url``, ``engine_options``, ``batch_size``, ...

    Raises:
        ConfigurationError: an unknown engine or option.
    """

    def __init__(
        self,
        engine: str,
        *,
        policy: Any,
        tokenizer: Any,
        base: str,
        folder: Path,
        options: Mapping[str, Any],
    ) -> None:
        self.seconds = 0.0
        """Time spent drawing, and"""
        self.tokens = 0
        """tokens drawn, since the last :meth:`reset`."""
        self._policy, self._folder, self._published = policy, folder, 0
        self._reads_folder = engine != "transformers"
        self.chat: ChatModel
        """The engine; its answers are the policy's as it was when :meth:`publish` was called."""
        if engine == "transformers":
            from crsgym.chat.huggingface import TransformersChatModel

            options = read_options("sampler transformers", TransformersChatModel, options)
            self.chat = TransformersChatModel(policy, tokenizer=tokenizer, **options)
        elif engine == "vllm":
            from crsgym.chat.vllm import VLLMChatModel

            options = read_options("sampler vllm", VLLMChatModel, options)
            rank = max(config.r for config in policy.peft_config.values())
            self.chat = VLLMChatModel(base, **{"max_lora_rank": rank, **options})
        elif engine == "server":
            from crsgym.chat.server import ServerChatModel

            options = read_options("sampler server", ServerChatModel, options)
            self.chat = ServerChatModel(base, **options)
        else:
            raise ConfigurationError(
                f"sampler: expected one of {', '.join(ENGINES)}; got {engine!r}"
            )

    def publish(self) -> None:
        """Draw from the policy as it is now.

        Raises:
            ModelServerError: when the server refuses the adapter.
        """
        if not self._reads_folder:
            return
        # The folder read last stays while the next is written: the engine may still look at it.
        self._published += 1
        path = self._folder / f"policy-{self._published % 2}"
        self._policy.save_pretrained(str(path))
        self.chat.load_adapter(str(path.resolve()))  # type: ignore[attr-defined]

    def complete(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Completion]:
        """One answer per prompt, each with its token ids and log-probabilities.

        Raises:
            ModelServerError: when the engine does not answer, or leaves ids or log-probabilities
                out.
        """
        started = time.perf_counter()
        self._policy.eval()
        answers = self.chat.complete(prompts, sampling, seeds)
        self.seconds += time.perf_counter() - started
        for answer in answers:
            if not (answer.prompt_ids and answer.token_ids) or len(answer.logprobs) != len(
                answer.token_ids
            ):
                raise ModelServerError(
                    f"{self.chat.name} told {len(answer.prompt_ids)} prompt ids, "
                    f"{len(answer.token_ids)} token ids and {len(answer.logprobs)} "
                    "log-probabilities for an answer; training needs all of them, as vLLM tells "
                    "with return_token_ids"
                )
            self.tokens += len(answer.token_ids)
        return answers

    def reset(self) -> None:
        """Count time and tokens from here."""
        self.seconds, self.tokens = 0.0, 0


__all__ = ["ENGINES", "Sampler"]
