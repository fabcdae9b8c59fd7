"""The two views of a conversation made one: adapter, cross-attention, concatenation, InfoNCE.

Equations 9 to 12 of SMTPO (section 3.3.2). Two readings of equation 10 are offered. Read literally,
the key of the attention is the one pooled vector ``e_c``: a softmax over one entry is 1, the query
has no say, and the output is ``e_c W_V``. That is ``attention="pooled"``. In ``attention="set"``
the keys and values are what was pooled: the embeddings of the mentioned entities on one side, the
vectors of the parts of the text (dialogue, feedback, preference) on the other, so that each view
chooses what in the other matters. Pooling before or after then is the only difference.
"""

from __future__ import annotations

from typing import cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from crsgym.errors import ConfigurationError
from crsgym.retrieval.config import Attention, View


class Adapter(nn.Module):
    """Equation 9: two linear layers, ``Dim_s -> Dim_s / 2 -> Dim_c``, with no activation.

    The weights start orthogonal, so that angles between texts hold from the first step on.

    Args:
        text_dim: ``Dim_s``.
        dim: ``Dim_c``.
        seed: of the initial weights.
    """

    def __init__(self, text_dim: int, dim: int, *, seed: int = 0) -> None:
        super().__init__()
        inner = max(1, text_dim // 2)
        self.first = _bare(text_dim, inner)
        self.second = _bare(inner, dim)
        generator = torch.Generator().manual_seed(seed)
        for layer in (self.first, self.second):
            nn.init.orthogonal_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, text: Tensor) -> Tensor:
        """``W_2 (W_1 e_s + b_1) + b_2``: (..., Dim_s) to (..., Dim_c)."""
        return cast("Tensor", self.second(self.first(text)))


class CrossAttention(nn.Module):
    """Equation 10: ``softmax(Q K^T / sqrt(D)) V``, one head.

    ``W_Q``, ``W_K`` and ``W_V`` start as the identity: at first, a view attends to what is like it.

    Args:
        dim: ``Dim_c``.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query = _bare(dim, dim, bias=False)
        self.key = _bare(dim, dim, bias=False)
        self.value = _bare(dim, dim, bias=False)
        for layer in (self.query, self.key, self.value):
            nn.init.eye_(layer.weight)

    def forward(self, query: Tensor, entries: Tensor, present: Tensor) -> Tensor:
        """Attend from each query to its entries.

        Args:
            query: (B, D).
            entries: keys and values, (B, M, D).
            present: which entries are there, bool (B, M); a row without any gives zeros.

        Returns:
            (B, D).
        """
        scores = torch.einsum("bd,bmd->bm", self.query(query), self.key(entries))
        scores = scores / query.shape[-1] ** 0.5
        weights = scores.masked_fill(~present, -torch.inf).softmax(-1)
        # A softmax over nothing is not a number.
        weights = torch.where(present, weights, torch.zeros_like(weights))
        return torch.einsum("bm,bmd->bd", weights, self.value(entries))


class DualViewFusion(nn.Module):
    """From the two views of a conversation, and of an item, to vectors whose product is the score.

    Args:
        text_dim: ``Dim_s``, of the text encoder.
        dim: ``Dim_c``, of the graph encoder.
        attention: the reading of equation 10.
        view: ``"text"`` or ``"graph"`` leaves out the other half of equation 11, for comparison:
            what is left of the attention is ``W_V``.
        seed: of the adapter's initial weights.

    Raises:
        ConfigurationError: on an unknown reading or view.
    """

    def __init__(
        self,
        text_dim: int,
        dim: int,
        *,
        attention: Attention = "set",
        view: View = "both",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if attention not in get_args(Attention) or view not in get_args(View):
            raise ConfigurationError(
                f"attention and view: expected one of {get_args(Attention)} and one of "
                f"{get_args(View)}, got {attention!r} and {view!r}"
            )
        self.attention = attention
        self.view = view
        self.adapter = Adapter(text_dim, dim, seed=seed)
        self.to_graph = CrossAttention(dim)
        self.to_text = CrossAttention(dim)

    def conversations(
        self, texts: Tensor, said: Tensor, entities: Tensor, linked: Tensor
    ) -> Tensor:
        """Equations 8 to 11, left side: ``[e_c : e_s]``, (B, 2 Dim_c).

        Args:
            texts: vectors of the parts of the text, (B, S, Dim_s).
            said: which parts are there, bool (B, S).
            entities: embeddings of the mentioned entities and of the last list, (B, M, Dim_c).
            linked: which of them are there, bool (B, M).
        """
        aligned = self.adapter(texts)
        text, graph = _mean(aligned, said), _mean(entities, linked)
        if self.view == "text":
            return cast("Tensor", self.to_text.value(text))
        if self.view == "graph":
            return cast("Tensor", self.to_graph.value(graph))
        if self.attention == "pooled":
            aligned, said = text[:, None], said.any(1, keepdim=True)
            entities, linked = graph[:, None], linked.any(1, keepdim=True)
        return torch.cat(
            [self.to_graph(text, entities, linked), self.to_text(graph, aligned, said)], dim=-1
        )

    def items(self, texts: Tensor, entities: Tensor) -> Tensor:
        """Equation 11, right side: ``[i_c : i_s]``, (n, 2 Dim_c).

        ``i_s`` goes through the same adapter as ``e_s``, which the paper does not say and its
        dimensions demand.

        Args:
            texts: vectors of the item texts, (n, Dim_s).
            entities: embeddings of the items, (n, Dim_c).
        """
        if self.view == "text":
            return cast("Tensor", self.adapter(texts))
        if self.view == "graph":
            return entities
        return torch.cat([entities, self.adapter(texts)], dim=-1)


def info_nce(target: Tensor, negatives: Tensor, temperature: float = 1.0) -> Tensor:
    """Equation 12: ``-log (exp P_i* / (exp P_i* + sum_k exp P_ik))``, the mean of the batch.

    Args:
        target: score of the target, (B,).
        negatives: scores of the negatives, (B, N).
        temperature: divides the scores; 1 in the paper.
    """
    scores = torch.cat([target[:, None], negatives], dim=1) / temperature
    return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64))


def _bare(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A layer to be filled; PyTorch's own start would draw from the global random state."""
    layer: nn.Linear = skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, inputs, outputs, bias=bias
    )
    return layer


def _mean(entries: Tensor, present: Tensor) -> Tensor:
    """Equation 8: the mean of the entries that are there, (B, M, D) to (B, D); zeros for none."""
    weights = present.to(entries.dtype)
    total = torch.einsum("bm,bmd->bd", weights, entries)
    return total / weights.sum(1, keepdim=True).clamp(min=1)


__all__ = ["Adapter", "CrossAttention", "DualViewFusion", "info_nce"]
