"""The items that a dialogue mentions, as rows over the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from crsgym.types import FloatArray, Utterance

COPY: tuple[str, ...] = (
    "recency",
    "any",
    "times",
    "by_recommender",
    "in_last",
    "in_last_but_one",
)
"""What :func:`copies` tells of an item that was mentioned."""


def copies(dialogues: Sequence[Sequence[Utterance]], size: int) -> Iterator[FloatArray]:
    """For each of ``COPY``, its value for every item, 0 for what was not mentioned.

    ``recency`` is 1 for the item mentioned last, 1/2 for the one before it, ...; ``times`` is
    ``log(1 + n)``; the others are 0 or 1.

    Args:
        dialogues: ``D`` of each context.
        size: number of items.

    Yields:
        float32 (B, size).
    """
    values: FloatArray = np.zeros((len(COPY), len(dialogues), size), dtype=np.float32)
    recency, seen, times, by_recommender, in_last, in_last_but_one = values
    for row, dialogue in enumerate(dialogues):
        order: dict[int, None] = {}
        for back, utterance in enumerate(reversed(dialogue)):
            for item in reversed(utterance.items):
                order.setdefault(item)
                times[row, item] += 1
                by_recommender[row, item] = max(
                    by_recommender[row, item], utterance.role == "recommender"
                )
                if back < 2:
                    (in_last, in_last_but_one)[back][row, item] = 1
        for place, item in enumerate(order):
            recency[row, item] = 1 / (place + 1)
            seen[row, item] = 1
    np.log1p(times, out=times)
    yield from values


def mention_weights(
    dialogues: Sequence[Sequence[Utterance]], size: int, *, last: bool = False
) -> Any:
    """The mentioned items of each dialogue: float32 CSR (B, size).

    Each weighs ``1 / sqrt(n)`` among ``n``; with ``last``, only the one mentioned last, with 1.
    """
    from scipy.sparse import csr_matrix

    columns: list[int] = []
    indptr, data = [0], []
    for dialogue in dialogues:
        order = list(dict.fromkeys(i for u in reversed(dialogue) for i in reversed(u.items)))
        order = order[:1] if last else sorted(order)
        columns += order
        data += [max(len(order), 1) ** -0.5] * len(order)
        indptr.append(len(columns))
    return csr_matrix(
        (np.array(data, dtype=np.float32), columns, indptr), shape=(len(dialogues), size)
    )


__all__ = ["COPY", "copies", "mention_weights"]
