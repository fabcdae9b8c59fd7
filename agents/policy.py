"""The trained model: a base that stays as it is, and an adapter that learns.

The reference policy of the KL term is the base with the adapter switched off, so there is no second
copy of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crsgym.errors import ConfigurationError
from crsgym.protocols import Completion


def load_policy(
    model: str,
    *,
    adapter: str | None,
    out: Path,
    lora_rank: int,
    lora_alpha: int,
    bf16: bool,
    gradient_checkpointing: bool,
    seed: int,
) -> tuple[Any, Any, str]:
    """A peft model with a fresh adapter, its tokenizer, and the name of its base.

    Args:
        model: folder or hub name.
        adapter: a LoRA adapter of the supervised stage. It is merged into the base, which is
            written to ``out/base`` for engines that load it themselves.
        out: the folder of the run.
        lora_rank: of the fresh adapter.
        lora_alpha: scale is alpha / rank.
        bf16: whether the base's weights are kept in bfloat16; the adapter's are float32.
        gradient_checkpointing: memory for time.
        seed: draws the adapter.

    Raises:
        ConfigurationError: a package is missing, or there is no chat template.
    """
    try:
        from peft import LoraConfig, PeftModel, get_peft_model
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"training needs the package {error.name}: pip install 'crsgym[train]'"
        ) from error
    dtype = torch.bfloat16 if bf16 else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(model)
    if not tokenizer.chat_template:
        raise ConfigurationError(f"the tokenizer of {model} has no chat template")
    base = model
    if adapter is not None:
        base = str(out / "base")
        if not (out / "base" / "config.json").is_file():
            network = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
            PeftModel.from_pretrained(network, adapter).merge_and_unload().save_pretrained(base)
            tokenizer.save_pretrained(base)
    network = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    if gradient_checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
        network.enable_input_require_grads()
    config = LoraConfig(
        r=lora_rank,
        lora_alpha=lora_alpha,
        lora_dropout=0.0,  # the ratio compares two passes over the same tokens: no noise in it
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        policy = get_peft_model(network, config)
    return policy, tokenizer, base


@dataclass(frozen=True)
class Tokens:
    """Answers as tensors: prompts padded on the left, answers on the right."""

    ids: Tensor
    """Prompt and answer, int64 (B, P + L)."""
    attention: Tensor
    """What is no padding, (B, P + L)."""
    mask: Tensor
    """Which of the last ``L`` are the answer's, float32 (B, L)."""
    sampler_logprobs: Tensor
    """As the sampler told them, float32 (B, L); 0 where masked."""

    @property
    def length(self) -> int:
        """``L``."""
        return int(self.mask.shape[1])


def collate(completions: Sequence[Completion], pad: int, device: Any = "cpu") -> Tokens:
    """Completions as tensors: their own token ids, never tokenised again."""
    width = max(len(c.prompt_ids) for c in completions)
    length = max(len(c.token_ids) for c in completions)
    shape = (len(completions), width + length)
    ids, attention = torch.full(shape, pad), torch.zeros(shape, dtype=torch.int64)
    logprobs = torch.zeros(len(completions), length)
    for row, c in enumerate(completions):
        start, end = width - len(c.prompt_ids), width + len(c.token_ids)
        ids[row, start:end] = torch.tensor([*c.prompt_ids, *c.token_ids])
        attention[row, start:end] = 1
        logprobs[row, : len(c.logprobs)] = torch.tensor(c.logprobs)
    mask = attention[:, width:].float()
    return Tokens(ids.to(device), attention.to(device), mask.to(device), logprobs.to(device))


def token_logprobs(policy: Any, tokens: Tokens, *, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probability of each token of the answers, and the entropy it was drawn at; (B, L) both.

    Args:
        policy: a causal language model.
        tokens: the answers.
        temperature: that they were drawn at: the distribution is the one that was sampled from.
    """
    positions = (tokens.attention.cumsum(dim=1) - 1).clamp_min(0)
    logits = policy(
        input_ids=tokens.ids,
        attention_mask=tokens.attention,
        position_ids=positions,
        use_cache=False,
        logits_to_keep=tokens.length + 1,
    ).logits[:, :-1]
    table = (logits.float() / temperature).log_softmax(dim=-1)  # (B, L, V)
    chosen = table.gather(2, tokens.ids[:, -tokens.length :, None]).squeeze(2)
    with torch.no_grad():
        entropy = -(table.exp() * table).sum(dim=2)
    return chosen, entropy


def token_spans(
    tokenizer: Any, token_ids: Sequence[int], spans: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The tokens that a stretch of characters lies in: ``(first, behind the last)`` for each span.

    A token on the border belongs to the first span that it touches. Found by decoding the answer
    up to a token, which is right for every tokenizer, and by bisection, since that takes time.
    """
    lengths: dict[int, int] = {0: 0}

    def length(count: int) -> int:
        if count not in lengths:
            text = tokenizer.decode(list(token_ids[:count]), skip_special_tokens=True)
            # Half a character shows as a replacement mark until its last byte is there.
            lengths[count] = len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
        return lengths[count]

    def tokens_until(place: int, low: int) -> int:
        """The fewest tokens whose text reaches ``place`` characters."""
        high = len(token_ids)
        while low < high:
            middle = (low + high) // 2
            if length(middle) >= place:
                high = middle
            else:
                low = middle + 1
        return low

    found, behind = [], 0
    for start, end in spans:
        until = tokens_until(start, behind)
        first = max(until if length(until) <= start else until - 1, behind)
        behind = max(tokens_until(end, first), first)
        found.append((first, behind))
    return found


__all__ = ["Tokens", "collate", "load_policy", "token_logprobs", "token_spans"]
