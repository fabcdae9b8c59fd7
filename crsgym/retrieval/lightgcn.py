"""LightGCN over the item-attribute graph: the frozen collaborative encoder ``E_C``.

LightGCN (He et al., 2020) propagates embeddings over the normalised graph without weights or
activations, ``E^(l+1) = D^-1/2 A D^-1/2 E^(l)``, and takes the mean of all layers. As in SMTPO
(section 3.3.1) it is pretrained with BPR (Rendle et al., 2009): an item's own attribute shall score
above one it does not have.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crsgym.data.graph import ItemGraph
from crsgym.errors import ConfigurationError
from crsgym.retrieval.config import Backend, GraphConfig
from crsgym.types import FloatArray

Propagate = Callable[[Tensor], Tensor]


class LightGCN(nn.Module):
    """Embeddings of all nodes: items first, then attributes.

    Args:
        graph: items and their attributes.
        dim: length of an embedding.
        layers: steps of propagation.
        backend: ``"torch"`` or ``"dgl"``; both give the same values and gradients.
        seed: of the initial embeddings, normal with deviation 0.1.

    Raises:
        ConfigurationError: an unknown backend, or DGL is not installed.
    """

    def __init__(
        self,
        graph: ItemGraph,
        *,
        dim: int = 64,
        layers: int = 2,
        backend: Backend = "torch",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if backend not in get_args(Backend):
            raise ConfigurationError(
                f"backend: expected one of {get_args(Backend)}, got {backend!r}"
            )
        if dim < 1 or layers < 0:
            raise ConfigurationError(
                f"dim and layers: expected dim >= 1 and layers >= 0, got {dim} and {layers}"
            )
        self.layers = layers
        self.num_items = graph.num_items
        start = torch.empty(graph.num_items + graph.num_attributes, dim)
        start.normal_(std=0.1, generator=torch.Generator().manual_seed(seed))
        self.embedding = nn.Parameter(start)
        self._propagate = (_with_torch if backend == "torch" else _with_dgl)(graph)

    def forward(self) -> Tensor:
        """The mean over layers 0 .. L of the propagated embeddings, (nodes, dim)."""
        layer: Tensor = self.embedding
        total: Tensor = self.embedding
        for _ in range(self.layers):
            layer = self._propagate(layer)
            total = total + layer
        return total / (self.layers + 1)


def bpr_loss(items: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """``-mean log sigmoid(i . a+ - i . a-)`` (Rendle et al., 2009), a scalar.

    Args:
        items: (B, dim).
        positive: an attribute of each item, (B, dim).
        negative: one that the item does not have, (B, dim).
    """
    return -F.logsigmoid((items * (positive - negative)).sum(-1)).mean()


def pretrain(
    graph: ItemGraph,
    config: GraphConfig,
    *,
    seed: int,
    progress: Callable[[str], object] = lambda line: None,
) -> tuple[FloatArray, list[float]]:
    """Train the graph encoder with BPR.

    Args:
        graph: items and their attributes.
        config: how.
        seed: of the initial embeddings, the order of the edges and the negatives.
        progress: told in a line what is being done.

    Returns:
        The propagated embeddings of all nodes, float32 (items + attributes, dim), and the mean loss
        of each epoch.

    Raises:
        ConfigurationError: when the graph has no edges.
    """
    if not graph.num_edges:
        raise ConfigurationError("lightgcn: the catalogue has no attributes to learn from")
    model = LightGCN(graph, dim=config.dim, layers=config.layers, backend=config.backend, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    rng = np.random.default_rng(seed)
    losses = []
    for epoch in range(config.epochs):
        total = 0.0
        order = rng.permutation(graph.num_edges)
        for start in range(0, len(order), config.batch_size):
            edges = graph.edges[:, order[start : start + config.batch_size]]
            nodes = np.stack([edges[0], edges[1], _unrelated(graph, edges[0], rng)])
            nodes[1:] += graph.num_items
            picked = torch.from_numpy(nodes)
            item, positive, negative = model()[picked]
            loss = bpr_loss(item, positive, negative)
            length = model.embedding[picked].square().sum() / (2 * picked.shape[1])
            optimizer.zero_grad()
            (loss + config.decay * length).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * picked.shape[1]
        losses.append(total / graph.num_edges)
        progress(f"graph: epoch {epoch + 1} of {config.epochs}, BPR loss {losses[-1]:.4f}")
    with torch.no_grad():
        return model().numpy(), losses


def _unrelated(graph: ItemGraph, items: Any, rng: np.random.Generator) -> Any:
    """An attribute that each item does not have, int64 (B,); any, where it has all."""
    indptr, indices = graph.csr()
    known = np.repeat(np.arange(graph.num_items), np.diff(indptr)) * graph.num_attributes + indices
    drawn = rng.integers(graph.num_attributes, size=len(items))
    full = np.diff(indptr)[items] == graph.num_attributes
    # The keys are sorted, for edges are sorted by item and attribute.
    while True:
        key = items * graph.num_attributes + drawn
        place = np.minimum(np.searchsorted(known, key), len(known) - 1)
        wrong = np.flatnonzero((known[place] == key) & ~full)
        if not len(wrong):
            return drawn
        drawn[wrong] = rng.integers(graph.num_attributes, size=len(wrong))


def _normalised(graph: ItemGraph) -> tuple[Tensor, Tensor, Tensor]:
    """Both directions of every edge, sorted by row: rows, columns and ``1 / sqrt(d_r d_c)``."""
    item, attribute = graph.edges[0], graph.edges[1] + graph.num_items
    rows = np.concatenate([item, attribute])
    columns = np.concatenate([attribute, item])
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    degree = np.bincount(rows, minlength=graph.num_items + graph.num_attributes)
    weights = 1 / np.sqrt(degree[rows].astype(np.float64) * degree[columns])
    return (
        torch.from_numpy(rows),
        torch.from_numpy(columns),
        torch.from_numpy(weights.astype(np.float32)),
    )


class _SymmetricProduct(torch.autograd.Function):
    """``A x`` for a symmetric CSR matrix: its gradient is the same product."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[None, Tensor]:
        return None, ctx.matrix @ gradients[0]


def _with_torch(graph: ItemGraph) -> Propagate:
    rows, columns, weights = _normalised(graph)
    nodes = graph.num_items + graph.num_attributes
    indptr = torch.zeros(nodes + 1, dtype=torch.int64)
    indptr[1:] = torch.bincount(rows, minlength=nodes).cumsum(0)
    with warnings.catch_warnings():
        # PyTorch says once that CSR is in beta; a test holds it against a dense product.
        warnings.filterwarnings("ignore", message="Sparse CSR", category=UserWarning)
        matrix = torch.sparse_csr_tensor(
            indptr, columns, weights, (nodes, nodes), check_invariants=True
        )
    product: Callable[[Tensor, Tensor], Tensor] = _SymmetricProduct.apply
    return partial(product, matrix)


def _with_dgl(graph: ItemGraph) -> Propagate:
    try:
        import dgl
        from dgl import function as message
    except (ImportError, OSError) as error:
        raise ConfigurationError(
            f"the dgl backend needs DGL 1.1.3 (pip install 'crsgym[dgl]'): {error}; "
            "the torch backend gives the same values"
        ) from error
    rows, columns, weights = _normalised(graph)
    network = dgl.graph((columns, rows), num_nodes=graph.num_items + graph.num_attributes)
    network.edata["weight"] = weights[:, None]

    def propagate(x: Tensor) -> Tensor:
        with network.local_scope():
            network.ndata["x"] = x
            network.update_all(message.u_mul_e("x", "weight", "m"), message.sum("m", "y"))
            return cast("Tensor", network.ndata["y"])

    return propagate


__all__ = ["LightGCN", "bpr_loss", "pretrain"]
