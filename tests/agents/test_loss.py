"""Losses against numbers worked by hand, finite differences, and REINFORCE."""

from __future__ import annotations

import math

import pytest
import torch

from agents.loss import (
    clipped_objective,
    kl_to_reference,
    pool_units,
    reduce,
    sampler_weights,
    unit_weights,
)
from crsgym.errors import ConfigurationError

LOG2, LOG3 = math.log(2), math.log(3)


def t(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_the_clipped_objective_by_hand() -> None:
    # Ratios 1.5, 1.5, 0.5, 0.5; bounds 0.8 and 1.28.
    logprobs = t((math.log(1.5), math.log(1.5), math.log(0.5), math.log(0.5)))
    old = torch.zeros_like(logprobs)
    advantages = t((1.0, -1.0, 1.0, -1.0))
    objective, clipped = clipped_objective(logprobs, old, advantages, clip_low=0.2, clip_high=0.28)
    # Too good already: held at 1.28. Bad and still likely: not held. And the other way about.
    assert objective[0].tolist() == pytest.approx([1.28, -1.5, 0.5, -0.8])
    assert clipped[0].tolist() == [True, False, False, True]


def test_clip_higher_moves_only_the_upper_bound() -> None:
    logprobs, old = t((math.log(1.25), math.log(0.7))), t((0.0, 0.0))
    for high, expected in ((0.2, 1.2), (0.28, 1.25)):
        objective, _ = clipped_objective(
            logprobs, old, t((1.0, -1.0)), clip_low=0.2, clip_high=high
        )
        assert objective[0].tolist() == pytest.approx([expected, -0.8])


def test_k3_by_hand() -> None:
    # d = log 2: 2 - log 2 - 1; d = -log 2: 1/2 + log 2 - 1; d = 0: 0.
    kl = kl_to_reference(t((0.0, LOG2, -1.0)), t((LOG2, 0.0, -1.0)))
    assert kl[0].tolist() == pytest.approx([1 - LOG2, LOG2 - 0.5, 0.0])


def test_k3_estimates_the_divergence_without_bias() -> None:
    p, q = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])
    exact = float((p * (p / q).log()).sum())
    k3 = kl_to_reference(p.log()[None], q.log()[None])[0]
    assert float((p * k3).sum()) == pytest.approx(exact, abs=1e-6)


def test_sampler_weights_are_truncated_and_carry_no_gradient() -> None:
    trainer = t((0.0, LOG3, -LOG2, 5.0)).requires_grad_()
    weights = sampler_weights(trainer, t((0.0, 0.0, 0.0, 0.0)), t((1, 1, 1, 0)), cap=2.0)
    assert weights[0].tolist() == pytest.approx([1.0, 2.0, 0.5, 1.0])
    assert not weights.requires_grad
    assert sampler_weights(trainer, t((9, 9, 9, 9)), t((1, 1, 1, 1)), cap=0).tolist() == [[1] * 4]


def test_units_pool_to_the_geometric_mean() -> None:
    # Title 0 is tokens 1 and 2, title 1 is token 4; token 5 is padding.
    units = torch.tensor([[-1, 0, 0, -1, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 0]])
    values = t((0.1, math.log(2.0), math.log(8.0), 0.3, 0.4, 99.0))
    pooled = pool_units(values, units, mask)
    assert pooled[0, :5].tolist() == pytest.approx([0.1, math.log(4), math.log(4), 0.3, 0.4])
    assert unit_weights(units, mask)[0].tolist() == [1.0, 0.5, 0.5, 1.0, 1.0, 0.0]
    assert pool_units(values, torch.full_like(units, -1), mask).equal(values)


def test_rank_level_loss_by_hand() -> None:
    # One answer, two titles of two tokens; ratios of the tokens 2 and 1/2, then 2 and 2.
    units, mask = torch.tensor([[0, 0, 1, 1]]), torch.ones(1, 4)
    logprobs, old = t((LOG2, -LOG2, LOG2, LOG2)), t((0.0, 0.0, 0.0, 0.0))
    advantages = t((3.0, 3.0, 1.0, 1.0))
    objective, clipped = clipped_objective(
        pool_units(logprobs, units, mask),
        pool_units(old, units, mask),
        advantages,
        clip_low=0.2,
        clip_high=0.2,
    )
    # Geometric means 1 and 2; the second is clipped to 1.2. The mean over the two ranks: 2.1.
    assert clipped[0].tolist() == [False, False, True, True]
    weights = unit_weights(units, mask)
    loss = reduce(objective, weights, "grpo", rows=1, tokens=2, max_tokens=4)
    assert float(loss) == pytest.approx((3.0 + 1.2) / 2)


def test_normalisations_by_hand() -> None:
    losses, weights = t((1.0, 2.0, 3.0), (10.0, 77.0, float("inf"))), t((1, 1, 1), (1, 0, 0))
    values = {
        how: float(reduce(losses, weights, how, rows=2, tokens=4, max_tokens=5))
        for how in ("grpo", "dapo", "dr_grpo")
    }
    assert values == pytest.approx({"grpo": (2 + 10) / 2, "dapo": 16 / 4, "dr_grpo": 16 / 10})
    with pytest.raises(ConfigurationError, match=r"grpo, dr_grpo, dapo; got 'mean'"):
        reduce(losses, weights, "mean", rows=2, tokens=4, max_tokens=5)


@pytest.mark.parametrize("how", ["grpo", "dapo", "dr_grpo"])
def test_parts_add_up_to_the_batch(how: str) -> None:
    generator = torch.Generator().manual_seed(0)
    losses = torch.rand(6, 5, generator=generator)
    weights = (torch.rand(6, 5, generator=generator) > 0.3).float()
    totals = {"rows": 6, "tokens": float(weights.sum()), "max_tokens": 7}
    whole = reduce(losses, weights, how, **totals)
    parts = sum(reduce(losses[i : i + 2], weights[i : i + 2], how, **totals) for i in (0, 2, 4))
    assert float(parts) == pytest.approx(float(whole))


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"one shape \(B, L\).*'advantages': \(2,\)"):
        clipped_objective(t((1, 2)), t((1, 2)), torch.ones(2), clip_low=0.2, clip_high=0.2)


class TinyPolicy(torch.nn.Module):
    """Logits of the next token from the last, by a table: a language model worked out in full."""

    def __init__(self, seed: int = 0, vocabulary: int = 5) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        table = torch.randn(vocabulary, vocabulary, generator=generator, dtype=torch.float64)
        self.table = torch.nn.Parameter(table)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.table.log_softmax(dim=1)[tokens[:, :-1], tokens[:, 1:]]


def batch(seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(5, (4, 7), generator=generator)
    mask = torch.arange(6)[None] < torch.tensor([6, 4, 5, 2])[:, None]
    units = torch.tensor([[-1, 0, 0, -1, 1, 1]]).repeat(4, 1)
    advantages = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    # A unit has one advantage.
    advantages[:, 2], advantages[:, 5] = advantages[:, 1], advantages[:, 4]
    return tokens, mask, units, advantages


def full_loss(policy, old, reference, sampled, parts, how="grpo", rank_level=True):
    tokens, mask, units, advantages = parts
    units = units if rank_level else torch.full_like(units, -1)
    logprobs = policy(tokens)
    objective, _ = clipped_objective(
        pool_units(logprobs, units, mask),
        pool_units(old, units, mask),
        advantages,
        clip_low=0.2,
        clip_high=0.28,
    )
    objective = objective * sampler_weights(old, sampled, mask.double(), cap=2.0)
    losses = -objective + 0.1 * kl_to_reference(logprobs, reference)
    weights = unit_weights(units, mask).double()
    return reduce(losses, weights, how, rows=4, tokens=float(weights.sum()), max_tokens=6)


@pytest.mark.parametrize("how", ["grpo", "dapo", "dr_grpo"])
@pytest.mark.parametrize("rank_level", [False, True])
def test_gradients_equal_finite_differences(how: str, rank_level: bool) -> None:
    policy, parts = TinyPolicy(0), batch()
    with torch.no_grad():  # behind the trained policy by a little: some ratios are clipped
        old, reference, sampled = (TinyPolicy(0)(parts[0]) for _ in range(3))
        drift = torch.randn(4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        old, sampled, reference = old + 0.3 * drift, sampled + 0.2 * drift, reference - 0.5 * drift
    arguments = (old, reference, sampled, parts, how, rank_level)
    full_loss(policy, *arguments).backward()
    step, numeric = 1e-6, torch.zeros_like(policy.table)
    for index in range(policy.table.numel()):
        with torch.no_grad():
            values = []
            for sign in (1, -1):
                policy.table.view(-1)[index] += sign * step
                values.append(float(full_loss(policy, *arguments)))
                policy.table.view(-1)[index] -= sign * step
        numeric.view(-1)[index] = (values[0] - values[1]) / (2 * step)
    assert policy.table.grad.abs().max() > 1e-3
    torch.testing.assert_close(policy.table.grad, numeric, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("how", ["grpo", "dapo", "dr_grpo"])
def test_one_inner_step_without_kl_is_reinforce(how: str) -> None:
    """On-policy the ratio is 1, so the gradient is that of -A log pi: REINFORCE with a baseline."""
    tokens, mask, _, advantages = batch()
    weights = mask.double()
    totals = {"rows": 4, "tokens": float(weights.sum()), "max_tokens": 6}
    grads = []
    for kind in ("grpo", "reinforce"):
        policy = TinyPolicy(0)
        logprobs = policy(tokens)
        if kind == "grpo":
            objective, clipped = clipped_objective(
                logprobs, logprobs.detach(), advantages, clip_low=0.2, clip_high=0.2
            )
            assert not clipped.any()
        else:
            objective = logprobs * advantages
        reduce(-objective, weights, how, **totals).backward()
        grads.append(policy.table.grad)
    torch.testing.assert_close(grads[0], grads[1])
    assert grads[0].abs().max() > 1e-3
