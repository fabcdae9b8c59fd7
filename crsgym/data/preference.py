"""The reference preference ``P`` of a scenario, in words.

The preference reward compares what an agent inferred with this text. The template here writes it
from the target's attributes, those first that came up in the dialogue, and never names the target.
Another writer (a person, a language model) is any function of the same signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from crsgym.data.catalogue import normalise, split_year
from crsgym.types import Item, Utterance

PreferenceWriter: TypeAlias = Callable[[Item, Sequence[Utterance]], str]
"""``(target, dialogue before it) -> text``; the text must not name the target."""

_MOST = {"genre": 3, "tone": 2, "director": 2, "cast": 3}
_MOST_TOPICS = 4


def write_preference(item: Item, dialogue: Sequence[Utterance]) -> str:
    """The preference that leads to ``item``, as one or two sentences; never its title.

    Args:
        item: the hidden target.
        dialogue: what was said before it.
    """
    said = f" {normalise(' '.join(u.text for u in dialogue))} "
    title_words = {f" {normalise(split_year(name)[0])} " for name in (item.title, *item.aliases)}

    def telling(values: Iterable[str]) -> list[str]:
        """Without what would give the title away; what was said comes first."""
        padded = {value: f" {normalise(value)} " for value in values}
        safe = [v for v, words in padded.items() if not any(t in words for t in title_words)]
        return sorted(safe, key=lambda value: padded[value] not in said)

    best = {kind: telling(item.values(kind))[:most] for kind, most in _MOST.items()}
    kinds = _listed([*best["tone"], *best["genre"]])
    parts = [f"The seeker looks for {kinds}" if kinds else "The seeker looks for something"]
    decades = item.values("decade")
    if decades:
        parts.append(f"from the {decades[0]}")
    if best["director"]:
        parts.append(f"directed by {_listed(best['director'])}")
    if best["cast"]:
        parts.append(f"with {_listed(best['cast'])}")
    text = " ".join(parts) + "."
    topics = telling(dict.fromkeys(e for u in dialogue if u.role == "seeker" for e in u.entities))
    if topics:
        text += f" What came up so far: {_listed(topics[-_MOST_TOPICS:])}."
    return text


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


__all__ = ["PreferenceWriter", "write_preference"]
