"""The policy-gradient losses of GRPO and its relatives: pure functions of log-probabilities.

Shapes: ``B`` answers, ``L`` tokens, answers padded on the right. ``mask`` (B, L) says which tokens
are the answer's own, the end token with them. Everything is per token until :func:`reduce`.

A *unit* is what one importance ratio stands for. In GRPO every token is its own unit. In Rank-GRPO
(arXiv 2510.20150) the tokens of one title are a unit: its ratio is the geometric mean of theirs,
and it weighs as much as one token. ``units`` (B, L) holds a number from 0 for tokens that belong
together, and -1 for a token by itself.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from crsgym.errors import ConfigurationError

Normalisation = Literal["grpo", "dr_grpo", "dapo"]


def clipped_objective(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> tuple[Tensor, Tensor]:
    """``min(r A, clip(r, 1 - low, 1 + high) A)`` with ``r = exp(logprobs - old_logprobs)``.

    Schulman et al. (2017), equation 7; two bounds as in DAPO (arXiv 2503.14476, "clip-higher").

    Args:
        logprobs: of the policy that is trained, (B, L).
        old_logprobs: of the policy as it was when the answers were drawn, (B, L); no gradient.
        advantages: (B, L).
        clip_low: how far a ratio may fall below 1 before the gain stops.
        clip_high: how far it may rise above.

    Returns:
        The objective, to be made large, and whether the clipped branch was taken; (B, L) both.
    """
    _same_shape(logprobs=logprobs, old_logprobs=old_logprobs, advantages=advantages)
    ratio = (logprobs - old_logprobs.detach()).exp()
    free = ratio * advantages
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high) * advantages
    return torch.minimum(free, clipped), clipped < free


def pool_units(values: Tensor, units: Tensor, mask: Tensor) -> Tensor:
    """Every token's value replaced by the mean of its unit's; gradients flow to all of them.

    The mean of log-probabilities is the logarithm of the geometric mean: Rank-GRPO's ratio of a
    title is ``exp(pool_units(logprobs) - pool_units(old_logprobs))``.

    Args:
        values: (B, L).
        units: int64 (B, L); tokens of a row that share a number from 0 are one unit.
        mask: (B, L).
    """
    _same_shape(values=values, units=units, mask=mask)
    together = (units >= 0) & mask.bool()
    if not bool(together.any()):
        return values
    slots = int(units.max()) + 2
    place = torch.where(together, units, slots - 1)  # what belongs to no unit goes to the last
    kept = values * together
    sums = values.new_zeros(len(values), slots).scatter_add(1, place, kept)
    counts = values.new_zeros(len(values), slots).scatter_add(1, place, together.to(values.dtype))
    means = (sums / counts.clamp_min(1)).gather(1, place)
    return torch.where(together, means, values)


def unit_weights(units: Tensor, mask: Tensor) -> Tensor:
    """1 / (tokens of the unit) for tokens of a unit, 1 for the others, 0 where masked; (B, L)."""
    together = (units >= 0) & mask.bool()
    slots = int(units.max()) + 2 if units.numel() else 1
    place = torch.where(together, units, slots - 1)
    counts = torch.zeros(len(units), slots, device=units.device).scatter_add(
        1, place, together.float()
    )
    shares = 1 / counts.clamp_min(1).gather(1, place)
    return torch.where(together, shares, torch.ones_like(shares)) * mask


def kl_to_reference(logprobs: Tensor, reference_logprobs: Tensor) -> Tensor:
    """The k3 estimate of KL(policy || reference) at each drawn token, never negative; (B, L).

    ``exp(d) - d - 1`` with ``d = reference - policy`` (Schulman 2020, "Approximating KL
    divergence"; equation 4 of the GRPO paper, arXiv 2402.03300).
    """
    _same_shape(logprobs=logprobs, reference_logprobs=reference_logprobs)
    difference = reference_logprobs.detach() - logprobs
    return difference.exp() - difference - 1


def sampler_weights(
    trainer_logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, *, cap: float
) -> Tensor:
    """``min(pi_trainer / pi_sampler, cap)`` for each token, no gradient; (B, L).

    Truncated importance sampling: the engine that draws the answers rounds differently from the
    one that trains on them (Yao et al., 2025, "Your efficient RL framework secretly brings you
    off-policy RL training").

    Args:
        trainer_logprobs: of the trainer's own forward pass over the drawn tokens, before it is
            updated, (B, L).
        sampler_logprobs: as the sampler reported them, (B, L).
        mask: (B, L).
        cap: the largest weight; 0 switches the correction off.
    """
    _same_shape(trainer_logprobs=trainer_logprobs, sampler_logprobs=sampler_logprobs, mask=mask)
    if cap <= 0:
        return torch.ones_like(trainer_logprobs)
    difference = (trainer_logprobs - sampler_logprobs).detach() * mask
    return difference.exp().clamp(max=cap)


def reduce(
    losses: Tensor,
    weights: Tensor,
    how: Normalisation,
    *,
    rows: float,
    tokens: float,
    max_tokens: int,
) -> Tensor:
    """Per-token losses as one number; the parts of a batch add up to the batch.

    | how | sum over |
    | --- | --- |
    | ``grpo`` | mean of each answer's tokens, / answers (arXiv 2402.03300, equation 3) |
    | ``dapo`` | all tokens, / tokens of the batch (arXiv 2503.14476, equation 8) |
    | ``dr_grpo`` | all tokens, / (answers x longest allowed) (arXiv 2503.20783, section 3.2) |

    Args:
        losses: (B, L).
        weights: what each token counts, 0 where masked, (B, L).
        how: which.
        rows: answers of the whole batch, of which this may be a part.
        tokens: sum of ``weights`` over the whole batch.
        max_tokens: the longest answer that could be drawn.
    """
    _same_shape(losses=losses, weights=weights)
    # Padding may hold anything, infinity too: 0 times that is no zero.
    weighted = torch.where(weights > 0, losses * weights, torch.zeros_like(losses))
    if how == "grpo":
        return (weighted.sum(dim=1) / weights.sum(dim=1).clamp_min(1e-8)).sum() / rows
    if how == "dapo":
        return weighted.sum() / tokens
    if how == "dr_grpo":
        return weighted.sum() / (rows * max_tokens)
    known = ", ".join(get_args(Normalisation))
    raise ConfigurationError(f"normalisation: expected one of {known}; got {how!r}")


def _same_shape(**tensors: Tensor) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        raise ValueError(f"expected tensors of one shape (B, L); got {shapes}")


__all__ = [
    "Normalisation",
    "clipped_objective",
    "kl_to_reference",
    "pool_units",
    "reduce",
    "sampler_weights",
    "unit_weights",
]
