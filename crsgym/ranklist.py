"""Splits the list of an answer against the catalogue: titles hold commas, brackets and quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crsgym.data.titles import normalise

if TYPE_CHECKING:
    from crsgym.data.catalogue import Catalogue, Resolution

_MAX_ENTRY = 600
"""Characters within which the end of one entry is looked for."""
_AT_ONCE = 128
"""Commas between titles that are read at once."""
_GAP = re.compile(r"[\s,]*")
_DELIMITER = re.compile(r"[\[\],\n]")
_END = re.compile(r"[\],\n]")
_LINE_END = re.compile(r"(?<!,)\n")
_NUMBERING = re.compile(r"(?:\d{1,3}[.):]|#\d{1,3}[.):]?|[-*•])\s{1,4}(?=\S)")
_TRAILING_ARTICLE = re.compile(r",\s{0,4}(?:the|an?)\s{0,4}(?:[(,\]\n]|$)", re.I)
_WORDS = re.compile(r"(?:the|an?)\s+[a-z0-9]|(?!(?:the|an?)(?![a-z0-9]))[a-z0-9]", re.I | re.A)
"""What surely begins with more than an article."""
_PAIRS = {"[": "]", "“": "”", "‘": "’", "«": "»", **{mark: mark for mark in "\"'`*_"}}


class ListReader:
    """Reads the entries of one list, and notes what is wrong with them.

    Args:
        text: the answer.
        catalogue: the items that can be named.
        fuzzy: whether an entry that matches nothing is matched approximately.
        issues: where codes of :data:`crsgym.actions.ISSUES` are put.

    After :meth:`read`, ``slots``, ``bounds`` and ``fuzzy_slots`` are as in
    :class:`~crsgym.types.Recommendation`, and ``seen`` holds the items that were understood.
    """

    def __init__(self, text: str, catalogue: Catalogue, fuzzy: bool, issues: set[str]) -> None:
        self.text = text
        self.catalogue = catalogue
        self.fuzzy = fuzzy
        self.issues = issues
        self.slots: list[int | None] = []
        self.bounds: list[int] = []
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
        else:
            pos = self._read_titles(pos, list_length)
        stumbled = False
        while True:
            if text[pos : pos + 1] != "]":
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
            end = self._read_plain(pos)
            if end is None:
                pos, stumbled = self._read_entry(pos), True
            elif stumbled:
                pos, stumbled = self._read_titles(_end(_GAP, text, end), list_length), False
            else:
                pos = end
        if not closed:
            issues.add("unclosed_list")
        if not self.slots:
            issues.add("empty_list")
        return closed and bool(self.slots) and "too_many_titles" not in issues

    def _read_titles(self, pos: int, list_length: int) -> int:
        """Read entries while they are titles to the letter; the place of the first other one.

        This is the short way through what most answers are: no text is searched for its ends.
        """
        text, seen, catalogue = self.text, self.seen, self.catalogue
        if (close := text.find("]", pos)) < 0:
            return pos
        plain, with_commas, commas = catalogue.plain_titles, catalogue.comma_titles, 0
        pieces = text[pos:close].split(", ", min(4 * list_length, _AT_ONCE))
        items = [*map(plain.get, pieces), -1]  # behind the last piece stands no article
        i, last = 0, len(pieces) - 1
        slots, bounds = self.slots, self.bounds
        while i <= last and len(slots) < list_length:
            title, item = pieces[i], items[i]
            if item is None:
                item, commas = with_commas.get(title), catalogue.max_commas
                while item is None and i < last and commas:
                    i, commas = i + 1, commas - 1
                    title = f"{title}, {pieces[i]}"
                    item = with_commas.get(title)
                if item is None or (i < last and not _WORDS.match(pieces[i + 1])):
                    break
            end = pos + len(title)
            if item in seen:
                break
            if items[i + 1] is None and _TRAILING_ARTICLE.match(text, end):
                break
            seen.add(item)
            slots.append(item)
            bounds.append(pos)
            bounds.append(end)
            pos = end + 2
            i += 1
        return close if i > last else pos

    def _read_entry(self, pos: int) -> int:
        """Put one entry into the next slot; the place behind it."""
        ends, cut = self._ends(pos)
        found = self._longest(pos, ends)
        if numbering := _NUMBERING.match(self.text, pos, cut):
            behind = self._longest(numbering.end(), ends)
            # A number may belong to the title; a bullet is no part of what names compare by.
            if found is None or found == behind or self._is_exact(numbering.end(), behind):
                self.issues.add("numbered_titles")
                found, pos = behind, numbering.end()
        if found is None and self.fuzzy:
            found = self._nearest(pos, ends)
        end, resolution = found or (cut, None)
        start, stop = self._bare(pos, end)
        if start > pos:
            self.issues.add("quoted_titles")
        self.bounds += start, stop
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
        self.bounds += pos, end
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
        """The longest text from here that names something, else one that errs in the year.

        A shorter text that is a title to the letter comes before a longer one that is none.
        """
        best: tuple[int, Resolution] | None = None
        near: tuple[int, Resolution] | None = None
        for end, crossed in reversed(ends):
            start, stop = self._bare(pos, end)
            written = self.text[start:stop]
            found = self.catalogue.resolve(written)
            if found.how == "unknown":
                if found.candidates and near is None and not crossed:
                    near = end, found
            elif crossed and not self._brackets_agree(found, written):
                continue
            elif found.how == "exact" and (best is None or self._is_title(found, written)):
                return end, found
            elif best is None:
                best = end, found
        return best or near

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

    def _is_exact(self, pos: int, found: tuple[int, Resolution] | None) -> bool:
        """Whether what was found from here on is written as its title, letter by letter."""
        if found is None:
            return False
        start, stop = self._bare(pos, found[0])
        return self._is_title(found[1], self.text[start:stop])

    def _is_title(self, found: Resolution, written: str) -> bool:
        """Whether a text is the title that it names, letter by letter."""
        return found.item is not None and self.catalogue.titles[found.item] == written

    def _bare(self, pos: int, end: int) -> tuple[int, int]:
        """Start and end of the title in an entry: without space, quotes and emphasis around it."""
        start, stop = pos, pos + len(self.text[pos:end].rstrip())
        for _ in range(3):
            if stop - start < 3 or _PAIRS.get(self.text[start]) != self.text[stop - 1]:
                break
            written = self.text[start:stop]
            if self._is_title(self.catalogue.resolve(written), written):
                break
            start, stop = start + 1, stop - 1
        if stop > start and self.text[stop - 1] in ".;":
            written = self.text[start : stop - 1]
            if self._is_title(self.catalogue.resolve(written), written):
                stop -= 1
        return start, stop


def _end(pattern: re.Pattern[str], text: str, pos: int) -> int:
    """Where a pattern that may be empty stops matching."""
    match = pattern.match(text, pos)
    return match.end() if match else pos


__all__ = ["ListReader"]
