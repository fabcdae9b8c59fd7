"""Rows of a training batch: an answer, and what each of its tokens is credited with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crsgym.protocols import Completion

from . import credit
from .groups import Groups
from .policy import token_spans

Values = npt.NDArray[np.float64]
CREDITS = ("branch", "turn", "trajectory", "return-to-go", "rloo", "reinforce")


@dataclass
class Row:
    """One answer to learn from."""

    completion: Completion
    credits: Tensor
    """Advantage of each token, float32 (L,)."""
    units: Tensor
    """Which tokens share an importance ratio, int64 (L,); -1 for a token by itself."""
    old: Tensor | None = None
    """Log-probabilities before the first of several updates, float32 (L,)."""

    @property
    def counts(self) -> bool:
        """Whether there is anything to learn from it."""
        return bool(self.credits.any())

    @property
    def length(self) -> int:
        """Tokens of prompt and answer."""
        return len(self.completion.prompt_ids) + len(self.completion.token_ids)


def make_rows(
    groups: Groups,
    tokenizer: Any,
    *,
    scheme: str,
    rank_level: bool,
    list_length: int,
    discount: float,
    scale: bool,
) -> list[Row]:
    """A row for every answer.

    Args:
        groups: what was played.
        tokenizer: of the policy.
        scheme: one of ``CREDITS``.
        rank_level: whether the tokens of a title are credited by its place in the list; the other
            tokens are credited by the scheme.
        list_length: places of a list.
        discount: of later rewards, where the scheme looks at them.
        scale: whether advantages are divided by a standard deviation.
    """
    advantages = assign(groups, scheme, discount=discount, scale=scale)
    by_rank = assign_by_rank(groups, list_length, scale=scale) if rank_level else None
    rows = []
    for answer in groups.answers:
        place = answer.scenario, answer.member, answer.turn
        ids = answer.completion.token_ids
        credits = torch.full((len(ids),), float(advantages[place]))
        units = torch.full((len(ids),), -1)
        if by_rank is not None:
            spans = token_spans(tokenizer, ids, answer.recommendation.spans)
            for rank, (first, behind) in enumerate(spans):
                credits[first:behind] = float(by_rank[place][rank])
                units[first:behind] = rank
        rows.append(Row(answer.completion, credits, units))
    return rows


def assign(groups: Groups, scheme: str, *, discount: float, scale: bool) -> Values:
    """The advantage of every answer, (B, G, T); 0 where there is none."""
    rewards, mask = groups.rewards, groups.mask
    if scheme == "reinforce":
        flat = (-1, rewards.shape[2])
        result: Values = credit.reinforce(
            rewards.reshape(flat), mask.reshape(flat), discount=discount
        )
        return result.reshape(rewards.shape)
    one = {
        "branch": lambda r, m: credit.turn_index(r, m, scale=scale),
        "turn": lambda r, m: credit.turn_index(r, m, scale=scale),
        "trajectory": lambda r, m: credit.trajectory(r, m, scale=scale),
        "return-to-go": lambda r, m: credit.return_to_go(r, m, discount=discount, scale=scale),
        "rloo": credit.rloo,
    }[scheme]
    return np.stack([one(r, m) for r, m in zip(rewards, mask, strict=True)])


def assign_by_rank(groups: Groups, list_length: int, *, scale: bool) -> Values:
    """The advantage of every place of every list, (B, G, T, N); 0 where there is no list."""
    b, g, t = groups.ranks.shape
    result = np.zeros((b, g, t, list_length))
    for scenario in range(b):
        for turn in range(t):
            alive = groups.mask[scenario, :, turn]
            if alive.sum() > 1:
                result[scenario, alive, turn] = credit.rank_level(
                    groups.ranks[scenario, alive, turn], list_length, scale=scale
                )
    return result


def summarise(groups: Groups, *, max_tokens: int) -> dict[str, float]:
    """What a step's answers earned and how long they are, by name."""
    outcomes = [answer.outcome for answer in groups.answers]
    terms = {name: [o.reward_terms[name] for o in outcomes] for name in outcomes[0].reward_terms}
    lengths = [len(answer.completion.token_ids) for answer in groups.answers]
    prompts = [len(answer.completion.prompt_ids) for answer in groups.answers]
    # Members that share a conversation (branch) count once: the mean over members, then the sum.
    alive = groups.mask.sum(axis=1)
    per_turn = groups.rewards.sum(axis=1) / np.maximum(alive, 1)
    played = groups.mask.any(axis=1).sum(axis=1)
    whole = len(groups.finals) == groups.mask.shape[0] * groups.mask.shape[1]
    returns = groups.rewards.sum(axis=2).mean() if whole else per_turn.sum(axis=1).mean()
    values = {
        "return": float(returns),
        "reward": float(np.mean([o.reward for o in outcomes])),
        **{f"reward/{name}": float(np.mean(column)) for name, column in terms.items()},
        "turns": float(played.mean()),
        "length/answer": float(np.mean(lengths)),
        "length/answer_max": float(max(lengths)),
        "length/prompt": float(np.mean(prompts)),
        "length/cut": float(np.mean([n >= max_tokens for n in lengths])),
    }
    for turn in range(groups.mask.shape[2]):
        chosen = [a for a in groups.answers if a.turn == turn]
        if chosen:
            for term in ("hit", "rank"):
                values[f"{term}/turn_{turn + 1}"] = float(
                    np.mean([a.outcome.reward_terms[term] for a in chosen])
                )
    return values


def padded(rows: Sequence[Tensor], fill: float) -> Tensor:
    """Rows of different lengths as one tensor, padded on the right; (B, L)."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=fill)


__all__ = ["CREDITS", "Row", "assign", "assign_by_rank", "make_rows", "padded", "summarise"]
