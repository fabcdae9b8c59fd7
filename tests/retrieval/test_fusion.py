"""Equations 8 to 12, each against a slow literal reference in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crsgym.errors import ConfigurationError

torch = pytest.importorskip("torch", reason="needs the extra `torch`")

from crsgym.retrieval.fusion import CrossAttention, DualViewFusion, info_nce  # noqa: E402

TEXT, DIM = 10, 6


def weights(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: p.detach().double().numpy() for name, p in module.named_parameters()}


def adapt(w: dict[str, np.ndarray], e: np.ndarray) -> np.ndarray:
    """Equation 9, for one vector."""
    inner = w["adapter.first.weight"] @ e + w["adapter.first.bias"]
    return w["adapter.second.weight"] @ inner + w["adapter.second.bias"]


def attend(
    w: dict[str, np.ndarray], name: str, query: np.ndarray, entries: list[np.ndarray]
) -> np.ndarray:
    """Equation 10, for one query, one entry after the other."""
    if not entries:
        return np.zeros(DIM)
    q = w[f"{name}.query.weight"] @ query
    scores = [q @ (w[f"{name}.key.weight"] @ entry) / math.sqrt(DIM) for entry in entries]
    chances = [math.exp(s - max(scores)) for s in scores]
    out = np.zeros(DIM)
    for chance, entry in zip(chances, entries, strict=True):
        out += chance / sum(chances) * (w[f"{name}.value.weight"] @ entry)
    return out


def mean(entries: list[np.ndarray]) -> np.ndarray:
    """Equation 8."""
    return sum(entries, np.zeros(DIM)) / max(1, len(entries))


def random_batch() -> tuple[torch.Tensor, ...]:
    """Five conversations; the last has no entity, the one before it no text."""
    generator = torch.Generator().manual_seed(4)
    texts = torch.randn(5, 3, TEXT, generator=generator)
    entities = torch.randn(5, 4, DIM, generator=generator)
    said = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1]]).bool()
    linked = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0], [0] * 4]).bool()
    return texts, said, entities, linked


def shaken(**options: str) -> DualViewFusion:
    """A fusion whose weights are not at their orderly start."""
    fusion = DualViewFusion(TEXT, DIM, **options)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    return fusion


@pytest.mark.parametrize("attention", ["set", "pooled"])
def test_conversations_are_the_equations(attention: str) -> None:
    fusion = shaken(attention=attention)
    w = weights(fusion)
    texts, said, entities, linked = random_batch()
    out = fusion.conversations(texts, said, entities, linked).detach().numpy()
    for b in range(5):
        parts = [adapt(w, t) for t, there in zip(texts[b].numpy(), said[b], strict=True) if there]
        nodes = [e for e, there in zip(entities[b].numpy(), linked[b], strict=True) if there]
        e_s, e_c = mean(parts), mean(nodes)
        if attention == "pooled":
            parts, nodes = ([e_s] if parts else []), ([e_c] if nodes else [])
        graph = attend(w, "to_graph", e_s, nodes)
        text = attend(w, "to_text", e_c, parts)
        assert np.abs(out[b] - np.concatenate([graph, text])).max() < 1e-5


def test_the_literal_reading_ignores_the_query() -> None:
    # A softmax over one key is 1: what the paper's equation 10 says is a linear map.
    attention = CrossAttention(DIM)
    entry = torch.randn(3, 1, DIM)
    present = torch.ones(3, 1, dtype=torch.bool)
    a = attention(torch.randn(3, DIM), entry, present)
    assert torch.allclose(a, attention(torch.randn(3, DIM), entry, present))
    assert torch.allclose(a, attention.value(entry[:, 0]))


def test_items_are_equation_11() -> None:
    fusion = shaken()
    w = weights(fusion)
    texts, entities = torch.randn(4, TEXT), torch.randn(4, DIM)
    out = fusion.items(texts, entities).detach().numpy()
    for i in range(4):
        expected = np.concatenate([entities[i].numpy(), adapt(w, texts[i].numpy())])
        assert np.abs(out[i] - expected).max() < 1e-5


@pytest.mark.parametrize("view", ["text", "graph"])
def test_one_view_is_its_mean(view: str) -> None:
    fusion = shaken(view=view)
    texts, said, entities, linked = random_batch()
    out = fusion.conversations(texts, said, entities, linked).detach().numpy()
    w = weights(fusion)
    parts = [adapt(w, texts[1, 0].numpy()), adapt(w, texts[1, 1].numpy())]
    pooled = mean(parts) if view == "text" else entities[1, 0].numpy()
    expected = w[f"to_{view}.value.weight"] @ pooled
    assert np.abs(out[1] - expected).max() < 1e-5
    assert out.shape == fusion.items(texts[:, 0], entities[:, 0]).shape


def test_entries_that_are_not_there_have_no_gradient() -> None:
    fusion = shaken()
    texts, said, entities, linked = random_batch()
    entities.requires_grad_()
    fusion.conversations(texts, said, entities, linked).sum().backward()
    assert torch.isfinite(entities.grad).all()
    assert not entities.grad[~linked].any()
    assert all(torch.isfinite(p.grad).all() for p in fusion.parameters())


def test_info_nce_worked_by_hand() -> None:
    target = torch.tensor([1.0, 0.0])
    negatives = torch.tensor([[0.0, -1.0], [0.0, 0.0]])
    first = -math.log(math.e / (math.e + 1 + 1 / math.e))
    expected = (first + math.log(3)) / 2
    assert info_nce(target, negatives).item() == pytest.approx(expected, rel=1e-6)
    hot = (-math.log(math.e**2 / (math.e**2 + 1 + math.e**-2)) + math.log(3)) / 2
    assert info_nce(target, negatives, 0.5).item() == pytest.approx(hot, rel=1e-6)


def test_the_start_depends_on_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (DualViewFusion(TEXT, DIM, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.adapter.second.weight, again.adapter.second.weight)
    assert not torch.equal(first.adapter.second.weight, other.adapter.second.weight)


def test_wrong_settings_stop_early() -> None:
    with pytest.raises(ConfigurationError, match="attention"):
        DualViewFusion(TEXT, DIM, attention="dense")
