"""An audit of a simulated user: does it leak, is it right, does it contradict or repeat itself?

It reads finished episodes, so it judges the exact text that the agent saw. What it calls a failure
is what no user may do: a target-aware one that says the target's title, a label-free one whose
prompt holds the target.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crsgym.data.catalogue import Catalogue
from crsgym.data.kinds import other_kinds
from crsgym.data.titles import normalise, split_year
from crsgym.protocols import Simulator, describe
from crsgym.retrieval.polarity import split_polarity
from crsgym.seeding import derive_seed
from crsgym.simulators.leaks import LEAK_KINDS, find_title_leak
from crsgym.simulators.reader import AttributeReader
from crsgym.types import Attribute, Context, Episode, Item

SCHEMA = 1
GROUPS: dict[str, tuple[str, ...]] = {
    "genre": ("genre",),
    "people": ("director", "cast"),
    "decade": ("decade",),
    "tone": ("tone",),
}
"""Which kinds of attributes are counted together; any that the library does not know by itself."""
_TELLING_ID = re.compile(r"[^\W\d]|\d{6}")
_CHANCE = 0.2
"""How much more often than a random item's id the target's may stand in a prompt."""


@dataclass(frozen=True)
class Feedback:
    """One remark of the user, with what it was made of."""

    context: Context
    """What the user had before it: its last list is what the remark is about."""
    text: str
    target: int
    episode: int

    @property
    def seen(self) -> bool:
        """Whether the target stood in the dialogue, or in a list, before the remark."""
        return self.target in self.context.mentioned or any(
            self.target in turn.recommendation.items for turn in self.context.turns
        )


def feedbacks(episodes: Sequence[Episode]) -> Iterator[Feedback]:
    """Every remark of the users of the episodes, turn 2 and later."""
    for number, episode in enumerate(episodes):
        turns = tuple(step.turn for step in episode.steps)
        for place in range(1, len(turns)):
            context = Context(episode.scenario.dialogue, turns[:place])
            yield Feedback(context, turns[place].feedback, episode.scenario.goal.target, number)


def title_leak_rate(episodes: Sequence[Episode], catalogue: Sequence[Item]) -> float:
    """Share of remarks that name the target, one-word titles left out; 0 without remarks."""
    said = list(feedbacks(episodes))
    leaks = [find_title_leak(remark.text, catalogue[remark.target]) for remark in said]
    return _share([leak is not None and leak.kind != "one_word" for leak in leaks])


def audit(
    episodes: Sequence[Episode], catalogue: Catalogue, simulator: Simulator
) -> dict[str, Any]:
    """What a user did in episodes, as JSON-able measures; the keys are in ``docs/users.md``.

    Args:
        episodes: played with this user, over the full number of turns.
        catalogue: their items.
        simulator: the user. Its prompts are audited where it has ``messages(contexts, goals)``.
    """
    said = list(feedbacks(episodes))
    reader = AttributeReader(catalogue)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "simulator": describe(simulator),
        "target_aware": simulator.target_aware,
        "episodes": len(episodes),
        "feedbacks": len(said),
        **_titles(said, catalogue),
        **_prompts(said, episodes, catalogue, simulator),
        "attributes": _attributes(said, catalogue, reader),
        "consistency": _consistency(said, reader),
        "repetition": _repetition(said),
        "length": _lengths(said),
    }
    report["failures"] = _failures(report)
    report["passed"] = not report["failures"]
    return report


def _titles(said: Sequence[Feedback], catalogue: Catalogue) -> dict[str, Any]:
    leaks = [find_title_leak(remark.text, catalogue[remark.target]) for remark in said]
    kinds = Counter(leak.kind for leak in leaks if leak is not None)
    clear = [leak is not None and leak.kind != "one_word" for leak in leaks]
    examples = [
        remark.text
        for remark, leaked in zip(said, clear, strict=True)
        if leaked and not remark.seen
    ]
    one_word = [" " not in normalise(split_year(catalogue[r.target].title)[0]) for r in said]
    return {
        "title_leak_rate": _share(clear),
        "unseen_title_leak_rate": _share(
            [leaked for leaked, remark in zip(clear, said, strict=True) if not remark.seen]
        ),
        "title_leaks": {kind: kinds[kind] for kind in LEAK_KINDS},
        "one_word_title_rate": _share(
            [
                leak is not None and leak.kind == "one_word"
                for leak, single in zip(leaks, one_word, strict=True)
                if single
            ]
        ),
        "title_leak_examples": examples[:5],
    }


def _prompts(
    said: Sequence[Feedback],
    episodes: Sequence[Episode],
    catalogue: Catalogue,
    simulator: Simulator,
) -> dict[str, Any]:
    """Whether the target stands in what a chat model was asked without having been shown."""
    messages = getattr(simulator, "messages", None)
    none = {"prompts": None, "target_in_prompt_rate": None}
    if not callable(messages) or not said:
        return none
    goals = [episodes[remark.episode].scenario.goal for remark in said]
    prompts = messages(
        [remark.context for remark in said], goals if simulator.target_aware else None
    )
    if not prompts:
        return none
    texts = ["\n".join(message["content"] for message in prompt) for prompt in prompts]
    titles, sure, likely, chance = [], [], [], []
    for remark, text in zip(said, texts, strict=True):
        target = catalogue[remark.target]
        shown = normalise("\n".join(u.text for u in remark.context.dialogue))
        leak = None if remark.seen else find_title_leak(text, target)
        # What people said in the dialogue is no leak, nor is a plain word.
        titles.append(
            leak is not None and leak.kind in ("exact", "without_year") and leak.said not in shown
        )
        other = catalogue[derive_seed(normalise(text), remark.target) % len(catalogue)]
        found = _has_id(text, target.key)
        sure.append(found and _TELLING_ID.search(target.key) is not None and not remark.seen)
        likely.append(found or _has_id(text, str(remark.target)))
        chance.append(
            _has_id(text, other.key) or _has_id(text, str(catalogue.index_of_key(other.key)))
        )
    by_number = _share(likely) if _share(likely) > _share(chance) + _CHANCE else 0.0
    by_name = _share([a or b for a, b in zip(titles, sure, strict=True)])
    return {"prompts": len(texts), "target_in_prompt_rate": max(by_name, by_number)}


def _has_id(text: str, key: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text) is not None


def _attributes(
    said: Sequence[Feedback], catalogue: Catalogue, reader: AttributeReader
) -> dict[str, Any]:
    """What is asked for, and turned down, against what the target has, by kind."""
    groups = dict(GROUPS)
    for kind in other_kinds(catalogue):
        groups[kind] = (*groups.get(kind, ()), kind)
    counts: Counter[tuple[str, str]] = Counter()
    for remark in said:
        has = reader.of(catalogue[remark.target])
        asked, refused = (reader.read(part) for part in split_polarity(remark.text))
        for group, kinds in groups.items():
            # A name that is an actor and a director is one thing asked for.
            wanted, true, no = (_values(part, kinds) for part in (asked, has, refused))
            counts[group, "asked"] += len(wanted)
            counts[group, "right"] += len(wanted & true)
            counts[group, "true"] += len(true)
            counts[group, "refused"] += len(no)
            counts[group, "wronged"] += len(no & true)
    return {
        group: {
            "precision": _ratio(counts[group, "right"], counts[group, "asked"]),
            "recall": _ratio(counts[group, "right"], counts[group, "true"]),
            "refused_though_true": _ratio(counts[group, "wronged"], counts[group, "refused"]),
            "asked": counts[group, "asked"],
            "refused": counts[group, "refused"],
        }
        for group in groups
    }


def _consistency(said: Sequence[Feedback], reader: AttributeReader) -> dict[str, Any]:
    """How often a remark turns down what the seeker asked for in the dialogue, or the reverse."""
    contradicted, compared = 0, 0
    known: dict[int, tuple[frozenset[Attribute], frozenset[Attribute]]] = {}
    for remark in said:
        if remark.episode not in known:
            words = ". ".join(u.text for u in remark.context.dialogue if u.role == "seeker")
            liked, disliked = split_polarity(words)
            known[remark.episode] = (reader.read(liked), reader.read(disliked))
        before = known[remark.episode]
        liked_before, disliked_before = before[0] - before[1], before[1] - before[0]
        asked, refused = (reader.read(part) for part in split_polarity(remark.text))
        if (asked | refused) & (liked_before | disliked_before):
            compared += 1
            contradicted += bool(
                ((refused - asked) & liked_before) or ((asked - refused) & disliked_before)
            )
    return {"contradiction_rate": _ratio(contradicted, compared), "compared": compared}


def _repetition(said: Sequence[Feedback]) -> dict[str, Any]:
    heard: set[tuple[int, str]] = set()
    repeated = []
    pairs: Counter[tuple[str, str]] = Counter()
    for remark in said:
        words = normalise(remark.text).split()
        pairs.update(itertools.pairwise(words))
        place = (remark.episode, " ".join(words))
        repeated.append(place in heard)
        heard.add(place)
    return {
        "repeated_in_episode": _share(repeated),
        "distinct": _ratio(len({r.text for r in said}), len(said)),
        "distinct_2": _ratio(len(pairs), pairs.total()),
    }


def _lengths(said: Sequence[Feedback]) -> dict[str, Any]:
    words = [len(remark.text.split()) for remark in said]
    return {
        "mean_words": _ratio(sum(words), len(words)),
        "min_words": min(words, default=0),
        "max_words": max(words, default=0),
        "empty_rate": _share([count == 0 for count in words]),
    }


def _failures(report: Mapping[str, Any]) -> list[str]:
    failures = []
    if report["unseen_title_leak_rate"]:
        failures.append(
            f"the user names the target before anybody else did in "
            f"{report['unseen_title_leak_rate']:.1%} of its remarks, e.g. "
            f"{report['title_leak_examples'][0]!r}"
        )
    if report["target_in_prompt_rate"] and not report["target_aware"]:
        failures.append(
            f"the user is label-free, and the target stands in "
            f"{report['target_in_prompt_rate']:.1%} of its prompts"
        )
    return failures


def _values(attributes: frozenset[Attribute], kinds: Sequence[str]) -> set[str]:
    return {attribute.value.casefold() for attribute in attributes if attribute.kind in kinds}


def _share(flags: Sequence[bool]) -> float:
    return _ratio(sum(flags), len(flags)) or 0.0


def _ratio(part: float, whole: float) -> float | None:
    """``part / whole``; None where there is nothing to divide by."""
    return part / whole if whole else None


__all__ = ["GROUPS", "Feedback", "audit", "feedbacks", "title_leak_rate"]
