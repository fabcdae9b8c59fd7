"""LightGCN against its dense definition, DGL against PyTorch, and BPR by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crsgym.data.graph import ItemGraph
from crsgym.errors import ConfigurationError
from crsgym.types import Attribute

torch = pytest.importorskip("torch", reason="needs the extra `torch`")

from crsgym.retrieval.config import GraphConfig  # noqa: E402
from crsgym.retrieval.lightgcn import LightGCN, bpr_loss, pretrain  # noqa: E402


def random_graph(items: int = 30, attributes: int = 12, seed: int = 0) -> ItemGraph:
    rng = np.random.default_rng(seed)
    edges = np.stack([rng.integers(items - 2, size=90), rng.integers(attributes - 1, size=90)])
    # The last two items and the last attribute have no edge at all.
    return ItemGraph(items, [Attribute("genre", str(a)) for a in range(attributes)], edges)


def dense(graph: ItemGraph, start: np.ndarray, layers: int) -> np.ndarray:
    """The definition, literally and in double precision."""
    n = graph.num_items + graph.num_attributes
    adjacency = np.zeros((n, n))
    for item, attribute in graph.edges.T:
        adjacency[item, graph.num_items + attribute] = 1
        adjacency[graph.num_items + attribute, item] = 1
    degree = adjacency.sum(1)
    scale = np.array([1 / math.sqrt(d) if d else 0.0 for d in degree])
    normalised = scale[:, None] * adjacency * scale[None]
    layer = start.astype(np.float64)
    total = layer.copy()
    for _ in range(layers):
        layer = normalised @ layer
        total += layer
    return total / (layers + 1)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_propagation_is_the_dense_definition(layers: int) -> None:
    graph = random_graph()
    model = LightGCN(graph, dim=7, layers=layers, seed=3)
    expected = dense(graph, model.embedding.detach().numpy(), layers)
    assert np.abs(model().detach().numpy() - expected).max() < 1e-6


def test_one_edge_worked_by_hand() -> None:
    # Item 0 and the attribute have degree 1: the edge weighs 1; item 1 has no edge.
    graph = ItemGraph(2, [Attribute("genre", "x")], np.array([[0], [0]]))
    model = LightGCN(graph, dim=1, layers=1)
    with torch.no_grad():
        model.embedding.copy_(torch.tensor([[2.0], [5.0], [4.0]]))
    assert model().flatten().tolist() == [3.0, 2.5, 3.0]


@pytest.fixture
def dgl() -> None:
    try:
        import dgl  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"DGL 1.1.3 is not here (pip install 'crsgym[dgl]'): {error}")


@pytest.mark.usefixtures("dgl")
def test_dgl_and_torch_have_equal_values_and_gradients() -> None:
    graph = random_graph(seed=5)
    weights = torch.from_numpy(np.random.default_rng(1).standard_normal((42, 6))).float()
    values, gradients = [], []
    for backend in ("torch", "dgl"):
        model = LightGCN(graph, dim=6, layers=2, backend=backend, seed=9)
        out = model()
        (out * weights).sum().backward()
        values.append(out.detach().numpy())
        gradients.append(model.embedding.grad.numpy())
    assert np.abs(values[0] - values[1]).max() < 1e-6
    assert np.abs(gradients[0] - gradients[1]).max() < 1e-6


def test_gradient_is_that_of_the_dense_definition() -> None:
    graph = random_graph(seed=6)
    weights = np.random.default_rng(2).standard_normal((42, 4))
    model = LightGCN(graph, dim=4, layers=2)
    (model() * torch.from_numpy(weights).float()).sum().backward()
    # The propagation is linear and symmetric: its gradient is itself, applied to the weights.
    assert np.abs(model.embedding.grad.numpy() - dense(graph, weights, 2)).max() < 1e-6


def test_bpr_worked_by_hand() -> None:
    item = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    positive = torch.tensor([[1.0, 5.0], [0.0, 0.0]])
    negative = torch.tensor([[0.0, 5.0], [1.0, 1.0]])
    # Margins 1 and -2.
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert bpr_loss(item, positive, negative).item() == pytest.approx(expected, rel=1e-6)


def test_pretraining_ranks_own_attributes_first_and_is_reproducible() -> None:
    graph = random_graph()
    config = GraphConfig(dim=16, epochs=25, batch_size=32)
    vectors, losses = pretrain(graph, config, seed=1)
    again, _ = pretrain(graph, config, seed=1)
    assert np.array_equal(vectors, again)
    assert losses[-1] < 0.5 * losses[0]
    scores = vectors[: graph.num_items] @ vectors[graph.num_items :].T
    own = np.zeros(scores.shape, dtype=bool)
    own[tuple(graph.edges)] = True
    wins = [
        scores[i][own[i]][:, None] > scores[i][~own[i]]
        for i in range(graph.num_items)
        if own[i].any()
    ]
    assert np.mean(np.concatenate([w.ravel() for w in wins])) > 0.9


def test_an_item_with_every_attribute_does_not_hang() -> None:
    edges = np.array([[0, 0, 1], [0, 1, 0]])
    graph = ItemGraph(2, [Attribute("genre", "a"), Attribute("genre", "b")], edges)
    _, losses = pretrain(graph, GraphConfig(dim=2, epochs=2), seed=0)
    assert np.isfinite(losses).all()


def test_wrong_settings_stop_early() -> None:
    with pytest.raises(ConfigurationError, match="backend"):
        LightGCN(random_graph(), backend="jax")
    with pytest.raises(ConfigurationError, match="no attributes"):
        pretrain(ItemGraph(2, [], np.zeros((2, 0))), GraphConfig(), seed=0)
