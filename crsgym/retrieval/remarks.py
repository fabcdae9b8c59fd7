"""What later turns add: the user's feedback, the inferred preference and the earlier lists.

Each text is a field of its own, and feedback is several: what it asks for, what of that is new, and
what it turns down.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from crsgym.retrieval.features import DialogueFeatures
from crsgym.retrieval.polarity import split_polarity
from crsgym.text.words import singular, words
from crsgym.types import Context, FloatArray

FIELDS: tuple[str, ...] = (
    "feedback_news",
    "feedback_wanted",
    "feedback_refused",
    "earlier_news",
    "earlier_wanted",
    "earlier_refused",
    "preference",
)
"""``F_t`` and ``F_1 .. F_{t-1}``, each in three, and ``P_{t-1}``. News are the words asked for that
the dialogue does not hold."""

_LIST = (
    "in_last_list",
    "in_accepted_list",
    "in_earlier_lists",
)
_ACCEPTS = re.compile(
    r"\W*(?:yes|yep|perfect|great|wonderful|excellent|exactly|that['’]?s (?:it|exactly|the one)|"
    r"(?:i['’]?ll|i will) take|you (?:found|got) it)\b",
    re.IGNORECASE,
)
"""How a remark begins that takes something from the list."""


class RemarkFeatures:
    """The features of turns after the first.

    Args:
        base: whose readings of a text are used for every field.
        use_feedback: False reads no feedback.
        use_preference: False reads no inferred preference.
        use_list: False does not look at the earlier lists.
    """

    def __init__(
        self,
        base: DialogueFeatures,
        *,
        use_feedback: bool = True,
        use_preference: bool = True,
        use_list: bool = True,
    ) -> None:
        self._base = base
        self._use_feedback = use_feedback
        self._use_preference = use_preference
        self._use_list = use_list
        self.names: tuple[str, ...] = (
            "dialogue",
            *(f"{field}_{name}" for field in FIELDS for name in base.compared),
            *_LIST,
        )

    def rows(self, contexts: Sequence[Context], dialogue: FloatArray) -> Iterator[FloatArray]:
        """The features, in the order of ``names``: float32 (B, items) each.

        What is switched off, or not there, gives rows of zeros.

        Args:
            contexts: of any turn.
            dialogue: the first turn's scores, float32 (B, items).
        """
        read = [self._read(context) for context in contexts]
        yield dialogue
        for texts in zip(*(said.fields for said in read), strict=True):
            yield from self._compare(texts)
        yield from self._list_rows(contexts, np.array([said.taken for said in read]))

    def rejected(self, contexts: Sequence[Context]) -> Any:
        """True for listed items that remarks turn down more than they ask for: bool (B, items)."""
        wanted, refused = zip(*(_remarks(_feedback(context)) for context in contexts), strict=True)
        asked = sum(self._base.phrases.scores(wanted))
        turned_down = sum(self._base.phrases.scores(refused))
        return shown(contexts, self._base.num_items) & (turned_down > asked)

    def _read(self, context: Context) -> _Said:
        wanted = refused = before = refused_before = ""
        taken = False
        if self._use_feedback:
            *earlier, last = _feedback(context)
            wanted, refused = _remarks([last])
            before, refused_before = _remarks(earlier)
            taken = accepts(last)
        known = {singular(word) for u in context.dialogue for word in words(u.text)}
        fields = (
            _without(wanted, known),
            wanted,
            refused,
            _without(before, known),
            before,
            refused_before,
            context.last_preference if self._use_preference else "",
        )
        return _Said(fields, taken)

    def _compare(self, texts: Sequence[str]) -> Iterator[FloatArray]:
        """Rows of ``compare``; zeros where a text is empty."""
        filled = [row for row, text in enumerate(texts) if text]
        some = self._base.compare([texts[row] for row in filled]) if filled else None
        for _ in self._base.compared:
            values = np.zeros((len(texts), self._base.num_items), dtype=np.float32)
            if some is not None:
                values[filled] = next(some)
            yield values

    def _list_rows(self, contexts: Sequence[Context], taken: Any) -> Iterator[FloatArray]:
        """The features of the lists; ``taken``: who takes something from the last one, (B,)."""
        last = np.zeros((len(contexts), self._base.num_items), dtype=np.float32)
        earlier = np.zeros_like(last)
        if self._use_list:
            for row, context in enumerate(contexts):
                last[row, list(context.last_list)] = 1
                for turn in context.turns[:-1]:
                    earlier[row, list(turn.recommendation.items)] = 1
        yield last
        yield np.where(taken[:, None], last, np.float32(0))
        yield earlier


class _Said(NamedTuple):
    """What the remarks of a conversation say."""

    fields: tuple[str, ...]
    """A text for each of ``FIELDS``."""
    taken: bool
    """Whether the last remark takes something from the list."""


def accepts(remark: str) -> bool:
    """Whether a remark takes something from the list: it begins so, and turns nothing down."""
    return bool(_ACCEPTS.match(remark)) and not split_polarity(remark)[1]


def shown(contexts: Sequence[Context], size: int) -> Any:
    """True for the items of earlier lists: bool (B, size)."""
    seen = np.zeros((len(contexts), size), dtype=bool)
    for row, context in enumerate(contexts):
        seen[row, [i for turn in context.turns for i in turn.recommendation.items]] = True
    return seen


def _feedback(context: Context) -> list[str]:
    """``F_2 .. F_t``, the last one at the end; a single empty text at turn 1."""
    return [*(turn.feedback for turn in context.turns[1:]), context.feedback]


def _remarks(texts: Sequence[str]) -> tuple[str, str]:
    """What some remarks together ask for, and what they turn down."""
    parts = [split_polarity(text) for text in texts]
    return " ".join(wanted for wanted, _ in parts), " ".join(refused for _, refused in parts)


def _without(text: str, known: Collection[str]) -> str:
    """The words of a text whose stems are not known."""
    return " ".join(word for word in words(text) if singular(word) not in known)


__all__ = ["FIELDS", "RemarkFeatures", "accepts", "shown"]
