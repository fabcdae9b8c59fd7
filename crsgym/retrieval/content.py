"""The lexical retriever where there is nothing to learn from: no training split, no popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.retrieval.lexical import SIGNALS, Demote, LexicalRetriever, check_settings
from crsgym.retrieval.signals import ItemSignals
from crsgym.text import item_text

if TYPE_CHECKING:
    from typing_extensions import Self

WEIGHTS = {
    "text": 6.5,
    "recent_text": 6.0,
    "attributes": 0.4,
    "recent_attributes": 0.7,
    "similar": 7.5,
    "recency": 2.0,
    "mentioned": 0.0,
    "popularity": 0.0,
}
"""Between what the lexical retriever learns on the train splits of INSPIRED and of OpenDialKG."""


class ContentRetriever(LexicalRetriever):
    """Items by words, attributes and mentions, with fixed weights.

    It reads the catalogue and the conversation, and no other conversation.
    """

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        *,
        feedback: float = 0.4,
        preference: float = 0.5,
        memory: float = 0.8,
        use_feedback: bool = True,
        use_preference: bool = True,
        demote: Demote = "none",
    ) -> Self:
        """Index the catalogue; arguments and errors as of :meth:`LexicalRetriever.fit`."""
        check_settings(feedback, preference, memory, demote)
        signals = ItemSignals(dataset, said=[item_text(item) for item in dataset.catalogue])
        return cls(
            signals,
            np.zeros(len(dataset.catalogue), dtype=np.float32),
            np.array([WEIGHTS[name] for name in SIGNALS], dtype=np.float32),
            feedback=feedback if use_feedback else 0.0,
            preference=preference if use_preference else 0.0,
            memory=memory,
            demote=demote,
        )


__all__ = ["WEIGHTS", "ContentRetriever"]
