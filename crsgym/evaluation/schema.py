"""A report as data: the versioned schema that other tools may rely on (``schema.json``)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crsgym.errors import DataError
from crsgym.evaluation.bootstrap import LEVEL
from crsgym.evaluation.estimates import Estimates
from crsgym.evaluation.metrics import parse_metric
from crsgym.evaluation.published import SOURCE, published_rows
from crsgym.evaluation.result import AgentResult, TurnFacts
from crsgym.evaluation.strata import STRATA

if TYPE_CHECKING:
    from crsgym.evaluation.report import Report

SCHEMA = 1
"""Version of the format. It grows by one when a key is removed or changes its meaning."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a report, as shipped."""
    text = resources.files("crsgym.evaluation").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def to_dict(report: Report) -> dict[str, Any]:
    """A report as JSON-able data. Numbers that summarise are rounded to six decimals."""
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "env": dict(report.env),
        "split": report.split,
        "seed": report.seed,
        "turns": report.turns,
        "simulator": {"target_aware": report.target_aware},
        "metrics": [metric.key for metric in report.metrics],
        "bootstrap": {
            "unit": "dialogue",
            "replicates": report.replicates,
            "level": LEVEL,
            "dialogues": report.bootstrap.num_dialogues,
        },
        "agents": {name: _agent(report, name) for name in report.agents},
        "comparisons": report.comparisons.to_list(),
        "gains": report.gains.to_list(),
        "scenarios": {
            "ids": list(report.scenario_ids),
            "dialogues": list(report.dialogue_ids),
            **{name: mask.tolist() for name, mask in report.masks.items() if name != "all"},
        },
    }
    if report.audit is not None:
        data["audit"] = dict(report.audit)
    if report.published:
        rows = published_rows(report.env["id"])
        data["published"] = {
            "source": SOURCE,
            "rows": [
                {"name": row.name, **({} if row.turn is None else {"turn": row.turn}), **row.values}
                for row in rows
            ],
        }
    return data


def headroom_used(result: AgentResult, turn: int, mask: npt.NDArray[np.bool_]) -> float | None:
    """Of the scenarios whose target was offered, the share whose target was listed.

    Args:
        result: the agent's.
        turn: from 0.
        mask: the stratum, shape (n,).

    Returns:
        None for an agent that ranks the whole catalogue, and where no target was offered.
    """
    offered = (result.candidate_rank[:, turn] > 0) & mask
    if result.ranks == "catalogue" or not offered.any():
        return None
    return float((result.target_rank[offered, turn] > 0).mean())


def to_rows(report: Report) -> list[dict[str, Any]]:
    """Long form: one row for each agent, turn, stratum and quantity."""
    return [
        {
            "agent": name,
            "turn": turn + 1,
            "stratum": stratum,
            "n": int(report.masks[stratum].sum()),
            "metric": quantity,
            "mean": float(estimates.mean[turn, s, m]),
            "low": float(estimates.low[turn, s, m]),
            "high": float(estimates.high[turn, s, m]),
        }
        for name, estimates in report.estimates.items()
        for turn in range(report.turns)
        for s, stratum in enumerate(estimates.strata)
        for m, quantity in enumerate(estimates.quantities)
    ]


def _agent(report: Report, name: str) -> dict[str, Any]:
    result, estimates = report.agents[name], report.estimates[name]
    turns = [_turn(report, result, estimates, turn) for turn in range(report.turns)]
    best = report.best_turn(name)
    return {
        "ranks": result.ranks,
        "privileged": result.privileged,
        "spec": dict(result.spec),
        "turns": turns,
        "best_turn": {"chosen_by": report.main_metric, **turns[best - 1]},
        "last_turn": turns[-1],
        "outcomes": {
            "target_rank": _ranks(result.target_rank),
            "candidate_rank": _ranks(result.candidate_rank),
            "reward": result.reward.T.tolist(),
        },
    }


def _turn(report: Report, result: AgentResult, estimates: Estimates, turn: int) -> dict[str, Any]:
    facts = result.facts[turn]
    return {
        "turn": turn + 1,
        "strata": {
            stratum: {
                "n": int(mask.sum()),
                **_named(estimates, estimates.mean[turn, s]),
                "headroom_used": _rounded(headroom_used(result, turn, mask)),
                "ci95": {
                    quantity: None if math.isnan(low) else [round(low, 6), round(high, 6)]
                    for quantity, low, high in zip(
                        estimates.quantities,
                        estimates.low[turn, s].tolist(),
                        estimates.high[turn, s].tolist(),
                        strict=True,
                    )
                },
            }
            for s, (stratum, mask) in enumerate(report.masks.items())
        },
        "reward_terms": {name: round(mean, 6) for name, mean in facts.reward_terms.items()},
        "answer_issues": {code: round(rate, 6) for code, rate in facts.answer_issues.items()},
        "title_leak_rate": _rounded(facts.title_leak_rate),
        "one_word_leak_rate": _rounded(facts.one_word_leak_rate),
    }


def _named(estimates: Estimates, means: npt.NDArray[np.float64]) -> dict[str, float | None]:
    return dict(zip(estimates.quantities, map(_rounded, means.tolist()), strict=True))


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)


def _ranks(ranks: npt.NDArray[np.int64]) -> list[list[int | None]]:
    """One list for each turn, of ``n`` ranks; None where the target is not listed."""
    return [[rank or None for rank in turn] for turn in ranks.T.tolist()]


def from_dict(data: Mapping[str, Any]) -> Report:
    """Read a report back.

    Raises:
        DataError: when it is no report, or of another schema.
    """
    from crsgym.evaluation.report import Report

    version = data.get("schema") if isinstance(data, Mapping) else None
    if version != SCHEMA:
        raise DataError(f"expected a report of schema {SCHEMA}; got schema {version!r}")
    try:
        scenarios = data["scenarios"]
        listed = {"all": [True] * len(scenarios["ids"]), **scenarios}
        masks = {
            name: np.asarray(listed[name], dtype=bool)
            for name in STRATA
            if name != "cold" or name in listed
        }
        return Report(
            env=data["env"],
            split=data["split"],
            seed=data["seed"],
            target_aware=data["simulator"]["target_aware"],
            scenario_ids=tuple(scenarios["ids"]),
            dialogue_ids=tuple(scenarios["dialogues"]),
            masks=masks,
            agents={name: _read_agent(name, agent) for name, agent in data["agents"].items()},
            metrics=tuple(parse_metric(key) for key in data["metrics"]),
            replicates=data["bootstrap"]["replicates"],
            published="published" in data,
            audit=data.get("audit"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"not a report of schema {SCHEMA}: {type(error).__name__} {error}"
        ) from error


def _read_agent(name: str, agent: Mapping[str, Any]) -> AgentResult:
    outcomes = agent["outcomes"]

    def ranks(turns: list[list[int | None]]) -> npt.NDArray[np.int64]:
        return np.array([[rank or 0 for rank in turn] for turn in turns], dtype=np.int64).T

    return AgentResult(
        name=name,
        ranks=agent["ranks"],
        privileged=agent["privileged"],
        spec=agent["spec"],
        target_rank=ranks(outcomes["target_rank"]),
        candidate_rank=ranks(outcomes["candidate_rank"]),
        reward=np.array(outcomes["reward"], dtype=np.float64).T,
        facts=tuple(
            TurnFacts(
                reward_terms=turn["reward_terms"],
                answer_issues=turn["answer_issues"],
                title_leak_rate=turn["title_leak_rate"],
                one_word_leak_rate=turn["one_word_leak_rate"],
            )
            for turn in agent["turns"]
        ),
    )


__all__ = ["SCHEMA", "from_dict", "headroom_used", "json_schema", "to_dict", "to_rows"]
