"""Hugging Face ``generate`` in this process: the engine that runs wherever torch does."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crsgym.chat.adapter import adapter_name
from crsgym.errors import ConfigurationError
from crsgym.protocols import Completion, Message, Sampling


class TransformersChatModel:
    """A causal language model with a chat template.

    Prompts are padded on the left and sorted by length into batches. Sampling draws each row from
    a generator of its own seed, so an answer does not depend on what else is in the batch (up to
    the rounding of the model's arithmetic).

    Args:
        model: a folder, a hub name, or a loaded ``PreTrainedModel``.
        tokenizer: its tokenizer; read from ``model`` when that is a name.
        adapter: a folder with a LoRA adapter, as peft saves it.
        device: ``"cpu"``, ``"cuda"``, ...; a GPU where there is one when not given.
        dtype: e.g. ``"bfloat16"``; as saved when ``"auto"``.
        batch_size: prompts generated together.

    Raises:
        ConfigurationError: no chat template, no tokenizer, or no such adapter.
    """

    nondeterministic = False

    def __init__(
        self,
        model: Any,
        *,
        tokenizer: Any = None,
        adapter: str | Path | None = None,
        device: str | None = None,
        dtype: str = "auto",
        batch_size: int = 32,
    ) -> None:
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"the transformers engine needs the package {error.name}: "
                "pip install 'crsgym[train]'"
            ) from error
        if batch_size < 1:
            raise ConfigurationError(f"batch_size: expected at least 1; got {batch_size}")
        if isinstance(model, (str, Path)):
            self._base = str(model)
            device = device or ("cuda" if torch.cuda.is_available() else "cpu")
            tokenizer = tokenizer or AutoTokenizer.from_pretrained(self._base)
            model = AutoModelForCausalLM.from_pretrained(self._base, dtype=dtype).to(device)
        else:
            self._base = str(getattr(model, "name_or_path", "") or type(model).__name__)
        if tokenizer is None:
            raise ConfigurationError("a loaded model needs its tokenizer=")
        if not tokenizer.chat_template:
            raise ConfigurationError(f"the tokenizer of {self._base} has no chat template")
        self.model = model.eval()
        """The model; peft's wrapper of it once an adapter was loaded."""
        self.tokenizer = tokenizer
        self.name = self._base
        self._batch_size = batch_size
        if adapter is not None:
            self.load_adapter(adapter)

    def load_adapter(self, path: str | Path | None) -> None:
        """Generate with another LoRA adapter from now on; ``None`` for the bare model.

        Raises:
            ConfigurationError: no adapter there, or peft is not installed.
        """
        name = None if path is None else adapter_name(path)
        try:
            from peft import PeftModel
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "a LoRA adapter needs the package peft: pip install 'crsgym[train]'"
            ) from error
        if isinstance(self.model, PeftModel):
            self.model = self.model.unload()
        if path is not None:
            self.model = PeftModel.from_pretrained(self.model, str(path)).eval()
        self.name = self._base if name is None else f"{self._base}+{name}"

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """One completion per prompt, with token ids; logprobs when asked for.

        Raises:
            ConfigurationError: a prompt that does not fit the model's context.
        """
        if seeds is None:
            seeds = [secrets.randbits(63) for _ in prompts]
        elif len(seeds) != len(prompts):
            raise ValueError(f"expected one seed per prompt; got {len(seeds)} for {len(prompts)}")
        rows = [self._tokens(prompt, sampling.max_tokens) for prompt in prompts]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        completions: dict[int, Completion] = {}
        for start in range(0, len(order), self._batch_size):
            part = order[start : start + self._batch_size]
            answers = self._generate([rows[i] for i in part], sampling, [seeds[i] for i in part])
            completions.update(zip(part, answers, strict=True))
        return [completions[row] for row in range(len(rows))]

    def spec(self) -> dict[str, Any]:
        """The model and its adapter, by name and content."""
        return {"model": self.name}

    def _tokens(self, prompt: Sequence[Message], max_tokens: int) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            list(prompt), tokenize=False, add_generation_prompt=True
        )
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and len(ids) + max_tokens > limit:
            raise ConfigurationError(
                f"a prompt of {len(ids)} tokens and max_tokens={max_tokens} do not fit the "
                f"{limit} tokens of {self.name}; lower max_tokens, or take a longer context"
            )
        return ids

    def _generate(
        self, rows: Sequence[list[int]], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Completion]:
        import torch
        from transformers import GenerationConfig

        pad = self.tokenizer.pad_token_id
        pad = self.tokenizer.eos_token_id if pad is None else pad
        width = max(map(len, rows))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])  # (B, W)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        ends = self._end_ids()
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids.to(self.model.device),
                attention_mask=mask.to(self.model.device),
                # A fresh configuration: what the model folder says of sampling must not add to it.
                generation_config=GenerationConfig(
                    max_new_tokens=sampling.max_tokens,
                    do_sample=False,
                    eos_token_id=ends,
                    pad_token_id=pad,
                    bos_token_id=self.tokenizer.bos_token_id,
                    stop_strings=list(sampling.stop) or None,
                    output_logits=sampling.logprobs,
                    return_dict_in_generate=True,
                ),
                logits_processor=[_Draw(sampling, seeds)] if sampling.temperature > 0 else [],
                tokenizer=self.tokenizer if sampling.stop else None,
            )
        new = output.sequences[:, width:].tolist()
        logprobs: list[list[float]] = [[] for _ in rows]
        if sampling.logprobs:
            for step, logits in enumerate(output.logits):  # (B, V) each
                table = _sampler_logits(logits.float(), sampling).log_softmax(dim=-1)
                chosen = output.sequences[:, width + step, None]
                for row, value in zip(
                    logprobs, table.gather(1, chosen)[:, 0].tolist(), strict=True
                ):
                    row.append(value)
        return [
            self._completion(rows[i], new[i], logprobs[i], ends, sampling) for i in range(len(rows))
        ]

    def _completion(
        self,
        prompt: Sequence[int],
        new: Sequence[int],
        logprobs: Sequence[float],
        ends: Sequence[int],
        sampling: Sampling,
    ) -> Completion:
        """Cut one row at its end token, or its stop text."""
        length = next((i + 1 for i, token in enumerate(new) if token in ends), None)
        finished = length is not None
        token_ids = tuple(new[:length])
        text = self.tokenizer.decode(token_ids, skip_special_tokens=True)
        stops = [at for at in map(text.find, sampling.stop) if at >= 0]
        if stops:
            # Other rows of the batch go on after this one's stop text: cut the tokens too.
            text, finished = text[: min(stops)], True
            keep = range(1, len(token_ids) + 1)
            token_ids = next(
                token_ids[:n]
                for n in keep
                if any(s in self.tokenizer.decode(token_ids[:n]) for s in sampling.stop)
            )
        return Completion(
            # An answer that is cut may end in half a character; vLLM leaves it out as well.
            text=text if finished else text.rstrip("\N{REPLACEMENT CHARACTER}"),
            finish_reason="stop" if finished else "length",
            prompt_ids=tuple(prompt),
            token_ids=token_ids,
            logprobs=tuple(logprobs[: len(token_ids)]),
        )

    def _end_ids(self) -> list[int]:
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        ids = configured if isinstance(configured, list) else [configured]
        return sorted({i for i in [*ids, self.tokenizer.eos_token_id] if i is not None})


def _sampler_logits(logits: Any, sampling: Sampling) -> Any:
    """The logits (B, V) that a token is drawn from: after temperature and top-p."""
    if sampling.temperature == 0:
        return logits
    logits = logits / sampling.temperature
    if sampling.top_p < 1:
        order = logits.sort(dim=-1, descending=True)
        mass = order.values.softmax(dim=-1).cumsum(dim=-1)
        # The token that crosses top_p stays: drop those before which the mass is reached already.
        dropped = mass - order.values.softmax(dim=-1) >= sampling.top_p
        logits = logits.masked_fill(dropped.scatter(1, order.indices, dropped), float("-inf"))
    return logits


class _Draw:
    """Turns greedy decoding into sampling: all but one drawn token is made impossible.

    ``generate``'s own sampling draws a batch from the global generator, so an answer would depend
    on its neighbours; here every row has its own. A token takes one number from it, which is looked
    up in the distribution function: noise for every token of the vocabulary would cost a small
    model more than the model itself.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int]) -> None:
        import torch

        self._sampling, self._step = sampling, 0
        self._numbers = torch.stack(
            [
                torch.rand(
                    sampling.max_tokens,
                    generator=torch.Generator().manual_seed(seed),
                    dtype=torch.float64,
                )
                for seed in seeds
            ]
        )  # (B, L), each in [0, 1)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        logits = _sampler_logits(scores.float(), self._sampling)
        mass = logits.softmax(dim=-1).double().cumsum(dim=-1)  # (B, V)
        number = self._numbers[:, self._step, None].to(mass.device) * mass[:, -1:]
        # The first token whose mass goes beyond the number: never one without any.
        drawn = torch.searchsorted(mass, number, right=True)
        self._step += 1
        return torch.full_like(logits, float("-inf")).scatter_(1, drawn, 0.0)


__all__ = ["TransformersChatModel"]
