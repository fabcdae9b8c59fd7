"""The reference preference ``P`` of a scenario, in words.

The preference reward compares what an agent inferred with this text. The template here writes it
from the target's attributes, those first that came up in the dialogue, and never names the target.
Another writer (a person, a language model) is any function of the same signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from crsgym.data.kinds import KNOWN, wanted
from crsgym.data.titles import normalise, split_year
from crsgym.types import Item, Utterance

PreferenceWriter: TypeAlias = Callable[[Item, Sequence[Utterance]], str]
"""``(target, dialogue before it) -> text``; the text must not name the target."""

_LIKES = {"tone": 2, "genre": 3}
_WANTS = {"decade": "from the", "director": "directed by", "cast": "with"}
_MOST = 3
_MOST_TOPICS = 4


def write_preference(item: Item, dialogue: Sequence[Utterance]) -> str:
    """The preference that leads to ``item``, in a few sentences; never its title.

    Args:
        item: the hidden target.
        dialogue: what was said before it.
    """
    said = f" {normalise(' '.join(u.text for u in dialogue))} "
    titles = {f" {normalise(split_year(name)[0])} " for name in (item.title, *item.aliases)}

    def telling(values: Iterable[str]) -> list[str]:
        """Without what would give the title away; what was said comes first."""
        padded = {value: f" {normalise(value)} " for value in values if value}
        safe = [v for v, words in padded.items() if not any(t in words for t in titles)]
        return sorted(safe, key=lambda value: padded[value] not in said)

    values: dict[str, list[str]] = {}
    for kind, value in item.attributes:
        values.setdefault(kind, []).append(value)
    best = {kind: telling(found)[: _LIKES.get(kind, _MOST)] for kind, found in values.items()}
    likes = [value for kind in _LIKES for value in best.get(kind, ())]
    wants = [f"{words} {_listed(best[k])}" for k, words in _WANTS.items() if best.get(k)]
    # Writers, companies and languages are true of an item, and rarely what somebody asks for.
    wants += telling(wanted(k, found) for k, found in best.items() if found and k not in KNOWN)
    topics = telling(dict.fromkeys(e for u in dialogue if u.role == "seeker" for e in u.entities))
    sentences = []
    if likes:
        sentences.append(f"The seeker likes {_listed(likes)}.")
    if wants:
        sentences.append(f"The seeker wants something {', '.join(wants)}.")
    if topics:
        sentences.append(f"The seeker spoke of {_listed(topics[-_MOST_TOPICS:])}.")
    return " ".join(sentences) or "The seeker did not say what to look for."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


__all__ = ["PreferenceWriter", "write_preference"]
