"""A small language model from scratch, with a tokenizer of its own: experiments on a CPU.

The tokenizer is byte-level BPE fitted on the conversations and answers of one environment. Every
title of the catalogue and every value of an attribute is one token, and other tokens may span
words, so that a step or a stock phrase is one token or few: an answer is then about forty tokens,
and a model of a million weights can learn to write it.

``python -m agents.scratch --env Synthetic-v0 --prompt compact --out runs/base``
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crsgym.errors import ConfigurationError
from crsgym.task import Task

from .settings import TaskSettings, leave, parse

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
# A line break, a number of a list, a comma or a bracket is a piece; what stands between them may
# become one token.
_MARKS = r"\n\d+\. |\n|, |\[|\]"


@dataclass(frozen=True)
class ScratchSettings(TaskSettings):
    """An untrained Llama and a tokenizer fitted on an environment's train split."""

    out: str = ""
    """Folder of the model."""
    limit: int = 2000
    """Train scenarios that the tokenizer is fitted on."""
    vocabulary: int = 2560
    """Tokens of the vocabulary beside titles and attributes."""
    width: int = 128
    """Width of the model; width / heads must be 32 or 64 for vLLM on a CPU."""
    layers: int = 2
    """Layers of the model."""
    heads: int = 4
    """Attention heads a layer."""
    context: int = 1024
    """Tokens of context."""
    seed: int = 0
    """Draws the weights."""


def write_model(
    texts: Iterable[str],
    titles: Sequence[str],
    values: Sequence[str],
    settings: ScratchSettings,
) -> int:
    """Save the model and its tokenizer; the number of weights.

    Args:
        texts: what the tokenizer is fitted on.
        titles: become one token each.
        values: of attributes; become one token each where they stand as whole words.
        settings: the model's shape, and where it goes.

    Raises:
        ConfigurationError: the width is no multiple of the heads, or a package is missing.
    """
    if not settings.out:
        raise ConfigurationError("out: expected the folder to write the model to")
    if settings.width % settings.heads:
        raise ConfigurationError(
            f"width must be a multiple of heads; got {settings.width} and {settings.heads}"
        )
    try:
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
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"a model needs the package {error.name}: pip install 'crsgym[train]'"
        ) from error

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_MARKS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    longest_first = sorted({*titles, *values}, key=len, reverse=True)
    atoms = re.compile("|".join(map(re.escape, longest_first)) or "$^")
    special = ["<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    bpe.train_from_iterator(
        (piece for text in texts for piece in atoms.split(text)),
        trainers.BpeTrainer(
            vocab_size=settings.vocabulary,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bpe.add_tokens([AddedToken(title, normalized=False) for title in titles])
    # The decoder reads a token without a blank as bytes, which is right for ASCII alone.
    whole = [value for value in values if " " in value or value.isascii()]
    bpe.add_tokens([AddedToken(value, normalized=False, single_word=True) for value in whole])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=special[0],
        bos_token=special[1],
        eos_token=special[2],
        additional_special_tokens=special[3:],
        model_max_length=settings.context,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        intermediate_size=settings.width * 4,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.context,
        initializer_range=settings.width**-0.5,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = LlamaForCausalLM(config)
        start_by_copying(model, tokenizer.convert_tokens_to_ids(list(titles)))
    model.save_pretrained(settings.out)
    tokenizer.save_pretrained(settings.out)
    return int(model.num_parameters())


def start_by_copying(model: Any, titles: Sequence[int]) -> None:
    """Make copying from the prompt what a Llama with random weights does before it is trained.

    Attention writes back what it reads as it was, and nothing else is written yet. With one table
    for reading and writing, a title that is looked at is thus a title made likelier. Titles have a
    direction in common, by which attention soon tells them from other tokens; it is not written
    back, for it would make all titles likelier. From random weights alone it takes many thousand
    examples to find out that answers are copied.

    Args:
        model: a Llama that reads and writes with one table; changed in place.
        titles: their token ids.
    """
    import torch

    with torch.no_grad():
        width = model.config.hidden_size
        alike = torch.nn.functional.normalize(torch.randn(width), dim=0)  # (width,)
        model.model.embed_tokens.weight[list(titles)] += alike
        model.model.norm.weight.fill_(2.0)
        for layer in model.model.layers:
            read, write = layer.self_attn.v_proj.weight, layer.self_attn.o_proj.weight
            torch.nn.init.orthogonal_(read)
            write.copy_(read.T - torch.outer(alike, alike @ read.T))
            torch.nn.init.zeros_(layer.mlp.down_proj.weight)


def example_texts(task: Task, settings: ScratchSettings) -> list[str]:
    """Prompts and answers as SFT will show them."""
    from .form import FormTeacher
    from .sft import make_examples

    examples = make_examples(
        task, teacher=FormTeacher(task.world), prompt=settings.prompt, lists=1
    ).examples
    return [message["content"] for example in examples for message in example.messages]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    settings = parse(ScratchSettings, "python -m agents.scratch", argv)
    task = settings.task("train", limit=settings.limit)
    catalogue = task.world.catalogue
    values = sorted({value for item in catalogue for _, value in item.attributes})
    size = write_model(example_texts(task, settings), catalogue.titles, values, settings)
    print(f"{settings.out}: {size:,} weights", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    leave(main)

__all__ = [
    "CHAT_TEMPLATE",
    "ScratchSettings",
    "example_texts",
    "main",
    "start_by_copying",
    "write_model",
]
