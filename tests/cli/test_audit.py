"""``crsgym audit``."""

from __future__ import annotations

import json

from .conftest import Run

FEW = ("audit", "Synthetic-v0", "--turns", 2, "--gain")


def test_the_gain_is_told_in_the_table_and_the_json(run: Run) -> None:
    code, out, _ = run(*FEW, "--limit", 12)
    assert code == 0
    assert "Paired differences of recall@10" in out
    assert "over shuffled" in out
    code, out, _ = run(*FEW, "--limit", 12, "--json")
    assert list(json.loads(out)["gain"]["gains"]) == ["silent", "blind", "shuffled"]


def test_one_dialogue_has_no_interval(run: Run) -> None:
    code, out, _ = run(*FEW, "--limit", 2)
    assert code == 0
    rows = [line for line in out.splitlines() if line.strip().startswith("over silent")]
    assert len(rows) == 1
    assert "[" not in rows[0]
