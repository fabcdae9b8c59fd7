"""Answer text to :class:`~crsgym.types.Recommendation`; what is wrong with it is data.

The form of an answer is SMTPO's: five numbered steps inside ``<think>``, then
``RANK LIST: [Title, ..., Title]``. Reading follows four rules.

* **Which list.** The last ``RANK LIST: [`` behind ``</think>`` counts; where there is none behind
  it, the last one anywhere. So a list quoted while thinking is never taken for the answer.
* **Which titles.** The list is split against the catalogue, not on commas: at every place the
  longest run of comma-separated pieces that names an item is one entry, but a shorter one that is
  a title to the letter goes before a longer one that fits loosely. The first ``list_length``
  entries are the slots of ``R_t``. An entry that names no item, several items, or an item listed
  before holds its slot as ``None``: it costs the place it takes.
* **Which steps.** ``N`` counts the headings ``Step1: Preference Inference`` ...
  ``Step5: Recommendation Explanation`` between ``<think>`` and ``</think>``, anywhere in a line,
  with or without a space around the number; the number must belong to the name; repeats count.
  A missing ``<think>`` is forgiven where ``</think>`` is there, since the chat templates of
  reasoning models write the opening tag into the prompt.
* **How much.** Nothing behind the first 100,000 characters is read, and every pattern is bounded,
  so the time is linear in the length.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from crsgym.prompts import STEPS, fold
from crsgym.ranklist import ListReader
from crsgym.types import Recommendation

if TYPE_CHECKING:
    from crsgym.data.catalogue import Catalogue

ISSUES: dict[str, str] = {
    "ambiguous_title": "an entry that several items of the catalogue fit",
    "duplicate_title": "an item listed before",
    "early_list": "the list stands before </think>, and none behind it",
    "empty_answer": "nothing but white space",
    "empty_list": "a list without a title",
    "extra_steps": "a step heading more than once",
    "extra_think": "a second <think> or </think>",
    "fuzzy_match": "an entry that only approximate matching understood",
    "long_preference": "the text of Step1 is cut off at 2,000 characters",
    "loose_marker": "the list is announced, but not by 'RANK LIST: ['",
    "missing_steps": "fewer than the five step headings inside <think>",
    "no_preference": "no text in Step1",
    "no_rank_list": "no 'RANK LIST: [' anywhere",
    "no_think": "neither <think> nor </think>",
    "not_a_candidate": "an item that was not among the candidates",
    "numbered_titles": "a number or a bullet before a title",
    "quoted_titles": "a title in quotes, brackets or emphasis marks",
    "steps_out_of_order": "step headings not in the order 1 to 5",
    "text_after_list": "text behind the closing bracket",
    "too_few_titles": "fewer entries than the list may hold, or than there are candidates",
    "too_long": "more than 100,000 characters, of which the rest is not read",
    "too_many_titles": "more entries than the list may hold",
    "unclosed_list": "no closing bracket",
    "unclosed_think": "<think> without </think>",
    "unknown_title": "an entry that names no item of the catalogue",
    "unopened_think": "</think> without <think>",
    "wrong_year": "an entry with the name of an item and another year than it has",
}
"""What can be wrong with an answer: code to meaning."""

MAX_ANSWER = 100_000
"""Characters of an answer that are read; of one with a longer list, :data:`MAX_TITLE` an entry."""
MAX_TITLE = 100
"""Characters of an entry that are counted on in a list of more than a thousand."""
MAX_PREFERENCE = 2_000
"""Characters of ``P_t`` that are kept."""

_OPEN, _CLOSE = "<think>", "</think>"
_MARKER = re.compile(r"RANK LIST:\s{0,8}\[")
_LOOSE_MARKER = re.compile(r"rank(?:ed|ing)?[ _-]?list[*_` ]{0,4}:?[*_` ]{0,4}\s{0,8}\[", re.I)
_HEADING = re.compile(
    f"Step ?(?:{'|'.join(f'({n}) ?: ?{name}' for n, name in enumerate(STEPS, 1))})"
)
_PLAIN_HEADINGS = tuple(f"Step{n}: {name}" for n, name in enumerate(STEPS, 1))
_ANY_STEP = re.compile(r"Step ?[1-9] ?[:.)]")
_LEAD = re.compile(r"^[\s.:*_#-]+")
"""What may stand between a heading and its text: white space and marks."""
_TAGS_AND_STEPS = re.compile(r"</?think>|Step ?[1-9] ?[:.)]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def format_answer(titles: Iterable[str], *, preference: str = "", explanation: str = "") -> str:
    """An answer in the protocol's form, with all five steps.

    Args:
        titles: ``R_t``, best first.
        preference: ``P_t``, the text of Step1.
        explanation: the text of Step5.

    Line breaks become spaces, tags and step numbers inside the texts are taken out, and square
    brackets that do not pair are written round, so that :func:`parse_answer` reads what went in.

    Raises:
        TypeError: when ``titles`` is one text, or holds something that is not a text.
    """
    if isinstance(titles, str):
        raise TypeError(f"titles must be a sequence of titles; got the single text {titles!r}")
    listed = [_listable(title) for title in titles]
    texts = (
        _inline(preference),
        "I compare the attributes of the candidates with this preference.",
        "The more of the preference a candidate meets, the higher it scores.",
        "The candidates follow in the order of their scores.",
        _inline(explanation),
    )
    steps = [
        f"{heading}. {text}".rstrip() for heading, text in zip(_PLAIN_HEADINGS, texts, strict=True)
    ]
    return "\n".join([_OPEN, *steps, _CLOSE, f"RANK LIST: [{', '.join(listed)}]"])


def parse_answer(
    text: str,
    catalogue: Catalogue,
    *,
    candidates: Collection[int] | None = None,
    list_length: int = 10,
    fuzzy: bool = False,
) -> Recommendation:
    """What an answer says: ``P_t``, ``R_t``, and what is wrong with it. Any text is understood.

    Args:
        text: the recommender's answer.
        catalogue: the items that can be named.
        candidates: the items that were offered; an item outside them is reported, not refused.
        list_length: entries that count; that there are more is reported.
        fuzzy: whether an entry that matches nothing is matched approximately.

    Returns:
        The recommendation; ``issues`` are codes of :data:`ISSUES`. It is ``well_formed`` when
        ``RANK LIST: [Title, ..., Title]`` stands behind the thinking, closed, with at least one
        entry and at most ``list_length``; whether the entries name items shows in the slots.

    Raises:
        TypeError: when the answer is not a ``str``.
        ValueError: when ``list_length`` is not positive.
    """
    if not isinstance(text, str):
        raise TypeError(f"an answer must be a str; got {type(text).__name__}")
    if list_length < 1:
        raise ValueError(f"list_length must be at least 1; got {list_length}")
    issues: set[str] = set()
    if len(text) > (most := max(MAX_ANSWER, MAX_TITLE * list_length)):
        issues.add("too_long")
        text = text[:most]
    if not text or text.isspace():
        issues.add("empty_answer")
        return Recommendation(issues=tuple(sorted(issues)))

    start, end, closed = _find_think(text, issues)
    marker, listed = _find_list(text, end if closed else 0, issues)
    if not closed and marker > start:
        end = min(end, marker)
    steps, preference = _read_steps(text, start, end, closed, issues)
    if listed < 0:
        return Recommendation((), preference, steps, False, tuple(sorted(issues)))

    reader = ListReader(text, catalogue, fuzzy, issues)
    well_formed = reader.read(listed, list_length)
    slots = reader.slots
    if "early_list" in issues:
        issues.discard("text_after_list")
    if candidates is not None:
        if len(reader.seen.intersection(candidates)) < len(reader.seen):
            issues.add("not_a_candidate")
        list_length = min(list_length, len(candidates))
    if slots and len(slots) < list_length:
        issues.add("too_few_titles")
    return Recommendation(
        slots=tuple(slots),
        preference=preference,
        steps=steps,
        well_formed=well_formed and issues.isdisjoint(("early_list", "loose_marker")),
        issues=tuple(sorted(issues)),
        bounds=tuple(reader.bounds),
        fuzzy=tuple(reader.fuzzy_slots),
    )


def repair_unicode(text: str) -> str:
    """The text with lone surrogates, which no file can hold, as U+FFFD; every place stays."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def _find_think(text: str, issues: set[str]) -> tuple[int, int, bool]:
    """Start and end of the thinking, and whether ``</think>`` is there."""
    start = text.find(_OPEN)
    end = text.find(_CLOSE, max(start, 0))
    if text.count(_OPEN) > 1 or text.count(_CLOSE) > 1:
        issues.add("extra_think")
    if start < 0:
        issues.add("no_think" if end < 0 else "unopened_think")
        return 0, max(end, 0), end >= 0
    if end < 0:
        issues.add("unclosed_think")
        return start, len(text), False
    return start, end, True


def _find_list(text: str, after: int, issues: set[str]) -> tuple[int, int]:
    """Where the announcement of the list starts, and the place behind its bracket; else -1."""
    for low, high, early in ((after, len(text), False), (0, after, True)):
        while (at := text.rfind("RANK LIST:", low, high)) >= 0:
            if match := _MARKER.match(text, at):
                if early:
                    issues.add("early_list")
                return at, match.end()
            high = at
    loose = [match.span() for match in _LOOSE_MARKER.finditer(text)]
    issues.add("loose_marker" if loose else "no_rank_list")
    return loose[-1] if loose else (-1, -1)


def _read_steps(text: str, start: int, end: int, closed: bool, issues: set[str]) -> tuple[int, str]:
    """``N`` and ``P_t``. Thinking that is never closed has a preference, but no steps."""
    steps, begin, stop = _find_steps(text, start, end, issues if closed else set())
    preference = ""
    if begin >= 0:
        preference = repair_unicode(_LEAD.sub("", text[begin:stop]).strip())
        if len(preference) > MAX_PREFERENCE:
            issues.add("long_preference")
            preference = preference[:MAX_PREFERENCE]
        if not preference:
            issues.add("no_preference")
    return steps if closed else 0, preference


def _find_steps(text: str, start: int, end: int, issues: set[str]) -> tuple[int, int, int]:
    """``N``, and where the text of Step1 starts, -1 without one, and ends."""
    if places := _plain_headings(text, start, end):
        return len(STEPS), places[0] + len(_PLAIN_HEADINGS[0]), places[1]
    found = list(_HEADING.finditer(text, start, end))
    numbers = [match.lastindex or 0 for match in found]
    if len(set(numbers)) < len(STEPS):
        issues.add("missing_steps")
    if len(set(numbers)) < len(numbers):
        issues.add("extra_steps")
    if numbers != sorted(numbers):
        issues.add("steps_out_of_order")
    if 1 not in numbers:
        return len(found), -1, end
    begin = found[numbers.index(1)].end()
    following = _ANY_STEP.search(text, begin, end)
    return len(found), begin, following.start() if following else end


def _plain_headings(text: str, start: int, end: int) -> list[int]:
    """Where the five headings stand, as :func:`format_answer` writes them, with no other step.

    Nothing where they are written otherwise: it is the short way through what most answers are.
    """
    places: list[int] = []
    if text.count("Step", start, end) == len(_PLAIN_HEADINGS):
        for heading in _PLAIN_HEADINGS:
            if (start := text.find(heading, start, end)) < 0:
                return []
            places.append(start)
    return places


def _inline(text: str) -> str:
    """A text that can stand in a step: on one line, and without what would end the step."""
    return fold(_TAGS_AND_STEPS.sub(" ", text))


def _listable(title: str) -> str:
    """A title that can stand in a list: on one line, with square brackets that pair."""
    if not isinstance(title, str):
        raise TypeError(f"titles must be texts; got {title!r}")
    title = fold(title)
    depth = 0
    for mark in title:
        depth += (mark == "[") - (mark == "]")
        if depth < 0:
            break
    return title if depth == 0 else title.replace("[", "(").replace("]", ")")


__all__ = [
    "ISSUES",
    "MAX_ANSWER",
    "MAX_PREFERENCE",
    "MAX_TITLE",
    "STEPS",
    "format_answer",
    "parse_answer",
    "repair_unicode",
]
