"""The text side of a conversation: equation 7 of SMTPO, ``e_s = E_T(D, F, P)``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from crsgym.protocols import TextEncoder
from crsgym.retrieval.rowcache import RowCache
from crsgym.retrieval.views import VIEWS, tail
from crsgym.types import Context, FloatArray, IntArray

_dialogue = lru_cache(1 << 14)(VIEWS["whole"])


class TextParts:
    """Encodes what was said, in parts or as one text; a text is encoded once.

    Args:
        encoder: ``E_T``.
        joint: one text of dialogue, feedback and preference, as the equation has it, which is
            encoded anew every turn; otherwise each of the three by itself, so that the dialogue is
            encoded once.
        use_feedback: False leaves feedback out.
        use_preference: False leaves the inferred preference out.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        joint: bool = False,
        use_feedback: bool = True,
        use_preference: bool = True,
    ) -> None:
        self.dim = encoder.dim
        self._joint = joint
        self._use_feedback = use_feedback
        self._use_preference = use_preference
        self._rows: RowCache[str] = RowCache(encoder.encode, encoder.dim, megabytes=128)

    def texts(self, context: Context) -> tuple[str, ...]:
        """The parts of a conversation, always as many; an absent one is empty."""
        parts = (
            _dialogue(context.dialogue),
            context.feedback if self._use_feedback else "",
            context.last_preference if self._use_preference else "",
        )
        if not self._joint:
            return parts
        leads = ("", "Feedback: ", "Preference: ")
        told = [lead + part for lead, part in zip(leads, parts, strict=True) if part]
        return (tail("\n".join(told)),)

    def vectors(self, contexts: Sequence[Context]) -> tuple[FloatArray, IntArray]:
        """Vectors of all texts, each once, and which of them are the parts of each conversation.

        Returns:
            float32 (U, dim) and int64 (B, S), -1 for a part that is empty.
        """
        told = [self.texts(context) for context in contexts]
        places: dict[str, int] = {}
        parts = [
            [places.setdefault(text, len(places)) if text else -1 for text in row] for row in told
        ]
        width = 1 if self._joint else 3
        return self._rows.rows(list(places)), np.array(parts, dtype=np.int64).reshape(-1, width)


__all__ = ["TextParts"]
