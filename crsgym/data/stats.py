"""What a data set holds, as counts that can be checked against the protocol."""

from __future__ import annotations

from typing import Any

from crsgym.data.dataset import Dataset
from crsgym.errors import DownloadError
from crsgym.types import IntArray

_DESCRIBED = ("genre", "director", "cast")


def count(dataset: Dataset) -> dict[str, Any]:
    """Counts of a data set and of each of its splits, JSON-able.

    A split whose file is not here and cannot be fetched stands under ``unavailable``, with the
    reason. Of a split:

    * ``dialogues``: those that at least one scenario was cut from; ``recorded_dialogues``: all;
    * ``instances``: scenarios; ``repeat``: those whose target was mentioned before; ``new``: the
      others; ``cold``: those whose target is never a target in train (``None`` where the train
      split is not available).

    Raises:
        DataError: when a file is damaged.
    """
    unavailable: dict[str, str] = {}
    for split in dataset.splits:
        try:
            dataset.dialogues(split)
        except DownloadError as error:
            unavailable[split] = str(error)
    here = [split for split in dataset.splits if split not in unavailable]
    trained = dataset.target_counts() if "train" in here else None
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "items": len(dataset.catalogue),
        "items_with_genre_director_or_cast": sum(
            bool(item.values(*_DESCRIBED)) for item in dataset.catalogue
        ),
        "items_with_year": sum(item.year is not None for item in dataset.catalogue),
        "attributes": dataset.graph.num_attributes,
        "edges": dataset.graph.num_edges,
        "splits": {split: _count_split(dataset, split, trained) for split in here},
        "unavailable": unavailable,
    }


def _count_split(dataset: Dataset, split: str, trained: IntArray | None) -> dict[str, int | None]:
    scenarios = dataset.scenarios(split)
    dialogues = dataset.dialogues(split)
    repeat = sum(any(s.goal.target in u.items for u in s.dialogue) for s in scenarios)
    cold = None if trained is None else sum(trained[s.goal.target] == 0 for s in scenarios)
    return {
        "dialogues": len({s.dialogue_id for s in scenarios}),
        "recorded_dialogues": len(dialogues),
        "utterances": sum(len(d.utterances) for d in dialogues),
        "instances": len(scenarios),
        "new": len(scenarios) - repeat,
        "repeat": repeat,
        "cold": None if cold is None else int(cold),
    }


__all__ = ["count"]
