"""The entities ``I_D`` of a conversation as nodes of the item-attribute graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.memo import Memo
from crsgym.retrieval.sayings import Phrases
from crsgym.retrieval.signals import last_first, spoken
from crsgym.types import Context, IntArray, Item, Utterance

_MOST = 48
_REMEMBERED = 1 << 14


class EntityLinker:
    """Finds the items that a dialogue mentions and the attributes that it names.

    Nodes are numbered as in the graph encoder: items first, then attributes.

    Args:
        dataset: its catalogue's items and attributes are the nodes; of its conversations, only how
            common a phrase is in the train split is used.
    """

    def __init__(self, dataset: Dataset) -> None:
        graph = dataset.graph
        self._num_items = graph.num_items
        bare = [Item(key=str(j), title="", attributes=(a,)) for j, a in enumerate(graph.attributes)]
        said = [u.text for dialogue in dataset.dialogues("train") for u in dialogue.utterances]
        self._phrases = Phrases.of(bare, said)
        self._nodes = Memo(self._link, _REMEMBERED)

    def nodes(self, dialogue: tuple[Utterance, ...]) -> tuple[int, ...]:
        """The nodes of a dialogue: items, the last mentioned first, then attributes, each once."""
        return self._nodes(dialogue)

    def batch(self, contexts: Sequence[Context], *, use_list: bool = True) -> IntArray:
        """The nodes of ``I_D`` and of ``R_{t-1}`` side by side: int64 (B, M), filled up with -1.

        Args:
            contexts: B conversations.
            use_list: False leaves the last list out.
        """
        rows = [
            tuple(dict.fromkeys((*self.nodes(c.dialogue), *(c.last_list if use_list else ()))))
            for c in contexts
        ]
        width = max(1, *map(len, rows)) if rows else 1
        out: IntArray = np.full((len(rows), width), -1, dtype=np.int64)
        for place, row in enumerate(rows):
            out[place, : len(row)] = row
        return out

    def _link(self, dialogue: tuple[Utterance, ...]) -> tuple[int, ...]:
        named = np.sum([scores[0] for scores in self._phrases.scores([spoken(dialogue)])], axis=0)
        attributes = np.flatnonzero(named)
        # Of too many, the most telling; a long dialogue names every genre once.
        attributes = attributes[np.argsort(-named[attributes], kind="stable")]
        linked = (*last_first(dialogue), *(attributes + self._num_items).tolist())
        return linked[:_MOST]


__all__ = ["EntityLinker"]
