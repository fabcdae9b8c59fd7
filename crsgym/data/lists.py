"""Constructed recommendation lists ``R_human``: what a user, or a retriever, is trained on.

Hard negatives (``H``) share many attributes with the target, simple ones (``S``) as few as there
are; ``+`` has the target among them, ``-`` has not (SMTPO, section 3.2.1).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

import numpy as np

from crsgym.data.graph import ItemGraph
from crsgym.errors import ConfigurationError
from crsgym.types import IntArray

ListKind = Literal["H+", "H-", "S+", "S-"]
LIST_KINDS: tuple[ListKind, ...] = get_args(ListKind)

_POOL = 3
"""Negatives are drawn from this many times as many of the hardest, or simplest, items."""


def overlaps(graph: ItemGraph, item: int) -> IntArray:
    """How many attributes each item shares with one: int64, shape (num_items,)."""
    shared = [graph.items_of(int(attribute)) for attribute in graph.attributes_of(item)]
    flat = np.concatenate(shared) if shared else np.zeros(0, dtype=np.int64)
    return np.bincount(flat, minlength=graph.num_items)


def construct_list(
    graph: ItemGraph,
    target: int,
    kind: ListKind,
    *,
    seed: int,
    length: int = 10,
    exclude: Collection[int] = (),
) -> tuple[int, ...]:
    """A list of one of the four kinds, in random order.

    Args:
        graph: items and attributes.
        target: the hidden target.
        kind: ``"H+"``, ``"H-"``, ``"S+"`` or ``"S-"``.
        seed: equal seeds give equal lists.
        length: entries, the target with them.
        exclude: items that are no negatives, e.g. those the dialogue mentions.

    Raises:
        ConfigurationError: an unknown kind, or a catalogue too small for the length.
    """
    if kind not in LIST_KINDS:
        raise ConfigurationError(f"a list is of kind {', '.join(LIST_KINDS)}; got {kind!r}")
    rng = np.random.default_rng(seed)
    wanted = length - 1 if kind.endswith("+") else length
    shared = overlaps(graph, target)
    # A random order before a stable sort: ties fall differently for every seed.
    order = rng.permutation(graph.num_items)
    order = order[~np.isin(order, [target, *exclude])]
    if length < 1 or len(order) < wanted:
        raise ConfigurationError(
            f"a list of {length} needs that many items beside the target and what is excluded; "
            f"there are {len(order)}"
        )
    sign = -1 if kind.startswith("H") else 1
    order = order[np.argsort(sign * shared[order], kind="stable")]
    chosen = rng.choice(order[: wanted * _POOL], size=wanted, replace=False)
    items = np.append(chosen, target) if kind.endswith("+") else chosen
    return tuple(int(item) for item in rng.permutation(items))


__all__ = ["LIST_KINDS", "ListKind", "construct_list", "overlaps"]
