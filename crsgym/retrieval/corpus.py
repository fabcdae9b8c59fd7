"""The texts of the train split that retrievers learn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.retrieval.counts import conversations
from crsgym.retrieval.sparse import from_pairs
from crsgym.retrieval.views import VIEWS
from crsgym.text.items import item_text
from crsgym.types import IntArray, Utterance

_MOST_KEYS = 20_000
_UTTERANCES_ABOUT = 3


def item_texts(dataset: Dataset) -> list[str]:
    """What is said of each item of the catalogue."""
    return [item_text(item) for item in dataset.catalogue]


def dialogue_texts(dataset: Dataset) -> list[str]:
    """Each training dialogue as one text."""
    return [VIEWS["whole"](dialogue.utterances) for dialogue in dataset.dialogues("train")]


def training_contexts(dataset: Dataset) -> tuple[list[tuple[Utterance, ...]], Any, IntArray]:
    """The contexts of the train scenarios, those of one utterance together.

    Returns:
        K dialogues; their targets, float32 CSR (K, items); their conversations, int64 (K,). Of
        more than 20,000, a part that is spread evenly.
    """
    number = conversations(dataset)
    targets: dict[tuple[int, int], list[int]] = {}
    dialogues: dict[tuple[int, int], tuple[Utterance, ...]] = {}
    for scenario in dataset.scenarios("train"):
        place = (number[scenario.dialogue_id], len(scenario.dialogue))
        dialogues[place] = scenario.dialogue
        targets.setdefault(place, []).append(scenario.goal.target)
    places = list(dialogues)[:: _step(len(dialogues))]
    pairs = [(row, item) for row, place in enumerate(places) for item in targets[place]]
    labels = from_pairs(pairs, (len(places), len(dataset.catalogue)))
    owner = np.array([conversation for conversation, _ in places], dtype=np.int64)
    return [dialogues[place] for place in places], labels, owner


def said_about(dataset: Dataset) -> tuple[list[str], Any, IntArray]:
    """What is said when items are mentioned, and right after.

    Returns:
        K texts; the items mentioned, float32 CSR (K, items); the conversations, int64 (K,). Of more
        than 20,000, a part that is spread evenly.
    """
    number = conversations(dataset)
    found = [
        (dialogue, i)
        for dialogue in dataset.dialogues("train")
        for i, utterance in enumerate(dialogue.utterances)
        if utterance.items
    ]
    found = found[:: _step(len(found))]
    texts = [
        " ".join(u.text for u in dialogue.utterances[i : i + _UTTERANCES_ABOUT])
        for dialogue, i in found
    ]
    pairs = [
        (row, item)
        for row, (dialogue, i) in enumerate(found)
        for item in sorted(set(dialogue.utterances[i].items))
    ]
    labels = from_pairs(pairs, (len(found), len(dataset.catalogue)))
    owner = np.array([number[dialogue.id] for dialogue, _ in found], dtype=np.int64)
    return texts, labels, owner


def prefix_owners(dataset: Dataset) -> dict[tuple[Utterance, ...], int]:
    """The conversation that the context of each train scenario was cut from."""
    number = conversations(dataset)
    return {s.dialogue: number[s.dialogue_id] for s in dataset.scenarios("train")}


def _step(size: int) -> int:
    return max(1, -(-size // _MOST_KEYS))


__all__ = ["dialogue_texts", "item_texts", "prefix_owners", "said_about", "training_contexts"]
