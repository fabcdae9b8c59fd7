"""Whether what the user said names the target."""

from __future__ import annotations

from typing import Literal

from crsgym.data.catalogue import normalise, split_year

Leak = Literal["none", "title", "one word"]


def find_leak(text: str, title: str) -> Leak:
    """Whether a text holds a title, whole words only, with or without its year.

    Both are compared as the catalogue compares titles, so case, accents, punctuation and a leading
    article do not count. A title of one word (*It*, *Her*, *Up*) is told apart: without its year
    it may be the ordinary word, and the answer is ``"one word"``.
    """
    name, year = split_year(title)
    bare, said = normalise(name), f" {normalise(text)} "
    if not bare or f" {bare} " not in said:
        return "none"
    if " " in bare or f" {bare} {year} " in said:
        return "title"
    return "one word"


__all__ = ["Leak", "find_leak"]
