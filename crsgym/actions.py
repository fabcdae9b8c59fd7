"""Answer text to :class:`~crsgym.types.Recommendation`; what is wrong with it is data.

The form of an answer is SMTPO's: five numbered steps inside ``<think>``, then
``RANK LIST: [Title, ..., Title]``. Reading follows four rules.

* **Which list.** The last ``RANK LIST: [`` behind ``</think>`` counts; where there is none behind
  it, the last one anywhere. So a list quoted while thinking is never taken for the answer.
* **Which titles.** The list is split against the catalogue, not on commas: at every place the
  longest run of comma-separated pieces that names an item is one entry. The first ``list_length``
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

from crsgym.data.catalogue import normalise
from crsgym.prompts import STEPS, fold
from crsgym.types import Recommendation

if TYPE_CHECKING:
    from crsgym.data.catalogue import Catalogue, Resolution

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
    "quoted_titles": "a title in quotes or emphasis marks",
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
"""Characters of an answer that are read."""
MAX_PREFERENCE = 2_000
"""Characters of ``P_t`` that are kept."""
_MAX_ENTRY = 600
"""Characters within which the end of one entry is looked for."""

_OPEN, _CLOSE = "<think>", "</think>"
_MARKER = re.compile(r"RANK LIST:\s{0,8}\[")
_LOOSE_MARKER = re.compile(r"rank(?:ed|ing)?[ _-]?list[*_` ]{0,4}:?[*_` ]{0,4}\s{0,8}\[", re.I)
_HEADING = re.compile(
    f"Step ?(?:{'|'.join(f'({n}) ?: ?{name}' for n, name in enumerate(STEPS, 1))})"
)
_ANY_STEP = re.compile(r"Step ?[1-9] ?[:.)]")
_LEAD = re.compile(r"[\s.:*_#-]*")
_GAP = re.compile(r"[\s,]*")
_DELIMITER = re.compile(r"[\[\],\n]")
_END = re.compile(r"[\],\n]")
_LINE_END = re.compile(r"(?<!,)\n")
_NUMBERING = re.compile(r"(?:\d{1,3}[.):]|#\d{1,3}[.):]?|[-*•])\s{1,4}(?=\S)")
_TRAILING_ARTICLE = re.compile(r",\s{0,4}(?:the|an?)\s{0,4}(?:[(,\]\n]|$)", re.I)
_TAGS_AND_STEPS = re.compile(r"</?think>|Step ?[1-9] ?[:.)]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PAIRS = {"“": "”", "‘": "’", "«": "»", **{mark: mark for mark in "\"'`*_"}}


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
        f"Step{n}: {name}. {text}".rstrip()
        for n, (name, text) in enumerate(zip(STEPS, texts, strict=True), 1)
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
    if len(text) > MAX_ANSWER:
        issues.add("too_long")
        text = text[:MAX_ANSWER]
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

    reader = _ListReader(text, catalogue, fuzzy, issues)
    well_formed = reader.read(listed, list_length)
    slots = reader.slots
    if "early_list" in issues:
        issues.discard("text_after_list")
    if candidates is not None:
        if not set(candidates).issuperset(reader.seen):
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
        spans=tuple(reader.spans),
        fuzzy=tuple(reader.fuzzy_slots),
    )


def repair_unicode(text: str) -> str:
    """The text with lone surrogates, which no file can hold, as U+FFFD; every place stays."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return _SURROGATE.sub("\ufffd", text)


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
    found = list(_HEADING.finditer(text, start, end))
    numbers = [match.lastindex or 0 for match in found]
    if closed:
        if len(set(numbers)) < len(STEPS):
            issues.add("missing_steps")
        if len(set(numbers)) < len(numbers):
            issues.add("extra_steps")
        if numbers != sorted(numbers):
            issues.add("steps_out_of_order")
    preference = ""
    if 1 in numbers:
        begin = found[numbers.index(1)].end()
        following = _ANY_STEP.search(text, begin, end)
        preference = text[begin : following.start() if following else end]
        preference = repair_unicode(preference[_end(_LEAD, preference, 0) :].strip())
        if len(preference) > MAX_PREFERENCE:
            issues.add("long_preference")
            preference = preference[:MAX_PREFERENCE]
        if not preference:
            issues.add("no_preference")
    return len(found) if closed else 0, preference


class _ListReader:
    """Reads the entries of one list, and notes what is wrong with them."""

    def __init__(self, text: str, catalogue: Catalogue, fuzzy: bool, issues: set[str]) -> None:
        self.text = text
        self.catalogue = catalogue
        self.fuzzy = fuzzy
        self.issues = issues
        self.slots: list[int | None] = []
        self.spans: list[tuple[int, int]] = []
        self.fuzzy_slots: list[int] = []
        self.seen: set[int] = set()
        self.limit = len(text)

    def read(self, pos: int, list_length: int) -> bool:
        """Read from behind the opening bracket; whether the list is closed and of a legal size."""
        text, issues = self.text, self.issues
        closed = text.find("]", pos) >= 0
        if not closed:
            # Only the line is surely part of the list, or the lines while they end in a comma.
            line_end = _LINE_END.search(text, _end(_GAP, text, pos))
            self.limit = line_end.start() if line_end else len(text)
        while True:
            pos = _end(_GAP, text, pos)
            if pos >= self.limit:
                closed = False
                break
            if text[pos] == "]":
                if text[pos + 1 :].strip():
                    issues.add("text_after_list")
                break
            if len(self.slots) == list_length:
                issues.add("too_many_titles")
                closed = text.find("]", pos) >= 0
                break
            pos = self._read_entry(pos)
        if not closed:
            issues.add("unclosed_list")
        if not self.slots:
            issues.add("empty_list")
        return closed and bool(self.slots) and "too_many_titles" not in issues

    def _read_entry(self, pos: int) -> int:
        """Put one entry into the next slot; the place behind it."""
        if (end := self._read_plain(pos)) is not None:
            return end
        ends, cut = self._ends(pos)
        found = self._longest(pos, ends)
        if numbering := _NUMBERING.match(self.text, pos, cut):
            behind = self._longest(numbering.end(), ends)
            # A number may belong to the title; a bullet is no part of what names compare by.
            if found is None or found == behind:
                self.issues.add("numbered_titles")
                found, pos = behind, numbering.end()
        if found is None and self.fuzzy:
            found = self._nearest(pos, ends)
        end, resolution = found or (cut, None)
        start, stop = self._bare(pos, end)
        if start > pos:
            self.issues.add("quoted_titles")
        self.spans.append((start, stop))
        self.slots.append(self._understand(resolution))
        return end

    def _read_plain(self, pos: int) -> int | None:
        """The same for what most entries are, a title to the letter that cannot go on."""
        text = self.text
        end = text.find(",", pos, pos + _MAX_ENTRY)
        close = text.find("]", pos, end if end >= 0 else pos + _MAX_ENTRY)
        end = end if close < 0 else close
        item = self.catalogue.plain_titles.get(text[pos:end]) if 0 <= end <= self.limit else None
        if item is None or item in self.seen or _TRAILING_ARTICLE.match(text, end):
            return None
        self.seen.add(item)
        self.spans.append((pos, end))
        self.slots.append(item)
        return end

    def _understand(self, resolution: Resolution | None) -> int | None:
        """The item of an entry, where it names one that is not listed yet."""
        if resolution is None:
            self.issues.add("unknown_title")
            return None
        item = resolution.item
        if item is None:
            self.issues.add("ambiguous_title" if resolution.how == "ambiguous" else "wrong_year")
            return None
        if resolution.how == "fuzzy":
            self.issues.add("fuzzy_match")
        if item in self.seen:
            self.issues.add("duplicate_title")
            return None
        if resolution.how == "fuzzy":
            self.fuzzy_slots.append(len(self.slots))
        self.seen.add(item)
        return item

    def _ends(self, pos: int) -> tuple[list[tuple[int, bool]], int]:
        """Where an entry may end, and where it ends when it names nothing.

        With each end goes whether a bracket that may close the list lies before it.
        """
        text = self.text
        ends: list[tuple[int, bool]] = []
        cut, depth, crossed = -1, 0, False
        commas, most = 0, 0
        for match in _DELIMITER.finditer(text, pos, min(self.limit, pos + _MAX_ENTRY)):
            at, mark = match.start(), match.group()
            if mark == "[":
                depth += 1
                continue
            ends.append((at, crossed))
            if cut < 0 and depth == 0:
                cut = at
            if mark == "]":
                if crossed:
                    break
                crossed = depth == 0
                depth -= 1
                continue
            if commas == 0 and self._goes_on(pos, at):
                # "Matrix, The (1999)" has one comma more than the catalogue writes.
                most = self.catalogue.max_commas + 1
            if commas == most:
                break
            commas += 1
        if not ends:
            far = _END.search(text, pos, self.limit)
            ends.append((far.start() if far else self.limit, False))
        return ends, cut if cut >= 0 else ends[0][0]

    def _goes_on(self, pos: int, comma: int) -> bool:
        """Whether a name may go on behind its first comma: most never need the long attempts."""
        head = self.text[pos:comma]
        if numbering := _NUMBERING.match(head):
            head = head[numbering.end() :]
        return normalise(head) in self.catalogue.comma_heads or bool(
            _TRAILING_ARTICLE.match(self.text, comma)
        )

    def _longest(self, pos: int, ends: list[tuple[int, bool]]) -> tuple[int, Resolution] | None:
        """The longest text from here that names something, else one that errs in the year."""
        near = None
        for end, crossed in reversed(ends):
            start, stop = self._bare(pos, end)
            written = self.text[start:stop]
            found = self.catalogue.resolve(written)
            if found.how == "unknown":
                if found.candidates and near is None and not crossed:
                    near = end, found
                continue
            if crossed and not self._brackets_agree(found, written):
                continue
            return end, found
        return near

    def _nearest(self, pos: int, ends: list[tuple[int, bool]]) -> tuple[int, Resolution] | None:
        """The shortest text from here that names something approximately."""
        for end, crossed in ends:
            start, stop = self._bare(pos, end)
            found = self.catalogue.resolve_fuzzy(self.text[start:stop])
            if found.how != "unknown" and not crossed:
                return end, found
        return None

    def _brackets_agree(self, found: Resolution, written: str) -> bool:
        """Whether a bracket inside the text is the title's own; names compare without them."""
        if found.item is None:
            return False
        return self.catalogue.titles[found.item].count("]") == written.count("]")

    def _bare(self, pos: int, end: int) -> tuple[int, int]:
        """Start and end of the title in an entry: without space, quotes and emphasis around it."""
        start, stop = pos, pos + len(self.text[pos:end].rstrip())
        for _ in range(3):
            if stop - start < 3 or _PAIRS.get(self.text[start]) != self.text[stop - 1]:
                break
            item = self.catalogue.resolve(self.text[start:stop]).item
            if item is not None and self.catalogue.titles[item] == self.text[start:stop]:
                break
            start, stop = start + 1, stop - 1
        return start, stop


def _end(pattern: re.Pattern[str], text: str, pos: int) -> int:
    """Where a pattern that may be empty stops matching."""
    match = pattern.match(text, pos)
    return match.end() if match else pos


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
    "STEPS",
    "format_answer",
    "parse_answer",
    "repair_unicode",
]
