"""Evaluation where no train split says which targets are cold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jsonschema
import pytest

import crsgym
from crsgym import Report
from crsgym.data.dataset import Dataset
from crsgym.errors import DownloadError
from crsgym.evaluation import json_schema
from crsgym.evaluation.feedback import feedback_experiment
from crsgym.task import Task


def no_train(task: Task) -> Task:
    """The task over the same data, whose train split cannot be fetched."""

    def fail() -> tuple[()]:
        raise DownloadError("cannot get toy/train.jsonl")

    data = task.dataset
    splits = {"train": fail, task.split: data.dialogues(task.split)}
    dataset = Dataset(data.name, data.catalogue, splits, fingerprint=data.fingerprint)
    return replace(task, dataset=dataset)


@pytest.fixture(scope="module")
def task() -> Task:
    return crsgym.make_task("Synthetic-v0", split="test", limit=20, retriever="content")


@pytest.fixture(scope="module")
def report(task: Task) -> Report:
    return crsgym.evaluate("retriever", no_train(task), turns=2, replicates=100)


def test_cold_is_left_out_and_a_note_says_so(report: Report) -> None:
    assert list(report.masks) == ["all", "new", "repeat"]
    note = "Left out: cold, since the train split cannot be had."
    assert note in " ".join(str(report).split())
    with_cold = replace(report, masks={**report.masks, "cold": report.masks["all"]})
    assert "Left out" not in str(with_cold)


def test_it_is_saved_in_the_schema_and_read_back(report: Report) -> None:
    data = report.to_dict()
    jsonschema.validate(data, json_schema())
    assert "cold" not in data["scenarios"]
    assert "cold" not in data["agents"]["retriever"]["turns"][0]["strata"]
    again = Report.from_dict(data)
    assert list(again.masks) == ["all", "new", "repeat"]
    assert again.to_dict() == data
    assert report.to_html()


def test_it_is_compared_in_the_strata_that_both_have(task: Task, report: Report) -> None:
    whole = crsgym.evaluate("random", task, turns=2, replicates=100)
    assert "cold" in whole.masks
    for one, other in ((report, whole), (whole, report)):
        assert {row.stratum for row in one.compare(other)} <= {"all", "new", "repeat"}
        row = one.compare(other).only(turn=2, stratum="all", metric="recall@10")
        mine, theirs = (
            next(iter(each.estimates.values())).mean[1, 0, each.metrics.index(_recall(each))]
            for each in (one, other)
        )
        assert row.difference == pytest.approx(mine - theirs)


def _recall(report: Report) -> crsgym.evaluation.metrics.Metric:
    return next(metric for metric in report.metrics if metric.key == "recall@10")


class Watching:
    """Counts how often it was asked."""

    name = "watching"

    def __init__(self) -> None:
        self.asked = 0

    def act(self, observations: Sequence[object]) -> list[str]:
        self.asked += 1
        return [""] * len(observations)


@pytest.mark.parametrize("agent", ["copy", "popularity"])
def test_what_counts_in_train_is_refused_before_anything_is_played(task: Task, agent: str) -> None:
    watching = Watching()
    with pytest.raises(
        DownloadError,
        match=r"popularity.*needs the train split.*cannot get toy/train\.jsonl.*retriever",
    ):
        crsgym.evaluation.bench([watching, agent], no_train(task), turns=1, replicates=100)
    assert watching.asked == 0


def test_a_control_that_needs_train_is_refused_before_anything_is_played(task: Task) -> None:
    watching = Watching()
    with pytest.raises(DownloadError, match=r"'shuffled' needs the train split"):
        feedback_experiment(no_train(task), agent=watching, controls=("silent", "shuffled"))
    assert watching.asked == 0
