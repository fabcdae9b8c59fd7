"""Reports: the numbers by hand, the schema, and that a saved one says the same."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from crsgym.errors import ConfigurationError, DataError
from crsgym.evaluation import document
from crsgym.evaluation.report import Report
from crsgym.evaluation.schema import headroom_used, json_schema

from .conftest import TARGETS, make_report, make_result


def test_numbers_by_hand(report: Report) -> None:
    data = report.to_dict()
    first, second = data["agents"]["one"]["turns"]
    everything = first["strata"]["all"]
    assert everything["n"] == 4
    assert everything["recall@1"] == 0.25  # ranks 1, -, 2, -
    assert everything["recall@10"] == 0.5
    assert everything["ndcg@10"] == pytest.approx((1 + 1 / math.log2(3)) / 4, abs=1e-6)
    assert everything["mrr@10"] == pytest.approx((1 + 1 / 2) / 4)
    assert everything["candidate_recall"] == 0.75
    assert everything["mean_reward"] == pytest.approx((0.5 + 1) / 4)
    assert everything["headroom_used"] == pytest.approx(2 / 3, abs=1e-6)
    assert first["strata"]["new"]["n"] == 3
    assert first["strata"]["new"]["recall@10"] == pytest.approx(2 / 3, abs=1e-6)
    assert first["strata"]["repeat"]["recall@10"] == 0.0
    assert second["strata"]["all"]["recall@1"] == 0.5
    low, high = everything["ci95"]["recall@10"]
    assert 0 <= low <= 0.5 <= high <= 1


def test_what_cannot_be_told_is_null(report: Report) -> None:
    strata = report.to_dict()["agents"]["one"]["turns"][0]["strata"]
    assert strata["cold"]["n"] == 0
    assert strata["cold"]["recall@10"] is None
    assert strata["cold"]["ci95"]["recall@10"] is None
    assert strata["cold"]["headroom_used"] is None
    # One dialogue has a mean but no interval.
    assert strata["repeat"]["n"] == 1
    assert strata["repeat"]["ci95"]["recall@10"] is None
    assert report.to_dict()["agents"]["two"]["turns"][0]["strata"]["all"]["headroom_used"] is None


def test_best_and_last_turn(report: Report) -> None:
    agents = report.to_dict()["agents"]
    assert agents["one"]["best_turn"]["turn"] == 2
    assert agents["one"]["best_turn"]["chosen_by"] == "recall@10"
    assert agents["one"]["last_turn"] == agents["one"]["turns"][1]
    # Of equal turns the first is the best.
    flat = make_report([make_result("flat", [TARGETS["one"][0]] * 2)])
    assert flat.best_turn("flat") == 1


def test_headroom_is_of_what_was_offered() -> None:
    # Listed without being offered (scenario 4) does not count as use of the candidates.
    result = make_result("free", [[1, 0, 2, 1]])
    assert headroom_used(result, 0, np.ones(4, dtype=bool)) == pytest.approx(2 / 3)
    assert headroom_used(result, 0, np.array([False, False, False, True])) is None


def test_the_schema_holds(report: Report) -> None:
    data = json.loads(report.to_json())
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data, schema)
    quoted = make_report(list(report.agents.values()), published=True).to_dict()
    jsonschema.validate(quoted, schema)
    smtpo = next(row for row in quoted["published"]["rows"] if row["name"] == "SMTPO")
    assert (smtpo["recall@10"], smtpo["turn"]) == (0.273, 5)
    assert [row["name"] for row in quoted["published"]["rows"] if "turn" in row] == ["SMTPO"]
    assert "quoted" in quoted["published"]["source"]
    assert "published" not in data


@pytest.mark.parametrize("key", ["schema", "env", "agents", "comparisons"])
def test_the_schema_misses_nothing(report: Report, key: str) -> None:
    data = report.to_dict()
    del data[key]
    with pytest.raises(jsonschema.ValidationError, match=key):
        jsonschema.validate(data, json_schema())


def test_a_saved_report_says_the_same(report: Report, tmp_path: Path) -> None:
    folder = report.save(tmp_path / "deep" / "report")
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    for place in (folder, folder / "report.json"):
        loaded = Report.load(place)
        assert loaded.to_dict() == report.to_dict()
        assert str(loaded) == str(report)


def test_saving_leaves_nothing_half_written(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(document.os, "fsync", full)
    other = make_report([make_result("other", TARGETS["two"])])
    with pytest.raises(OSError, match="No space"):
        other.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_report_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no report"):
        Report.load(tmp_path)
    path = tmp_path / "report.json"
    path.write_text(report.to_json()[:-40])
    with pytest.raises(DataError, match="is no JSON"):
        Report.load(path)
    path.write_text(json.dumps({**report.to_dict(), "schema": 2}))
    with pytest.raises(DataError, match="expected a report of schema 1; got schema 2"):
        Report.load(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="expected a report of schema 1"):
        Report.load(path)
    data = report.to_dict()
    del data["agents"]["one"]["outcomes"]
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="outcomes"):
        Report.load(path)
    data = report.to_dict()
    data["agents"]["one"]["outcomes"]["reward"].pop()
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="'one': expected ranks, rewards and facts of one shape"):
        Report.load(path)
    data["scenarios"]["new"].pop()
    del data["agents"]["one"]
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="4 scenarios"):
        Report.load(path)


def test_comparisons_by_hand(report: Report) -> None:
    row = report.comparisons.only(
        agent="two", baseline="one", turn=2, stratum="all", metric="recall@10"
    )
    # two finds scenarios 2, 3, 4; one finds 1, 2, 3.
    assert row.difference == 0.0
    assert row.low < 0 < row.high
    assert not row.excludes_zero
    assert row.p_value > 0.5
    entry = next(
        entry
        for entry in report.to_dict()["comparisons"]
        if entry["turn"] == 1 and entry["stratum"] == "all"
    )
    assert entry["agent"] == "two"
    assert entry["baseline"] == "one"
    assert entry["difference"]["recall@1"] == 0.0
    assert entry["difference"]["recall@10"] == -0.25


def test_gains_are_against_the_first_turn(report: Report) -> None:
    row = report.gains.only(agent="two", stratum="all", metric="recall@10")
    assert (row.turn, row.baseline_turn, row.difference) == (2, 1, 0.5)
    assert make_report([make_result("short", TARGETS["one"][:1])]).gains.rows == ()


def test_only_reports_are_compared(report: Report) -> None:
    with pytest.raises(TypeError, match=r"expected another Report; got NoneType$"):
        report.compare(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"got dict; Report\.from_dict reads one"):
        report.compare(report.to_dict())  # type: ignore[arg-type]


def test_compare_two_reports(report: Report) -> None:
    one = make_report([report.agents["one"]])
    two = make_report([report.agents["two"]])
    assert two.compare(one).to_list() == report.comparisons.to_list()
    # The same agent under another user keeps both names apart.
    row = one.compare(one).only(turn=1, stratum="all", metric="recall@10")
    assert (row.agent, row.baseline, row.difference, row.p_value) == (
        "one",
        "one (other)",
        0.0,
        1.0,
    )
    text = str(two.compare(one).select(turn=1))
    assert "Differences are paired" in text
    assert "-.250" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scenario_ids": ("a/1", "a/2", "b/1", "x")}, "scenarios differ"),
        ({"env": {"id": "T", "spec": {"dataset": {"name": "other"}}, "hash": ""}}, "data sets"),
        ({"replicates": 501}, "draws"),
    ],
)
def test_what_cannot_be_paired_is_refused(
    report: Report, change: dict[str, object], message: str
) -> None:
    other = make_report([make_result("one", TARGETS["one"])], **change)
    with pytest.raises(ConfigurationError, match=message):
        report.compare(other)


def test_select_knows_its_rows(report: Report) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'recall@10'"):
        report.comparisons.select(metric="recal@10")
    with pytest.raises(ConfigurationError, match="expected one row"):
        report.comparisons.only(agent="two")


def test_text_tells_what_a_reader_must_know(report: Report) -> None:
    text = str(report)
    for part in (
        "INSPIRED-v0, test split: 4 scenarios of 3 dialogues, 2 turns",
        "label-free",
        "hold the target's title in at most .250 of the cases",
        "Ranks the whole catalogue, so the candidates are no ceiling: two.",
        "Is told the target, a ceiling and no method: two.",
        "The best turn is chosen on these same scenarios, so it flatters.",
        ".750*",  # Recall@10 of `one` at its best turn
    ):
        assert part in " ".join(text.split()), part
    assert "MSCRS" not in text
    quoted = str(make_report(list(report.agents.values()), published=True))
    assert '"MSCRS" ' in quoted
    assert '"SMTPO", turn 5 ' in quoted
    assert "No published results" not in quoted


def test_a_report_says_where_nothing_is_quoted(report: Report) -> None:
    env = {**report.env, "id": "Books-v0"}
    agents = list(report.agents.values())
    note = "No published results are quoted for Books-v0."
    assert str(make_report(agents, published=True, env=env)).count(note) == 1
    assert note not in str(make_report(agents, env=env))
    assert make_report(agents, published=True, env=env).to_dict()["published"]["rows"] == []


def test_markdown_is_a_table(report: Report) -> None:
    name = "a|b\\c"
    lines = make_report([make_result(name, TARGETS["one"])]).to_markdown().splitlines()
    row = next(line for line in lines if line.startswith("| a\\|"))
    assert row.startswith("| a\\|b\\\\c | all | 4 | .500 ")
    header = next(line for line in lines if line.startswith("| agent | stratum"))
    assert header.count("|") == row.replace("\\|", "").count("|")


def test_html_needs_no_other_file_and_escapes(report: Report) -> None:
    nasty = "<script>alert(1)</script>"
    html = make_report([make_result(nasty, TARGETS["one"])]).to_html()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<svg" in html
    assert "http" not in html.replace("http://www.w3.org/", "").replace(
        "http://purl.org/", ""
    ).replace("http://creativecommons.org/", "").replace("https://matplotlib.org/", "")
    fragment = report._repr_html_()
    assert "<table>" in fragment
    assert "<html" not in fragment
    assert "<table>" in report.comparisons._repr_html_()


def test_equal_reports_make_equal_files(report: Report) -> None:
    again = Report.from_dict(json.loads(report.to_json()))
    assert report.to_html() == again.to_html()
    assert report.to_markdown() == again.to_markdown()


def test_frame(report: Report) -> None:
    frame = report.to_frame()
    assert len(frame) == 2 * 2 * 4 * 6
    (row,) = frame.query(
        "agent == 'one' and turn == 1 and stratum == 'new' and metric == 'recall@10'"
    ).to_dict("records")
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(2 / 3)
    assert row["low"] <= row["mean"] <= row["high"]
    assert len(report.comparisons.to_frame()) == len(report.comparisons)


def test_plot(report: Report) -> None:
    figure = report.plot()
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["one"].get_ydata().tolist() == [0.5, 0.75]
    assert "recall@10" in axes.get_ylabel().lower()
    assert report.plot("mean_reward", "new").axes
    assert make_report([make_result("short", TARGETS["one"][:1])]).plot().axes
    with pytest.raises(ConfigurationError, match="did you mean 'recall@10'"):
        report.plot("recall@100")
    with pytest.raises(ConfigurationError, match="stratum"):
        report.plot(stratum="old")
