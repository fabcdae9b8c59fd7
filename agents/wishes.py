"""What a policy writes as the inferred preference ``P_t``: attributes by where they were read.

Every form is read off the conversation, or off the list that goes with it; which form serves best
is for the policy to learn. The next turn's candidates depend on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from crsgym.data.catalogue import Catalogue
from crsgym.data.kinds import KNOWN, wanted
from crsgym.retrieval.polarity import split_polarity
from crsgym.simulators.reader import AttributeReader
from crsgym.types import Attribute, Observation

FORMS: tuple[str, ...] = ("dialogue", "feedback", "said", "list", "feedback_and_list", "open")
"""Attributes that the seeker named in the dialogue; that the feedback asked for; both; that the
first items of the list share; that the feedback asked for, then those of the list; none."""

_MOST = {"genre": 3, "tone": 2, "decade": 1, "director": 2, "cast": 3}
_MOST_OF_OTHERS = 2
_TOP = 3
_SEEKER = "Seeker:"


class WishWriter:
    """Writes preferences about a catalogue.

    Args:
        catalogue: whose attributes are read and written.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        reader = AttributeReader(catalogue)
        self._of = lru_cache(maxsize=None)(lambda item: reader.of(catalogue[item]))
        self._read = lru_cache(maxsize=65536)(
            lambda text: tuple(sorted(reader.read(split_polarity(text)[0])))
        )

    def write(
        self, form: str, observation: Observation, listed: Sequence[int], *, feedback: bool = True
    ) -> str:
        """The preference in one of ``FORMS``.

        Args:
            form: which.
            observation: what the agent was handed.
            listed: the list that goes with it, best first.
            feedback: False reads no feedback: an ablation.
        """
        found: list[Attribute] = []
        if feedback and form in ("feedback", "said", "feedback_and_list"):
            found += self._asked(observation)
        if form in ("dialogue", "said"):
            lines = observation["dialogue"].split("\n")
            for line in reversed(lines):
                if line.startswith(_SEEKER):
                    found += self._read(line.removeprefix(_SEEKER))
        if form in ("list", "feedback_and_list"):
            found += self._shared(listed[:_TOP])
        return _sentences(found)

    def _asked(self, observation: Observation) -> list[Attribute]:
        """What the feedback asked for, the latest first."""
        told = [*(turn["feedback"] for turn in observation["history"]), observation["feedback"]]
        return [attribute for text in reversed(told) for attribute in self._read(text)]

    def _shared(self, items: Iterable[int]) -> list[Attribute]:
        """Attributes of some items, those of several first, then in the order of the items."""
        held: Counter[Attribute] = Counter()
        for item in items:
            held.update(a for a in self._catalogue[item].attributes if a in self._of(item))
        return [attribute for attribute, _ in held.most_common()]


def _sentences(attributes: Iterable[Attribute]) -> str:
    values: dict[str, list[str]] = {kind: [] for kind in _MOST}
    for kind, value in dict.fromkeys(attributes):
        held = values.setdefault(kind, [])
        if len(held) < _MOST.get(kind, _MOST_OF_OTHERS):
            held.append(value)
    likes = [*values["tone"], *values["genre"]]
    wants = [
        f"{how} {_listed(values[kind])}"
        for kind, how in (("decade", "from the"), ("director", "directed by"), ("cast", "with"))
        if values[kind]
    ]
    others = (wanted(kind, told) for kind, told in values.items() if kind not in KNOWN)
    wants += [text for text in others if text]
    sentences = []
    if likes:
        sentences.append(f"The seeker likes {_listed(likes)}.")
    if wants:
        sentences.append(f"The seeker wants something {', '.join(wants)}.")
    return " ".join(sentences) or "The seeker is open to suggestions."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


__all__ = ["FORMS", "WishWriter"]
