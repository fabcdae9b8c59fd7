"""Tables of texts."""

from __future__ import annotations

import math

import pytest

from crsgym.evaluation.table import Table, as_text, number, with_interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2616, ".262"),
        (-0.0124, "-.012"),
        (1.0, "1.000"),
        (0.9996, "1.000"),
        (0.0, ".000"),
        (-0.0001, ".000"),
        (10.05, "10.050"),
        (-10.05, "-10.050"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_with_interval() -> None:
    assert with_interval(0.262, 0.197, 0.328) == ".262 [.197,.328]"
    assert with_interval(0.262, math.nan, math.nan) == ".262"
    assert with_interval(math.nan, math.nan, math.nan) == "-"


def test_no_text_is_markup() -> None:
    table = Table("[bold]title[/]", ("[red]", "n"), (("[Rec] (2007)", "[0,1]"),))
    text = as_text([table.to_rich(), "[/] a note"])
    for part in ("[bold]title[/]", "[red]", "[Rec] (2007)", "[0,1]", "[/] a note"):
        assert part in text
