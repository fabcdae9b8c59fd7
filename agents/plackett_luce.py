"""Lists drawn by the Plackett-Luce model: place by place, in proportion to ``exp(score)``.

    P(a_1, ..., a_L) = prod_k exp(s[a_k]) / sum of exp(s[j]) over the items j not listed before

Plackett (1975), "The analysis of permutations"; drawn all at once by adding Gumbel noise to the
scores and sorting (Yellott, 1977). Masked items are never listed.
"""

from __future__ import annotations

import torch
from torch import Tensor

_NEVER = -1e9


def sample(scores: Tensor, mask: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """One list for each row.

    Args:
        scores: (..., K).
        mask: which columns are items, bool, of the same shape.
        length: places of a list, ``L``.
        generator: source of the draws.

    Returns:
        Columns, int64 (..., min(L, K)), best first; where a row has fewer items than places, the
        last ones hold masked columns, which :func:`log_prob` does not count.
    """
    uniform = torch.rand(scores.shape, generator=generator).clamp_min(1e-20)
    return best(scores - torch.log(-torch.log(uniform)), mask, length)


def best(scores: Tensor, mask: Tensor, length: int) -> Tensor:
    """The likeliest list of each row; shapes as of :func:`sample`."""
    order = torch.sort(scores.masked_fill(~mask, _NEVER), dim=-1, descending=True, stable=True)
    return order.indices[..., :length]


def log_prob(scores: Tensor, mask: Tensor, lists: Tensor) -> Tensor:
    """Log-probability of filling each place as the list does, given the places before it.

    Args:
        scores: (..., K).
        mask: bool, of the same shape.
        lists: columns, int64 (..., L), none twice in a row.

    Returns:
        (..., L); the log-probability of a list is the sum of its row. A place that holds a masked
        column counts 0.
    """
    scores = scores.masked_fill(~mask, _NEVER)
    chosen = scores.gather(-1, lists)
    # What is left at place k: the items that are never listed, and the listed ones from k on.
    rest = scores.scatter(-1, lists, _NEVER).logsumexp(dim=-1, keepdim=True)
    onwards = chosen.flip(-1).logcumsumexp(dim=-1).flip(-1)
    return (chosen - torch.logaddexp(onwards, rest)) * mask.gather(-1, lists)


__all__ = ["best", "log_prob", "sample"]
