"""Answers: what is understood, what is reported, and that reading is quick and never fails."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.actions import (
    ISSUES,
    MAX_ANSWER,
    MAX_PREFERENCE,
    STEPS,
    format_answer,
    parse_answer,
    repair_unicode,
)
from crsgym.data import load
from crsgym.data.catalogue import Catalogue, split_year
from crsgym.types import Item

TITLES = (
    "Joker (2019)",  # 0
    "Knives Out (2019)",  # 1
    "Crazy, Stupid, Love (2011)",  # 2
    "It's a Mad, Mad, Mad, Mad World (1963)",  # 3
    "[REC] (2007)",  # 4
    '"Crocodile" Dundee (1986)',  # 5
    "Mission: Impossible (1996)",  # 6
    "The Matrix (1999)",  # 7
    "Cinderella (1950)",  # 8
    "Cinderella (2015)",  # 9
    "Amélie (2001)",  # 10
    "10 Things I Hate About You (1999)",  # 11
    "Lone ] Bracket (2001)",  # 12
    "Open [ Bracket (2002)",  # 13
    "Both [this, that] (2003)",  # 14
    "*batteries not included (1987)",  # 15
    "Up (2009)",  # 16
)
CATALOGUE = Catalogue(Item(str(i), title, split_year(title)[1]) for i, title in enumerate(TITLES))
THINK = (
    "<think>\n"
    "Step1: Preference Inference. Dark dramas.\n"
    "Step2: Attribute Matching. Joker is dark.\n"
    "Step3: Scoring. Joker 9.\n"
    "Step4: Ranking. Joker first.\n"
    "Step5: Recommendation Explanation. It is dark.\n"
    "</think>\n"
)


def read(answer: str, **options: object) -> tuple[tuple[int | None, ...], set[str]]:
    """Slots and issues, without the remark that a list is short."""
    found = parse_answer(answer, CATALOGUE, **options)
    return found.slots, set(found.issues) - {"too_few_titles"}


def listed(text: str, **options: object) -> tuple[tuple[int | None, ...], set[str]]:
    return read(f"{THINK}RANK LIST: [{text}]", **options)


def test_the_protocols_form() -> None:
    answer = THINK + "RANK LIST: [Joker (2019), Crazy, Stupid, Love (2011), [REC] (2007)]"
    found = parse_answer(answer, CATALOGUE, candidates=(4, 2, 0))
    assert found.slots == found.items == (0, 2, 4)
    assert found.preference == "Dark dramas."
    assert found.steps == 5
    assert found.well_formed
    assert found.issues == ()
    assert found.fuzzy == ()
    assert [answer[a:b] for a, b in found.spans] == [TITLES[0], TITLES[2], TITLES[4]]


@pytest.mark.parametrize(
    ("text", "slots", "issues"),
    [
        ("It's a Mad, Mad, Mad, Mad World (1963), Up (2009)", (3, 16), set()),
        ("Crazy, Stupid, Love, Up", (2, 16), set()),
        ("joker, the matrix, amelie", (0, 7, 10), set()),
        ("Matrix, The (1999), Up (2009)", (7, 16), set()),
        ("Up (2009), Matrix, The", (16, 7), set()),
        ('"Crocodile" Dundee (1986), Up (2009)', (5, 16), set()),
        ("*batteries not included (1987)", (15,), set()),
        ("Both [this, that] (2003), Lone ] Bracket (2001), Up (2009)", (14, 12, 16), set()),
        ("Open [ Bracket (2002), Up (2009)", (13, 16), set()),
        ("\n  Joker (2019),\n  Up (2009)\n", (0, 16), set()),
        ("Joker (2019)\nUp (2009)", (0, 16), set()),
        ("Joker (2019),, , Up (2009),", (0, 16), set()),
        ("1. Joker (2019), 2. Crazy, Stupid, Love (2011)", (0, 2), {"numbered_titles"}),
        ("- Joker (2019)\n- 10 Things I Hate About You", (0, 11), {"numbered_titles"}),
        ('"Joker (2019)", "Crazy, Stupid, Love (2011)"', (0, 2), {"quoted_titles"}),
        ("**Joker (2019)**, “Up (2009)”", (0, 16), {"quoted_titles"}),
        ('1. "Up (2009)"', (16,), {"quoted_titles", "numbered_titles"}),
        ("Nothing (2000), Joker (2019)", (None, 0), {"unknown_title"}),
        ("Nothing [at all], Joker (2019)", (None, 0), {"unknown_title"}),
        ("Cinderella, Cinderella (2015)", (None, 9), {"ambiguous_title"}),
        ("Joker (2020), Crazy, Stupid, Love (2012)", (None, None), {"wrong_year"}),
        ("Up, up, Joker", (16, None, 0), {"duplicate_title"}),
        ("Jokre (2019), Up", (None, 16), {"unknown_title"}),
        ("", (), {"empty_list"}),
        (" , ,\n", (), {"empty_list"}),
    ],
)
def test_lists(text: str, slots: tuple[int | None, ...], issues: set[str]) -> None:
    assert listed(text) == (slots, issues)


def test_a_span_holds_the_title_and_nothing_around_it() -> None:
    text = (
        "RANK LIST: [1. Joker,  **Up (2009)** , - Amélie\n 'Knives Out', "
        "*batteries not included (1987), ?]"
    )
    found = parse_answer(text, CATALOGUE)
    assert [text[a:b] for a, b in found.spans] == [
        "Joker",
        "Up (2009)",
        "Amélie",
        "Knives Out",
        "*batteries not included (1987)",
        "?",
    ]
    assert found.slots == (0, 16, 10, 1, 15, None)


def test_a_title_to_the_letter_goes_before_a_longer_one_that_fits_loosely() -> None:
    titles = ("Goodbye Robin", "A (1998)", "Sarah, Plain", "(2015)", "Sarah", "Love, Sarah (1990)")
    catalogue = Catalogue(Item(str(i), t, split_year(t)[1]) for i, t in enumerate(titles))
    for order in ((0, 1), (2, 3), (4, 2), (5, 4), (3, 2)):
        answer = f"RANK LIST: [{', '.join(titles[i] for i in order)}]"
        assert parse_answer(answer, catalogue).slots == order
    assert parse_answer("RANK LIST: [Love, Sarah, A Goodbye Robin]", catalogue).slots == (5, 0)


@pytest.mark.parametrize(
    "marked",
    [
        "“{}”",
        '"{}"',
        "'{}'",
        "`{}`",
        "*{}*",
        "**{}**",
        "_{}_",
        "[{}]",
        "1. {}",
        "- {}",
        "{}.",
        "{};",
    ],
)
def test_marks_around_a_title_lose_no_title(marked: str) -> None:
    names = (
        "Insidious",
        "Insidious (2010)",
        "The Good, the Bad and the Ugly (1966)",
        "Monsters, Inc.",
    )
    own = Catalogue(Item(str(i), name, split_year(name)[1]) for i, name in enumerate(names))
    for catalogue in (own, load("synthetic").catalogue):
        for first, title in enumerate(catalogue.titles):
            wanted = first, (first + 1) % len(catalogue)
            entries = (marked.format(t) for t in (title, catalogue.titles[wanted[1]]))
            found = parse_answer(f"RANK LIST: [{', '.join(entries)}]", catalogue)
            assert found.slots == wanted
            assert found.well_formed


def test_a_list_as_long_as_the_catalogue_is_read_whole() -> None:
    catalogue = Catalogue(
        Item(str(i), f"The Film with Number {i:05} in It", None) for i in range(5000)
    )
    answer = format_answer(catalogue.titles)
    assert len(answer) > MAX_ANSWER
    assert parse_answer(answer, catalogue, list_length=5000).slots == tuple(range(5000))
    assert "too_long" in parse_answer(answer, catalogue).issues


def test_fuzzy_matching_is_an_option_and_recorded() -> None:
    answer = THINK + "RANK LIST: [Up, Mision: Imposible (1996), Crazy, Stupid, Lovee (2011)]"
    strict = parse_answer(answer, CATALOGUE)
    assert strict.slots == (16, None, None, None, None)
    fuzzy = parse_answer(answer, CATALOGUE, fuzzy=True)
    assert fuzzy.slots == (16, 6, 2)
    assert fuzzy.fuzzy == (1, 2)
    assert "fuzzy_match" in fuzzy.issues


def test_only_the_first_entries_count() -> None:
    found = parse_answer(
        THINK + "RANK LIST: [Joker, Joker, Nothing, Up, The Matrix]", CATALOGUE, list_length=4
    )
    assert found.slots == (0, None, None, 16)
    assert not found.well_formed
    assert set(found.issues) == {"too_many_titles", "duplicate_title", "unknown_title"}


def test_a_short_list_is_reported_against_what_was_offered() -> None:
    answer = THINK + "RANK LIST: [Joker, Up]"
    assert parse_answer(answer, CATALOGUE).issues == ("too_few_titles",)
    assert parse_answer(answer, CATALOGUE, candidates=(0, 16)).issues == ()
    assert parse_answer(answer, CATALOGUE, list_length=2).issues == ()


def test_items_that_were_not_offered_are_reported_and_kept() -> None:
    found = parse_answer(THINK + "RANK LIST: [Joker, Up]", CATALOGUE, candidates=(0, 1))
    assert found.slots == (0, 16)
    assert found.issues == ("not_a_candidate",)


@pytest.mark.parametrize(
    ("answer", "slots", "well_formed", "issues"),
    [
        ("", (), False, {"empty_answer"}),
        (" \n\t", (), False, {"empty_answer"}),
        ("I like Joker.", (), False, {"no_think", "no_rank_list"}),
        ("RANK LIST: [Joker]", (0,), True, {"no_think"}),
        (THINK, (), False, {"no_rank_list"}),
        (THINK + "RANK LIST: Joker, Up", (), False, {"no_rank_list"}),
        (THINK + "RANK LIST: [Joker, Up", (0, 16), False, {"unclosed_list"}),
        (THINK + "RANK LIST: [Joker, Up\nEnjoy!", (0, 16), False, {"unclosed_list"}),
        (THINK + "RANK LIST: [\nJoker,\nUp,\n", (0, 16), False, {"unclosed_list"}),
        (THINK + "RANK LIST: [", (), False, {"unclosed_list", "empty_list"}),
        (THINK + "RANK LIST:[Joker]", (0,), True, set()),
        (THINK + "RANK LIST:\n[Joker]", (0,), True, set()),
        (THINK + "**Rank list:** [Joker]", (0,), False, {"loose_marker"}),
        (THINK + "rank_list [Joker]", (0,), False, {"loose_marker"}),
        (THINK + "RANK LIST: [Joker]. Enjoy [them]!", (0,), True, {"text_after_list"}),
        (THINK + "RANK LIST: [Joker] \n", (0,), True, set()),
        (THINK + "RANK LIST: [Up, Joker (2019)], enjoy", (16, 0), True, {"text_after_list"}),
        (THINK + "RANK LIST: [Up, Joker]\n[Up]", (16, 0), True, {"text_after_list"}),
        (THINK + "RANK LIST: [Up] No: RANK LIST: [Joker]", (0,), True, set()),
        (THINK + "RANK LIST: [Joker] My RANK LIST: is done", (0,), True, {"text_after_list"}),
        (THINK.replace("Joker 9", "RANK LIST: [Up]") + "RANK LIST: [Joker]", (0,), True, set()),
        (THINK.replace("Joker 9", "RANK LIST: [Up]"), (16,), False, {"early_list"}),
        ("RANK LIST: [Up]\n" + THINK, (16,), False, {"early_list"}),
    ],
)
def test_which_list_counts(
    answer: str, slots: tuple[int | None, ...], well_formed: bool, issues: set[str]
) -> None:
    assert read(answer) == (slots, issues)
    assert parse_answer(answer, CATALOGUE).well_formed is well_formed


def steps(thinking: str) -> tuple[int, str, set[str]]:
    found = parse_answer(thinking + "\nRANK LIST: [Joker]", CATALOGUE)
    return found.steps, found.preference, set(found.issues) - {"too_few_titles"}


def headings(*numbers: int) -> str:
    return " ".join(f"Step{n}: {STEPS[n - 1]}. Text {n}." for n in numbers)


@pytest.mark.parametrize(
    ("thinking", "count", "preference", "issues"),
    [
        (f"<think>{headings(1, 2, 3, 4, 5)}</think>", 5, "Text 1.", set()),
        (f"{headings(1, 2, 3, 4, 5)}</think>", 5, "Text 1.", {"unopened_think"}),
        (f"<think>{headings(1, 2, 3, 4, 5)}", 0, "Text 1.", {"unclosed_think"}),
        (headings(1, 2, 3, 4, 5), 0, "", {"no_think"}),
        ("<think></think>" + headings(1, 2, 3, 4, 5), 0, "", {"missing_steps"}),
        (f"<think>{headings(1, 3)}</think>", 2, "Text 1.", {"missing_steps"}),
        (f"<think>{headings(2)}</think>", 1, "", {"missing_steps"}),
        (f"<think>{headings(1, 2, 3, 4, 5, 5)}</think>", 6, "Text 1.", {"extra_steps"}),
        (
            f"<think>{headings(1, 3, 2, 4, 5)}</think>",
            5,
            "Text 1.",
            {"steps_out_of_order"},
        ),
        (
            "<think>Step 1 : Preference Inference - drama Step 2: what fits</think>",
            1,
            "drama",
            {"missing_steps"},
        ),
        ("<think>Step1: Scoring. Step2: Ranking.</think>", 0, "", {"missing_steps"}),
        (
            "<think>Step1: Preference Inference.\n</think>",
            1,
            "",
            {"missing_steps", "no_preference"},
        ),
        (
            f"<think>{headings(1, 2, 3)}</think><think>{headings(4, 5)}</think>",
            3,
            "Text 1.",
            {"missing_steps", "extra_think"},
        ),
    ],
)
def test_steps(thinking: str, count: int, preference: str, issues: set[str]) -> None:
    assert steps(thinking) == (count, preference, issues)


def test_a_long_preference_is_cut() -> None:
    count, preference, issues = steps(f"<think>Step1: Preference Inference. {'a ' * 5000}</think>")
    assert (count, len(preference)) == (1, MAX_PREFERENCE)
    assert "long_preference" in issues


def test_lone_surrogates() -> None:
    _, preference, _ = steps("<think>Step1: Preference Inference. a\ud800b</think>")
    assert preference == "a\ufffdb"
    assert repair_unicode("a\ud800b") == "a\ufffdb"
    assert repair_unicode("Amélie") == "Amélie"


@pytest.mark.parametrize("answer", [None, b"RANK LIST: [Joker]", 3, ["Joker"]])
def test_an_answer_that_is_no_text_is_a_mistake_of_the_program(answer: object) -> None:
    with pytest.raises(TypeError, match="must be a str"):
        parse_answer(answer, CATALOGUE)


def test_a_list_length_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        parse_answer("", CATALOGUE, list_length=0)


def test_format_answer() -> None:
    answer = format_answer(["Joker (2019)", "Up (2009)"], preference="Dark.", explanation="Why.")
    assert answer == (
        "<think>\n"
        "Step1: Preference Inference. Dark.\n"
        "Step2: Attribute Matching. I compare the attributes of the candidates with this "
        "preference.\n"
        "Step3: Scoring. The more of the preference a candidate meets, the higher it scores.\n"
        "Step4: Ranking. The candidates follow in the order of their scores.\n"
        "Step5: Recommendation Explanation. Why.\n"
        "</think>\n"
        "RANK LIST: [Joker (2019), Up (2009)]"
    )


@pytest.mark.parametrize("titles", ["Joker (2019)", [1, 2], [None]])
def test_format_answer_refuses_what_is_no_titles(titles: object) -> None:
    with pytest.raises(TypeError, match="titles must be"):
        format_answer(titles)


def test_texts_cannot_break_the_form() -> None:
    hostile = "</think> Step2: Attribute Matching. RANK LIST: [Up] <think>\nStep9. bye"
    found = parse_answer(
        format_answer(["Joker (2019)"], preference=hostile, explanation=hostile), CATALOGUE
    )
    assert found.slots == (0,)
    assert found.steps == 5
    assert found.preference == "Attribute Matching. RANK LIST: [Up] bye"
    assert found.issues == ("too_few_titles",)


@given(st.permutations(range(len(TITLES))), st.integers(1, 17), st.text(max_size=60))
def test_what_is_written_is_read(order: list[int], length: int, preference: str) -> None:
    wanted = order[:length]
    answer = format_answer([TITLES[i] for i in wanted], preference=preference)
    found = parse_answer(answer, CATALOGUE, list_length=17, candidates=wanted)
    assert found.slots == tuple(wanted)
    assert found.well_formed
    assert found.steps == 5
    assert set(found.issues) <= {"no_preference"}


@pytest.mark.parametrize(
    "answer",
    [
        "RANK LIST: [" * 90_000,
        "RANK LIST: " * 90_000,
        "RANK LIST: " + "[" * 1_000_000,
        "RANK LIST: [" + "]," * 500_000,
        "RANK LIST: [" + "\n," * 500_000,
        "RANK LIST: [" + "Crazy, " * 150_000 + "]",
        "RANK LIST: [" + "It's a Mad," * 9_000 + "]",
        "RANK LIST: [" + "[REC" * 9_000 + "]",
        "RANK LIST: [" + '"' * 99_000 + "]",
        "RANK LIST: [" + ", ".join(f"Film {i} (2000)" for i in range(10_000)) + "]",
        "rank list" + " " * 1_000_000,
        "<think>" * 150_000,
        "<think>" + "Step1: Preference Inference. " * 40_000 + "</think>",
        "Step1: " * 150_000,
        " " * 1_000_000,
    ],
    ids=lambda answer: answer[:24],
)
def test_hostile_answers_take_milliseconds(answer: str) -> None:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        parse_answer(answer, CATALOGUE)
        best = min(best, time.perf_counter() - start)
    # Measured: below 4 ms. A quadratic reader would need minutes.
    assert best < 0.1


def test_every_issue_is_reachable() -> None:
    """Each code is what some answer of this file earns; a code that nothing earns is a mistake."""
    answers = [
        "",
        "x" * 200_000,
        "RANK LIST: [Joker, Joker, Cinderella, Nothing, Joker (2020), 1. Up, '[REC] (2007)'] x",
        f"<think>{headings(2, 1, 1)}",
        f"{headings(2, 1, 1)}</think></think>rank list: [",
        f"<think>Step1: Preference Inference. {'x' * 3000}RANK LIST: [Joker,Up,Up]</think>",
        "<think>Step1: Preference Inference.</think>",
        "RANK LIST: [Jokerr (2019)",
    ]
    seen: set[str] = set()
    for answer in answers:
        for length in (2, 10):
            found = parse_answer(
                answer, CATALOGUE, candidates=(1,), list_length=length, fuzzy="rr" in answer
            )
            seen.update(found.issues)
    short = parse_answer("RANK LIST: [Joker]", CATALOGUE).issues
    assert seen | set(short) == set(ISSUES)


MARKS = [", ", ",", "] ", "]", "; ", "\n", ", The ", ", the (1999)", " [", " ", "2. ", '"']
# Names that begin, go on and end like each other.
ALIKE = (
    "Good, Bad",
    "Good, Bad (1966)",
    "Good, Bad, Ugly (1967)",
    "Good",
    "Ugly (1967)",
    "Bad, Good Ugly (1970)",
    "Badgood",
    "Me, You",
    "Me, You 1990",
    "You, Me, Them (2000)",
    "You, Me [Them] (2001)",
    "Them, The (1950)",
    "A (1950)",
    "The, Them",
    "10. Up, Down (1999)",
    '"Hello, Dolly"',
    "Open, (2003",
    "Shut, Open (2003)",
    "Ä, ö (1999)",
    "!!!, Up (1999)",
    "Up, up, up,  away,now (2001)",
)
LIKENESSES = Catalogue(
    Item(str(i), title, split_year(title)[1], aliases=("Ugly, Me", "Up, Down, Up")[i % 7 :])
    for i, title in enumerate(ALIKE)
)


@pytest.mark.parametrize("catalogue", [CATALOGUE, LIKENESSES], ids=("usual", "alike"))
@given(data=st.data())
def test_the_short_way_to_a_title_reads_what_the_long_way_reads(
    catalogue: Catalogue, data: st.DataObject
) -> None:
    pieces = {piece for title in catalogue.titles for piece in title.split(", ")}
    part = st.sampled_from([*catalogue.titles, *sorted(pieces)])
    link = st.sampled_from([*[", "] * len(MARKS), *MARKS, ", ä, ", ", a\u0301, "])
    parts = data.draw(st.lists(st.tuples(part, link | st.text(max_size=3)), max_size=8))
    answer = f"RANK LIST: [{''.join(title + mark for title, mark in parts)}]"
    slow = Catalogue(catalogue)
    slow.__dict__["plain_titles"] = slow.__dict__["comma_titles"] = {}
    for text in (answer, answer.replace(", ]", "]")):
        assert parse_answer(text, catalogue) == parse_answer(text, slow)


def test_most_titles_with_commas_are_read_the_short_way() -> None:
    assert set(CATALOGUE.comma_titles) == {TITLES[2], TITLES[3]}
    assert set(LIKENESSES.comma_titles) == {
        "Good, Bad (1966)",
        "Good, Bad, Ugly (1967)",
        "Bad, Good Ugly (1970)",
        "Me, You 1990",
        "You, Me, Them (2000)",
        "Them, The (1950)",
        "The, Them",
        '"Hello, Dolly"',
        "Shut, Open (2003)",
        "Ä, ö (1999)",
        "!!!, Up (1999)",
        "Up, up, up,  away,now (2001)",
    }


def test_the_documentation_names_every_issue() -> None:
    page = (Path(__file__).parents[1] / "docs" / "actions.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", page.split("## The five terms")[0], re.M)
    assert sorted(told) == sorted(ISSUES)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.requires_dataset(name))
        for name in ("inspired", "redial", "opendialkg")
    ],
)
def test_every_title_of_a_real_catalogue_is_read_back(name: str) -> None:
    catalogue = load(name).catalogue
    order = np.random.default_rng(0).permutation(len(catalogue)).tolist()
    for start in range(0, len(order), 10):
        wanted = tuple(order[start : start + 10])
        answer = format_answer([catalogue.titles[i] for i in wanted])
        assert parse_answer(answer, catalogue).slots == wanted
