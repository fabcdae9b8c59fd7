"""The audit of the user stands in every report that it spoke in, and escaped."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from crsgym import data
from crsgym.evaluation import Report, bench, json_schema
from crsgym.evaluation.document import audit_to_html, save_audit

NASTY = "<script>alert('x')</script>"


class Leaky:
    """Says the target's title, and some markup; told the target."""

    target_aware = True

    def __init__(self) -> None:
        self.catalogue = data.load("synthetic").catalogue

    def respond(self, contexts, seeds, goals=None):
        return [f"{NASTY} Not {self.catalogue[goal.target].title}?" for goal in goals]

    def spec(self):
        return {"kind": NASTY, "nested": {"values": [1, NASTY]}}


class Prompted:
    """Label-free by its own word; its prompts hold what only the goal tells."""

    target_aware = False

    def __init__(self) -> None:
        dataset = data.load("synthetic")
        self.targets = {s.dialogue: s.goal.target for s in dataset.scenarios("test")}
        self.catalogue = dataset.catalogue

    def messages(self, contexts, goals=None):
        assert goals is None
        titles = [self.catalogue[self.targets[context.dialogue]].title for context in contexts]
        return [[{"role": "user", "content": f"You want {title}."}] for title in titles]

    def respond(self, contexts, seeds, goals=None):
        return ["Something else, please."] * len(contexts)


def played(simulator, agents=("popularity",), turns: int = 3) -> Report:
    return bench(agents, "Synthetic-v0", simulator=simulator, turns=turns, limit=30, replicates=100)


@pytest.fixture(scope="module")
def leaky() -> Report:
    return played(Leaky())


@pytest.fixture(scope="module")
def shipped() -> Report:
    return played("rules", agents=("popularity", "copy"))


def test_the_audit_is_over_the_episodes_of_all_agents(shipped: Report) -> None:
    assert shipped.audit is not None
    assert (shipped.audit["episodes"], shipped.audit["feedbacks"]) == (60, 120)
    assert shipped.audit["passed"]
    assert "Audit of the user: passed; 0.0% of 120 remarks name the target" in str(shipped)


def test_a_report_with_an_audit_is_the_same_when_loaded(shipped: Report, tmp_path: Path) -> None:
    jsonschema.validate(shipped.to_dict(), json_schema())
    again = Report.load(shipped.save(tmp_path))
    assert again.audit == shipped.audit
    assert again.to_html() == shipped.to_html()
    assert again.to_markdown() == shipped.to_markdown()


def test_nobody_speaks_in_one_turn() -> None:
    report = played("rules", turns=1)
    assert report.audit is None
    assert "audit" not in report.to_dict()
    assert 'id="audit"' not in report.to_html()
    jsonschema.validate(report.to_dict(), json_schema())


def test_what_fails_is_said_in_every_form(leaky: Report) -> None:
    assert leaky.audit is not None
    assert not leaky.audit["passed"]
    for shown in (str(leaky), leaky.to_markdown(), leaky.to_html()):
        assert "Audit of the user: FAILED" in " ".join(shown.split())
    html = leaky.to_html()
    assert '<section id="audit">' in html
    assert "names the target before anybody else does" in html
    rate = f"{leaky.audit['unseen_title_leak_rate']:.1%}"
    assert rate != "0.0%"
    assert f">{rate} of the remarks before which nobody had<" in html


def test_prompts_of_a_label_free_user() -> None:
    report = played(Prompted())
    assert report.audit is not None
    assert report.audit["target_in_prompt_rate"] > 0.5
    assert "the target stands in" in str(report).replace("\n", " ")
    assert not report.audit["passed"]


def test_the_page_alone_needs_no_other_file_and_escapes(leaky: Report, tmp_path: Path) -> None:
    assert leaky.audit is not None
    for html in (audit_to_html(leaky.audit), leaky.to_html()):
        assert "<script" not in html
        assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; Not " in html
        assert "nested.values" in html
    assert "http" not in audit_to_html(leaky.audit)
    folder = save_audit(leaky.audit, tmp_path / "a")
    assert json.loads((folder / "audit.json").read_text()) == leaky.audit
    assert (folder / "audit.html").read_text() == audit_to_html(leaky.audit)
    assert "| names the target before anybody else does |" in (folder / "audit.md").read_text()
