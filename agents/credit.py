"""Who is credited with what: rewards of a group to advantages, pure functions.

A group is ``G`` conversations from one start, or ``G`` answers to one state; ``rewards`` (G, T)
holds the reward of each turn, ``mask`` (G, T) says which turns were played. Advantages have the
same shape, and are 0 where nothing was played. A turn that only one conversation of the group
reached has nobody to be compared with: its advantage is 0.

| scheme | an answer is credited with | minus the baseline |
| --- | --- | --- |
| :func:`turn_index` | its own reward | mean of the group at that turn |
| :func:`trajectory` | the whole return | mean return of the group |
| :func:`return_to_go` | what came from its turn on | mean of the group at that turn |
| :func:`rloo` | the whole return | mean return of the *others* |
| :func:`reinforce` | what came from its turn on | mean of the whole batch |
| :func:`rank_level` | each place of the list: the gain from it on | mean of the group there |

"Branch" credit is :func:`turn_index` over ``G`` answers to one and the same state.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EPSILON = 1e-6
"""Added to a standard deviation before it divides."""


def turn_index(rewards: Values, mask: Mask, *, scale: bool = True) -> Values:
    """Each turn's reward against the group's at the same turn.

    Over answers to one state this is GRPO (arXiv 2402.03300, section 4.1.2) for every state of a
    conversation; over whole conversations it is its turn-level form.

    Args:
        rewards: (G, T).
        mask: (G, T).
        scale: whether to divide by the group's standard deviation, as GRPO does; Dr. GRPO (arXiv
            2503.20783) does not.
    """
    _check(rewards, mask)
    return _centred(rewards, mask, scale)


def trajectory(rewards: Values, mask: Mask, *, scale: bool = True) -> Values:
    """Every turn with the whole return, against the group's: outcome GRPO (arXiv 2402.03300)."""
    _check(rewards, mask)
    returns = np.where(mask, rewards, 0).sum(axis=1, keepdims=True)
    everyone = np.ones_like(returns, dtype=np.bool_)
    return np.where(mask, _centred(returns, everyone, scale), 0.0)


def return_to_go(
    rewards: Values, mask: Mask, *, discount: float = 1.0, scale: bool = True
) -> Values:
    """What came from each turn on, discounted, against the group's at the same turn.

    The causal form of the policy gradient (Sutton and Barto, 2018, section 13.3).
    """
    _check(rewards, mask)
    return _centred(to_go(rewards, mask, discount), mask, scale)


def rloo(rewards: Values, mask: Mask) -> Values:
    """The return minus the mean return of the others: unbiased (arXiv 2402.14740, section 3.2)."""
    _check(rewards, mask)
    returns = np.where(mask, rewards, 0).sum(axis=1, keepdims=True)
    size = len(returns)
    if size < 2:
        raise ValueError(f"leave-one-out needs a group of at least 2; got {size}")
    others = (returns.sum() - returns) / (size - 1)
    return np.where(mask, returns - others, 0.0)


def reinforce(rewards: Values, mask: Mask, *, discount: float = 1.0) -> Values:
    """The return to go, normalised over every turn of a batch (REINFORCE++, arXiv 2501.03262).

    Args:
        rewards: (N, T), of all conversations of a batch; no groups are needed.
        mask: (N, T).
        discount: what a reward of the next turn counts beside one of this turn.
    """
    _check(rewards, mask)
    values = to_go(rewards, mask, discount)
    played = values[mask]
    if not played.size:
        return np.zeros_like(values)
    return np.where(mask, (values - played.mean()) / (played.std() + EPSILON), 0.0)


def rank_level(ranks: npt.NDArray[np.int64], list_length: int, *, scale: bool = True) -> Values:
    """Each place of a list credited with the gain at and below it (Rank-GRPO, arXiv 2510.20150).

    Place ``k`` of ``N`` earns ``DCG@k:N``, the part of the list's DCG that its title and those
    behind it bring: what stands before a title is not its doing. With one target at rank ``p``
    that is ``1 / log2(p + 1)`` for ``k <= p`` and 0 behind it.

    Args:
        ranks: rank of the target in each answer of the group, from 1; 0 where it is not listed;
            int64 (G,).
        list_length: ``N``.
        scale: whether to divide by the group's standard deviation.

    Returns:
        (G, N).
    """
    ranks = np.asarray(ranks)
    if ranks.ndim != 1 or not np.issubdtype(ranks.dtype, np.integer):
        raise ValueError(f"expected ranks as integers (G,); got {ranks.dtype} {ranks.shape}")
    if list_length < 1 or (ranks < 0).any() or (ranks > list_length).any():
        raise ValueError(f"expected ranks from 0 to list_length={list_length}; got {ranks}")
    gains = causal_gains(ranks, list_length)
    return _centred(gains, np.ones_like(gains, dtype=np.bool_), scale)


def causal_gains(ranks: npt.NDArray[np.int64], list_length: int) -> Values:
    """``DCG@k:N`` of each place, (G, N), with the target's ranks as in :func:`rank_level`."""
    places = np.arange(1, list_length + 1)[None]
    listed = ranks[:, None] > 0
    gain = 1 / np.log2(np.maximum(ranks[:, None], 1) + 1)
    return np.where(listed & (places <= ranks[:, None]), gain, 0.0)


def to_go(rewards: Values, mask: Mask, discount: float) -> Values:
    """The discounted sum of the rewards from each turn on, (G, T)."""
    values, later = np.zeros(rewards.shape), np.zeros(len(rewards))
    for turn in reversed(range(rewards.shape[1])):
        later = np.where(mask[:, turn], rewards[:, turn], 0) + discount * later
        values[:, turn] = later
    return np.where(mask, values, 0.0)


def _centred(values: Values, mask: Mask, scale: bool) -> Values:
    """Each column minus its mean, over the sample standard deviation where asked for."""
    count = mask.sum(axis=0)
    mean = np.where(mask, values, 0).sum(axis=0) / np.maximum(count, 1)
    centred = np.where(mask & (count > 1), values - mean, 0.0)
    if scale:
        variance = (centred**2).sum(axis=0) / np.maximum(count - 1, 1)
        centred = centred / (np.sqrt(variance) + EPSILON)
    return centred


def _check(rewards: Values, mask: Mask) -> None:
    if rewards.ndim != 2 or rewards.shape != mask.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"expected rewards (G, T) and a bool mask of that shape; got {rewards.shape} and "
            f"{mask.dtype} {mask.shape}"
        )
    if not np.isfinite(rewards[mask]).all():
        raise ValueError("expected finite rewards wherever the mask is true")


__all__ = [
    "causal_gains",
    "rank_level",
    "reinforce",
    "return_to_go",
    "rloo",
    "to_go",
    "trajectory",
    "turn_index",
]
