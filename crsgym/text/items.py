"""What an item is called and what is said of it, as one text to encode."""

from __future__ import annotations

from crsgym.types import Item

_MAX_CAST = 8


def item_text(item: Item) -> str:
    """An item in words: title, genres and other short attributes, people, then the description."""
    people = {"director": "Directed by", "writer": "Written by", "cast": "Starring"}
    short = [a.value for a in item.attributes if a.kind not in people and a.kind != "company"]
    parts = [item.title, ", ".join(dict.fromkeys(short))]
    for kind, lead in people.items():
        names = item.values(kind)[:_MAX_CAST]
        parts.append(f"{lead} {', '.join(names)}" if names else "")
    parts.append(item.description.strip().rstrip("."))
    return ". ".join(part for part in parts if part) + "."


__all__ = ["item_text"]
