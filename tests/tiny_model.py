"""A small Llama with a BPE tokenizer of its own: real engines without a download."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def write_tiny_model(
    path: Path,
    texts: Iterable[str],
    *,
    vocabulary: int = 2048,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    context: int = 1024,
    seed: int = 0,
    atoms: Collection[str] = (),
    reads: bool = False,
) -> Path:
    """Save an untrained model and a tokenizer fitted on `texts`.

    The head size, width / heads, must be 32 or 64 for vLLM on CPU. With `atoms` (titles, values of
    attributes) each of them is one token, other tokens may span a sentence, and words are read and
    written by one table: prompts are a third as long, and to copy a name is easily learnt. With
    `reads` the first weights help it to look at what was said: see `_look_at_equals`.
    """
    import torch
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        trainers,
    )
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not atoms)
    if atoms:
        sentences = pre_tokenizers.Split(Regex(r"\n|[.!?:] "), behavior="merged_with_previous")
        bpe.pre_tokenizer = pre_tokenizers.Sequence([sentences, bytes_])
    else:
        bpe.pre_tokenizer = bytes_
    bpe.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    longest_first = sorted(map(re.escape, atoms), key=len, reverse=True)
    bounds = re.compile(rf"\b(?:{'|'.join(longest_first)})\b" if atoms else r"\Z")
    bpe.train_from_iterator(
        (piece for text in texts for piece in bounds.split(text)),
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    # The decoder takes a token without a blank for bytes, which is right for ASCII alone.
    whole = [atom for atom in atoms if " " in atom or atom.isascii()]
    bpe.add_tokens([AddedToken(atom, normalized=False, single_word=True) for atom in whole])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=special[0],
        bos_token=special[1],
        eos_token=special[2],
        additional_special_tokens=special[3:],
        model_max_length=context,
        chat_template=CHAT_TEMPLATE,
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context,
        initializer_range=width**-0.5 if reads else 0.02,
        tie_word_embeddings=bool(atoms),
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        if reads:
            _look_at_equals(model)
            _resemble(model, tokenizer, atoms)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def _look_at_equals(model: Any) -> None:
    """A token attends to tokens like it, and attention hands on what it reads as it was.

    From random weights it takes many thousand examples to find out that answers are copied.
    """
    import torch

    with torch.no_grad():
        for layer in model.model.layers:
            attention = layer.self_attn
            for weight in (attention.q_proj.weight, attention.v_proj.weight):
                torch.nn.init.orthogonal_(weight)
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.o_proj.weight.copy_(attention.v_proj.weight.T)
            torch.nn.init.zeros_(layer.mlp.down_proj.weight)


def _resemble(model: Any, tokenizer: Any, atoms: Collection[str]) -> None:
    """An atom with a capital starts out much like the one without: length 1, cosine 0.8."""
    import torch

    known = tokenizer.get_vocab()
    weights = model.model.embed_tokens.weight
    with torch.no_grad():
        for atom in atoms:
            capital = atom[0].upper() + atom[1:]
            if capital != atom and atom in known and capital in known:
                weights[known[capital]] *= 0.6
                weights[known[capital]] += 0.8 * weights[known[atom]]
